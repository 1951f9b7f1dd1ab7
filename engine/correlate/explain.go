package correlate

import (
	"cmp"
	"fmt"
	"slices"
	"time"

	"github.com/seed-843b225c/reflex/engine"
	"github.com/seed-843b225c/reflex/engine/rule"
	"github.com/seed-843b225c/reflex/engine/window"
)

// Near is how near one key came to a point of a rule.
type Near struct {
	Key      []engine.Named
	Complete bool
	// of a sequence: the longest chain of the key, the latest of those
	Steps   []engine.Evidence // in the order of steps, Step is the step's id
	Await   string            // id of the step that is missing; "" when complete
	Until   int64             // until when it could have come, ns
	Lost    string            // why the event that came nearest to it did not count; "" when none came
	LostTo  *engine.Evidence  // that event
	Measure float64           // of a count: the highest measure
	At      int64             // and when, ns
}

// collected is what Nearest works on.
type collected struct {
	steps   [][][]made // by rule and step
	links   [][][]*window.Event
	except  [][]made // by rule: events that an exception kept out of a step
	highest []map[window.Key]highest
	seen    map[collectedID]bool
}

type collectedID struct {
	rule, step int
	hash       uint64
}

type highest struct {
	measure float64
	ev      *window.Event
}

func newCollected(c *Correlator) *collected {
	k := &collected{except: make([][]made, len(c.plan.rules)), seen: map[collectedID]bool{}}
	for _, r := range c.plan.rules {
		var steps [][]made
		var links [][]*window.Event
		if r.Sequence != nil {
			steps, links = make([][]made, len(r.Sequence.Steps)), make([][]*window.Event, len(r.Sequence.Links))
		}
		k.steps, k.links = append(k.steps, steps), append(k.links, links)
		k.highest = append(k.highest, map[window.Key]highest{})
	}
	return k
}

func (k *collected) step(r *rulePlan, m made) {
	id := collectedID{r.Index, m.step, m.ev.Hash}
	if !k.seen[id] {
		k.seen[id] = true
		k.steps[r.Index][m.step] = append(k.steps[r.Index][m.step], m)
	}
}

func (k *collected) excepted(f feed, e *window.Event) {
	k.except[f.rule] = append(k.except[f.rule], made{ev: e, step: f.step, rule: -1})
}

// measured notes a measure of a count.
func (s *shard) measured(r *rulePlan, key window.Key, e *window.Event, m float64) {
	if s.kept == nil {
		return
	}
	if h, ok := s.kept.highest[r.Index][key]; !ok || m > h.measure {
		s.kept.highest[r.Index][key] = highest{m, e}
	}
}

// mostAttempts bounds the chains that Nearest follows from step to step.
const mostAttempts = 2000

// Nearest tells, after End and with Options.Collect, how near each key came to
// a point of a count or an ordered sequence: the nearest first. It tries chains
// step by step, so it costs the square of a step's events.
func (c *Correlator) Nearest(index int) []Near {
	r := c.plan.rules[index]
	if c.kept == nil || r.off {
		return nil
	}
	var out []Near
	switch {
	case r.Kind == rule.Count:
		for _, h := range c.kept.highest[index] {
			n := Near{Measure: h.measure, At: h.ev.Time, Complete: r.Count.Sum < 0 && h.measure >= float64(r.Count.AtLeast)}
			if bound, ok := c.build.most(r, c.build.event(h.ev)); r.Count.Sum >= 0 && ok {
				n.Complete = h.measure > bound
			}
			n.Key = c.slots(h.ev, r.Count.By)
			out = append(out, n)
		}
	case r.Kind == rule.Sequence && r.Sequence.Ordered:
		out = c.nearChains(r)
	}
	slices.SortFunc(out, func(a, b Near) int {
		return cmp.Or(cmp.Compare(len(b.Steps), len(a.Steps)), cmp.Compare(b.Measure, a.Measure),
			cmp.Compare(fmt.Sprint(a.Key), fmt.Sprint(b.Key)))
	})
	return out
}

func (c *Correlator) slots(e *window.Event, slots []int) (out []engine.Named) {
	for _, s := range slots {
		name := c.plan.set.Layout.Slots()[s].Name
		out = append(out, engine.Named{Name: name, Field: name, Value: c.build.redacted(e.Value(s))})
	}
	return out
}

// nearChains gives the longest chain of each key of the first step.
func (c *Correlator) nearChains(r *rulePlan) (out []Near) {
	o := newOracle(c.build)
	o.links = c.kept.links
	ch := &chains{oracle: o, r: r, seq: r.Sequence, need: r.need, end: r.need[len(r.need)-1]}
	for _, l := range c.kept.steps[r.Index] {
		l = slices.Clone(l)
		slices.SortFunc(l, compareMade)
		ch.steps = append(ch.steps, l)
	}
	best := map[window.Key]attempt{}
	level := []attempt{}
	ch.next(attempt{keys: make([]engine.Value, len(r.Sequence.Keys))}, func(a attempt) { level = append(level, a) })
	for len(level) > 0 {
		for _, a := range level {
			k, _ := o.key(a.chain[0].ev, byOf(&r.Sequence.Steps[r.need[0]]))
			if old, ok := best[k]; !ok || len(a.chain) > len(old.chain) || later(a.chain, old.chain) {
				best[k] = a
			}
		}
		if len(level[0].chain) == len(r.need) {
			break
		}
		level = ch.longer(level)
	}
	for _, a := range best {
		out = append(out, c.near(ch, a))
	}
	return out
}

// longer extends attempts by a step: of those with the same last event and
// keys the latest.
func (c *chains) longer(level []attempt) []attempt {
	slices.SortFunc(level, func(a, b attempt) int {
		if later(a.chain, b.chain) {
			return -1
		}
		return 1
	})
	level = level[:min(len(level), mostAttempts)]
	at := map[chainID]int{}
	var out []attempt
	for _, a := range level {
		c.next(a, func(n attempt) {
			last, first := n.chain[len(n.chain)-1].ev, n.chain[0].ev
			if last.Time-first.Time > c.seq.Within || c.forbiddenSoFar(n) {
				return
			}
			id := chainID{last.Hash, c.tuple(n.keys)}
			if i, ok := at[id]; !ok {
				at[id] = len(out)
				out = append(out, n)
			} else if later(n.chain, out[i].chain) {
				out[i] = n
			}
		})
	}
	return out
}

// forbiddenSoFar checks the negated steps of a chain that is not yet whole.
func (c *chains) forbiddenSoFar(a attempt) bool {
	part := *c
	part.need = c.need[:len(a.chain)]
	part.end = part.need[len(part.need)-1]
	return part.forbidden(a, a.chain[0].ev, a.chain[len(a.chain)-1].ev)
}

func byOf(st *rule.Step) (out []int) {
	for _, by := range st.By {
		out = append(out, by.Slot)
	}
	return out
}

// near describes a chain and what became of it.
func (c *Correlator) near(ch *chains, a attempt) Near {
	r, last := ch.r, a.chain[len(a.chain)-1].ev
	n := Near{Complete: len(a.chain) == len(r.need)}
	for _, by := range r.Sequence.Steps[r.need[0]].By {
		n.Key = append(n.Key, engine.Named{Name: r.Sequence.Keys[by.Key], Value: c.build.redacted(a.keys[by.Key])})
	}
	for _, m := range a.chain {
		n.Steps = append(n.Steps, c.build.evidence(r, m))
	}
	if n.Complete {
		if ch.forbidden(a, a.chain[0].ev, last) {
			n.Complete, n.Lost = false, "what must not happen around it did"
		}
		return n
	}
	step := r.need[len(a.chain)]
	st := &r.Sequence.Steps[step]
	n.Await = st.ID
	n.Until = a.chain[0].ev.Time + r.Sequence.Within
	if st.Within > 0 {
		n.Until = min(n.Until, last.Time+st.Within)
	}
	nearest := int64(-1)
	consider := func(m made, why string) {
		off := max(m.ev.Time-n.Until, last.Time-m.ev.Time, 0)
		if why != "" && (nearest < 0 || off < nearest) {
			nearest, n.Lost = off, why
			ev := c.build.evidence(r, m)
			n.LostTo = &ev
		}
	}
	for _, m := range ch.steps[step] {
		consider(m, ch.lost(a, m, n.Until))
	}
	for _, m := range c.kept.except[r.Index] {
		if m.step == step {
			consider(m, "excepted")
		}
	}
	return n
}

// lost says why an event did not extend a chain; "" when it has nothing to do
// with it.
func (c *chains) lost(a attempt, m made, until int64) string {
	last := a.chain[len(a.chain)-1].ev
	st := &c.seq.Steps[m.step]
	shares, tied := false, false
	for _, by := range st.By {
		if v := a.keys[by.Key]; !v.IsNil() {
			if v != m.ev.Value(by.Slot) {
				return "" // another key's
			}
			shares = true
		}
	}
	c.tie(a, m, func(attempt) { tied = true })
	switch {
	case !shares && !tied:
		return "no link leads to its key"
	case slices.ContainsFunc(a.chain, func(x made) bool { return x.ev.Same(m.ev) }):
		return "it is an earlier step already"
	case !after(last, m.ev, c.seq.Slack):
		return fmt.Sprintf("wrong order: %v before %s", time.Duration(last.Time-m.ev.Time), c.seq.Steps[a.chain[len(a.chain)-1].step].ID)
	case m.ev.Time > until:
		return fmt.Sprintf("too late by %v", time.Duration(m.ev.Time-until))
	case !c.differs(a.chain, m):
		return "it does not differ"
	}
	return "what must not happen in between did"
}
