package kafka

import (
	"sync/atomic"
	"testing"
	"time"

	"github.com/twmb/franz-go/pkg/kmsg"

	"github.com/seed-843b225c/reflex/engine"
)

// A commit that the broker takes long for holds up no record; one that it takes
// too long for is tried again, and makes nothing come twice.
func TestSlowCommitsHoldUpNothing(t *testing.T) {
	virtual(func(t *testing.T) {
		f := inMemory(t, 1)
		f.write(t, 0, numbered(0, 10)...)
		c := f.config()
		// Commits share their connection with what else is asked now and then,
		// which must not come while one is slow (see requests).
		c.SessionTimeout = 5 * time.Minute
		s, got := f.open(t, c, Options{Stateful: true}), &seen{}
		s.timing.watch = time.Hour
		got.records(t, s, 10)
		var slow atomic.Int64
		f.ControlKey(int16(kmsg.OffsetCommit), func(kmsg.Request) (kmsg.Response, error, bool) {
			f.KeepControl()
			if d := time.Duration(slow.Swap(0)); d > 0 {
				f.SleepControl(func() { time.Sleep(d) })
			}
			return nil, nil, false
		})
		commit := func(offset int64) <-chan error {
			done := make(chan error, 1)
			go func() { done <- s.Commit(t.Context(), []engine.Position{{Source: topic, Offset: offset}}) }()
			return done
		}

		slow.Store(int64(4 * time.Second))
		began := time.Now()
		done := commit(10)
		time.Sleep(time.Millisecond)
		f.write(t, 0, numbered(10, 10)...)
		if got.records(t, s, 20); time.Since(began) > time.Second {
			t.Errorf("records came %s after a slow commit began", time.Since(began))
		}
		if err := <-done; err != nil || time.Since(began) < 4*time.Second || f.committed(t, c.Group, 0) != 10 {
			t.Errorf("the slow commit gave %v after %s; the group stands at %d", err, time.Since(began), f.committed(t, c.Group, 0))
		}

		slow.Store(int64(time.Minute))
		began = time.Now()
		err := <-commit(20)
		if took := time.Since(began); engine.KindOf(err) != engine.Temporary || took > 2*patience {
			t.Errorf("a commit that is not answered gave %v after %s", err, took)
		}
		got.until(t, s, "the commit", func() bool {
			<-commit(20)
			return f.committed(t, c.Group, 0) == 20
		})
		f.write(t, 0, numbered(20, 1)...)
		got.records(t, s, 21)
		expect(t, got.values[0], numbered(0, 21))
	})(t)
}
