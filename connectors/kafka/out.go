package kafka

import (
	"context"
	"fmt"
	"slices"
	"time"

	kafkago "github.com/segmentio/kafka-go"

	"github.com/seed-843b225c/reflex/engine"
)

// requestSize is about how many bytes of messages go into one request. A
// broker judges a record batch as a whole against max.message.bytes (1 MB by
// default), compressed.
const requestSize = 512 << 10

// message is what is written. Messages with the same key keep their order.
type message struct {
	key, value []byte
	headers    []kafkago.Header
}

// out writes to one topic. One goroutine uses it.
type out struct {
	topic  string
	remote *remote
	client *kafkago.Client
	done   func()
}

func newOut(c Config, topic string, dial DialFunc) (*out, error) {
	r, err := newRemote(c, dial)
	if err != nil {
		return nil, err
	}
	o := &out{topic: topic, remote: r}
	o.client, o.done = r.client(topic)
	return o, nil
}

// send writes messages and gives how many of them, from the start, all in-sync
// replicas have. The error is about the next one.
func (o *out) send(ctx context.Context, ms []message) (sent int, err error) {
	for sent < len(ms) {
		if err := ctx.Err(); err != nil {
			return sent, err
		}
		n := 1
		for size := len(ms[sent].value); sent+n < len(ms) && size+len(ms[sent+n].value) <= requestSize; n++ {
			size += len(ms[sent+n].value)
		}
		done, err := o.group(ctx, ms[sent:sent+n])
		sent += done
		if engine.KindOf(err) == engine.BadInput && n > 1 { // which one is it?
			done, err = o.singly(ctx, ms[sent:sent+n-done])
			sent += done
		}
		if err != nil {
			return sent, err
		}
	}
	return sent, nil
}

func (o *out) singly(ctx context.Context, ms []message) (sent int, err error) {
	for i := range ms {
		if _, err := o.group(ctx, ms[i:i+1]); err != nil {
			return i, err
		}
	}
	return len(ms), nil
}

// group writes messages by one request a partition.
func (o *out) group(ctx context.Context, ms []message) (sent int, err error) {
	ps, err := partitions(ctx, o.client, []string{o.topic})
	if err != nil {
		return 0, o.clearer(ctx, err)
	}
	ids := make([]int, 0, len(ps[o.topic]))
	for _, p := range ps[o.topic] {
		ids = append(ids, p.ID)
	}
	by := map[int][]int{} // messages by partition
	var order []int
	for i := range ms {
		id := kafkago.Murmur2Balancer{}.Balance(kafkago.Message{Key: ms[i].key}, ids...)
		if by[id] == nil {
			order = append(order, id)
		}
		by[id] = append(by[id], i)
	}
	for i, id := range order {
		if err := o.produce(ctx, id, ms, by[id]); err != nil {
			first := len(ms)
			for _, missing := range order[i:] {
				first = min(first, by[missing][0])
			}
			return first, o.clearer(ctx, err)
		}
	}
	return len(ms), nil
}

func (o *out) produce(ctx context.Context, id int, ms []message, which []int) error {
	now := time.Now()
	records := make([]kafkago.Record, 0, len(which))
	for _, i := range which {
		records = append(records, kafkago.Record{Key: kafkago.NewBytes(ms[i].key), Value: kafkago.NewBytes(ms[i].value), Headers: slices.Clone(ms[i].headers), Time: now})
	}
	res, err := o.client.Produce(ctx, &kafkago.ProduceRequest{
		Topic: o.topic, Partition: id, RequiredAcks: kafkago.RequireAll, Compression: kafkago.Lz4,
		Records: kafkago.NewRecordReader(records...),
	})
	if err == nil {
		err = res.Error
	}
	return explainIf(fmt.Sprintf("kafka topic %s[%d]", o.topic, id), err)
}

// clearer asks the broker once more where the client's error says too little:
// a refused login reaches us only as a closed connection.
func (o *out) clearer(ctx context.Context, err error) error {
	if engine.KindOf(err) != engine.Temporary {
		return err
	}
	conn, clear := o.remote.dial(ctx)
	if clear == nil {
		conn.Close()
		return err
	}
	if engine.KindOf(clear) == engine.Fatal {
		return clear
	}
	return err
}

func (o *out) check(ctx context.Context) []engine.Finding {
	fs, ok := o.remote.checkBrokers(ctx)
	if !ok {
		return fs
	}
	c, done := o.remote.client(o.topic)
	defer done()
	return append(fs, checkTopic(ctx, c, o.topic, false))
}

func (o *out) close() error {
	o.done()
	return nil
}
