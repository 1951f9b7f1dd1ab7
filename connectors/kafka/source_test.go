package kafka

import (
	"context"
	"fmt"
	"net"
	"slices"
	"strconv"
	"strings"
	"testing"
	"time"

	"github.com/prometheus/client_golang/prometheus"
	dto "github.com/prometheus/client_model/go"
	kafkago "github.com/segmentio/kafka-go"
	"github.com/twmb/franz-go/pkg/kerr"
	"github.com/twmb/franz-go/pkg/kfake"
	"github.com/twmb/franz-go/pkg/kmsg"

	"github.com/seed-843b225c/reflex/engine"
)

func TestSourceReadsEveryCodec(t *testing.T) {
	f := newFake(t, 1)
	codecs := []kafkago.Compression{0, kafkago.Gzip, kafkago.Snappy, kafkago.Lz4, kafkago.Zstd}
	for i, codec := range codecs {
		f.writeAs(t, codec, 0, numbered(100*i, 100)...)
	}
	s, got := open(t, f.config(), Options{}), &seen{}
	got.records(t, s, 500)
	expect(t, got.values[0], numbered(0, 500))
	r := got.last
	if r.Format != "cloudtrail" || r.Key != "k" || len(r.Headers) != 1 || r.Headers[0] != (engine.Header{Key: "h", Value: "1"}) ||
		r.Origin != (engine.Origin{Source: topic, Offset: 499}) || time.Since(time.Unix(0, r.Time)).Abs() > time.Minute || r.Chunk {
		t.Errorf("record is %+v", r)
	}
}

func TestSourceReadsManyTopicsWithAFormatEach(t *testing.T) {
	f := newFake(t, 2, kfake.SeedTopics(1, "reflex.litellm", "reflex.vpcflow"))
	c := f.config()
	c.Topics = append(c.Topics, Topic{Name: "reflex.litellm", Format: "litellm"}, Topic{Name: "reflex.vpcflow", Format: "vpcflow"})
	for _, topic := range c.Topics {
		produce(t, f.client, topic.Name, 0, 0, topic.Name)
	}
	s := open(t, c, Options{})
	formats := map[string]string{}
	for end := time.Now().Add(20 * time.Second); len(formats) < 3; {
		ctx, cancel := context.WithDeadline(t.Context(), end)
		b, err := s.Poll(ctx)
		cancel()
		if err != nil {
			t.Fatal(err)
		}
		for _, r := range b.Records {
			formats[r.Origin.Source] = r.Format
		}
	}
	for _, topic := range c.Topics {
		if formats[topic.Name] != topic.Format {
			t.Errorf("%s has format %q, want %q", topic.Name, formats[topic.Name], topic.Format)
		}
	}
}

func TestSourceStartsWhereItIsTold(t *testing.T) {
	for _, start := range []string{"", oldest, newest, "time", "future"} {
		t.Run("start "+start, func(t *testing.T) {
			f := newFake(t, 1)
			f.write(t, 0, numbered(0, 10)...)
			time.Sleep(2 * time.Millisecond) // so that the broker's clock, in ms, has moved
			c, want := f.config(), numbered(10, 5)
			c.Start = start
			switch start {
			case "", oldest:
				want = numbered(0, 15)
			case "time":
				c.Start = time.Now().Format(time.RFC3339Nano)
			case "future":
				c.Start = time.Now().Add(time.Hour).Format(time.RFC3339)
			}
			if start == "time" {
				f.write(t, 0, want...)
			}
			s, got := open(t, c, Options{}), &seen{}
			got.until(t, s, "the partition", func() bool { return len(got.opened) == 1 })
			if start != "time" {
				f.write(t, 0, numbered(10, 5)...)
			}
			got.records(t, s, len(want))
			expect(t, got.values[0], want)
		})
	}
}

// Even when nothing came before it stopped, a reader that began at the end
// must not miss what was written while it was away.
func TestSourceCommitsWhereItBegan(t *testing.T) {
	f := newFake(t, 1)
	f.write(t, 0, numbered(0, 10)...)
	c := f.config()
	c.Start = newest
	s, got := open(t, c, Options{}), &seen{}
	got.until(t, s, "the first commit", func() bool { return f.committed(t, c.Group, 0) == 10 })
	s.Close()
	f.write(t, 0, numbered(10, 3)...)
	s, got = open(t, c, Options{}), &seen{}
	got.records(t, s, 3)
	expect(t, got.values[0], numbered(10, 3))
}

func TestSourceGivesUpPartitionsOnlyAfterTheirCommit(t *testing.T) {
	f := newFake(t, 4)
	for p := range int32(4) {
		f.write(t, p, numbered(0, 20)...)
	}
	a, gotA := open(t, f.config(), Options{}), &seen{}
	a.timing.drain = 10 * time.Second
	gotA.records(t, a, 80)

	b, gotB := open(t, f.config(), Options{}), &seen{}
	joined := make(chan struct{})
	go func() {
		defer close(joined)
		gotB.until(t, b, "two partitions", func() bool { return len(gotB.opened) == 2 })
	}()
	gotA.until(t, a, "all partitions to go", func() bool { return len(gotA.closed) == 4 })
	gotA.poll(t, a, 1500*time.Millisecond) // longer than a session: commits keep the member alive
	select {
	case <-joined:
		t.Fatal("the partitions went before the commit")
	default:
	}
	gotA.commit(t, a)
	<-joined
	for _, pos := range gotB.opened {
		if pos.Offset != 20 {
			t.Errorf("%+v was opened, want offset 20: nothing was to come twice", pos)
		}
	}
	gotA.until(t, a, "two partitions back", func() bool { return len(gotA.opened) == 6 })
	for p := range int32(4) {
		f.write(t, p, numbered(20, 5)...)
	}
	both := func() int { return gotA.total - 80 + gotB.total }
	gotA.until(t, a, "the rest", func() bool { gotB.poll(t, b, 20*time.Millisecond); return both() >= 20 })
	if both() != 20 || gotB.total != 10 {
		t.Errorf("%d records came, %d to the second member: want 20 and 10", both(), gotB.total)
	}
}

// A commit that comes after the partitions went to someone else must not move
// the group's position back.
func TestSourceNeverCommitsForOthers(t *testing.T) {
	f := newFake(t, 1)
	f.write(t, 0, numbered(0, 50)...)
	a, gotA := open(t, f.config(), Options{}), &seen{}
	a.timing.drain = 100 * time.Millisecond
	gotA.records(t, a, 50)
	late := gotA.next[0] - 30

	b, gotB := open(t, f.config(), Options{}), &seen{}
	gotA.until(t, a, "one member without a partition", func() bool {
		gotB.poll(t, b, 20*time.Millisecond)
		return len(gotA.closed) == 1 && len(gotB.opened)+len(gotA.opened) == 2
	})
	owner, other, gotOwner := a, b, gotA
	if len(gotB.opened) == 1 {
		owner, other, gotOwner = b, a, gotB
	}
	gotOwner.until(t, owner, "all records again", func() bool { return gotOwner.next[0] == 50 && len(gotOwner.values[0]) >= 50 })
	gotOwner.commit(t, owner)
	if err := other.Commit(t.Context(), []engine.Position{{Source: topic, Offset: late}}); err != nil {
		t.Errorf("Commit for a partition of another member: %v", err)
	}
	if at := f.committed(t, f.config().Group, 0); at != 50 {
		t.Errorf("the group stands at %d, want 50", at)
	}
}

func TestSourceSurvivesABrokerRestart(t *testing.T) {
	dir := t.TempDir()
	_, port, _ := net.SplitHostPort(freeAddress(t))
	n, _ := strconv.Atoi(port)
	opts := []kfake.Opt{kfake.DataDir(dir), kfake.Ports(n)}
	f := newFake(t, 2, opts...)
	f.write(t, 0, numbered(0, 20)...)
	s, got := open(t, f.config(), Options{}), &seen{}
	got.records(t, s, 20)
	got.commit(t, s)
	f.Close()
	got.until(t, s, "trouble", func() bool { return len(got.errs) > 0 })
	f = newFake(t, 2, opts...)
	f.write(t, 0, numbered(20, 20)...)
	began := time.Now()
	got.records(t, s, 40)
	expect(t, got.values[0], numbered(0, 40))
	if took := time.Since(began); took > 10*time.Second {
		t.Errorf("reading began again after %s", took)
	}
	for _, err := range got.errs {
		if engine.KindOf(err) != engine.Temporary {
			t.Errorf("kind %q: %v", engine.KindOf(err), err)
		}
	}
}

func TestSourceRidesOverBrokerErrors(t *testing.T) {
	for _, c := range []struct {
		key kmsg.Key
		err *kerr.Error
	}{
		{kmsg.Fetch, kerr.NotLeaderForPartition}, {kmsg.Fetch, kerr.UnknownServerError}, {kmsg.Fetch, kerr.TopicAuthorizationFailed},
		{kmsg.Metadata, kerr.UnknownTopicOrPartition}, {kmsg.OffsetFetch, kerr.CoordinatorLoadInProgress},
		{kmsg.OffsetCommit, kerr.CoordinatorNotAvailable}, {kmsg.Heartbeat, kerr.UnknownMemberID}, {kmsg.JoinGroup, kerr.CoordinatorNotAvailable},
		{kmsg.ListOffsets, kerr.LeaderNotAvailable}, {kmsg.SyncGroup, kerr.RebalanceInProgress}, {kmsg.DescribeGroups, kerr.CoordinatorNotAvailable},
	} {
		t.Run(fmt.Sprint(c.key.Name(), " ", c.err.Message), func(t *testing.T) {
			f := newFake(t, 1)
			f.write(t, 0, numbered(0, 10)...)
			h := f.Fault(kfake.Fault{Keys: []kmsg.Key{c.key}, Err: c.err, Count: 2})
			s, got := open(t, f.config(), Options{Stateful: true}), &seen{}
			got.records(t, s, 10)
			got.commit(t, s)
			got.until(t, s, "the fault", func() bool { return h.Hits() >= 2 })
			f.write(t, 0, numbered(10, 10)...)
			got.until(t, s, "the rest", func() bool { return got.next[0] == 20 })
			if n := got.total; n != 20 {
				t.Errorf("%d records came, want 20: %v", n, got.values[0])
			}
		})
	}
}

// The library takes a failed look-up of the committed position for "there is
// none": everything would come again, or be left out.
func TestSourceTrustsNoFailedLookUp(t *testing.T) {
	f := newFake(t, 1)
	f.write(t, 0, numbered(0, 10)...)
	s, got := open(t, f.config(), Options{}), &seen{}
	got.records(t, s, 10)
	got.commit(t, s)
	s.Close()
	f.write(t, 0, numbered(10, 1)...)
	h := f.Fault(kfake.Fault{Keys: []kmsg.Key{kmsg.OffsetFetch}, Err: kerr.UnstableOffsetCommit, Count: 4})
	s, got = open(t, f.config(), Options{}), &seen{}
	got.records(t, s, 1)
	expect(t, got.values[0], numbered(10, 1))
	if h.Hits() != 4 {
		t.Errorf("the fault was met %d times, want 4", h.Hits())
	}
}

func TestSourceLeavesMarkersOut(t *testing.T) {
	f := newFake(t, 1)
	reg := prometheus.NewRegistry()
	f.write(t, 0, numbered(0, 2)...)
	markers := kafkago.NewRecordReader(
		kafkago.Record{Key: kafkago.NewBytes([]byte{0, 0, 0, 1}), Value: kafkago.NewBytes([]byte{0, 0, 0, 0, 0, 9})},
		kafkago.Record{Key: kafkago.NewBytes([]byte{0, 0, 0, 0}), Value: kafkago.NewBytes([]byte{0, 0, 0, 0, 0, 9})})
	if res, err := f.client.Produce(t.Context(), &kafkago.ProduceRequest{Topic: topic, RequiredAcks: kafkago.RequireAll, Records: markers}); err != nil || res.Error != nil {
		t.Fatal(err, res)
	}
	s, got := open(t, f.config(), Options{Metrics: reg}), &seen{}
	got.records(t, s, 2)
	got.until(t, s, "the markers", func() bool { return value(t, reg, "reflex_kafka_markers_total") == 2 })
	got.commit(t, s)
	got.until(t, s, "a commit behind the markers", func() bool { got.commit(t, s); return f.committed(t, f.config().Group, 0) == 4 })
	if lags := s.Lags(); len(lags) != 1 || lags[0].Next != 4 || lags[0].End != 4 {
		t.Errorf("lags are %+v", lags)
	}
	expect(t, got.values[0], numbered(0, 2))
}

func TestSourceSaysWhatRetentionTook(t *testing.T) {
	f := newFake(t, 1)
	reg := prometheus.NewRegistry()
	f.write(t, 0, numbered(0, 30)...)
	s, got := open(t, f.config(), Options{}), &seen{}
	got.records(t, s, 30)
	got.commit(t, s)
	s.Close()
	f.write(t, 0, numbered(30, 30)...)
	f.deleteBefore(t, 45)
	s, got = open(t, f.config(), Options{Metrics: reg}), &seen{}
	got.records(t, s, 15)
	expect(t, got.values[0], numbered(45, 15))
	if lost := value(t, reg, "reflex_kafka_lost_total"); lost != 15 {
		t.Errorf("lost are %v, want 15", lost)
	}
}

// deleteBefore removes the records before an offset, as retention does.
func (f *fake) deleteBefore(t testing.TB, offset int64) {
	t.Helper()
	conn, err := net.Dial("tcp", f.addrs[0])
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
	f := newFake(t, 1)
	f.write(t, 0, numbered(0, 30)...)
	s, got := open(t, f.config(), Options{}), &seen{}
	got.records(t, s, 30)
	got.commit(t, s)
	s.Close()
	f.recreate(t)
	f.write(t, 0, numbered(100, 5)...)
	s, got = open(t, f.config(), Options{}), &seen{}
	got.records(t, s, 5)
	expect(t, got.values[0], numbered(100, 5))
	got.commit(t, s)
	if at := f.committed(t, f.config().Group, 0); at != 5 {
		t.Errorf("the group stands at %d, want 5", at)
	}
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
	f := newFake(t, 1)
	s, got := open(t, f.config(), Options{Stateful: true}), &seen{}
	got.until(t, s, "a partition", func() bool { return len(got.opened) == 1 })
	f.addPartition(t)
	f.addPartition(t)
	tr := &kafkago.Transport{}
	defer tr.CloseIdleConnections()
	produce(t, &kafkago.Client{Addr: kafkago.TCP(f.addrs...), Transport: tr}, topic, 0, 2, "new")
	got.records(t, s, 1)
	expect(t, got.values[2], []string{"new"})
}

// addPartition gives the topic one partition more.
func (f *fake) addPartition(t testing.TB) {
	t.Helper()
	client, done := (&remote{brokers: f.addrs, dialer: &kafkago.Dialer{}}).client(topic)
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
}

func TestSourceRefusesACompactedTopic(t *testing.T) {
	f := newFake(t, 1)
	if _, err := f.client.DeleteTopics(t.Context(), &kafkago.DeleteTopicsRequest{Topics: []string{topic}}); err != nil {
		t.Fatal(err)
	}
	f.create(t, 1, kafkago.ConfigEntry{ConfigName: "cleanup.policy", ConfigValue: "compact"})
	s := open(t, f.config(), Options{})
	wantFatal(t, s, "kafka topic reflex.cloudtrail: is compacted (cleanup.policy=compact)", "use a topic with cleanup.policy=delete")
}

// wantFatal polls until a fatal error comes, and looks for texts in it.
func wantFatal(t testing.TB, s *Source, texts ...string) {
	t.Helper()
	got := &seen{}
	var last error
	got.until(t, s, "a fatal error", func() bool {
		if len(got.errs) > 0 {
			last = got.errs[len(got.errs)-1]
		}
		return engine.KindOf(last) == engine.Fatal
	})
	for _, text := range texts {
		if !strings.Contains(last.Error(), text) {
			t.Errorf("%q does not say %q", last, text)
		}
	}
	if got.total > 0 {
		t.Errorf("%d records came all the same", got.total)
	}
}

func TestSourceSaysWhyItCannotRead(t *testing.T) {
	f := newFake(t, 1)
	for name, c := range map[string]struct {
		change func(*SourceConfig)
		fault  kfake.Fault
		texts  []string
	}{
		"no such topic": {func(c *SourceConfig) { c.Topics[0].Name = "reflex.missing" }, kfake.Fault{}, []string{"kafka topic reflex.missing: the topic does not exist: create it"}},
		"topic denied":  {func(*SourceConfig) {}, kfake.Fault{Keys: []kmsg.Key{kmsg.Metadata}, Topic: topic, Err: kerr.TopicAuthorizationFailed, Count: -1}, []string{"kafka topic reflex.cloudtrail: no permission for this topic: grant Read and Describe"}},
		"group denied":  {func(*SourceConfig) {}, kfake.Fault{Keys: []kmsg.Key{kmsg.JoinGroup}, TopLevel: true, Err: kerr.GroupAuthorizationFailed, Count: -1}, []string{"kafka group reflex: no permission for this consumer group: grant Read on it"}},
		"session":       {func(c *SourceConfig) { c.SessionTimeout = time.Hour }, kfake.Fault{}, []string{"kafka group reflex: the broker does not allow this session_timeout"}},
	} {
		t.Run(name, func(t *testing.T) {
			if c.fault.Err != nil {
				defer f.Fault(c.fault).Remove()
			}
			config := f.config()
			c.change(&config)
			wantFatal(t, open(t, config, Options{}), c.texts...)
		})
	}
	t.Run("no broker", func(t *testing.T) {
		c := f.config()
		c.Brokers = []string{freeAddress(t)}
		s, got := open(t, c, Options{}), &seen{}
		got.until(t, s, "an error", func() bool { return len(got.errs) > 0 })
		if err := got.errs[0]; engine.KindOf(err) != engine.Temporary || !strings.Contains(err.Error(), "cannot be reached") {
			t.Errorf("kind %q: %v", engine.KindOf(err), err)
		}
	})
}

func TestSourceResumesOnlyItsOwnTopics(t *testing.T) {
	f := newFake(t, 1)
	f.write(t, 0, numbered(0, 10)...)
	s, got := open(t, f.config(), Options{Resume: []engine.Position{{Source: topic, Offset: 7}, {Source: "a/file", Partition: -1, Offset: 900}}}), &seen{}
	got.records(t, s, 3)
	expect(t, got.values[0], numbered(7, 3))
}

func TestCloseIsPromptWhateverHappens(t *testing.T) {
	for name, key := range map[string]kmsg.Key{"joining": kmsg.JoinGroup, "fetching": kmsg.Fetch, "asking": kmsg.Metadata, "heart beating": kmsg.Heartbeat} {
		t.Run(name, func(t *testing.T) {
			f := newFake(t, 1)
			f.write(t, 0, "x")
			asked := make(chan struct{}, 100)
			f.ControlKey(int16(key), func(kmsg.Request) (kmsg.Response, error, bool) {
				f.KeepControl()
				select {
				case asked <- struct{}{}:
				default:
				}
				return nil, nil, true // never answered
			})
			s, got := open(t, f.config(), Options{}), &seen{}
			s.timing.leave = 300 * time.Millisecond
			got.until(t, s, "the question", func() bool { return len(asked) > 0 })
			began := time.Now()
			s.Close()
			if took := time.Since(began); took > 2*time.Second {
				t.Errorf("Close took %s", took)
			}
		})
	}
	t.Run("never polled", func(t *testing.T) {
		s := open(t, newFake(t, 1).config(), Options{})
		s.Close()
		if _, err := s.Poll(t.Context()); engine.KindOf(err) != engine.Fatal {
			t.Errorf("Poll after Close: %v", err)
		}
	})
}

// value adds up a metric's samples.
func value(t testing.TB, reg prometheus.Gatherer, name string) (sum float64) {
	t.Helper()
	families, err := reg.Gather()
	if err != nil {
		t.Fatal(err)
	}
	i := slices.IndexFunc(families, func(f *dto.MetricFamily) bool { return f.GetName() == name })
	if i < 0 {
		return 0
	}
	for _, m := range families[i].Metric {
		sum += m.GetCounter().GetValue() + m.GetGauge().GetValue()
	}
	return sum
}
