package engine

import "errors"

// ErrorKind says what to do about an error. It is decided where the error is
// born, because nobody further up can know.
type ErrorKind uint8

// The three kinds. The zero kind means "nobody said": treat it as Temporary at
// the edges, where most unknown trouble is the network's.
const (
	// BadInput: this one thing will never be accepted. Count it, keep it
	// aside, go on with the next.
	BadInput ErrorKind = iota + 1
	// Temporary: the same call may succeed later. Back off and call again.
	Temporary
	// Fatal: nothing will be accepted until a person changes something (a
	// password, a permission). Stop, drain and say so.
	Fatal
)

var errorKindNames = [...]string{"unknown", "bad input", "temporary", "fatal"}

// String gives the kind's words, for logs and as a metric label.
func (k ErrorKind) String() string { return errorKindNames[k] }

// Error is an error of a known kind. It reads as the error it wraps.
type Error struct {
	Kind ErrorKind
	Err  error // never nil
}

// Error gives the wrapped error's text.
func (e *Error) Error() string { return e.Err.Error() }

// Unwrap gives the wrapped error.
func (e *Error) Unwrap() error { return e.Err }

// KindOf finds the kind of an error, the outermost one if several were given;
// 0 when err is nil or nobody said.
func KindOf(err error) ErrorKind {
	var e *Error
	if errors.As(err, &e) {
		return e.Kind
	}
	return 0
}
