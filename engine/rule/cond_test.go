package rule

import (
	"errors"
	"fmt"
	"math"
	"net/netip"
	"slices"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/seed-843b225c/reflex/engine"
)

// fakeLists serves lists of exact words.
type fakeLists map[string][]string

func (l fakeLists) List(name string) (engine.Set, bool) {
	s, ok := l[name]
	return fakeSet(s), ok
}

func (l fakeLists) Names() []string {
	var out []string
	for n := range l {
		out = append(out, n)
	}
	slices.Sort(out)
	return out
}

type fakeSet []string

func (s fakeSet) Contains(v engine.Value, _ int64) bool { return slices.Contains(s, v.Text()) }
func (s fakeSet) Each(f func(string) bool) {
	for _, e := range s {
		if !f(e) {
			return
		}
	}
}

// testFunctions are pure functions with the shapes that package enrich uses.
func testFunctions() []engine.Func {
	ip := engine.Param{Name: "ip", Type: engine.IP}
	return []engine.Func{
		{Name: "known", Params: []engine.Param{ip}, Result: engine.Bool, Bind: func([]engine.Arg) (engine.Call, error) {
			return func(_ int64, a, _, _ engine.Value) engine.Value { return engine.Boolean(a.Addr().IsPrivate()) }, nil
		}},
		{Name: "cidr", Networks: true, Params: []engine.Param{ip, {Name: "networks", Type: engine.Keyword, Const: true, Variadic: true}}, Result: engine.Bool,
			Bind: func(args []engine.Arg) (engine.Call, error) {
				var nets []netip.Prefix
				for _, a := range args[1:] {
					p, err := netip.ParsePrefix(a.Value.Str())
					if err != nil {
						return nil, fmt.Errorf("%q is not a network", a.Value.Str())
					}
					if p.Addr().Is4In6() {
						p = netip.PrefixFrom(p.Addr().Unmap(), p.Bits()-96)
					}
					nets = append(nets, p)
				}
				return func(_ int64, a, _, _ engine.Value) engine.Value {
					for _, n := range nets {
						if n.Contains(a.Addr()) {
							return engine.Boolean(true)
						}
					}
					return engine.Boolean(false)
				}, nil
			}},
		{Name: "budget", Params: []engine.Param{{Name: "principal", Type: engine.Keyword}}, Result: engine.Double, Bind: func([]engine.Arg) (engine.Call, error) {
			return func(_ int64, a, _, _ engine.Value) engine.Value {
				if a.Str() == "k1" {
					return engine.Float(10)
				}
				return engine.Value{}
			}, nil
		}},
		{Name: "foreign", Params: []engine.Param{ip, {Name: "principal", Type: engine.Keyword, Optional: true}}, Result: engine.Bool, Bind: func([]engine.Arg) (engine.Call, error) {
			return func(_ int64, a, b, _ engine.Value) engine.Value {
				return engine.Boolean(!a.Addr().IsPrivate() && b.Str() != "k1")
			}, nil
		}},
		{Name: "hour", Result: engine.Long, Bind: func([]engine.Arg) (engine.Call, error) {
			return func(at int64, _, _, _ engine.Value) engine.Value { return engine.Int(at / 3600e9 % 24) }, nil
		}},
		{Name: "explode", Params: []engine.Param{{Name: "text", Type: engine.Keyword}}, Result: engine.Bool, Bind: func([]engine.Arg) (engine.Call, error) {
			return func(int64, engine.Value, engine.Value, engine.Value) engine.Value { panic("bang") }, nil
		}},
	}
}

func testEnv() *condEnv {
	return &condEnv{
		layout:    engine.NewLayout(),
		functions: testFunctions(),
		lists:     fakeLists{"approved": {"acme/small", "acme/large"}, "sanctioned": {"XX"}},
		denied:    map[string]string{"measure": "only in level_when of a count"},
		extra:     map[string]extraName{},
	}
}

// event makes an event of the env's layout.
func event(env *condEnv, set map[string]engine.Value) *engine.Event {
	for name := range set {
		if _, err := env.layout.Demand(name); err != nil {
			panic(err)
		}
	}
	ev := &engine.Event{Time: 1767225600e9, Values: make([]engine.Value, env.layout.Len())} // 2026-01-01
	for name, v := range set {
		ev.Set(env.layout.SlotOf(name), v)
	}
	return ev
}

func sampleValues() map[string]engine.Value {
	ip := func(s string) engine.Value { return engine.Address(netip.MustParseAddr(s)) }
	return map[string]engine.Value{
		"event.action":               engine.String("AssumeRole"),
		"event.category":             engine.Strings("iam", "authentication"),
		"source.ip":                  ip("203.0.113.9"),
		"runner.ip":                  ip("10.0.0.7"),
		"source.as.number":           engine.Int(64500),
		"gen_ai.usage.cost":          engine.Float(2.5),
		"gen_ai.usage.input_tokens":  engine.Int(1200),
		"ci.run.fork":                engine.Boolean(true),
		"ci.action.pinned":           engine.Boolean(false),
		"@timestamp":                 engine.Instant(1767225600e9),
		"secret.expires":             engine.Instant(1767229200e9),
		"message":                    engine.String("Error: Access Denied for ROLE/Builder"),
		"model.ref":                  engine.String("acme/small"),
		"secret.principal":           engine.String("k1"),
		"raw.requestParameters.size": engine.Int(12),
		"raw.requestParameters.name": engine.String("10.0.0.7"),
		"raw.requestParameters.tags": engine.Strings("x", "y"),
		"network.iana_number":        engine.String("6"),
	}
}

// TestCondFollowsTheNullRule holds closures and VM to the documented meaning.
// model.name, user.name, destination.ip, destination.port, secret.ttl,
// runner.labels, runner.hosted, event.end and raw.none are missing.
func TestCondFollowsTheNullRule(t *testing.T) {
	for src, want := range map[string]bool{
		// presence
		`user.name == nil`: true, `user.name != nil`: false, `model.ref == nil`: false, `model.ref != nil`: true, `nil == user.name`: true,
		`raw.none == nil`: true, `(user.name ?? model.name) == nil`: true,
		// comparison with a missing operand
		`user.name == "root"`: false, `user.name != "root"`: true, `not (user.name == "root")`: true, `user.name == model.name`: false, `user.name != model.name`: true,
		`destination.port > 0`: false, `destination.port <= 0`: false, `not (destination.port > 0)`: true, `user.name < "z"`: false, `event.end > @timestamp`: false,
		`destination.ip == "192.0.2.1"`: false, `runner.hosted == false`: false, `runner.hosted`: false, `not runner.hosted`: true, `runner.hosted != true`: true,
		// in
		`user.name in ["a", "b"]`: false, `user.name not in ["a", "b"]`: true, `user.name in list("approved")`: false, `user.name not in list("approved")`: true,
		`"x" in runner.labels`: false, `"x" not in runner.labels`: true, `user.name in event.category`: false, `destination.port in 1..5`: false, `destination.port in [destination.port]`: false,
		// texts
		`user.name contains ""`: false, `not (user.name contains "")`: true, `user.name not contains ""`: true, `user.name matches ""`: false, `user.name startsWith ""`: false, `user.name endsWith ""`: false,
		// loops
		`any(runner.labels, true)`: false, `all(runner.labels, true)`: false, `none(runner.labels, true)`: false, `one(runner.labels, true)`: false, `not any(runner.labels, true)`: true, `count(runner.labels, true) == nil`: true,
		// functions
		`known(destination.ip)`: false, `not known(destination.ip)`: true, `known(destination.ip) == false`: false, `lower(user.name) == "x"`: false, `lower(user.name) == nil`: true, `len(user.name) == 0`: false, `budget(user.name) == nil`: true, `budget("other") == nil`: true,
		`foreign(source.ip, user.name)`: true, `foreign(source.ip, secret.principal)`: false, `foreign(source.ip)`: true, `foreign(destination.ip, secret.principal)`: false,
		// arithmetic
		`destination.port + 1 == nil`: true, `destination.port + 1 > 0`: false, `1 / 0 == nil`: true, `source.as.number % 0 == nil`: true, `-destination.port == nil`: true, `source.as.number / 0 == nil`: true, `user.name + "x" == nil`: true,
		// nil as truth
		`(user.name == nil ? runner.hosted : true)`: false, `runner.hosted or true`: true, `raw.none`: false, `not raw.none`: true, `raw.none or ci.run.fork`: true,
		// kinds that an operator cannot use count as missing
		`raw.requestParameters.name > 3`: false, `raw.requestParameters.name + 1 == nil`: true, `raw.requestParameters.size contains "1"`: false, `raw.requestParameters.size == "12"`: false, `raw.requestParameters.size == 12`: true, `raw.requestParameters.size == 12.0`: true,
		`raw.requestParameters.tags == "x"`: false, `"x" in raw.requestParameters.tags`: true, `any(raw.requestParameters.tags, # == "y")`: true, `any(raw.requestParameters.size, true)`: false, `lower(raw.requestParameters.size) == nil`: true,
		`cidr(raw.requestParameters.name, "10.0.0.0/8")`: true, `known(raw.requestParameters.size)`: false, `raw.requestParameters.name == runner.ip`: true, `int(raw.requestParameters.name) == nil`: true, `string(raw.requestParameters.size) == "12"`: true,
		// values that are there
		`event.action == "AssumeRole"`: true, `event.action == "assumerole"`: false, `lower(event.action) == "assumerole"`: true, `lower(event.action) in ["assumerole"]`: true, `lower(message) contains "access denied"`: true, `lower(message) startsWith "error"`: true, `lower(message) endsWith "builder"`: true, `upper(message) contains "DENIED"`: true,
		`message matches "Access (Denied|Granted)"`: true, `message matches "(?i)role/builder$"`: true, `message matches "^Access"`: false, `message matches "^Error"`: true, `message matches "^(Error: Access Denied for ROLE/Builder|x)$"`: true, `message not matches "x{3}"`: true,
		`source.ip == "203.0.113.9"`: true, `source.ip == "::ffff:203.0.113.9"`: true, `source.ip in ["192.0.2.1", "203.0.113.9"]`: true, `cidr(source.ip, "192.0.2.0/24", "203.0.113.0/24")`: true,
		`source.as.number in [1, 64500]`: true, `source.as.number == 64500.0`: true, `source.as.number in 64000..65000`: true, `gen_ai.usage.cost > 2`: true, `2 < gen_ai.usage.cost and gen_ai.usage.cost <= 2.5`: true, `1 < gen_ai.usage.cost < 2`: false,
		`gen_ai.usage.input_tokens * 2 == 2400`: true, `gen_ai.usage.cost * 2 == 5`: true, `gen_ai.usage.input_tokens % 7 == 3`: true, `2 ** 3 == 8`: true, `7 / 2 == 3.5`: true,
		`secret.expires - @timestamp == duration("1h")`: true, `secret.expires > "2026-01-01T00:30:00Z"`: true, `@timestamp >= date("2026-01-01")`: true, `@timestamp + duration("1h") == secret.expires`: true, `model.ref == "@timestamp"`: false,
		`any(event.category, # startsWith "auth")`: true, `all(event.category, len(#) > 3)`: false, `one(event.category, # == "iam")`: true, `count(event.category, len(#) > 2) == 2`: true, `none(event.category, # == "x")`: true, `len(event.category) == 2`: true, `any(event.category, # in raw.requestParameters.tags)`: false,
		`model.ref in list("approved")`: true, `budget(secret.principal) == 10`: true, `gen_ai.usage.cost > (budget(secret.principal) ?? 100)`: false, `hour() == 0`: true, `abs(-3) == 3`: true, `min(3, source.as.number) == 3`: true, `max(1, 2.5) == 2.5`: true, `round(gen_ai.usage.cost) == 3`: true,
		`ci.run.fork and not ci.action.pinned`: true, `ci.run.fork ? event.action == "x" : true`: false, `true`: true,
		// on the VM
		`len(filter(event.category, # == "iam")) == 1`: true, `len(filter(event.category, false)) == 0`: true, `filter(runner.labels, true) == nil`: true, `first(split(model.ref, "/")) == "acme"`: true, `last(split(user.name, "/")) == nil`: true, `join(sort(event.category), ",") == "authentication,iam"`: true,
		`let name = lower(event.action); name == "assumerole" or name == "x"`: true, `find(event.category, # startsWith "auth") == "authentication"`: true, `any(map(event.category, upper(#)), # == "IAM")`: true, `split(message, "/") | len() == 2`: true,
	} {
		env := testEnv()
		c, mistakes := newCond(src, Position{}, env)
		if c == nil {
			t.Errorf("%s: %v", src, Mistakes(mistakes))
			continue
		}
		ev := event(env, sampleValues())
		if got, err := c.Match(ev); got != want || err != nil {
			t.Errorf("%s: closures say %v, %v, want %v", src, got, err, want)
		}
		if got, err := c.MatchVM(ev); got != want || err != nil {
			t.Errorf("%s: the VM says %v, %v, want %v", src, got, err, want)
		}
	}
}

// TestCondIsSafeToShare runs one condition in several goroutines, for -race.
func TestCondIsSafeToShare(t *testing.T) {
	env := testEnv()
	c, _ := newCond(`len(filter(event.category, # == "iam")) == 1 and lower(message) contains "denied"`, Position{}, env)
	ev := event(env, sampleValues())
	var wg sync.WaitGroup
	for range 4 {
		wg.Go(func() {
			for range 200 {
				if hit, err := c.Match(ev); !hit || err != nil {
					t.Errorf("%v, %v", hit, err)
				}
			}
		})
	}
	wg.Wait()
}

func TestCondRunsUnknownConstructsOnTheVM(t *testing.T) {
	for src, want := range map[string]bool{
		`event.action == "x" and any(event.category, # in ["a"])`: true,
		`len(filter(event.category, # == "iam")) == 1`:            false,
		`let a = event.action; a == "x"`:                          false,
	} {
		c, mistakes := newCond(src, Position{}, testEnv())
		if c.Compiled() != want || (len(mistakes) == 0) != want {
			t.Errorf("%s: compiled is %v, mistakes %v", src, !want, mistakes)
		}
	}
}

// TestCondNamesEveryMistake gives the character (from 0) and the words of each.
func TestCondNamesEveryMistake(t *testing.T) {
	for _, row := range []struct {
		src  string
		at   int
		want string
	}{
		{`source.ipp == "192.0.2.1"`, 0, `no field is named source.ipp (did you mean "source.ip"?)`},
		{`event.action == "x" and sourse.ip == nil`, 24, `did you mean "source.ip"?`},
		{`model.ref in list("aproved")`, 18, `no list is named aproved (did you mean "approved"?)`},
		{`forein(source.ip)`, 0, `no function is named forein (did you mean "foreign"?)`},
		{`lowercase(event.action) == "x"`, 0, `no function is named lowercase`},
		{`event.action == 5`, 16, `write "5"`},
		{`source.as.number == "64500"`, 20, `write 64500 without quotes`},
		{`source.ip == "10.0.0.0/8"`, 13, `cidr(source.ip, "10.0.0.0/8")`},
		{`source.ip == user.name`, 13, `never equal`},
		{`source.ip > 5`, 0, `has no order`},
		{`source.ip`, 0, `source.ip is an address, not true or false`},
		{`event.action`, 0, `event.action is a text, not true or false`},
		{`event.action and true`, 0, `not true or false`},
		{`known(user.name)`, 6, `known wants an address for ip`},
		{`known()`, 0, `takes one argument`},
		{`cidr(source.ip, "10.0.0.0/99")`, 16, `is not a network`},
		{`cidr(source.ip, user.name)`, 16, `must be a constant`},
		{`message matches "a(b"`, 16, `missing closing )`},
		{`message matches user.name`, 16, `constant text`},
		{`event.category == "iam"`, 0, `"iam" in event.category`},
		{`event.category contains "iam"`, 0, `is a list`},
		{`event.category in ["iam"]`, 0, `any(event.category, # in [...])`},
		{`"iam" in event.action`, 9, `event.action contains "iam"`},
		{`any(event.action, # == "x")`, 4, `any goes over a list`},
		{`any(event.category, #.name == "x")`, 20, `have no fields`},
		{`any(event.category)`, 18, `any(list, # == ...)`},
		{`any(event.category, # == 5)`, 25, `never equal`},
		{`len(source.as.number) > 1`, 4, `len wants a text or a list`},
		{`now() > @timestamp`, 0, `rules see event time only`},
		{`measure > 5`, 0, `only in level_when of a count`},
		{`event.action = "x"`, 13, `compare with ==`},
		{`event.action == "x" AND true`, 20, `small letters`},
		{`event.action == "x`, 16, `not closed`},
		{`event.action ==`, 15, `ends too early`},
		{``, 0, `empty`},
		{`raw == nil`, 0, `raw needs a path`},
		{`event.action in []`, 16, `the list is empty`},
		{`event.action in [nil]`, 17, `nil is in no list`},
		{`user.name in [1, "b"]`, 14, `write "1"`},
		{`event.action ?? 5 == 5`, 18, `cannot be mixed`},
		{`(ci.run.fork ? 1 : "x") == 1`, 19, `two types`},
		{`1..5 == nil`, 1, `only behind`},
		{`list("approved")`, 0, `stands only behind`},
		{`secret.expires > "yesterday"`, 17, `is not a date`},
		{`secret.expires > date("yesterday")`, 22, `is not a date`},
		{`event.end - event.start > duration("5 minutes")`, 35, `is not a duration`},
		{`{"a": 1} == nil`, 0, `maps are not`},
		{`# == "x"`, 0, ``},
		{`event.action.foo() == 1`, 13, `no methods`},
		{`event.category[0] == "x"`, 14, `elements by number`},
		{`raw["a.b"] == "x"`, 4, `key with a dot`},
		{`user.name == null`, 13, `write nil`},
		{strings.Repeat("(", 70000), 0, `longer than`},
		{strings.Repeat(`user.name == "a" or `, 3000) + "true", 0, `too long`},
	} {
		c, mistakes := newCond(row.src, newPosition(row.src), testEnv())
		if c != nil || len(mistakes) == 0 {
			t.Errorf("%.60s: no mistake", row.src)
			continue
		}
		m := mistakes[0]
		if got := m.Message + " (" + m.Hint + ")"; !strings.Contains(got, row.want) {
			t.Errorf("%.60s: %s\nwant %s", row.src, got, row.want)
		}
		if row.want != "too long" && m.Col != row.at+1 {
			t.Errorf("%.60s: column %d, want %d: %s", row.src, m.Col, row.at+1, m.Message)
		}
	}
}

func newPosition(src string) Position {
	return Position{Line: 1, Col: 1, src: newSource("rule.yml", src), text: src}
}

func TestCondReportsAllMistakesAtOnce(t *testing.T) {
	_, mistakes := newCond(`sourc.ip == nil and event.acton == "x" or forein(source.ip)`, Position{}, testEnv())
	if len(mistakes) != 3 {
		t.Fatalf("%d mistakes: %v", len(mistakes), Mistakes(mistakes))
	}
}

func TestCondWarnsOfNegationWithoutPresence(t *testing.T) {
	for src, want := range map[string]int{
		`not known(source.ip)`: 1, `source.ip != nil and not known(source.ip)`: 0, `source.ip == nil or not known(source.ip)`: 0,
		`user.name not in ["a"]`: 1, `user.name != "a"`: 1, `user.name startsWith "b" and user.name not in ["b1"]`: 0,
		`event.outcome != "success"`: 0, `user.name == "x" and not known(source.ip)`: 1, `known(source.ip)`: 0,
		`false`: 1, `event.action == "x" or not known(source.ip)`: 1,
	} {
		c, mistakes := newCond(src, Position{}, testEnv())
		if c == nil || len(mistakes) != want {
			t.Errorf("%s: %v, want %d warnings", src, Mistakes(mistakes), want)
		}
		for _, m := range mistakes {
			if !m.Warning {
				t.Errorf("%s: %v is no warning", src, m)
			}
		}
	}
}

// TestCondLoadsLongChains: thousands of terms in one chain load in a moment.
func TestCondLoadsLongChains(t *testing.T) {
	began := time.Now()
	for _, src := range []string{
		strings.Repeat(`user.name == "a" or `, 1600) + `user.name == "last"`,
		strings.Repeat(`user.name != "a" and `, 1600) + `user.name != "z"`,
		`user.name in [` + strings.Repeat(`"word", `, 8000) + `"last"]`,
	} {
		c, mistakes := newCond(src, Position{}, testEnv())
		if c == nil {
			t.Fatalf("%.40s: %v", src, Mistakes(mistakes)[0])
		}
		env := testEnv()
		c, _ = newCond(src, Position{}, env)
		if hit, err := c.Match(event(env, map[string]engine.Value{"user.name": engine.String("last")})); !hit || err != nil {
			t.Errorf("%.40s: %v, %v", src, hit, err)
		}
	}
	if d := time.Since(began); d > 10*time.Second {
		t.Errorf("it took %v", d)
	}
}

func TestCondErrsOnTheEventAlone(t *testing.T) {
	env := testEnv()
	c, _ := newCond(`event.action == "x" or explode(secret.principal)`, Position{}, env)
	ev := event(env, sampleValues())
	for name, match := range map[string]func(*engine.Event) (bool, error){"closures": c.Match, "VM": c.MatchVM} {
		if hit, err := match(ev); hit || err == nil || !strings.Contains(err.Error(), "bang") {
			t.Errorf("%s: %v, %v", name, hit, err)
		}
	}
	ev.Set(env.layout.SlotOf("secret.principal"), engine.Value{})
	if hit, err := c.Match(ev); hit || err != nil {
		t.Errorf("without the field: %v, %v", hit, err)
	}
}

func TestCondCannotRunAway(t *testing.T) {
	env := testEnv()
	long := make([]string, 20000)
	for i := range long {
		long[i] = fmt.Sprint("v", i)
	}
	set := map[string]engine.Value{
		"runner.labels": engine.Strings(long...), "ci.env.names": engine.Strings(long...),
		"message": engine.String(strings.Repeat("x", 900<<10)),
	}
	for src, want := range map[string]error{
		`any(runner.labels, # in ci.env.names and # == "v19999x")`:                                              errSteps,
		`any(runner.labels, any(ci.env.names, # == "never"))`:                                                   errSteps,
		`message + message == "x"`:                                                                              errText,
		`replace(message, "x", "a long word") == "x"`:                                                           errText,
		`let a = message + message; let b = a + a; b == "x"`:                                                    errText,
		`count(runner.labels, # endsWith "9") == 2000`:                                                          nil,
		`any(filter(runner.labels, any(filter(ci.env.names, true), # == "never")), any(runner.labels, 1 == 2))`: errors.ErrUnsupported,
	} {
		c, mistakes := newCond(src, Position{}, env)
		if c == nil {
			t.Fatal(Mistakes(mistakes))
		}
		_, err := c.Match(event(env, set))
		if want == errors.ErrUnsupported {
			if err == nil {
				t.Errorf("%s: no error", src)
			}
		} else if want == nil && err != nil || want != nil && !strings.Contains(fmt.Sprint(err), want.Error()) {
			t.Errorf("%s: %v, want %v", src, err, want)
		}
	}
}

func TestCondDoesNotAllocate(t *testing.T) {
	for _, src := range []string{
		`event.action == "AssumeRole" and not known(source.ip)`,
		`lower(message) contains "access denied" or lower(event.action) == "x"`,
		`message matches "Access (Denied|Granted)" and model.ref in list("approved")`,
		`any(event.category, # startsWith "auth") and gen_ai.usage.cost * 2 > 4`,
		`cidr(raw.requestParameters.name, "10.0.0.0/8") and source.as.number in [1, 2, 64500]`,
	} {
		env := testEnv()
		c, mistakes := newCond(src, Position{}, env)
		if c == nil {
			t.Fatal(Mistakes(mistakes))
		}
		ev := event(env, sampleValues())
		if n := testing.AllocsPerRun(100, func() { c.Match(ev) }); n > 0 {
			t.Errorf("%s: %v allocations", src, n)
		}
	}
}

func TestNumEvaluates(t *testing.T) {
	env := testEnv()
	for src, want := range map[string]engine.Value{
		`budget(secret.principal)`: engine.Float(10), `budget(secret.principal) * 2 + 1`: engine.Float(21), `250`: engine.Int(250),
		`budget(user.name)`: {}, `budget(user.name) ?? 5.5`: engine.Float(5.5), `len(split(model.ref, "/"))`: engine.Int(2),
	} {
		n, mistakes := newNum(src, Position{}, env)
		if n == nil {
			t.Fatal(Mistakes(mistakes))
		}
		ev := event(env, sampleValues())
		if got := n.Eval(ev); got != want || n.EvalVM(ev) != want {
			t.Errorf("%s: %s, VM %s, want %s", src, got.Text(), n.EvalVM(ev).Text(), want.Text())
		}
	}
	for _, src := range []string{`event.action`, `nil`, `ci.run.fork`, `event.acton`} {
		if n, mistakes := newNum(src, Position{}, env); n != nil || len(mistakes) != 1 {
			t.Errorf("%s: %v", src, Mistakes(mistakes))
		}
	}
}

func TestPatternAgreesWithRegexp(t *testing.T) {
	texts := []string{"", "foo", "foobar", "a foo", "FOO", "xFooY", "foo\nbar", "\xff", "bar", "Kelvin \u212a", "ab", "cb", "fooo", "\ufffd", strings.Repeat("a", 50) + "foo"}
	for _, src := range []string{"foo", "^foo", "foo$", "^foo$", "(foo|bar)", "^(foo|bar)$", "(foo|bar)$", "(?i)foo", "(?i)k", "fo+", "f.*r", "(?m)^bar", "(?s)foo.bar", "[ac]b", "^(?:foo)?bar", "\ufffd", "", "^$", "(?i)^FOO", "x{0}", "(foo){2,}", "^foo|bar", `\bfoo\b`, "a|", "(?i)(foo|bar)", "^f(oo|ob)"} {
		p, err := newPattern(src)
		if err != nil {
			t.Fatal(err)
		}
		for _, s := range texts {
			if got, want := p.match(s), p.re.MatchString(s); got != want {
				t.Errorf("%q on %q: %v, want %v (%+v)", src, s, got, want, p)
			}
		}
	}
}

func TestCalculateBounds(t *testing.T) {
	if v := calculate(opMod, engine.Int(math.MinInt64), engine.Int(-1)); v != engine.Int(0) {
		t.Error(v.Text())
	}
	if v := calculate(opPow, engine.Float(10), engine.Float(400)); !v.IsNil() {
		t.Error(v.Text())
	}
}
