package main

import (
	"bytes"
	"context"
	"errors"
	"slices"
	"sync"
	"time"

	"github.com/twmb/franz-go/pkg/kgo"
)

// produceSpec says what the producer appends.
type produceSpec struct {
	Events  string // file
	Brokers []string
	Topic   string
	Rate    int // records a second
}

// produced is what it did.
type produced struct {
	Alerts int           // records that must open an alert of latencyRule
	Late   time.Duration // how far it fell behind its rate at most
	Acked  time.Duration // until the broker had acknowledged a record, of a record in the middle
}

// produce is the role of the producer: it appends the file's records at a
// steady rate, each with the time at which it was handed over as its timestamp.
func produce(s produceSpec) (out produced, err error) {
	c, err := kgo.NewClient(kgo.SeedBrokers(s.Brokers...), kgo.DefaultProduceTopic(s.Topic), kgo.ProducerLinger(5*time.Millisecond),
		kgo.ProducerBatchCompression(kgo.NoCompression()), kgo.MaxBufferedRecords(1<<20))
	if err != nil {
		return out, err
	}
	defer c.Close()
	var mu sync.Mutex
	var failed error
	var acked []time.Duration
	done := func(r *kgo.Record, e error) {
		took := time.Since(r.Timestamp)
		mu.Lock()
		defer mu.Unlock()
		acked = append(acked, took)
		failed = errors.Join(failed, e)
	}
	ctx := context.Background()
	began, n := time.Now(), 0
	every := time.Second / time.Duration(s.Rate)
	err = lines(s.Events, func(line []byte) error {
		wait := time.Until(began.Add(time.Duration(n) * every))
		if wait > time.Millisecond {
			time.Sleep(wait)
		}
		out.Late = max(out.Late, -wait)
		if bytes.Contains(line, []byte(`"eventName":"CreateAccessKey"`)) {
			out.Alerts++
		}
		c.Produce(ctx, &kgo.Record{Value: line, Timestamp: time.Now()}, done)
		n++
		return nil
	})
	err = errors.Join(err, c.Flush(ctx))
	mu.Lock()
	defer mu.Unlock()
	slices.Sort(acked)
	if len(acked) > 0 {
		out.Acked = acked[len(acked)/2]
	}
	return out, errors.Join(err, failed)
}
