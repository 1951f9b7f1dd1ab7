package correlate

import (
	"cmp"

	"github.com/seed-843b225c/reflex/engine"
	"github.com/seed-843b225c/reflex/engine/rule"
	"github.com/seed-843b225c/reflex/engine/window"
)

// made is an event that helped to make a point.
type made struct {
	ev    *window.Event
	step  int    // of a sequence; else 0
	rule  int    // whose point it was, where a step takes rules; -1
	alert string // id of the alert that holds that point
}

// point is one settled point of a rule.
type point struct {
	ev      *window.Event // its own event; of a sequence the completing one
	level   engine.Level
	measure float64
	made    []made
	plain   []*window.Event // the same for rules without steps, where that is shorter
	end     int             // of a sequence: the step that completed it
	keys    window.Key      // of a sequence: its tuple of bound keys
	dedup   window.Key
	came    *window.Event // the event as it first came, when it learned its run later; else nil
}

// alone gives a point that one event makes by itself.
func alone(e *window.Event) *point {
	p := &struct {
		point
		made [1]made
	}{made: [1]made{{ev: e, rule: -1}}}
	p.point.ev, p.point.made = e, p.made[:]
	return &p.point
}

// compare is the order of points: of their events, then of what one event can
// make several of.
func (p *point) compare(o *point) int {
	if c := p.ev.Compare(o.ev); c != 0 {
		return c
	}
	if p.end != o.end {
		return cmp.Compare(p.end, o.end)
	}
	if p.keys != o.keys {
		if p.keys.Less(o.keys) {
			return -1
		}
		return 1
	}
	return 0
}

// judge is scratch for everything that reads a kept event's values: dedup
// keys, levels, templates. One per shard.
type judge struct {
	plan    *plan
	hash    window.Hasher
	scratch engine.Event
	errors  []int64 // by rule: conditions that erred
}

func newJudge(p *plan) *judge {
	return &judge{
		plan:    p,
		scratch: engine.Event{Values: make([]engine.Value, p.set.Layout.Len())},
		errors:  make([]int64, len(p.rules)),
	}
}

// value reads what a reference names at a point.
func (j *judge) value(r *rulePlan, ref rule.Ref, p *point) engine.Value {
	switch {
	case ref.Meta != "":
		return engine.Value{}
	case ref.Key >= 0:
		return j.bound(r, ref.Key, p.made)
	case ref.Step >= 0:
		for _, m := range p.made {
			if m.step == ref.Step {
				return m.ev.Value(ref.Slot)
			}
		}
		return engine.Value{}
	}
	return p.ev.Value(ref.Slot)
}

// bound gives the value of a bound key: that of the first mandatory step of
// the chain that names it, else of any.
func (j *judge) bound(r *rulePlan, key int, chain []made) (v engine.Value) {
	for _, must := range []bool{true, false} {
		for _, m := range chain {
			st := &r.Sequence.Steps[m.step]
			if must && st.Optional {
				continue
			}
			for _, by := range st.By {
				if by.Key == key {
					if v := m.ev.Value(by.Slot); !v.IsNil() {
						return v
					}
				}
			}
		}
	}
	return v
}

// dedup gives the dedup key of a point.
func (j *judge) dedup(r *rulePlan, p *point) window.Key {
	vs := make([]engine.Value, 0, 4)
	for _, ref := range r.Alert.DedupBy {
		vs = append(vs, j.value(r, ref, p))
	}
	return j.hash.Key(r.salt, vs...)
}

// gains reports whether an event that came again knows its run or job now.
func (j *judge) gains(old *window.Event, ev *engine.Event) bool {
	for _, slot := range j.plan.runs {
		if !ev.Get(slot).IsNil() && old.Value(slot).IsNil() {
			return true
		}
	}
	return false
}

// learn gives a point its event again, with its run. Dedup key and level stay
// what they were said to be.
func (p *point) learn(e *window.Event) {
	if p.came == nil {
		p.came = p.ev
	}
	p.ev, p.made[0].ev = e, e
}

// asKeyed is the point as its dedup key was read.
func (p *point) asKeyed() *point {
	if p.came == nil {
		return p
	}
	k := *p
	k.ev = p.came
	return &k
}

// dedupLive gives the dedup key of a live event that is a point by itself.
func (j *judge) dedupLive(r *rulePlan, ev *engine.Event) window.Key {
	var buf [4]engine.Value
	vs := buf[:0]
	for _, ref := range r.Alert.DedupBy {
		if ref.Meta != "" || ref.Key >= 0 {
			vs = append(vs, engine.Value{})
			continue
		}
		vs = append(vs, ev.Get(ref.Slot))
	}
	return j.hash.Key(r.salt, vs...)
}

// level gives a point's level.
func (j *judge) level(r *rulePlan, p *point) engine.Level {
	if r.Kind == rule.Sequence && p.end != r.need[len(r.need)-1] {
		return r.Sequence.Steps[p.end].Reached
	}
	if len(r.LevelWhen) == 0 {
		return r.Level
	}
	ev := j.event(p.ev)
	switch r.Kind {
	case rule.Count:
		ev.Set(j.plan.measure, engine.Float(p.measure))
	case rule.Sequence:
		for k, slot := range r.Sequence.KeySlots {
			if slot >= 0 {
				v := j.bound(r, k, p.made)
				ev.Set(slot, v)
			}
		}
	}
	for _, lw := range r.LevelWhen {
		if j.holds(r, lw.If, ev) {
			return lw.Then
		}
	}
	return r.Level
}

// event lays a kept event out as conditions read it (they read no id); valid
// until the next call.
func (j *judge) event(e *window.Event) *engine.Event {
	ev := &j.scratch
	clear(ev.Values)
	ev.Time, ev.Hash, ev.Dataset = e.Time, e.Hash, e.Dataset()
	e.Each(func(slot int, v engine.Value) bool {
		if slot < len(ev.Values) {
			ev.Values[slot] = v
		}
		return true
	})
	return ev
}

// holds evaluates a condition; an error counts against the rule.
func (j *judge) holds(r *rulePlan, c *rule.Cond, ev *engine.Event) bool {
	yes, err := c.Match(ev)
	if err != nil {
		j.errors[r.Index]++
	}
	return yes && err == nil
}

// excepted reports whether an exception keeps an event out of a step.
func (j *judge) excepted(r *rulePlan, except []rule.Exception, e *window.Event) bool {
	for _, x := range except {
		if (x.Expires == 0 || e.Time < x.Expires) && j.holds(r, x.Cond, j.event(e)) {
			return true
		}
	}
	return false
}

// most gives the bound of a sum at an event; ok is false when there is none.
func (j *judge) most(r *rulePlan, ev *engine.Event) (bound float64, ok bool) {
	if r.Count.Over == nil {
		return 0, false
	}
	v := r.Count.Over.Eval(ev)
	return v.Float(), !v.IsNil()
}
