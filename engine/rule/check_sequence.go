package rule

import (
	"slices"
	"strconv"
	"strings"

	"github.com/seed-843b225c/reflex/engine"
)

func itoa(n int64) string { return strconv.FormatInt(n, 10) }

// maxLinks is how many links a chain may cross.
const maxLinks = 3

// fieldRoots are the first words of all fields, and the words with a meaning
// of their own: no step may be called so, because <step>.<field> would be ambiguous.
var fieldRoots = func() map[string]bool {
	roots := map[string]bool{"key": true, "raw": true, "count": true, "measure": true}
	for _, d := range engine.Fields() {
		root, _, _ := strings.Cut(strings.TrimPrefix(d.Name, "@"), ".")
		roots[root] = true
	}
	return roots
}()

// mandatory reports whether the chain needs an event of the step.
func (s *StepText) mandatory() bool { return !s.Optional && !s.Negated }

func (s *SequenceText) step(id string) int {
	return slices.IndexFunc(s.Steps, func(t StepText) bool { return t.ID.Value == id })
}

func (s *SequenceText) stepIDs() []string {
	var ids []string
	for _, t := range s.Steps {
		ids = append(ids, t.ID.Value)
	}
	return ids
}

// lastMandatory gives the step that completes an ordered chain, -1 for none.
func (s *SequenceText) lastMandatory() int {
	for i := len(s.Steps) - 1; i >= 0; i-- {
		if s.Steps[i].mandatory() {
			return i
		}
	}
	return -1
}

func (s *SequenceText) firstMandatory() int {
	return slices.IndexFunc(s.Steps, func(t StepText) bool { return t.mandatory() })
}

func (c *review) sequence(s *SequenceText) {
	v := c.d.get("sequence")
	c.positive(v, "within")
	if len(s.Steps) == 0 {
		return // reported by shape
	}
	seen := map[string]bool{}
	for i := range s.Steps {
		st := &s.Steps[i]
		id := st.ID.Value
		if seen[id] && id != "" {
			c.wrong(st.ID.Pos, "", "two steps are called %s", id)
		}
		seen[id] = true
		if fieldRoots[id] {
			c.wrong(st.ID.Pos, "choose another word", "a step cannot be called %s: fields or references begin with it", id)
		}
		c.step(s, i)
	}
	if s.lastMandatory() < 0 {
		c.wrong(v.get("steps").pos(), "", "a sequence needs a step that is neither optional nor negated")
	} else if len(s.Steps) < 2 {
		c.wrong(v.get("steps").pos(), "a rule with when, or another step", "a sequence of one step is no sequence")
	}
	c.keys(s)
}

func (c *review) step(s *SequenceText, i int) {
	st := &s.Steps[i]
	v := c.d.get("sequence").get("steps").list()[i]
	c.positive(v, "within")
	when, rule := v.get("when"), v.get("rule")
	switch {
	case when.present() && rule.present():
		c.wrong(rule.pos(), "write two steps, or put the condition into a rule", "a step has when or rule, not both")
	case !when.present() && !rule.present():
		c.wrong(v.pos(), "when: a condition, or rule: the id of a rule", "a step needs when or rule")
	}
	if rule.present() && v.get("from").present() {
		c.wrong(v.get("from").pos(), "the rules say themselves what they read", "a step made of rules has no from")
	}
	c.repeated("rule", st.Rules)
	if st.Optional && st.Negated {
		c.wrong(st.ID.Pos, "", "a step is optional or negated, not both")
	}
	first, last := s.firstMandatory(), s.lastMandatory()
	outside := first >= 0 && (i < first || i > last)
	if st.Optional && s.Ordered && i > last && last >= 0 {
		c.wrong(st.ID.Pos, "move it before "+s.Steps[last].ID.Value, "an optional step after the last mandatory one is never looked at")
	}
	if st.Negated && outside && st.Within == 0 && s.Ordered {
		c.wrong(st.ID.Pos, "within: 10m", "a negated step at an end of the sequence needs a within: how far it looks")
	}
	if st.Within > s.Within && s.Within > 0 && !(st.Negated && outside) {
		c.wrong(st.withinPos, "", "the step's within (%s) is longer than the whole sequence's (%s)", days(st.Within), days(s.Within))
	}
	if i == first && st.Within > 0 {
		c.wrong(st.withinPos, "it bounds the time since the mandatory step before", "the first step has no step before it to be within reach of")
	}
	if st.Reached != 0 && !st.mandatory() {
		c.wrong(st.reachedPos, "", "only a step that is neither optional nor negated can be reached")
	}
	if !s.Ordered {
		c.unordered(s, i, v)
	}
	c.differs(s, i)
}

// unordered refuses what means nothing when steps have no order: such a chain
// completes at its latest event, and every mandatory step binds the same keys.
func (c *review) unordered(s *SequenceText, i int, v node) {
	for _, k := range []string{"within", "reached"} {
		if e := v.get(k); e.present() {
			c.wrong(e.pos(), "ordered: true, or leave it out", "%s has no meaning in a sequence without order", k)
		}
	}
	st, first := &s.Steps[i], s.firstMandatory()
	if i == 0 && len(s.Links) > 0 {
		c.wrong(s.Links[0].When.Pos, "ordered: true, or the same key in every step", "links have no meaning in a sequence without order")
	}
	if first < 0 || !st.mandatory() || len(st.By) == 0 {
		return
	}
	same := len(st.By) == len(s.Steps[first].By)
	for _, b := range s.Steps[first].By {
		same = same && slices.ContainsFunc(st.By, func(o BoundText) bool { return o.Name.Value == b.Name.Value })
	}
	if !same {
		c.wrong(st.By[0].Name.Pos, "ordered: true, or the same keys", "without order every mandatory step has the same keys: %s and %s differ", st.ID.Value, s.Steps[first].ID.Value)
	}
}

func (c *review) differs(s *SequenceText, i int) {
	st := &s.Steps[i]
	from := st.DiffersFrom
	if from.Value == "" {
		return
	}
	c.repeated("differs", st.Differs)
	other := s.step(from.Value)
	switch {
	case other < 0:
		c.wrong(from.Pos, didYouMean(from.Value, s.stepIDs()), "no step is called %s", from.Value)
	case other == i:
		c.wrong(from.Pos, "", "a step cannot differ from itself")
	case !s.Steps[other].mandatory():
		c.wrong(from.Pos, "", "step %s may be missing: a step can differ only from a mandatory one", from.Value)
	case s.Ordered && other > i:
		c.wrong(from.Pos, "say it there", "step %s comes later", from.Value)
	}
}

// keys checks the types of keys, and that every step is tied to the steps
// before it by a common key or by links.
func (c *review) keys(s *SequenceText) {
	first := map[string]BoundText{}
	bind := func(b BoundText) {
		if _, ok := first[b.Name.Value]; !ok {
			first[b.Name.Value] = b
		}
		o := first[b.Name.Value]
		a, okA := engine.LookupField(o.Ref.Value)
		f, okF := engine.LookupField(b.Ref.Value)
		if okA && okF && a.Type() != f.Type() {
			c.wrong(b.Ref.Pos, "", "key %s has type %s here and, as %s, type %s: they are never equal", b.Name.Value, f.Type(), a.Name(), a.Type())
		}
	}
	bound := map[string]bool{} // by mandatory steps
	var names []string
	for i := range s.Steps {
		for _, b := range s.Steps[i].By {
			bind(b)
			names = append(names, b.Name.Value)
			if s.Steps[i].mandatory() {
				bound[b.Name.Value] = true
			}
		}
	}
	for i, l := range s.Links {
		if i == maxLinks {
			c.wrong(l.When.Pos, "", "a sequence crosses at most %d links", maxLinks)
		}
		for _, b := range []BoundText{l.From, l.To} {
			if b.Name.Value == "" {
				continue
			}
			bind(b)
			if !slices.Contains(names, b.Name.Value) && !s.linked(b.Name.Value, i) {
				c.wrong(b.Name.Pos, didYouMean(b.Name.Value, names), "no step has a key %s", b.Name.Value)
			}
		}
		if l.From.Name.Value != "" && l.From.Name.Value == l.To.Name.Value {
			c.wrong(l.To.Name.Pos, "", "a link leads from one key to another")
		}
	}
	c.tied(s, bound)
}

// tied reports steps that no chain can come to.
func (c *review) tied(s *SequenceText, bound map[string]bool) {
	known := map[string]bool{} // keys of the mandatory steps so far
	for i := range s.Steps {
		st := &s.Steps[i]
		if len(st.By) == 0 {
			continue
		}
		shares := func(keys map[string]bool) bool {
			return slices.ContainsFunc(st.By, func(b BoundText) bool { return keys[b.Name.Value] })
		}
		switch at := st.By[0].Name.Pos; {
		case !st.mandatory():
			if len(bound) > 0 && !shares(bound) {
				c.wrong(at, "use a key of a mandatory step", "step %s has no key that a mandatory step binds", st.ID.Value)
			}
			continue
		case !s.Ordered, len(known) == 0, shares(known):
		case shares(s.reach(known, false)):
		case shares(s.reach(known, true)):
			c.wrong(at, "exchange from and to of the link", "the link leads away from the key of step %s", st.ID.Value)
		default:
			c.wrong(at, "use the same key, or add a link", "step %s shares no key with the steps before it", st.ID.Value)
		}
		for _, b := range st.By {
			known[b.Name.Value] = true
		}
	}
}

// reach gives the keys that links lead to from known ones, or with back those
// they come from.
func (s *SequenceText) reach(known map[string]bool, back bool) map[string]bool {
	out := map[string]bool{}
	for k := range known {
		out[k] = true
	}
	for range s.Links {
		for _, l := range s.Links {
			from, to := l.From.Name.Value, l.To.Name.Value
			if back {
				from, to = to, from
			}
			if out[from] && to != "" {
				out[to] = true
			}
		}
	}
	return out
}

// linked reports whether another link names the key: links may follow each other.
func (s *SequenceText) linked(key string, but int) bool {
	for i, l := range s.Links {
		if i != but && (l.From.Name.Value == key || l.To.Name.Value == key) {
			return true
		}
	}
	return false
}
