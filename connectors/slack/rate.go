package slack

import (
	"context"
	"strings"
	"time"
)

// Slack takes about one post a second in a channel, with short bursts, and
// about 50 edits a minute in a workspace.
var (
	postRate = rate{every: time.Second, burst: 4}
	editRate = rate{every: 1200 * time.Millisecond, burst: 10}
)

// patience is how long one Deliver waits for its turn in all; after that it
// says when to come again, so that a stop or a new batch is never held up.
const patience = 5 * time.Second

type rate struct {
	every time.Duration
	burst int
}

// turn is a token bucket, kept as the time at which it will be full again
// (full), and the time before which Slack wants no call (closed).
type turn struct{ full, closed time.Time }

// wait gives how long from now until a call may go out.
func (t *turn) wait(r rate, now time.Time) time.Duration {
	at := t.full.Add(-time.Duration(r.burst-1) * r.every)
	if t.closed.After(at) {
		at = t.closed
	}
	return max(0, at.Sub(now))
}

// take counts a call.
func (t *turn) take(r rate, now time.Time) {
	if t.full.Before(now) {
		t.full = now
	}
	t.full = t.full.Add(r.every)
}

// await waits for the turn of a call in a channel, within the patience that
// this Deliver has left.
func (s *Sink) await(ctx context.Context, method, channel string, r rate) error {
	key := method + " " + channel
	t := s.turns[key]
	if t == nil {
		t = &turn{}
		s.turns[key] = t
	}
	d := t.wait(r, s.now())
	if d > s.patience {
		return mine(temporary(d, "slack: %s waits for its turn, %s from now: Slack limits how often it is called", strings.TrimSpace(key), d.Round(time.Millisecond)))
	}
	if d > 0 {
		if err := s.sleep(ctx, d); err != nil {
			return judge(ctx, "slack: wait for a turn", err)
		}
		s.patience -= d
		s.stats.waited(d)
	}
	t.take(r, s.now())
	return nil
}

// close keeps calls of a method in a channel back: Slack said so.
func (s *Sink) close(method, channel string, d time.Duration) {
	if t := s.turns[method+" "+channel]; t != nil {
		t.closed = s.now().Add(d)
	}
}

// sleep waits, or gives the context's error when that ends first.
func sleep(ctx context.Context, d time.Duration) error {
	timer := time.NewTimer(d)
	defer timer.Stop()
	select {
	case <-timer.C:
		return nil
	case <-ctx.Done():
		return ctx.Err()
	}
}
