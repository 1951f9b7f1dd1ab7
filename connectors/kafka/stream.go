package kafka

import (
	"fmt"
	"io"
	"time"

	"github.com/seed-843b225c/reflex/engine"
)

// maxTries is how often a stream tries at one offset: about 20 s of broker
// trouble, after which the replay is better told than kept waiting.
const maxTries = 12

// Next gives the next record, whole; buf is not used. The last one is empty
// with Chunk and Last set, so that what is open in the decoder is closed; an
// error with it says what is missing. After that comes io.EOF.
func (s *Stream) Next([]byte) (engine.Record, error) {
	if s.done {
		return engine.Record{}, io.EOF
	}
	for s.next < s.p.end {
		rec, ok, err := s.try()
		switch {
		case ok:
			s.tries, s.stands, s.stepping = 0, 0, false
			return rec, nil
		case err == nil:
			continue
		}
		s.drop()
		s.tries++
		if engine.KindOf(err) == engine.Fatal || s.tries >= maxTries {
			return s.last(err)
		}
		if !s.p.link.wait(min(time.Duration(s.tries)*usual.backoff, usual.backoffMax)) {
			return s.last(err)
		}
	}
	return s.last(nil)
}

// try reads one message; neither ok nor an error: call again.
func (s *Stream) try() (rec engine.Record, ok bool, err error) {
	defer func() {
		if v := recover(); v != nil {
			err = s.unreadable(fmt.Errorf("kafka %s: the client library panicked (%v) at offset %d", s.p.Name(), v, s.next))
		}
	}()
	if err := s.ask(); err != nil || s.batch == nil {
		return rec, false, err
	}
	m, err := s.batch.ReadMessage()
	switch {
	case isGarbled(err):
		return rec, false, s.unreadable(fmt.Errorf("kafka %s: cannot be read at offset %d: %w", s.p.Name(), s.next, err))
	case err != nil:
		return rec, false, s.finish()
	case m.Offset < s.next: // the batch begins before the offset that was asked for
		return rec, false, nil
	case m.Offset >= s.p.end:
		s.next = s.p.end
		return rec, false, nil
	}
	s.next = m.Offset + 1
	if isMarker(&m) {
		return rec, false, nil
	}
	return record(&m, s.p.format), true, nil
}

// ask makes sure that there is a batch to read from.
func (s *Stream) ask() (err error) {
	if s.batch != nil {
		if now := time.Now(); now.After(s.fresh) { // other streams may have been read for long
			s.fresh = now.Add(time.Second)
			_ = s.conn.SetReadDeadline(now.Add(2 * patience))
		}
		return nil
	}
	if s.conn == nil {
		if s.conn, s.hangUp, err = s.p.link.dial(s.p.at); err != nil {
			return err
		}
		if err := s.locate(); err != nil || s.next >= s.p.end {
			return err
		}
	}
	s.from = s.next
	s.batch = request(s.conn, s.next, 1<<20, usual.wait)
	return nil
}

// finish ends a batch and judges why it ended.
func (s *Stream) finish() error {
	next := s.next
	if next > s.from { // without a record of its own, the batch does not know where it ends
		next = max(next, s.batch.Offset())
	}
	moved := next > s.from
	err := s.batch.Close()
	s.batch = nil
	switch {
	case isOutOfRange(err): // a fresh connection finds the place
		s.drop()
		return nil
	case !isEnd(err):
		return explain("kafka "+s.p.Name(), err)
	case !moved:
		return s.unreadable(fmt.Errorf("kafka %s: stands still at offset %d", s.p.Name(), s.next))
	}
	s.next = next
	return nil
}

// unreadable counts a fetch that brought nothing, and steps over an offset
// that was tried enough: offline, a gap that is told is better than no result.
func (s *Stream) unreadable(cause error) error {
	s.drop()
	if s.stands++; s.stands < triesAtOne && !s.stepping {
		return temporary(cause)
	}
	s.next++
	s.skipped++
	s.stands, s.tries, s.stepping = 0, 0, true
	return nil
}

// locate goes on at the oldest record that is left.
func (s *Stream) locate() error {
	first, last, err := offsets(s.conn)
	switch {
	case err != nil:
		return explain("kafka "+s.p.Name(), err)
	case s.next > last:
		return fatal(fmt.Errorf("kafka %s: ends before offset %d: the topic was made anew since the range was: begin again", s.p.Name(), s.next))
	case s.next < first:
		to := min(first, s.p.end)
		s.removed += to - s.next
		s.next = to
	}
	return nil
}
