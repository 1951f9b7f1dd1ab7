package engine

import "context"

// Position is how far a partition has been read: the next offset to read.
type Position struct {
	Source    string // topic, or file path
	Partition int32  // -1 for a file
	Offset    int64
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

// Source is where records come from. One goroutine calls it. Poll blocks for
// the next batch and returns io.EOF after the last; Commit tells the source
// that everything before these positions is stored; Close ends it.
type Source interface {
	Poll(ctx context.Context) (Batch, error)
	Commit(ctx context.Context, next []Position) error
	Close() error
}

// Sink is where transitions go. Deliver returns how many of them, from the
// start, are accepted for good; an error explains the rest, and its Kind says
// whether to try again. One goroutine calls it.
type Sink interface {
	Deliver(ctx context.Context, ts []Transition) (accepted int, err error)
	Close() error
}

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
