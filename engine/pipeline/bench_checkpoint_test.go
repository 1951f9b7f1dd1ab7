package pipeline_test

import (
	"flag"
	"fmt"
	"slices"
	"testing"
	"time"

	"github.com/prometheus/client_golang/prometheus"

	"github.com/seed-843b225c/reflex/engine"
	"github.com/seed-843b225c/reflex/engine/checkpoint"
	"github.com/seed-843b225c/reflex/engine/pipeline"
)

var checkpointKeys = flag.Int("checkpoint-keys", 990_000, "benchmark of checkpoints: how many keys the correlator holds; a rule's quota is 1,000,000")

// manyKeys are rules that keep every user as a key and stay quiet.
var manyKeys = map[string]string{
	"count": `
id: many
title: Many
level: high
from: [ecs]
when: event.action == "denied" and user.name != nil
count: {by: [user.name], within: 24h, at_least: 1000}
alert: {dedup: {by: [user.name]}}
`,
	"first_seen": `
id: many
title: Many
level: high
from: [ecs]
when: event.action == "denied" and user.name != nil
first_seen: {value: [source.as.number], by: [user.name], memory: 30d, learn: {for: 30d, events: 1000}}
alert: {dedup: {by: [user.name]}}
`,
	"sequence": `
id: many
title: Many
level: high
from: [ecs]
sequence:
  within: 24h
  steps:
    - {id: denied, when: 'event.action == "denied"', by: {user: user.name}}
    - {id: granted, when: 'event.action == "granted"', by: {user: user.name}}
alert: {dedup: {by: [key.user]}}
`,
}

// BenchmarkCheckpoint takes whole checkpoints of a million keys of which one in
// a hundred changed, as the service does it: how long detection stands still,
// and how long until everything is synced.
func BenchmarkCheckpoint(b *testing.B) {
	for _, kind := range []string{"count", "sequence", "first_seen"} {
		b.Run(kind, func(b *testing.B) {
			dir, err := checkpoint.Open(b.TempDir(), checkpoint.Options{})
			if err != nil {
				b.Fatal(err)
			}
			defer dir.Close()
			src := newTopic("t", nil)
			steps, err := pipeline.InSteps(b.Context(), &pipeline.Live{Parts: lineOf(b, []byte(manyKeys[kind])), Source: src, Dir: dir, Metrics: prometheus.NewRegistry()})
			if err != nil {
				b.Fatal(err)
			}
			defer steps.End()
			feed := keyFeed{b: b, steps: steps, at: noon, users: *checkpointKeys}
			if kind == "first_seen" { // which holds a user and a value for each
				feed.users /= 2
			}
			feed.take(feed.users)
			if _, _, err := steps.Checkpoint(); err != nil {
				b.Fatal(err)
			}
			var pauses, durables []time.Duration
			for b.Loop() {
				b.StopTimer()
				feed.take(*checkpointKeys / 100)
				b.StartTimer()
				pause, durable, err := steps.Checkpoint()
				if err != nil {
					b.Fatal(err)
				}
				pauses, durables = append(pauses, pause), append(durables, durable)
			}
			if keys, dropped := steps.Held(); keys < *checkpointKeys || dropped > 0 {
				b.Fatalf("%d keys are held, want %d; %d hits were dropped", keys, *checkpointKeys, dropped)
			}
			report(b, "pause", pauses)
			report(b, "durable", durables)
		})
	}
}

// keyFeed hands on one record of each user in turn.
type keyFeed struct {
	b     *testing.B
	steps *pipeline.Steps
	users int
	at    time.Time
	next  int
}

func (f *keyFeed) take(n int) {
	const batch = 1000
	for left := n; left > 0; left -= batch {
		var in engine.Batch
		for range min(batch, left) {
			f.at = f.at.Add(10 * time.Millisecond)
			user := f.next * 7919 % f.users // of the whole range
			line := fmt.Sprintf(`{"@timestamp":"%s","event.id":"e%d","event.action":"denied","user.name":"user%07d","source.as.number":%d}`,
				f.at.Format(time.RFC3339Nano), f.next, user, user%5000)
			in.Records = append(in.Records, engine.Record{Data: []byte(line), Format: "ecs", Origin: engine.Origin{Source: "t", Offset: int64(f.next)}})
			f.next++
		}
		if err := f.steps.Take(in); err != nil {
			f.b.Fatal(err)
		}
	}
}

func report(b *testing.B, what string, ds []time.Duration) {
	slices.Sort(ds)
	for name, d := range map[string]time.Duration{"p50": ds[len(ds)/2], "p99": ds[(len(ds)-1)*99/100], "max": ds[len(ds)-1]} {
		b.ReportMetric(float64(d.Microseconds())/1000, what+"-"+name+"-ms")
	}
}
