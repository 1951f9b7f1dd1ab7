package contract

import (
	"context"
	"slices"
	"sync"
	"testing"

	"github.com/seed-843b225c/reflex/engine"
)

const (
	logName   = "log"
	logBuffer = 64 << 10
)

// streamLog is a stream with two partitions in memory, and what was committed.
type streamLog struct {
	mu        sync.Mutex
	values    [2][]string
	committed [2]int64
	changed   chan struct{}
}

func newLog() *streamLog { return &streamLog{changed: make(chan struct{})} }

func (l *streamLog) touch() {
	close(l.changed)
	l.changed = make(chan struct{})
}

func (l *streamLog) rig(fault func(*source)) SourceRig {
	return SourceRig{
		Name: logName, Partitions: 2, Durable: true, Resumes: true, Buffer: logBuffer,
		Write: func(_ testing.TB, p int32, values ...string) {
			l.mu.Lock()
			defer l.mu.Unlock()
			l.values[p] = append(l.values[p], values...)
			l.touch()
		},
		Open: func(_ testing.TB, resume []engine.Position) engine.Source {
			s := &source{log: l, next: l.committed}
			if fault != nil {
				fault(s)
			}
			for _, p := range resume {
				if !s.deaf {
					s.next[p.Partition] = p.Offset
				}
			}
			return s
		},
	}
}

// source reads a streamLog; its flags are ways of breaking the contract.
type source struct {
	log    *streamLog
	next   [2]int64
	opened bool
	out    int // bytes handed out and not released

	silent, skip, backwards, deaf, stubborn, greedy, eager bool
}

func (s *source) Poll(ctx context.Context) (engine.Batch, error) {
	if s.stubborn {
		ctx = context.Background()
	}
	for {
		s.log.mu.Lock()
		b, changed := s.take(), s.log.changed
		s.log.mu.Unlock()
		if b.Opened != nil || b.Records != nil {
			return b, nil
		}
		select {
		case <-changed:
		case <-ctx.Done():
			return engine.Batch{}, ctx.Err()
		}
	}
}

// take gives what is there, within the buffer.
func (s *source) take() engine.Batch {
	var b engine.Batch
	if !s.opened && !s.silent {
		for p, next := range s.next {
			b.Opened = append(b.Opened, engine.Position{Source: logName, Partition: int32(p), Offset: next})
		}
	}
	s.opened = true
	size := 0
	for p := range s.next {
		for s.next[p] < int64(len(s.log.values[p])) {
			value := s.log.values[p][s.next[p]]
			if !s.greedy && s.out+size+len(value) > logBuffer {
				break
			}
			if !s.skip || s.next[p] != 1 {
				b.Records = append(b.Records, engine.Record{Data: []byte(value), Origin: engine.Origin{Source: logName, Partition: int32(p), Offset: s.next[p]}})
			}
			size += len(value)
			s.next[p]++
			if s.eager {
				s.log.committed[p] = s.next[p]
			}
		}
	}
	s.out += size
	b.Release = func() {
		s.log.mu.Lock()
		defer s.log.mu.Unlock()
		s.out -= size
		s.log.touch()
	}
	return b
}

func (s *source) Commit(_ context.Context, next []engine.Position) error {
	s.log.mu.Lock()
	defer s.log.mu.Unlock()
	for _, p := range next {
		if p.Source == logName && p.Partition < 2 && (s.backwards || p.Offset > s.log.committed[p.Partition]) {
			s.log.committed[p.Partition] = p.Offset
		}
	}
	return nil
}

func (s *source) Lags() []engine.Lag {
	s.log.mu.Lock()
	defer s.log.mu.Unlock()
	var lags []engine.Lag
	for p, next := range s.next {
		lags = append(lags, engine.Lag{Source: logName, Partition: int32(p), Next: next, End: int64(len(slices.Clone(s.log.values[p])))})
	}
	return lags
}

func (s *source) Close() error { return nil }
