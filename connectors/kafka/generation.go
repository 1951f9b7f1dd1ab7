package kafka

import (
	"context"
	"errors"
	"fmt"
	"sync"
	"sync/atomic"
	"time"

	kafkago "github.com/segmentio/kafka-go"

	"github.com/seed-843b225c/reflex/engine"
)

// generation is this member's turn: the partitions it owns until the group
// changes, and the only way to commit for them.
type generation struct {
	gen     *kafkago.Generation
	src     *Source
	parts   []*partition
	left    atomic.Int32  // partitions that still read or drain
	drained chan struct{} // closed when none is left
	dead    chan struct{} // closed when no commit can succeed any more
	die     sync.Once
}

// Commit commits the positions of partitions that this member owns, or has
// lost and still drains; others, and steps backwards, are ignored. A Temporary
// error asks to come again with the same or newer positions; what is never
// committed comes again to the next owner. It may take up to 5 s after ctx has
// ended, because the library's request cannot be interrupted.
func (s *Source) Commit(ctx context.Context, next []engine.Position) error {
	s.committing.Lock()
	defer s.committing.Unlock()
	if err := ctx.Err(); err != nil {
		return err
	}
	g, due := s.due(next)
	if len(due) == 0 {
		return nil
	}
	return g.commit(due)
}

// due notes what is stored and gives what of it the group does not know yet.
func (s *Source) due(next []engine.Position) (*generation, map[place]int64) {
	s.mu.Lock()
	defer s.mu.Unlock()
	due := map[place]int64{}
	for _, pos := range next {
		at := place{pos.Source, pos.Partition}
		p := s.parts[at]
		// between two generations, of what stays ours
		if p != nil && !p.opened && (p.began || p.onward >= 0) && pos.Offset > p.stored {
			p.stored, s.stored[at] = pos.Offset, spot{pos.Offset, pos.Time}
		}
		if p == nil || !p.opened || pos.Offset > p.handed || pos.Offset <= p.covered {
			continue
		}
		p.covered = pos.Offset
		s.stored[at] = spot{pos.Offset, pos.Time}
		if pos.Offset == p.read { // all that was ever queued: what follows is known to hold no record
			due[at] = p.next
		} else {
			due[at] = pos.Offset
		}
	}
	for at, p := range s.parts { // what an earlier try did not get through
		if want := p.covered; p.opened && due[at] == 0 && want > p.committed {
			due[at] = want
		}
	}
	return s.gen, due
}

// commit tells the group. One at a time.
func (g *generation) commit(due map[place]int64) error {
	offsets := map[string]map[int]int64{}
	for at, offset := range due {
		if offsets[at.topic] == nil {
			offsets[at.topic] = map[int]int64{}
		}
		offsets[at.topic][int(at.id)] = offset
	}
	err := g.gen.CommitOffsets(offsets)
	what := "kafka group " + g.src.c.Group + ": commit"
	switch {
	case err == nil:
		g.src.noteCommitted(due)
		return nil
	case errors.Is(err, kafkago.RebalanceInProgress), errors.Is(err, kafkago.GroupLoadInProgress):
		return temporary(fmt.Errorf("%s: the group is changing its members: it is tried again", what))
	}
	g.die.Do(func() { close(g.dead) })
	if errors.Is(err, kafkago.IllegalGeneration) || errors.Is(err, kafkago.UnknownMemberId) {
		return temporary(fmt.Errorf("%s: the group has given our partitions away: what was not committed comes again", what))
	}
	return explain(what, err)
}

// noteCommitted notes what the group knows now.
func (s *Source) noteCommitted(due map[place]int64) {
	s.mu.Lock()
	defer s.mu.Unlock()
	for at, offset := range due {
		if p := s.parts[at]; p != nil && offset > p.committed {
			p.committed = offset
			p.poke()
		}
	}
}

// keepAlive repeats the last commits while partitions drain after the
// generation has ended: the library sends no heartbeat any more, and a member
// that says nothing for a session is put out before the drain is over.
func (g *generation) keepAlive(ctx context.Context) {
	<-ctx.Done()
	tick := time.NewTicker(g.src.c.SessionTimeout / 3)
	defer tick.Stop()
	for {
		select {
		case <-g.drained:
			return
		case <-g.dead:
			return
		case <-g.src.closing:
			return
		default:
		}
		g.repeat()
		select {
		case <-tick.C:
		case <-g.drained:
		case <-g.dead:
		case <-g.src.closing:
		}
	}
}

func (g *generation) repeat() {
	s := g.src
	s.committing.Lock()
	defer s.committing.Unlock()
	s.mu.Lock()
	known := map[place]int64{}
	for at, p := range s.parts {
		if p.opened && p.committed >= 0 {
			known[at] = max(p.committed, p.covered)
		}
	}
	s.mu.Unlock()
	if len(known) > 0 {
		_ = g.commit(known) // a lost turn shows as dead
	}
}
