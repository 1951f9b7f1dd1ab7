package correlate

import (
	"slices"

	"github.com/seed-843b225c/reflex/engine"
	"github.com/seed-843b225c/reflex/engine/window"
)

// This file takes hits of count rules.

// counted takes a hit of a count rule and reports whether there was room. hash
// is that of v where distinct values count.
func (s *shard) counted(st *ruleState, e *window.Event, k window.Key, v engine.Value, hash uint64, doc func() []byte) bool {
	r := st.rule
	switch {
	case st.count != nil:
		c, ok := st.count.Get(k)
		if !ok {
			if !s.room(st, st.count.Len(), 0) {
				return false
			}
			c = &window.Count{}
			st.count.Put(k, c)
		} else if !s.room(st, 0, c.Pending()) {
			return false
		}
		i := c.Add(e)
		if s.live {
			c.Early(&st.countBy, i, func(x *window.Event) {
				s.counts(st, k, x, float64(r.Count.AtLeast), x == e, doc)
			})
		}
	case st.distinct != nil:
		d, ok := st.distinct.Get(k)
		if !ok {
			if !s.room(st, st.distinct.Len(), 0) {
				return false
			}
			d = &window.Distinct{}
			st.distinct.Put(k, d)
		} else if !s.room(st, 0, d.Pending()) {
			return false
		}
		i := d.Add(&st.distBy, window.Valued{Event: e, Hash: hash})
		if s.live && d.Early(&st.distBy, i) {
			s.counts(st, k, e, float64(r.Count.AtLeast), true, doc)
		}
	case st.sum != nil:
		a, _ := window.ToAmount(v.Float())
		x, ok := st.sum.Get(k)
		if !ok {
			if !s.room(st, st.sum.Len(), 0) {
				return false
			}
			x = &window.Sum{}
			st.sum.Put(k, x)
		} else if !s.room(st, 0, x.Pending()) {
			return false
		}
		i := x.Add(window.Sized{Event: e, Amount: a})
		if s.live {
			sum := x.Early(&st.sumBy, i)
			if bound, ok := s.most(r, s.event(e)); ok && sum > bound {
				s.counts(st, k, e, sum, true, doc)
			}
		}
	}
	st.queue.Push(waiting{ev: e, key: k})
	return true
}

// counts passes on a point of a count that was found at once.
func (s *shard) counts(st *ruleState, k window.Key, e *window.Event, measure float64, own bool, doc func() []byte) {
	if !st.rule.keyed || !s.joins(st, k, e) {
		p := alone(e)
		p.measure = measure
		p.dedup = s.dedup(st.rule, p)
		p.level = s.level(st.rule, p)
		if !own {
			doc = nil
		}
		s.early(st, p, doc)
	}
	s.feed(st.rule, e)
}

// joins takes a point that brings nothing new to the episode it lies in, as
// most points of a dense key; false leaves it to early.
func (s *shard) joins(st *ruleState, k window.Key, e *window.Event) bool {
	ls := st.alive[k]
	if len(ls) != 1 || len(st.rule.LevelWhen) > 0 || s.memory.restoring() {
		return false
	}
	l := ls[0]
	if l.claim() {
		return false
	}
	if e.Time <= l.first.ev.Time || !l.covers(e.Time, st.rule.Alert.Within) ||
		s.emit != nil && (!st.rule.same || (l.count+1)&l.count == 0) {
		return false
	}
	l.count++
	l.end = max(l.end, e.Time)
	st.changes.living(k, l)
	return true
}

// settleCount settles the first event of a key.
func (s *shard) settleCount(st *ruleState, k window.Key, c *window.Count) {
	e, measure, is := c.Settle(&st.countBy)
	s.measured(st.rule, k, e, float64(measure))
	if is {
		if st.rule.keyed {
			s.joinCount(st, k, e, measure, c.Made(&st.countBy, s.behind(st, k, e)))
		} else {
			s.settled(st, &point{ev: e, measure: float64(measure), plain: slices.Clone(c.Made(&st.countBy, nil))})
		}
	}
	c.Trim(&st.countBy)
}

// settleDistinct is settleCount for a distinct count.
func (s *shard) settleDistinct(st *ruleState, k window.Key, d *window.Distinct) {
	e, measure, is := d.Settle(&st.distBy)
	s.measured(st.rule, k, e, float64(measure))
	if !is {
		return
	}
	if st.rule.keyed {
		s.buf = d.Made(&st.distBy, s.behind(st, k, e), s.buf)
		s.joinCount(st, k, e, measure, s.buf)
	} else {
		s.settled(st, &point{ev: e, measure: float64(measure), plain: d.Made(&st.distBy, nil, nil)})
	}
}

// behind gives the newest event that the open episode of a key has, when a
// point joins that: what made the point and is not behind it was taken with
// the points before.
func (s *shard) behind(st *ruleState, k window.Key, e *window.Event) *window.Event {
	sp, ok := st.episodes.Open(k)
	if !ok || !st.episodes.Joins(sp, e.Time) || s.emit != nil && st.nameOf(k, e.Time) == "" {
		return nil
	}
	return sp.Of.newest
}

// joinCount joins a settled point of a count to the episode of its key. made
// is good for this call. The point itself is used again unless its episode
// keeps it: most do not.
func (s *shard) joinCount(st *ruleState, k window.Key, e *window.Event, measure int, made []*window.Event) {
	p := s.spare
	if p == nil {
		p = &point{}
	}
	*p = point{ev: e, measure: float64(measure), plain: made, dedup: k}
	p.level = s.level(st.rule, p)
	if s.spare = p; s.join(st, p) {
		s.spare = nil
	}
	s.feed(st.rule, e)
}
