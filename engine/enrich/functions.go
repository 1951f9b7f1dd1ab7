package enrich

import (
	"fmt"
	"math"
	"strings"
	"time"
	_ "time/tzdata" // zones by name, the same on every machine

	"github.com/gaissmai/bart"

	"github.com/seed-843b225c/reflex/engine"
)

// Functions gives what conditions may call beside expr's own functions. They are
// bound to this snapshot: a new Data means new functions.
func (d *Data) Functions() []engine.Func {
	ip := engine.Param{Name: "ip", Type: engine.IP}
	text := engine.Param{Name: "text", Type: engine.Keyword}
	principal := engine.Param{Name: "principal", Type: engine.Keyword}
	zone := engine.Param{Name: "zone", Type: engine.Keyword, Const: true, Optional: true}
	return []engine.Func{
		{Name: "foreign", Params: []engine.Param{ip, {Name: "principal", Type: engine.Keyword, Optional: true}}, Result: engine.Bool,
			Help: "the address is public and in no known network; with a key also: nor where the inventory allows that key",
			Bind: d.bindForeign},
		{Name: "known", Params: []engine.Param{ip}, Result: engine.Bool,
			Help: "the address is ours: in a known network (list known_networks, --known), or not public",
			Bind: d.bindKnown},
		{Name: "cidr", Params: []engine.Param{ip, {Name: "networks", Type: engine.Keyword, Const: true, Variadic: true}}, Result: engine.Bool,
			Help: "the address lies in one of the networks", Networks: true,
			Bind: bindCIDR},
		{Name: "budget", Params: []engine.Param{principal}, Result: engine.Double,
			Help: "what a key may cost in US dollars a day, by the inventory; nil when it sets none",
			Bind: d.bindKey(func(k *key) engine.Value { return k.budget })},
		{Name: "owner", Params: []engine.Param{principal}, Result: engine.Keyword,
			Help: "who is responsible for a key, by the inventory",
			Bind: d.bindKey(func(k *key) engine.Value { return k.owner })},
		{Name: "lookalike", Params: []engine.Param{{Name: "name", Type: engine.Keyword}, {Name: "list", Type: engine.Keyword, Const: true}}, Result: engine.Bool,
			Help: "the name imitates an entry of the list (edits, look-alike characters, separators, suffixes, the same name in another namespace); an entry itself does not",
			Bind: d.bindLookalike},
		{Name: "entropy", Params: []engine.Param{text}, Result: engine.Double,
			Help: "Shannon entropy of the text in bits a byte, 0 to 8",
			Bind: plain(func(_ int64, a, _, _ engine.Value) engine.Value { return engine.Float(entropy(a.Str())) })},
		{Name: "registered_domain", Params: []engine.Param{{Name: "domain", Type: engine.Keyword}}, Result: engine.Keyword,
			Help: "the part of a host name that one registers: a.b.example.co.uk gives example.co.uk, by a short table of suffixes",
			Bind: plain(func(_ int64, a, _, _ engine.Value) engine.Value { return engine.String(registeredDomain(a.Str())) })},
		{Name: "glob", Params: []engine.Param{text, {Name: "patterns", Type: engine.Keyword, Const: true, Variadic: true}}, Result: engine.Bool,
			Help: "the whole text matches one of the patterns; * any run of characters, ? any one; case counts",
			Bind: bindGlob},
		{Name: "hour", Params: []engine.Param{zone}, Result: engine.Long,
			Help: "hour of the event time, 0 to 23, in UTC or in the zone named",
			Bind: bindClock(func(t time.Time) engine.Value { return engine.Int(int64(t.Hour())) })},
		{Name: "weekday", Params: []engine.Param{zone}, Result: engine.Keyword,
			Help: "day of the event time, monday to sunday, in UTC or in the zone named",
			Bind: bindClock(func(t time.Time) engine.Value { return weekdays[t.Weekday()] })},
		{Name: "age", Params: []engine.Param{{Name: "time", Type: engine.Date}}, Result: engine.Long,
			Help: "seconds from a time to the event time; negative when the time lies after it",
			Bind: plain(func(at int64, a, _, _ engine.Value) engine.Value {
				return engine.Int(int64(time.Duration(at - a.Int()).Seconds()))
			})},
	}
}

// plain is the Bind of a function that has nothing to check.
func plain(c engine.Call) func([]engine.Arg) (engine.Call, error) {
	return func([]engine.Arg) (engine.Call, error) { return c, nil }
}

func (d *Data) bindForeign([]engine.Arg) (engine.Call, error) {
	known, keys := d.known, d.keys
	return func(at int64, ip, principal, _ engine.Value) engine.Value {
		a := ip.Addr()
		if !a.IsValid() || known.own(a, at) {
			return engine.Boolean(false)
		}
		if k := keys.find(principal); k != nil && k.networks != nil && k.networks.Contains(a) {
			return engine.Boolean(false)
		}
		return engine.Boolean(true)
	}, nil
}

func (d *Data) bindKnown([]engine.Arg) (engine.Call, error) {
	known := d.known
	return func(at int64, ip, _, _ engine.Value) engine.Value {
		a := ip.Addr()
		return engine.Boolean(a.IsValid() && known.own(a, at))
	}, nil
}

func bindCIDR(args []engine.Arg) (engine.Call, error) {
	var table bart.Lite
	if len(args) < 2 {
		return nil, fmt.Errorf("cidr needs at least one network")
	}
	for _, a := range args[1:] {
		if !a.Const {
			return nil, fmt.Errorf("the networks of cidr must be constants; for networks that change use a list")
		}
		p, err := parseNetwork(a.Value.Str())
		if err != nil {
			return nil, err
		}
		table.Insert(p)
	}
	return func(_ int64, ip, _, _ engine.Value) engine.Value {
		a := ip.Addr()
		return engine.Boolean(a.IsValid() && table.Contains(a))
	}, nil
}

// bindKey makes the Bind of a function that asks the inventory for a key.
func (d *Data) bindKey(answer func(*key) engine.Value) func([]engine.Arg) (engine.Call, error) {
	keys := d.keys
	return plain(func(_ int64, principal, _, _ engine.Value) engine.Value {
		k := keys.find(principal)
		if k == nil {
			return engine.Value{}
		}
		return answer(k)
	})
}

func bindGlob(args []engine.Arg) (engine.Call, error) {
	var patterns []glob
	if len(args) < 2 {
		return nil, fmt.Errorf("glob needs at least one pattern")
	}
	for _, a := range args[1:] {
		if !a.Const {
			return nil, fmt.Errorf("the patterns of glob must be constants; for patterns that change use a list")
		}
		g, err := compileGlob(a.Value.Str())
		if err != nil {
			return nil, err
		}
		patterns = append(patterns, g)
	}
	return func(_ int64, text, _, _ engine.Value) engine.Value {
		s := text.Str()
		for i := range patterns {
			if patterns[i].matches(s) {
				return engine.Boolean(true)
			}
		}
		return engine.Boolean(false)
	}, nil
}

// bindClock makes the Bind of a function of the event time in a zone.
func bindClock(answer func(time.Time) engine.Value) func([]engine.Arg) (engine.Call, error) {
	return func(args []engine.Arg) (engine.Call, error) {
		zone := time.UTC
		if len(args) > 0 {
			if !args[0].Const {
				return nil, fmt.Errorf("the zone must be a constant")
			}
			name := args[0].Value.Str()
			z, err := time.LoadLocation(name)
			if err != nil || name == "" || strings.EqualFold(name, "local") {
				return nil, fmt.Errorf("no time zone is named %q; write one like Europe/Berlin", name)
			}
			zone = z
		}
		return func(at int64, _, _, _ engine.Value) engine.Value {
			return answer(time.Unix(0, at).In(zone))
		}, nil
	}
}

var weekdays = [7]engine.Value{
	engine.String("sunday"), engine.String("monday"), engine.String("tuesday"), engine.String("wednesday"),
	engine.String("thursday"), engine.String("friday"), engine.String("saturday"),
}

// entropy is the Shannon entropy of the bytes of s, in bits a byte.
func entropy(s string) float64 {
	if s == "" {
		return 0
	}
	var counts [256]int
	for i := 0; i < len(s); i++ {
		counts[s[i]]++
	}
	sum := 0.0
	for _, n := range counts {
		if n > 0 {
			sum -= float64(n) * math.Log2(float64(n)/float64(len(s)))
		}
	}
	return sum / float64(len(s))
}
