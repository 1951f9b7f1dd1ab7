package kafka

import (
	"errors"
	"time"

	"github.com/seed-843b225c/reflex/engine"
)

const (
	sayAgain   = 30 * time.Second // the same trouble is not told more often
	maxTrouble = 64               // different troubles remembered
)

// troubles are what Poll has to tell: each text once in a while.
type troubles struct {
	waiting []error
	told    map[string]time.Time
}

func (t *troubles) add(err error, now time.Time) {
	text := err.Error()
	if at, ok := t.told[text]; ok && now.Sub(at) < sayAgain {
		return
	}
	if t.told == nil || len(t.told) >= maxTrouble {
		t.told = map[string]time.Time{}
	}
	t.told[text] = now
	if len(t.waiting) < maxTrouble {
		t.waiting = append(t.waiting, temporary(err))
	}
}

func (t *troubles) next() error {
	if len(t.waiting) == 0 {
		return nil
	}
	err := t.waiting[0]
	t.waiting = t.waiting[1:]
	return err
}

// judge decides when a fatal answer counts: brokers that come up say "no such
// topic" or "not authorized" for a moment, so it has to last.
type judge struct{ since time.Time }

// counts says whether err, seen now, ends the source. nil and errors of other
// kinds begin the time anew.
func (j *judge) counts(err error, now time.Time, grace time.Duration) bool {
	if engine.KindOf(err) != engine.Fatal {
		j.since = time.Time{}
		return false
	}
	if j.since.IsZero() {
		j.since = now
	}
	if errors.Is(err, errCompacted) || errors.Is(err, errNotAlone) {
		return true // judged with care already
	}
	return now.Sub(j.since) >= grace
}
