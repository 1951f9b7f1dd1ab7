package incident

import (
	"fmt"
	"runtime"
	"testing"

	"github.com/seed-843b225c/reflex/engine"
)

func opened(al *engine.Alert) engine.Transition {
	return engine.Transition{Change: engine.Opened, Number: 1, Time: al.Start, Alert: al}
}

// many is n open incidents of two alerts each.
func many(n int) *Live {
	v := NewLive(Options{})
	for i := range n {
		for j := range 2 {
			at := int64(i) * hour / 1000
			v.Alert(opened(alert(fmt.Sprintf("%08d-%d", i, j), fmt.Sprint("rule-", i%100), engine.Medium, at, at,
				"key", fmt.Sprint("key-", i), "run", fmt.Sprint("run-", i), "ip", fmt.Sprint("192.0.2.", i%250))))
		}
	}
	return v
}

// BenchmarkAlertAmongMany: one alert that joins one of 10,000 open incidents,
// or opens another.
func BenchmarkAlertAmongMany(b *testing.B) {
	for _, c := range []struct {
		name string
		key  func(i int) string
	}{
		{"joins", func(i int) string { return fmt.Sprint("key-", i%10_000) }},
		{"opens", func(i int) string { return fmt.Sprint("new-", i) }},
	} {
		b.Run(c.name, func(b *testing.B) {
			v := many(10_000)
			b.ReportAllocs()
			i := 0
			for b.Loop() {
				i++
				v.Alert(opened(alert(fmt.Sprint("x", i), "rule", engine.Low, hour, hour, "key", c.key(i))))
			}
		})
	}
}

// BenchmarkStorm: so many alerts on one key, each opened and then final. It
// must grow with their number, not with its square; and so must what is said.
func BenchmarkStorm(b *testing.B) {
	for _, n := range []int{1_000, 10_000, 100_000} {
		b.Run(fmt.Sprint(n), func(b *testing.B) {
			b.ReportAllocs()
			said, bytes := 0, 0
			for b.Loop() {
				said, bytes = storm(b, n)
			}
			b.ReportMetric(float64(b.Elapsed().Nanoseconds())/float64(b.N)/float64(2*n), "ns/alert")
			b.ReportMetric(float64(said), "said")
			b.ReportMetric(float64(bytes)/1e6, "MB-said")
		})
	}
}

func storm(tb testing.TB, n int) (said, bytes int) {
	v := NewLive(Options{})
	for _, c := range []engine.Change{engine.Opened, engine.Closed} {
		for i := range n {
			al := alert(fmt.Sprintf("%08d", i), fmt.Sprint("rule-", i%3), engine.Level(1+i%4), int64(i)*1e9, int64(i)*1e9,
				"key", "one", "ip", fmt.Sprint("2001:db8::", i))
			for _, t := range v.Alert(engine.Transition{Change: c, Number: 1, Alert: al}) {
				said++
				line, err := t.Append(nil)
				if err != nil {
					tb.Fatal(err)
				}
				bytes += len(line)
			}
		}
	}
	if len(v.incidents) != 1 {
		tb.Fatalf("%d incidents", len(v.incidents))
	}
	return said, bytes
}

// BenchmarkAdvance: a watermark that closes nothing, and what closing costs.
func BenchmarkAdvance(b *testing.B) {
	b.Run("nothing", func(b *testing.B) {
		v := many(10_000)
		for b.Loop() {
			v.Advance(hour)
		}
	})
	b.Run("closes-10000", func(b *testing.B) {
		for b.Loop() {
			b.StopTimer()
			v := many(10_000)
			b.StartTimer()
			if n := len(v.Advance(100 * day)); n != 10_000 {
				b.Fatalf("%d closed", n)
			}
		}
	})
}

// BenchmarkState: what 10,000 open incidents of two alerts weigh, and how long
// saving 100 changed ones and restoring all take.
func BenchmarkState(b *testing.B) {
	var before, after runtime.MemStats
	runtime.GC()
	runtime.ReadMemStats(&before)
	v := many(10_000)
	runtime.GC()
	runtime.ReadMemStats(&after)
	store := memory{}
	v.Save(store)
	size := 0
	for k, x := range store {
		size += len(k) + len(x)
	}
	b.Run("save-100-changed", func(b *testing.B) {
		i := 0
		for b.Loop() {
			b.StopTimer()
			for range 100 {
				i++
				v.Alert(engine.Transition{Change: engine.Joined, Number: 1 + i, Alert: alert(fmt.Sprintf("%08d-0", i%10_000), "rule-1", engine.Medium, 0, int64(i))})
			}
			b.StartTimer()
			v.Save(store)
		}
		b.ReportMetric(float64(after.HeapAlloc-before.HeapAlloc)/20_000, "B-memory/alert")
		b.ReportMetric(float64(size)/20_000, "B-stored/alert")
	})
	b.Run("restore", func(b *testing.B) {
		for b.Loop() {
			if err := NewLive(Options{}).Restore(store); err != nil {
				b.Fatal(err)
			}
		}
	})
}
