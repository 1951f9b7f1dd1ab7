package correlate

import (
	"fmt"
	"testing"
	"time"

	"github.com/seed-843b225c/reflex/engine"
	"github.com/seed-843b225c/reflex/engine/rule"
)

// batch is a Saver as the store's batches are: one growing run of bytes.
type batch struct {
	b []byte
	n int
}

func (b *batch) Set(k, v []byte) {
	b.b, b.n = append(append(b.b, k...), v...), b.n+1
	if len(b.b) > 1<<20 { // committed
		b.b = b.b[:0]
	}
}
func (b *batch) Delete(k []byte)         { b.Set(k, nil) }
func (b *batch) DeleteRange(f, t []byte) { b.Set(f, t) }

// BenchmarkJournal measures a base hit with the journal off and on.
func BenchmarkJournal(b *testing.B) {
	for _, kind := range []string{"match", "count", "sequence", "first_seen"} {
		for _, on := range []bool{false, true} {
			b.Run(fmt.Sprintf("%s/journal=%v", kind, on), func(b *testing.B) {
				s := newSets()
				if kind == "match" {
					s.rule(rule.Compiled{Kind: rule.Match, Alert: rule.AlertSpec{DedupBy: []rule.Ref{slotRef(s.key)}}})
				} else {
					kindRule(s, kind)
				}
				o := Options{Emit: func(engine.Transition) {}}
				if on {
					o.Journal = &batch{}
				}
				c := New(s.Set, o)
				ev := s.event(0, "")
				b.ReportAllocs()
				b.ResetTimer()
				for i := range b.N {
					ev.Time, ev.ID, ev.Hash = base+int64(i)*second/1000, ids[i%len(ids)], uint64(i+1)*0x9e3779b97f4a7c15
					ev.Set(s.key, keys[i%1000])
					ev.Set(s.value, engine.Int(int64(i%5000)))
					c.Hit(engine.Hit{Event: ev})
					if i%1000 == 999 {
						c.Advance(func(engine.Dataset) int64 { return ev.Time })
						if on && i%100_000 == 99_999 {
							c.Save(o.Journal)
						}
					}
				}
			})
		}
	}
}

// large is a correlator with a million keys of a kind, and what one more hit
// of a key does.
func large(kind string, journal engine.Saver) (c *Correlator, touch func(i int)) {
	s := newSets()
	if kind == "alert" { // every key is an open alert
		s.rule(rule.Compiled{Kind: rule.Match, Alert: rule.AlertSpec{DedupBy: []rule.Ref{slotRef(s.key)}}})
	} else {
		kindRule(s, kind)
	}
	c = New(s.Set, Options{Journal: journal, Emit: func(engine.Transition) {}, Quota: Quota{Keys: 4_000_000}})
	at := fill(c, s, 1_000_000, func(int) int { return 0 })
	c.Save(journal)
	ev := s.event(0, "")
	return c, func(i int) {
		ev.Time, ev.ID, ev.Hash = at+int64(i)+1, ids[i%len(ids)], uint64(i+7)*0xd1342543de82ef95
		ev.Set(s.key, engine.String(fmt.Sprintf("AKIAEXAMPLE%07d", i%1_000_000)))
		ev.Set(s.value, engine.Int(int64(i)))
		c.Hit(engine.Hit{Event: ev})
		if i%1000 == 999 {
			c.Advance(func(engine.Dataset) int64 { return ev.Time })
		}
	}
}

// BenchmarkSave measures the pause that Save makes with a million keys, of
// which one in a hundred changed.
func BenchmarkSave(b *testing.B) {
	for _, kind := range []string{"alert", "count", "sequence", "first_seen"} {
		b.Run(kind, func(b *testing.B) {
			journal := &batch{}
			c, touch := large(kind, journal)
			var most time.Duration
			i := 0
			b.ResetTimer()
			for range b.N {
				b.StopTimer()
				for range 10_000 {
					touch(i)
					i++
				}
				b.StartTimer()
				from := time.Now()
				c.Save(journal)
				most = max(most, time.Since(from))
			}
			b.ReportMetric(float64(most.Microseconds())/1000, "ms-at-most")
		})
	}
}

// BenchmarkRestore measures how long a start takes that feeds a million hits.
func BenchmarkRestore(b *testing.B) {
	for _, kind := range []string{"alert", "count", "sequence", "first_seen"} {
		b.Run(kind, func(b *testing.B) {
			st := newStore()
			c, _ := large(kind, st)
			st.commit()
			st.keys(nil, nil) // sorted once
			b.ReportAllocs()
			b.ResetTimer()
			for range b.N {
				n := New(c.plan.set, Options{Journal: &batch{}, Emit: func(engine.Transition) {}, Quota: c.opt.Quota})
				rep, err := n.Restore(st, nil)
				if err != nil {
					b.Fatal(err)
				}
				b.ReportMetric(float64(rep.Hits), "hits")
			}
		})
	}
}
