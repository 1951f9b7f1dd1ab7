package incident

import "github.com/seed-843b225c/reflex/engine"

// Live groups alerts into incidents while they happen. It is a pure function
// of the calls it gets: the same calls from the same state give the same
// transitions, so the alert log with the last saved state is enough after a
// crash (Replay). One goroutine at a time may call it.
//
// One alert costs as much as the incident it belongs to has alerts, at most
// 100 of them looked at; a million quiet incidents cost it nothing.
type Live struct {
	opt       Options
	alerts    map[string]*member   // by id; also by the ids that were merged into it
	waiting   map[string][]*member // chains by a step's alert that is not known yet
	index     index                // of the strands of incidents that are not final
	incidents map[string]*incident
	open      queue // by when they are final
	over      queue // the final ones, by when they are forgotten
	opened    uint64
	strands   uint64
	dirty     map[string]bool // keys to write at the next Save
}

// NewLive makes a Live that knows of no alert.
func NewLive(o Options) *Live {
	if o.Reach == 0 {
		o.Reach = defaultReach
	}
	return &Live{opt: o, alerts: map[string]*member{}, waiting: map[string][]*member{}, index: index{},
		incidents: map[string]*incident{}, dirty: map[string]bool{}}
}

// Stats is how much a Live remembers.
type Stats struct {
	Open   int // incidents that more alerts may join
	Final  int // incidents that only a chain can reopen
	Alerts int // alert ids, merged ones too
}

// Stats counts what is remembered.
func (v *Live) Stats() Stats { return Stats{len(v.open), len(v.over), len(v.alerts)} }

// Alert takes one alert transition and gives what it makes of incidents: first
// Merged of those that went into another, then Opened, Raised or Joined of the
// one that the alert belongs to; nothing when it is no news. News is an alert,
// a line of the timeline, an entity, a level or an incident that was not told
// of before, and no count. Beyond 100 alerts, one more that tells nothing new
// is news when their number reaches a power of two.
func (v *Live) Alert(t engine.Transition) []engine.Transition {
	if t.Alert == nil || t.Alert.Mode == "shadow" {
		return nil
	}
	seen := shrink(t.Alert, v.opt)
	m := v.alerts[seen.id]
	r := &turn{v: v, cause: &t}
	switch into := v.alerts[t.Into]; {
	case t.Change == engine.Merged && into != nil && into != m:
		r.merge(into, m, seen)
	case m == nil:
		r.add(seen)
	default:
		r.update(m, seen)
	}
	return r.finish()
}

// Replay takes a transition of the alert log again, after a crash: those behind
// the saved state, in order. It gives the incident transitions that it caused;
// what the log has of them is equal, what it lacks is to be appended.
func (v *Live) Replay(t engine.Transition) []engine.Transition {
	switch {
	case t.Alert != nil:
		return v.Alert(t)
	case t.Change == engine.Closed:
		return v.Advance(t.Time)
	}
	return nil // an alert's
}
