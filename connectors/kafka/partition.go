package kafka

import (
	"cmp"
	"context"
	"errors"
	"fmt"
	"io"
	"runtime/debug"
	"strconv"
	"time"

	kafkago "github.com/segmentio/kafka-go"

	"github.com/seed-843b225c/reflex/engine"
)

// partition is one owned partition during one generation. Its goroutine reads;
// the fields below mu's line are also read by Poll, Commit and Lags.
type partition struct {
	src    *Source
	gen    *generation
	at     place
	format string
	commit int64 // what the group had committed; -1: nothing
	onward int64 // behind what was handed out while it was ours before; -1: nothing
	last   spot  // behind the last record known: of the store or handed out, then of what was read
	added  bool  // partitions of its topic have positions; then one without was added
	stuck  stuck
	still  time.Time // since when connections end without progress; zero: they do not
	judge  judge
	idle   bool // the last answer said that nothing is behind what was asked for

	// guarded by Source.mu
	stored     int64 // what the store says; -1: nothing
	opened     bool
	began      bool // was opened in this generation
	draining   bool
	next       int64 // next offset to fetch
	read       int64 // behind the last record that was queued
	handed     int64 // behind the last record that Poll gave out
	handedTime int64 // record time of the last of these, ns; 0: unknown
	covered    int64 // what Commit was told is stored
	committed  int64 // what the group knows; -1: nothing
	end        int64 // high watermark
	turn       int   // grows when the partition is begun anew
	changed    chan struct{}
}

// position is the next offset that Poll would give out. Source.mu is held.
func (p *partition) position() int64 {
	if p.handed == p.read {
		return p.next
	}
	return p.handed
}

// measure shows the lag. Source.mu is held.
func (p *partition) measure() {
	p.src.m.lag.WithLabelValues(p.labels()...).Set(float64(max(0, p.end-p.position())))
}

func (p *partition) labels() []string {
	return []string{p.at.topic, strconv.Itoa(int(p.at.id))}
}

// poke wakes a drain. Source.mu is held.
func (p *partition) poke() {
	if p.changed != nil {
		close(p.changed)
		p.changed = nil
	}
}

func (p *partition) String() string { return fmt.Sprintf("kafka %s[%d]", p.at.topic, p.at.id) }

// run reads until the generation ends, then drains. It never returns earlier:
// that would end the generation for every partition.
func (p *partition) run(ctx context.Context) {
	defer p.leave()
	defer p.drain()
	s := p.src
	for wait := s.timing.backoff; ctx.Err() == nil; wait = min(2*wait, s.timing.backoffMax) {
		began := p.where()
		err := p.attach(ctx)
		if ctx.Err() != nil {
			return
		}
		if p.where() != began {
			wait = s.timing.backoff
		} else {
			p.watch()
		}
		if err == errAstray {
			continue // a fresh connection finds the place
		}
		if p.judge.counts(err, time.Now(), s.timing.grace) {
			s.fail(err)
		} else if err != nil {
			s.report(err)
		}
		if !p.stuck.stepping && !sleep(ctx, wait) {
			return
		}
	}
}

// where gives the next offset to fetch.
func (p *partition) where() int64 {
	p.src.mu.Lock()
	defer p.src.mu.Unlock()
	return p.next
}

// attach connects to the leader and fetches until something goes wrong.
func (p *partition) attach(ctx context.Context) (err error) {
	conn, err := p.src.remote.dialLeader(ctx, p.at.topic, p.at.id)
	if err != nil {
		return err
	}
	defer conn.Close()
	defer context.AfterFunc(ctx, func() { conn.Close() })() // wakes a blocked read
	defer func() {
		// A panic leaves the batch's lock held: the batch is not closed, only
		// the connection is.
		if v := recover(); v != nil {
			p.src.m.panics.WithLabelValues(p.at.topic).Inc()
			p.src.log.Debug("kafka client panicked", "partition", p.String(), "panic", v, "stack", string(debug.Stack()))
			err = p.failedAt(fmt.Errorf("the client library panicked (%v)", v))
		}
	}()
	if err := p.locate(conn); err != nil {
		return err
	}
	for {
		if err := p.fetch(ctx, conn); err != nil {
			return err
		}
	}
}

// fetch makes one request and hands over what it brings, in pieces.
func (p *partition) fetch(ctx context.Context, conn *kafkago.Conn) error {
	s := p.src
	from := p.where()
	b := request(conn, from, s.c.Fetch, s.timing.wait)
	idle := p.idle
	if p.idle = false; b.Err() == nil {
		p.saw(b.HighWaterMark())
		p.idle = b.HighWaterMark() == from
	}
	err := p.drink(ctx, conn, b, from)
	if ctx.Err() != nil {
		conn.Close() // the rest of the response is of no use
		return ctx.Err()
	}
	switch {
	case err == nil:
		return p.progress(ctx, from)
	case isOutOfRange(err):
		return errAstray
	case idle && errors.Is(err, io.ErrNoProgress):
		// The broker looks at its high watermark before it reads, so an answer
		// may bring a record and say that there is none. The library then leaves
		// the record where the next answer should begin.
		return errAstray
	case isGarbled(err):
		return cmp.Or(p.failedAt(err), errAstray) // its connection is closed
	}
	return explain(p.String(), err)
}

// drink reads the batch's records to their end and closes the batch.
func (p *partition) drink(ctx context.Context, conn *kafkago.Conn, b *kafkago.Batch, from int64) error {
	pc := p.src.newPiece()
	next := from
	var err error
	for {
		var m kafkago.Message
		if m, err = b.ReadMessage(); err != nil {
			break
		}
		if m.Offset < next {
			continue // the batch begins before the offset that was asked for
		}
		next = m.Offset + 1
		if isMarker(&m) {
			p.marker(&m)
			continue
		}
		if pc.add(&m, p.format); pc.size < pieceSize {
			continue
		}
		_ = conn.SetReadDeadline(time.Time{}) // waiting for the pipeline is no fault of the broker
		if !p.hand(ctx, pc, next) {
			return ctx.Err() // the batch dies with its connection
		}
		_ = conn.SetReadDeadline(time.Now().Add(patience))
		pc = p.src.newPiece()
	}
	if next > from { // without a record of its own, the batch does not know where it ends
		next = max(next, b.Offset())
	}
	if !isGarbled(err) { // else closing would wait for bytes that were read already
		err = b.Close()
	}
	if !p.hand(ctx, pc, next) {
		return ctx.Err()
	}
	if isEnd(err) {
		return nil
	}
	return err
}

// marker counts a transaction's end. The first that was aborted is said: its
// records were read like all others, because nothing that the library gives of
// them tells them apart.
func (p *partition) marker(m *kafkago.Message) {
	s := p.src
	s.m.markers.WithLabelValues(p.at.topic).Inc()
	if !isAbort(m) {
		return
	}
	s.m.aborted.WithLabelValues(p.at.topic).Inc()
	s.aborts.Do(func() {
		s.log.Warn("kafka: a transaction was aborted: its records were read all the same, and count", "partition", p.String(), "offset", m.Offset,
			"advice", "let producers write logs without transactions, or with ids in the records")
	})
}

// saw notes the end of the partition.
func (p *partition) saw(end int64) {
	p.src.mu.Lock()
	defer p.src.mu.Unlock()
	p.end = end
	p.measure()
}

// hand queues a piece and moves on; false when ctx ended before it fitted.
func (p *partition) hand(ctx context.Context, pc *piece, next int64) bool {
	s := p.src
	n := len(*pc.records)
	if n == 0 {
		pc.free()
		s.mu.Lock()
		p.next = next
		p.measure()
		s.mu.Unlock()
		return true
	}
	if !s.budget.take(ctx, pc.size) {
		pc.free()
		return false
	}
	s.m.buffered.Add(float64(pc.size))
	s.m.records.WithLabelValues(p.at.topic).Add(float64(n))
	s.m.bytes.WithLabelValues(p.at.topic).Add(float64(pc.size))
	upto := (*pc.records)[n-1].Origin.Offset + 1
	p.last = spot{upto, (*pc.records)[n-1].Time}
	s.mu.Lock()
	p.read, p.next = upto, next
	s.queue = append(s.queue, item{batch: engine.Batch{Records: *pc.records, Release: pc.release}, p: p, upto: upto, turn: p.turn})
	s.mu.Unlock()
	s.ring()
	return true
}

// drain gives back what is queued, says that the partition goes, and waits
// until what was handed out is committed: not longer than the group would.
func (p *partition) drain() {
	s := p.src
	timeout := time.NewTimer(s.timing.drain)
	defer timeout.Stop()
	p.withdraw()
	for {
		s.mu.Lock()
		if !p.opened || p.committed >= p.handed {
			s.mu.Unlock()
			return
		}
		if p.changed == nil {
			p.changed = make(chan struct{})
		}
		changed := p.changed
		s.mu.Unlock()
		select {
		case <-changed:
		case <-p.gen.dead:
			return
		case <-s.closing:
			return
		case <-timeout.C:
			s.log.Warn("kafka partition given away before the last commit: its last records come again", "partition", p.String(), "waited", s.timing.drain)
			return
		}
	}
}

// withdraw takes the partition's records out of the queue and announces its end.
func (p *partition) withdraw() {
	s := p.src
	s.mu.Lock()
	defer s.mu.Unlock()
	if !p.opened {
		return
	}
	p.draining = true
	kept := s.queue[:0]
	for _, it := range s.queue {
		if it.p == p && it.upto > 0 {
			it.batch.Release()
			continue
		}
		kept = append(kept, it)
	}
	clear(s.queue[len(kept):])
	s.queue = append(kept, item{batch: engine.Batch{Closed: []engine.Position{p.pos(p.handed)}}})
	p.read, p.next = p.handed, p.handed
	s.ring()
}

func (p *partition) pos(offset int64) engine.Position {
	pos := engine.Position{Source: p.at.topic, Partition: p.at.id, Offset: offset}
	if offset == p.last.next {
		pos.Time = p.last.time
	}
	return pos
}

// leave ends the partition's part in the generation.
func (p *partition) leave() {
	s := p.src
	s.mu.Lock()
	if s.parts[p.at] == p {
		p.opened = false
	}
	s.mu.Unlock()
	s.m.forget(p.at.topic, p.at.id)
	if p.gen.left.Add(-1) == 0 {
		close(p.gen.drained)
	}
}
