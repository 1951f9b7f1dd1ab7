package slack

import (
	"context"
	"errors"
	"fmt"
	"math/rand"
	"testing"
	"time"

	"github.com/seed-843b225c/reflex/connectors/slack/slacktest"
	"github.com/seed-843b225c/reflex/engine"
)

// TestSinkLeavesOneMessageWhateverBreaks: random stories, random batches, calls
// that fail before or after Slack did them, notes that fail before or after they
// were stored, restarts at any moment with positions that lag behind. In the end
// each incident has one message that shows its newest state, no news was told
// twice, and no edit went back.
func TestSinkLeavesOneMessageWhateverBreaks(t *testing.T) {
	seeds := int64(150)
	if testing.Short() {
		seeds = 30
	}
	for seed := range seeds {
		t.Run(fmt.Sprint(seed), func(t *testing.T) { storm(t, rand.New(rand.NewSource(seed))) })
	}
}

func storm(t *testing.T, rnd *rand.Rand) {
	r := newRig(t)
	ts, want := tale(rnd)
	r.memory.broken = func(string, []byte) (bool, error) {
		switch rnd.Intn(20) {
		case 0:
			return false, errors.New("not stored")
		case 1:
			return true, errors.New("stored, but nobody knows")
		}
		return true, nil
	}
	s, at := r.open(), 0
	for tries := 0; at < len(ts); tries++ {
		if tries > 3000 {
			t.Fatalf("no end: at %d of %d", at, len(ts))
		}
		breakSomething(r.server, rnd)
		end := min(len(ts), at+1+rnd.Intn(6))
		n, err := s.Deliver(context.Background(), ts[at:end])
		if at += n; err == nil && at != end {
			t.Fatalf("accepted %d of %d without an error", n, end-at)
		}
		if e, ok := errors.AsType[*engine.Error](err); ok && e.Kind != engine.Temporary {
			t.Fatalf("kind %q: %v", e.Kind, err)
		} else if ok {
			r.pass(e.After + time.Second)
		}
		if rnd.Intn(4) == 0 { // kill -9; the stored position may be older
			s, at = r.open(), max(0, at-rnd.Intn(5))
		}
	}
	judgeChannel(t, r, want)
}

// tale makes transitions of a few incidents, mixed, and says which number each ends with.
func tale(rnd *rand.Rand) ([]engine.Transition, map[string]int) {
	var ts []engine.Transition
	rules := []string{"leak", "use", "bill", "egress", "model"}
	level, steps, last := map[string]engine.Level{}, map[string]int{}, map[string]int{}
	for range 25 {
		id := id(rnd.Intn(4))
		c := engine.Joined
		switch {
		case last[id] == 0:
			c, level[id], steps[id] = engine.Opened, engine.Low, 1
		case rnd.Intn(3) == 0 && level[id] < engine.Critical:
			c = engine.Raised
			level[id]++
		default:
			steps[id] = min(steps[id]+rnd.Intn(2), len(rules))
		}
		last[id]++
		ts = append(ts, change(last[id], c, incident(id, level[id], rules[:steps[id]]...)))
	}
	return ts, last
}

func breakSomething(s *slacktest.Server, rnd *rand.Rand) {
	for _, m := range []string{"chat.postMessage", "chat.update", "conversations.history", "conversations.replies"} {
		s.Heal(m)
		if rnd.Intn(3) == 0 {
			faults := []slacktest.Fault{{Lose: true}, {Cut: true}, {Status: 500}, {Status: 429, RetryAfter: 2}, {Code: "internal_error"}}
			s.Fail(m, faults[rnd.Intn(len(faults))])
		}
	}
}

func judgeChannel(t *testing.T, r *rig, want map[string]int) {
	got := map[string]int{}
	for _, m := range r.server.Messages(channel) {
		id := fmt.Sprint(m.Metadata.Payload["incident"])
		if got[id] != 0 {
			t.Errorf("incident %s has two messages", id)
		}
		got[id] = number(m)
		told := map[string]bool{}
		for _, reply := range r.server.Thread(channel, m.TS) {
			if told[reply.Text] {
				t.Errorf("incident %s: told twice: %q", id, reply.Text)
			}
			told[reply.Text] = true
		}
	}
	for id, n := range want {
		if got[id] != n {
			t.Errorf("incident %s shows transition %d, want %d", id, got[id], n)
		}
	}
	newest := map[string]float64{}
	for _, m := range r.server.History(channel) {
		if n, id := m.Metadata.Payload["number"].(float64), m.TS; n < newest[id] {
			t.Errorf("message %s went back from %v to %v", id, newest[id], n)
		} else {
			newest[id] = n
		}
	}
}
