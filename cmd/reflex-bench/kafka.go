package main

import (
	"cmp"
	"flag"
	"fmt"
	"os"
	"path/filepath"
	"runtime"
	"slices"
	"strconv"
	"time"
)

// throughput measures the way from Kafka to alerts: Reflex alone on one core, a
// broker with canned batches on another; in turn with it the yardstick, which
// reads the same records and keeps nothing.
type throughput struct {
	events, rules, partitions, rounds int
	slow                              int // records for the yardstick
	codec, profile                    string
}

func kafkaMain(args []string) error {
	var t throughput
	f := flag.NewFlagSet("kafka", flag.ExitOnError)
	f.IntVar(&t.events, "events", 400_000, "records in the topic, all different")
	f.IntVar(&t.rules, "rules", 1000, "how many rules, ten of them stateful")
	f.IntVar(&t.partitions, "partitions", 4, "of the topic")
	f.IntVar(&t.rounds, "rounds", 3, "runs; all are printed, and the median")
	f.IntVar(&t.slow, "yardstick-events", 4000, "how many of them the yardstick gets: it is slow; 0: it does not run")
	f.StringVar(&t.codec, "codec", "none", "how record batches are compressed: none or zstd")
	f.StringVar(&t.profile, "cpuprofile", "", "write a CPU profile of Reflex to this file")
	_ = f.Parse(args) // exits
	return t.run()
}

func (t *throughput) run() error {
	dir, err := os.MkdirTemp("", "reflex-bench")
	if err != nil {
		return err
	}
	defer os.RemoveAll(dir)
	events := filepath.Join(dir, "events.ndjson")
	bytes, err := generate(events, t.events)
	if err != nil {
		return err
	}
	parts, err := loadParts(t.rules, "")
	if err != nil {
		return err
	}
	mine, others := cores()
	judge, err := start("judge", judgeSpec{events, t.rules}, mine, 1)
	if err != nil {
		return err
	}
	var want found
	if err := judge.answer(&want); err != nil {
		return err
	}
	fmt.Printf("%s, %d cores, %s\n%d records of %d bytes in %d partitions, batches of %d (%s), %d rules of which 10 stateful, GeoIP, checkpoints every second\nreflex on core %d with GOMAXPROCS=1, broker on core %d\n\n",
		cpu(), runtime.NumCPU(), runtime.Version(), t.events, bytes/int64(t.events), t.partitions, batchRecords, t.codec, t.rules, mine, others)
	fmt.Printf("%12s %8s %14s %12s %12s %10s %12s %22s %20s\n", "events/s", "MB/s", "events/CPU-s", "user/event", "system/event", "allocs/ev", "peak memory", "checkpoint p99/max", "pause p99/max")
	var runs []measured
	var plain []float64
	for i := range t.rounds {
		m, used, err := t.once(filepath.Join(dir, "state"+strconv.Itoa(i)), events, mine, others)
		if err != nil {
			return err
		}
		if err := sameFound(m.found, want, waits(parts.Set)); err != nil {
			return fmt.Errorf("the alerts differ, so the speed says nothing: %w", err)
		}
		t.print(m, used)
		runs = append(runs, m)
		if t.slow > 0 {
			p, err := t.plain(events, mine, others)
			if err != nil {
				return err
			}
			plain = append(plain, rate(p))
		}
	}
	slices.SortFunc(runs, func(a, b measured) int { return cmp.Compare(a.Wall, b.Wall) })
	m := runs[len(runs)/2]
	alerts := 0
	for _, keys := range m.Alerts {
		alerts += len(keys)
	}
	fmt.Printf("\nthe replay of the same records from a file, on the same core: %.0f events/CPU-s, %.2f us an event", float64(want.Events)/want.CPU.Seconds(), float64(want.CPU.Microseconds())/float64(want.Events))
	fmt.Printf("\nmedian %.0f events/s; every rule has the matches of an offline replay; %d alerts, the same\n", rate(m), alerts)
	if t.slow > 0 {
		slices.Sort(plain)
		p := plain[len(plain)/2]
		fmt.Printf("the plain loop from the same broker, with GeoIP and without state: median %.0f events/s, ratio %.1fx\n", p, rate(m)/p)
	}
	return nil
}

func rate(m measured) float64 { return float64(m.Events) / m.Wall.Seconds() }

// broker starts a broker and gives its address.
func (t *throughput) broker(events string, core int) (b *role, address string, err error) {
	b, err = start("broker", brokerSpec{Events: events, Partitions: t.partitions, Codec: t.codec}, core, 1)
	if err != nil {
		return nil, "", err
	}
	if address, err = b.line(); err != nil {
		b.stop()
		return nil, "", err
	}
	return b, address, nil
}

// plain runs a broker and the yardstick once.
func (t *throughput) plain(events string, mine, others int) (m measured, err error) {
	b, address, err := t.broker(events, others)
	if err != nil {
		return m, err
	}
	defer b.stop()
	r, err := start("plain", plainSpec{Broker: address, Partitions: t.partitions, Rules: t.rules, Events: int64(t.slow)}, mine, 1)
	if err != nil {
		return m, err
	}
	if err := r.answer(&m); err != nil {
		return m, err
	}
	total := int64(0)
	for _, n := range m.Matches {
		total += n
	}
	if total == 0 {
		return m, fmt.Errorf("the plain loop matched nothing: it says nothing")
	}
	return m, nil
}

// once runs a broker and Reflex once; used is the broker's CPU time meanwhile.
func (t *throughput) once(state, events string, mine, others int) (m measured, used time.Duration, err error) {
	b, address, err := t.broker(events, others)
	if err != nil {
		return m, 0, err
	}
	defer b.stop()
	before := b.cpuTime()
	r, err := start("reflex", liveSpec{Brokers: []string{address}, Topic: benchTopic, Group: "bench", State: state, Rules: t.rules, Events: int64(t.events), Profile: t.profile}, mine, 1)
	if err != nil {
		return m, 0, err
	}
	err = r.answer(&m)
	return m, b.cpuTime() - before, err
}

func (t *throughput) print(m measured, broker time.Duration) {
	n := float64(m.Events)
	total := m.User + m.System
	fmt.Printf("%12.0f %8.0f %14.0f %9.2f us %9.2f us %10.2f %9.1f MB %22s %20s   broker used %s of %s\n", n/m.Wall.Seconds(), float64(m.Bytes)/m.Wall.Seconds()/1e6, n/total.Seconds(),
		float64(m.User.Microseconds())/n, float64(m.System.Microseconds())/n, m.Mallocs, float64(m.Peak)/1e6,
		atMost(m.SaveP99)+"/"+atMost(m.SaveMost), atMost(m.PauseP99)+"/"+atMost(m.PauseMost), broker.Round(10*time.Millisecond), m.Wall.Round(10*time.Millisecond))
}

// atMost prints a bucket's bound.
func atMost(d time.Duration) string {
	if d == 0 {
		return "more"
	}
	return "<=" + d.String()
}
