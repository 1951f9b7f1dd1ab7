package kafka

import (
	"context"
	"fmt"

	kafkago "github.com/segmentio/kafka-go"

	"github.com/seed-843b225c/reflex/engine"
)

// Feed writes records to a topic, in order within what their keys put into one
// partition, with their headers: logs for trying out and for tests. It returns
// when all in-sync replicas have them; after an error some may be there.
func Feed(ctx context.Context, c Config, topic string, records []engine.Record, o Options) error {
	out, err := newOut(c, topic, o.Dial)
	if err != nil {
		return err
	}
	ms := make([]message, len(records))
	for i, r := range records {
		ms[i] = message{key: []byte(r.Key), value: r.Data}
		if r.Key == "" { // no key means any partition, not always the same
			ms[i].key = nil
		}
		for _, h := range r.Headers {
			ms[i].headers = append(ms[i].headers, kafkago.Header{Key: h.Key, Value: []byte(h.Value)})
		}
	}
	if n, err := out.send(ctx, ms); err != nil {
		_ = out.close() // what matters is why it stopped
		return fmt.Errorf("topic %s: %d of %d records are written: %w", topic, n, len(ms), err)
	}
	return out.close()
}
