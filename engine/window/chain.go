package window

import "slices"

// ChainSpec says what makes a chain: steps, each event after that of the step
// before it, joined by keys. A key is named by a small number; values are
// their hashes.
type ChainSpec struct {
	Within int64 // ns, from the first mandatory step to the last
	Steps  []ChainStep
	Links  []ChainLink
	Keys   int // how many keys there are
	// Differs: the two steps' events must be unequal, see NewStepEvent.
	Differs []Differ
	// After is how far a may be later than b by the clock and still not count
	// as after it.
	After func(a, b *Event) int64
	// Slack is the most After gives.
	Slack int64
	// Tidy is how long a list grows before what no longer matters leaves it;
	// 0: 32. Tests make it small.
	Tidy int

	need   []int     // mandatory steps
	rank   []int     // by step: how many mandatory steps stand before it
	bound  []keyBits // by step: keys that mandatory steps before it bind
	margin int64     // behind the watermark by so much, the order of two events is certain
}

// ChainStep is one step.
type ChainStep struct {
	By       []int // keys its events bind
	Within   int64 // ns to the mandatory step before it, 0: no bound
	Optional bool
	Negated  bool
	End      bool // a chain up to here is a point; mandatory steps only
}

// ChainLink leads from one key to another.
type ChainLink struct{ From, To int }

// Differ names two steps, A before B. N tells several of the same steps apart.
type Differ struct{ A, B, N int }

// keyBits is a set of key numbers.
type keyBits uint64

func (b keyBits) has(k int) bool { return b&(1<<k) != 0 }

func (s *ChainSpec) prepare() {
	if s.Tidy == 0 {
		s.Tidy = 32
	}
	var bound keyBits
	for i, st := range s.Steps {
		s.rank = append(s.rank, len(s.need))
		s.bound = append(s.bound, bound)
		if !st.Optional && !st.Negated {
			s.need = append(s.need, i)
			bound |= keySet(st.By)
		}
	}
	s.margin = int64(len(s.need)+2) * s.Slack
}

func keySet(ks []int) (b keyBits) {
	for _, k := range ks {
		b |= 1 << k
	}
	return b
}

// last is the last mandatory step.
func (s *ChainSpec) last() int { return s.need[len(s.need)-1] }

// before gives the mandatory step before a step, -1 for none.
func (s *ChainSpec) before(step int) int {
	if r := s.rank[step]; r > 0 {
		return s.need[r-1]
	}
	return -1
}

// target reports whether a step extends chains.
func (s *ChainSpec) target(step int) bool {
	st := &s.Steps[step]
	return !st.Negated && !st.Optional
}

// StepEvent is an event at a step. One that waits for the next step is most of
// what a quiet key costs, so it is small.
type StepEvent struct {
	*Event
	*shelf // while it is not settled and was looked at early
	rest   *stepRest
	first  Key // of its keys
	rule   int32
	step   int16
	flags  flags
}

// stepRest is what most events of a step do not have.
type stepRest struct {
	keys []Key // behind the first
	// differs holds, for each of the spec's Differs the step takes part in, the
	// hashes of the fields compared; 0: missing.
	differs [][]uint64
}

type flags uint8

const (
	multi flags = 1 << iota // the event is at another step too
	told                    // a chain that it completes was found early
	settled
)

// NewStepEvent makes the event of a step with its keys, in the order of the
// step's By, and what Differs compare of it. rule says whose point it is; -1:
// the step's own condition. keys is not kept.
func NewStepEvent(e *Event, step, rule int, keys []Key, differs [][]uint64) *StepEvent {
	s := &StepEvent{Event: e, step: int16(step), rule: int32(rule)}
	if len(keys) > 0 {
		s.first = keys[0]
	}
	if len(keys) > 1 || len(differs) > 0 {
		s.rest = &stepRest{differs: differs}
		if len(keys) > 1 {
			s.rest.keys = slices.Clone(keys[1:])
		}
	}
	return s
}

// Step gives the number of the step.
func (e *StepEvent) Step() int { return int(e.step) }

// Rule gives the rule whose point the event is; -1: the step's own condition.
func (e *StepEvent) Rule() int { return int(e.rule) }

// Claim names another rule whose point the event is.
func (e *StepEvent) Claim(rule int) { e.rule = int32(rule) }

func (e *StepEvent) is(f flags) bool { return e.flags&f != 0 }

// nth gives the key at a place of the step's By.
func (e *StepEvent) nth(i int) Key {
	if i == 0 {
		return e.first
	}
	return e.rest.keys[i-1]
}

func (e *StepEvent) differs() [][]uint64 {
	if e.rest == nil {
		return nil
	}
	return e.rest.differs
}

// shelf is where an unsettled event is to be found.
type shelf struct {
	early []Key // where its unsettled chains stand
	waits []Key // where it waits for chains
}

// key gives the event's value of a key.
func (e *StepEvent) key(st *ChainStep, k int) (Key, bool) {
	for i, b := range st.By {
		if b == k {
			return e.nth(i), true
		}
	}
	return Key{}, false
}

// Chain is a chain up to one step, a list from its last event backwards.
// Chains share their beginnings and do not change, but for optional events
// still coming.
type Chain struct {
	Last *StepEvent
	Prev *Chain
	// The extras are optional events: opts between Prev.Last and Last.
	*extras
	oldest int64 // time of the first event or of a link used, whichever is older
	tuple  Key   // hash of all bound keys
	links  int8
}

// extras is what chains without optional steps do not have.
type extras struct {
	opts []*StepEvent
	// later are the latest settled optional events after Last, by step.
	later []*StepEvent
}

// more gives the extras to write to.
func (c *Chain) more() *extras {
	if c.extras == nil {
		c.extras = &extras{}
	}
	return c.extras
}

// Events gives the chain's events in the order of steps.
func (c *Chain) Events(within int64) (out []*StepEvent) {
	done := c.Last.Time
	for ; c != nil; c = c.Prev {
		out = append(out, c.Last)
		if c.extras == nil {
			continue
		}
		for i := len(c.opts) - 1; i >= 0; i-- {
			if done-c.opts[i].Time <= within {
				out = append(out, c.opts[i])
			}
		}
	}
	for i, j := 0, len(out)-1; i < j; i, j = i+1, j-1 {
		out[i], out[j] = out[j], out[i]
	}
	return out
}

// Tuple gives the hash of the chain's bound keys.
func (c *Chain) Tuple() Key { return c.tuple }

// holds reports whether an event is one of the chain's mandatory ones.
func (c *Chain) holds(e *Event) bool {
	for ; c != nil; c = c.Prev {
		if c.Last.Same(e) {
			return true
		}
	}
	return false
}

// at gives the chain's event at a mandatory step.
func (c *Chain) at(step int) *StepEvent {
	for ; c != nil; c = c.Prev {
		if c.Last.Step() == step {
			return c.Last
		}
	}
	return nil
}

// key gives the chain's value of a bound key.
func (c *Chain) key(s *ChainSpec, k int) (Key, bool) {
	for ; c != nil; c = c.Prev {
		if v, ok := c.Last.key(&s.Steps[c.Last.Step()], k); ok {
			return v, true
		}
	}
	return Key{}, false
}

// compare orders chains of the same step from the last event backwards.
func (c *Chain) compare(o *Chain) int {
	for ; c != nil && o != nil && c != o; c, o = c.Prev, o.Prev {
		if x := c.Last.Compare(o.Last.Event); x != 0 {
			return x
		}
	}
	return 0
}

// unequal: one of the fields is present in both and unequal.
func unequal(a, b []uint64) bool {
	for i := range a {
		if a[i] != 0 && b[i] != 0 && a[i] != b[i] {
			return true
		}
	}
	return false
}
