package detect

import (
	"fmt"
	"math/rand/v2"
	"net/netip"
	"slices"
	"strings"
	"testing"
	"testing/fstest"

	"github.com/seed-843b225c/reflex/engine"
	"github.com/seed-843b225c/reflex/engine/enrich"
	"github.com/seed-843b225c/reflex/engine/rule"
)

// testData is an organisation with lists and one key.
func testData(t testing.TB) *enrich.Data {
	data, errs := enrich.New(enrich.Config{
		Lists: []engine.ListDef{
			{Name: "known_networks", Type: "cidr", Entries: []engine.ListEntry{{Value: "198.51.100.0/24"}}},
			{Name: "approved", Type: "exact", Entries: []engine.ListEntry{{Value: "acme/small"}, {Value: "acme/large", Expires: start + 500e9}}},
		},
		Keys: []engine.AIKey{{ID: "key-1", SHA256: strings.Repeat("ab", 32), Owner: "team-a"}},
	})
	if len(errs) > 0 {
		t.Fatal(errs)
	}
	return data
}

const start = 1767225600e9 // 2026-01-01

// compile makes a set of match rules from conditions, and exceptions for the
// first rules.
func compile(t testing.TB, data *enrich.Data, conditions []string, exceptions ...string) *rule.Set {
	var b strings.Builder
	for i, c := range conditions {
		fmt.Fprintf(&b, "id: rule-%d\ntitle: Rule\nlevel: low\nwhen: |\n  %s\n---\n", i, c)
	}
	for i, e := range exceptions {
		fmt.Fprintf(&b, "kind: exception\nid: except-%d\nrules: [rule-%d]\nwhen: |\n  %s\nreason: a test\nowner: tester\ncreated: 2025-12-01\nexpires: 2026-01-02\n---\n", i, i, e)
	}
	p, ms := rule.Load(fstest.MapFS{"rules.yml": {Data: []byte(b.String())}})
	if err := ms.Err(); err != nil {
		t.Fatal(err)
	}
	set, ms := rule.Compile(p, rule.Options{Functions: data.Functions(), Lists: data.Lists(), Demand: []string{"secret.hint", "source.ip", "secret.owner"}})
	if err := ms.Err(); err != nil {
		t.Fatal(err)
	}
	return set
}

var words1 = []string{"AssumeRole", "GetObject", "PutObject", "cred.issued", "model.pulled", "net.egress", "InvokeModel", "", "getobject", "Ü"}
var phrases = []string{"Access Denied", "access denied for user", "curl https://files.example/x", "TOKEN=****", "pip install acme-tools", "", "sh -c 'id'", "Ünïcode TOKEN", "\u212aey"}

// randomCondition writes a condition that the index can or cannot use.
func randomCondition(r *rand.Rand, depth int) string {
	word := func() string { return fmt.Sprintf("%q", words1[r.IntN(len(words1))]) }
	phrase := func() string {
		p := phrases[r.IntN(len(phrases))]
		if len(p) > 3 && r.IntN(2) == 0 {
			n := r.IntN(len(p) - 2)
			p = strings.ToValidUTF8(p[n:min(len(p), n+2+r.IntN(8))], "")
		}
		return fmt.Sprintf("%q", p)
	}
	if depth > 0 {
		switch r.IntN(7) {
		case 0, 1:
			return randomCondition(r, depth-1) + " and " + randomCondition(r, depth-1)
		case 2, 3:
			return "(" + randomCondition(r, depth-1) + " or " + randomCondition(r, depth-1) + ")"
		case 4:
			return "not (" + randomCondition(r, depth-1) + ")"
		case 5:
			return "(" + randomCondition(r, depth-1) + " ? " + randomCondition(r, depth-1) + " : " + randomCondition(r, depth-1) + ")"
		}
	}
	switch r.IntN(22) {
	case 0, 1, 2:
		return "event.action == " + word()
	case 3:
		return "event.action != " + word()
	case 4:
		return "event.action in [" + word() + ", " + word() + "]"
	case 5:
		return "lower(event.action) == " + word()
	case 6:
		return "message contains " + phrase()
	case 7:
		return "lower(message) contains " + phrase()
	case 8:
		return "message startsWith " + phrase()
	case 9:
		return "message endsWith " + phrase()
	case 10:
		return fmt.Sprintf("message matches %q", []string{"(?i)token=", "^curl", "denied|install", "^(cred.issued|x)$", "k", "(?i)k", "user$", "[ab]c*"}[r.IntN(8)])
	case 11:
		return []string{"foreign(source.ip)", `cidr(source.ip, "203.0.113.9", "2001:db8::/32")`, `cidr(source.ip, "203.0.113.8/31")`, `cidr(source.ip, "10.0.0.0/8", "::ffff:203.0.0.0/104")`}[r.IntN(4)]
	case 12:
		return "source.ip == \"203.0.113.9\""
	case 13:
		return fmt.Sprintf("source.port in [%d, %d.0]", r.IntN(4), r.IntN(4))
	case 14:
		return fmt.Sprintf("source.port > %d", r.IntN(4))
	case 15:
		return "secret.principal == \"key-1\""
	case 16:
		return "secret.owner != nil"
	case 17:
		return "raw.requestParameters.size == " + []string{"1", "2.0", "\"1\"", "true"}[r.IntN(4)]
	case 18:
		return "model.ref in list(\"approved\")"
	case 19:
		return "any(event.category, # == " + word() + ")"
	case 20:
		return "ci.run.fork"
	}
	return "user.name == event.action"
}

// randomEvent fills some of the slots with some of the values.
func randomEvent(r *rand.Rand, l *engine.Layout, ev *engine.Event) {
	clear(ev.Values)
	ev.Dataset = engine.Datasets()[r.IntN(len(engine.Datasets()))]
	ev.Time = start + int64(r.IntN(200000))*1e9
	word := func() engine.Value { return engine.String(words1[r.IntN(len(words1))]) }
	for name, v := range map[string]func() engine.Value{
		"event.action": word,
		"user.name":    word,
		"message": func() engine.Value {
			return engine.String(phrases[r.IntN(len(phrases))] + phrases[r.IntN(len(phrases))])
		},
		"source.ip":      func() engine.Value { return engine.Address(netip.AddrFrom4([4]byte{203, 0, 113, byte(8 + r.IntN(3))})) },
		"source.port":    func() engine.Value { return engine.Int(int64(r.IntN(5))) },
		"model.ref":      func() engine.Value { return engine.String([]string{"acme/small", "acme/large", "other"}[r.IntN(3)]) },
		"event.category": func() engine.Value { return engine.Strings(words1[r.IntN(3)], words1[r.IntN(8)]) },
		"ci.run.fork":    func() engine.Value { return engine.Boolean(r.IntN(2) == 0) },
		"secret.principal": func() engine.Value {
			return engine.String([]string{"key-1", "key-2", strings.Repeat("ab", 32)}[r.IntN(3)])
		},
		"raw.requestParameters.size": func() engine.Value {
			return []engine.Value{engine.Int(1), engine.Int(2), engine.Float(2), engine.String("1"), engine.Boolean(true), engine.Strings("1", "2")}[r.IntN(6)]
		},
	} {
		if r.IntN(3) > 0 {
			ev.Set(l.SlotOf(name), v())
		}
	}
}

// TestIndexFindsWhatTheLoopFinds compares index, closures and lazy enrichment
// with a loop over all conditions on the VM.
func TestIndexFindsWhatTheLoopFinds(t *testing.T) {
	data := testData(t)
	rounds := 60
	if testing.Short() {
		rounds = 10
	}
	for round := range rounds {
		r := rand.New(rand.NewPCG(uint64(round), 7))
		var conditions, exceptions []string
		for range 1 + r.IntN(60) {
			conditions = append(conditions, randomCondition(r, r.IntN(4)))
		}
		for range r.IntN(len(conditions)) {
			exceptions = append(exceptions, randomCondition(r, 0))
		}
		set := compile(t, data, conditions, exceptions...)
		for p := range set.Probes {
			for _, d := range engine.Datasets() {
				if r.IntN(3) == 0 {
					set.Probes[p].From = set.Probes[p].From.With(d)
				}
			}
		}
		index := NewIndex(set)
		fast, slow := index.NewDetector(data), index.NewOracle(data)
		ev := &engine.Event{Values: make([]engine.Value, set.Layout.Len())}
		seen := 0
		for range 150 {
			randomEvent(r, set.Layout, ev)
			came := slices.Clone(ev.Values)
			var got, want []int32
			var full []engine.Value
			slow.Detect(ev, func(h engine.Hit) { want = append(want, h.Probe); full = slices.Clone(ev.Values) })
			copy(ev.Values, came)
			fast.Detect(ev, func(h engine.Hit) {
				got = append(got, h.Probe)
				if !slices.Equal(ev.Values, full) {
					t.Fatalf("round %d: the event of a hit is not enriched", round)
				}
			})
			if !slices.Equal(got, want) {
				for _, p := range append(got, want...) {
					if slices.Contains(got, p) != slices.Contains(want, p) {
						t.Logf("%s", conditions[p])
					}
				}
				t.Fatalf("round %d: index gives %v, the loop %v on %s %v", round, got, want, ev.Dataset, came)
			}
			seen += len(want)
		}
		if !slices.Equal(fast.Stats(), slow.Stats()) {
			t.Fatalf("round %d: figures differ", round)
		}
		if seen == 0 && len(conditions) > 20 {
			t.Errorf("round %d: no hit at all", round)
		}
	}
}

func TestExceptionEndsAtEventTime(t *testing.T) {
	data := testData(t)
	set := compile(t, data, []string{`event.action == "x"`}, `user.name == "root"`)
	d := New(set, data)
	ev := &engine.Event{Dataset: engine.CloudTrail, Values: make([]engine.Value, set.Layout.Len())}
	ev.Set(set.Layout.SlotOf("event.action"), engine.String("x"))
	ev.Set(set.Layout.SlotOf("user.name"), engine.String("root"))
	ends := set.Probes[0].Except[0].Expires
	for at, want := range map[int64]int{ends - 1: 0, ends: 1, start: 0} {
		ev.Time = at
		hits := 0
		d.Detect(ev, func(engine.Hit) { hits++ })
		if hits != want {
			t.Errorf("at %v: %d hits, want %d", ev.When(), hits, want)
		}
	}
}

// TestErrorsCountAgainstTheirRule: one rule builds a text without bound.
func TestErrorsCountAgainstTheirRule(t *testing.T) {
	data := testData(t)
	set := compile(t, data, []string{`message + message + message == "x"`, `message contains "long"`})
	d := New(set, data)
	ev := &engine.Event{Dataset: engine.CloudTrail, Time: start, Values: make([]engine.Value, set.Layout.Len())}
	ev.Set(set.Layout.SlotOf("message"), engine.String(strings.Repeat("long ", 150000)))
	for range 3 {
		d.Detect(ev, func(engine.Hit) {})
	}
	s := d.Stats()
	if s[0].Errors != 3 || s[0].Matches != 0 || !strings.Contains(s[0].First, "more than 1 MB") || s[1].Errors != 0 || s[1].Matches != 3 {
		t.Errorf("%+v", s)
	}
}

func TestMeasureEstimatesTimeFromASample(t *testing.T) {
	set := compile(t, testData(t), []string{`event.action == "a"`})
	d := New(set, nil)
	now := int64(0)
	d.Measure(func() int64 { now += 10; return now })
	ev := &engine.Event{Dataset: engine.CloudTrail, Time: start, Values: make([]engine.Value, set.Layout.Len())}
	ev.Set(set.Layout.SlotOf("event.action"), engine.String("a"))
	for range 2 * sampleEvery {
		d.Detect(ev, func(engine.Hit) {})
	}
	if got := d.Stats()[0].Nanos; got != 2*10*sampleEvery {
		t.Errorf("estimated %d ns, want %d", got, 2*10*sampleEvery)
	}
}
