package main

import (
	"context"
	"slices"
	"time"

	"github.com/seed-843b225c/reflex/connectors/elastic"
	"github.com/seed-843b225c/reflex/engine"
)

// latencyRule names the rules whose alerts are timed.
const latencyRule = "bench-latency"

// timedSink notes which alerts came, and how long after their record's
// timestamp the sink behind it had accepted them. One goroutine calls it.
type timedSink struct {
	next   engine.Sink // nil: everything is accepted
	alerts map[string]map[string]bool
	times  []time.Duration
}

func newTimedSink(url string) (*timedSink, error) {
	s := &timedSink{alerts: map[string]map[string]bool{}}
	if url == "" {
		return s, nil
	}
	c := elastic.Config{URLs: []string{url}, Namespace: "bench"}
	if _, err := elastic.Setup(context.Background(), c); err != nil {
		return nil, err
	}
	next, err := elastic.New(c, elastic.Options{})
	s.next = next
	return s, err
}

func (s *timedSink) Deliver(ctx context.Context, ts []engine.Transition) (int, error) {
	n, err := len(ts), error(nil)
	if s.next != nil {
		n, err = s.next.Deliver(ctx, ts)
	}
	now := time.Now().UnixNano()
	for i := range ts[:n] {
		t := &ts[i]
		if t.Alert == nil || t.Change != engine.Opened {
			continue
		}
		if t.Alert.Rule == latencyRule && t.Seen > 0 {
			s.times = append(s.times, time.Duration(now-t.Seen))
		}
		if s.alerts[t.Alert.Rule] == nil {
			s.alerts[t.Alert.Rule] = map[string]bool{}
		}
		s.alerts[t.Alert.Rule][t.Alert.Dedup] = true
	}
	return n, err
}

func (s *timedSink) Close() error {
	if s.next == nil {
		return nil
	}
	return s.next.Close()
}

func (s *timedSink) sorted() []time.Duration {
	slices.Sort(s.times)
	return s.times
}
