package pipeline_test

import (
	"math/rand"
	"slices"
	"testing"
	"time"

	"github.com/seed-843b225c/reflex/engine/pipeline"
)

// TestRecordsOfTheFutureBlindNobody: two of them agree on next year, and what
// comes then is still seen by windows.
func TestRecordsOfTheFutureBlindNobody(t *testing.T) {
	parts := stream(rand.New(rand.NewSource(21)), 1000, 1)
	want := offline(t, parts)
	for i := range 2 {
		parts[0] = slices.Insert(parts[0], 20+i, denied(noon.AddDate(1, 0, 0).Add(time.Duration(i)*time.Second), "tomorrow", ""))
	}
	src, sink := newTopic("t", parts...), &shelf{}
	err := runLive(t, t.Context(), t.TempDir(), burst, src, func(l *pipeline.Live) {
		l.Now = func() time.Time { return noon.AddDate(0, 0, 10) }
	}, pipeline.Output{Name: "shelf", Sink: sink})
	if err != nil {
		t.Fatal(err)
	}
	if d := diff(finalOf(sink), want); d != "" {
		t.Error(d)
	}
	sink.check(t)
}
