package pipeline

import (
	"context"
	"errors"
	"fmt"
	"io"
	"log/slog"
	"slices"
	"sync"
	"time"

	"github.com/prometheus/client_golang/prometheus"

	"github.com/seed-843b225c/reflex/engine"
	"github.com/seed-843b225c/reflex/engine/checkpoint"
)

// Live runs the line on a stream that does not end: the service.
//
// The order of truth is append, checkpoint, commit. Every transition is in the
// alert log, synced, before anything else sees it; about once a second state,
// positions and the log's end are stored together; then the source is told.
// Sinks read the log, each at its own stored position. A crash repeats what
// came after the last checkpoint, and what is said again is recognised.
//
// A reload of rules takes the way of a restart: checkpoint, then a new line
// that is restored from the store. So there is one way to come back.
//
// Run may be called once. It owns Source and the sinks and closes them; Dir
// stays the caller's.
type Live struct {
	Parts   Parts
	Source  engine.Source
	Dead    engine.DeadLetter // nil: refusals are counted and logged only
	Dir     *checkpoint.Dir
	Outputs []Output
	Log     *slog.Logger
	Metrics prometheus.Registerer // nil: none
	Reload  <-chan Reload         // nil: never
	Every   time.Duration         // between checkpoints; default 1 s
	Drain   time.Duration         // how long a stop may take; default 6 s: closing the source adds up to 3
	Now     func() time.Time      // the wall clock; nil: time.Now
	Room    uint64                // bytes that may be allocated between two collections at least (of the whole process); 0: the collector is left alone
	// Started is called once the state is restored and records are read.
	Started func()

	status statusBoard
}

// Output is a sink with the name under which its position is kept. Another
// name is another sink, which begins with what is new.
type Output struct {
	Name string
	Sink engine.Sink
}

// Reload brings new parts; Done is told what came of it.
type Reload struct {
	Parts Parts
	Done  func(error)
}

// service is a Live that runs: what its one main goroutine owns.
type service struct {
	*Live
	line     *line
	work     *workspace
	scribe   *scribe
	outputs  []*output
	in       chan engine.Batch
	jobs     chan saveJob
	saved    chan saveResult
	saving   bool
	storing  map[partKey]bool // partitions whose memory that checkpoint holds
	again    bool             // a checkpoint is asked for while one is being written
	pollErr  error
	met      *meters
	emptied  map[string]string // at the start: rules whose state is gone, and why
	lateSaid time.Time
	late     int64
}

// Run works until ctx ends or something fatal happens; nil means that all was
// stored in order.
func (l *Live) Run(ctx context.Context) error {
	l.defaults()
	s := &service{Live: l, in: make(chan engine.Batch), jobs: make(chan saveJob, 1), saved: make(chan saveResult, 1)}
	s.met, s.scribe = newMeters(l), newScribe(l)
	if err := s.begin(); err != nil {
		return err
	}
	after, end := context.WithCancel(context.WithoutCancel(ctx)) // outlives ctx by the drain
	defer end()
	var sinks, inner sync.WaitGroup
	sinks.Go(func() { s.scribe.run(after) })
	for _, o := range s.outputs {
		sinks.Go(func() { o.run(after) })
	}
	polling, stopPolling := context.WithCancel(ctx)
	defer stopPolling()
	inner.Go(func() { defer close(s.in); s.pollErr = s.poll(polling) })
	inner.Go(func() { defer close(s.saved); s.write(after) })
	if l.Started != nil {
		l.Started()
	}
	err := s.retire(ctx, s.emptied)
	if err == nil {
		err = s.loop(ctx)
	}
	stopPolling()
	return errors.Join(err, s.stop(after, &inner, &sinks, end))
}

func (l *Live) defaults() {
	if l.Every == 0 {
		l.Every = time.Second
	}
	if l.Drain == 0 {
		l.Drain = 6 * time.Second
	}
	if l.Now == nil {
		l.Now = time.Now
	}
	if l.Log == nil {
		l.Log = slog.New(slog.DiscardHandler)
	}
}

// loop is the main goroutine: it alone touches the line.
func (s *service) loop(ctx context.Context) error {
	tick := time.NewTicker(s.Every)
	defer tick.Stop()
	for {
		in := s.in
		if s.saving && (s.full() || !s.status.storing()) {
			in = nil // what is read now could not be stored either, and memory would grow
		}
		select {
		case b, ok := <-in:
			if !ok {
				return errors.Join(s.pollErr, s.turn(ctx)) // what the last full batches moved
			}
			if err := s.take(ctx, b); err != nil {
				return err
			}
		case <-tick.C:
			if err := s.turn(ctx); err != nil { // silence moves watermarks too
				return err
			}
			s.sayLate()
			if err := s.save(ctx); err != nil {
				return err
			}
			s.publish()
		case r := <-s.saved:
			if err := s.wasSaved(ctx, r); err != nil {
				return err
			}
		case r := <-s.Reload:
			r.Done(s.reload(ctx, r.Parts))
		case <-ctx.Done():
			return nil
		}
	}
}

// poll takes batches from the source until ctx ends.
func (s *service) poll(ctx context.Context) error {
	wait := backoff{least: 200 * time.Millisecond, most: 10 * time.Second}
	told := reminder{now: s.Now}
	for ctx.Err() == nil {
		b, err := s.Source.Poll(ctx)
		switch {
		case errors.Is(err, io.EOF) || ctx.Err() != nil && err != nil:
			return nil
		case engine.KindOf(err) == engine.Fatal:
			s.status.source(err, s.Now())
			return fmt.Errorf("source: %w", err)
		case err != nil:
			s.status.source(err, s.Now())
			if told.news(err) {
				s.Log.Warn("the source cannot be read, trying again", "error", err)
			}
			wait.sleep(ctx, err)
			continue
		}
		wait.reset()
		s.status.source(nil, s.Now())
		if told.trouble() && len(b.Records)+len(b.Opened) > 0 {
			s.Log.Info("the source is read again", "after", told.lasted().String())
			told.reset()
		}
		select {
		case s.in <- b:
		case <-ctx.Done():
			if b.Release != nil {
				b.Release()
			}
		}
	}
	return nil
}

// stop ends everything, last begun first ended: what is in hand is stored, the
// sinks get the rest of the drain to catch up, then all is closed.
func (s *service) stop(ctx context.Context, inner, sinks *sync.WaitGroup, end context.CancelFunc) error {
	late := time.AfterFunc(s.Drain, end)
	defer late.Stop()
	for b := range s.in { // the poller lets go
		if b.Release != nil {
			b.Release()
		}
	}
	err := s.saveNow(ctx)
	close(s.jobs)
	for range s.saved { // the writer ends
	}
	inner.Wait()
	s.publish()
	if err == nil {
		s.caughtUp(s.Drain / 2)
	}
	end()
	sinks.Wait()
	errs := []error{err, wrap("close the source", s.Source.Close())}
	if dead, ok := s.Dead.(io.Closer); ok {
		errs = append(errs, wrap("close the dead letter", dead.Close()))
	}
	for _, o := range s.outputs {
		errs = append(errs, wrap("close sink "+o.name, o.sink.Close()))
	}
	return errors.Join(errs...)
}

// caughtUp waits until every sink that works has all that is in the log.
func (s *service) caughtUp(most time.Duration) {
	deadline := time.NewTimer(most)
	defer deadline.Stop()
	look := time.NewTicker(5 * time.Millisecond)
	defer look.Stop()
	for end := s.Dir.Log.End(); ; {
		if !slices.ContainsFunc(s.outputs, func(o *output) bool { return o.pos.Load() < end && o.working() }) {
			return
		}
		select {
		case <-look.C:
		case <-deadline.C:
			s.Log.Warn("stopped before every sink had everything: it comes with the next start")
			return
		}
	}
}

func wrap(what string, err error) error {
	if err == nil {
		return nil
	}
	return fmt.Errorf("%s: %w", what, err)
}
