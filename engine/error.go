package engine

import (
	"context"
	"errors"
	"time"
)

// ErrorKind says what an error asks for. It is decided where the error is
// born, and nobody guesses it again from the text.
type ErrorKind uint8

// The kinds of errors. The zero ErrorKind is an error that nobody judged.
const (
	BadInput  ErrorKind = iota + 1 // this one input is refused for good: count it, keep it aside, go on
	Temporary                      // the same call may succeed later: try again, with backoff
	Fatal                          // nothing changes until a person acts: a wrong password, a missing topic
)

var errorKindNames = [...]string{"unknown", "bad input", "temporary", "fatal"}

// String gives the kind's word in logs and metrics.
func (k ErrorKind) String() string { return errorKindNames[k] }

// Error is an error with its kind. Sources and sinks return it; the pipeline
// finds it with errors.As and is the only one that tries again.
type Error struct {
	Kind  ErrorKind
	After time.Duration // for Temporary: not before this long from now; 0 when the other side did not say
	Err   error         // what was done to what, and what to do; never holds a secret
}

// Error gives the text of the error inside.
func (e *Error) Error() string { return e.Err.Error() }

// Unwrap gives the error inside.
func (e *Error) Unwrap() error { return e.Err }

// KindOf gives the kind of an error, wrapped or not; 0 for nil, for an error
// that nobody judged, and for a context that ended.
func KindOf(err error) ErrorKind {
	if errors.Is(err, context.Canceled) {
		return 0
	}
	if e, ok := errors.AsType[*Error](err); ok {
		return e.Kind
	}
	return 0
}
