package kafka

import (
	"errors"
	"time"

	kafkago "github.com/segmentio/kafka-go"

	"github.com/seed-843b225c/reflex/engine"
)

// errAstray asks for a fresh connection, on which the place is found anew:
// after "out of range" the library leaves half of the answer unread.
var errAstray = errors.New("a fresh connection is needed")

// locate makes sure that the broker has the offset that is fetched next. The
// first time in a generation it finds where to begin and announces the partition.
func (p *partition) locate(conn *kafkago.Conn) error {
	first, last, err := offsets(conn)
	if err != nil {
		return explain(p.String(), err)
	}
	s := p.src
	s.mu.Lock()
	opened, now := p.opened, p.next
	s.mu.Unlock()
	other, err := p.other(conn, first, last)
	if err != nil {
		return err
	}
	switch {
	case !opened:
		return p.open(conn, first, last, other)
	case other, now > last:
		p.anew(now, last)
		p.restart(first)
	case now < first:
		p.lost(first - now)
		p.jump(first)
	}
	return nil
}

// other reports whether the partition is another one than was read: a topic of
// that name was made anew, and holds more by now than the old one did. Then the
// record before the position has another time than the one that was read.
func (p *partition) other(conn *kafkago.Conn, first, last int64) (bool, error) {
	at := p.last.next - 1
	if p.last.time == 0 || at < first || at >= last {
		return false, nil // nothing to compare
	}
	was := p.last
	p.last.time = 0                              // what cannot be read now is not asked for again
	b := request(conn, at, 1, p.src.timing.wait) // the broker sends a batch, however small
	m, err := b.ReadMessage()
	if isGarbled(err) {
		return false, errAstray
	}
	p.last = was
	if bad := b.Close(); bad != nil && !isEnd(bad) {
		return false, explain(p.String(), bad)
	}
	return err == nil && m.Offset == at && record(&m, "").Time != was.time, nil
}

// begin gives the position that the store knows, else the group's; -1: none.
// Source.mu is held.
func (p *partition) begin() int64 {
	if p.stored < 0 {
		return p.commit
	}
	return p.stored
}

// open finds where to begin: behind what this process was handed out before,
// which is on its way whether it is stored or not; else where the store says,
// else where the group says, else where the configuration says. A partition that
// was added to a topic begins at its first record: it is found a while after
// producers found it.
func (p *partition) open(conn *kafkago.Conn, first, last int64, other bool) (err error) {
	s := p.src
	s.mu.Lock()
	known := p.begin()
	s.mu.Unlock()
	want := p.onward
	if want < 0 {
		want = known
	}
	fresh := want < 0
	switch {
	case fresh && p.added:
		want = first
	case fresh:
		if want, err = at(conn, s.start, first, last); err != nil {
			return explain(p.String(), err)
		}
	case other, want > last:
		p.anew(want, last)
		want = first
	case want < first:
		p.lost(first - want)
		want = first
	}
	s.mu.Lock()
	p.opened, p.began = true, true
	p.next, p.read, p.handed, p.covered, p.end = want, want, want, want, last
	if p.last.next == want {
		p.handedTime = p.last.time
	}
	if p.onward >= 0 {
		p.covered = min(known, want)
	}
	if p.committed = p.commit; p.commit > last || other {
		p.committed = -1 // of a topic that is no more
	}
	if fresh { // nothing before it has to be stored; should the commit below fail, the next generation begins here too
		s.stored[p.at] = spot{next: want}
	}
	s.queue = append(s.queue, item{batch: engine.Batch{Opened: []engine.Position{p.pos(want)}}})
	p.measure()
	s.mu.Unlock()
	s.ring()
	if fresh { // so that a restart goes on from here even if nothing comes meanwhile
		s.committing.Lock()
		defer s.committing.Unlock()
		if err := p.gen.commit(map[place]int64{p.at: want}); err != nil {
			s.log.Debug("kafka: first position not committed", "partition", p.String(), "error", err)
			s.mu.Lock()
			p.committed = want // the next commit says it
			s.mu.Unlock()
		}
	}
	return nil
}

func offsets(conn *kafkago.Conn) (first, last int64, err error) {
	_ = conn.SetReadDeadline(time.Now().Add(patience))
	return conn.ReadOffsets()
}

// at gives the offset of the first record at or after t: the first for a zero
// time, the end when there is none.
func at(conn *kafkago.Conn, t time.Time, first, last int64) (int64, error) {
	switch t {
	case time.Time{}:
		return first, nil
	case endOfTime:
		return last, nil
	}
	_ = conn.SetReadDeadline(time.Now().Add(patience))
	offset, err := conn.ReadOffset(t)
	if err == nil && offset < 0 {
		offset = last
	}
	return offset, err
}

// lost says how many records retention took before they were read.
func (p *partition) lost(n int64) {
	p.src.m.lost.WithLabelValues(p.at.topic).Add(float64(n))
	p.src.log.Error("kafka records lost: retention removed them before they were read", "partition", p.String(), "records", n,
		"advice", "give the topic a longer retention.ms or retention.bytes, and see why reading fell so far behind")
}

func (p *partition) anew(position, last int64) {
	p.last = spot{}
	p.src.log.Error("kafka partition is not the one that was read, or ends before our position: the topic was made anew or truncated; all that it holds is read", "partition", p.String(), "position", position, "end", last)
}

// jump goes on at a later offset.
func (p *partition) jump(to int64) {
	p.src.mu.Lock()
	defer p.src.mu.Unlock()
	p.next = to
}

// restart goes on at an earlier offset: for those who follow positions the
// partition goes and comes again.
func (p *partition) restart(at int64) {
	s := p.src
	s.mu.Lock()
	s.queue = append(s.queue,
		item{batch: engine.Batch{Closed: []engine.Position{p.pos(p.read)}}},
		item{batch: engine.Batch{Opened: []engine.Position{p.pos(at)}}})
	p.next, p.read, p.handed, p.covered, p.committed = at, at, at, at, at
	p.handedTime = 0
	p.turn++
	delete(s.stored, p.at)
	s.mu.Unlock()
	s.ring()
}

var errStands = errors.New("stands still")
