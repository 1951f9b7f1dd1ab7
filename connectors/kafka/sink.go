package kafka

import (
	"context"
	"encoding/json"
	"fmt"
	"strconv"
	"time"

	kafkago "github.com/segmentio/kafka-go"

	"github.com/seed-843b225c/reflex/engine"
)

// Sink writes one message a transition: the alert's or incident's id as key,
// so that what happens to it stays in order; its ECS document as value; headers
// id (the same for every repeat), change and number. A message is accepted when
// all in-sync replicas have it. It may be there twice after a crash or a broken
// connection: readers drop repeats by the header id.
type Sink struct{ out *out }

var (
	_ engine.Sink       = (*Sink)(nil)
	_ engine.Checker    = (*Sink)(nil)
	_ engine.DeadLetter = (*DeadLetter)(nil)
	_ engine.Checker    = (*DeadLetter)(nil)
)

// NewSink makes a sink. It connects with the first delivery.
func NewSink(c SinkConfig, o Options) (*Sink, error) {
	if err := c.Validate(); err != nil {
		return nil, fatal(err)
	}
	out, err := newOut(c.Config, c.Topic, o.Dial)
	if err != nil {
		return nil, err
	}
	return &Sink{out}, nil
}

// Deliver writes transitions; see engine.Sink.
func (s *Sink) Deliver(ctx context.Context, ts []engine.Transition) (accepted int, err error) {
	ms := make([]message, 0, len(ts))
	var unfit error
	for i := range ts {
		value, err := json.Marshal(ts[i].ECS())
		if err != nil { // what came before goes first
			unfit = &engine.Error{Kind: engine.BadInput, Err: fmt.Errorf("kafka topic %s: %s has no JSON form: %w", s.out.topic, ts[i].DocumentID(), err)}
			break
		}
		ms = append(ms, message{key: []byte(ts[i].ID()), value: value, headers: []kafkago.Header{
			{Key: "id", Value: []byte(ts[i].DocumentID())},
			{Key: "change", Value: []byte(ts[i].Change.String())},
			{Key: "number", Value: strconv.AppendInt(nil, int64(ts[i].Number), 10)},
		}})
	}
	if accepted, err = s.out.send(ctx, ms); err == nil {
		err = unfit
	}
	return accepted, err
}

// Check looks at the brokers and the topic.
func (s *Sink) Check(ctx context.Context) []engine.Finding { return s.out.check(ctx) }

// Close closes the connections.
func (s *Sink) Close() error { return s.out.close() }

// DeadLetter keeps refusals in a topic: the input as value, why and where from
// in the headers reason, detail, source, partition, offset and time (of
// keeping, RFC 3339). The key is the source.
type DeadLetter struct{ out *out }

// NewDeadLetter makes a dead letter. It connects with the first refusal.
func NewDeadLetter(c DeadLetterConfig, o Options) (*DeadLetter, error) {
	if err := c.Validate(); err != nil {
		return nil, fatal(err)
	}
	out, err := newOut(c.Config, c.Topic, o.Dial)
	if err != nil {
		return nil, err
	}
	return &DeadLetter{out}, nil
}

// Keep writes refusals. A BadInput error means that some can never be kept and
// that all others are; with another error all of them come again.
func (d *DeadLetter) Keep(ctx context.Context, rs []engine.Refusal) error {
	ms := make([]message, 0, len(rs))
	for i := range rs {
		ms = append(ms, letter(&rs[i], time.Now()))
	}
	var unfit error
	for len(ms) > 0 {
		n, err := d.out.send(ctx, ms)
		if engine.KindOf(err) != engine.BadInput {
			if err != nil {
				return err
			}
			return unfit
		}
		unfit = err
		ms = ms[n+1:]
	}
	return unfit
}

func letter(r *engine.Refusal, now time.Time) message {
	value := r.Data
	if value == nil {
		value = []byte{} // nil would be a tombstone
	}
	return message{key: []byte(r.Origin.Source), value: value, headers: []kafkago.Header{
		{Key: "reason", Value: []byte(r.Reason)},
		{Key: "detail", Value: []byte(r.Detail)},
		{Key: "source", Value: []byte(r.Origin.Source)},
		{Key: "partition", Value: strconv.AppendInt(nil, int64(r.Origin.Partition), 10)},
		{Key: "offset", Value: strconv.AppendInt(nil, r.Origin.Offset, 10)},
		{Key: "time", Value: now.UTC().AppendFormat(nil, time.RFC3339)},
	}}
}

// Check looks at the brokers and the topic.
func (d *DeadLetter) Check(ctx context.Context) []engine.Finding { return d.out.check(ctx) }

// Close closes the connections.
func (d *DeadLetter) Close() error { return d.out.close() }
