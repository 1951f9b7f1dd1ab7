package kafka

import (
	"context"
	"fmt"
	"testing"
	"time"

	kafkago "github.com/segmentio/kafka-go"
	"github.com/twmb/franz-go/pkg/kerr"
	"github.com/twmb/franz-go/pkg/kfake"
	"github.com/twmb/franz-go/pkg/kmsg"

	"github.com/seed-843b225c/reflex/engine"
)

func TestSourceReadsEveryCodec(t *testing.T) {
	virtual(func(t *testing.T) {
		f := inMemory(t, 1)
		codecs := []kafkago.Compression{0, kafkago.Gzip, kafkago.Snappy, kafkago.Lz4, kafkago.Zstd}
		for i, codec := range codecs {
			f.writeAs(t, codec, 0, numbered(100*i, 100)...)
		}
		s, got := f.open(t, f.config(), Options{}), &seen{}
		got.records(t, s, 500)
		expect(t, got.values[0], numbered(0, 500))
		r := got.last
		if r.Format != "cloudtrail" || r.Key != "k" || len(r.Headers) != 1 || r.Headers[0] != (engine.Header{Key: "h", Value: "1"}) ||
			r.Origin != (engine.Origin{Source: topic, Offset: 499}) || time.Since(time.Unix(0, r.Time)).Abs() > time.Minute || r.Chunk {
			t.Errorf("record is %+v", r)
		}
	})(t)
}

func TestSourceReadsManyTopicsWithAFormatEach(t *testing.T) {
	virtual(func(t *testing.T) {
		f := inMemory(t, 2, kfake.SeedTopics(1, "reflex.litellm", "reflex.vpcflow"))
		c := f.config()
		c.Topics = append(c.Topics, Topic{Name: "reflex.litellm", Format: "litellm"}, Topic{Name: "reflex.vpcflow", Format: "vpcflow"})
		for _, topic := range c.Topics {
			produce(t, f.client, topic.Name, 0, 0, topic.Name)
		}
		s := f.open(t, c, Options{})
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
	})(t)
}

func TestSourceStartsWhereItIsTold(t *testing.T) {
	for _, start := range []string{"", oldest, newest, "time", "future"} {
		t.Run("start "+start, virtual(func(t *testing.T) {
			f := inMemory(t, 1)
			f.write(t, 0, numbered(0, 10)...)
			nextMilli()
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
			s, got := f.open(t, c, Options{}), &seen{}
			got.until(t, s, "the partition", func() bool { return len(got.opened) == 1 })
			if start != "time" {
				f.write(t, 0, numbered(10, 5)...)
			}
			got.records(t, s, len(want))
			expect(t, got.values[0], want)
		}))
	}
}

// Even when nothing came before it stopped, a reader that began at the end
// must not miss what was written while it was away.
func TestSourceCommitsWhereItBegan(t *testing.T) {
	virtual(func(t *testing.T) {
		f := inMemory(t, 1)
		f.write(t, 0, numbered(0, 10)...)
		c := f.config()
		c.Start = newest
		s, got := f.open(t, c, Options{}), &seen{}
		got.until(t, s, "the first commit", func() bool { return f.committed(t, c.Group, 0) == 10 })
		s.Close()
		f.write(t, 0, numbered(10, 3)...)
		s, got = f.open(t, c, Options{}), &seen{}
		got.records(t, s, 3)
		expect(t, got.values[0], numbered(10, 3))
	})(t)
}

func TestSourceGivesUpPartitionsOnlyAfterTheirCommit(t *testing.T) {
	virtual(func(t *testing.T) {
		f := inMemory(t, 4)
		for p := range int32(4) {
			f.write(t, p, numbered(0, 20)...)
		}
		a, gotA := f.open(t, f.config(), Options{}), &seen{}
		gotA.records(t, a, 80)

		b, gotB := f.open(t, f.config(), Options{}), &seen{}
		joined := make(chan struct{})
		go func() {
			defer close(joined)
			gotB.until(t, b, "two partitions", func() bool { return len(gotB.opened) == 2 })
		}()
		gotA.until(t, a, "all partitions to go", func() bool { return len(gotA.closed) == 4 })
		gotA.poll(t, a, 15*time.Second) // longer than a session: commits keep the member alive
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
	})(t)
}

// A commit that comes after the partitions went to someone else must not move
// the group's position back.
func TestSourceNeverCommitsForOthers(t *testing.T) {
	virtual(func(t *testing.T) {
		f := inMemory(t, 1)
		f.write(t, 0, numbered(0, 50)...)
		a, gotA := f.open(t, f.config(), Options{}), &seen{}
		gotA.records(t, a, 50)
		late := gotA.next[0] - 30

		b, gotB := f.open(t, f.config(), Options{}), &seen{}
		gotA.until(t, a, "one member without a partition", func() bool {
			gotB.poll(t, b, 20*time.Millisecond)
			return len(gotA.closed) == 1 && len(gotB.opened)+len(gotA.opened) == 2
		})
		owner, other, gotOwner := a, b, gotA
		if len(gotB.opened) == 1 {
			owner, other, gotOwner = b, a, gotB
		}
		gotOwner.records(t, owner, 50) // the second one from the start: nothing was committed
		gotOwner.until(t, owner, "its commit", func() bool {
			gotOwner.commit(t, owner) // in whichever generation it is by now
			return f.committed(t, f.config().Group, 0) == 50
		})
		if err := other.Commit(t.Context(), []engine.Position{{Source: topic, Offset: late}}); err != nil {
			t.Errorf("Commit for a partition of another member: %v", err)
		}
		if at := f.committed(t, f.config().Group, 0); at != 50 {
			t.Errorf("the group stands at %d, want 50", at)
		}
	})(t)
}

func TestSourceSurvivesABrokerRestart(t *testing.T) {
	virtual(func(t *testing.T) {
		n := new(network)
		opts := []kfake.Opt{kfake.DataDir(t.TempDir()), kfake.SeedTopics(2, topic)}
		f := n.broker(t, opts)
		f.write(t, 0, numbered(0, 20)...)
		s, got := f.open(t, f.config(), Options{Stateful: true}), &seen{}
		got.records(t, s, 20)
		got.commit(t, s)
		for i, down := range []time.Duration{0, 100 * time.Millisecond, 3 * time.Second, time.Minute, time.Hour} {
			f.Close()
			for end := time.Now().Add(down); time.Now().Before(end); {
				got.poll(t, s, time.Until(end))
			}
			f = n.broker(t, opts)
			f.write(t, 0, numbered(20+20*i, 20)...)
			began := time.Now()
			got.until(t, s, "the rest", func() bool {
				_ = s.Commit(t.Context(), got.positions()) // the partition is given up when what came is stored
				return got.total >= 40+20*i
			})
			expect(t, got.values[0], numbered(0, 40+20*i))
			if took := time.Since(began); took > 10*time.Second {
				t.Errorf("reading began again %s after %s without a broker", took, down)
			}
			got.commit(t, s)
		}
		for _, err := range got.errs {
			if engine.KindOf(err) != engine.Temporary {
				t.Errorf("kind %q: %v", engine.KindOf(err), err)
			}
		}
	})(t)
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
		t.Run(fmt.Sprint(c.key.Name(), " ", c.err.Message), virtual(func(t *testing.T) {
			f := inMemory(t, 1)
			f.write(t, 0, numbered(0, 10)...)
			h := f.Fault(kfake.Fault{Keys: []kmsg.Key{c.key}, Err: c.err, Count: 2})
			s, got := f.open(t, f.config(), Options{Stateful: true}), &seen{}
			got.records(t, s, 10)
			got.commit(t, s)
			got.until(t, s, "the fault", func() bool { return h.Hits() >= 2 })
			f.write(t, 0, numbered(10, 10)...)
			got.until(t, s, "the rest", func() bool { return got.next[0] == 20 })
			if n := got.total; n != 20 {
				t.Errorf("%d records came, want 20: %v", n, got.values[0])
			}
		}))
	}
}

// What is stored after a coordinator has gone is not told to the group any more,
// and yet the next generation goes on behind it.
func TestSourceGoesOnBehindWhatWasStoredBetweenGenerations(t *testing.T) {
	virtual(func(t *testing.T) {
		f := inMemory(t, 1)
		f.write(t, 0, numbered(0, 10)...)
		s, got := f.open(t, f.config(), Options{Stateful: true}), &seen{}
		got.records(t, s, 10)
		fault := func(key kmsg.Key) kfake.Fault {
			return kfake.Fault{Keys: []kmsg.Key{key}, Err: kerr.NotCoordinator, Count: -1}
		}
		h := f.Fault(fault(kmsg.OffsetCommit), fault(kmsg.Heartbeat), fault(kmsg.JoinGroup))
		if err := s.Commit(t.Context(), []engine.Position{{Source: topic, Offset: 4}}); err == nil {
			t.Fatal("the commit got through")
		}
		left := func() bool {
			s.mu.Lock()
			defer s.mu.Unlock()
			return !s.parts[place{topic, 0}].opened
		}
		got.until(t, s, "the end of the generation", left)
		if err := s.Commit(t.Context(), []engine.Position{{Source: topic, Offset: 10}}); err != nil {
			t.Fatal(err)
		}
		h.Remove()
		f.write(t, 0, "next")
		got.until(t, s, "the next record", func() bool { return got.next[0] == 11 })
		expect(t, got.values[0], append(numbered(0, 10), "next"))
	})(t)
}

// The library takes a failed look-up of the committed position for "there is
// none": everything would come again, or be left out.
func TestSourceTrustsNoFailedLookUp(t *testing.T) {
	virtual(func(t *testing.T) {
		f := inMemory(t, 1)
		f.write(t, 0, numbered(0, 10)...)
		s, got := f.open(t, f.config(), Options{}), &seen{}
		got.records(t, s, 10)
		got.commit(t, s)
		s.Close()
		f.write(t, 0, numbered(10, 1)...)
		h := f.Fault(kfake.Fault{Keys: []kmsg.Key{kmsg.OffsetFetch}, Err: kerr.UnstableOffsetCommit, Count: 4})
		s, got = f.open(t, f.config(), Options{}), &seen{}
		got.records(t, s, 1)
		expect(t, got.values[0], numbered(10, 1))
		if h.Hits() != 4 {
			t.Errorf("the fault was met %d times, want 4", h.Hits())
		}
	})(t)
}
