package correlate

import (
	"github.com/seed-843b225c/reflex/engine"
	"github.com/seed-843b225c/reflex/engine/window"
)

// This file takes hits of count rules.

// counted takes a hit of a count rule.
func (s *shard) counted(st *ruleState, e *window.Event, k window.Key, v engine.Value, doc func() []byte) {
	r := st.rule
	switch {
	case st.count != nil:
		c, ok := st.count.Get(k)
		if !ok {
			if !s.room(st, st.count.Len(), 0) {
				return
			}
			c = &window.Count{}
			st.count.Put(k, c)
		} else if !s.room(st, 0, c.Pending()) {
			return
		}
		i := c.Add(e)
		if s.live {
			c.Early(&st.countBy, i, func(x *window.Event) {
				p := &point{ev: x, measure: float64(r.Count.AtLeast), made: []made{{ev: x, rule: -1}}}
				s.counts(st, p, x == e, doc)
			})
		}
	case st.distinct != nil:
		d, ok := st.distinct.Get(k)
		if !ok {
			if !s.room(st, st.distinct.Len(), 0) {
				return
			}
			d = window.NewDistinct()
			st.distinct.Put(k, d)
		} else if !s.room(st, 0, d.Pending()) {
			return
		}
		i := d.Add(window.Valued{Event: e, Hash: s.hash.Key(0, v).Lo})
		if s.live && d.Early(&st.distBy, i) {
			p := &point{ev: e, measure: float64(r.Count.AtLeast), made: []made{{ev: e, rule: -1}}}
			s.counts(st, p, true, doc)
		}
	case st.sum != nil:
		a, _ := window.ToAmount(v.Float())
		x, ok := st.sum.Get(k)
		if !ok {
			if !s.room(st, st.sum.Len(), 0) {
				return
			}
			x = &window.Sum{}
			st.sum.Put(k, x)
		} else if !s.room(st, 0, x.Pending()) {
			return
		}
		i := x.Add(window.Sized{Event: e, Amount: a})
		if s.live {
			sum := x.Early(&st.sumBy, i)
			if bound, ok := s.most(r, s.event(e)); ok && sum > bound {
				p := &point{ev: e, measure: sum, made: []made{{ev: e, rule: -1}}}
				s.counts(st, p, true, doc)
			}
		}
	}
	st.queue.Push(waiting{ev: e, key: k})
}

// counts passes on a point of a count that was found at once.
func (s *shard) counts(st *ruleState, p *point, own bool, doc func() []byte) {
	p.dedup = s.dedup(st.rule, p)
	p.level = s.level(st.rule, p)
	if !own {
		doc = nil
	}
	s.early(st, p, doc)
	s.feed(st.rule, p.ev)
}
