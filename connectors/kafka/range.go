package kafka

import (
	"context"
	"fmt"
	"slices"
	"time"

	kafkago "github.com/segmentio/kafka-go"

	"github.com/seed-843b225c/reflex/engine"
)

// Partition is one partition of a range: an input that can be read again and
// again, each time up to the same record.
type Partition struct {
	at         place
	format     string
	start, end int64
	link       link
}

// link is how a range's streams reach the cluster while its context lasts.
type link struct {
	dial func(at place) (conn *kafkago.Conn, hangUp func(), err error)
	wait func(d time.Duration) bool
}

// NewRange looks up where the range begins and ends in every partition.
// Offsets are found by the records' own times, which may be out of order: a
// record is in the range when it stands between the first at or after Since and
// the first at or after Until. ctx bounds the life of the partitions and of
// their streams. Partitions come by topic, as configured, and number; those
// that hold nothing of the range come too.
func NewRange(ctx context.Context, c RangeConfig, o Options) ([]*Partition, error) {
	if err := c.Validate(); err != nil {
		return nil, fatal(err)
	}
	r, err := newRemote(c.Config, o.Dial)
	if err != nil {
		return nil, err
	}
	conn, err := r.dial(ctx)
	if err != nil {
		return nil, err
	}
	conn.Close()
	topics := names(c.Topics)
	client, done := r.client(topics...)
	defer done()
	ps, err := partitions(ctx, client, topics)
	if err != nil {
		return nil, err
	}
	var out []*Partition
	for _, t := range c.Topics {
		for _, p := range ps[t.Name] {
			in := &Partition{at: place{t.Name, int32(p.ID)}, format: t.Format, link: r.link(ctx)}
			if err := in.locate(c.Since, c.Until); err != nil {
				return nil, err
			}
			out = append(out, in)
		}
	}
	return slices.Clip(out), nil
}

// link ties dials and waits to ctx, which no struct should hold.
func (r *remote) link(ctx context.Context) link {
	return link{
		dial: func(at place) (*kafkago.Conn, func(), error) {
			conn, err := r.dialLeader(ctx, at.topic, at.id)
			if err != nil {
				return nil, nil, err
			}
			stop := context.AfterFunc(ctx, func() { conn.Close() })
			return conn, func() { stop(); conn.Close() }, nil
		},
		wait: func(d time.Duration) bool { return sleep(ctx, d) },
	}
}

// locate finds the range's offsets.
func (p *Partition) locate(since, until time.Time) error {
	conn, hangUp, err := p.link.dial(p.at)
	if err != nil {
		return err
	}
	defer hangUp()
	first, last, err := offsets(conn)
	if err != nil {
		return explain("kafka "+p.Name(), err)
	}
	if p.start, err = at(conn, since, first, last); err != nil {
		return explain("kafka "+p.Name(), err)
	}
	if until.IsZero() {
		until = endOfTime
	}
	if p.end, err = at(conn, until, first, last); err != nil {
		return explain("kafka "+p.Name(), err)
	}
	p.end = max(p.end, p.start)
	return nil
}

// Name gives "topic[partition]".
func (p *Partition) Name() string { return fmt.Sprintf("%s[%d]", p.at.topic, p.at.id) }

// Size gives how many offsets the range spans: Kafka does not tell bytes. Its
// unit is that of Stream.Read.
func (p *Partition) Size() int64 { return p.end - p.start }

// Rewind says that a partition can be opened more than once.
func (p *Partition) Rewind() bool { return true }

// Open begins at the range's first record. It connects with the first Next.
func (p *Partition) Open() (*Stream, error) { return &Stream{p: p, next: p.start}, nil }

// Stream reads one partition of a range. It is not safe for concurrent use.
type Stream struct {
	p        *Partition
	next     int64
	conn     *kafkago.Conn
	hangUp   func()
	batch    *kafkago.Batch
	from     int64     // where batch was asked to begin
	fresh    time.Time // until when the connection's read deadline is far enough
	tries    int       // failed one after the other
	stands   int       // fetches at next that brought nothing
	stepping bool      // the last step led to another offset that cannot be read
	removed  int64     // by retention, since the range was made
	skipped  int64     // offsets stepped over
	done     bool
}

// Read gives how many offsets have been read, of Partition.Size.
func (s *Stream) Read() int64 { return s.next - s.p.start }

// Close hangs up.
func (s *Stream) Close() error {
	s.drop()
	s.done = true
	return nil
}

// drop gives up the connection; the batch dies with it, because closing it
// would read the rest, and after a panic would wait for ever.
func (s *Stream) drop() {
	if s.hangUp != nil {
		s.hangUp()
	}
	s.conn, s.hangUp, s.batch = nil, nil, nil
}

// Format gives what the topic holds, as configured.
func (p *Partition) Format() string { return p.format }

// last gives the record that ends the stream, and what was missed.
func (s *Stream) last(err error) (engine.Record, error) {
	s.done = true
	s.drop()
	rec := engine.Record{Chunk: true, Last: true, Format: s.p.format, Origin: engine.Origin{Source: s.p.at.topic, Partition: s.p.at.id, Offset: s.next}}
	switch {
	case err != nil:
		return rec, err
	case s.removed > 0:
		return rec, fmt.Errorf("%s: retention removed %d records of the range while it was read: what is left counts", s.p.Name(), s.removed)
	case s.skipped > 0:
		return rec, fmt.Errorf("%s: %d offsets cannot be read and were stepped over: is the topic compacted?", s.p.Name(), s.skipped)
	}
	return rec, nil
}
