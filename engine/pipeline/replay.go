package pipeline

import (
	"context"
	"errors"
	"io"
	"math"
	"slices"
	"time"

	"github.com/seed-843b225c/reflex/engine"
)

// Input is a stream of bytes that can be opened; Rewind says whether more than once.
type Input interface {
	Name() string
	Size() int64 // bytes as stored, 0 when unknown
	Rewind() bool
	Open() (Stream, error)
}

// Stream gives an input's chunks. Next fills buf but for its last Spare bytes
// and returns io.EOF after the chunk with Last set; another error comes with
// the last chunk that was readable.
type Stream interface {
	Next(buf []byte) (engine.Record, error)
	Read() int64 // bytes of the input read so far, as stored
	Close() error
}

const (
	chunkSize = 128 << 10
	spare     = 128     // the scanner loads whole words at a chunk's end
	peekSize  = 8 << 10 // enough for the first records of most files
	maxOpen   = 256
	// advanceEvery is after how many chunks the watermark moves: often enough
	// to keep memory flat, seldom enough to cost nothing with a thousand rules.
	advanceEvery = 32
)

// firstSlack is how much disorder inside a file the first reading allows for:
// what CloudTrail's own files show.
const firstSlack = int64(20 * time.Minute)

// Replay reads inputs to their end and gives the final alerts.
//
// Nothing in files is late. Files are merged by event time: the one that lags
// is read next, and the watermark is the least of what the open files have
// said and of where the unopened ones begin. Where a file begins is read off
// its first records, and its inner disorder is taken to be at most 20 minutes;
// both are guesses, and sorted files need no more than this one reading. When
// a hit turns out to stand behind the watermark, the guess was wrong: the
// reading goes on to the end only to measure every file's true beginning and
// disorder, and a second reading with these bounds decides. So names, number
// and inner order of the files do not matter.
//
// At most 256 files are open at once. Where more overlap, the watermark waits
// for the beginning of those not opened yet: memory then follows the hits of
// the overlap (never its events), and nothing has to be spilled to disk.
type Replay struct {
	Parts    Parts
	Inputs   []Input
	Format   string        // what all inputs hold, by decode's names; "": recognised
	Lateness time.Duration // for inputs that cannot be read twice: events further behind are late
	Refuse   func(engine.Refusal)
	Warn     func(error)    // an input that cannot be opened or breaks off
	Progress func(Progress) // called about every 100 chunks; nil: nobody looks
}

// Progress says how far a replay is.
type Progress struct {
	Done, Total int64 // bytes as stored; Total 0 when unknown
	Events      int64
	Again       bool // the second reading
}

// Run replays. The result is complete also when some input was refused or
// could not be read (Result.Stats says so); the error is for a run that could not finish.
func (r *Replay) Run(ctx context.Context) (*Result, error) {
	started := time.Now()
	stats := newStats(r.Parts.Set)
	parts := make([]*partition, 0, len(r.Inputs))
	for _, in := range r.Inputs {
		p := newPartition(in)
		p.slack = firstSlack
		if !in.Rewind() {
			p.slack = int64(r.Lateness)
		}
		if len(r.Inputs) > 1 {
			p.start = r.peek(in)
		}
		parts = append(parts, p)
	}
	l := newLine(r.Parts, stats, r.Refuse)
	once, err := r.read(ctx, l, parts, false)
	if err != nil {
		return nil, err
	}
	if !once {
		first := *stats
		*stats = *newStats(r.Parts.Set)
		for i, p := range parts {
			parts[i] = p.again()
		}
		if r.Parts.Forget != nil {
			r.Parts.Forget()
		}
		l = newLine(r.Parts, stats, nil) // the first reading has told of every refusal
		if _, err := r.read(ctx, l, parts, true); err != nil {
			return nil, err
		}
		stats.unreadable += first.unreadable
		stats.passes = 2
	}
	l.end()
	res := finish(l, stats, l.corr.Alerts())
	if err := r.documents(ctx, res.Alerts); err != nil {
		return nil, err
	}
	stats.seconds = time.Since(started).Seconds()
	return res, nil
}

// read drives all partitions to their end. It returns false when the guesses
// turned out wrong and everything must be read again.
func (r *Replay) read(ctx context.Context, l *line, waiting []*partition, again bool) (ok bool, err error) {
	waiting = slices.Clone(waiting)
	slices.SortStableFunc(waiting, func(a, b *partition) int {
		switch {
		case a.start < b.start:
			return -1
		case a.start > b.start:
			return 1
		}
		return 0
	})
	m := &merge{replay: r, line: l, waiting: waiting, buf: make([]byte, chunkSize+spare), again: again}
	for _, p := range waiting {
		m.total += p.input.Size()
	}
	defer m.closeAll()
	for m.next() {
		if err := ctx.Err(); err != nil {
			return false, err
		}
		m.step()
	}
	return !l.idle, ctx.Err() // a stream of an interrupted source may have ended early
}

// merge is the state of one reading.
type merge struct {
	replay  *Replay
	line    *line
	waiting []*partition // not opened yet, by start
	open    []*partition
	buf     []byte
	again   bool
	done    int64 // bytes of closed inputs
	total   int64
	steps   int
}

// next opens what is due and puts the lagging partition last in m.open; false at the end.
func (m *merge) next() bool {
	for len(m.waiting) > 0 && len(m.open) < maxOpen {
		p := m.waiting[0]
		if len(m.open) > 0 && p.start > m.lagging().newest {
			break
		}
		m.waiting = m.waiting[1:]
		if p.events == 0 && p.start == math.MaxInt64 && m.again {
			continue // the first reading found nothing in it
		}
		s, err := p.input.Open()
		if err != nil {
			m.warn(p, err)
			continue
		}
		p.stream, p.decoder = s, m.line.parts.Plan.NewDecoder()
		m.open = append(m.open, p)
	}
	return len(m.open) > 0
}

func (m *merge) lagging() *partition {
	best := m.open[0]
	for _, p := range m.open[1:] {
		if p.newest < best.newest {
			best = p
		}
	}
	return best
}

// step reads one chunk of the lagging partition and moves the watermark.
func (m *merge) step() {
	p, l := m.lagging(), m.line
	l.part = p
	rec, err := p.stream.Next(m.buf)
	if err != nil && !errors.Is(err, io.EOF) {
		m.warn(p, err)
	}
	if err == nil || rec.Last {
		m.replay.name(&rec)
		p.decoder.Decode(rec, l)
	}
	if err != nil || rec.Last {
		m.close(p)
	}
	if l.late && !l.idle {
		if p.input.Rewind() {
			l.idle = true // measure on, decide in the second reading
		}
		l.late = false
	}
	if m.steps%advanceEvery == 0 && !l.idle {
		l.advance(m.mark())
	}
	if m.steps++; m.replay.Progress != nil && m.steps%64 == 0 {
		m.replay.Progress(Progress{Done: m.done + m.bytes(), Total: m.total, Events: l.stats.total(), Again: m.again})
	}
}

// mark is the watermark: the least of all partitions that may still speak.
func (m *merge) mark() int64 {
	mark := int64(math.MaxInt64)
	for _, p := range m.open {
		mark = min(mark, p.mark())
	}
	if len(m.waiting) > 0 { // sorted by start
		slack := firstSlack
		if m.again {
			slack = 0 // start was measured
		}
		mark = min(mark, less(m.waiting[0].start, slack))
	}
	if mark == math.MaxInt64 {
		return math.MinInt64 // all read: end decides
	}
	return mark
}

func (m *merge) bytes() int64 {
	n := int64(0)
	for _, p := range m.open {
		n += p.stream.Read()
	}
	return n
}

func (m *merge) close(p *partition) {
	m.done += p.stream.Read()
	p.stream.Close()
	p.stream, p.decoder, p.places = nil, nil, nil
	m.open = slices.DeleteFunc(m.open, func(q *partition) bool { return q == p })
}

func (m *merge) closeAll() {
	for len(m.open) > 0 {
		m.close(m.open[0])
	}
}

// warn tells of an input that cannot be read, once for both readings: one that
// broke only in the second has gone since the first, and what it held is lost.
func (m *merge) warn(p *partition, err error) {
	if p.broken || errors.Is(err, context.Canceled) {
		return
	}
	p.broken = true
	m.line.stats.unreadable++
	if m.replay.Warn != nil {
		m.replay.Warn(err)
	}
}

// peek reads the beginning of an input and gives its earliest event time
// there; the least possible time when none is found.
func (r *Replay) peek(in Input) int64 {
	if !in.Rewind() {
		return math.MinInt64
	}
	s, err := in.Open()
	if err != nil {
		return math.MinInt64 // read tells
	}
	defer s.Close()
	d := r.Parts.Plan.NewDecoder()
	c := clock{first: math.MaxInt64}
	for size := peekSize; size <= chunkSize; size = chunkSize {
		rec, err := s.Next(make([]byte, size+spare))
		if err != nil && !rec.Last {
			break
		}
		r.name(&rec)
		d.Decode(rec, &c)
		if c.first != math.MaxInt64 {
			return c.first
		}
		if rec.Last || size == chunkSize {
			break
		}
	}
	return math.MinInt64
}

// name says what a record holds, where its input does not.
func (r *Replay) name(rec *engine.Record) {
	if rec.Format == "" {
		rec.Format = r.Format
	}
}

// clock is a handler that only looks at times.
type clock struct{ first int64 }

func (c *clock) Event(ev *engine.Event)     { c.first = min(c.first, ev.Time) }
func (c *clock) Refuse(engine.Refusal)      {}
func (c *clock) Skip(engine.Origin, string) {}
