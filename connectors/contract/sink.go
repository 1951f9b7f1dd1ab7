package contract

import (
	"context"
	"errors"
	"fmt"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/seed-843b225c/reflex/engine"
)

// SinkRig is one empty system and the way into it.
type SinkRig struct {
	// Open opens a sink on the system. It is called again after Close, and
	// then stands for the same sink after a restart. Needed.
	Open func(t testing.TB) engine.Sink
	// Stored gives what the system holds now, in the words of Want. It is
	// asked when Deliver has returned. Needed.
	Stored func(t testing.TB) []string
	// Want gives what Stored must give after ts were accepted in this order.
	// Nil: DocumentIDs, each transition stands for itself. A sink that keeps
	// one message an incident, or takes incidents only, says so here.
	Want func(ts []engine.Transition) []string
	// Once: the same transition delivered again leaves one. False: it may
	// leave copies (a file, a topic), and Stored may repeat itself.
	Once bool
	// Unordered: Stored gives no order (an index). False: the order of acceptance.
	Unordered bool
	// Refuse makes the system refuse this one transition for good from now on,
	// by DocumentID or by whatever the system sees of it. Nil: it never does.
	Refuse func(t testing.TB, refused engine.Transition)
	// Trouble makes every delivery fail for a while; heal ends that. Nil: the
	// rig cannot make trouble.
	Trouble func(t testing.TB) (heal func())
	// Largest is the size of the large transition in bytes. 0: 1 MB.
	Largest int
	// Wait bounds every step. 0: 30 s.
	Wait time.Duration
}

type sinkCase struct {
	name string
	run  func(testing.TB, SinkRig)
}

var sinkCases = []sinkCase{
	{"delivers all in order", sinkDelivers},
	{"an empty delivery is no trouble", sinkEmpty},
	{"what is accepted is there", sinkAccepted},
	{"keeps nothing of the caller's slice", sinkKeepsNothing},
	{"a repeat does no harm", sinkRepeat},
	{"a repeat after a restart does no harm", sinkRestart},
	{"the first is refused for good, the rest goes on", sinkRefused(0)},
	{"one in the middle is refused for good, the rest goes on", sinkRefused(3)},
	{"the last is refused for good", sinkRefused(7)},
	{"temporary trouble passes", sinkTrouble},
	{"an ended context ends a delivery", sinkCancel},
	{"hostile text stays text", sinkHostile},
	{"a large transition goes through", sinkLarge},
	{"check finds a healthy system", sinkCheck},
}

// Sink runs the contract of engine.Sink against a system.
func Sink(t *testing.T, rig func(t testing.TB) SinkRig) {
	for _, c := range sinkCases {
		t.Run(c.name, func(t *testing.T) { c.run(t, rig(t).withDefaults()) })
	}
}

func (r SinkRig) withDefaults() SinkRig {
	if r.Want == nil {
		r.Want = DocumentIDs
	}
	if r.Largest == 0 {
		r.Largest = 1 << 20
	}
	if r.Wait == 0 {
		r.Wait = defaultWait
	}
	return r
}

// DocumentIDs gives the ids of transitions, in their order.
func DocumentIDs(ts []engine.Transition) []string {
	ids := make([]string, 0, len(ts))
	for i := range ts {
		ids = append(ids, ts[i].DocumentID())
	}
	return ids
}

// Drive delivers as the pipeline does: it comes again after temporary trouble,
// steps over what is BadInput, and ends the test on anything else. It gives
// the indexes of what was refused.
func Drive(t testing.TB, wait time.Duration, s engine.Sink, ts []engine.Transition) (refused []int) {
	t.Helper()
	ctx, cancel := context.WithTimeout(context.Background(), wait)
	defer cancel()
	given := written(ts)
	defer func() {
		if !slices.Equal(written(ts), given) {
			t.Error("Deliver changed what it was given, and other sinks are given the same")
		}
	}()
	for at := 0; at < len(ts); {
		n, err := s.Deliver(ctx, ts[at:])
		if n < 0 || n > len(ts)-at {
			t.Fatalf("Deliver of %d accepted %d", len(ts)-at, n)
		}
		at += n
		switch kind := engine.KindOf(err); {
		case err == nil && at < len(ts):
			t.Fatalf("Deliver accepted %d of %d and gave no error", at, len(ts))
		case err == nil:
		case kind == engine.BadInput && at < len(ts):
			refused = append(refused, at)
			at++
		case kind == engine.Temporary && ctx.Err() == nil:
			again(ctx)
		default:
			t.Fatalf("Deliver after %d of %d: kind %q: %v", at, len(ts), kind, err)
		}
	}
	return refused
}

// written gives transitions as the alert log has them, one that no log can have
// as its error.
func written(ts []engine.Transition) (out []string) {
	for i := range ts {
		b, err := ts[i].Append(nil)
		out = append(out, fmt.Sprintf("%s %v", b, err))
	}
	return out
}

// again waits a moment, or less if ctx ends.
func again(ctx context.Context) {
	timer := time.NewTimer(pause)
	defer timer.Stop()
	select {
	case <-timer.C:
	case <-ctx.Done():
	}
}

// open opens a sink that is closed when the case ends.
func (r SinkRig) open(t testing.TB) engine.Sink {
	s := r.Open(t)
	t.Cleanup(func() { closeWithin(t, r.Wait, s.Close) })
	return s
}

// expect compares what is stored with what ts should have left.
func (r SinkRig) expect(t testing.TB, ts []engine.Transition) {
	t.Helper()
	want, got := r.Want(ts), r.Stored(t)
	if !r.Once {
		got = firsts(got)
	}
	if r.Unordered {
		want, got = slices.Sorted(slices.Values(want)), slices.Sorted(slices.Values(got))
	}
	if !slices.Equal(want, got) {
		t.Errorf("stored are\n\t%s\nwant\n\t%s", strings.Join(got, "\n\t"), strings.Join(want, "\n\t"))
	}
}

// firsts drops repeats: at least once is what was promised.
func firsts(ids []string) []string {
	seen := map[string]bool{}
	var out []string
	for _, id := range ids {
		if !seen[id] {
			seen[id] = true
			out = append(out, id)
		}
	}
	return out
}

func closeWithin(t testing.TB, wait time.Duration, end func() error) {
	t.Helper()
	done := make(chan error, 1)
	go func() { done <- end() }()
	select {
	case err := <-done:
		if err != nil {
			t.Errorf("Close: %v", err)
		}
	case <-time.After(wait):
		t.Errorf("Close has not returned after %s", wait)
	}
}

func isContext(err error) bool {
	return errors.Is(err, context.Canceled) || errors.Is(err, context.DeadlineExceeded)
}
