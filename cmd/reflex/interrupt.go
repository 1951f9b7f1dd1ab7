package main

import (
	"context"
	"io"
)

// interruptible makes a reader that stops waiting when ctx ends: a read of
// standard input may block for ever, and an interrupt must not wait for it.
// Read then gives the context's error.
func interruptible(ctx context.Context, r io.Reader) io.Reader {
	if r == nil {
		return nil
	}
	return &waiting{ctx: ctx, r: r}
}

type waiting struct {
	ctx  context.Context
	r    io.Reader
	back chan []byte // buffers to fill
	full chan []byte // filled buffers; closed at the end, err holds why
	rest []byte
	hold []byte // the buffer that rest lies in
	err  error
}

func (w *waiting) Read(p []byte) (int, error) {
	if w.full == nil {
		w.back, w.full = make(chan []byte, 2), make(chan []byte, 2)
		for range cap(w.back) {
			w.back <- make([]byte, 128<<10)
		}
		go w.fill()
	}
	for len(w.rest) == 0 {
		if w.hold != nil {
			w.back <- w.hold[:cap(w.hold)]
			w.hold = nil
		}
		select {
		case <-w.ctx.Done():
			return 0, w.ctx.Err()
		case b, ok := <-w.full:
			if !ok {
				return 0, w.err
			}
			w.rest, w.hold = b, b
		}
	}
	n := copy(p, w.rest)
	w.rest = w.rest[n:]
	return n, nil
}

// fill reads ahead until the reader ends. After an interrupt it stays blocked
// in its last read; the process ends soon.
func (w *waiting) fill() {
	defer close(w.full)
	for b := range w.back {
		n, err := w.r.Read(b)
		w.full <- b[:n]
		if err != nil {
			w.err = err
			return
		}
	}
}
