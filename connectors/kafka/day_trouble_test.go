package kafka

import (
	"fmt"
	"time"

	kafkago "github.com/segmentio/kafka-go"
	"github.com/twmb/franz-go/pkg/kerr"
	"github.com/twmb/franz-go/pkg/kfake"
	"github.com/twmb/franz-go/pkg/kmsg"

	"github.com/seed-843b225c/reflex/engine"
)

// write appends a few records somewhere.
func (d *day) write() {
	p := d.rnd.Int32N(d.parts)
	var values []string
	for range 1 + d.rnd.IntN(200) {
		values = append(values, fmt.Sprint(d.written[p]))
		d.written[p]++
	}
	d.f.write(d.t, p, values...)
}

// join starts a reader from what is stored.
func (d *day) join() {
	d.t.Helper()
	r := &reader{name: fmt.Sprint("reader-", len(d.log)), next: map[int32]int64{}, dirty: map[int32]bool{}}
	o := Options{Stateful: d.stateful, Dial: r.net.open}
	r.net.dial = d.net.DialContext
	for p, at := range d.stored {
		if d.stateful {
			o.Resume = append(o.Resume, engine.Position{Source: topic, Partition: p, Offset: at})
		}
	}
	c := d.config
	c.ClientID = r.name
	var err error
	if r.Source, err = NewSource(c, o); err != nil {
		d.t.Fatal(err)
	}
	d.t.Cleanup(func() { r.Close() })
	d.note("%s joins", r.name)
	d.readers = append(d.readers, r)
}

// part stops a reader in order.
func (d *day) part(i int) {
	r := d.readers[i]
	d.readers = append(d.readers[:i:i], d.readers[i+1:]...)
	if err := r.Close(); err != nil {
		d.t.Errorf("%s: Close: %v", r.name, err)
	}
	d.note("%s has left", r.name)
}

func (d *day) restart() {
	d.part(d.rnd.IntN(len(d.readers)))
	d.join()
}

// kill cuts a reader off for ever, and starts another in its place.
func (d *day) kill() {
	i := d.rnd.IntN(len(d.readers))
	d.note("%s is killed", d.readers[i].name)
	d.readers[i].net.cut()
	d.part(i)
	d.join()
}

// company brings a second reader for a while, where one is allowed.
func (d *day) company() {
	switch {
	case d.stateful:
	case len(d.readers) == 1:
		d.join()
	default:
		d.part(d.rnd.IntN(len(d.readers)))
	}
}

// requests are those that a reader makes. The last three share a connection,
// and a lock is held there while one waits for its answer: virtual time cannot
// pass while another waits for the lock, so those are never left without one.
var (
	requests = append(lonely, kmsg.Metadata, kmsg.OffsetCommit, kmsg.Heartbeat)
	lonely   = []kmsg.Key{kmsg.Fetch, kmsg.ListOffsets, kmsg.OffsetFetch, kmsg.JoinGroup, kmsg.SyncGroup, kmsg.LeaveGroup,
		kmsg.FindCoordinator, kmsg.DescribeGroups, kmsg.DescribeConfigs}
)

func (d *day) fault() {
	errs := []*kerr.Error{kerr.NotLeaderForPartition, kerr.LeaderNotAvailable, kerr.UnknownServerError, kerr.RequestTimedOut, kerr.NotCoordinator,
		kerr.CoordinatorNotAvailable, kerr.CoordinatorLoadInProgress, kerr.UnknownMemberID, kerr.IllegalGeneration, kerr.RebalanceInProgress,
		kerr.UnknownTopicOrPartition, kerr.NetworkException, kerr.BrokerNotAvailable, kerr.KafkaStorageError, kerr.UnstableOffsetCommit}
	key, e := requests[d.rnd.IntN(len(requests))], errs[d.rnd.IntN(len(errs))]
	n := 1 + d.rnd.IntN(6)
	d.note("%s is answered with %s, %d times", key.Name(), e.Message, n)
	h := d.f.Fault(kfake.Fault{Keys: []kmsg.Key{key}, Err: e, TopLevel: d.rnd.IntN(2) == 0, Count: n})
	d.run(time.Duration(d.rnd.IntN(20_000)) * time.Millisecond)
	h.Remove()
}

// silence lets the broker not answer a kind of request for a while.
func (d *day) silence() {
	key := lonely[d.rnd.IntN(len(lonely))]
	d.note("%s is not answered", key.Name())
	f, over := d.f, make(chan struct{})
	f.ControlKey(int16(key), func(kmsg.Request) (kmsg.Response, error, bool) {
		select {
		case <-over:
			return nil, nil, false
		default:
			f.KeepControl()
			return nil, nil, true
		}
	})
	d.run(time.Duration(d.rnd.IntN(30_000)) * time.Millisecond)
	close(over)
	d.note("%s is as usual", key.Name())
}

// outage takes the broker down, for a moment or for long.
func (d *day) outage() {
	long := time.Duration(d.rnd.IntN(30_000)) * time.Millisecond
	if d.rnd.IntN(4) == 0 {
		long *= 30
	}
	d.note("no broker for %s", long)
	d.f.Close()
	d.f = nil
	d.run(long)
	d.f = d.net.broker(d.t, d.opts)
	d.note("the broker is back")
}

// move gives the group and its partitions new homes.
func (d *day) move() {
	d.note("leaders and coordinators move")
	d.f.ShufflePartitionLeaders()
	d.f.RehashCoordinators()
}

// grow adds a partition.
func (d *day) grow() {
	if d.parts == 6 {
		return
	}
	d.parts++
	d.note("%d partitions", d.parts)
	res, err := d.f.client.CreatePartitions(d.t.Context(), &kafkago.CreatePartitionsRequest{Topics: []kafkago.TopicPartitionsConfig{{Name: topic, Count: d.parts}}})
	if err != nil || res.Errors[topic] != nil {
		d.t.Fatal(err, res)
	}
}
