package window

import (
	"encoding/binary"
	"slices"
	"sort"
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
	hash Hasher

	queue  Queue[due]
	now    int64 // due time reached: everything at or before it is complete
	chains *Aging[*bucketOf]
	links  *Aging[*linkList]
	negs   *Aging[*times]
	opts   *Aging[*optList]
	multi  *Aging[*StepEvent] // by event: one of its steps
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
	atEvent
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
		chains: NewAging[*bucketOf](span, nil), // only settled ones
		links:  NewAging(span, func(l *linkList, since int64) bool { return l.links[len(l.links)-1].ev.Time >= since }),
		negs:   NewAging(span, func(t *times, since int64) bool { return t.ts[len(t.ts)-1] >= since }),
		opts: NewAging(span, func(l *optList, since int64) bool {
			n := len(l.recent)
			return n > 0 && l.recent[n-1].Time >= since
		}),
		multi: NewAging(2*spec.margin, func(e *StepEvent, since int64) bool { return e.Time >= since }),
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
		return a.e.Step < b.e.Step
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

// Len counts the buckets of chains.
func (s *Sequence) Len() int { return s.chains.Len() }

// Add takes an event of a step, in any order, each event once a step.
func (s *Sequence) Add(e *StepEvent) {
	st := &s.spec.Steps[e.Step]
	switch {
	case st.Negated:
		s.addNegated(e)
		return
	case st.Optional:
		s.addOptional(e)
		return
	}
	if len(s.spec.need) > 2 {
		k := Key{atEvent, e.Hash}
		if other, ok := s.multi.Get(k); ok {
			other.multi, e.multi = true, true
		} else {
			s.multi.Put(k, e)
		}
	}
	s.pending++
	rank := s.spec.rank[e.Step]
	s.queue.Push(due{e.Time + int64(rank+1)*s.spec.Slack, rank, e})
}

// AddLink takes an event of a link with the values of its two keys.
func (s *Sequence) AddLink(link int, e *Event, from, to Key) {
	s.addLink(s.lookup(atLink|uint64(link), to), e, from)
	s.addLink(s.lookup(atLink|uint64(link)|1<<31, from), e, to)
}

func (s *Sequence) addLink(k Key, e *Event, far Key) {
	l, ok := s.links.Get(k)
	if !ok {
		l = &linkList{tidy: s.spec.Tidy}
		s.links.Put(k, l)
	}
	i := sort.Search(len(l.links), func(i int) bool { return e.Before(l.links[i].ev) })
	l.links = slices.Insert(l.links, i, linkEvent{e, far})
	if len(l.links) > l.tidy {
		s.trimLinks(l)
		l.tidy = 2*len(l.links) + s.spec.Tidy
	}
}

// trimLinks drops what is too old, and of one source all but the latest that
// is certain to be before whatever comes.
func (s *Sequence) trimLinks(l *linkList) {
	var certain []Key
	kept := l.links[:0:0]
	for i := len(l.links) - 1; i >= 0; i-- {
		x := l.links[i]
		if x.ev.Time < s.now-s.spec.Within-s.spec.margin || slices.Contains(certain, x.far) {
			continue
		}
		if x.ev.Time < s.now-s.spec.margin {
			certain = append(certain, x.far)
			if len(certain) > MostTuples {
				s.Dropped++
				continue
			}
		}
		kept = append(kept, x)
	}
	if len(kept) > 0 {
		slices.Reverse(kept)
		l.links = kept
	}
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
	e.settled = true
	cs := s.extend(e)
	st := &s.spec.Steps[e.Step]
	if st.End {
		s.complete(e, cs, point)
	}
	if st.Optional || e.Step == s.spec.last() {
		return
	}
	for _, c := range cs {
		for _, k := range s.places(c) {
			s.store(k, c)
		}
	}
}

// complete gives the best chain of each tuple as a point.
func (s *Sequence) complete(e *StepEvent, cs []*Chain, point func(*Chain)) {
	if len(cs) == 0 {
		return
	}
	trailing := e.Step == s.spec.last() && s.trailing() > 0
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
	prev := s.spec.before(e.Step)
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
		if b, ok := s.chains.Get(k); ok {
			for i := len(b.chains) - 1; i >= 0; i-- {
				c := b.chains[i]
				if len(out) == 1 && s.uniform[e.Step] && len(s.spec.Differs) == 0 && links == 0 &&
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
	st := &s.spec.Steps[e.Step]
	if shared := keySet(st.By) & s.spec.bound[e.Step]; shared != 0 || len(st.By) == 0 {
		f(s.place(atStep|uint64(e.Step), shared, func(k int) Key { v, _ := e.key(st, k); return v }), never, 0)
		return
	}
	for i, k := range st.By {
		s.back(e, k, e.Keys[i], never, 0, f)
	}
}

// back walks links backwards from a value of a key.
func (s *Sequence) back(e *StepEvent, key int, v Key, oldest int64, links int8, f func(Key, int64, int8)) {
	if links == MostLinks {
		return
	}
	for i, l := range s.spec.Links {
		if l.To != key {
			continue
		}
		ll, ok := s.links.Get(s.lookup(atLink|uint64(i), v))
		if !ok {
			continue
		}
		for n := len(ll.links) - 1; n >= 0; n-- {
			x := ll.links[n]
			if x.ev.Time > e.Time+s.spec.After(x.ev, e.Event) || x.ev.Time < e.Time-s.spec.Within-s.spec.margin {
				continue
			}
			old := min(oldest, x.ev.Time)
			if s.spec.bound[e.Step].has(l.From) {
				f(s.crossing(e.Step, l.From, x.far), old, links+1)
			}
			s.back(e, l.From, x.far, old, links+1, f)
		}
	}
}

// try extends one chain with an event and adds the result if nothing there is
// as good.
func (s *Sequence) try(out []*Chain, c *Chain, e *StepEvent, oldest int64, links int8) []*Chain {
	st := &s.spec.Steps[e.Step]
	if c.Last.Time > e.Time+s.spec.After(c.Last.Event, e.Event) || c.holds(e.Event) ||
		st.Within > 0 && e.Time-c.Last.Time > st.Within ||
		c.links+links > MostLinks || !s.differs(c, e) {
		return out
	}
	oldest = min(oldest, c.oldest)
	if e.Time-oldest > s.spec.Within+s.spec.margin || e.Step == s.spec.last() && e.Time-oldest > s.spec.Within {
		return out
	}
	n := &Chain{Last: e, Prev: c, oldest: oldest, links: c.links + links}
	n.tuple = s.tuple(n)
	if s.forbidden(n) {
		return out
	}
	for _, b := range out {
		if s.dominates(b, n, false) {
			return out
		}
	}
	s.fillOptional(n)
	out = slices.DeleteFunc(out, func(b *Chain) bool { return s.dominates(n, b, false) })
	if len(out) >= s.Most {
		s.Dropped++
		return out
	}
	return append(out, n)
}

// dominates reports whether whatever extends b extends a too, and better.
// certain: whatever may extend them is later than both.
func (s *Sequence) dominates(a, b *Chain, certain bool) bool {
	if a.tuple != b.tuple || a.oldest < b.oldest || a.links > b.links || a.compare(b) < 0 {
		return false
	}
	if e := a.Last; e.Step == s.spec.last() {
		return true
	}
	for _, d := range s.spec.Differs {
		if d.A <= a.Last.Step && d.B > a.Last.Step {
			x, y := a.at(d.A), b.at(d.A)
			if x != nil && y != nil && !slices.Equal(s.fields(x, d), s.fields(y, d)) {
				return false
			}
		}
	}
	if !certain && s.risky(a) {
		for c := a; c != nil; c = c.Prev {
			if c.Last.multi && !b.holds(c.Last.Event) {
				return false
			}
		}
	}
	return true
}

// risky: the chain holds an event that a later step may want for itself.
func (s *Sequence) risky(c *Chain) bool {
	if s.spec.rank[c.Last.Step]+2 > len(s.spec.need) {
		return false
	}
	for t := c.Last.Time - s.spec.margin; c != nil; c = c.Prev {
		if c.Last.multi && c.Last.Time >= t {
			return true
		}
	}
	return false
}

// fields gives what a Differ compares of an event.
func (s *Sequence) fields(e *StepEvent, d Differ) []uint64 {
	n := 0
	for _, x := range s.spec.Differs {
		if x == d {
			break
		}
		if x.A == e.Step || x.B == e.Step {
			n++
		}
	}
	return e.Differs[n]
}

// differs checks the chain's mandatory events against an event.
func (s *Sequence) differs(c *Chain, e *StepEvent) bool {
	for _, d := range s.spec.Differs {
		if d.B != e.Step {
			continue
		}
		if x := c.at(d.A); x != nil && !unequal(s.fields(x, d), s.fields(e, d)) {
			return false
		}
	}
	return true
}

// places gives where a chain is stored: under one key for each step that may
// extend it, and for each optional step behind it.
func (s *Sequence) places(c *Chain) (out []Key) {
	value := func(k int) Key { v, _ := c.key(&s.spec, k); return v }
	for j := c.Last.Step + 1; j < len(s.spec.Steps) && s.spec.rank[j] <= s.spec.rank[c.Last.Step]+1; j++ {
		st := &s.spec.Steps[j]
		if st.Optional {
			if set := keySet(st.By) & s.spec.bound[j]; set != 0 || len(st.By) == 0 {
				out = append(out, s.place(atOptional|uint64(j), set, value))
			}
		}
		if !s.spec.target(j) {
			continue
		}
		if shared := keySet(st.By) & s.spec.bound[j]; shared != 0 || len(st.By) == 0 {
			out = append(out, s.place(atStep|uint64(j), shared, value))
			continue
		}
		for k := range s.spec.Keys {
			if s.spec.bound[j].has(k) && slices.ContainsFunc(s.spec.Links, func(l ChainLink) bool { return l.From == k }) {
				out = append(out, s.crossing(j, k, value(k)))
			}
		}
	}
	return out
}

// store puts a settled chain into a bucket.
func (s *Sequence) store(k Key, c *Chain) {
	b, ok := s.chains.Get(k)
	if !ok {
		b = &bucketOf{sweep: min(8, s.spec.Tidy)}
		s.chains.Put(k, b)
	}
	b.chains, b.most = append(b.chains, c), append(b.most, 0)
	i := len(b.chains) - 1
	for ; i > 0 && b.chains[i].compare(b.chains[i-1]) < 0; i-- {
		b.chains[i], b.chains[i-1] = b.chains[i-1], b.chains[i]
	}
	b.mark(i)
	if len(b.chains) >= b.sweep {
		s.sweep(b)
	}
}

// mark brings most up to date from a place on.
func (b *bucketOf) mark(i int) {
	most := -never
	if i > 0 {
		most = b.most[i-1]
	}
	for ; i < len(b.chains); i++ {
		most = max(most, b.chains[i].oldest)
		b.most[i] = most
	}
}

// sweep drops chains that nothing can extend in time, and those that a later
// one, certain to be before whatever comes, dominates.
func (s *Sequence) sweep(b *bucketOf) {
	var certain, kept []*Chain
	for i := len(b.chains) - 1; i >= 0; i-- {
		c := b.chains[i]
		if s.now-c.oldest > s.spec.Within+2*s.spec.margin ||
			slices.ContainsFunc(certain, func(x *Chain) bool { return s.dominates(x, c, true) }) {
			continue
		}
		if c.Last.Time < s.now-2*s.spec.margin {
			certain = append(certain, c)
		}
		kept = append(kept, c)
	}
	slices.Reverse(kept)
	if over := len(kept) - s.Most; over > 0 {
		s.Dropped += int64(over)
		kept = kept[over:]
	}
	b.chains, b.most = kept, b.most[:len(kept)]
	b.sweep = 2*len(kept) + min(8, s.spec.Tidy)
	if s.spec.Tidy == 1 {
		b.sweep = 1
	}
	b.mark(0)
}

// tuple hashes all keys a chain binds.
func (s *Sequence) tuple(c *Chain) Key {
	var buf [8]Key
	ks := buf[:0]
	for k := range s.spec.Keys {
		v, _ := c.key(&s.spec, k)
		ks = append(ks, v)
	}
	return Tuple(ks)
}

// Tuple hashes bound keys, in order; the zero Key stands for one that is not
// bound.
func Tuple(ks []Key) Key {
	var buf [16 * 8]byte
	b := buf[:0]
	for _, v := range ks {
		b = binary.LittleEndian.AppendUint64(b, v.Hi)
		b = binary.LittleEndian.AppendUint64(b, v.Lo)
	}
	return Hash(1, b)
}

// place hashes the values of a set of keys.
func (s *Sequence) place(salt uint64, set keyBits, value func(int) Key) Key {
	var buf [16 * 8]byte
	b := buf[:0]
	for k := range s.spec.Keys {
		if set.has(k) {
			v := value(k)
			b = binary.LittleEndian.AppendUint64(b, v.Hi)
			b = binary.LittleEndian.AppendUint64(b, v.Lo)
		}
	}
	return Hash(salt, b)
}

func (s *Sequence) lookup(salt uint64, v Key) Key {
	return Key{v.Hi ^ (salt+1)*0x9e3779b97f4a7c15, v.Lo}
}

// crossing is where chains stand that step j reaches over links from a key.
func (s *Sequence) crossing(j, key int, v Key) Key {
	return s.lookup(atStep|uint64(j)<<8|uint64(key)|1<<31, v)
}
