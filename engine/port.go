package engine

import "context"

// Position is how far a partition has been read: the next offset to read.
type Position struct {
	Source    string // topic, or file path
	Partition int32  // -1 for a file
	Offset    int64
	// Time is the record time of the record before Offset, ns; 0: unknown. It
	// tells the partition from another one of the same name that was made since.
	Time int64
}

// Batch is what a Source hands over at once. Records of one partition come in
// order. Opened and Closed say which partitions came and went before and after
// the records; state follows them. Release, when not nil, gives the memory back
// and must be called once.
type Batch struct {
	Opened  []Position
	Records []Record
	Closed  []Position
	Release func()
}

// Source is where records come from. Poll blocks for the next batch and
// returns io.EOF after the last; a Temporary error means: call again after a
// while, a Fatal one ends the run. Commit tells the source that everything
// before these positions is stored. One goroutine calls Poll; Commit may come
// from another while Poll blocks. Close ends it, after both.
//
// A partition in Batch.Closed stays the source's until it was committed up to
// the last record handed out, or a bounded time has passed.
type Source interface {
	Poll(ctx context.Context) (Batch, error)
	Commit(ctx context.Context, next []Position) error
	Close() error
}

// Sink is where transitions go. Deliver returns how many of them, from the
// start, are accepted for good; an error explains why the next one is not, and
// its Kind what to do: Temporary, the rest comes again after a while (what was
// stored beyond accepted comes again too and must do no harm); BadInput, that
// one transition can never be stored: it is kept aside and the rest comes
// again; Fatal, nothing changes until a person acts: said loudly, tried again
// slowly. One goroutine calls it. Several sinks are given the same transitions:
// none may change what they point to.
type Sink interface {
	Deliver(ctx context.Context, ts []Transition) (accepted int, err error)
	Close() error
}

// Memory is a small store that a sink keeps beside its position: which message
// in Slack is an incident's. It survives a crash when Put has returned. Keys
// are the sink's own. Safe for the goroutine that calls Deliver.
type Memory interface {
	Get(key string) (value []byte, ok bool, err error)
	Put(key string, value []byte) error
	Delete(key string) error
	// Each calls f with all keys and values, which are f's to keep, until f gives
	// an error. Nothing may be put or deleted before it returns.
	Each(f func(key string, value []byte) error) error
}

// DeadLetter is where refusals go in the service. Keep returns when all are
// stored for good; an error's Kind says whether to try again.
type DeadLetter interface {
	Keep(ctx context.Context, rs []Refusal) error
}

// Finding is one thing that a connector checked about the system outside:
// broker reachable, topic there, template installed. `doctor` prints it, the
// readiness page asks for it.
type Finding struct {
	What   string // what was checked and where: "kafka 127.0.0.1:9092: topic reflex.cloudtrail"
	Err    error  // nil: it is well
	Advice string // what to do about Err, where its text does not say so
	Note   string // what is worth knowing when it is well: a version, a number of partitions
}

// Checker is what sources and sinks also are: Check looks at the system
// outside without changing it and returns within the context's time.
type Checker interface {
	Check(ctx context.Context) []Finding
}

// Lag is how far a partition's reader is behind its end. A partition that is
// the source's and not opened yet has End -1.
type Lag struct {
	Source    string
	Partition int32
	Next      int64 // next offset to read
	End       int64 // high watermark: the offset after the last record
}

// Lagging is a Source that knows its partitions and their lag: all that are its
// own now, opened or not. Safe to call from any goroutine.
type Lagging interface{ Lags() []Lag }

// Refusal is one input that no format takes, or that broke a limit: bad input,
// counted, kept aside, and the stream goes on.
type Refusal struct {
	Origin Origin
	Reason string // short and countable: "not JSON", "no time", "truncated", ...
	Detail string // what exactly and what to do; never holds input bytes
	Data   []byte // the input, secrets overwritten; may be cut to 64 KiB
}

// Error gives "path:line: reason: detail".
func (r *Refusal) Error() string {
	s := r.Origin.String() + ": " + r.Reason
	if r.Detail != "" {
		s += ": " + r.Detail
	}
	return s
}

// Handler receives what a decoder finds. Events are reused: they and all they
// alias are valid until the call returns.
type Handler interface {
	Event(ev *Event)
	Refuse(r Refusal)
	// Skip counts input that is understood and is no event: a CloudTrail
	// digest, a control message, a NODATA row.
	Skip(o Origin, reason string)
}

// Saver takes what a station must find again after a restart: keys in byte
// order, each station under a prefix of its own. It copies key and value. What
// is given between two checkpoints becomes durable together.
type Saver interface {
	Set(key, value []byte)
	Delete(key []byte)
	DeleteRange(from, to []byte) // from included, to excluded; also of what this Saver was given before
}

// Loader reads what a Saver was given, in byte order. Keys and values are valid
// until the next step of the same call or cursor.
type Loader interface {
	Get(key []byte) (value []byte, ok bool, err error)
	Scan(from, to []byte, f func(key, value []byte) error) error
	Cursor(from, to []byte) (Cursor, error)
}

// Cursor walks a range of a Loader; several may be open at once.
//
//	for c.Next() { c.Key(); c.Value() }; err := c.Close()
type Cursor interface {
	Next() bool
	Key() []byte
	Value() []byte
	Close() error // also gives the error that ended Next
}
