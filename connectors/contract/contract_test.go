package contract

import (
	"context"
	"errors"
	"fmt"
	"runtime"
	"slices"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/seed-843b225c/reflex/engine"
)

func TestASoundSinkPasses(t *testing.T) {
	Sink(t, func(testing.TB) SinkRig {
		return (&system{}).rig(func(s *system) engine.Sink { return &sink{system: s} })
	})
}

func TestASoundSourcePasses(t *testing.T) {
	Source(t, func(testing.TB) SourceRig { return newLog().rig(nil) })
}

// Every way of breaking a sink must be found by some case: a contract that
// cannot fail promises nothing.
func TestBrokenSinksAreFound(t *testing.T) {
	for name, broken := range map[string]func(*sink, []engine.Transition) (int, error){
		"drops one": func(s *sink, ts []engine.Transition) (int, error) { return s.store(ts[:max(len(ts)-1, 0)], len(ts)) },
		"turns the order round": func(s *sink, ts []engine.Transition) (int, error) {
			r := slices.Clone(ts)
			slices.Reverse(r)
			return s.store(r, len(ts))
		},
		"accepts too many":   func(s *sink, ts []engine.Transition) (int, error) { n, err := s.store(ts, len(ts)); return n + 1, err },
		"accepts in silence": func(s *sink, ts []engine.Transition) (int, error) { _, err := s.store(ts, 0); return 0, err },
		"hides trouble": func(s *sink, ts []engine.Transition) (int, error) {
			if s.system.down {
				return len(ts), nil
			}
			return s.store(ts, len(ts))
		},
		"calls trouble fatal": func(s *sink, ts []engine.Transition) (int, error) {
			if s.system.down {
				return 0, &engine.Error{Kind: engine.Fatal, Err: errors.New("down")}
			}
			return s.store(ts, len(ts))
		},
		"stores copies": func(s *sink, ts []engine.Transition) (int, error) {
			s.system.copies = true
			return s.store(ts, len(ts))
		},
		"blames the wrong one": func(s *sink, ts []engine.Transition) (int, error) {
			n, err := s.store(ts, len(ts))
			return max(n-1, 0), err
		},
		"refuses the unreadable": func(s *sink, ts []engine.Transition) (int, error) {
			for i := range ts {
				if a := ts[i].Alert; a != nil && strings.Contains(a.Title, "\xff") {
					return i, &engine.Error{Kind: engine.BadInput, Err: errors.New("not UTF-8")}
				}
			}
			return s.store(ts, len(ts))
		},
	} {
		t.Run(name, func(t *testing.T) {
			rig := func() SinkRig {
				return (&system{}).rig(func(s *system) engine.Sink { return &sink{system: s, broken: broken} })
			}
			wantFailure(t, len(sinkCases), func(i int, t testing.TB) { sinkCases[i].run(t, quick(rig())) })
		})
	}
}

func TestBrokenSourcesAreFound(t *testing.T) {
	for name, fault := range map[string]func(*source){
		"announces nothing":  func(s *source) { s.silent = true },
		"loses one":          func(s *source) { s.skip = true },
		"commits backwards":  func(s *source) { s.backwards = true },
		"forgets the store":  func(s *source) { s.deaf = true },
		"ignores a context":  func(s *source) { s.stubborn = true },
		"has no bound":       func(s *source) { s.greedy = true },
		"commits at reading": func(s *source) { s.eager = true },
	} {
		t.Run(name, func(t *testing.T) {
			wantFailure(t, len(sourceCases), func(i int, t testing.TB) {
				r := newLog().rig(fault).withDefaults()
				r.Wait = time.Second
				sourceCases[i].run(t, r)
			})
		})
	}
}

func quick(r SinkRig) SinkRig {
	r.Wait = time.Second
	return r.withDefaults()
}

// wantFailure runs cases until one of them fails.
func wantFailure(t *testing.T, n int, run func(i int, t testing.TB)) {
	for i := range n {
		r := &recorder{TB: t}
		done := make(chan struct{})
		go func() {
			defer close(done)
			defer r.cleanup()
			run(i, r)
		}()
		<-done
		if r.failed {
			return
		}
	}
	t.Error("no case has found it")
}

// recorder is a testing.TB that remembers a failure and does not pass it on.
type recorder struct {
	testing.TB
	mu     sync.Mutex
	failed bool
	ends   []func()
}

func (r *recorder) Errorf(string, ...any) { r.Error() }
func (r *recorder) Error(...any)          { r.mu.Lock(); r.failed = true; r.mu.Unlock() }
func (r *recorder) Fatalf(string, ...any) { r.Error(); runtime.Goexit() }
func (r *recorder) Skip(...any)           { runtime.Goexit() }
func (r *recorder) Cleanup(f func())      { r.ends = append(r.ends, f) }
func (r *recorder) cleanup() {
	for _, f := range slices.Backward(r.ends) {
		f()
	}
}

// system is what a sink stores in: a list of ids.
type system struct {
	ids    []string
	down   bool
	copies bool
	bad    string
}

func (s *system) rig(open func(*system) engine.Sink) SinkRig {
	return SinkRig{
		Open:    func(testing.TB) engine.Sink { return open(s) },
		Stored:  func(testing.TB) []string { return slices.Clone(s.ids) },
		Once:    true,
		Refuse:  func(_ testing.TB, bad engine.Transition) { s.bad = bad.DocumentID() },
		Trouble: func(testing.TB) func() { s.down = true; return func() { s.down = false } },
	}
}

type sink struct {
	system *system
	broken func(*sink, []engine.Transition) (int, error)
}

func (s *sink) Close() error { return nil }

func (s *sink) Deliver(ctx context.Context, ts []engine.Transition) (int, error) {
	if err := ctx.Err(); err != nil {
		return 0, err
	}
	if s.broken != nil {
		return s.broken(s, ts)
	}
	return s.store(ts, len(ts))
}

// store keeps ts and says that all were accepted.
func (s *sink) store(ts []engine.Transition, accepted int) (int, error) {
	if s.system.down {
		return 0, &engine.Error{Kind: engine.Temporary, Err: errors.New("the system is down: it comes again")}
	}
	for i := range ts {
		id := ts[i].DocumentID()
		if id == s.system.bad {
			return i, &engine.Error{Kind: engine.BadInput, Err: fmt.Errorf("%s is refused", id)}
		}
		if s.system.copies || !slices.Contains(s.system.ids, id) {
			s.system.ids = append(s.system.ids, id)
		}
	}
	return accepted, nil
}
