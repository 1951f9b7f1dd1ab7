package pipeline_test

import (
	"context"
	"errors"
	"fmt"
	"strings"
	"testing"
	"time"

	"github.com/seed-843b225c/reflex/engine/pipeline"
)

// vanishing can be opened so often, then is gone.
type vanishing struct {
	memory
	opens *int
}

func (v vanishing) Open() (pipeline.Stream, error) {
	if *v.opens--; *v.opens < 0 {
		return nil, errors.New(v.name + ": there is no such file")
	}
	return v.memory.Open()
}

// TestReplayTellsOfAFileThatVanishesBetweenReadings: newest first, the file
// must be read twice, and the second time it is not there.
func TestReplayTellsOfAFileThatVanishesBetweenReadings(t *testing.T) {
	var b strings.Builder
	for i := range 2000 {
		b.WriteString(denied(noon.Add(-time.Duration(i)*time.Minute), "u", fmt.Sprint("e", i)))
	}
	for opens, want := range map[int]int64{0: 1, 1: 1, 9: 0} {
		left := opens
		var said []error
		r := pipeline.Replay{Parts: lineOf(t, []byte(burst)), Warn: func(err error) { said = append(said, err) },
			Inputs: []pipeline.Input{vanishing{memory{"log", []byte(b.String())}, &left}}}
		res, err := r.Run(t.Context())
		if err != nil {
			t.Fatal(err)
		}
		if got := res.Stats.Unreadable(); got != want || int64(len(said)) != want {
			t.Errorf("opened %d times at most: %d unreadable, said %v, want %d", opens, got, said, want)
		}
	}
}

// TestReplayEndsWhenInterrupted: a stream that an interrupt ended early is not
// taken for all there was.
func TestReplayEndsWhenInterrupted(t *testing.T) {
	ctx, stop := context.WithCancel(t.Context())
	r := pipeline.Replay{Parts: lineOf(t, []byte(burst)), Warn: func(err error) { t.Error(err) }}
	r.Inputs = []pipeline.Input{stopping{memory{"-", []byte(denied(noon, "u", "e"))}, stop}}
	if _, err := r.Run(ctx); !errors.Is(err, context.Canceled) {
		t.Errorf("error %v", err)
	}
}

type stopping struct {
	memory
	stop func()
}

func (s stopping) Open() (pipeline.Stream, error) {
	s.stop()
	return nil, context.Canceled
}
