package window

import (
	"slices"
	"sort"
)

// This file holds how a Sequence remembers links and walks them.

// AddLink takes an event of a link with the values of its two keys.
func (s *Sequence) AddLink(link int, e *Event, from, to Key) {
	s.addLink(s.lookup(atLink|uint64(link), to), e, from)
	s.addLink(s.lookup(atLink|uint64(link)|1<<31, from), e, to)
}

func (s *Sequence) addLink(k Key, e *Event, far Key) {
	l, ok := s.links.Get(k)
	if !ok {
		l = &linkList{tidy: s.spec.Tidy}
		s.links.Put(k, l)
	}
	i := sort.Search(len(l.links), func(i int) bool { return e.Before(l.links[i].ev) })
	l.links = slices.Insert(l.links, i, linkEvent{e, far})
	if len(l.links) > l.tidy {
		s.trimLinks(l)
		l.tidy = 2*len(l.links) + s.spec.Tidy
	}
}

// trimLinks drops what is too old, and of one source all but the latest that
// is certain to be before whatever comes.
func (s *Sequence) trimLinks(l *linkList) {
	var certain []Key
	kept := l.links[:0:0]
	for i := len(l.links) - 1; i >= 0; i-- {
		x := l.links[i]
		if x.ev.Time < s.now-s.spec.Within-s.spec.margin || slices.Contains(certain, x.far) {
			continue
		}
		if x.ev.Time < s.now-s.spec.margin {
			certain = append(certain, x.far)
			if len(certain) > MostTuples {
				s.Dropped++
				continue
			}
		}
		kept = append(kept, x)
	}
	if len(kept) > 0 {
		slices.Reverse(kept)
		l.links = kept
	}
}

// back walks links backwards from a value of a key.
func (s *Sequence) back(e *StepEvent, key int, v Key, oldest int64, links int8, f func(Key, int64, int8)) {
	if links == MostLinks {
		return
	}
	for i, l := range s.spec.Links {
		if l.To != key {
			continue
		}
		ll, ok := s.links.Get(s.lookup(atLink|uint64(i), v))
		if !ok {
			continue
		}
		for n := len(ll.links) - 1; n >= 0; n-- {
			x := ll.links[n]
			if x.ev.Time > e.Time+s.spec.After(x.ev, e.Event) || x.ev.Time < e.Time-s.spec.Within-s.spec.margin {
				continue
			}
			old := min(oldest, x.ev.Time)
			if s.spec.bound[e.Step()].has(l.From) {
				f(s.crossing(e.Step(), l.From, x.far), old, links+1)
			}
			s.back(e, l.From, x.far, old, links+1, f)
		}
	}
}
