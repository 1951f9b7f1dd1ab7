package correlate

import (
	"testing"

	"github.com/seed-843b225c/reflex/engine"
)

func TestNearestTellsWhatAChainWaitsFor(t *testing.T) {
	run, other, key := engine.String("77-1"), engine.String("78-1"), engine.String("AKIA-example")
	none := engine.Value{}
	for _, c := range []struct {
		name  string
		hits  func(s *sets) []engine.Hit
		steps int
		await string
		lost  string
	}{
		{"nothing more came", func(s *sets) []engine.Hit {
			return []engine.Hit{{Probe: 0, Event: s.event(0, "pull", none, run)}}
		}, 1, "out", ""},
		{"too late", func(s *sets) []engine.Hit {
			return []engine.Hit{{Probe: 0, Event: s.event(0, "pull", none, run)}, {Probe: 2, Event: s.event(110*second, "out", none, run)}}
		}, 1, "out", "too late by 10s"},
		{"wrong order", func(s *sets) []engine.Hit {
			return []engine.Hit{{Probe: 2, Event: s.event(0, "out", none, run)}, {Probe: 0, Event: s.event(30*second, "pull", none, run)}}
		}, 1, "out", "wrong order: 30s before pull"},
		{"another run's", func(s *sets) []engine.Hit {
			return []engine.Hit{{Probe: 0, Event: s.event(0, "pull", none, run)}, {Probe: 2, Event: s.event(10*second, "out", none, other)}}
		}, 1, "out", ""},
		{"no link", func(s *sets) []engine.Hit {
			return []engine.Hit{{Probe: 0, Event: s.event(0, "pull", none, run)}, {Probe: 2, Event: s.event(10*second, "out", none, run)},
				{Probe: 3, Event: s.event(20*second, "use", key)}}
		}, 2, "use", "no link leads to its key"},
		{"complete", func(s *sets) []engine.Hit {
			return []engine.Hit{{Probe: 0, Event: s.event(0, "pull", none, run)}, {Probe: 2, Event: s.event(10*second, "out", none, run)},
				{Probe: 3, Event: s.event(20*second, "use", key)}, {Probe: 4, Event: s.event(5*second, "issued", key, run)}}
		}, 3, "", ""},
	} {
		t.Run(c.name, func(t *testing.T) {
			s := newSets()
			r := linked(s)
			cor := New(s.Set, Options{Collect: true})
			for _, h := range c.hits(s) {
				cor.Hit(h)
			}
			cor.End(base + 600*second)
			near := cor.Nearest(r.Index)
			if len(near) != 1 {
				t.Fatalf("%d keys: %+v", len(near), near)
			}
			n := near[0]
			if len(n.Steps) != c.steps || n.Await != c.await || n.Lost != c.lost || n.Complete != (c.await == "") {
				t.Errorf("%d steps, awaits %q, lost %q, complete %v; want %+v", len(n.Steps), n.Await, n.Lost, n.Complete, c)
			}
			if n.Key[0].Value != run {
				t.Errorf("key %v", n.Key)
			}
		})
	}
}

func TestNearestGivesHighestMeasure(t *testing.T) {
	s := newSets()
	countRule(s, 5, false)
	c := New(s.Set, Options{Collect: true})
	for i := range 3 {
		c.Hit(engine.Hit{Event: s.event(int64(i)*second, ids[i], engine.String("a"))})
	}
	c.Hit(engine.Hit{Event: s.event(9*second, ids[9], engine.String("b"))})
	c.End(base + 10*second)
	n := c.Nearest(0)
	if len(n) != 2 || n[0].Measure != 3 || n[0].At != base+2*second || n[0].Complete || n[1].Measure != 1 {
		t.Errorf("%+v", n)
	}
}
