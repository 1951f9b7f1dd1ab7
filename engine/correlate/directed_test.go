package correlate

import (
	"testing"

	"github.com/seed-843b225c/reflex/engine"
	"github.com/seed-843b225c/reflex/engine/rule"
)

// A chain that is the latest may have begun too early for what completes it,
// while an older one of the same keys began later: both must be remembered.
func TestOlderChainThatBeganLaterCompletes(t *testing.T) {
	s := newSets()
	by := []rule.KeySlot{{Key: 0, Slot: s.key}}
	s.rule(rule.Compiled{Kind: rule.Sequence, Sequence: &rule.SequenceSpec{
		Within: 100 * second, Ordered: true, Keys: []string{"key"},
		Steps: []rule.Step{{ID: "a", By: by}, {ID: "b", By: by, Differs: &rule.Differs{From: 0, Slots: []int{s.value}}}, {ID: "c", By: by}},
	}, Alert: rule.AlertSpec{DedupBy: []rule.Ref{keyRef(0)}}})
	k, none := engine.String("k"), engine.Value{}
	hits := []engine.Hit{
		{Probe: 0, Event: s.event(0, "a0", k, none, engine.Int(2))},
		{Probe: 0, Event: s.event(20*second, "a1", k, none, engine.Int(1))},
		{Probe: 1, Event: s.event(21*second, "b1", k, none, engine.Int(2))},
		{Probe: 1, Event: s.event(50*second, "b2", k, none, engine.Int(1))}, // differs from a0 only
		{Probe: 2, Event: s.event(115*second, "c", k, none, none)},
	}
	for _, oracle := range []bool{true, false} {
		c := New(s.Set, Options{Oracle: oracle, tidy: 1})
		for _, h := range hits {
			c.Hit(h)
			c.Advance(func(engine.Dataset) int64 { return h.Event.Time })
		}
		c.End(base + 115*second)
		if len(c.Alerts()) != 1 {
			t.Fatalf("oracle %v: %d alerts, want 1", oracle, len(c.Alerts()))
		}
		if e := c.Alerts()[0].Evidence; len(e) != 3 || e[0].ID != "a1" || e[1].ID != "b1" {
			t.Errorf("oracle %v: evidence %+v", oracle, e)
		}
	}
}

func TestLateEventIsAPointOfAMatchRuleOnly(t *testing.T) {
	s := newSets()
	s.rule(rule.Compiled{Kind: rule.Match, Alert: rule.AlertSpec{DedupBy: []rule.Ref{slotRef(s.key)}}})
	countRule(s, 1, false)
	c := New(s.Set, Options{})
	k := engine.String("k")
	for _, h := range []engine.Hit{{Probe: 0, Event: s.event(100*second, "x", k)}, {Probe: 1, Event: s.event(100*second, "x", k)}} {
		c.Hit(h)
	}
	c.Advance(func(engine.Dataset) int64 { return base + 100*second })
	for _, h := range []engine.Hit{{Probe: 0, Event: s.event(40*second, "late", k)}, {Probe: 1, Event: s.event(40*second, "late", k)}} {
		c.Hit(h)
	}
	c.End(base + 100*second)
	as := c.Alerts()
	if len(as) != 2 || as[0].Kind != "match" || as[0].Count != 2 || as[0].Start != base+40*second || as[1].Count != 1 {
		t.Errorf("alerts\n%s", text(as, false))
	}
	if st := c.Stats(); st.Late != 2 {
		t.Errorf("%d late, want 2", st.Late)
	}
}

func TestEpisodeIsCutAfterADay(t *testing.T) {
	s := newSets()
	s.rule(rule.Compiled{Kind: rule.Match, Alert: rule.AlertSpec{DedupBy: []rule.Ref{slotRef(s.key)}}})
	c := New(s.Set, Options{})
	for i := range 60 { // every half hour, 29.5 h
		c.Hit(engine.Hit{Event: s.event(int64(i)*1800*second, ids[i], engine.String("k"))})
	}
	c.End(base + 59*1800*second)
	as := c.Alerts()
	if len(as) != 2 || as[0].Count != 49 || as[1].Count != 11 || !as[0].Final || as[1].Final {
		t.Errorf("alerts\n%s", text(as, false))
	}
	if n := len(as[0].Evidence); n != 40 || as[0].Events != 49 {
		t.Errorf("%d of %d events are evidence, want 40 of 49", n, as[0].Events)
	}
}

func TestDocumentIsAskedOnceForADenseRun(t *testing.T) {
	s := newSets()
	s.rule(rule.Compiled{Kind: rule.Match, Alert: rule.AlertSpec{DedupBy: []rule.Ref{slotRef(s.key)}}})
	countRule(s, 5, false)
	for _, shards := range []int{1, 4} {
		asked := 0
		c := New(s.Set, Options{Shards: shards, Document: func(ev *engine.Event) []byte { asked++; return []byte(ev.ID) }})
		for i := range 1000 {
			ev := s.event(int64(i)*second/10, ids[i], engine.String("k"))
			c.Hit(engine.Hit{Probe: 0, Event: ev})
			c.Hit(engine.Hit{Probe: 1, Event: ev})
			if i%100 == 99 {
				c.Advance(func(engine.Dataset) int64 { return ev.Time - second })
			}
		}
		c.End(base + 100*second)
		as := c.Alerts()
		if len(as) != 2 || string(as[0].Document) != ids[0] || string(as[1].Document) != ids[4] {
			t.Fatalf("alerts\n%s", text(as, false))
		}
		if asked != 2 {
			t.Errorf("%d shards: %d documents asked, want 2", shards, asked)
		}
	}
}

func TestQuotaKeepsGrowingKeysAndSaysSo(t *testing.T) {
	s := newSets()
	countRule(s, 3, false)
	c := New(s.Set, Options{Quota: Quota{Keys: 10}})
	hit := func(at int64, id int, key engine.Value) {
		c.Hit(engine.Hit{Event: s.event(at*second, ids[id], key)})
	}
	hit(0, 0, keys[0])
	for i := 1; i < 100; i++ { // a flood of fresh keys
		hit(1, i, keys[i])
	}
	hit(2, 200, keys[0])
	hit(3, 201, keys[0])
	c.End(base + 3*second)
	as := c.Alerts()
	if len(as) != 1 || as[0].Incomplete == "" || c.Stats().Dropped[0] != 90 {
		t.Errorf("dropped %v, alerts\n%s", c.Stats().Dropped, text(as, false))
	}
}

// The template of a chain's title tells of all its steps.
func TestTitleOfAChainUnderWayTellsTheStepsThereAre(t *testing.T) {
	s := newSets()
	r := linked(s)
	r.Title, r.Alert.Title = "Keys stolen", &rule.Template{Parts: []rule.Part{{Text: "stolen and used"}}}
	run, key, none := engine.String("7-1"), engine.String("k"), engine.Value{}
	hits := []engine.Hit{
		{Probe: 0, Event: s.event(0, "pull", none, run)},
		{Probe: 2, Event: s.event(10*second, "out", none, run)},
		{Probe: 4, Event: s.event(11*second, "issue", key, run)},
		{Probe: 3, Event: s.event(60*second, "use", key)},
	}
	for n, want := range map[int]string{2: "Under way: Keys stolen; so far pull, out (key0 7-1)", 4: "stolen and used"} {
		c := New(s.Set, Options{})
		for _, h := range hits[:n] {
			c.Hit(h)
		}
		c.End(base + 2000*second)
		if as := c.Alerts(); len(as) != 1 || as[0].Title != want {
			t.Errorf("after %d events\n%s", n, text(as, false))
		}
	}
}
