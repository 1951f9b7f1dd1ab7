package window

import (
	"slices"
	"sort"
)

// Unordered is the state of one sequence whose steps may happen in any order:
// for each key and step the latest events. The event that completes is the
// latest of its chain; every step names the same keys.
type Unordered struct {
	spec  ChainSpec
	queue Queue[*StepEvent]
	keys  *Aging[anyPlace]
	now   int64

	Dropped int64
	Most    int
}

// anyPlace is a key: its only event so far, or all that are kept.
type anyPlace struct {
	one  *StepEvent
	many *anyOrder
}

// after reports whether any event is at or after a time.
func (p anyPlace) after(t int64) bool {
	if p.many == nil {
		return p.one.Time >= t
	}
	return p.many.after(t)
}

// anyOrder is the state of one key with several events.
type anyOrder struct {
	steps [][]*StepEvent // by step, in order
	done  *Event         // event judged last
}

func (a *anyOrder) after(t int64) bool {
	return slices.ContainsFunc(a.steps, func(l []*StepEvent) bool { return len(l) > 0 && l[len(l)-1].Time >= t })
}

// NewUnordered makes the state of an unordered sequence.
func NewUnordered(spec ChainSpec) *Unordered {
	spec.prepare()
	u := &Unordered{spec: spec, keys: NewAging(spec.Within, anyPlace.after), Most: 4096}
	u.queue.Before = func(a, b *StepEvent) bool {
		if x := a.Compare(b.Event); x != 0 {
			return x < 0
		}
		return a.Step() < b.Step()
	}
	return u
}

// Pending counts events not yet settled.
func (u *Unordered) Pending() int { return u.queue.Len() }

// Len counts keys.
func (u *Unordered) Len() int { return u.keys.Len() }

// key hashes all keys of an event in the order of their numbers, so that
// steps may name them in any order.
func (u *Unordered) key(e *StepEvent) Key {
	st := &u.spec.Steps[e.Step()]
	var k Key
	for n := range u.spec.Keys {
		if v, ok := e.key(st, n); ok {
			k = Key{fold(k.Hi^v.Hi, 0x9e3779b97f4a7c15+uint64(n)), fold(k.Lo^v.Lo, 0xe7037ed1a0b428db+uint64(n))}
		}
	}
	return k
}

// Add takes an event of a step, in any order, each event once a step.
func (u *Unordered) Add(e *StepEvent) {
	k := u.key(e)
	p, ok := u.keys.Get(k)
	if ok || len(u.spec.need) == 1 { // one event may be all it takes
		if p.many == nil {
			p.many = &anyOrder{steps: make([][]*StepEvent, len(u.spec.Steps))}
			if p.one != nil {
				p.many.add(p.one)
				if p.one.is(settled) {
					p.many.done = p.one.Event
				}
			}
			u.keys.Put(k, anyPlace{many: p.many})
		}
		p.many.add(e)
	} else {
		u.keys.Put(k, anyPlace{one: e})
	}
	u.queue.Push(e)
}

func (a *anyOrder) add(e *StepEvent) {
	l := a.steps[e.Step()]
	i := sort.Search(len(l), func(i int) bool { return e.Before(l[i].Event) })
	a.steps[e.Step()] = slices.Insert(l, i, e)
}

// Early looks for a chain that ends with an event or that it makes complete.
func (u *Unordered) Early(e *StepEvent, found func(chain []*StepEvent)) {
	p, _ := u.keys.Get(u.key(e))
	a := p.many
	if a == nil {
		return
	}
	if c := u.chain(a, e.Event); c != nil {
		found(c)
	}
	for _, l := range a.steps { // later ones, not yet settled
		for i := len(l) - 1; i >= 0 && i > len(l)-8 && e.Before(l[i].Event) && l[i].Time <= e.Time+u.spec.Within; i-- {
			if l[i].is(told) {
				continue
			}
			if c := u.chain(a, l[i].Event); c != nil {
				l[i].flags |= told
				found(c)
			}
		}
	}
}

// Settle gives the chain of each event up to the watermark that completes one;
// its last element in order of events is the completing one.
func (u *Unordered) Settle(watermark int64, point func(done *Event, chain []*StepEvent)) {
	for {
		e, ok := u.queue.Peek()
		if !ok || e.Time > watermark {
			break
		}
		u.queue.Pop()
		u.now = e.Time
		u.keys.Advance(u.now)
		p, _ := u.keys.Get(u.key(e))
		e.flags |= settled
		a := p.many
		if a == nil || a.done != nil && a.done.Same(e.Event) {
			continue
		}
		a.done = e.Event
		if c := u.chain(a, e.Event); c != nil {
			point(e.Event, c)
		}
		u.trim(a, e.Event)
	}
	u.keys.Advance(watermark)
}

// trim keeps of the settled events of each step as many of the latest as
// there are steps, which is enough to give each step its own; with differs, of
// each combination of compared fields.
func (u *Unordered) trim(a *anyOrder, done *Event) {
	for i, l := range a.steps {
		settled := sort.Search(len(l), func(i int) bool { return done.Before(l[i].Event) })
		most := len(a.steps) + 1
		if settled <= most {
			continue
		}
		kept := make([]*StepEvent, 0, most+len(l)-settled)
		for j := settled - 1; j >= 0; j-- {
			same := 0
			for _, x := range kept {
				if slices.EqualFunc(x.differs(), l[j].differs(), slices.Equal[[]uint64]) {
					same++
				}
			}
			if same < most && l[j].Time >= done.Time-u.spec.Within {
				if len(kept) >= u.Most {
					u.Dropped++
					break
				}
				kept = append(kept, l[j])
			}
		}
		slices.Reverse(kept)
		a.steps[i] = append(kept, l[settled:]...)
	}
}

// chain finds the chain that an event completes, latest from the last step
// backwards, or nil.
func (u *Unordered) chain(a *anyOrder, done *Event) []*StepEvent {
	from := done.Time - u.spec.Within
	for i, st := range u.spec.Steps {
		if st.Negated { // nothing forbidden strictly between first and last
			l := a.steps[i]
			if j := sort.Search(len(l), func(j int) bool { return l[j].Time >= done.Time }); j > 0 {
				from = max(from, l[j-1].Time)
			}
		}
	}
	for _, i := range u.spec.need {
		if u.latest(a.steps[i], done, from) < 0 {
			return nil
		}
	}
	chain := make([]*StepEvent, 0, len(u.spec.Steps))
	if !u.choose(a, done, from, len(u.spec.need)-1, &chain, new(int)) {
		return nil
	}
	mandatory := slices.Clone(chain)
	for i, st := range u.spec.Steps {
		if !st.Optional {
			continue
		}
		l := a.steps[i]
		for j := u.latest(l, done, done.Time-u.spec.Within); j >= 0 && l[j].Time >= done.Time-u.spec.Within; j-- {
			if u.fits(mandatory, l[j]) {
				chain = append(chain, l[j])
				break
			}
		}
	}
	slices.SortFunc(chain, func(x, y *StepEvent) int { return x.Step() - y.Step() })
	return chain
}

// latest gives the place of the latest event not after done, -1 when it is
// older than from.
func (u *Unordered) latest(l []*StepEvent, done *Event, from int64) int {
	j := sort.Search(len(l), func(j int) bool { return done.Before(l[j].Event) }) - 1
	if j < 0 || l[j].Time < from {
		return -1
	}
	return j
}

// choose gives the mandatory steps up to n their events, trying the latest
// first; tries bounds the work.
func (u *Unordered) choose(a *anyOrder, done *Event, from int64, n int, chain *[]*StepEvent, tries *int) bool {
	if n < 0 {
		return slices.ContainsFunc(*chain, func(e *StepEvent) bool { return e.Same(done) })
	}
	l := a.steps[u.spec.need[n]]
	for j := u.latest(l, done, from); j >= 0 && l[j].Time >= from; j-- {
		if *tries++; *tries > 100_000 {
			u.Dropped++
			return false
		}
		if !u.fits(*chain, l[j]) {
			continue
		}
		*chain = append(*chain, l[j])
		if u.choose(a, done, from, n-1, chain, tries) {
			return true
		}
		*chain = (*chain)[:len(*chain)-1]
	}
	return false
}

// fits: another event than those of the chain, unequal where it must be.
func (u *Unordered) fits(chain []*StepEvent, e *StepEvent) bool {
	for _, x := range chain {
		if x.Same(e.Event) {
			return false
		}
		for _, d := range u.spec.Differs {
			if d.A == x.Step() && d.B == e.Step() || d.A == e.Step() && d.B == x.Step() {
				if !unequal(u.fields(x, d), u.fields(e, d)) {
					return false
				}
			}
		}
	}
	return true
}

func (u *Unordered) fields(e *StepEvent, d Differ) []uint64 {
	n := 0
	for _, x := range u.spec.Differs {
		if x == d {
			break
		}
		if x.A == e.Step() || x.B == e.Step() {
			n++
		}
	}
	return e.differs()[n]
}
