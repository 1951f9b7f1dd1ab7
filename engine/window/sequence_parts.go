package window

import (
	"slices"
	"sort"
)

// This file holds what surrounds the mandatory steps of a Sequence: negated
// and optional ones.

// addNegated remembers when an event of a negated step happened, under the
// keys that bind up to the mandatory step after it.
func (s *Sequence) addNegated(e *StepEvent) {
	st := &s.spec.Steps[e.Step()]
	set, ok := s.negatedKeys(e.Step())
	if !ok {
		return
	}
	k := s.place(atNegated|uint64(e.Step()), set, func(k int) Key { v, _ := e.key(st, k); return v })
	t, ok := s.negs.Get(k)
	if !ok {
		t = &times{tidy: s.spec.Tidy}
		s.negs.Put(k, t)
	}
	i := sort.Search(len(t.ts), func(i int) bool { return t.ts[i] > e.Time })
	t.ts = slices.Insert(t.ts, i, e.Time)
	if len(t.ts) < t.tidy {
		return
	}
	// Behind all that is not yet settled, only the latest one matters.
	keep := sort.Search(len(t.ts), func(i int) bool { return t.ts[i] > s.now-s.trailing()-2*s.spec.margin })
	if keep > 1 {
		t.ts = append(t.ts[:0:0], t.ts[keep-1:]...)
	}
	t.tidy = 2*len(t.ts) + s.spec.Tidy
}

// negatedKeys gives the keys a negated step is looked up by: of its keys those
// that mandatory steps up to the next one bind. ok is false when there are none.
func (s *Sequence) negatedKeys(step int) (set keyBits, ok bool) {
	st := &s.spec.Steps[step]
	bound := s.spec.bound[step]
	if r := s.spec.rank[step]; r < len(s.spec.need) {
		bound |= keySet(s.spec.Steps[s.spec.need[r]].By)
	}
	set = keySet(st.By) & bound
	return set, set != 0 || len(st.By) == 0
}

// forbids reports whether a negated step has an event of the chain's keys
// between two times, both excluded.
func (s *Sequence) forbids(step int, c *Chain, lo, hi int64) bool {
	set, ok := s.negatedKeys(step)
	if !ok {
		return false
	}
	t, ok := s.negs.Get(s.place(atNegated|uint64(step), set, func(k int) Key { v, _ := c.key(&s.spec, k); return v }))
	if !ok {
		return false
	}
	i := sort.Search(len(t.ts), func(i int) bool { return t.ts[i] >= hi })
	return i > 0 && t.ts[i-1] > lo
}

// forbidden checks the negated steps right before a chain's last event.
func (s *Sequence) forbidden(c *Chain) bool {
	prev := s.spec.before(c.Last.Step())
	for i := prev + 1; i < c.Last.Step(); i++ {
		st := &s.spec.Steps[i]
		if !st.Negated {
			continue
		}
		lo := c.Last.Time - st.Within - 1
		if c.Prev != nil {
			lo = c.Prev.Last.Time
		}
		if s.forbids(i, c, lo, c.Last.Time) {
			return true
		}
	}
	return false
}

// addOptional remembers an event of an optional step.
func (s *Sequence) addOptional(e *StepEvent) {
	set, ok := s.optionalKeys(e.Step())
	if !ok || s.spec.rank[e.Step()] == len(s.spec.need) {
		return
	}
	st := &s.spec.Steps[e.Step()]
	k := s.place(atOptional|uint64(e.Step()), set, func(k int) Key { v, _ := e.key(st, k); return v })
	l, ok := s.opts.Get(k)
	if !ok {
		l = &optList{}
		s.opts.Put(k, l)
	}
	i := sort.Search(len(l.recent), func(i int) bool { return e.Before(l.recent[i].Event) })
	l.recent = slices.Insert(l.recent, i, e)
	s.trimOptional(k, l, e.Step())
}

// optionalKeys gives the keys an optional step is looked up by: of its keys
// those bound before it, or by the first mandatory step when it comes first.
func (s *Sequence) optionalKeys(step int) (set keyBits, ok bool) {
	st := &s.spec.Steps[step]
	bound := s.spec.bound[step]
	if s.spec.rank[step] == 0 {
		bound = keySet(s.spec.Steps[s.spec.need[0]].By)
	}
	set = keySet(st.By) & bound
	return set, set != 0 || len(st.By) == 0
}

// trimOptional moves events that are certain to be before whatever settles
// next from the list to the chains they belong to.
func (s *Sequence) trimOptional(k Key, l *optList, step int) {
	n := 0
	for n < len(l.recent) && l.recent[n].Time < s.now-2*s.spec.margin {
		e := l.recent[n]
		if s.spec.rank[step] == 0 {
			l.base = e
		} else if b := s.bucket(k); b != nil {
			for _, c := range b.chains {
				if s.follows(c, e) {
					x := c.more()
					if x.later == nil {
						x.later = make([]*StepEvent, len(s.spec.Steps))
					}
					x.later[step] = e
				}
			}
		}
		n++
	}
	if n > 0 {
		clear(l.recent[:n])
		l.recent = l.recent[n:]
	}
}

// follows reports whether an optional event may stand behind a chain.
func (s *Sequence) follows(c *Chain, e *StepEvent) bool {
	w := s.spec.Steps[e.Step()].Within
	return c.Last.Time <= e.Time+s.spec.After(c.Last.Event, e.Event) && !c.holds(e.Event) &&
		(w == 0 || e.Time-c.Last.Time <= w) && s.differs(c, e)
}

// fillOptional gives a chain the latest event of each optional step right
// before its last event.
func (s *Sequence) fillOptional(c *Chain) {
	for i := s.spec.before(c.Last.Step()) + 1; i < c.Last.Step(); i++ {
		if st := &s.spec.Steps[i]; st.Optional {
			if e := s.optional(i, c); e != nil {
				x := c.more()
				x.opts = append(x.opts, e)
			}
		}
	}
}

func (s *Sequence) optional(step int, c *Chain) *StepEvent {
	set, ok := s.optionalKeys(step)
	if !ok {
		return nil
	}
	k := s.place(atOptional|uint64(step), set, func(k int) Key { v, _ := c.key(&s.spec, k); return v })
	fits := func(e *StepEvent) bool {
		if e.Same(c.Last.Event) || e.Time > c.Last.Time+s.spec.After(e.Event, c.Last.Event) {
			return false
		}
		if c.Prev != nil {
			return s.follows(c.Prev, e)
		}
		w := s.spec.Steps[step].Within
		return w == 0 || c.Last.Time-e.Time <= w
	}
	if l, ok := s.opts.Get(k); ok {
		for i := len(l.recent) - 1; i >= 0; i-- {
			if fits(l.recent[i]) {
				return l.recent[i]
			}
		}
		if c.Prev == nil && l.base != nil && fits(l.base) {
			return l.base
		}
	}
	if c.Prev != nil && c.Prev.extras != nil && c.Prev.later != nil {
		return c.Prev.later[step]
	}
	return nil
}
