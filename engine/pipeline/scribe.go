package pipeline

import (
	"context"
	"fmt"
	"log/slog"
	"slices"
	"sync"
	"time"

	"github.com/seed-843b225c/reflex/engine"
	"github.com/seed-843b225c/reflex/engine/checkpoint"
)

// scribe writes what is said into the alert log, beside detection: what comes
// while the disk syncs goes with the next sync. It keeps the newest of what it
// wrote, so that a sink that keeps up need not read it back.
type scribe struct {
	alerts *checkpoint.Log
	log    *slog.Logger
	now    func() time.Time
	status func(error) // is told how the log takes alerts

	in   chan saying
	done chan struct{} // closed when it works no more
	why  error         // read after done

	mu     sync.Mutex // held while the log grows: who is woken by that finds it in recent
	recent []logged   // the newest of the log, without a gap
	bytes  int        // of their records
}

// saying is one thing the scribe is given: transitions to write, or a question.
type saying struct {
	ts    []engine.Transition
	asked chan<- int64 // told where the log ends behind all that was said before
}

// logged is a transition and where it stands in the log.
type logged struct {
	engine.Transition
	pos, next int64
}

const (
	// A sync holds up everything else of a process with one core for as long as
	// the disk takes. What is said within this of the last one goes together.
	syncEvery   = 20 * time.Millisecond
	sayingsWait = 64      // of main; more would only make a slow disk look fast
	groupBytes  = 1 << 20 // written and synced at once, about
	recentBytes = 4 << 20
	recordMost  = 64 << 20 // bytes of one transition; values in it are cut long before (package correlate)
)

func newScribe(l *Live) *scribe {
	return &scribe{alerts: l.Dir.Log, log: l.Log, now: l.Now, status: l.status.alertLog, in: make(chan saying, sayingsWait), done: make(chan struct{})}
}

// say hands transitions over, which are the scribe's from now on. A log that
// takes nothing makes it wait, so nothing is read that could not be told.
func (s *scribe) say(ctx context.Context, ts []engine.Transition) error {
	return s.give(ctx, saying{ts: ts})
}

// ask gives a channel that is told where the log ends behind all that was said
// so far, once all of it is synced.
func (s *scribe) ask(ctx context.Context) (<-chan int64, error) {
	c := make(chan int64, 1)
	return c, s.give(ctx, saying{asked: c})
}

func (s *scribe) give(ctx context.Context, x saying) error {
	select {
	case s.in <- x: // even when ctx has ended: there is room
		return nil
	default:
	}
	select {
	case s.in <- x:
		return nil
	case <-s.done:
		return s.why
	case <-ctx.Done():
		return fmt.Errorf("the alert log still takes nothing: %w", ctx.Err())
	}
}

// run writes until ctx ends or the log takes nothing more for good.
func (s *scribe) run(ctx context.Context) {
	defer close(s.done)
	for last := (time.Time{}); ; last = time.Now() {
		select {
		case x := <-s.in:
			rest(ctx, syncEvery-time.Since(last))
			if s.why = s.write(ctx, x); s.why != nil {
				return
			}
		case <-ctx.Done():
			s.why = ctx.Err()
			return
		}
	}
}

// rest waits, or less if ctx ends.
func rest(ctx context.Context, d time.Duration) {
	if d <= 0 {
		return
	}
	t := time.NewTimer(d)
	defer t.Stop()
	select {
	case <-t.C:
	case <-ctx.Done():
	}
}

// group is what one sync writes.
type group struct {
	ts      []engine.Transition
	records [][]byte
	bytes   int
	asked   []question
}

// question is an ask and how many of the group's records stand before it.
type question struct {
	at     int
	answer chan<- int64
}

func (s *scribe) add(g *group, x saying) error {
	for i := range x.ts {
		b, err := s.record(&x.ts[i])
		if err != nil {
			return fmt.Errorf("alert log: %s: %w", x.ts[i].DocumentID(), err)
		}
		g.records, g.bytes = append(g.records, b), g.bytes+len(b)
	}
	g.ts = append(g.ts, x.ts...)
	if x.asked != nil {
		g.asked = append(g.asked, question{len(g.ts), x.asked})
	}
	return nil
}

// record gives a transition as the log keeps it. One that cannot be written, or
// that no sink would take, loses what came out of logs: it would come again
// after every start, and an alert without evidence is better than a service
// that cannot go on.
func (s *scribe) record(t *engine.Transition) ([]byte, error) {
	b, err := t.Append(nil)
	if err == nil && len(b) <= recordMost {
		return b, nil
	}
	if err == nil {
		err = fmt.Errorf("%d bytes are more than %d", len(b), recordMost)
	}
	s.log.Error("an alert or incident does not fit the alert log: it is told without its evidence", "id", t.DocumentID(), "error", err)
	*t = t.Bare("evidence and fields of the log left out: they did not fit the alert log")
	return t.Append(nil)
}

// write writes x and what waits behind it.
func (s *scribe) write(ctx context.Context, x saying) error {
	var g group
	for more := true; more; {
		if err := s.add(&g, x); err != nil {
			return err
		}
		if more = g.bytes < groupBytes; more {
			select {
			case x = <-s.in:
			default:
				more = false
			}
		}
	}
	first := s.alerts.End()
	if len(g.records) > 0 {
		end, err := s.persist(ctx, &g)
		if err != nil {
			return err
		}
		first = end
		for _, r := range g.records {
			first -= checkpoint.RecordBytes(len(r))
		}
	}
	for _, q := range g.asked {
		end := first
		for _, r := range g.records[:q.at] {
			end += checkpoint.RecordBytes(len(r))
		}
		q.answer <- end
	}
	return nil
}

// persist appends a group until the log takes it, ctx ends, or trying is no use.
func (s *scribe) persist(ctx context.Context, g *group) (end int64, err error) {
	wait := backoff{least: 100 * time.Millisecond, most: 5 * time.Second}
	told := reminder{now: s.now}
	for {
		end, err = s.append(g)
		s.status(err)
		switch {
		case err == nil:
			if told.trouble() {
				s.log.Info("the alert log takes alerts again", "after", told.lasted().String())
			}
			return end, nil
		case engine.KindOf(err) != engine.Temporary:
			return 0, err
		}
		if told.due() {
			s.log.Error("the alert log takes nothing: reading waits, it is tried again", "error", err)
		}
		if !wait.sleep(ctx, err) {
			return 0, err
		}
	}
}

// append puts a group into the log and remembers it.
func (s *scribe) append(g *group) (end int64, err error) {
	s.mu.Lock()
	defer s.mu.Unlock()
	end, err = s.alerts.Append(g.records...)
	if err != nil {
		return 0, err
	}
	next := end - int64(g.bytes) - int64(len(g.records))*checkpoint.RecordBytes(0)
	for i, t := range g.ts {
		pos := next
		next += checkpoint.RecordBytes(len(g.records[i]))
		s.recent = append(s.recent, logged{t, pos, next})
	}
	s.bytes += g.bytes
	drop := 0
	for s.bytes > recentBytes {
		s.bytes -= int(s.recent[drop].next - s.recent[drop].pos - checkpoint.RecordBytes(0))
		drop++
	}
	s.recent = slices.Delete(s.recent, 0, drop)
	return end, nil
}

// read gives the transitions from a position on, at most limit bytes of them:
// at least one, when there is one. They are shared: nobody may change them.
func (s *scribe) read(from int64, limit int) ([]logged, error) {
	if out := s.remembered(from, int64(limit)); out != nil {
		return out, nil
	}
	entries, err := s.alerts.Read(from, limit)
	if err != nil {
		return nil, fmt.Errorf("read the alert log: %w", err)
	}
	out := make([]logged, 0, len(entries))
	for _, e := range entries {
		t, err := engine.ParseTransition(e.Data)
		if err != nil { // of a newer version, or damaged beyond its checksum
			return nil, &engine.Error{Kind: engine.Fatal, Err: fmt.Errorf("alert log at %d: %w", e.Pos, err)}
		}
		out = append(out, logged{t, e.Pos, e.Next})
	}
	return out, nil
}

// remembered is read for what the scribe still has; nil when it has not.
func (s *scribe) remembered(from, limit int64) []logged {
	s.mu.Lock()
	defer s.mu.Unlock()
	i, ok := slices.BinarySearchFunc(s.recent, from, func(l logged, pos int64) int { return int(min(max(l.pos-pos, -1), 1)) })
	if !ok {
		return nil
	}
	n := i + 1
	for n < len(s.recent) && s.recent[n-1].next-from < limit {
		n++
	}
	return slices.Clone(s.recent[i:n])
}
