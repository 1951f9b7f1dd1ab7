package contract

import (
	"context"
	"errors"
	"io"
	"testing"
	"time"

	"github.com/seed-843b225c/reflex/engine"
)

// SourceRig is one empty stream of records and the way into it.
type SourceRig struct {
	// Write appends values to a partition, in order, and returns when they can
	// be read. Needed.
	Write func(t testing.TB, partition int32, values ...string)
	// Open opens a source at the beginning of the stream, or behind what was
	// committed. resume are the positions of a store: they win over a commit.
	// Needed.
	Open func(t testing.TB, resume []engine.Position) engine.Source
	// Name is what Origin.Source says. Needed.
	Name string
	// Partitions is how many the stream has. 0: one, numbered as Write is told.
	Partitions int32
	// Durable: records and commits outlive the source, so that another one goes
	// on behind the commit. False: what was not read is the sender's (a web hook).
	Durable bool
	// Resumes: Open heeds resume.
	Resumes bool
	// Buffer is the most bytes of record data that the source hands out before
	// Release gives some back. 0: no bound is promised.
	Buffer int
	// Wait bounds every step. 0: 30 s.
	Wait time.Duration
}

type sourceCase struct {
	name string
	run  func(testing.TB, SourceRig)
}

var sourceCases = []sourceCase{
	{"gives every record in order", sourceOrder},
	{"gives what is written while it waits", sourceLive},
	{"goes on behind the commit", sourceCommit},
	{"gives what was not committed again", sourceUncommitted},
	{"never commits backwards or for others", sourceStale},
	{"the store's positions win over the commit", sourceResume},
	{"an ended context ends a poll and no more", sourceCancel},
	{"hands out no more than its buffer", sourceBuffer},
	{"close ends it while batches are out", sourceClose},
	{"lags come down to nothing", sourceLags},
	{"check finds a healthy system", sourceCheck},
}

// Source runs the contract of engine.Source against a stream.
func Source(t *testing.T, rig func(t testing.TB) SourceRig) {
	for _, c := range sourceCases {
		t.Run(c.name, func(t *testing.T) { c.run(t, rig(t).withDefaults()) })
	}
}

func (r SourceRig) withDefaults() SourceRig {
	if r.Partitions == 0 {
		r.Partitions = 1
	}
	if r.Wait == 0 {
		r.Wait = defaultWait
	}
	return r
}

// reading is what a case has polled so far.
type reading struct {
	rig   SourceRig
	src   engine.Source
	got   [][]string // values by partition
	next  []int64    // next offset by partition
	open  []bool     // announced and not closed
	total int
	ended bool // closed by the case itself
}

// read opens a source that is closed when the case ends.
func (r SourceRig) read(t testing.TB, resume []engine.Position) *reading {
	n := r.Partitions
	p := &reading{rig: r, src: r.Open(t, resume), got: make([][]string, n), next: make([]int64, n), open: make([]bool, n)}
	t.Cleanup(func() { p.end(t) })
	return p
}

func (p *reading) end(t testing.TB) {
	t.Helper()
	if !p.ended {
		p.ended = true
		closeWithin(t, p.rig.Wait, p.src.Close)
	}
}

// until polls until n records have come in all, and releases every batch.
func (p *reading) until(t testing.TB, n int) {
	t.Helper()
	ctx, cancel := context.WithTimeout(context.Background(), p.rig.Wait)
	defer cancel()
	for p.total < n {
		b, ok := p.poll(ctx, t)
		if !ok {
			t.Fatalf("%d of %d records have come within %s", p.total, n, p.rig.Wait)
		}
		if b.Release != nil {
			b.Release()
		}
	}
}

// poll takes one batch and notes it; false when ctx or the stream has ended.
func (p *reading) poll(ctx context.Context, t testing.TB) (engine.Batch, bool) {
	t.Helper()
	for {
		b, err := p.src.Poll(ctx)
		switch {
		case err == nil:
			p.note(t, b)
			return b, true
		case ctx.Err() != nil || errors.Is(err, io.EOF):
			return b, false
		case engine.KindOf(err) != engine.Temporary:
			t.Fatalf("Poll: kind %q: %v", engine.KindOf(err), err)
		}
		again(ctx)
	}
}

func (p *reading) note(t testing.TB, b engine.Batch) {
	t.Helper()
	for _, o := range b.Opened {
		i := p.place(t, o.Source, o.Partition)
		if p.open[i] {
			t.Errorf("partition %d is opened twice", o.Partition)
		}
		p.open[i], p.next[i] = true, o.Offset
	}
	for i := range b.Records {
		p.record(t, &b.Records[i])
	}
	for _, c := range b.Closed {
		i := p.place(t, c.Source, c.Partition)
		if !p.open[i] {
			t.Errorf("partition %d is closed and was not open", c.Partition)
		}
		p.open[i] = false
	}
}

func (p *reading) record(t testing.TB, rec *engine.Record) {
	t.Helper()
	i := p.place(t, rec.Origin.Source, rec.Origin.Partition)
	if !p.open[i] {
		t.Errorf("%s comes before its partition was opened", rec.Origin)
	}
	if rec.Origin.Offset < p.next[i] {
		t.Errorf("%s comes after offset %d", rec.Origin, p.next[i]-1)
	}
	p.next[i] = rec.Origin.Offset + 1
	p.got[i] = append(p.got[i], string(rec.Data))
	p.total++
}

// place finds a partition's row.
func (p *reading) place(t testing.TB, source string, partition int32) int {
	t.Helper()
	if source != p.rig.Name || partition >= p.rig.Partitions {
		t.Fatalf("%s[%d] is not of this stream, which is %s with %d partitions", source, partition, p.rig.Name, p.rig.Partitions)
	}
	return int(max(partition, 0)) // -1: a source without partitions
}

// commit tells the source that everything polled so far is stored.
func (p *reading) commit(t testing.TB) {
	t.Helper()
	p.commitAt(t, p.next)
}

func (p *reading) commitAt(t testing.TB, next []int64) {
	t.Helper()
	ctx, cancel := context.WithTimeout(context.Background(), p.rig.Wait)
	defer cancel()
	for {
		err := p.src.Commit(ctx, p.rig.positions(next))
		if err == nil {
			return
		}
		if engine.KindOf(err) != engine.Temporary || ctx.Err() != nil {
			t.Fatalf("Commit: kind %q: %v", engine.KindOf(err), err)
		}
		again(ctx)
	}
}

func (r SourceRig) positions(next []int64) []engine.Position {
	ps := make([]engine.Position, 0, len(next))
	for i, offset := range next {
		ps = append(ps, engine.Position{Source: r.Name, Partition: int32(i), Offset: offset})
	}
	return ps
}
