package window

import "slices"

// This file finds chains of a Sequence at once, before the watermark decides.
// It may miss one, which is then found when it settles; what it finds is a
// chain whatever else comes, as long as no step is negated.

// Early makes an event's chains by what is known and calls found with each
// event of an end step that it newly completes.
func (s *Sequence) Early(e *StepEvent, found func(*Chain)) {
	if e.is(settled) || !s.spec.target(e.Step()) {
		return
	}
	if e.shelf == nil {
		e.shelf = &shelf{}
	}
	if s.spec.before(e.Step()) >= 0 && e.waits == nil {
		e.waits = s.waiting(e)
		for _, k := range e.waits {
			s.waits[k] = shelve(s.waits[k], e)
		}
	}
	s.grow(e, found, 0)
}

// EarlyLink looks for chains that a new link completes.
func (s *Sequence) EarlyLink(link int, to Key, found func(*Chain)) {
	s.wakeKey(s.spec.Links[link].To, to, found, 0, 0)
}

// grow makes or remakes an unsettled event's chains and wakes those behind it.
func (s *Sequence) grow(e *StepEvent, found func(*Chain), depth int) {
	cs := s.extendEarly(e)
	if len(cs) == 0 {
		return
	}
	st := &s.spec.Steps[e.Step()]
	if st.End && !e.is(told) {
		for _, c := range cs {
			if e.Time-c.oldest <= s.spec.Within {
				e.flags |= told
				found(c)
				break
			}
		}
	}
	if st.Optional || e.Step() == s.spec.last() || depth > len(s.spec.need) {
		return
	}
	s.unshelve(e)
	for _, c := range cs {
		for _, k := range s.places(c) {
			s.early[k] = shelve(s.early[k], c)
			if !slices.Contains(e.early, k) {
				e.early = append(e.early, k)
			}
		}
	}
	s.wake(cs[0], found, depth+1)
}

// wake grows the unsettled events that a chain may be extended by.
func (s *Sequence) wake(c *Chain, found func(*Chain), depth int) {
	for j := c.Last.Step() + 1; j < len(s.spec.Steps) && s.spec.rank[j] <= s.spec.rank[c.Last.Step()]+1; j++ {
		if !s.spec.target(j) {
			continue
		}
		st := &s.spec.Steps[j]
		if shared := keySet(st.By) & s.spec.bound[j]; shared != 0 || len(st.By) == 0 {
			s.wakeAt(s.place(atWait|uint64(j), shared, func(k int) Key { v, _ := c.key(&s.spec, k); return v }), found, depth)
			continue
		}
		for k := range s.spec.Keys {
			if v, ok := c.key(&s.spec, k); ok {
				s.forward(k, v, found, depth, 0)
			}
		}
	}
}

// forward walks links from a value of a key to the events that wait there.
// Links are stored by where they lead, so it goes through those that wait.
func (s *Sequence) forward(key int, v Key, found func(*Chain), depth, links int) {
	for i, l := range s.spec.Links {
		if l.From != key {
			continue
		}
		for _, to := range s.leads(i, v) {
			s.wakeKey(l.To, to, found, depth, links+1)
		}
	}
}

// leads gives where links from a value go to.
func (s *Sequence) leads(link int, from Key) (out []Key) {
	l, ok := s.links.Get(s.lookup(atLink|uint64(link)|1<<31, from))
	if !ok {
		return nil
	}
	for _, x := range l.links {
		out = append(out, x.far)
	}
	return out
}

// wakeKey grows what waits for a value of a key, and goes on from it.
func (s *Sequence) wakeKey(key int, v Key, found func(*Chain), depth, links int) {
	s.wakeAt(s.lookup(atWait|uint64(key)|1<<31, v), found, depth)
	if links < MostLinks {
		s.forward(key, v, found, depth, links)
	}
}

// Those that have a chain already need no other.
func (s *Sequence) wakeAt(k Key, found func(*Chain), depth int) {
	es := s.waits[k]
	for i := len(es) - 1; i >= 0 && i > len(es)-earlyLook; i-- {
		if e := es[i]; !e.is(told) && len(e.early) == 0 {
			s.grow(e, found, depth)
		}
	}
}

// shelve adds to a list of which only the latest are looked at.
func shelve[T any](l []T, v T) []T {
	if len(l) >= 2*earlyLook {
		n := copy(l, l[len(l)-earlyLook:])
		clear(l[n:])
		l = l[:n]
	}
	return append(l, v)
}

// extendEarly gives some chain that ends with an event, by what is known.
func (s *Sequence) extendEarly(e *StepEvent) (out []*Chain) {
	if s.spec.before(e.Step()) < 0 {
		return s.extend(e)
	}
	s.sources(e, func(k Key, oldest int64, links int8) {
		had := len(out)
		try := func(cs []*Chain) {
			for i := len(cs) - 1; i >= 0 && i > len(cs)-earlyLook && len(out) == had; i-- {
				out = s.try(out, cs[i], e, oldest, links)
			}
		}
		try(s.early[k])
		if b := s.bucket(k); b != nil {
			try(b.chains)
		}
	})
	return out
}

// waiting gives where an event waits for chains.
func (s *Sequence) waiting(e *StepEvent) (out []Key) {
	st := &s.spec.Steps[e.Step()]
	if shared := keySet(st.By) & s.spec.bound[e.Step()]; shared != 0 || len(st.By) == 0 {
		return []Key{s.place(atWait|uint64(e.Step()), shared, func(k int) Key { v, _ := e.key(st, k); return v })}
	}
	for i, k := range st.By {
		out = append(out, s.lookup(atWait|uint64(k)|1<<31, e.nth(i)))
	}
	return out
}

// unshelve takes an event's unsettled chains away.
func (s *Sequence) unshelve(e *StepEvent) {
	for _, k := range e.early {
		cs := slices.DeleteFunc(s.early[k], func(c *Chain) bool { return c.Last == e })
		if len(cs) == 0 {
			delete(s.early, k)
		} else {
			s.early[k] = cs
		}
	}
	e.early = e.early[:0]
}

// forget takes away what was remembered of an event early.
func (s *Sequence) forget(e *StepEvent) {
	if e.shelf == nil {
		return
	}
	s.unshelve(e)
	for _, k := range e.waits {
		es := s.waits[k]
		if i := slices.Index(es, e); i >= 0 {
			es = slices.Delete(es, i, i+1)
		}
		if len(es) == 0 {
			delete(s.waits, k)
		} else {
			s.waits[k] = es
		}
	}
	e.shelf = nil
}
