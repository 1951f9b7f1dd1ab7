package pipeline

import (
	"context"
	"errors"
	"math/rand/v2"
	"time"

	"github.com/seed-843b225c/reflex/engine"
)

// backoff is how long to wait before trying again: twice as long each time, with
// jitter; or as long as the other side asked for.
type backoff struct {
	least, most time.Duration
	next        time.Duration
}

// sleep waits; false when ctx ended. Who says when to come again is taken at its
// word: a rate limit is no failure and makes nothing slower.
func (b *backoff) sleep(ctx context.Context, err error) bool {
	var d time.Duration
	if e, ok := errors.AsType[*engine.Error](err); ok && e.After > 0 {
		d = e.After + rand.N(e.After/20+time.Millisecond)
	} else {
		b.next = min(max(b.least, 2*b.next), b.most)
		d = b.next/2 + rand.N(b.next/2+1)
	}
	t := time.NewTimer(d)
	defer t.Stop()
	select {
	case <-t.C:
		return true
	case <-ctx.Done():
		return false
	}
}

// reset begins anew after a success.
func (b *backoff) reset() { b.next = 0 }
