package rule

import (
	"fmt"
	"math"
	"math/rand/v2"
	"net/netip"
	"strings"
	"testing"

	"github.com/seed-843b225c/reflex/engine"
)

// decisions draws choices from fuzzed bytes, then from a generator they seed.
type decisions struct {
	data []byte
	rest *rand.Rand
}

func newDecisions(data []byte) *decisions {
	seed := uint64(len(data))
	for _, b := range data {
		seed = seed*1099511628211 ^ uint64(b)
	}
	return &decisions{data: data, rest: rand.New(rand.NewPCG(seed, 1))}
}

func (d *decisions) n(n int) int {
	if len(d.data) == 0 {
		return d.rest.IntN(n)
	}
	b := d.data[0]
	d.data = d.data[1:]
	return int(b) % n
}

func pickOne[T any](d *decisions, list ...T) T { return list[d.n(len(list))] }

// writer writes random expressions that pass the checker. looping is how many
// loops are around.
type writer struct {
	*decisions
	depth, looping int
}

func (w *writer) deeper() bool {
	w.depth++
	return w.depth < 40 && w.n(3) > 0
}

func (w *writer) boolean() string {
	if !w.deeper() {
		return pickOne(w.decisions, "ci.run.fork", "runner.hosted", "true", "false", "raw.p.flag", "not runner.hosted", "user.name != nil", "source.ip == nil")
	}
	switch w.n(24) {
	case 0:
		return w.boolean() + " and " + w.boolean()
	case 1:
		return "(" + w.boolean() + " or " + w.boolean() + ")"
	case 2:
		return "not (" + w.boolean() + ")"
	case 3:
		return "(" + w.boolean() + " ? " + w.boolean() + " : " + w.boolean() + ")"
	case 4, 5:
		return w.text() + pickOne(w.decisions, " == ", " != ", " < ", " >= ") + w.text()
	case 6, 7:
		return w.number() + pickOne(w.decisions, " == ", " != ", " < ", " <= ", " > ", " >= ") + w.number()
	case 8:
		return w.text() + pickOne(w.decisions, " contains ", " startsWith ", " endsWith ", " not contains ") + w.text()
	case 9:
		return w.text() + pickOne(w.decisions, " matches ", " not matches ") + pickOne(w.decisions, `"(?i)role"`, `"^A"`, `"e$"`, `"^(x|AssumeRole)$"`, `"a.c"`, `""`, `"(?i)k"`, `"[Ü]"`, `"x|y+"`, `"\\bsmall"`)
	case 10:
		return w.text() + pickOne(w.decisions, " in ", " not in ") + "[" + w.literal() + ", " + w.literal() + pickOne(w.decisions, "", `, "b", "c", "d", "e", "f", "g"`, ", "+w.text()) + "]"
	case 11:
		return w.number() + pickOne(w.decisions, " in ", " not in ") + pickOne(w.decisions, "[1, 2.0, 12]", "1..20", "["+w.number()+"]", "[1, 2, 3, 4, 5, 6, 7, 8, 9, 12]")
	case 12:
		return w.text() + pickOne(w.decisions, " in ", " not in ") + `list("approved")`
	case 13:
		return w.text() + pickOne(w.decisions, " in ", " not in ") + w.list()
	case 14, 15:
		if w.looping == 2 {
			return "true"
		}
		list := w.list()
		w.looping++
		out := pickOne(w.decisions, "any", "all", "none", "one") + "(" + list + ", " + w.boolean() + ")"
		w.looping--
		return out
	case 16:
		return pickOne(w.decisions, "known("+w.address()+")", "cidr("+w.address()+", \"10.0.0.0/8\", \"203.0.113.0/29\")", "cidr("+w.address()+", \"::ffff:10.0.0.0/104\", \"2001:db8::/32\")")
	case 17:
		return "foreign(" + w.address() + ", " + w.text() + ")"
	case 18:
		return w.address() + pickOne(w.decisions, " == ", " != ") + pickOne(w.decisions, w.address(), `"10.0.0.7"`, `"::ffff:203.0.113.9"`)
	case 19:
		return w.date() + pickOne(w.decisions, " == ", " != ", " < ", " >= ") + w.date()
	case 20:
		return pickOne(w.decisions, w.text, w.number, w.address, w.date, w.list, w.boolean, w.anything)() + pickOne(w.decisions, " == nil", " != nil")
	case 21:
		return w.anything() + pickOne(w.decisions, " == ", " != ") + pickOne(w.decisions, w.text, w.number, w.anything)()
	case 22:
		return "((" + w.boolean() + ")" + pickOne(w.decisions, " == ", " != ") + "(" + w.boolean() + "))"
	}
	return "hasPrefix(" + w.text() + ", " + w.text() + ")"
}

func (w *writer) literal() string {
	return pickOne(w.decisions, `"AssumeRole"`, `"assumerole"`, `""`, `"k1"`, `"acme/small"`, `"iam"`, `"e"`, `"Ü"`, `"12"`, `"K"`, `"k"`, `"10.0.0.7"`)
}

func (w *writer) text() string {
	if !w.deeper() {
		if w.looping > 0 && w.n(2) == 0 {
			return "#"
		}
		return pickOne(w.decisions, "event.action", "user.name", "model.ref", "raw.p.text", "secret.principal", "message", w.literal())
	}
	switch w.n(9) {
	case 0, 1:
		return pickOne(w.decisions, "lower", "upper", "trim") + "(" + w.text() + ")"
	case 2:
		return "trimPrefix(" + w.text() + ", " + w.text() + ")"
	case 3:
		return "(" + w.text() + " ?? " + w.text() + ")"
	case 4:
		return "(" + w.text() + " + " + w.text() + ")"
	case 5:
		return "(" + w.boolean() + " ? " + w.text() + " : " + pickOne(w.decisions, w.text(), "nil") + ")"
	case 6:
		return "string(" + pickOne(w.decisions, w.number, w.anything)() + ")"
	case 7:
		return "replace(" + w.text() + ", " + w.literal() + ", " + w.literal() + ")"
	}
	return pickOne(w.decisions, "event.action", "user.name", "model.ref", "message")
}

func (w *writer) number() string {
	if !w.deeper() {
		return pickOne(w.decisions, "source.port", "destination.port", "gen_ai.usage.cost", "raw.p.size", "1", "12", "2.5", "0", "9223372036854775807")
	}
	switch w.n(9) {
	case 0, 1, 2:
		return "(" + w.number() + pickOne(w.decisions, " + ", " - ", " * ", " / ", " ** ") + w.number() + ")"
	case 3:
		return "(source.port % " + pickOne(w.decisions, "source.port", "0", "5", "destination.port") + ")"
	case 4:
		return "len(" + pickOne(w.decisions, w.text, w.list)() + ")"
	case 5:
		return pickOne(w.decisions, "abs", "floor", "round", "int", "float") + "(" + w.number() + ")"
	case 6:
		return pickOne(w.decisions, "min", "max") + "(" + w.number() + ", " + w.number() + ")"
	case 7:
		if w.looping == 2 {
			return "1"
		}
		list := w.list()
		w.looping++
		out := "count(" + list + ", " + w.boolean() + ")"
		w.looping--
		return out
	}
	return pickOne(w.decisions, "-source.port", "budget("+w.text()+")", "hour()", "int("+w.text()+")", "("+w.number()+" ?? 3)")
}

func (w *writer) address() string {
	return pickOne(w.decisions, "source.ip", "destination.ip", "runner.ip", "(source.ip ?? destination.ip)")
}

func (w *writer) date() string {
	return pickOne(w.decisions, "@timestamp", "secret.expires", "event.end", `date("2026-01-01")`, `(@timestamp + duration("1h"))`, "(secret.expires ?? @timestamp)")
}

func (w *writer) list() string {
	return pickOne(w.decisions, "event.category", "runner.labels", "raw.p.tags", "raw.p.size", `["iam", "x"]`)
}

func (w *writer) anything() string {
	return pickOne(w.decisions, "raw.p.text", "raw.p.size", "raw.p.flag", "raw.p.tags", "raw.p.none", "(raw.p.size + raw.p.size)", "(raw.p.text ?? raw.p.size)")
}

// randomEvent fills slots with values of their types, or of any type for raw paths.
func randomEvent(d *decisions, env *condEnv) *engine.Event {
	text := func() engine.Value {
		return engine.String(pickOne(d, "AssumeRole", "assumerole", "", "k1", "acme/small", "iam", "Ü", "12", "xyz ROLE", "\u212a", "10.0.0.7", "\xff"))
	}
	address := func() engine.Value {
		return engine.Address(netip.MustParseAddr(pickOne(d, "203.0.113.9", "10.0.0.7", "2001:db8::1")))
	}
	number := func() engine.Value { return engine.Int(pickOne[int64](d, 0, 1, 12, -5, math.MinInt64, 1<<53+1)) }
	float := func() engine.Value { return engine.Float(pickOne(d, 0, 2.5, 12, -1e300, 1e-9)) }
	flag := func() engine.Value { return engine.Boolean(d.n(2) == 0) }
	date := func() engine.Value { return engine.Instant(1767225600e9 + int64(d.n(3))*1800e9) }
	list := func() engine.Value { return engine.Strings([]string{"iam", "x", "AssumeRole", "", "12"}[d.n(3):]...) }
	set := map[string]engine.Value{}
	for _, f := range []struct {
		name string
		make func() engine.Value
	}{
		{"event.action", text}, {"user.name", text}, {"model.ref", text}, {"secret.principal", text}, {"message", text},
		{"source.ip", address}, {"destination.ip", address}, {"runner.ip", address},
		{"source.port", number}, {"destination.port", number}, {"gen_ai.usage.cost", float},
		{"ci.run.fork", flag}, {"runner.hosted", flag}, {"@timestamp", date}, {"secret.expires", date}, {"event.end", date},
		{"event.category", list}, {"runner.labels", list},
		{"raw.p.text", text}, {"raw.p.tags", list}, {"raw.p.flag", flag},
		{"raw.p.size", func() engine.Value { return pickOne(d, number, float, text, list, flag)() }},
	} {
		if d.n(4) > 0 {
			set[f.name] = f.make()
		}
	}
	return event(env, set)
}

// holds is what an atom says, written plainly.
func (a Atom) holds(ev *engine.Event) bool {
	v := ev.Values[a.Slot]
	s := v.Str()
	switch {
	case a.Kind == AtomPresent:
		return !v.IsNil()
	case a.Kind == AtomEqual:
		return v == a.Value || isNumber(v) && isNumber(a.Value) && v.Float() == a.Value.Float()
	case a.Kind == AtomNetwork:
		return v.Kind() == engine.IP && a.Network.Contains(v.Addr())
	case v.Kind() != engine.Keyword:
		return false
	case a.Kind == AtomPrefix:
		return strings.HasPrefix(s, a.Value.Str())
	case a.Fold && !isASCII(s):
		return true
	case a.Fold:
		return strings.Contains(strings.ToLower(s), a.Value.Str())
	}
	return strings.Contains(s, a.Value.Str())
}

// agree holds one expression on some events to everything known about it.
func agree(t *testing.T, src string, d *decisions) {
	env := testEnv()
	c, mistakes := newCond(src, Position{}, env)
	if c == nil {
		t.Fatalf("%s\ndoes not compile: %v", src, Mistakes(mistakes))
	}
	if !c.Compiled() {
		t.Fatalf("%s\nhas no closures", src)
	}
	for range 6 {
		ev := randomEvent(d, env)
		fast, err := c.Match(ev)
		slow, errVM := c.MatchVM(ev)
		if err != nil || errVM != nil {
			continue
		}
		tree, _ := parse(src, Position{})
		third := (&judge{env: env, ev: ev}).eval(tree) == true
		if fast != slow || fast != third {
			var b strings.Builder
			for _, x := range c.Explain(ev) {
				vm, _ := x.Value, 0
				fmt.Fprintf(&b, "%*s%s = %s (%d)\n", 2*x.Depth, "", x.Text, vm.Text(), vm.Kind())
			}
			t.Fatalf("%s\nclosures say %v, the VM %v, the judge %v\n%s", src, fast, slow, third, b.String())
		}
		if !fast {
			continue
		}
		for _, clause := range c.Needs() {
			ok := false
			for _, a := range clause {
				ok = ok || a.holds(ev)
			}
			if !ok {
				t.Fatalf("%s\nholds without a part said to be necessary: %+v", src, clause)
			}
		}
	}
}

// FuzzCondAgreesWithVM writes an expression from the fuzzed bytes and compares
// closures, VM and necessary parts on events made from them too.
func FuzzCondAgreesWithVM(f *testing.F) {
	f.Add([]byte("seed"))
	f.Fuzz(func(t *testing.T, data []byte) {
		d := newDecisions(data)
		agree(t, (&writer{decisions: d}).boolean(), d)
	})
}

func TestCondAgreesWithVM(t *testing.T) {
	rounds := 20000
	if testing.Short() {
		rounds = 2000
	}
	for i := range rounds {
		d := newDecisions([]byte{byte(i), byte(i >> 8), byte(i >> 16)})
		agree(t, (&writer{decisions: d}).boolean(), d)
	}
}

// FuzzNewCond feeds any text: it must load or give mistakes, never panic, and
// what loads must judge an empty event.
func FuzzNewCond(f *testing.F) {
	for _, s := range []string{`event.action == "x" and not known(source.ip)`, `any(event.category, # in ["a"])`, `let a = 1; a == 1`, `message matches "(?i)x"`, `@timestamp > date("2026-01-01")`, `x ? y : z`, `raw.a["b"]`, `1..2`, `"\u00e9" in list("approved")`} {
		f.Add(s)
	}
	f.Fuzz(func(t *testing.T, src string) {
		env := testEnv()
		c, mistakes := newCond(src, newPosition(src), env)
		if c == nil {
			if len(mistakes) == 0 {
				t.Fatal("neither condition nor mistake")
			}
			return
		}
		ev := event(env, nil)
		fast, err := c.Match(ev)
		slow, errVM := c.MatchVM(ev)
		if err == nil && errVM == nil && fast != slow {
			t.Fatalf("closures say %v, the VM %v", fast, slow)
		}
		c.Explain(ev)
	})
}
