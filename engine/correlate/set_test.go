package correlate

import (
	"fmt"
	"testing"

	"github.com/seed-843b225c/reflex/engine"
	"github.com/seed-843b225c/reflex/engine/rule"
)

const second = int64(1e9)

// base is when the tests' events happen.
const base = int64(1_780_000_000) * second

// fields of the tests' events.
var (
	fieldKey   = engine.MustField("secret.principal")
	fieldRun   = engine.MustField("ci.run.id")
	fieldValue = engine.MustField("source.as.number")
	fieldCost  = engine.MustField("gen_ai.usage.cost")
)

// sets builds rule sets by hand.
type sets struct {
	*rule.Set
	key, run, value, cost int // slots
}

func newSets() *sets {
	l := engine.NewLayout()
	return &sets{
		Set:   &rule.Set{Layout: l},
		key:   l.DemandField(fieldKey),
		run:   l.DemandField(fieldRun),
		value: l.DemandField(fieldValue),
		cost:  l.DemandField(fieldCost),
	}
}

// rule adds a rule with its probes.
func (s *sets) rule(c rule.Compiled) *rule.Compiled {
	r := &c
	r.Index = len(s.Rules)
	if r.ID == "" {
		r.ID = fmt.Sprint("r", r.Index)
	}
	if r.Level == 0 {
		r.Level = engine.Medium
	}
	if r.Alert.Within == 0 {
		r.Alert.Within = 3600 * second
	}
	s.Rules = append(s.Rules, r)
	probe := func(role rule.Role, part int) int {
		s.Probes = append(s.Probes, rule.Probe{Rule: r.Index, Role: role, Part: part})
		return len(s.Probes) - 1
	}
	if r.Sequence == nil {
		probe(rule.RoleWhen, 0)
		return r
	}
	for i := range r.Sequence.Steps {
		st := &r.Sequence.Steps[i]
		st.Probe = -1
		if len(st.Rules) == 0 {
			st.Probe = probe(rule.RoleStep, i)
		}
		for _, b := range st.Rules {
			s.Rules[b].Feeds = append(s.Rules[b].Feeds, rule.Feed{Rule: r.Index, Step: i})
		}
	}
	for i := range r.Sequence.Links {
		r.Sequence.Links[i].Probe = probe(rule.RoleLink, i)
	}
	return r
}

func slotRef(slot int) rule.Ref {
	return rule.Ref{Name: fmt.Sprint("s", slot), Step: -1, Slot: slot, Key: -1}
}
func keyRef(key int) rule.Ref {
	return rule.Ref{Name: fmt.Sprint("key", key), Step: -1, Slot: -1, Key: key}
}

// event makes an event; values by slot follow.
func (s *sets) event(at int64, id string, vs ...engine.Value) *engine.Event {
	ev := &engine.Event{Dataset: engine.LiteLLM, Time: base + at, ID: id, Values: make([]engine.Value, s.Layout.Len())}
	ev.Hash = engine.HashID(ev.Dataset, id)
	ev.Origin = engine.Origin{Source: "test.jsonl", Partition: -1, Line: 1}
	copy(ev.Values, vs)
	return ev
}

// linked is the story's second chain: pull, optionally read, out by run, then
// use by key over the link that the issued credential makes.
func linked(s *sets) *rule.Compiled {
	run := []rule.KeySlot{{Key: 0, Slot: s.run}}
	key := []rule.KeySlot{{Key: 1, Slot: s.key}}
	return s.rule(rule.Compiled{Kind: rule.Sequence, Level: engine.Critical, Sequence: &rule.SequenceSpec{
		Within: 1000 * second, Ordered: true, Slack: 2 * second, Keys: []string{"run", "key"},
		Steps: []rule.Step{
			{ID: "pull", By: run},
			{ID: "read", By: run, Within: 100 * second, Optional: true},
			{ID: "out", By: run, Within: 100 * second, Reached: engine.High},
			{ID: "use", By: key},
		},
		Links: []rule.Link{{From: run[0], To: key[0]}},
	}, Alert: rule.AlertSpec{DedupBy: []rule.Ref{keyRef(0)}, Entities: []rule.NamedRef{{Name: "run", Ref: keyRef(0)}, {Name: "key", Ref: keyRef(1)}}}})
}

func TestChainCrossesLinkWhateverTheOrderOfArrival(t *testing.T) {
	s := newSets()
	linked(s)
	run, key := engine.String("77-1"), engine.String("AKIA-example")
	pull := engine.Hit{Probe: 0, Event: s.event(0, "pull", engine.Value{}, run)}
	read := engine.Hit{Probe: 1, Event: s.event(10*second, "read", engine.Value{}, run)}
	out := engine.Hit{Probe: 2, Event: s.event(20*second, "out", engine.Value{}, run)}
	use := engine.Hit{Probe: 3, Event: s.event(500*second, "use", key)}
	link := engine.Hit{Probe: 4, Event: s.event(-5*second, "issued", key, run)}
	for _, hits := range [][]engine.Hit{{link, pull, read, out, use}, {use, out, read, pull, link}, {use, use, pull, link, link, out, read}} {
		for _, o := range []Options{{Oracle: true}, {Shards: 1}, {Shards: 3}} {
			c := New(s.Set, o)
			for _, h := range hits {
				c.Hit(h)
			}
			c.End(base + 500*second)
			al := c.Alerts()
			if len(al) != 1 {
				t.Fatalf("%+v: %d alerts, want 1", o, len(al))
			}
			a := al[0]
			if a.Level != engine.Critical || a.Count != 2 || a.Start != base+20*second || a.End != base+500*second {
				t.Errorf("%+v: alert %v, %d points, %d to %d", o, a.Level, a.Count, a.Start-base, a.End-base)
			}
			var steps string
			for _, e := range a.Evidence {
				steps += e.Step + "@" + e.ID + " "
			}
			if steps != "pull@pull read@read out@out use@use " {
				t.Errorf("%+v: evidence %s", o, steps)
			}
			if fmt.Sprint(a.Entities[0].Value.Text(), a.Entities[1].Value.Text()) != "77-1AKIA-example" {
				t.Errorf("entities %v", a.Entities)
			}
		}
	}
}
