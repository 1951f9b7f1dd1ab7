package window

import (
	"slices"
)

// Sequence is the state of one ordered sequence: of the events of each step
// that are newer than the watermark all, behind it the chains that a later
// event can still extend, of which one dominates all others of its keys: the
// latest, unless an older one began later or differs where that matters.
//
// Settled chains are made in the order of due times. An event at the n-th
// mandatory step is due n+1 tolerances after its time: then every event that
// may stand before it has come and was due earlier.
type Sequence struct {
	spec ChainSpec

	queue  Queue[due]
	now    int64 // due time reached: everything at or before it is complete
	chains *Aging[place]
	links  *Aging[*linkList]
	negs   *Aging[*times]
	opts   *Aging[*optList]
	multi  Timed[*StepEvent] // by event: one of its steps
	early  map[Key][]*Chain
	waits  map[Key][]*StepEvent
	wait   Queue[wait] // chains that a negated last step may still forbid

	uniform []bool // by step: chains it extends all have the same keys
	pending int

	Dropped int64 // chains beyond a bound
	Most    int   // bound of one bucket
}

type due struct {
	at   int64
	rank int
	e    *StepEvent
}

// place is where one lookup finds chains: many, or one that is no more than
// the event of the first step. Most are that, and most are never looked up.
type place struct {
	one  *StepEvent
	many *bucketOf
}

// bucketOf holds chains that one lookup finds, worst first.
type bucketOf struct {
	chains []*Chain
	most   []int64 // by chain: the greatest oldest of it and those before it
	sweep  int     // length at which it is swept again
}

type linkList struct {
	links []linkEvent // by time
	tidy  int
}

type linkEvent struct {
	ev  *Event
	far Key // value of the key at its other side
}

type times struct {
	ts   []int64 // sorted
	tidy int
}

type optList struct {
	recent []*StepEvent // in order
	base   *StepEvent   // first in the sequence: the latest one certain
}

type wait struct {
	c  *Chain
	at int64 // the watermark that decides
}

// never is a time after all others.
const never = int64(1) << 62

// kinds of lookups, so that their keys differ.
const (
	atStep uint64 = iota << 32
	atLink
	atNegated
	atOptional
	atWait
)

// NewSequence makes the state of a sequence.
func NewSequence(spec ChainSpec) *Sequence {
	spec.prepare()
	span := spec.Within + 2*spec.margin
	for _, st := range spec.Steps {
		span = max(span, st.Within+2*spec.margin)
	}
	s := &Sequence{
		spec:   spec,
		chains: NewAging[place](span, nil), // only settled ones
		links:  NewAging(span, func(l *linkList, since int64) bool { return l.links[len(l.links)-1].ev.Time >= since }),
		negs:   NewAging(span, func(t *times, since int64) bool { return t.ts[len(t.ts)-1] >= since }),
		opts: NewAging(span, func(l *optList, since int64) bool {
			n := len(l.recent)
			return n > 0 && l.recent[n-1].Time >= since
		}),
		early: map[Key][]*Chain{}, waits: map[Key][]*StepEvent{},
		Most: 4096,
	}
	s.queue.Before = func(a, b due) bool {
		if a.at != b.at {
			return a.at < b.at
		}
		if a.rank != b.rank {
			return a.rank < b.rank
		}
		if x := a.e.Compare(b.e.Event); x != 0 {
			return x < 0
		}
		return a.e.Step() < b.e.Step()
	}
	s.wait.Before = func(a, b wait) bool { return a.at < b.at }
	for j := range spec.Steps {
		all := spec.bound[j]
		s.uniform = append(s.uniform, all&^keySet(spec.Steps[j].By) == 0)
	}
	return s
}

// Pending counts events not yet settled.
func (s *Sequence) Pending() int { return s.pending }

// Idle reports whether a moving watermark changes nothing.
func (s *Sequence) Idle() bool {
	return s.pending == 0 && s.wait.Len() == 0 && s.chains.Len()+s.links.Len()+s.negs.Len()+s.opts.Len() == 0 && s.multi.Empty()
}

// Len counts the buckets of chains.
func (s *Sequence) Len() int { return s.chains.Len() }

// Add takes an event of a step, in any order, each event once a step.
func (s *Sequence) Add(e *StepEvent) {
	st := &s.spec.Steps[e.Step()]
	switch {
	case st.Negated:
		s.addNegated(e)
		return
	case st.Optional:
		s.addOptional(e)
		return
	}
	if len(s.spec.need) > 2 {
		if other, ok := s.multi.Get(e.Time, e.Hash); ok {
			other.flags |= multi
			e.flags |= multi
		} else {
			s.multi.Put(e.Time, e.Hash, e)
		}
	}
	s.pending++
	rank := s.spec.rank[e.Step()]
	s.queue.Push(due{e.Time + int64(rank+1)*s.spec.Slack, rank, e})
}

// Settle makes the chains that everything at or before the watermark decides,
// and gives those that are points. Points of one event come together.
func (s *Sequence) Settle(watermark int64, point func(*Chain)) {
	s.run(watermark, watermark, point)
	s.advance(watermark)
}

// run settles events due up to one time, and chains that wait up to another.
func (s *Sequence) run(events, waits int64, point func(*Chain)) {
	for {
		d, some := s.queue.Peek()
		some = some && d.at <= events
		w, waiting := s.wait.Peek()
		waiting = waiting && w.at <= waits
		switch {
		case waiting && (!some || w.at < d.at):
			s.wait.Pop()
			s.advance(w.at)
			if !s.forbiddenAfter(w.c) {
				point(w.c)
			}
		case some:
			s.queue.Pop()
			s.advance(d.at)
			s.pending--
			s.settle(d.e, point)
		default:
			return
		}
	}
}

func (s *Sequence) advance(now int64) {
	if now <= s.now && s.now != 0 {
		return
	}
	s.now = now
	s.chains.Advance(now)
	s.links.Advance(now)
	s.negs.Advance(now)
	s.opts.Advance(now)
	s.multi.Advance(now)
}

// Finish settles everything: the input is over, end is the newest event time.
// It gives how many chains a negated last step could still have forbidden.
func (s *Sequence) Finish(end int64, point func(*Chain)) (undecided int) {
	s.run(never, end, point)
	for s.wait.Len() > 0 {
		if !s.forbiddenAfter(s.wait.Pop().c) {
			undecided++
		}
	}
	return undecided
}

// settle makes the chains of one event for good.
func (s *Sequence) settle(e *StepEvent, point func(*Chain)) {
	s.forget(e)
	e.flags |= settled
	cs := s.extend(e)
	st := &s.spec.Steps[e.Step()]
	if st.End {
		s.complete(e, cs, point)
	}
	if st.Optional || e.Step() == s.spec.last() {
		return
	}
	for _, c := range cs {
		ks := s.places(c)
		for _, k := range ks {
			s.store(k, c, len(ks) == 1)
		}
	}
}

// complete gives the best chain of each tuple as a point.
func (s *Sequence) complete(e *StepEvent, cs []*Chain, point func(*Chain)) {
	if len(cs) == 0 {
		return
	}
	trailing := e.Step() == s.spec.last() && s.trailing() > 0
	best := cs[:0:0]
	for _, c := range cs {
		if e.Time-c.oldest > s.spec.Within {
			continue
		}
		i := slices.IndexFunc(best, func(b *Chain) bool { return b.tuple == c.tuple })
		if i < 0 {
			best = append(best, c)
		} else if c.compare(best[i]) > 0 {
			best[i] = c
		}
	}
	if len(best) > 1 {
		slices.SortFunc(best, func(a, b *Chain) int {
			if a.tuple.Less(b.tuple) {
				return -1
			}
			return 1
		})
	}
	for _, c := range best {
		if trailing {
			s.wait.Push(wait{c, e.Time + s.trailing()})
		} else {
			point(c)
		}
	}
}

// trailing is how long a negated last step looks.
func (s *Sequence) trailing() (t int64) {
	for _, st := range s.spec.Steps[s.spec.last()+1:] {
		if st.Negated {
			t = max(t, st.Within)
		}
	}
	return t
}

func (s *Sequence) forbiddenAfter(c *Chain) bool {
	for i := s.spec.last() + 1; i < len(s.spec.Steps); i++ {
		st := &s.spec.Steps[i]
		if st.Negated && s.forbids(i, c, c.Last.Time, c.Last.Time+st.Within+1) {
			return true
		}
	}
	return false
}

// extend gives the chains that end with an event: those that nothing dominates.
func (s *Sequence) extend(e *StepEvent) (out []*Chain) {
	prev := s.spec.before(e.Step())
	if prev < 0 {
		c := &Chain{Last: e, oldest: e.Time}
		c.tuple = s.tuple(c)
		if s.forbidden(c) {
			return nil
		}
		s.fillOptional(c)
		return []*Chain{c}
	}
	s.sources(e, func(k Key, oldest int64, links int8) {
		if b := s.bucket(k); b != nil {
			for i := len(b.chains) - 1; i >= 0; i-- {
				c := b.chains[i]
				if len(out) == 1 && s.uniform[e.Step()] && len(s.spec.Differs) == 0 && links == 0 &&
					b.most[i] <= out[0].oldest && !s.risky(out[0]) {
					break // nothing older can be better in anything
				}
				out = s.try(out, c, e, oldest, links)
			}
		}
	})
	return out
}

// sources calls f with every place where chains that e extends may stand, with
// the oldest link on the way there.
func (s *Sequence) sources(e *StepEvent, f func(place Key, oldest int64, links int8)) {
	st := &s.spec.Steps[e.Step()]
	if shared := keySet(st.By) & s.spec.bound[e.Step()]; shared != 0 || len(st.By) == 0 {
		f(s.place(atStep|uint64(e.Step()), shared, func(k int) Key { v, _ := e.key(st, k); return v }), never, 0)
		return
	}
	for i, k := range st.By {
		s.back(e, k, e.nth(i), never, 0, f)
	}
}
