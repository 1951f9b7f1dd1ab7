package kafka

import (
	"fmt"
	"testing"

	"github.com/prometheus/client_golang/prometheus"
	kafkago "github.com/segmentio/kafka-go"
	"github.com/twmb/franz-go/pkg/kerr"
	"github.com/twmb/franz-go/pkg/kmsg"

	"github.com/seed-843b225c/reflex/engine"
)

func TestSourceLeavesMarkersOut(t *testing.T) {
	virtual(func(t *testing.T) {
		f := inMemory(t, 1)
		reg := prometheus.NewRegistry()
		f.write(t, 0, numbered(0, 2)...)
		markers := kafkago.NewRecordReader(
			kafkago.Record{Key: kafkago.NewBytes([]byte{0, 0, 0, 1}), Value: kafkago.NewBytes([]byte{0, 0, 0, 0, 0, 9})},
			kafkago.Record{Key: kafkago.NewBytes([]byte{0, 0, 0, 0}), Value: kafkago.NewBytes([]byte{0, 0, 0, 0, 0, 9})})
		if res, err := f.client.Produce(t.Context(), &kafkago.ProduceRequest{Topic: topic, RequiredAcks: kafkago.RequireAll, Records: markers}); err != nil || res.Error != nil {
			t.Fatal(err, res)
		}
		s, got := f.open(t, f.config(), Options{Metrics: reg}), &seen{}
		got.records(t, s, 2)
		got.until(t, s, "the markers", func() bool { return value(t, reg, "reflex_kafka_markers_total") == 2 })
		if n := value(t, reg, "reflex_kafka_aborted_total"); n != 1 {
			t.Errorf("%v aborts, want 1", n)
		}
		got.commit(t, s)
		got.until(t, s, "a commit behind the markers", func() bool { got.commit(t, s); return f.committed(t, f.config().Group, 0) == 4 })
		if lags := s.Lags(); len(lags) != 1 || lags[0].Next != 4 || lags[0].End != 4 {
			t.Errorf("lags are %+v", lags)
		}
		expect(t, got.values[0], numbered(0, 2))
	})(t)
}

// A real record may look much like a marker.
func TestATextIsNoMarker(t *testing.T) {
	virtual(func(t *testing.T) {
		f := inMemory(t, 1)
		text := kafkago.NewRecordReader(kafkago.Record{Key: kafkago.NewBytes([]byte{0, 0, 0, 1}), Value: kafkago.NewBytes([]byte("line 1"))})
		if res, err := f.client.Produce(t.Context(), &kafkago.ProduceRequest{Topic: topic, RequiredAcks: kafkago.RequireAll, Records: text}); err != nil || res.Error != nil {
			t.Fatal(err, res)
		}
		s, got := f.open(t, f.config(), Options{}), &seen{}
		got.records(t, s, 1)
		expect(t, got.values[0], []string{"line 1"})
	})(t)
}

func TestSourceSaysWhatRetentionTook(t *testing.T) {
	virtual(func(t *testing.T) {
		f := inMemory(t, 1)
		reg := prometheus.NewRegistry()
		f.write(t, 0, numbered(0, 30)...)
		s, got := f.open(t, f.config(), Options{}), &seen{}
		got.records(t, s, 30)
		got.commit(t, s)
		s.Close()
		f.write(t, 0, numbered(30, 30)...)
		f.deleteBefore(t, 45)
		s, got = f.open(t, f.config(), Options{Metrics: reg}), &seen{}
		got.records(t, s, 15)
		expect(t, got.values[0], numbered(45, 15))
		if lost := value(t, reg, "reflex_kafka_lost_total"); lost != 15 {
			t.Errorf("lost are %v, want 15", lost)
		}
	})(t)
}

// deleteBefore removes the records before an offset, as retention does.
func (f *fake) deleteBefore(t testing.TB, offset int64) {
	t.Helper()
	conn, err := f.dial(t.Context(), "tcp", f.addrs[0])
	if err != nil {
		t.Fatal(err)
	}
	defer conn.Close()
	req := kmsg.NewPtrDeleteRecordsRequest()
	rt := kmsg.NewDeleteRecordsRequestTopic()
	rp := kmsg.NewDeleteRecordsRequestTopicPartition()
	rp.Offset = offset
	rt.Topic, rt.Partitions = topic, append(rt.Partitions, rp)
	req.Topics, req.TimeoutMillis = append(req.Topics, rt), 5000
	req.Version = 1
	res := ask(t, conn, req).(*kmsg.DeleteRecordsResponse)
	if code := res.Topics[0].Partitions[0].ErrorCode; code != 0 {
		t.Fatalf("delete records: %v", kerr.ErrorForCode(code))
	}
}

func TestSourceFollowsATopicThatWasMadeAnew(t *testing.T) {
	virtual(func(t *testing.T) {
		f := inMemory(t, 1)
		f.write(t, 0, numbered(0, 30)...)
		s, got := f.open(t, f.config(), Options{}), &seen{}
		got.records(t, s, 30)
		got.commit(t, s)
		s.Close()
		f.recreate(t)
		f.write(t, 0, numbered(100, 5)...)
		s, got = f.open(t, f.config(), Options{}), &seen{}
		got.records(t, s, 5)
		expect(t, got.values[0], numbered(100, 5))
		got.commit(t, s)
		if at := f.committed(t, f.config().Group, 0); at != 5 {
			t.Errorf("the group stands at %d, want 5", at)
		}
	})(t)
}

// TestSourceNoticesANewTopicThatHoldsMore than was read of the old one: while
// it runs, and when it comes back with what a store knows.
func TestSourceNoticesANewTopicThatHoldsMore(t *testing.T) {
	virtual(func(t *testing.T) {
		f := inMemory(t, 1)
		f.write(t, 0, numbered(0, 30)...)
		s, got := f.open(t, f.config(), Options{}), &seen{}
		got.records(t, s, 30)
		nextMilli()
		f.recreate(t)
		f.write(t, 0, numbered(100, 50)...)
		got.records(t, s, 80)
		expect(t, got.values[0][30:], numbered(100, 50))
		if n := len(got.opened); n != 2 || got.opened[1].Offset != 0 {
			t.Errorf("opened are %v", got.opened)
		}
		s.Close()
		stored := engine.Position{Source: topic, Offset: 50, Time: got.last.Time}
		for _, same := range []bool{true, false} {
			if !same {
				nextMilli()
				f.recreate(t)
				f.write(t, 0, numbered(200, 60)...)
			}
			c := f.config()
			c.Group = fmt.Sprint("again ", same)
			s, got = f.open(t, c, Options{Resume: []engine.Position{stored}}), &seen{}
			got.until(t, s, "the partition", func() bool { return len(got.opened) > 0 })
			if want := map[bool]engine.Position{true: stored, false: {Source: topic}}[same]; got.opened[0] != want {
				t.Errorf("same %v: opened at %v, want %v", same, got.opened[0], want)
			}
			s.Close()
		}
	})(t)
}

func (f *fake) recreate(t testing.TB) {
	t.Helper()
	if _, err := f.client.DeleteTopics(t.Context(), &kafkago.DeleteTopicsRequest{Topics: []string{topic}}); err != nil {
		t.Fatal(err)
	}
	f.create(t, 1)
}

func (f *fake) create(t testing.TB, partitions int, set ...kafkago.ConfigEntry) {
	t.Helper()
	res, err := f.client.CreateTopics(t.Context(), &kafkago.CreateTopicsRequest{Topics: []kafkago.TopicConfig{{Topic: topic, NumPartitions: partitions, ReplicationFactor: 1, ConfigEntries: set}}})
	if err == nil {
		err = res.Errors[topic]
	}
	if err != nil {
		t.Fatal(err)
	}
}

func TestSourcePicksUpNewPartitions(t *testing.T) {
	virtual(func(t *testing.T) {
		f := inMemory(t, 1)
		s, got := f.open(t, f.config(), Options{Stateful: true}), &seen{}
		got.until(t, s, "a partition", func() bool { return len(got.opened) == 1 })
		f.addPartition(t)
		f.addPartition(t)
		f.write(t, 2, "new")
		got.records(t, s, 1)
		expect(t, got.values[2], []string{"new"})
	})(t)
}

// A partition is found seconds after it is made; what producers wrote into it
// meanwhile is read even by who begins at the end.
func TestSourceReadsAddedPartitionsFromTheirBegin(t *testing.T) {
	virtual(func(t *testing.T) {
		f := inMemory(t, 1)
		f.write(t, 0, "old")
		c := f.config()
		c.Start = newest
		s, got := f.open(t, c, Options{}), &seen{}
		got.until(t, s, "the first commit", func() bool { return f.committed(t, c.Group, 0) == 1 })
		s.Close()
		f.addPartition(t)
		f.write(t, 1, "before it was found")
		s, got = f.open(t, c, Options{}), &seen{}
		got.records(t, s, 1)
		expect(t, got.values[1], []string{"before it was found"})
		expect(t, got.values[0], nil)
	})(t)
}

// addPartition gives the topic one partition more.
func (f *fake) addPartition(t testing.TB) {
	t.Helper()
	client, done := (&remote{brokers: f.addrs, dialer: &kafkago.Dialer{DialFunc: f.dial}}).client(topic)
	defer done()
	ps, err := partitions(t.Context(), client, []string{topic})
	if err != nil {
		t.Fatal(err)
	}
	n := int32(len(ps[topic]) + 1)
	res, err := client.CreatePartitions(t.Context(), &kafkago.CreatePartitionsRequest{Topics: []kafkago.TopicPartitionsConfig{{Name: topic, Count: n}}})
	if err != nil || res.Errors[topic] != nil {
		t.Fatal(err, res)
	}
	f.client.Transport.(*kafkago.Transport).CloseIdleConnections() // and with them what it knows of the topic
}
