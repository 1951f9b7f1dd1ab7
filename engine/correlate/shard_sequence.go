package correlate

import (
	"github.com/seed-843b225c/reflex/engine"
	"github.com/seed-843b225c/reflex/engine/window"
)

// This file takes the steps and links of sequences, and the chains they make.

// chainSpec says what package window needs to know of a sequence.
func chainSpec(r *rulePlan) window.ChainSpec {
	s := r.Sequence
	spec := window.ChainSpec{Within: s.Within, Keys: len(s.Keys), Slack: r.tolerance,
		After: func(a, b *window.Event) int64 { return tolerance(a, b, s.Slack) }}
	for i, st := range s.Steps {
		cs := window.ChainStep{Within: st.Within, Optional: st.Optional, Negated: st.Negated}
		for _, by := range st.By {
			cs.By = append(cs.By, by.Key)
		}
		for _, e := range r.ends {
			cs.End = cs.End || e == i
		}
		spec.Steps = append(spec.Steps, cs)
	}
	for _, l := range s.Links {
		spec.Links = append(spec.Links, window.ChainLink{From: l.From.Key, To: l.To.Key})
	}
	for _, d := range r.differs {
		spec.Differs = append(spec.Differs, window.Differ{A: d.a, B: d.b, N: d.n})
	}
	return spec
}

// stepEvent makes the event of a step, with the key of the shard that owns it.
// from is the rule whose point it is, -1 for none; as gives each key as it was
// when the event first came.
func (s *shard) stepEvent(r *rulePlan, step, from int, e *window.Event, value func(slot int) engine.Value, as func(window.Key) window.Key) (*window.StepEvent, window.Key, bool) {
	st := &r.Sequence.Steps[step]
	var few [8]window.Key
	keys := few[:0]
	home := window.Key{Hi: r.salt}
	for _, by := range st.By {
		v := value(by.Slot)
		if v.IsNil() {
			return nil, home, false
		}
		keys = append(keys, as(s.hash.Key(0, v)))
		if by.Key == r.home {
			home = as(s.hash.Key(r.salt, v))
		}
	}
	var differs [][]uint64
	for _, d := range r.differs {
		if d.a != step && d.b != step {
			continue
		}
		fs := make([]uint64, len(d.slots))
		for i, slot := range d.slots {
			if v := value(slot); !v.IsNil() {
				fs[i] = as(s.hash.Key(0, v)).Lo | 1
			}
		}
		differs = append(differs, fs)
	}
	return window.NewStepEvent(e, step, from, keys, differs), home, true
}

// kept is for events of which nothing but what is kept was ever asked.
func kept(k window.Key) window.Key { return k }

// step takes an event of a sequence's step and reports whether there was room.
func (s *shard) step(st *ruleState, se *window.StepEvent, doc func() []byte) bool {
	if s.kept != nil {
		s.kept.step(st.rule, s.made(se))
	}
	if !s.room(st, st.size(), st.pending()) {
		return false
	}
	live := s.live && !st.rule.waits
	switch {
	case st.seq != nil:
		st.seq.Add(se)
		if live {
			st.seq.Early(se, func(c *window.Chain) { s.chainEarly(st, c, se, doc) })
		}
	case st.any != nil:
		st.any.Add(se)
		if live {
			st.any.Early(se, func(c []*window.StepEvent) { s.anyEarly(st, c, se, doc) })
		}
	}
	if s.live && st.rule.waits && se.Step() == st.rule.need[len(st.rule.need)-1] {
		s.keepDocument(st, se.Event, doc)
	}
	return true
}

// link takes an event of a sequence's link.
func (s *shard) link(st *ruleState, part int, e *window.Event, from, to window.Key) {
	if st.seq == nil {
		return
	}
	st.seq.AddLink(part, e, from, to)
	if s.live && !st.rule.waits {
		st.seq.EarlyLink(part, to, func(c *window.Chain) { s.chainEarly(st, c, nil, nil) })
	}
}

// fedStep takes a step event that other rules' points made, once.
func (s *shard) fedStep(m message, w int64) {
	st := s.rules[m.rule]
	if s.memory.restoring() && s.memory.rules[m.rule].fresh {
		return // it starts empty: what came before is not its own
	}
	if m.step.Time <= w {
		return // behind the sequence's watermark: its windows do not see it
	}
	id := m.step.Hash*31 + uint64(m.step.Step())
	if old, ok := st.fed.Get(m.step.Time, id); ok {
		if rank(st.rule, old.Step(), m.step.Rule()) < rank(st.rule, old.Step(), old.Rule()) {
			old.Claim(m.step.Rule()) // the first rule of the list names it
		}
		return
	}
	st.fed.Put(m.step.Time, id, m.step)
	s.step(st, m.step, nil)
}

func rank(r *rulePlan, step, rule int) int {
	for i, b := range r.Sequence.Steps[step].Rules {
		if b == rule {
			return i
		}
	}
	return -1
}

// chained takes a settled chain.
func (s *shard) chained(st *ruleState, c *window.Chain) {
	s.settled(st, s.chainPoint(st, c))
}

func (s *shard) chainPoint(st *ruleState, c *window.Chain) *point {
	p := &point{ev: c.Last.Event, end: c.Last.Step(), keys: c.Tuple()}
	for _, e := range c.Events(st.rule.Sequence.Within) {
		p.made = append(p.made, s.made(e))
	}
	return p
}

func (s *shard) made(e *window.StepEvent) made {
	return made{ev: e.Event, step: e.Step(), rule: e.Rule()}
}

func (s *shard) unordered(st *ruleState, done *window.Event, c []*window.StepEvent) {
	p := &point{ev: done, end: st.rule.need[len(st.rule.need)-1]}
	for _, e := range c {
		p.made = append(p.made, s.made(e))
	}
	s.settled(st, p)
}
