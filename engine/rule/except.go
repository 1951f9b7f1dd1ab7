package rule

import "slices"

// except compiles the exceptions and ties them to probes; those of steps made
// of rules go to the feeds (stepExcept).
func (c *compiler) except() {
	c.excepts = map[[2]int][]Exception{}
	c.probes = make([][]int, len(c.set.Rules))
	for i, p := range c.set.Probes {
		c.probes[p.Rule] = append(c.probes[p.Rule], i)
	}
	for _, e := range c.pack.Exceptions {
		b := &build{compiler: c, r: &Rule{ID: "exception " + e.ID}, out: &Compiled{Index: -1}, env: c.env}
		if e.broken {
			b.env = c.scratch
		}
		cond := b.cond(e.When, b.env)
		rules := c.exceptRules(e)
		if cond == nil || e.broken {
			continue
		}
		ex := Exception{ID: e.ID, Cond: cond, Expires: e.Expires}
		for _, r := range rules {
			c.used[r.ID] = append(append(c.used[r.ID], e.hash), c.used[b.r.ID]...)
			c.apply(e, ex, r)
		}
	}
}

// exceptRules gives the active rules an exception applies to.
func (c *compiler) exceptRules(e *Except) []*Compiled {
	var out []*Compiled
	taken := map[int]bool{}
	add := func(id string) {
		if i, ok := c.index[id]; ok && !taken[i] {
			taken[i] = true
			out = append(out, c.set.Rules[i])
		}
	}
	idle := true
	for _, id := range e.Rules {
		if c.byID[id.Value] == nil {
			c.wrong(id, didYouMean(id.Value, c.ruleIDs()), "no rule has the id %s", id.Value)
			idle = false
			continue
		}
		idle = idle && !c.byID[id.Value].broken
		add(id.Value)
	}
	for _, t := range e.Tags {
		for _, r := range c.pack.Rules {
			if slices.Contains(r.Tags, t.Value) {
				add(r.ID)
			}
		}
	}
	if len(out) == 0 && idle && !e.broken {
		c.warn(Text{Pos: e.pos}, "", "exception %s applies to no rule that runs", e.ID)
	}
	if e.Step.Value != "" && len(e.Rules) == 1 {
		if r := c.byID[e.Rules[0].Value]; r != nil && r.Sequence == nil {
			c.wrong(e.Step, "", "rule %s is no sequence: it has no steps", r.ID)
		} else if r != nil && r.Sequence.step(e.Step.Value) < 0 {
			c.wrong(e.Step, didYouMean(e.Step.Value, r.Sequence.stepIDs()), "rule %s has no step %s", r.ID, e.Step.Value)
		}
	}
	return out
}

// apply ties an exception to a rule's conditions, or to steps made of rules.
func (c *compiler) apply(e *Except, ex Exception, r *Compiled) {
	applies := func(step int) bool {
		st := r.Sequence.Steps[step]
		return e.Step.Value == st.ID || e.Step.Value == "" && !st.Negated
	}
	for _, i := range c.probes[r.Index] {
		p := &c.set.Probes[i]
		if p.Role == RoleWhen || p.Role == RoleStep && applies(p.Part) {
			p.Except = append(p.Except, ex)
		}
	}
	if r.Sequence == nil {
		return
	}
	for i, st := range r.Sequence.Steps {
		if len(st.Rules) > 0 && applies(i) {
			at := [2]int{r.Index, i}
			c.excepts[at] = append(c.excepts[at], ex)
		}
	}
}

// stepExcept gives the exceptions of a step made of rules.
func (c *compiler) stepExcept(r *Compiled, step int) []Exception {
	return c.excepts[[2]int{r.Index, step}]
}
