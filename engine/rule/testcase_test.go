package rule

import (
	"encoding/json"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/seed-843b225c/reflex/engine"
)

// testOf gives the only test of the only rule of a text.
func testOf(t *testing.T, text string) TestCase {
	t.Helper()
	p, ms := loadText("id: a\ntitle: A\nlevel: low\nwhen: user.name != nil\ntests:\n" + text)
	if len(ms) > 0 {
		t.Fatal(ms)
	}
	return p.Rules[0].Tests[0]
}

func TestRecordsOfATest(t *testing.T) {
	c := testOf(t, `
  - name: all
    known: 192.0.2.0/24
    lists: {one: [a, b], two: {type: glob, entries: ['*.x']}, three: [192.0.2.1, 2001:db8::/32]}
    keys: [{id: k1, owner: example, budget: 12.5, prefix: sk-, networks: 203.0.113.7}]
    events:
      - {dataset: ecs, at: 10m, set: {user.name: '007', source.port: 22, source.ip: '::ffff:192.0.2.7', ci.run.fork: true, runner.labels: [a, b], raw.a.b: 3, raw.a.c: [x], event.start: 2026-03-02}}
      - dataset: ecs
        at: 1m
        set: {event.action: 'List{{ n }}'}
        repeat: {every: 1m, each: {source.as.number: [64500, 64501, 64502]}}
        late: 90s
      - {dataset: aws.cloudtrail, raw: {eventTime: '{{ time }}', eventVersion: '1.08', a: [1, 1.50, true, null]}, duplicate: 1}
      - {dataset: github.actions, at: 2s, raw: "{{ time }} hello\n"}
    alerts: [{level: high, title: T, count: 3, entities: {u: x}}]
`)
	recs := c.Records()
	if len(recs) != 1+3+2+1 {
		t.Fatalf("%d records", len(recs))
	}
	var got []string
	for i, r := range recs {
		if i > 0 && r.Arrives < recs[i-1].Arrives {
			t.Error("not in order of arrival")
		}
		got = append(got, string(r.Data))
	}
	want := []string{
		`{"a":[1,1.50,true,null],"eventTime":"2026-03-02T10:00:00Z","eventVersion":"1.08"}`,
		`{"a":[1,1.50,true,null],"eventTime":"2026-03-02T10:00:00Z","eventVersion":"1.08"}`,
		"2026-03-02T10:00:02Z hello\n",
		`{"@timestamp":"2026-03-02T10:01:00Z","event.action":"List1","event.dataset":"ecs","event.id":"test-2-1","source.as.number":64500}`,
		`{"@timestamp":"2026-03-02T10:02:00Z","event.action":"List2","event.dataset":"ecs","event.id":"test-2-2","source.as.number":64501}`,
		`{"@timestamp":"2026-03-02T10:03:00Z","event.action":"List3","event.dataset":"ecs","event.id":"test-2-3","source.as.number":64502}`,
		`{"@timestamp":"2026-03-02T10:10:00Z","a":{"b":3,"c":["x"]},"ci.run.fork":true,"event.dataset":"ecs","event.id":"test-1-1","event.start":"2026-03-02T00:00:00Z","runner.labels":["a","b"],"source.ip":"192.0.2.7","source.port":22,"user.name":"007"}`,
	}
	for i := range want {
		if got[i] != want[i] {
			t.Errorf("record %d:\n%s\nwant\n%s", i, got[i], want[i])
		}
	}
	if r := recs[3]; r.Raw || time.Duration(r.Arrives-r.Time) != 90*time.Second || r.Event != 1 {
		t.Errorf("%+v", r)
	}
	if !recs[0].Raw || recs[0].Dataset != engine.CloudTrail {
		t.Errorf("%+v", recs[0])
	}
	if w := c.Want; w.Number != 1 || w.Alerts[0].Level != engine.High || w.Alerts[0].Count != 3 || w.Alerts[0].Entities["u"] != "x" {
		t.Errorf("%+v", w)
	}
	if k := c.Keys[0]; k.Budget != 12.5 || len(k.Networks) != 1 || k.Networks[0].String() != "203.0.113.7/32" {
		t.Errorf("%+v", k)
	}
	if len(c.Known) != 1 || c.Known[0].String() != "192.0.2.0/24" {
		t.Errorf("%v", c.Known)
	}
}

// TestListsOfATest: what the installation's lists hold does not matter.
func TestListsOfATest(t *testing.T) {
	c := testOf(t, "  - {name: l, events: [{dataset: ecs, set: {user.name: x}}], alerts: 0, lists: {one: [a], two: {type: glob, entries: ['*.x']}, nets: [192.0.2.1], texts: [a, 192.0.2.1]}}\n")
	defs := c.ListDefs([]engine.ListDef{
		{Name: "one", Type: "domain", Entries: []engine.ListEntry{{Value: "local"}}},
		{Name: "other", Type: "cidr", Entries: []engine.ListEntry{{Value: "10.0.0.0/8"}}},
	})
	var got []string
	for _, d := range defs {
		s := d.Name + " " + d.Type
		for _, e := range d.Entries {
			s += " " + e.Value
		}
		got = append(got, s)
	}
	want := "one domain a; other cidr; two glob *.x; nets cidr 192.0.2.1; texts exact a 192.0.2.1"
	if s := strings.Join(got, "; "); s != want {
		t.Errorf("got %s\nwant %s", s, want)
	}
}

func TestDuplicateDoublesEveryRecord(t *testing.T) {
	c := testOf(t, "  - {name: d, duplicate: true, shuffle: 3, events: [{dataset: ecs, set: {user.name: x}, duplicate: 1}], alerts: 1}\n")
	recs := c.Records()
	if len(recs) != 4 || c.Shuffle != 3 {
		t.Errorf("%d records, shuffle %d", len(recs), c.Shuffle)
	}
	for _, r := range recs {
		if string(r.Data) != string(recs[0].Data) || !json.Valid(r.Data) {
			t.Errorf("%s", r.Data)
		}
	}
}

// TestOnlyTakesStepsAlong: the test of a chain loads the rules it names.
func TestOnlyTakesStepsAlong(t *testing.T) {
	p, _ := loadText("id: a\ntitle: A\nmode: off\nlevel: low\nwhen: user.name != nil\n---\nid: z\ntitle: Z\nlevel: low\nwhen: user.name != nil\n---\n" +
		"id: c\ntitle: C\nmode: shadow\nlevel: low\nsequence:\n  within: 1h\n  steps:\n    - {id: one, rule: [a], by: {u: user.name}}\n    - {id: two, when: user.id != nil, by: {u: user.name}}\n")
	only := p.Only("c")
	set, ms := Compile(only, testOptions())
	if set == nil {
		t.Fatal(ms)
	}
	if len(set.Rules) != 2 || set.rule(t, "a").Mode != ModeSignal || set.rule(t, "c").Mode != ModeAlert {
		t.Errorf("%+v", set.Rules)
	}
	if p.Rule("a").Mode != ModeOff {
		t.Error("the pack was changed")
	}
	if len(p.Only("nobody").Rules) != 0 {
		t.Error("a pack of nothing has rules")
	}
}

func TestBadTests(t *testing.T) {
	for _, c := range []struct{ test, want string }{
		{"{name: n, events: [], alerts: 0}", "events is empty"},
		{"{name: n, events: [{dataset: ecs}], alerts: 0}", "an event needs set or raw"},
		{"{name: n, events: [{dataset: ecs, set: {user.name: x}, raw: y}], alerts: 0}", "an event has set or raw, not both"},
		{"{name: n, events: [{dataset: ecs, set: {user.name: [x]}}], alerts: 0}", "user.name must be one value, not a list"},
		{"{name: n, events: [{dataset: ecs, set: {runner.labels: x}}], alerts: 0}", "runner.labels must be a list of texts"},
		{"{name: n, events: [{dataset: ecs, set: {source.port: 1.5}}], alerts: 0}", `source.port is a whole number: "1.5" is none`},
		{"{name: n, events: [{dataset: ecs, set: {ci.run.fork: yes}}], alerts: 0}", `ci.run.fork is true or false, not "yes"`},
		{"{name: n, events: [{dataset: ecs, set: {event.start: noon}}], alerts: 0}", `event.start is a time: "noon" is none`},
		{"{name: n, events: [{dataset: ecs, set: {user.name: }}], alerts: 0}", "user.name is empty: leave the field out"},
		{"{name: n, events: [{dataset: ecs, set: {user.nam: x}}], alerts: 0}", `did you mean "user.name"?`},
		{"{name: n, events: [{dataset: ecs, set: {user.name: x}, repeat: {times: 1000000}}], alerts: 0}", "at most 100000 times"},
		{"{name: n, events: [{dataset: ecs, set: {user.name: x}}], alerts: {level: low}}", "alerts must be a number or a list, not a mapping"},
		{"{name: n, events: [{dataset: ecs, set: {user.name: x}}], alerts: [{level: lo}]}", `did you mean "low"?`},
		{"{name: n, events: [{dataset: ecs, set: {user.name: x}}], alerts: 0, known: [here]}", `"here" is no network`},
		{"{name: n, events: [{dataset: ecs, set: {user.name: x}}], alerts: 0, lists: {a: {type: cidr, entries: [b]}}}", "b is no network"},
	} {
		_, ms := loadText("id: a\ntitle: A\nlevel: low\nwhen: user.name != nil\ntests: [" + c.test + "]\n")
		if len(ms) != 1 || !strings.Contains(ms.Error(), c.want) {
			t.Errorf("%s: want %q, got %v", c.test, c.want, ms)
		}
	}
}

func TestStableRulesShowBothSides(t *testing.T) {
	_, ms := loadText("id: a\ntitle: A\nstatus: stable\nlevel: low\nwhen: user.name != nil\ntests: [{name: n, events: [{dataset: ecs, set: {user.name: x}}], alerts: 1}]\n")
	if len(ms) != 1 || !ms[0].Warning || !strings.Contains(ms.Error(), "no test that stays quiet") {
		t.Errorf("got %v", ms)
	}
}

func TestNewRuleLoads(t *testing.T) {
	set := compileText(t, New("my-first-rule"))
	if set.Rules[0].ID != "my-first-rule" || len(set.Rules[0].Source.Tests) != 2 {
		t.Errorf("%+v", set.Rules[0])
	}
	if !ValidID("a-b-1") || ValidID("A") || ValidID("a--b") || ValidID("") {
		t.Error("ids")
	}
}

func TestRestartGoesWithItsRecord(t *testing.T) {
	of := func(text string) (out []bool) {
		c := testOf(t, text)
		for _, r := range c.Records() {
			out = append(out, r.Restart)
		}
		if c.Restarts() != slices.Contains(out, true) {
			t.Errorf("restarts: %v, of its records %v", c.Restarts(), out)
		}
		return out
	}
	for name, c := range map[string]struct {
		text string
		want []bool
	}{
		"no restart":          {"  - {name: n, alerts: 0, events: [{dataset: ecs, set: {user.name: a}}]}", []bool{false}},
		"after an event":      {"  - {name: n, alerts: 0, events: [{dataset: ecs, set: {user.name: a}, restart: true}, {dataset: ecs, at: 1s, set: {user.name: a}}]}", []bool{true, false}},
		"the event is late":   {"  - {name: n, alerts: 0, events: [{dataset: ecs, late: 2s, set: {user.name: a}, restart: true}, {dataset: ecs, at: 1s, set: {user.name: a}}]}", []bool{false, true}},
		"repetitions, copies": {"  - {name: n, alerts: 0, events: [{dataset: ecs, set: {user.name: a}, restart: true, duplicate: 1, repeat: {times: 2}}]}", []bool{false, false, false, true}},
		"after every record":  {"  - {name: n, alerts: 0, restart: true, duplicate: true, events: [{dataset: ecs, set: {user.name: a}}]}", []bool{true, true}},
	} {
		if got := of(c.text); !slices.Equal(got, c.want) {
			t.Errorf("%s: %v, want %v", name, got, c.want)
		}
	}
}
