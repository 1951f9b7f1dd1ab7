package checkpoint

import (
	"bytes"
	"errors"
	"os"

	"github.com/cockroachdb/pebble/v2"

	"github.com/seed-843b225c/reflex/engine"
)

var (
	_ engine.Loader = (*Store)(nil)
	_ engine.Cursor = (*cursor)(nil)
)

// Get gives the value of a key; it is the caller's. Safe for any goroutine, as
// are Scan and Cursor; each sees the commits that returned before it was called
// and none that follow.
func (s *Store) Get(key []byte) (value []byte, ok bool, err error) {
	h, err := s.acquire()
	if err != nil {
		return nil, false, err
	}
	defer s.release(h)
	v, closer, err := h.db.Get(userKey(key))
	if errors.Is(err, pebble.ErrNotFound) {
		return nil, false, nil
	}
	if err != nil {
		return nil, false, s.readError(h, err)
	}
	return bytes.Clone(v), true, s.readError(h, closer.Close())
}

// Scan calls f for every key from `from` up to and without `to`, in byte order;
// nil bounds are the ends of all keys. It stops at f's first error and gives it.
func (s *Store) Scan(from, to []byte, f func(key, value []byte) error) (err error) {
	c, err := s.Cursor(from, to)
	if err != nil {
		return err
	}
	defer func() { err = errors.Join(err, c.Close()) }()
	for c.Next() {
		if err := f(c.Key(), c.Value()); err != nil {
			return err
		}
	}
	return nil
}

// Cursor walks a range. It keeps the state it was opened on, so it must be
// closed, and soon: until then that state takes space on disk.
func (s *Store) Cursor(from, to []byte) (engine.Cursor, error) {
	h, err := s.acquire()
	if err != nil {
		return nil, err
	}
	lower, upper := bounds(from, to)
	it, err := h.db.NewIter(&pebble.IterOptions{LowerBound: lower, UpperBound: upper})
	if err != nil {
		s.release(h)
		return nil, s.readError(h, err)
	}
	return &cursor{s: s, h: h, it: it}, nil
}

type cursor struct {
	s       *Store
	h       *handle
	it      *pebble.Iterator
	started bool
	value   []byte
	err     error
}

// Next goes to the next key, first to the first. After false, Close says why.
func (c *cursor) Next() (ok bool) {
	if c.it == nil || c.err != nil {
		return false
	}
	if c.started {
		ok = c.it.Next()
	} else {
		ok = c.it.First()
	}
	c.started = true
	if ok {
		// the value may be read from disk only now
		c.value, c.err = c.it.ValueAndErr()
	}
	return ok && c.err == nil
}

// Key is the key at the cursor, valid until the next step.
func (c *cursor) Key() []byte { return c.it.Key()[1:] }

// Value is its value, valid until the next step.
func (c *cursor) Value() []byte { return c.value }

// Close gives the error that ended Next. Closing again does nothing.
func (c *cursor) Close() error {
	if c.it == nil {
		return nil
	}
	err := errors.Join(c.err, c.it.Error())
	if closing := c.it.Close(); err == nil {
		err = closing
	}
	c.it = nil
	c.s.release(c.h)
	return c.s.readError(c.h, err)
}

// readError gives an error of reading its kind. A damaged table stays damaged
// until Open replaces the store.
func (s *Store) readError(h *handle, err error) error {
	switch {
	case err == nil || engine.KindOf(err) != 0:
		return err
	case h.fence.reason() != nil && errors.Is(err, os.ErrNotExist):
		return temporary("read %s: the store was opened anew meanwhile: read again", s.dir)
	case isDamage(err):
		h.damage.CompareAndSwap(nil, &err)
		return s.damaged(err)
	}
	return diskError("read", s.dir, err)
}

func (s *Store) damaged(err error) error {
	return fatal("%s is damaged: start again: the store is then set aside and the newest good backup takes its place: %w", s.dir, tidy{err})
}
