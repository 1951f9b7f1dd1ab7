package correlate

import (
	"fmt"
	"testing"

	"github.com/seed-843b225c/reflex/engine"
	"github.com/seed-843b225c/reflex/engine/rule"
)

// play sends n hits, a tenth of a second apart, each of the probe and with the
// values that of says; the watermark follows every thousand hits, lateness
// behind.
func play(b *testing.B, s *sets, n int, lateness int64, doc bool, of func(i int, ev *engine.Event) int) {
	o := Options{Shards: 1}
	if doc {
		o.Document = func(*engine.Event) []byte { return []byte("{}") }
	}
	c := New(s.Set, o)
	ev := s.event(0, "")
	for i := range n {
		ev.Time = base + int64(i)*second/10
		ev.ID = ids[i%len(ids)]
		ev.Hash = uint64(i+1) * 0x9e3779b97f4a7c15
		p := of(i, ev)
		c.Hit(engine.Hit{Probe: int32(p), Event: ev})
		if i%1000 == 999 {
			w := ev.Time - lateness
			c.Advance(func(engine.Dataset) int64 { return w })
		}
	}
	c.End(ev.Time)
	b.ReportMetric(float64(len(c.Alerts())), "alerts")
}

var ids = func() []string {
	out := make([]string, 1<<16)
	for i := range out {
		out[i] = fmt.Sprintf("%08x-1111-4222-8333-%012x", i, i)
	}
	return out
}()

var keys = func() []engine.Value {
	out := make([]engine.Value, 1<<16)
	for i := range out {
		out[i] = engine.String(fmt.Sprintf("AKIAEXAMPLE%05d", i))
	}
	return out
}()

func countRule(s *sets, atLeast int64, distinct bool) {
	c := &rule.CountSpec{By: []int{s.key}, Within: 600 * second, Distinct: -1, Sum: -1, AtLeast: atLeast}
	if distinct {
		c.Distinct = s.value
	}
	s.rule(rule.Compiled{Kind: rule.Count, Count: c, Alert: rule.AlertSpec{DedupBy: []rule.Ref{slotRef(s.key)}}})
}

// BenchmarkHit measures one base hit, from Hit to settled.
func BenchmarkHit(b *testing.B) {
	run := func(name string, make func(s *sets), of func(s *sets) func(i int, ev *engine.Event) int) {
		for _, late := range []int64{0, 1200} {
			b.Run(fmt.Sprintf("%s/lateness=%ds", name, late), func(b *testing.B) {
				s := newSets()
				make(s)
				b.ReportAllocs()
				play(b, s, b.N, late*second, true, of(s))
			})
		}
	}
	byKey := func(n int) func(s *sets) func(i int, ev *engine.Event) int {
		return func(s *sets) func(int, *engine.Event) int {
			return func(i int, ev *engine.Event) int { ev.Set(s.key, keys[i%n]); return 0 }
		}
	}
	run("match", func(s *sets) {
		s.rule(rule.Compiled{Kind: rule.Match, Alert: rule.AlertSpec{DedupBy: []rule.Ref{slotRef(s.key)}}})
	}, byKey(100))
	run("count/sparse", func(s *sets) { countRule(s, 20, false) }, byKey(1000))
	run("count/dense", func(s *sets) { countRule(s, 20, false) }, byKey(10))
	values := func(n, values int) func(s *sets) func(i int, ev *engine.Event) int {
		return func(s *sets) func(int, *engine.Event) int {
			return func(i int, ev *engine.Event) int {
				ev.Set(s.key, keys[i%n])
				ev.Set(s.value, engine.Int(int64(i*7919%values)))
				return 0
			}
		}
	}
	run("distinct/few", func(s *sets) { countRule(s, 5, true) }, values(1000, 3))
	run("distinct/many", func(s *sets) { countRule(s, 5000, true) }, values(1, 4000))
	run("distinct/alerting", func(s *sets) { countRule(s, 5, true) }, values(100, 5000))
	run("distinct/many-alerting", func(s *sets) { countRule(s, 5000, true) }, values(1, 7000))
	run("first_seen", func(s *sets) {
		s.rule(rule.Compiled{Kind: rule.FirstSeen, First: &rule.FirstSpec{By: []int{s.key}, Value: []int{s.value}, Memory: 3600 * second},
			Alert: rule.AlertSpec{DedupBy: []rule.Ref{slotRef(s.key), slotRef(s.value)}}})
	}, values(100, 500))
	chain := func(n int) func(s *sets) {
		return func(s *sets) {
			by := []rule.KeySlot{{Key: 0, Slot: s.key}}
			spec := &rule.SequenceSpec{Within: 600 * second, Ordered: true, Slack: 2 * second, Keys: []string{"key"}}
			for i := range n {
				spec.Steps = append(spec.Steps, rule.Step{ID: fmt.Sprint("s", i), By: by})
			}
			s.rule(rule.Compiled{Kind: rule.Sequence, Sequence: spec, Alert: rule.AlertSpec{DedupBy: []rule.Ref{keyRef(0)}}})
		}
	}
	steps := func(n, probes, last int) func(s *sets) func(i int, ev *engine.Event) int {
		return func(s *sets) func(int, *engine.Event) int {
			return func(i int, ev *engine.Event) int {
				ev.Set(s.key, keys[i%n])
				p := i / n % probes
				if p == probes-1 && i%last != 0 {
					p = 0
				}
				return p
			}
		}
	}
	run("sequence/quiet", chain(2), steps(1000, 2, 1<<40))
	run("sequence/alerting", chain(2), steps(1000, 2, 1))
	run("sequence/noisy4", chain(4), steps(7, 4, 5000))
}
