package pipeline_test

import (
	"bytes"
	"context"
	"errors"
	"log/slog"
	"math/rand"
	"slices"
	"strings"
	"sync/atomic"
	"testing"
	"time"

	"github.com/seed-843b225c/reflex/engine"
	"github.com/seed-843b225c/reflex/engine/pipeline"
)

// missing is a dead letter whose topic is made after some tries.
type missing struct {
	drawer
	polls *atomic.Int64
	seen  []int64 // polls at each try
}

func (m *missing) Keep(ctx context.Context, rs []engine.Refusal) error {
	m.seen = append(m.seen, m.polls.Load())
	if len(m.seen) < 4 {
		return &engine.Error{Kind: engine.Fatal, Err: errors.New("topic dead: does not exist")}
	}
	return m.drawer.Keep(ctx, rs)
}

// TestADeadLetterThatIsMissingIsWaitedFor: reading waits, it is said once, and
// nothing is lost when somebody makes it.
func TestADeadLetterThatIsMissingIsWaitedFor(t *testing.T) {
	parts := stream(rand.New(rand.NewSource(16)), 2000, 1)
	parts[0] = slices.Insert(parts[0], 3, "{broken")
	src, sink := newTopic("t", parts...), &shelf{}
	src.batch = 1
	var polls atomic.Int64
	dead := &missing{polls: &polls}
	var said bytes.Buffer
	err := runLive(t, t.Context(), t.TempDir(), burst, &topic{}, func(l *pipeline.Live) {
		src.resume(nil)
		l.Source = counting{src, func() {
			if polls.Add(1) > 10 && polls.Load() < 20 { // a checkpoint comes before all is read
				<-time.After(5 * time.Millisecond)
			}
		}}
		l.Dead, l.Log = dead, slog.New(slog.NewTextHandler(&said, nil))
	}, pipeline.Output{Name: "shelf", Sink: sink})
	if err != nil {
		t.Fatal(err)
	}
	if len(dead.kept) != 1 {
		t.Errorf("kept aside: %+v", dead.kept)
	}
	if n := len(dead.seen); n < 4 || dead.seen[3] != dead.seen[1] {
		t.Errorf("polls at each try: %v: reading went on", dead.seen)
	}
	if src.committed[0] != int64(len(parts[0])) {
		t.Errorf("committed up to %d of %d", src.committed[0], len(parts[0]))
	}
	if n := strings.Count(said.String(), "the dead letter takes nothing: reading waits"); n != 1 {
		t.Errorf("it is said %d times:\n%s", n, said.String())
	}
	if !strings.Contains(said.String(), "over: the dead letter takes nothing") {
		t.Errorf("its end is not said:\n%s", said.String())
	}
	if d := diff(finalOf(sink), offline(t, parts)); d != "" {
		t.Error(d)
	}
}
