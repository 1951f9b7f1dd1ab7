package correlate

import (
	"math"
	"slices"

	"github.com/seed-843b225c/reflex/engine/window"
)

// This file is what happens when a watermark moves: windows give points, points
// join episodes.

// settle lets a rule's windows judge everything up to the watermark.
func (s *shard) settle(st *ruleState, w int64) {
	r := st.rule
	switch {
	case st.seq != nil:
		st.seq.Settle(w, func(c *window.Chain) { s.chained(st, c) })
	case st.any != nil:
		st.any.Settle(w, func(done *window.Event, c []*window.StepEvent) { s.unordered(st, done, c) })
	}
	for {
		h, ok := st.queue.Peek()
		if !ok || h.ev.Time > w {
			break
		}
		st.queue.Pop()
		switch {
		case st.count != nil:
			st.count.Advance(h.ev.Time)
			c, _ := st.count.Get(h.key)
			s.settleCount(st, h.key, c)
		case st.distinct != nil:
			st.distinct.Advance(h.ev.Time)
			d, _ := st.distinct.Get(h.key)
			s.settleDistinct(st, h.key, d)
		case st.sum != nil:
			st.sum.Advance(h.ev.Time)
			x, _ := st.sum.Get(h.key)
			e, sum := x.Settle(&st.sumBy)
			s.measured(r, h.key, e, sum)
			if bound, ok := s.most(r, s.event(e)); ok && sum > bound {
				p := alone(e)
				p.measure = sum
				s.settled(st, p)
			}
		case st.first != nil:
			point_, learning := st.first.Settle(h.ev.Time, h.key, h.value)
			if learning {
				s.stats.Learned[r.Index]++
			}
			s.memory.settled(r, h.ev, point_)
			if point_ {
				s.settled(st, alone(h.ev))
			}
		}
	}
	if w < math.MaxInt64 {
		st.age(w)
		st.seen.Advance(w)
		st.fed.Advance(w)
		st.held.Advance(w)
	}
}

// age forgets the keys that nothing later can need.
func (st *ruleState) age(w int64) {
	switch {
	case st.count != nil:
		st.count.Advance(w)
	case st.distinct != nil:
		st.distinct.Advance(w)
	case st.sum != nil:
		st.sum.Advance(w)
	}
}

// settled passes a settled point to the owner of its dedup key, and on to the
// sequences that take it.
func (s *shard) settled(st *ruleState, p *point) {
	p.dedup = s.dedup(st.rule, p)
	p.level = s.level(st.rule, p)
	if to := s.owner(p.dedup); to == s.n {
		st.points.Push(p)
	} else {
		s.send(message{to: to, rule: st.rule.Index, point: p})
	}
	s.feed(st.rule, p.ev)
}

// feed hands an event that is a point of a rule to the sequences that take it.
func (s *shard) feed(r *rulePlan, e *window.Event) {
	for _, f := range r.feeds {
		if s.excepted(r, f.except, e) {
			if s.kept != nil {
				s.kept.excepted(f, e)
			}
			continue
		}
		to := s.plan.rules[f.rule]
		se, k, ok := s.stepEvent(to, f.step, r.Index, e, e.Value, kept)
		if !ok {
			s.stats.MissingKey[f.rule]++
			continue
		}
		s.send(message{to: s.owner(k), rule: f.rule, step: se, from: r})
	}
}

// episode takes the points up to the watermark into their episodes and gives
// the alerts of those that are over.
func (s *shard) episode(st *ruleState, w int64) {
	for {
		p, ok := st.points.Peek()
		if !ok || p.ev.Time > w {
			break
		}
		s.join(st, st.points.Pop())
	}
	if !s.memory.restoring() { // what was not over then is not over yet
		st.episodes.Close(w, func(sp *window.Span[*episode]) { s.over(st, sp, true) })
	}
	st.docs.Advance(w)
	s.expire(st, w)
	s.relieve(st)
}

// end gives what is left when the input is over; w is the newest event time.
func (s *shard) end(st *ruleState, w int64) {
	for st.points.Len() > 0 {
		s.join(st, st.points.Pop())
	}
	st.episodes.Close(w-st.rule.tolerance, func(sp *window.Span[*episode]) { s.over(st, sp, true) })
	st.episodes.Each(func(sp *window.Span[*episode]) { s.over(st, sp, false) })
}

// join adds a settled point to its episode and reports whether that keeps it.
func (s *shard) join(st *ruleState, p *point) (kept bool) {
	r := st.rule
	restoring := s.memory.restoring()
	if restoring && !st.wants(p) {
		return false
	}
	for i, m := range p.made {
		if m.rule >= 0 {
			p.made[i].alert = s.names.get(m.rule, m.ev.Hash)
		}
	}
	if s.emit != nil && !restoring && st.nameOf(p.dedup, p.ev.Time) == "" {
		p.plain = slices.Clone(p.plain)
		kept = true
		s.alight(st, p, nil) // not known at once
	}
	if restoring {
		st.relight(s, p)
		kept = true
		p.plain = slices.Clone(p.plain)
	}
	stored := false
	sp, ended, opened := st.episodes.Add(p.dedup, p.ev.Time)
	if ended != nil {
		s.over(st, ended, true)
	}
	if opened {
		sp.Of = &episode{summary: summary{rule: r, dedup: p.dedup}}
		if l := st.lit(p); l != nil && l.seen == (eventRef{p.ev.Time, p.ev.Hash}) {
			sp.Of.document = l.document
		} else {
			sp.Of.document, _ = st.docs.Get(p.ev.Time, p.ev.Hash)
		}
		if sp.Of.id = st.nameOf(p.dedup, p.ev.Time); sp.Of.id == "" {
			sp.Of.id = identity(r, p.dedup, p.ev)
		}
		if restoring {
			if was, ok := st.recalled(p.dedup); ok {
				sp.Of.id = was.id
				stored = was.start == sp.Start
			}
		}
	}
	st.changes.grew(sp, opened, stored)
	sp.Of.add(s.alerts, p)
	if len(r.feeds) > 0 {
		s.names.put(r.Index, p.ev, sp.Of.id)
	}
	if !kept {
		p.plain = nil // the episode took them
	}
	return kept || sp.Of.top == p || sp.Of.earliest == p
}

// over makes the alert of an episode.
func (s *shard) over(st *ruleState, sp *window.Span[*episode], final bool) {
	st.changes.ended(sp)
	sum := sp.Of.close()
	sum.final = final
	if st.dropped {
		sum.incomplete = "the rule's quota was reached and something was dropped"
	}
	s.finish(st, sum)
	if s.memory == nil || s.emit == nil || !final {
		s.out = append(s.out, s.build(sum))
	}
}
