package rule

import (
	"slices"

	"github.com/seed-843b225c/reflex/engine"
)

// Options is what the rules may use beyond the registry.
type Options struct {
	Functions []engine.Func
	Lists     engine.Lists // may be nil: no lists
	Demand    []string     // fields that stations need slots for
}

// Compile makes the Set that detect and correlate run. Every mistake comes
// back, those of Load included, sorted and each once; the Set is nil when one
// of them is more than a warning.
func Compile(p *Pack, o Options) (*Set, Mistakes) {
	c := newCompiler(p, o)
	c.order()
	for _, r := range p.Rules {
		c.compile(r)
	}
	c.except()
	c.feed()
	c.spread()
	ms := append(slices.Clone(p.mistakes), c.mistakes...).sorted()
	if len(ms.Errors()) > 0 {
		return nil, ms
	}
	c.version()
	return c.set, ms
}

type compiler struct {
	pack     *Pack
	set      *Set
	env      *condEnv // of conditions on events
	measure  *condEnv // of level_when of a count
	scratch  *condEnv // of rules that will not run: their fields get no slots
	lists    engine.Lists
	index    map[string]int // active rules by id
	byID     map[string]*Rule
	dependOn []int // active rules, chains before the rules they take
	mistakes Mistakes
	used     map[string][]string    // rule id to what its version depends on
	excepts  map[[2]int][]Exception // by rule and step
	probes   [][]int                // by rule
}

// noLists is Options.Lists when there are none.
type noLists struct{}

func (noLists) List(string) (engine.Set, bool) { return nil, false }
func (noLists) Names() []string                { return nil }

func newCompiler(p *Pack, o Options) *compiler {
	layout := engine.NewLayout()
	c := &compiler{
		pack: p, set: &Set{Layout: layout},
		index: map[string]int{}, byID: map[string]*Rule{}, used: map[string][]string{},
	}
	if o.Lists == nil {
		o.Lists = noLists{}
	}
	c.lists = o.Lists
	denied := map[string]string{"measure": "only level_when of a count has a measure"}
	c.env = &condEnv{layout: layout, functions: o.Functions, lists: o.Lists, denied: denied}
	c.measure = &condEnv{layout: layout, functions: o.Functions, lists: o.Lists}
	c.scratch = &condEnv{layout: engine.NewLayout(), functions: o.Functions, lists: o.Lists}
	for _, d := range o.Demand {
		if _, err := layout.Demand(d); err != nil {
			c.mistakes = append(c.mistakes, Mistake{File: "demand", Message: err.Error()})
		}
	}
	for _, r := range p.Rules {
		c.byID[r.ID] = r
		if !r.broken && r.Mode != ModeOff {
			c.index[r.ID] = len(c.set.Rules)
			c.set.Rules = append(c.set.Rules, &Compiled{Index: len(c.set.Rules)})
		}
	}
	return c
}

func (c *compiler) wrong(t Text, hint, format string, args ...any) {
	c.mistakes = append(c.mistakes, t.Pos.Mistake(0, hint, format, args...))
}

func (c *compiler) warn(t Text, hint, format string, args ...any) {
	m := t.Pos.Mistake(0, hint, format, args...)
	m.Warning = true
	c.mistakes = append(c.mistakes, m)
}

// compile fills in the Compiled of one rule. A broken rule, or one that is off,
// is compiled all the same, for its mistakes.
func (c *compiler) compile(r *Rule) {
	i, active := c.index[r.ID]
	b := &build{compiler: c, r: r, env: c.env, measureEnv: c.measure}
	if active && c.byID[r.ID] == r {
		b.out = c.set.Rules[i]
	} else {
		b.out = &Compiled{Index: -1}
		b.env = c.scratch
		b.measureEnv = c.scratch
	}
	b.rule()
}

// build is the compilation of one rule.
type build struct {
	*compiler
	r          *Rule
	out        *Compiled
	env        *condEnv
	measureEnv *condEnv
}

func (b *build) rule() {
	r, out := b.r, b.out
	out.ID, out.Title, out.Kind, out.Mode, out.Level, out.From, out.Source = r.ID, r.Title, r.Kind, r.Mode, r.Level, r.From, r
	x := &refs{rule: r, layout: b.env.layout}
	levelEnv := b.env
	switch r.Kind {
	case Count:
		b.probe(Probe{Role: RoleWhen, From: r.From}, r.When)
		b.count()
		levelEnv = b.measureEnv
	case FirstSeen:
		b.probe(Probe{Role: RoleWhen, From: r.From}, r.When)
		f := r.First
		out.First = &FirstSpec{Value: b.slots(f.Value), By: b.slots(f.By), Memory: int64(f.Memory), LearnFor: int64(f.LearnFor), LearnEvents: f.LearnEvents}
		out.keep(out.First.Value...)
		out.keep(out.First.By...)
	case Sequence:
		b.sequence()
		x.keys = out.Sequence.Keys
		levelEnv = b.keyEnv()
	default:
		b.probe(Probe{Role: RoleWhen, From: r.From}, r.When)
	}
	for _, l := range r.LevelWhen {
		if cond := b.cond(l.If, levelEnv); cond != nil {
			out.LevelWhen = append(out.LevelWhen, LevelWhen{cond, l.Then})
			b.keepCond(cond)
		}
	}
	b.alert(x)
}

// cond compiles a condition; nil when there is none or it is wrong.
func (b *build) cond(t Text, env *condEnv) *Cond {
	if t.Value == "" {
		return nil
	}
	cond, ms := newCond(t.Value, t.Pos, env)
	b.mistakes = append(b.mistakes, ms...)
	b.names(t.Value)
	if len(Mistakes(ms).Errors()) > 0 {
		return nil
	}
	return cond
}

// probe adds a condition that events are tested with; -1 when it is wrong or
// the rule does not run.
func (b *build) probe(p Probe, t Text) int {
	if p.Cond = b.cond(t, b.env); p.Cond == nil || b.out.Index < 0 {
		return -1
	}
	p.Rule = b.out.Index
	b.set.Probes = append(b.set.Probes, p)
	return len(b.set.Probes) - 1
}

// slot demands a field; the walker has reported names that are none.
func (b *build) slot(t Text) int {
	if t.Value == "" || fieldMistake(t.Value) != "" {
		return -1
	}
	s, _ := b.env.layout.Demand(t.Value)
	return s
}

func (b *build) slots(ts []Text) []int {
	var out []int
	for _, t := range ts {
		if s := b.slot(t); s >= 0 {
			out = append(out, s)
		}
	}
	return out
}

func (b *build) count() {
	t := b.r.Count
	s := &CountSpec{
		By: b.slots(t.By), Within: int64(t.Within), AtLeast: t.AtLeast,
		Distinct: b.slot(t.Distinct), Sum: b.slot(t.Sum),
	}
	s.Bucket = max(1, s.Within/288)
	if s.Sum >= 0 {
		s.AtLeast = 0
	}
	if t.Over.Value != "" {
		env := *b.env
		env.denied = onlyFields(t.By)
		var ms []Mistake
		s.Over, ms = newNum(t.Over.Value, t.Over.Pos, &env)
		b.mistakes = append(b.mistakes, ms...)
		b.names(t.Over.Value)
	}
	b.out.Count = s
	b.out.keep(s.By...)
	b.out.keep(s.Distinct, s.Sum)
}

// onlyFields denies every registry field but these.
func onlyFields(ts []Text) map[string]string {
	denied := map[string]string{}
	for _, n := range append(fieldNames(), "measure") {
		denied[n] = "over may read the key only"
	}
	for _, t := range ts {
		delete(denied, t.Value)
	}
	return denied
}

// keep adds slots to Keep; -1 is ignored.
func (k *Compiled) keep(slots ...int) { k.Keep = addSlots(k.Keep, slots...) }

// addSlots keeps a sorted set of slots.
func addSlots(set []int, slots ...int) []int {
	for _, s := range slots {
		if i, found := slices.BinarySearch(set, s); !found && s >= 0 {
			set = slices.Insert(set, i, s)
		}
	}
	return set
}

// keepCond keeps what a condition on a kept event reads.
func (b *build) keepCond(c *Cond) {
	for _, s := range c.Fields() {
		if b.real(s) {
			b.out.keep(s)
		}
	}
}

// real reports whether a slot holds a value of the event itself.
func (b *build) real(slot int) bool {
	d := b.env.layout.Slots()[slot]
	return d.Raw != "" || d.Field.Name() != "measure"
}
