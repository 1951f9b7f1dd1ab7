package correlate

import (
	"slices"

	"github.com/seed-843b225c/reflex/engine"
	"github.com/seed-843b225c/reflex/engine/rule"
	"github.com/seed-843b225c/reflex/engine/window"
)

// chains is the brute-force evaluator of one sequence: it tries every
// assignment of events to mandatory steps.
type chains struct {
	*oracle
	r     *rulePlan
	seq   *rule.SequenceSpec
	steps [][]made
	end   int   // the step that completes
	need  []int // mandatory steps up to it
	best  map[chainID]*point
}

// chainID names a point of a sequence: completing event and bound keys.
type chainID struct {
	event uint64
	keys  window.Key
}

// attempt is a chain in the making.
type attempt struct {
	chain []made         // one of each step of need so far
	keys  []engine.Value // by key; nil: not bound
	links []*window.Event
}

// sequence gives every point of a sequence.
func (o *oracle) sequence(r *rulePlan) (ps []*point) {
	c := &chains{oracle: o, r: r, seq: r.Sequence}
	for i := range r.Sequence.Steps {
		c.steps = append(c.steps, o.stepEvents(r, i))
	}
	for _, end := range r.ends {
		c.end, c.need, c.best = end, nil, map[chainID]*point{}
		for _, i := range r.need {
			if i < end {
				c.need = append(c.need, i)
			}
		}
		c.need = append(c.need, end)
		if !r.Sequence.Ordered {
			c.need = r.need
		}
		c.extend(attempt{keys: make([]engine.Value, len(r.Sequence.Keys))})
		for _, p := range c.best {
			if p.ev.Time+c.r.trailing > o.end && c.end == r.need[len(r.need)-1] {
				o.open[r.Index]++ // what it must not be followed by may still come
				continue
			}
			p.made = append(p.made, c.optional(p)...)
			slices.SortFunc(p.made, func(a, b made) int { return a.step - b.step })
			ps = append(ps, p)
		}
	}
	return ps
}

// stepEvents gives the events of a step, each once.
func (o *oracle) stepEvents(r *rulePlan, step int) (out []made) {
	by := r.Sequence.Steps[step].By
	lacks := func(e *window.Event) bool {
		return slices.ContainsFunc(by, func(k rule.KeySlot) bool { return e.Value(k.Slot).IsNil() })
	}
	for _, e := range o.steps[r.Index][step] {
		if !lacks(e) {
			out = append(out, made{ev: e, step: step, rule: -1})
		}
	}
	for _, b := range r.Sequence.Steps[step].Rules {
		base := o.plan.rules[b]
		for _, f := range base.feeds {
			if f.rule != r.Index || f.step != step {
				continue
			}
			for _, p := range o.points[b] {
				known := slices.ContainsFunc(out, func(m made) bool { return m.ev.Same(p.ev) })
				if !known && !lacks(p.ev) && !o.excepted(base, f.except, p.ev) {
					out = append(out, made{ev: p.ev, step: step, rule: b})
				}
			}
		}
	}
	slices.SortFunc(out, compareMade)
	return out
}

// extend tries every event for the next mandatory step.
func (c *chains) extend(a attempt) {
	if len(a.chain) == len(c.need) {
		c.complete(a)
		return
	}
	c.next(a, c.extend)
}

// next gives the attempts that are one mandatory step longer.
func (c *chains) next(a attempt, f func(attempt)) {
	n := len(a.chain)
	st := &c.seq.Steps[c.need[n]]
	for _, m := range c.steps[c.need[n]] {
		if slices.ContainsFunc(a.chain, func(x made) bool { return x.ev.Same(m.ev) }) ||
			c.seq.Ordered && !c.inOrder(a, m, st) || !c.differs(a.chain, m) {
			continue
		}
		c.tie(a, m, f)
	}
}

// tie gives the attempts that an event of the next step makes of one: one if
// they share a key, else one for each way over links.
func (c *chains) tie(a attempt, m made, f func(attempt)) {
	st := &c.seq.Steps[m.step]
	next := attempt{chain: append(slices.Clip(a.chain), m), links: a.links, keys: slices.Clone(a.keys)}
	shares, agrees := len(a.chain) == 0, true
	for _, by := range st.By {
		v := m.ev.Value(by.Slot)
		if old := a.keys[by.Key]; !old.IsNil() {
			shares = true
			agrees = agrees && old == v
		}
		next.keys[by.Key] = v
	}
	switch {
	case !agrees:
	case shares || len(st.By) == 0:
		f(next)
	case c.seq.Ordered:
		for _, by := range st.By {
			c.cross(a, next, by.Key, m.ev.Value(by.Slot), m.ev, nil, f)
		}
	}
}

// inOrder: after the mandatory step before it, and not too long after.
func (c *chains) inOrder(a attempt, m made, st *rule.Step) bool {
	if len(a.chain) == 0 {
		return true
	}
	prev := a.chain[len(a.chain)-1].ev
	return after(prev, m.ev, c.seq.Slack) && (st.Within == 0 || m.ev.Time-prev.Time <= st.Within)
}

// after: B is after A when they differ and time(A) <= time(B) + tolerance.
func after(a, b *window.Event, slack int64) bool {
	return !a.Same(b) && a.Time <= b.Time+tolerance(a, b, slack)
}

// differs checks the step's differs, and those that name the step.
func (c *chains) differs(chain []made, m made) bool {
	for _, x := range chain {
		for _, pair := range [][2]made{{x, m}, {m, x}} {
			d := c.seq.Steps[pair[1].step].Differs
			if d != nil && d.From == pair[0].step && !unequal(d.Slots, x.ev, m.ev) {
				return false
			}
		}
	}
	return true
}

// unequal: one of the fields is present in both and unequal.
func unequal(slots []int, a, b *window.Event) bool {
	return slices.ContainsFunc(slots, func(s int) bool {
		x, y := a.Value(s), b.Value(s)
		return !x.IsNil() && !y.IsNil() && x != y
	})
}

// cross walks links backwards from a value of a new key to a bound one.
func (c *chains) cross(a, next attempt, key int, v engine.Value, use *window.Event, path []*window.Event, f func(attempt)) {
	if len(a.links)+len(path) == window.MostLinks {
		return
	}
	for i, l := range c.seq.Links {
		if l.To.Key != key {
			continue
		}
		for _, e := range c.links[c.r.Index][i] {
			from := e.Value(l.From.Slot)
			if e.Value(l.To.Slot) != v || from.IsNil() || e.Time > use.Time+tolerance(e, use, c.seq.Slack) {
				continue
			}
			path := append(slices.Clip(path), e)
			if a.keys[l.From.Key] == from {
				n := next
				n.links = slices.Concat(a.links, path)
				f(n)
			} else {
				c.cross(a, next, l.From.Key, from, use, path, f)
			}
		}
	}
}

// complete judges a whole chain and keeps it if it is the latest of its
// completing event and keys.
func (c *chains) complete(a attempt) {
	done, first := a.chain[len(a.chain)-1].ev, a.chain[0].ev
	if !c.seq.Ordered {
		for _, m := range a.chain {
			if done.Before(m.ev) {
				done = m.ev
			}
			if m.ev.Before(first) {
				first = m.ev
			}
		}
	}
	if done.Time-first.Time > c.seq.Within || c.forbidden(a, first, done) {
		return
	}
	for _, l := range a.links {
		if done.Time-l.Time > c.seq.Within {
			return
		}
	}
	id := chainID{done.Hash, c.tuple(a.keys)}
	p := &point{ev: done, made: a.chain, end: c.end, keys: id.keys}
	if old := c.best[id]; old == nil || later(p.made, old.made) {
		c.best[id] = p
	}
}

// tuple names bound keys; an event's points are in its order.
func (c *chains) tuple(keys []engine.Value) window.Key {
	var ks []window.Key
	for _, v := range keys {
		var k window.Key
		if !v.IsNil() {
			k = c.hash.Key(0, v)
		}
		ks = append(ks, k)
	}
	return window.Tuple(ks)
}

// later compares two chains of the same steps from the last step backwards.
func later(a, b []made) bool {
	for i := len(a) - 1; i >= 0; i-- {
		if x := a[i].ev.Compare(b[i].ev); x != 0 {
			return x > 0
		}
	}
	return false
}

// forbidden looks for an event of a negated step strictly between the
// mandatory steps around it.
func (c *chains) forbidden(a attempt, first, done *window.Event) bool {
	for i, st := range c.seq.Steps {
		if !st.Negated {
			continue
		}
		lo, hi := first.Time, done.Time // both excluded
		upTo := len(a.chain)            // its keys are those bound up to the next mandatory step
		if c.seq.Ordered {
			n := 0 // mandatory steps before it
			for n < len(c.need) && c.need[n] < i {
				n++
			}
			switch {
			case n == len(c.need) && c.end != c.r.need[len(c.r.need)-1]:
				continue // it stands after the prefix
			case n == len(c.need):
				lo, hi = done.Time, done.Time+st.Within+1
			case n == 0:
				lo, hi, upTo = first.Time-st.Within-1, first.Time, 1
			default:
				lo, hi, upTo = a.chain[n-1].ev.Time, a.chain[n].ev.Time, n+1
			}
		}
		for _, m := range c.steps[i] {
			if m.ev.Time > lo && m.ev.Time < hi && c.agrees(&st, m.ev, c.bound(a.chain[:upTo])) {
				return true
			}
		}
	}
	return false
}

// bound gives the values of the keys that events of a chain bind.
func (c *chains) bound(chain []made) []engine.Value {
	keys := make([]engine.Value, len(c.seq.Keys))
	for _, m := range chain {
		for _, by := range c.seq.Steps[m.step].By {
			keys[by.Key] = m.ev.Value(by.Slot)
		}
	}
	return keys
}

// agrees: the event has the chain's value of every key of the step that the
// chain binds, and there is one.
func (c *chains) agrees(st *rule.Step, e *window.Event, keys []engine.Value) bool {
	some := len(st.By) == 0
	for _, by := range st.By {
		if keys[by.Key].IsNil() {
			continue
		}
		if e.Value(by.Slot) != keys[by.Key] {
			return false
		}
		some = true
	}
	return some
}

// optional gives each optional step before the end its latest event between
// the mandatory steps around it.
func (c *chains) optional(p *point) (out []made) {
	for i, st := range c.seq.Steps {
		if !st.Optional || i >= c.end && c.seq.Ordered {
			continue
		}
		n := 0
		for n < len(p.made) && p.made[n].step < i {
			n++
		}
		before, upTo := p.made, p.made // mandatory events before it; and with the next one
		if c.seq.Ordered {
			before, upTo = p.made[:n], p.made[:n+1]
		}
		keys := c.bound(before)
		if n == 0 {
			keys = c.bound(upTo)
		}
		var best *made
		for _, m := range c.steps[i] {
			if c.agrees(&st, m.ev, keys) && c.differs(before, m) && c.between(p, n, &st, m.ev) && (best == nil || best.ev.Before(m.ev)) &&
				!slices.ContainsFunc(upTo, func(x made) bool { return x.ev.Same(m.ev) }) {
				best = &m
			}
		}
		if best != nil && p.ev.Time-best.ev.Time <= c.seq.Within {
			out = append(out, *best)
		}
	}
	return out
}

// between: the event lies between the mandatory steps around place n.
func (c *chains) between(p *point, n int, st *rule.Step, e *window.Event) bool {
	if !c.seq.Ordered {
		return !p.ev.Before(e) && p.ev.Time-e.Time <= c.seq.Within
	}
	next := p.made[n].ev
	if !after(e, next, c.seq.Slack) {
		return false
	}
	if n == 0 {
		return st.Within == 0 || next.Time-e.Time <= st.Within
	}
	prev := p.made[n-1].ev
	return after(prev, e, c.seq.Slack) && (st.Within == 0 || e.Time-prev.Time <= st.Within)
}
