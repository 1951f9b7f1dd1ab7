package main

import (
	"context"
	"errors"
	"slices"
	"testing"

	"github.com/seed-843b225c/reflex/engine"
)

// scripted is a Source that says what it is told to say.
type scripted struct {
	polls     []func() (engine.Batch, error)
	committed []engine.Position
	closed    int
}

func (s *scripted) Poll(context.Context) (engine.Batch, error) {
	p := s.polls[0]
	s.polls = s.polls[1:]
	return p()
}
func (s *scripted) Commit(_ context.Context, next []engine.Position) error {
	s.committed = append(s.committed, next...)
	return nil
}
func (s *scripted) Close() error { s.closed++; return nil }

// TestReopeningOutlivesWhatAPersonCanMend: the partitions are closed, the reason
// is told with growing rests, and the next source goes on where all is stored.
func TestReopeningOutlivesWhatAPersonCanMend(t *testing.T) {
	refused := &engine.Error{Kind: engine.Fatal, Err: errors.New("kafka topic a: no permission")}
	record := func(p int32, offset int64) engine.Record {
		return engine.Record{Origin: engine.Origin{Source: "a", Partition: p, Offset: offset}}
	}
	fails := func() (engine.Batch, error) { return engine.Batch{}, refused }
	sources := []*scripted{
		{polls: []func() (engine.Batch, error){
			func() (engine.Batch, error) {
				return engine.Batch{Opened: []engine.Position{{Source: "a", Partition: 0, Offset: 5}, {Source: "a", Partition: 1, Offset: 7}}}, nil
			},
			func() (engine.Batch, error) {
				return engine.Batch{Records: []engine.Record{record(0, 5), record(0, 6), record(1, 7)}}, nil
			},
			fails,
		}},
		{polls: []func() (engine.Batch, error){fails}},
		{polls: []func() (engine.Batch, error){func() (engine.Batch, error) { return engine.Batch{Records: []engine.Record{record(0, 7)}}, nil }, fails}},
	}
	var resumed [][]engine.Position
	r, err := newReopening([]engine.Position{{Source: "a", Partition: 0, Offset: 5}}, func(resume []engine.Position) (engine.Source, error) {
		resumed = append(resumed, resume)
		return sources[len(resumed)-1], nil
	})
	if err != nil {
		t.Fatal(err)
	}
	poll := func() (engine.Batch, error) { return r.Poll(t.Context()) }
	for range 2 {
		if _, err := poll(); err != nil {
			t.Fatal(err)
		}
	}
	b, err := poll()
	want := []engine.Position{{Source: "a", Partition: 0, Offset: 7}, {Source: "a", Partition: 1, Offset: 8}}
	slices.SortFunc(b.Closed, func(a, b engine.Position) int { return int(a.Partition - b.Partition) })
	if err != nil || !slices.Equal(b.Closed, want) || sources[0].closed != 1 {
		t.Fatalf("closed %+v, %v, %d times; want %+v", b.Closed, err, sources[0].closed, want)
	}
	if err := r.Commit(t.Context(), want); err != nil { // nobody is there who could be told
		t.Fatal(err)
	}
	for i, rest := range []int{1, 2} {
		_, err := poll()
		e, ok := errors.AsType[*engine.Error](err)
		if !ok || e.Kind != engine.Temporary || !errors.Is(err, refused) || e.After != reopenLeast*(1<<i) {
			t.Fatalf("try %d: %+v, want a rest of %d times %s", i, err, rest, reopenLeast)
		}
	}
	if b, err := poll(); err != nil || len(b.Records) != 1 {
		t.Fatalf("%+v, %v", b, err)
	}
	slices.SortFunc(resumed[2], func(a, b engine.Position) int { return int(a.Partition - b.Partition) })
	if !slices.Equal(resumed[2], want) {
		t.Errorf("the last source resumes from %+v, want %+v", resumed[2], want)
	}
	if r.rest != 0 {
		t.Errorf("a record came, and it would still rest %s", r.rest)
	}
	if err := r.Close(); err != nil || sources[2].closed != 1 {
		t.Errorf("close: %v, %d times", err, sources[2].closed)
	}
}
