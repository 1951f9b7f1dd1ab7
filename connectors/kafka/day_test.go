package kafka

import (
	"context"
	"errors"
	"flag"
	"fmt"
	"math/rand/v2"
	"testing"
	"time"

	kafkago "github.com/segmentio/kafka-go"
	"github.com/twmb/franz-go/pkg/kfake"

	"github.com/seed-843b225c/reflex/engine"
)

var (
	daySeed = flag.Uint64("day.seed", 1, "seed of the first stretch of trouble")
	days    = flag.Int("days", 2, "how many stretches of trouble are lived through")
	dayLong = flag.Duration("day.long", time.Hour, "how long each is, in virtual time")
)

// TestDaysOfTrouble lives through hours in which brokers go and come back,
// answer with errors or not at all, leaders and coordinators move,
// partitions are added, and readers are stopped, killed and joined by others.
// Nothing may be left out, nothing may come twice to a reader that is alone, and
// the group's positions may not go back.
func TestDaysOfTrouble(t *testing.T) {
	for i := range *days {
		seed := *daySeed + uint64(i)
		for _, stateful := range []bool{true, false} {
			t.Run(fmt.Sprintf("seed %d, stateful %v", seed, stateful), virtual(func(t *testing.T) {
				d := newDay(t, seed, stateful)
				long := *dayLong
				if testing.Short() {
					long /= 4
				}
				d.live(long)
				d.rest()
			}))
		}
	}
}

// day is one such stretch.
type day struct {
	t        *testing.T
	rnd      *rand.Rand
	net      *network
	opts     []kfake.Opt
	config   SourceConfig
	f        *fake // nil: no broker is up
	parts    int32
	written  map[int32]int   // records by partition: their values are their offsets
	group    map[int32]int64 // what the group had committed
	stored   map[int32]int64 // by a store that outlives its reader
	stateful bool
	readers  []*reader
	log      []string
}

// reader is a member and where it stands in each partition.
type reader struct {
	*Source
	name  string
	net   cutter
	next  map[int32]int64
	dirty map[int32]bool // moved since it was stored
	over  bool
}

func newDay(t *testing.T, seed uint64, stateful bool) *day {
	d := &day{t: t, rnd: rand.New(rand.NewPCG(seed, 7)), net: new(network), parts: 2, stateful: stateful,
		written: map[int32]int{}, group: map[int32]int64{}, stored: map[int32]int64{}}
	d.opts = []kfake.Opt{kfake.DataDir(t.TempDir()), kfake.SeedTopics(d.parts, topic)}
	d.f = d.net.broker(t, d.opts)
	d.config = d.f.config()
	t.Cleanup(func() {
		for t.Failed() && len(d.log) > 0 {
			t.Log(d.log[0])
			d.log = d.log[1:]
		}
	})
	return d
}

func (d *day) note(format string, args ...any) {
	d.log = append(d.log, time.Now().Format("15:04:05.000 ")+fmt.Sprintf(format, args...))
}

// live lets things happen for so long.
func (d *day) live(long time.Duration) {
	d.join()
	troubles := []func(){d.fault, d.fault, d.silence, d.outage, d.move, d.grow, d.restart, d.kill, d.company}
	for end := time.Now().Add(long); time.Now().Before(end); {
		for range d.rnd.IntN(3) {
			d.write()
			d.run(time.Duration(d.rnd.IntN(10_000)) * time.Millisecond)
		}
		if d.rnd.IntN(2) == 0 { // something is on its way, and not stored
			d.write()
			d.poll(d.readers[0])
		}
		troubles[d.rnd.IntN(len(troubles))]()
		d.run(time.Duration(d.rnd.IntN(30_000)) * time.Millisecond)
	}
}

// rest waits until everything has come.
func (d *day) rest() {
	for len(d.readers) > 1 {
		d.part(len(d.readers) - 1)
	}
	all := func() bool {
		for p, n := range d.written {
			if d.group[p] != int64(n) {
				return false
			}
		}
		return true
	}
	for range 300 {
		if d.run(time.Second); all() {
			return
		}
	}
	d.t.Errorf("five quiet minutes later the group stands at %v of %v", d.group, d.written)
}

// run lets every reader work for so long.
func (d *day) run(long time.Duration) {
	for end := time.Now().Add(long); time.Now().Before(end); time.Sleep(min(time.Until(end), time.Second)) {
		for i, r := range d.readers {
			for d.poll(r) {
			}
			if d.commit(r); r.over {
				d.part(i)
				d.join()
				break
			}
		}
		d.look()
	}
}

// poll takes what a reader has now.
func (d *day) poll(r *reader) bool {
	ctx, cancel := context.WithTimeout(d.t.Context(), 10*time.Millisecond)
	defer cancel()
	b, err := r.Poll(ctx)
	switch {
	case err != nil && ctx.Err() != nil:
		return false
	case err != nil:
		d.note("%s: %v", r.name, err)
		if errors.Is(err, kafkago.InconsistentGroupProtocol) { // the broker forgot it of a ghost: a supervisor starts anew
			r.over = true
			return false
		}
		if engine.KindOf(err) != engine.Temporary {
			d.t.Fatalf("%s ends: %v", r.name, err)
		}
		return true
	}
	for _, p := range b.Opened {
		d.note("%s opens %d at %d", r.name, p.Partition, p.Offset)
		was, known := r.next[p.Partition]
		if known && d.stateful && p.Offset != was {
			d.t.Errorf("%s: partition %d goes on at %d, and not at %d", r.name, p.Partition, p.Offset, was)
		}
		if p.Offset > max(was, d.stored[p.Partition]) {
			d.t.Errorf("%s: partition %d is opened at %d: what is before it was never stored", r.name, p.Partition, p.Offset)
		}
		r.next[p.Partition] = p.Offset
	}
	for _, rec := range b.Records {
		p, o := rec.Origin.Partition, rec.Origin.Offset
		if o != r.next[p] || string(rec.Data) != fmt.Sprint(o) {
			d.t.Fatalf("%s: partition %d brings %q at %d, want %d", r.name, p, rec.Data, o, r.next[p])
		}
		r.next[p]++
		r.dirty[p] = true
	}
	for _, p := range b.Closed {
		d.note("%s closes %d at %d", r.name, p.Partition, p.Offset)
		r.dirty[p.Partition] = true
	}
	if b.Release != nil {
		b.Release()
	}
	return true
}

// commit stores what a reader took, and tells it, most of the time.
func (d *day) commit(r *reader) {
	if d.rnd.IntN(4) == 0 {
		return
	}
	var ps []engine.Position
	for p := range r.dirty {
		d.stored[p] = max(d.stored[p], r.next[p])
		ps = append(ps, engine.Position{Source: topic, Partition: p, Offset: r.next[p]})
	}
	clear(r.dirty)
	if err := r.Commit(d.t.Context(), ps); err != nil {
		d.note("%s: %v", r.name, err)
		if engine.KindOf(err) != engine.Temporary {
			d.t.Fatalf("%s ends: %v", r.name, err)
		}
	}
}

// look checks that the group's positions only grow and are of what was stored.
func (d *day) look() {
	if d.f == nil {
		return
	}
	info := d.f.GroupInfo("reflex")
	if info == nil {
		return
	}
	for p, c := range info.Commits[topic] {
		if c.Offset < d.group[p] || c.Offset > d.stored[p] {
			d.t.Errorf("the group's position of partition %d is %d; it was %d, and %d is stored", p, c.Offset, d.group[p], d.stored[p])
		}
		d.group[p] = c.Offset
	}
}
