package kafka

import (
	"context"
	"fmt"
	"net"
	"slices"
	"strconv"
	"sync"
	"testing"
	"time"

	kafkago "github.com/segmentio/kafka-go"
	"github.com/twmb/franz-go/pkg/kfake"

	"github.com/seed-843b225c/reflex/engine"
)

const topic = "reflex.cloudtrail"

// fake is an in-process broker and a client for what tests do to it.
type fake struct {
	*kfake.Cluster
	addrs  []string
	client *kafkago.Client
	dial   DialFunc // into a network in memory; nil: the broker listens on loopback
}

// newFake starts a broker on loopback, for what must cross a real network.
func newFake(t testing.TB, partitions int32, opts ...kfake.Opt) *fake {
	t.Helper()
	return fakeOf(t, nil, append([]kfake.Opt{kfake.SeedTopics(partitions, topic), kfake.GroupMinSessionTimeout(100 * time.Millisecond)}, opts...))
}

func fakeOf(t testing.TB, dial DialFunc, opts []kfake.Opt) *fake {
	t.Helper()
	c, err := kfake.NewCluster(append([]kfake.Opt{kfake.NumBrokers(1)}, opts...)...)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(c.Close)
	tr := &kafkago.Transport{Dial: dial}
	t.Cleanup(tr.CloseIdleConnections)
	return &fake{Cluster: c, addrs: c.ListenAddrs(), client: &kafkago.Client{Addr: kafkago.TCP(c.ListenAddrs()...), Transport: tr}, dial: dial}
}

func (f *fake) config() SourceConfig {
	c := SourceConfig{Config: Config{Brokers: f.addrs}, Group: "reflex", Topics: []Topic{{Name: topic, Format: "cloudtrail"}}}
	if f.dial == nil {
		c.SessionTimeout = time.Second
	}
	return c
}

// write appends values to a partition.
func (f *fake) write(t testing.TB, partition int32, values ...string) {
	t.Helper()
	f.writeAs(t, 0, partition, values...)
}

func (f *fake) writeAs(t testing.TB, codec kafkago.Compression, partition int32, values ...string) {
	t.Helper()
	produce(t, f.client, topic, codec, partition, values...)
}

func produce(t testing.TB, c *kafkago.Client, topic string, codec kafkago.Compression, partition int32, values ...string) {
	t.Helper()
	ctx, cancel := context.WithTimeout(t.Context(), 10*time.Second)
	defer cancel()
	for {
		records := make([]kafkago.Record, 0, len(values))
		for _, v := range values {
			records = append(records, kafkago.Record{Value: kafkago.NewBytes([]byte(v)), Key: kafkago.NewBytes([]byte("k")), Time: time.Now(), Headers: []kafkago.Header{{Key: "h", Value: []byte("1")}}})
		}
		res, err := c.Produce(ctx, &kafkago.ProduceRequest{Topic: topic, Partition: int(partition), RequiredAcks: kafkago.RequireAll, Records: kafkago.NewRecordReader(records...), Compression: codec})
		if err == nil {
			err = res.Error
		}
		if err == nil {
			return
		}
		// a partition that was made a moment ago has no leader yet
		if engine.KindOf(explain(topic, err)) != engine.Temporary || !sleep(ctx, 20*time.Millisecond) {
			t.Fatalf("produce to %s[%d]: %v", topic, partition, err)
		}
	}
}

// numbered gives n values from number first on.
func numbered(first, n int) []string {
	var out []string
	for i := first; i < first+n; i++ {
		out = append(out, `{"n":`+strconv.Itoa(i)+`}`)
	}
	return out
}

// quick shortens the waits of a source that is not polled yet: in real time.
func quick(s *Source) *Source {
	s.timing.wait, s.timing.backoff, s.timing.backoffMax = 100*time.Millisecond, 10*time.Millisecond, 200*time.Millisecond
	s.timing.rebalance, s.timing.drain, s.timing.watch = 3*time.Second, 2*time.Second, 200*time.Millisecond
	s.timing.grace, s.timing.first = 500*time.Millisecond, 50*time.Millisecond
	return s
}

func open(t testing.TB, c SourceConfig, o Options) *Source {
	t.Helper()
	return quick(newSource(t, c, o))
}

func newSource(t testing.TB, c SourceConfig, o Options) *Source {
	t.Helper()
	s, err := NewSource(c, o)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() {
		if err := s.Close(); err != nil {
			t.Errorf("Close: %v", err)
		}
	})
	return s
}

// seen is what a test has polled.
type seen struct {
	mu     sync.Mutex
	values map[int32][]string
	next   map[int32]int64
	opened []engine.Position
	closed []engine.Position
	errs   []error
	last   engine.Record
	total  int
}

// poll takes one batch or error; false when d passed without.
func (got *seen) poll(t testing.TB, s *Source, d time.Duration) bool {
	t.Helper()
	ctx, cancel := context.WithTimeout(t.Context(), d)
	defer cancel()
	b, err := s.Poll(ctx)
	if ctx.Err() != nil && err != nil {
		return false
	}
	got.mu.Lock()
	defer got.mu.Unlock()
	if got.values == nil {
		got.values, got.next = map[int32][]string{}, map[int32]int64{}
	}
	if err != nil {
		if n := len(got.errs); n == 0 || got.errs[n-1] != err { // a fatal one comes with every poll
			got.errs = append(got.errs, err)
		}
		return true
	}
	got.opened = append(got.opened, b.Opened...)
	got.closed = append(got.closed, b.Closed...)
	for _, r := range b.Records {
		got.values[r.Origin.Partition] = append(got.values[r.Origin.Partition], string(r.Data))
		got.next[r.Origin.Partition] = r.Origin.Offset + 1
		got.last = r
		got.total++
	}
	if b.Release != nil {
		b.Release()
	}
	return true
}

// until polls until ok, at most a minute.
func (got *seen) until(t testing.TB, s *Source, what string, ok func() bool) {
	t.Helper()
	for end := time.Now().Add(60 * time.Second); !ok(); { // a busy machine is no failure
		if time.Now().After(end) {
			t.Fatalf("waited a minute for %s: have %d records, opened %v, closed %v, errors %v", what, got.total, got.opened, got.closed, got.errs)
		}
		if n := len(got.errs); got.poll(t, s, 50*time.Millisecond) && n > 0 && len(got.errs) == n {
			time.Sleep(10 * time.Millisecond) // a fatal error comes with every poll, at once
		}
	}
}

func (got *seen) records(t testing.TB, s *Source, n int) {
	t.Helper()
	got.until(t, s, fmt.Sprintf("%d records", n), func() bool { return got.total >= n })
}

// positions are behind what was polled.
func (got *seen) positions() (ps []engine.Position) {
	for p, next := range got.next {
		ps = append(ps, engine.Position{Source: topic, Partition: p, Offset: next})
	}
	return ps
}

func (got *seen) commit(t testing.TB, s *Source) {
	t.Helper()
	for end := time.Now().Add(10 * time.Second); ; {
		err := s.Commit(t.Context(), got.positions())
		if err == nil {
			return
		}
		if engine.KindOf(err) != engine.Temporary || time.Now().After(end) {
			t.Fatalf("Commit: %v", err)
		}
		got.poll(t, s, 20*time.Millisecond)
	}
}

// committed asks the broker what a group committed for a partition.
func (f *fake) committed(t testing.TB, group string, partition int) int64 {
	t.Helper()
	ctx, cancel := context.WithTimeout(t.Context(), 10*time.Second)
	defer cancel()
	res, err := f.client.OffsetFetch(ctx, &kafkago.OffsetFetchRequest{GroupID: group, Topics: map[string][]int{topic: {partition}}})
	if err != nil {
		t.Fatal(err)
	}
	if len(res.Topics[topic]) == 0 {
		return -1 // no such group yet
	}
	p := res.Topics[topic][0]
	if res.Error != nil || p.Error != nil {
		t.Fatal(res.Error, p.Error)
	}
	return p.CommittedOffset
}

func expect(t testing.TB, got, want []string) {
	t.Helper()
	if !slices.Equal(got, want) {
		t.Errorf("got %d records %.200s\nwant %d records %.200s", len(got), fmt.Sprint(got), len(want), fmt.Sprint(want))
	}
}

// nextMilli returns when the broker's clock, which counts in ms, has moved.
func nextMilli() { time.Sleep(time.Millisecond) }

// freeAddress gives a loopback address that nothing listens on now.
func freeAddress(t testing.TB) string {
	l, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	defer l.Close()
	return l.Addr().String()
}
