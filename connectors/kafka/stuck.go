package kafka

import (
	"context"
	"errors"
	"fmt"
	"time"
)

// triesAtOne is how often reading at one offset is tried before skip_stuck
// steps over it.
const triesAtOne = 5

// stuck is what a partition's goroutine knows about standing still.
type stuck struct {
	offset   int64
	tries    int
	since    time.Time // of the first try at offset
	stepping bool      // the last step led to another offset that cannot be read
}

// again notes one more fruitless try at an offset.
func (st *stuck) again(offset int64, now time.Time) {
	if st.tries == 0 || st.offset != offset {
		st.offset, st.tries, st.since = offset, 0, now
	}
	st.tries++
}

// progress judges a fetch that went well: did it move on? An empty answer at
// the end of the partition is as it should be.
func (p *partition) progress(ctx context.Context, from int64) error {
	s := p.src
	s.mu.Lock()
	next, end := p.next, p.end
	s.mu.Unlock()
	if next != from || next >= end {
		p.free()
		return nil
	}
	p.stuck.again(from, time.Now())
	if time.Since(p.stuck.since) < s.c.StallAfter && !p.stuck.stepping {
		if !sleep(ctx, min(time.Duration(p.stuck.tries)*s.timing.backoff, s.timing.backoffMax)) {
			return ctx.Err()
		}
		return nil
	}
	return p.stands(errStands, end)
}

// failedAt judges a try that failed because of what lies at the offset.
func (p *partition) failedAt(cause error) error {
	s := p.src
	s.mu.Lock()
	next, end := p.next, p.end
	s.mu.Unlock()
	p.stuck.again(next, time.Now())
	return p.stands(cause, end)
}

// stands says that the partition cannot go on, and steps over the offset when
// that is the policy.
func (p *partition) stands(cause error, end int64) error {
	s, at := p.src, p.stuck.offset
	s.m.stuck.WithLabelValues(p.labels()...).Set(1)
	if s.c.SkipStuck && (p.stuck.tries >= triesAtOne || p.stuck.stepping) && at < end {
		p.stuck.stepping, p.stuck.tries = true, 0
		s.m.skipped.WithLabelValues(p.at.topic).Inc()
		s.log.Error("kafka offset stepped over: it cannot be read", "partition", p.String(), "offset", at, "cause", cause)
		p.jump(at + 1)
		return nil
	}
	if !errors.Is(cause, errUnpacks) {
		cause = fmt.Errorf("%w: is the topic compacted?", cause)
	}
	return temporary(fmt.Errorf("%s: cannot be read at offset %d, and %d more wait behind it: %w; it waits, and skip_stuck: true steps over such offsets", p, at, end-at-1, cause))
}

// watch notes that a connection has ended without progress, and shows a
// partition that stays below its end for long, whatever the reason.
func (p *partition) watch() {
	s := p.src
	s.mu.Lock()
	behind := p.next < p.end
	s.mu.Unlock()
	now := time.Now()
	switch {
	case !behind:
		p.still = time.Time{}
	case p.still.IsZero():
		p.still = now
	case now.Sub(p.still) >= s.c.StallAfter:
		s.m.stuck.WithLabelValues(p.labels()...).Set(1)
	}
}

// free notes that the partition moves.
func (p *partition) free() {
	if p.stuck.tries > 0 || p.stuck.stepping || !p.still.IsZero() {
		p.still = time.Time{}
		p.src.m.stuck.WithLabelValues(p.labels()...).Set(0)
		p.stuck = stuck{}
	}
}
