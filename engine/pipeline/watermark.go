package pipeline

import (
	"math"
	"time"

	"github.com/seed-843b225c/reflex/engine"
)

// maxJump is how far one record alone may move a watermark: a clock in the
// future must not make everything after it late. A larger jump waits for a
// second record near it.
const maxJump = int64(10 * time.Minute)

// watermarks follows event time by dataset, in order of arrival.
type watermarks struct {
	sets   []clockOf
	newest int64 // over all datasets
}

type clockOf struct {
	seen    bool
	newest  int64
	pending int64 // a jump that waits for a second record near it
	waits   bool
}

func newWatermarks() *watermarks {
	return &watermarks{sets: make([]clockOf, len(engine.Datasets())+1), newest: math.MinInt64}
}

// see takes note of one event.
func (w *watermarks) see(d engine.Dataset, at int64) {
	c := &w.sets[d]
	c.see(at)
	w.newest = max(w.newest, c.newest)
}

// see takes note of one event's time.
func (c *clockOf) see(at int64) {
	switch {
	case !c.seen:
		c.seen, c.newest = true, at
	case at <= c.newest:
	case at-c.newest <= maxJump:
		c.newest = at
	case c.waits && at-c.pending <= maxJump && c.pending-at <= maxJump:
		c.newest, c.waits = min(at, c.pending), false
		c.newest = max(c.newest, at-maxJump)
	default:
		c.newest, c.pending, c.waits = c.newest+maxJump, at, true
	}
}

// of gives a dataset's watermark: its newest event time less its lateness. A
// dataset nothing came from does not hold the others back.
func (w *watermarks) of(d engine.Dataset) int64 {
	newest := w.newest
	if c := &w.sets[d]; c.seen {
		newest = c.newest
	}
	if newest == math.MinInt64 {
		return newest
	}
	return less(newest, int64(d.Info().Lateness))
}

// jobs gives the watermark of the datasets that announce jobs.
func (w *watermarks) jobs() int64 {
	mark := int64(math.MaxInt64)
	for _, d := range engine.Datasets() {
		if d.Info().Jobs && w.sets[d].seen {
			mark = min(mark, w.of(d))
		}
	}
	if mark == math.MaxInt64 {
		return w.newest
	}
	return mark
}
