package pipeline

import (
	"fmt"

	"github.com/seed-843b225c/reflex/engine"
)

// sound checks what a log says of each alert and incident against the alerts
// still open: opened first and once, numbers without a gap, nothing after the
// end, and nothing that is neither over nor open.
func sound(log []engine.Transition, open []*engine.Alert) error {
	last := map[string]engine.Transition{}
	for _, t := range log {
		id := t.ID()
		before := last[id]
		switch {
		case t.Number != before.Number+1:
			return fmt.Errorf("%s: transition %d (%v) follows %d", id, t.Number, t.Change, before.Number)
		case t.Alert != nil && (t.Number == 1) != (t.Change == engine.Opened):
			return fmt.Errorf("%s: transition %d is %v", id, t.Number, t.Change)
		case t.Alert != nil && over(before):
			return fmt.Errorf("%s: %v follows %v", id, t.Change, before.Change)
		}
		last[id] = t
	}
	for _, al := range open {
		if t, ok := last[al.ID]; !ok || over(t) {
			return fmt.Errorf("%s is open, and the log does not say so", al.ID)
		}
		delete(last, al.ID)
	}
	for id, t := range last {
		if t.Alert != nil && !over(t) {
			return fmt.Errorf("%s was opened and never came to an end", id)
		}
	}
	return nil
}

func over(t engine.Transition) bool {
	return t.Change == engine.Closed || t.Change == engine.Merged
}
