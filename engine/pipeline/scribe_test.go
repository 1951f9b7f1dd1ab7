package pipeline

import (
	"context"
	"encoding/json"
	"fmt"
	"math"
	"strings"
	"testing"

	"github.com/seed-843b225c/reflex/engine"
	"github.com/seed-843b225c/reflex/engine/checkpoint"
)

// scribing starts a scribe on a log of its own.
func scribing(t *testing.T) (*scribe, *checkpoint.Dir) {
	t.Helper()
	dir, err := checkpoint.Open(t.TempDir(), checkpoint.Options{})
	if err != nil {
		t.Fatal(err)
	}
	l := &Live{Dir: dir}
	l.defaults()
	s := newScribe(l)
	ctx, cancel := context.WithCancel(t.Context())
	go s.run(ctx)
	t.Cleanup(func() {
		cancel()
		<-s.done
		if err := dir.Close(); err != nil {
			t.Error(err)
		}
	})
	return s, dir
}

// sayings are n transitions of different sizes.
func sayings(from, n, size int) (ts []engine.Transition) {
	for i := from; i < from+n; i++ {
		doc, _ := json.Marshal(map[string]any{"n": i, "text": strings.Repeat("<&x>", size*(i%3)/4)}) // always marshals
		ts = append(ts, engine.Transition{Change: engine.Opened, Number: 1, Alert: &engine.Alert{ID: fmt.Sprint("a", i), Document: doc}})
	}
	return ts
}

func TestScribeRemembersWhatTheLogHas(t *testing.T) {
	s, dir := scribing(t)
	ctx := t.Context()
	const groups, each = 60, 20
	var ends []int64
	for g := range groups {
		if err := s.say(ctx, sayings(g*each, each, 5000)); err != nil {
			t.Fatal(err)
		}
		if g%7 == 3 || g == groups-1 {
			answer, err := s.ask(ctx)
			if err != nil {
				t.Fatal(err)
			}
			ends = append(ends, <-answer, int64(g+1)*each)
		}
	}
	// The log read back is the slow twin of what the scribe remembers.
	entries, err := dir.Log.Read(0, 1<<30)
	if err != nil || len(entries) != groups*each {
		t.Fatal(len(entries), err)
	}
	for i := 0; i < len(ends); i += 2 {
		if at := entries[ends[i+1]-1].Next; ends[i] != at {
			t.Errorf("behind %d transitions the log was said to end at %d, not %d", ends[i+1], ends[i], at)
		}
	}
	remembered := 0
	for i, e := range entries {
		mine := s.remembered(e.Pos, 10_000)
		if mine == nil {
			if remembered > 0 {
				t.Fatalf("transition %d is forgotten and older ones are not", i)
			}
			continue
		}
		remembered++
		all, err := s.read(e.Pos, 10_000)
		if err != nil || len(all) != len(mine) || len(mine) > 1 && mine[len(mine)-2].next-e.Pos >= 10_000 {
			t.Fatal(len(all), len(mine), err)
		}
		for j, l := range mine {
			want := entries[i+j]
			got, err := l.Transition.Append(nil)
			if err != nil || l.pos != want.Pos || l.next != want.Next || string(got) != string(want.Data) {
				t.Fatalf("transition %d stands at %d to %d, want %d to %d: %s", i+j, l.pos, l.next, want.Pos, want.Next, got)
			}
		}
	}
	if remembered == 0 || remembered == len(entries) {
		t.Errorf("%d of %d transitions are remembered: the test says nothing", remembered, len(entries))
	}
	if old, err := s.read(0, 1); err != nil || len(old) != 1 || old[0].ID() != "a0" {
		t.Errorf("what is forgotten is read back as %v, %v", old, err)
	}
	if none, err := s.read(dir.Log.End(), 1); err != nil || len(none) != 0 {
		t.Errorf("behind the end stands %v, %v", none, err)
	}
}

func TestScribeAnswersWithNothingSaid(t *testing.T) {
	s, dir := scribing(t)
	answer, err := s.ask(t.Context())
	if err != nil {
		t.Fatal(err)
	}
	if end := <-answer; end != dir.Log.End() {
		t.Errorf("the log was said to end at %d, not %d", end, dir.Log.End())
	}
}

func TestScribeThatEndedTakesNothing(t *testing.T) {
	dir, err := checkpoint.Open(t.TempDir(), checkpoint.Options{})
	if err != nil {
		t.Fatal(err)
	}
	l := &Live{Dir: dir}
	l.defaults()
	s := newScribe(l)
	if err := dir.Close(); err != nil {
		t.Fatal(err)
	}
	if err := s.say(t.Context(), sayings(0, 1, 10)); err != nil {
		t.Fatal(err)
	}
	s.run(t.Context()) // the log is closed: nothing helps
	if engine.KindOf(s.why) != engine.Fatal {
		t.Fatal(s.why)
	}
	var last error
	for range sayingsWait + 1 {
		last = s.say(t.Context(), sayings(0, 1, 10))
	}
	if last != s.why {
		t.Errorf("it took more and said %v", last)
	}
}

// What JSON cannot hold must not reach the log; when it does all the same, the
// service goes on.
func TestScribeTellsBareWhatCannotBeWritten(t *testing.T) {
	s, dir := scribing(t)
	al := func(id string) *engine.Alert {
		return &engine.Alert{ID: id, Title: "title of " + id, Level: engine.High}
	}
	broken, endless, large := al("broken"), al("endless"), al("large")
	broken.Document = json.RawMessage(`{"a":`)
	endless.Measure = math.Inf(1)
	large.Document = json.RawMessage(`"` + strings.Repeat("x", recordMost) + `"`)
	long := &engine.Incident{ID: "long", Title: "title of long", Timeline: []engine.Moment{{Text: strings.Repeat("\x01", recordMost/6)}}}
	ts := []engine.Transition{{Change: engine.Opened, Number: 1, Incident: long}}
	for _, a := range []*engine.Alert{broken, endless, large, al("well")} {
		ts = append(ts, engine.Transition{Change: engine.Opened, Number: 1, Alert: a})
	}
	if err := s.say(t.Context(), ts); err != nil {
		t.Fatal(err)
	}
	answer, err := s.ask(t.Context())
	if err != nil {
		t.Fatal(err)
	}
	select {
	case <-answer:
	case <-s.done:
		t.Fatal("the scribe ended:", s.why)
	}
	entries, err := dir.Log.Read(0, 1<<30)
	if err != nil || len(entries) != len(ts) {
		t.Fatal(len(entries), err)
	}
	for i, e := range entries {
		back, err := engine.ParseTransition(e.Data)
		if err != nil || back.ID() != ts[i].ID() {
			t.Fatal(back.ID(), err)
		}
		said := ""
		if back.Alert != nil {
			said = back.Alert.Incomplete
		} else {
			said = back.Incident.Incomplete
		}
		if (said == "") != (back.ID() == "well") || len(e.Data) > 2000 {
			t.Errorf("%s: %d bytes, incomplete %q", back.ID(), len(e.Data), said)
		}
	}
	if broken.Document == nil || long.Timeline == nil {
		t.Error("what others hold too was changed")
	}
}
