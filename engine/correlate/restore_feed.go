package correlate

import (
	"bytes"
	"encoding/binary"
	"errors"
	"fmt"
	"math"

	"github.com/seed-843b225c/reflex/engine"
	"github.com/seed-843b225c/reflex/engine/rule"
	"github.com/seed-843b225c/reflex/engine/window"
)

// This file feeds the journal back.

// feedStep is after how many hits watermarks follow.
const feedStep = 256

// track is the journal of one rule, read in the order of time.
type track struct {
	cur  engine.Cursor
	rule int
	head int // length of the key before the time
	time int64
}

// next moves on; false at the end.
func (t *track) next() (bool, error) {
	if !t.cur.Next() {
		return false, nil
	}
	k := t.cur.Key()
	if len(k) != t.head+keyBytes[kindHit] {
		return false, errors.New("its key has the wrong length")
	}
	t.time = readTime(k[t.head:])
	return true, nil
}

// feed gives every journaled hit to the correlator again, in the order of time.
func (c *Correlator) feed(rp *replay) error {
	m := c.memory
	rp.text = func(b []byte) string { return string(b) }
	rp.probes, rp.numbers = map[probeID]*probePlan{}, map[*probePlan]int32{}
	for i := range c.plan.probes {
		pp := &c.plan.probes[i]
		rp.probes[probeID{pp.rule.Index, byte(pp.role), uint16(pp.part)}] = pp
		rp.numbers[pp] = int32(i)
	}
	queue := window.Queue[*track]{Before: func(a, b *track) bool {
		return a.time < b.time || a.time == b.time && a.rule < b.rule
	}}
	var open []*track
	for _, i := range rp.slots {
		lo := bytes.Clone(m.of(i, kindHit))
		cur, err := rp.l.Cursor(lo, endOf(lo))
		if err != nil {
			return errors.Join(err, closeAll(open))
		}
		open = append(open, &track{cur: cur, rule: i, head: len(lo)})
	}
	err := c.merge(rp, &queue, open)
	if err = errors.Join(err, closeAll(open)); err != nil {
		return err
	}
	c.follow(rp, math.MaxInt64)
	return nil
}

func closeAll(ts []*track) (err error) {
	for _, t := range ts {
		err = errors.Join(err, t.cur.Close())
	}
	return err
}

func (c *Correlator) merge(rp *replay, queue *window.Queue[*track], open []*track) error {
	step := func(t *track) error {
		ok, err := t.next()
		if err != nil {
			return damaged("hit of rule "+c.plan.rules[t.rule].ID, t.cur.Key(), err.Error())
		}
		if ok {
			queue.Push(t)
		}
		return nil
	}
	for _, t := range open {
		if err := step(t); err != nil {
			return err
		}
	}
	for queue.Len() > 0 {
		t := queue.Pop()
		if rp.report.Hits++; rp.report.Hits%feedStep == 0 {
			c.follow(rp, t.time-1)
		}
		if err := c.again(rp, t); err != nil {
			return err
		}
		if err := step(t); err != nil {
			return err
		}
	}
	return nil
}

// follow moves watermarks to a time, and never beyond where they were.
func (c *Correlator) follow(rp *replay, t int64) {
	c.advance(func(r *rulePlan) int64 { return min(t, rp.marks[r.Index].in) })
}

// again feeds one journaled hit.
func (c *Correlator) again(rp *replay, t *track) error {
	m, k := c.memory, t.cur.Key()
	hash := binary.BigEndian.Uint64(k[t.head+8:])
	part, as := binary.BigEndian.Uint16(k[t.head+17:]), k[t.head+19]
	pp := rp.probes[probeID{t.rule, k[t.head+16], part}]
	if pp == nil || as > asPoint {
		return damaged("hit of rule "+c.plan.rules[t.rule].ID, k, "the rule has no such condition")
	}
	rp.kept = new(window.Event)
	ev, epoch, err := c.unpack(rp, t.time, hash, t.cur.Value())
	if err != nil {
		return damaged("hit of rule "+pp.rule.ID, k, err.Error())
	}
	m.rules[t.rule].times[0].add(t.time)
	if old := m.old[epoch]; old != nil {
		old[t.rule] = max(old[t.rule], t.time)
	}
	if ev.Dataset == engine.NoDataset {
		rp.report.Unknown++
		return nil
	}
	rp.rule = t.rule
	if as == asPoint {
		if pp.rule.Kind != rule.FirstSeen {
			return damaged("hit of rule "+pp.rule.ID, k, "only a first_seen rule has such points")
		}
		c.busy[t.rule] = true
		s := c.shards[0]
		s.settled(s.rules[t.rule], alone(c.pack(ev, pp.keep)))
		c.deliver()
		return nil
	}
	c.Hit(engine.Hit{Probe: rp.numbers[pp], Event: ev})
	m.tape.plays = false
	return nil
}

// unpack reads a stored event; it is good until the next call. Where it can be
// kept as it is, that goes to rp.kept, else that is nil. Keys it was filed under
// that do not follow from it go on the tape.
func (c *Correlator) unpack(rp *replay, t int64, hash uint64, v []byte) (*engine.Event, uint32, error) {
	m := c.memory
	r := reader{b: v}
	epoch, n := uint32(r.uvarint()), r.uvarint()
	rd := rp.readers[epoch]
	if r.bad || rd == nil {
		return nil, 0, fmt.Errorf("it names table of fields %d, which is not there", epoch)
	}
	if n > uint64(len(r.b))/16 {
		return nil, 0, errors.New("it is too short for its keys")
	}
	m.tape.keys, m.tape.plays = m.tape.keys[:0], n > 0
	for range n {
		m.tape.keys = append(m.tape.keys, r.key())
	}
	ev := &rp.event
	if ev.Values == nil {
		ev.Values = make([]engine.Value, c.plan.set.Layout.Len())
	}
	ev.Time, ev.Hash = t, hash
	if epoch == m.epoch {
		return ev, epoch, rd.Keep(rp.text(r.b), ev, rp.kept)
	}
	rp.kept = nil
	return ev, epoch, rd.Read(string(r.b), ev)
}

// resume ends a restore: what the alerts were said to be holds again, and what
// the replay found that nobody was told is said.
func (c *Correlator) resume(rp *replay) {
	if c.opt.Emit != nil {
		for _, t := range c.memory.waiting {
			c.opt.Emit(t)
		}
	}
	c.memory.waiting = nil
	for i := range c.plan.rules {
		c.busy[i] = true
		for _, s := range c.shards {
			st := s.rules[i]
			if c.opt.Emit != nil {
				s.resume(st)
			}
			st.saved, st.news = nil, nil
		}
	}
	n := len(c.plan.rules)
	clear(c.stats.Errors) // what is fed again was counted before
	c.stats = Stats{Matches: make([]int64, n), MissingKey: make([]int64, n), Learned: make([]int64, n),
		Refused: make([]int64, n), Errors: c.stats.Errors, Dropped: make([]int64, n), Undecided: make([]int64, n)}
}
