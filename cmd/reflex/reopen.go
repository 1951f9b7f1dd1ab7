package main

import (
	"context"
	"errors"
	"io"
	"sync"
	"time"

	"github.com/seed-843b225c/reflex/engine"
)

// How long a source that only a person can mend rests before it is opened anew:
// twice as long each time, until a record comes.
const (
	reopenLeast = 5 * time.Second
	reopenMost  = time.Minute
)

// reopening is a Source that outlives a Fatal error of the one inside: a wrong
// password, a missing topic or permission is told and tried again slowly, so
// that mending it is enough. Partitions that were open are closed first.
type reopening struct {
	open        func(resume []engine.Position) (engine.Source, error)
	least, most time.Duration

	// Of the goroutine that polls.
	reading map[spot]engine.Position // open partitions
	rest    time.Duration
	broken  error // told once the partitions are closed

	mu     sync.Mutex
	src    engine.Source            // nil: to be opened
	stored map[spot]engine.Position // what was resumed from or committed
	closed bool
}

type spot struct {
	source string
	part   int32
}

// newReopening opens the source once, so that a mistake shows at the start.
func newReopening(resume []engine.Position, open func([]engine.Position) (engine.Source, error)) (*reopening, error) {
	src, err := open(resume)
	if err != nil {
		return nil, err
	}
	r := &reopening{open: open, least: reopenLeast, most: reopenMost, src: src, reading: map[spot]engine.Position{}, stored: map[spot]engine.Position{}}
	r.note(resume)
	return r, nil
}

func (r *reopening) note(ps []engine.Position) {
	for _, p := range ps {
		r.stored[spot{p.Source, p.Partition}] = p
	}
}

// Poll polls the source inside.
func (r *reopening) Poll(ctx context.Context) (engine.Batch, error) {
	if r.broken != nil {
		return engine.Batch{}, r.tell()
	}
	src, err := r.current()
	if err != nil {
		r.broken = err
		return engine.Batch{}, r.tell()
	}
	b, err := src.Poll(ctx)
	if engine.KindOf(err) == engine.Fatal {
		return r.failed(src, err)
	}
	r.follow(&b)
	return b, err
}

// failed lets the source go.
func (r *reopening) failed(src engine.Source, err error) (engine.Batch, error) {
	r.mu.Lock()
	r.src = nil
	r.mu.Unlock()
	r.broken = errors.Join(err, src.Close())
	var b engine.Batch
	for _, p := range r.reading {
		b.Closed = append(b.Closed, p)
	}
	clear(r.reading)
	if len(b.Closed) == 0 {
		return b, r.tell()
	}
	return b, nil // the error comes with the next Poll
}

// tell gives the reason, with the time to rest.
func (r *reopening) tell() error {
	err := r.broken
	r.broken = nil
	r.rest = min(max(r.least, 2*r.rest), r.most)
	return &engine.Error{Kind: engine.Temporary, After: r.rest, Err: err}
}

// current gives the source inside, opened anew where it must be.
func (r *reopening) current() (engine.Source, error) {
	r.mu.Lock()
	defer r.mu.Unlock()
	if r.closed {
		return nil, io.EOF
	}
	if r.src != nil {
		return r.src, nil
	}
	resume := make([]engine.Position, 0, len(r.stored))
	for _, p := range r.stored {
		resume = append(resume, p)
	}
	src, err := r.open(resume)
	if err != nil {
		return nil, err
	}
	r.src = src
	return src, nil
}

// follow keeps in mind what is open.
func (r *reopening) follow(b *engine.Batch) {
	for _, p := range b.Opened {
		r.reading[spot{p.Source, p.Partition}] = p
	}
	for i := range b.Records {
		o := &b.Records[i].Origin
		if at := (spot{o.Source, o.Partition}); i+1 == len(b.Records) || b.Records[i+1].Origin.Partition != o.Partition || b.Records[i+1].Origin.Source != o.Source {
			r.reading[at] = engine.Position{Source: o.Source, Partition: o.Partition, Offset: o.Offset + 1, Time: b.Records[i].Time}
		}
	}
	for _, p := range b.Closed {
		delete(r.reading, spot{p.Source, p.Partition})
	}
	if len(b.Records) > 0 {
		r.rest = 0
	}
}

// Commit commits to the source inside; without one it is kept for the next.
func (r *reopening) Commit(ctx context.Context, next []engine.Position) error {
	r.mu.Lock()
	r.note(next)
	src := r.src
	r.mu.Unlock()
	if src == nil {
		return nil
	}
	return src.Commit(ctx, next)
}

// Lags gives those of the source inside.
func (r *reopening) Lags() []engine.Lag {
	r.mu.Lock()
	src := r.src
	r.mu.Unlock()
	if lagging, ok := src.(engine.Lagging); ok {
		return lagging.Lags()
	}
	return nil
}

// Close closes the source inside.
func (r *reopening) Close() error {
	r.mu.Lock()
	src := r.src
	r.src, r.closed = nil, true
	r.mu.Unlock()
	if src == nil {
		return nil
	}
	return src.Close()
}

var (
	_ engine.Source  = (*reopening)(nil)
	_ engine.Lagging = (*reopening)(nil)
)
