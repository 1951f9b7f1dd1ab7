package rule

import (
	"slices"
	"strings"

	"github.com/seed-843b225c/reflex/engine"
)

func (b *build) sequence() {
	t := b.r.Sequence
	s := &SequenceSpec{Within: int64(t.Within), Ordered: t.Ordered, Slack: int64(t.Slack)}
	b.out.Sequence = s
	for i := range t.Steps {
		s.Steps = append(s.Steps, b.step(s, i))
	}
	for i, l := range t.Links {
		link := Link{
			From:  KeySlot{s.keyOf(l.From.Name.Value), b.slot(l.From.Ref)},
			To:    KeySlot{s.keyOf(l.To.Name.Value), b.slot(l.To.Ref)},
			Probe: b.probe(Probe{Role: RoleLink, Part: i, From: l.Datasets}, l.When),
		}
		s.Links = append(s.Links, link)
	}
	s.KeySlots = make([]int, len(s.Keys))
	for i := range s.KeySlots {
		s.KeySlots[i] = -1
	}
}

// keyOf gives the number of a key, in order of first use.
func (s *SequenceSpec) keyOf(name string) int {
	if i := slices.Index(s.Keys, name); i >= 0 {
		return i
	}
	s.Keys = append(s.Keys, name)
	return len(s.Keys) - 1
}

func (b *build) step(s *SequenceSpec, i int) Step {
	t := &b.r.Sequence.Steps[i]
	st := Step{
		ID: t.ID.Value, Probe: -1, Within: int64(t.Within),
		Optional: t.Optional, Negated: t.Negated, Reached: t.Reached,
	}
	for _, k := range t.By {
		ks := KeySlot{s.keyOf(k.Name.Value), b.slot(k.Ref)}
		st.By = append(st.By, ks)
		st.Keep = addSlots(st.Keep, ks.Slot)
	}
	if from := b.r.Sequence.step(t.DiffersFrom.Value); t.DiffersFrom.Value != "" && from >= 0 {
		st.Differs = &Differs{From: from, Slots: b.slots(t.Differs)}
	}
	if t.When.Value != "" {
		st.Probe = b.probe(Probe{Role: RoleStep, Part: i, From: t.From}, t.When)
	}
	st.Rules = b.stepRules(t)
	return st
}

// stepRules resolves the rules of a step and says which cannot feed it.
func (b *build) stepRules(t *StepText) []int {
	var out []int
	var idle []Text
	for _, id := range t.Rules {
		r := b.byID[id.Value]
		switch {
		case r == nil:
			b.wrong(id, didYouMean(id.Value, b.ruleIDs()), "no rule has the id %s", id.Value)
		case r == b.r:
			b.wrong(id, "", "a rule cannot be a step of itself")
		case r.Mode == ModeOff, r.Mode == ModeShadow && b.r.Mode != ModeShadow:
			idle = append(idle, id)
		default:
			if i, ok := b.index[id.Value]; ok {
				out = append(out, i)
			}
		}
	}
	if b.r.Mode == ModeOff {
		return out
	}
	for _, id := range idle {
		why := "is off and feeds nothing"
		if b.byID[id.Value].Mode == ModeShadow {
			why = "is a shadow rule and feeds shadow chains only"
		}
		if len(idle) == len(t.Rules) {
			b.wrong(id, "", "%s %s, so step %s cannot happen", id.Value, why, t.ID.Value)
		} else {
			b.warn(id, "", "%s %s: step %s takes the other rules only", id.Value, why, t.ID.Value)
		}
	}
	return out
}

func (c *compiler) ruleIDs() []string {
	var out []string
	for _, r := range c.pack.Rules {
		out = append(out, r.ID)
	}
	return out
}

// keyEnv is the environment of a sequence's level_when: the completing event
// and key.<name>.
func (b *build) keyEnv() *condEnv {
	if len(b.r.LevelWhen) == 0 {
		return b.env
	}
	env := *b.env
	env.extra = map[string]extraName{}
	s := b.out.Sequence
	for i, k := range s.Keys {
		named := false
		for _, l := range b.r.LevelWhen {
			named = named || strings.Contains(l.If.Value, "key."+k)
		}
		if !named {
			continue
		}
		typ := s.keyType(i, b.env.layout)
		s.KeySlots[i] = b.env.layout.Extra("key."+k, typ)
		env.extra["key."+k] = extraName{s.KeySlots[i], typ}
	}
	return &env
}

// keyType gives the type of the fields bound to a key.
func (s *SequenceSpec) keyType(key int, l *engine.Layout) engine.Type {
	for _, st := range s.Steps {
		for _, k := range st.By {
			if k.Key == key && k.Slot >= 0 {
				return l.Slots()[k.Slot].Type
			}
		}
	}
	for _, link := range s.Links {
		for _, k := range []KeySlot{link.From, link.To} {
			if k.Key == key && k.Slot >= 0 {
				return l.Slots()[k.Slot].Type
			}
		}
	}
	return engine.Keyword
}

// order finds chains that need themselves and sorts active rules so that a
// chain comes before the rules it takes.
func (c *compiler) order() {
	const (
		fresh = iota
		open
		done
	)
	state := map[string]int{}
	var path []string
	var visit func(r *Rule)
	visit = func(r *Rule) {
		state[r.ID] = open
		path = append(path, r.ID)
		if r.Sequence != nil {
			for _, st := range r.Sequence.Steps {
				for _, id := range st.Rules {
					next := c.byID[id.Value]
					switch {
					case next == nil || next == r:
					case state[id.Value] == open:
						at := slices.Index(path, id.Value)
						c.wrong(id, "", "chains need each other: %s", strings.Join(append(slices.Clone(path[at:]), id.Value), " -> "))
					case state[id.Value] == fresh:
						visit(next)
					}
				}
			}
		}
		path = path[:len(path)-1]
		state[r.ID] = done
		if i, ok := c.index[r.ID]; ok {
			c.dependOn = append(c.dependOn, i)
		}
	}
	for _, r := range c.pack.Rules {
		if state[r.ID] == fresh {
			visit(r)
		}
	}
	slices.Reverse(c.dependOn)
}

// feed tells every rule which steps take its points.
func (c *compiler) feed() {
	for _, r := range c.set.Rules {
		if r.Sequence == nil {
			continue
		}
		for i := range r.Sequence.Steps {
			st := &r.Sequence.Steps[i]
			for _, from := range st.Rules {
				c.set.Rules[from].Feeds = append(c.set.Rules[from].Feeds, Feed{
					Rule: r.Index, Step: i, Except: c.stepExcept(r, i), NeedsRun: c.onRun(st.By),
				})
			}
		}
	}
}

// onRun reports whether a key is the run or the job.
func (c *compiler) onRun(by []KeySlot) bool {
	for _, k := range by {
		if c.isRun(k.Slot) {
			return true
		}
	}
	return false
}

func (c *compiler) isRun(slot int) bool {
	l := c.set.Layout
	return slot >= 0 && (slot == l.SlotOf("ci.run.id") || slot == l.SlotOf("ci.job.id"))
}

// spread carries what chains need to the rules that feed them: which slots are
// kept, and whether a hit must know its run. Chains come before their steps.
func (c *compiler) spread() {
	needsRun := make([]bool, len(c.set.Rules))
	for _, i := range c.dependOn {
		r := c.set.Rules[i]
		for _, f := range r.Feeds {
			needsRun[i] = needsRun[i] || f.NeedsRun || c.set.Rules[f.Rule].Sequence.completesAt(f.Step) && needsRun[f.Rule]
		}
		if r.Sequence == nil {
			continue
		}
		for _, ref := range r.refs() {
			if ref.Step >= 0 {
				st := &r.Sequence.Steps[ref.Step]
				st.Keep = addSlots(st.Keep, ref.Slot)
			}
		}
		for s := range r.Sequence.Steps {
			st := &r.Sequence.Steps[s]
			if d := st.Differs; d != nil {
				st.Keep = addSlots(st.Keep, d.Slots...)
				from := &r.Sequence.Steps[d.From]
				from.Keep = addSlots(from.Keep, d.Slots...)
			}
		}
		for s := range r.Sequence.Steps {
			st := &r.Sequence.Steps[s]
			if r.Sequence.completesAt(s) {
				st.Keep = addSlots(st.Keep, r.Keep...)
			}
			for _, e := range c.stepExcept(r, s) {
				st.Keep = addSlots(st.Keep, e.Cond.Fields()...)
			}
			for _, from := range st.Rules {
				c.set.Rules[from].keep(st.Keep...)
			}
		}
	}
	for i := range c.set.Probes {
		p := &c.set.Probes[i]
		r := c.set.Rules[p.Rule]
		switch p.Role {
		case RoleWhen:
			p.NeedsRun = needsRun[p.Rule]
			if r.Count != nil {
				p.NeedsRun = p.NeedsRun || slices.ContainsFunc(r.Count.By, c.isRun)
			}
			if r.First != nil {
				p.NeedsRun = p.NeedsRun || slices.ContainsFunc(r.First.By, c.isRun) || slices.ContainsFunc(r.First.Value, c.isRun)
			}
		case RoleStep:
			p.NeedsRun = c.onRun(r.Sequence.Steps[p.Part].By) || needsRun[p.Rule] && r.Sequence.completesAt(p.Part)
		case RoleLink:
			l := r.Sequence.Links[p.Part]
			p.NeedsRun = c.isRun(l.From.Slot) || c.isRun(l.To.Slot)
		}
	}
}

// completesAt reports whether an event of step i can complete the chain or the
// prefix up to a reached step.
func (s *SequenceSpec) completesAt(i int) bool {
	st := &s.Steps[i]
	if st.Optional || st.Negated {
		return false
	}
	if !s.Ordered || st.Reached != 0 {
		return true
	}
	for _, later := range s.Steps[i+1:] {
		if !later.Optional && !later.Negated {
			return false
		}
	}
	return true
}
