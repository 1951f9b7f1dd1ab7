package kafka

import (
	"bytes"
	"context"
	"encoding/binary"
	"encoding/json"
	"errors"
	"io"
	"slices"
	"strings"
	"testing"
	"time"

	kafkago "github.com/segmentio/kafka-go"
	"github.com/segmentio/kafka-go/protocol"
	"github.com/twmb/franz-go/pkg/kerr"
	"github.com/twmb/franz-go/pkg/kfake"
	"github.com/twmb/franz-go/pkg/kmsg"

	"github.com/seed-843b225c/reflex/connectors/contract"
	"github.com/seed-843b225c/reflex/engine"
)

func TestSinkKeepsTheContract(t *testing.T) {
	for _, partitions := range []int32{1, 3} {
		contract.Sink(t, func(t testing.TB) contract.SinkRig {
			f := newFake(t, partitions)
			return contract.SinkRig{
				Open: func(t testing.TB) engine.Sink {
					s, err := NewSink(SinkConfig{Config: Config{Brokers: f.addrs}, Topic: topic}, Options{})
					if err != nil {
						t.Fatal(err)
					}
					return s
				},
				Stored: func(t testing.TB) []string {
					var ids []string
					for _, m := range readAll(t, f.config().Config, topic) {
						ids = append(ids, header(m, "id"))
					}
					return ids
				},
				Unordered: partitions > 1,
				Refuse:    func(t testing.TB, bad engine.Transition) { f.refuse(bad.DocumentID()) },
				Trouble: func(t testing.TB) func() {
					h := f.Fault(kfake.Fault{Keys: []kmsg.Key{kmsg.Produce}, Topic: topic, Err: kerr.NotEnoughReplicas, Count: -1})
					return h.Remove
				},
			}
		})
	}
}

// refuse makes the broker find every batch too large that holds this id.
func (f *fake) refuse(id string) {
	f.ControlKey(int16(kmsg.Produce), func(r kmsg.Request) (kmsg.Response, error, bool) {
		req := r.(*kmsg.ProduceRequest)
		for _, rt := range req.Topics {
			for _, rp := range rt.Partitions {
				if !holds(rp.Records, id) {
					continue
				}
				f.KeepControl()
				res := req.ResponseKind().(*kmsg.ProduceResponse)
				p := kmsg.NewProduceResponseTopicPartition()
				p.Partition, p.ErrorCode = rp.Partition, kerr.MessageTooLarge.Code
				st := kmsg.NewProduceResponseTopic()
				st.Topic, st.TopicID, st.Partitions = rt.Topic, rt.TopicID, append(st.Partitions, p)
				res.Topics = append(res.Topics, st)
				return res, nil, true
			}
		}
		return nil, nil, false
	})
}

// holds looks for an id in the headers of a record batch.
func holds(batch []byte, id string) bool {
	var set protocol.RecordSet
	if _, err := set.ReadFrom(bytes.NewReader(append(binary.BigEndian.AppendUint32(nil, uint32(len(batch))), batch...))); err != nil {
		return false
	}
	for {
		r, err := set.Records.ReadRecord()
		if err != nil {
			return false
		}
		for _, h := range r.Headers {
			if h.Key == "id" && string(h.Value) == id {
				return true
			}
		}
	}
}

// readAll gives all messages of a topic, partition by partition.
func readAll(t testing.TB, c Config, topic string) []kafkago.Message {
	t.Helper()
	ctx, cancel := context.WithTimeout(t.Context(), 20*time.Second)
	defer cancel()
	r, err := newRemote(c, nil)
	if err != nil {
		t.Fatal(err)
	}
	client, done := r.client(topic)
	defer done()
	ps, err := partitions(ctx, client, []string{topic})
	if err != nil {
		t.Fatal(err)
	}
	var out []kafkago.Message
	for _, p := range ps[topic] {
		out = append(out, readPartition(ctx, t, r, topic, int32(p.ID))...)
	}
	return out
}

func readPartition(ctx context.Context, t testing.TB, r *remote, topic string, id int32) (out []kafkago.Message) {
	t.Helper()
	conn, err := r.dialLeader(ctx, topic, id)
	if err != nil {
		t.Fatal(err)
	}
	defer conn.Close()
	next, last, err := offsets(conn)
	for err == nil && next < last {
		b := request(conn, next, 8<<20, time.Second)
		for {
			m, err := b.ReadMessage()
			if err != nil {
				break
			}
			out, next = append(out, m), m.Offset+1
		}
		if err = b.Close(); errors.Is(err, io.EOF) {
			err = nil
		}
	}
	if err != nil {
		t.Fatal(err)
	}
	return out
}

func header(m kafkago.Message, key string) string {
	for _, h := range m.Headers {
		if h.Key == key {
			return string(h.Value)
		}
	}
	return ""
}

func TestSinkWritesOneMessageATransition(t *testing.T) {
	f := newFake(t, 3)
	s, err := NewSink(SinkConfig{Config: Config{Brokers: f.addrs}, Topic: topic}, Options{})
	if err != nil {
		t.Fatal(err)
	}
	defer s.Close()
	ts := contract.Transitions(12)
	if n, err := s.Deliver(t.Context(), ts); n != 12 || err != nil {
		t.Fatalf("Deliver: %d, %v", n, err)
	}
	where := map[string]int{}
	numbers := map[string][]string{}
	for _, m := range readAll(t, Config{Brokers: f.addrs}, topic) {
		id := string(m.Key)
		if p, ok := where[id]; ok && p != m.Partition {
			t.Errorf("%s is in partitions %d and %d", id, p, m.Partition)
		}
		where[id] = m.Partition
		numbers[id] = append(numbers[id], header(m, "change")+header(m, "number"))
		var doc struct {
			Reflex struct{ Transition struct{ ID string } }
		}
		if err := json.Unmarshal(m.Value, &doc); err != nil || doc.Reflex.Transition.ID != header(m, "id") {
			t.Errorf("document of %s: %v, %+v", header(m, "id"), err, doc)
		}
	}
	for id, got := range numbers {
		if want := []string{"opened1", "raised2", "final3"}; !slices.Equal(got, want) {
			t.Errorf("%s has %v, want %v", id, got, want)
		}
	}
	if len(numbers) != 4 {
		t.Errorf("%d keys, want 4", len(numbers))
	}
}

func TestDeadLetterKeepsWhyAndWhereFrom(t *testing.T) {
	f := newFake(t, 2)
	d, err := NewDeadLetter(DeadLetterConfig{Config: Config{Brokers: f.addrs}, Topic: topic}, Options{})
	if err != nil {
		t.Fatal(err)
	}
	defer d.Close()
	rs := []engine.Refusal{
		{Origin: engine.Origin{Source: "in", Partition: 3, Offset: 77}, Reason: "not JSON", Detail: "byte 4", Data: []byte("{bad")},
		{Origin: engine.Origin{Source: "in", Partition: 1, Offset: 5}, Reason: "empty"},
	}
	if err := d.Keep(t.Context(), rs); err != nil {
		t.Fatal(err)
	}
	got := readAll(t, Config{Brokers: f.addrs}, topic)
	if len(got) != 2 {
		t.Fatalf("%d letters, want 2", len(got))
	}
	m := got[0]
	if string(m.Value) != "{bad" || string(m.Key) != "in" || header(m, "reason") != "not JSON" || header(m, "detail") != "byte 4" ||
		header(m, "source") != "in" || header(m, "partition") != "3" || header(m, "offset") != "77" {
		t.Errorf("letter is %s %v", m.Value, m.Headers)
	}
	if _, err := time.Parse(time.RFC3339, header(m, "time")); err != nil {
		t.Error(err)
	}
	if m := got[1]; len(m.Value) != 0 || header(m, "reason") != "empty" || header(m, "offset") != "5" {
		t.Errorf("letter is %s %v", m.Value, m.Headers)
	}
}

func TestDeadLetterKeepsTheOthersOfOneThatIsRefused(t *testing.T) {
	f := newFake(t, 1)
	f.ControlKey(int16(kmsg.Produce), func(r kmsg.Request) (kmsg.Response, error, bool) {
		if batch := r.(*kmsg.ProduceRequest).Topics[0].Partitions[0].Records; len(batch) < 40<<10 {
			return nil, nil, false
		}
		f.KeepControl()
		res := r.ResponseKind().(*kmsg.ProduceResponse)
		p := kmsg.NewProduceResponseTopicPartition()
		p.ErrorCode = kerr.MessageTooLarge.Code
		st := kmsg.NewProduceResponseTopic()
		st.Topic, st.TopicID, st.Partitions = topic, r.(*kmsg.ProduceRequest).Topics[0].TopicID, append(st.Partitions, p)
		res.Topics = append(res.Topics, st)
		return res, nil, true
	})
	d, err := NewDeadLetter(DeadLetterConfig{Config: Config{Brokers: f.addrs}, Topic: topic}, Options{})
	if err != nil {
		t.Fatal(err)
	}
	defer d.Close()
	noise := make([]byte, 60<<10)
	x := uint32(1)
	for i := range noise {
		x = x*1664525 + 1013904223
		noise[i] = byte(x >> 24)
	}
	rs := []engine.Refusal{{Data: []byte("first")}, {Data: noise}, {Data: []byte("last")}}
	if err := d.Keep(t.Context(), rs); engine.KindOf(err) != engine.BadInput {
		t.Errorf("Keep: kind %q, %v", engine.KindOf(err), err)
	}
	var got []string
	for _, m := range readAll(t, Config{Brokers: f.addrs}, topic) {
		got = append(got, string(m.Value))
	}
	if !slices.Equal(got, []string{"first", "last"}) {
		t.Errorf("kept are %.100s", got)
	}
}

func TestWriteErrorsSayWhatToDo(t *testing.T) {
	f := newFake(t, 1)
	for name, c := range map[string]struct {
		config Config
		topic  string
		kind   engine.ErrorKind
		text   string
	}{
		"no topic":  {Config{Brokers: f.addrs}, "other", engine.Fatal, "kafka topic other: the topic does not exist: create it"},
		"no broker": {Config{Brokers: []string{freeAddress(t)}}, topic, engine.Temporary, "cannot be reached (connect: connection refused)"},
	} {
		t.Run(name, func(t *testing.T) {
			s, err := NewSink(SinkConfig{Config: c.config, Topic: c.topic}, Options{})
			if err != nil {
				t.Fatal(err)
			}
			defer s.Close()
			n, err := s.Deliver(t.Context(), contract.Transitions(2))
			if n != 0 || engine.KindOf(err) != c.kind || !strings.Contains(err.Error(), c.text) {
				t.Errorf("Deliver: %d, kind %q, %v", n, engine.KindOf(err), err)
			}
		})
	}
}
