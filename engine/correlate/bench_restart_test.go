package correlate

import (
	"flag"
	"fmt"
	"runtime"
	"testing"
	"time"

	"github.com/seed-843b225c/reflex/engine"
	"github.com/seed-843b225c/reflex/engine/checkpoint"
	"github.com/seed-843b225c/reflex/engine/rule"
)

var restoreKeys = flag.Int("restore-keys", 100_000, "benchmark of Restore: how many keys, or open alerts, come back")

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

// large is a correlator with n keys of a kind, and what one more hit of a key
// does.
func large(kind string, n int, journal engine.Saver) (c *Correlator, touch func(i int)) {
	s := newSets()
	for i := range 100 { // fields of other rules
		s.Layout.Extra(fmt.Sprint("other", i), engine.Keyword)
	}
	o := Options{Journal: journal, Emit: func(engine.Transition) {}, Quota: Quota{Keys: 4_000_000}}
	if kind == "alert" { // every key is an open alert with its document
		by := slotRef(s.key)
		s.rule(rule.Compiled{Kind: rule.Match, Alert: rule.AlertSpec{DedupBy: []rule.Ref{by}, Entities: []rule.NamedRef{{Name: "principal", Ref: by}}}})
		o.Document = func(ev *engine.Event) []byte {
			return fmt.Appendf(nil, `{"event":{"id":%q},"message":"%400s"}`, ev.ID, "")
		}
	} else {
		kindRule(s, kind)
	}
	c = New(s.Set, o)
	at := fill(c, s, n, func(int) int { return 0 })
	c.Save(journal)
	ev := s.event(0, "")
	return c, func(i int) {
		ev.Time, ev.ID, ev.Hash = at+int64(i)+1, ids[i%len(ids)], uint64(i+7)*0xd1342543de82ef95
		ev.Set(s.key, engine.String(fmt.Sprintf("AKIAEXAMPLE%07d", i%n)))
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
			c, touch := large(kind, 1_000_000, journal)
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

// disk is a Saver that commits to a store as it fills.
type disk struct {
	*checkpoint.Batch
	of *checkpoint.Store
	b  *testing.B
}

func (d *disk) Set(k, v []byte) {
	if d.Batch.Set(k, v); d.Size() > 4<<20 {
		d.commit()
	}
}

func (d *disk) commit() {
	if err := d.of.CommitLazy(d.Batch); err != nil {
		d.b.Fatal(err)
	}
	d.Batch = d.of.NewBatch()
}

// BenchmarkRestore measures how long a start takes that feeds one hit of each
// key from a store on disk, and how long the first checkpoint then stops
// detection.
func BenchmarkRestore(b *testing.B) {
	for _, kind := range []string{"alert", "count", "sequence", "first_seen"} {
		b.Run(kind, func(b *testing.B) {
			folder := b.TempDir()
			dir, err := checkpoint.Open(folder, checkpoint.Options{})
			if err != nil {
				b.Fatal(err)
			}
			journal := &disk{dir.Store.NewBatch(), dir.Store, b}
			c, _ := large(kind, *restoreKeys, journal)
			journal.commit()
			set, quota := c.plan.set, c.opt.Quota
			c = nil
			if err := dir.Close(); err != nil {
				b.Fatal(err)
			}
			if dir, err = checkpoint.Open(folder, checkpoint.Options{}); err != nil {
				b.Fatal(err)
			}
			defer dir.Close()
			runtime.GC()
			var pause time.Duration
			b.ReportAllocs()
			for b.Loop() {
				out := &batch{}
				n := New(set, Options{Journal: out, Emit: func(engine.Transition) {}, Quota: quota})
				rep, err := n.Restore(dir.Store, nil)
				if err != nil {
					b.Fatal(err)
				}
				b.StopTimer()
				from := time.Now()
				n.Save(out)
				pause += time.Since(from)
				b.ReportMetric(float64(rep.Hits), "hits")
				b.ReportMetric(float64(rep.Alerts), "alerts")
				b.StartTimer()
			}
			b.ReportMetric(float64(pause.Microseconds())/1000/float64(b.N), "save-ms")
		})
	}
}
