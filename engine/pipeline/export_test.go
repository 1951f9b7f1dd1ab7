package pipeline

import (
	"context"
	"sync"
	"time"

	"github.com/seed-843b225c/reflex/engine"
)

// Steps is a service of which a benchmark turns the main goroutine by hand.
type Steps struct {
	s     *service
	ctx   context.Context
	end   func()
	works sync.WaitGroup
}

// InSteps starts all of a service but its poller and its clock.
func InSteps(ctx context.Context, l *Live) (*Steps, error) {
	l.defaults()
	s := &service{Live: l, jobs: make(chan saveJob, 1), saved: make(chan saveResult, 1)}
	s.met, s.scribe = newMeters(l), newScribe(l)
	if err := s.begin(); err != nil {
		return nil, err
	}
	x := &Steps{s: s}
	x.ctx, x.end = context.WithCancel(ctx)
	x.works.Go(func() { s.scribe.run(x.ctx) })
	x.works.Go(func() { defer close(s.saved); s.write(x.ctx) })
	return x, nil
}

// Take takes a batch as the main goroutine does.
func (x *Steps) Take(b engine.Batch) error {
	select {
	case r := <-x.s.saved: // one that the batch before asked for
		if err := x.s.wasSaved(x.ctx, r); err != nil {
			return err
		}
	default:
	}
	return x.s.take(x.ctx, b)
}

// Checkpoint stores what changed: pause is how long the main goroutine did
// nothing else, durable how long until all of it was synced and the source told.
func (x *Steps) Checkpoint() (pause, durable time.Duration, err error) {
	for x.s.saving {
		if err := x.s.wasSaved(x.ctx, <-x.s.saved); err != nil {
			return 0, 0, err
		}
	}
	began := time.Now()
	if err := x.s.save(x.ctx); err != nil {
		return 0, 0, err
	}
	pause = time.Since(began)
	r := <-x.s.saved
	return pause, time.Since(began), x.s.wasSaved(x.ctx, r)
}

// Held counts the keys that the correlator holds, with the events that will be
// some, and the hits that a quota kept out.
func (x *Steps) Held() (keys int, dropped int64) {
	st := x.s.line.corr.Stats()
	for _, n := range st.Dropped {
		dropped += n
	}
	return st.Keys + st.Pending, dropped
}

// End stops the goroutines.
func (x *Steps) End() {
	close(x.s.jobs)
	for range x.s.saved {
	}
	x.end()
	x.works.Wait()
}
