package main

import (
	"context"
	"fmt"
	"io"
	"log/slog"
	"os"
	"path/filepath"
	"runtime"
	"runtime/pprof"
	"syscall"
	"time"

	"github.com/prometheus/client_golang/prometheus"

	"github.com/seed-843b225c/reflex/connectors/kafka"
	"github.com/seed-843b225c/reflex/engine"
	"github.com/seed-843b225c/reflex/engine/checkpoint"
	"github.com/seed-843b225c/reflex/engine/pipeline"
)

// liveSpec says what the process that is measured does.
type liveSpec struct {
	Brokers []string
	Topic   string
	Group   string
	State   string // folder
	Rules   int
	More    string // more rules, as YAML
	Events  int64  // ends after so many, or when standard input ends
	Elastic string // URL; "": alerts are only counted
	Profile string // file for a CPU profile; "": none
	Ready   string // printed to stdout once partitions are read; "": nothing
}

// usage is what a process used at a moment.
type usage struct {
	at           time.Time
	user, system time.Duration
	mallocs      uint64
	bytes        uint64
}

func (u usage) cpu() time.Duration { return u.user + u.system }

func usageNow() usage {
	var r syscall.Rusage
	_ = syscall.Getrusage(syscall.RUSAGE_SELF, &r) // cannot fail for oneself
	var m runtime.MemStats
	runtime.ReadMemStats(&m)
	return usage{time.Now(), time.Duration(r.Utime.Nano()), time.Duration(r.Stime.Nano()), m.Mallocs, m.TotalAlloc}
}

// measured is what a live run did between its first record and its last.
type measured struct {
	found
	Wall, User, System time.Duration
	Bytes              int64   // of record values
	Mallocs, Alloc     float64 // allocations and bytes allocated, an event
	Peak               int64   // most memory resident, bytes
	Saves              int     // checkpoints
	SaveP99, SaveMost  time.Duration
	PauseP99           time.Duration // how long detection stood still for one
	PauseMost          time.Duration
	Latencies          []time.Duration // from a record's timestamp until its alert was accepted, sorted
}

// live is the role that is measured: the service's own pipeline between the
// broker and a sink, with its state on disk.
func live(ctx context.Context, s liveSpec) (m measured, err error) {
	parts, err := loadParts(s.Rules, s.More)
	if err != nil {
		return m, err
	}
	dir, err := checkpoint.Open(s.State, checkpoint.Options{})
	if err != nil {
		return m, err
	}
	defer dir.Close()
	log := slog.New(slog.NewTextHandler(os.Stderr, &slog.HandlerOptions{Level: slog.LevelWarn}))
	metrics := prometheus.NewRegistry()
	src, err := kafka.NewSource(kafka.SourceConfig{Config: kafka.Config{Brokers: s.Brokers}, Group: s.Group,
		Topics: []kafka.Topic{{Name: s.Topic, Format: "cloudtrail"}}}, kafka.Options{Log: log, Metrics: metrics, Stateful: true})
	if err != nil {
		return m, err
	}
	counted := &counted{Source: src, want: s.Events, ready: s.Ready}
	sink, err := newTimedSink(s.Elastic)
	if err != nil {
		return m, err
	}
	l := &pipeline.Live{Parts: parts, Source: counted, Dir: dir, Log: log, Metrics: metrics, Room: pipeline.HeapRoom,
		Outputs: []pipeline.Output{{Name: "bench", Sink: sink}}}
	stop, err := profile(s.Profile)
	if err != nil {
		return m, err
	}
	err = l.Run(ctx)
	stop()
	if err != nil {
		return m, err
	}
	return result(l, counted, sink, metrics)
}

// result gathers what was measured.
func result(l *pipeline.Live, c *counted, sink *timedSink, metrics prometheus.Gatherer) (m measured, err error) {
	if c.last.at.IsZero() {
		c.last = usageNow()
	}
	m.found = newFound(l.Status().Stats)
	for rule, keys := range sink.alerts {
		for key := range keys {
			m.Alerts[rule] = append(m.Alerts[rule], key)
		}
	}
	m.sort()
	m.Wall, m.User, m.System = c.last.at.Sub(c.first.at), c.last.user-c.first.user, c.last.system-c.first.system
	m.Bytes, m.Peak = c.bytes, peak()
	if n := float64(c.seen); n > 0 {
		m.Mallocs, m.Alloc = float64(c.last.mallocs-c.first.mallocs)/n, float64(c.last.bytes-c.first.bytes)/n
	}
	m.Latencies = sink.sorted()
	if m.Saves, m.SaveP99, m.SaveMost, err = histogram(metrics, "reflex_checkpoint_seconds"); err != nil {
		return m, err
	}
	_, m.PauseP99, m.PauseMost, err = histogram(metrics, "reflex_checkpoint_pause_seconds")
	return m, err
}

// histogram gives how many observations a histogram has, and the bounds of the
// buckets that hold the 99th percentile and the largest; 0: beyond the last bucket.
func histogram(from prometheus.Gatherer, name string) (n int, p99, most time.Duration, err error) {
	families, err := from.Gather()
	if err != nil {
		return 0, 0, 0, err
	}
	for _, f := range families {
		if f.GetName() != name {
			continue
		}
		h := f.GetMetric()[0].GetHistogram()
		all := h.GetSampleCount()
		for _, b := range h.GetBucket() {
			bound := time.Duration(b.GetUpperBound() * float64(time.Second))
			if p99 == 0 && b.GetCumulativeCount()*100 >= all*99 {
				p99 = bound
			}
			if most == 0 && b.GetCumulativeCount() == all {
				most = bound
			}
		}
		return int(all), p99, most, nil
	}
	return 0, 0, 0, fmt.Errorf("there is no metric %s", name)
}

// profile begins a CPU profile and gives what ends it.
func profile(path string) (stop func(), err error) {
	if path == "" {
		return func() {}, nil
	}
	f, err := os.Create(filepath.Clean(path))
	if err != nil {
		return nil, err
	}
	if err := pprof.StartCPUProfile(f); err != nil {
		return nil, err
	}
	return func() { pprof.StopCPUProfile(); f.Close() }, nil
}

// counted is the source with a clock: it notes when the first record came and
// when the last was done with, and then ends.
type counted struct {
	*kafka.Source
	want, seen  int64
	bytes       int64
	first, last usage
	ready       string
}

func (c *counted) Poll(ctx context.Context) (engine.Batch, error) {
	if c.want > 0 && c.seen >= c.want {
		return engine.Batch{}, io.EOF
	}
	b, err := c.Source.Poll(ctx)
	if len(b.Opened) > 0 && c.ready != "" {
		fmt.Println(c.ready)
		c.ready = ""
	}
	if len(b.Records) > 0 && c.seen == 0 {
		c.first = usageNow()
	}
	c.seen += int64(len(b.Records))
	for i := range b.Records {
		c.bytes += int64(len(b.Records[i].Data))
	}
	if c.want > 0 && c.seen >= c.want && len(b.Records) > 0 {
		release := b.Release
		b.Release = func() { c.last = usageNow(); release() }
	}
	return b, err
}
