package contract

import (
	"context"
	"slices"
	"testing"
	"time"

	"github.com/seed-843b225c/reflex/engine"
)

func sinkDelivers(t testing.TB, r SinkRig) {
	s, ts := r.open(t), Transitions(12)
	if refused := Drive(t, r.Wait, s, ts[:5]); refused != nil {
		t.Errorf("refused were %v", refused)
	}
	Drive(t, r.Wait, s, ts[5:])
	r.expect(t, ts)
}

func sinkEmpty(t testing.TB, r SinkRig) {
	s := r.open(t)
	if n, err := s.Deliver(context.Background(), nil); n != 0 || err != nil {
		t.Errorf("Deliver of nothing gave %d, %v", n, err)
	}
	r.expect(t, nil)
}

// One at a time, what Deliver accepted must already be there: the position
// behind it is stored next, and nothing would ever bring it again.
func sinkAccepted(t testing.TB, r SinkRig) {
	s, ts := r.open(t), Transitions(4)
	for i := range ts {
		Drive(t, r.Wait, s, ts[i:i+1])
		r.expect(t, ts[:i+1])
	}
}

func sinkKeepsNothing(t testing.TB, r SinkRig) {
	s, ts := r.open(t), Transitions(6)
	reused := make([]engine.Transition, 3)
	for half := range 2 {
		copy(reused, ts[3*half:])
		Drive(t, r.Wait, s, reused)
		clear(reused)
	}
	r.expect(t, ts)
}

func sinkRepeat(t testing.TB, r SinkRig) {
	s, ts := r.open(t), Transitions(8)
	Drive(t, r.Wait, s, ts[:6])
	Drive(t, r.Wait, s, ts[2:]) // as after a crash before the position was stored
	r.expect(t, ts)
}

func sinkRestart(t testing.TB, r SinkRig) {
	ts := Transitions(8)
	first := r.Open(t)
	Drive(t, r.Wait, first, ts[:6])
	closeWithin(t, r.Wait, first.Close)
	Drive(t, r.Wait, r.open(t), ts[2:])
	r.expect(t, ts)
}

// sinkRefused makes a case: the transition at one place is refused for good.
func sinkRefused(bad int) func(testing.TB, SinkRig) {
	return func(t testing.TB, r SinkRig) {
		if r.Refuse == nil {
			notAsked(t, "this system refuses nothing for good")
			return
		}
		s, ts := r.open(t), Transitions(8)
		r.Refuse(t, ts[bad])
		if refused := Drive(t, r.Wait, s, ts); !slices.Equal(refused, []int{bad}) {
			t.Errorf("refused were %v, want %d alone", refused, bad)
		}
		r.expect(t, slices.Delete(ts, bad, bad+1))
	}
}

func sinkTrouble(t testing.TB, r SinkRig) {
	if r.Trouble == nil {
		notAsked(t, "this rig cannot make trouble")
		return
	}
	s, ts := r.open(t), Transitions(6)
	Drive(t, r.Wait, s, ts[:2])
	heal := r.Trouble(t)
	ctx, cancel := context.WithTimeout(context.Background(), r.Wait)
	defer cancel()
	n, err := s.Deliver(ctx, ts[2:])
	if engine.KindOf(err) != engine.Temporary {
		t.Errorf("Deliver in trouble: kind %q: %v: want temporary", engine.KindOf(err), err)
	}
	if n < 0 || n >= len(ts)-2 {
		t.Errorf("Deliver in trouble accepted %d of %d", n, len(ts)-2)
		n = 0
	}
	heal()
	Drive(t, r.Wait, s, ts[2+n:])
	r.expect(t, ts)
}

func sinkCancel(t testing.TB, r SinkRig) {
	s, ts := r.open(t), Transitions(4)
	ctx, cancel := context.WithCancel(context.Background())
	cancel()
	began := time.Now()
	n, err := s.Deliver(ctx, ts)
	if took := time.Since(began); took > r.Wait/3 {
		t.Errorf("Deliver took %s after its context had ended", took)
	}
	if err == nil && n < len(ts) {
		t.Errorf("Deliver accepted %d of %d and gave no error", n, len(ts))
	}
	if kind := engine.KindOf(err); kind == engine.BadInput || kind == engine.Fatal {
		t.Errorf("an ended context is kind %q: %v", kind, err)
	}
	Drive(t, r.Wait, s, ts[min(max(n, 0), len(ts)):])
	r.expect(t, ts)
}

func sinkHostile(t testing.TB, r SinkRig) {
	s, ts := r.open(t), Hostile()
	if refused := Drive(t, r.Wait, s, ts); refused != nil {
		t.Errorf("refused were %v: what an attacker writes must not keep an alert from people", refused)
	}
	r.expect(t, ts)
}

func sinkLarge(t testing.TB, r SinkRig) {
	s, ts := r.open(t), Transitions(3)
	enlarge(&ts[0], r.Largest)
	enlarge(&ts[1], r.Largest)
	if refused := Drive(t, r.Wait, s, ts); refused != nil {
		t.Errorf("refused were %v", refused)
	}
	r.expect(t, ts)
}

func sinkCheck(t testing.TB, r SinkRig) {
	c, ok := r.open(t).(engine.Checker)
	if !ok {
		notAsked(t, "this sink checks nothing")
		return
	}
	check(t, r.Wait, c)
	r.expect(t, nil) // and it changed nothing
}

// check wants findings, all well, within the context's time.
func check(t testing.TB, wait time.Duration, c engine.Checker) {
	ctx, cancel := context.WithTimeout(context.Background(), wait)
	defer cancel()
	found := c.Check(ctx)
	if len(found) == 0 {
		t.Error("Check found nothing to say")
	}
	for _, f := range found {
		if f.What == "" || f.Err != nil {
			t.Errorf("Check: %q: %v (%s)", f.What, f.Err, f.Advice)
		}
	}
}
