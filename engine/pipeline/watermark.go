package pipeline

import "time"

// maxJump is how far one record alone may move a watermark: a clock in the
// future must not make everything after it late. A larger jump waits for a
// second record near it.
const maxJump = int64(10 * time.Minute)

// clockOf follows the event time of one dataset, in order of arrival.
type clockOf struct {
	seen    bool
	newest  int64
	pending int64 // a jump that waits for a second record near it
	waits   bool
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
