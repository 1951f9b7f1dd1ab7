package correlate

import (
	"fmt"
	"runtime"
	"testing"

	"github.com/seed-843b225c/reflex/engine"
	"github.com/seed-843b225c/reflex/engine/rule"
)

// heap gives the live bytes.
func heap() int64 {
	var m runtime.MemStats
	runtime.GC()
	runtime.ReadMemStats(&m)
	return int64(m.HeapAlloc)
}

// kinds are the kinds of rule whose keys the benchmarks below hold.
var kinds = []string{"count", "distinct", "sequence", "first_seen", "sum", "unordered"}

// kindRule adds a rule of a kind that one event of a key leaves quiet.
func kindRule(s *sets, kind string) {
	by := []rule.KeySlot{{Key: 0, Slot: s.key}}
	switch kind {
	case "count":
		countRule(s, 5, false)
	case "distinct":
		countRule(s, 5, true)
	case "first_seen":
		s.rule(rule.Compiled{Kind: rule.FirstSeen, First: &rule.FirstSpec{By: []int{s.key}, Value: []int{s.value}, Memory: 3600 * second, LearnEvents: 9}})
	case "sum":
		s.rule(rule.Compiled{Kind: rule.Count, Count: &rule.CountSpec{By: []int{s.key}, Within: 600 * second, Distinct: -1, Sum: s.value, Bucket: 600 * second / 288},
			Alert: rule.AlertSpec{DedupBy: []rule.Ref{slotRef(s.key)}}})
	case "sequence", "unordered":
		s.rule(rule.Compiled{Kind: rule.Sequence, Sequence: &rule.SequenceSpec{Within: 600 * second, Ordered: kind == "sequence", Keys: []string{"key"},
			Steps: []rule.Step{{ID: "a", By: by}, {ID: "b", By: by}}}})
	}
}

// fill sends one event for each of n keys to the probe of each.
func fill(c *Correlator, s *sets, n int, probe func(i int) int) (at int64) {
	ev := s.event(0, "")
	for i := range n {
		ev.Time, ev.ID, ev.Hash = base+int64(i)*second/10_000, ids[i%len(ids)], uint64(i+1)*0x9e3779b97f4a7c15
		ev.Set(s.key, engine.String(fmt.Sprintf("AKIAEXAMPLE%07d", i)))
		ev.Set(s.value, engine.Int(int64(i)))
		c.Hit(engine.Hit{Probe: int32(probe(i)), Event: ev})
		if i%1000 == 999 {
			c.Advance(func(engine.Dataset) int64 { return ev.Time })
		}
	}
	at = ev.Time + 100*second
	c.Advance(func(engine.Dataset) int64 { return at })
	return at
}

// BenchmarkQuietKey measures what one key with one event in its window costs.
func BenchmarkQuietKey(b *testing.B) {
	for _, k := range kinds {
		b.Run(k, func(b *testing.B) {
			s := newSets()
			kindRule(s, k)
			const n = 200_000
			for range b.N {
				before := heap()
				c := New(s.Set, Options{Shards: 1, Document: noDocument})
				fill(c, s, n, func(int) int { return 0 })
				b.ReportMetric(float64(heap()-before)/n, "B/key")
				runtime.KeepAlive(c)
			}
		})
	}
}

func noDocument(*engine.Event) []byte { return []byte("{}") }

// BenchmarkSteady measures what 1,000 rules hold with one million live keys.
func BenchmarkSteady(b *testing.B) {
	s := newSets()
	var first []int // probe by rule
	for i := range 1000 {
		first = append(first, len(s.Probes))
		kindRule(s, kinds[i%len(kinds)])
	}
	for range b.N {
		before := heap()
		c := New(s.Set, Options{Shards: 1, Document: noDocument})
		empty := heap()
		fill(c, s, 1_000_000, func(i int) int { return first[i%1000] })
		b.ReportMetric(float64(heap()-before)/1e6, "MB")
		b.ReportMetric(float64(empty-before)/1e6, "MB-empty")
		b.ReportMetric(float64(c.Stats().Keys), "keys")
	}
}

// BenchmarkAdvance measures a watermark that moves 1,000 rules that hold
// nothing, and 1,000 rules that hold a thousand quiet keys each.
func BenchmarkAdvance(b *testing.B) {
	for _, n := range []int{0, 10_000} {
		b.Run(fmt.Sprintf("keys=%d", n), func(b *testing.B) {
			s := newSets()
			var first []int
			for i := range 1000 {
				first = append(first, len(s.Probes))
				kindRule(s, kinds[i%len(kinds)])
			}
			c := New(s.Set, Options{Shards: 1, Document: noDocument})
			at := fill(c, s, n, func(i int) int { return first[i%1000] })
			b.ReportAllocs()
			for b.Loop() {
				at++
				c.Advance(func(engine.Dataset) int64 { return at })
			}
		})
	}
}

// BenchmarkDenseKey measures what one key holds that is hit a million times in
// a day, 20 minutes behind the watermark: after a tenth of the day, at most,
// and when the watermark has passed the last hit.
func BenchmarkDenseKey(b *testing.B) {
	for _, k := range []string{"count", "distinct", "sequence"} {
		b.Run(k, func(b *testing.B) {
			const hits, step = 1_000_000, 24 * 3600 * second / 1_000_000
			s := newSets()
			kindRule(s, k)
			for i := range s.Rules {
				s.Rules[i].Alert.DedupBy = []rule.Ref{slotRef(s.key)}
			}
			for range b.N {
				before := heap()
				c := New(s.Set, Options{Shards: 1, Document: noDocument})
				ev := s.event(0, "")
				ev.Set(s.key, keys[0])
				var tenth, most int64
				for i := range hits {
					ev.Time, ev.ID, ev.Hash = base+int64(i)*step, ids[i%len(ids)], uint64(i+1)*0x9e3779b97f4a7c15
					ev.Set(s.value, engine.Int(int64(i%5000)))
					c.Hit(engine.Hit{Probe: int32(i % len(s.Probes)), Event: ev})
					if i%1000 == 999 {
						c.Advance(func(engine.Dataset) int64 { return ev.Time - 1200*second })
					}
					if i%(hits/10) == hits/10-1 {
						now := heap() - before
						if most = max(most, now); tenth == 0 {
							tenth = now
						}
					}
				}
				c.Advance(func(engine.Dataset) int64 { return ev.Time + 100*second })
				b.ReportMetric(float64(tenth)/1e6, "MB-tenth")
				b.ReportMetric(float64(most)/1e6, "MB-most")
				b.ReportMetric(float64(heap()-before)/1e6, "MB-after")
				b.ReportMetric(float64(c.Stats().Dropped[0]), "dropped")
				b.ReportMetric(0, "ns/op")
			}
		})
	}
}
