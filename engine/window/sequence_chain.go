package window

import (
	"encoding/binary"
	"slices"
)

// This file holds how a Sequence makes, compares and stores chains.

// try extends one chain with an event and adds the result if nothing there is
// as good.
func (s *Sequence) try(out []*Chain, c *Chain, e *StepEvent, oldest int64, links int8) []*Chain {
	st := &s.spec.Steps[e.Step()]
	if c.Last.Time > e.Time+s.spec.After(c.Last.Event, e.Event) || c.holds(e.Event) ||
		st.Within > 0 && e.Time-c.Last.Time > st.Within ||
		c.links+links > MostLinks || !s.differs(c, e) {
		return out
	}
	oldest = min(oldest, c.oldest)
	if e.Time-oldest > s.spec.Within+s.spec.margin || e.Step() == s.spec.last() && e.Time-oldest > s.spec.Within {
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
	if e := a.Last; e.Step() == s.spec.last() {
		return true
	}
	for _, d := range s.spec.Differs {
		if d.A <= a.Last.Step() && d.B > a.Last.Step() {
			x, y := a.at(d.A), b.at(d.A)
			if x != nil && y != nil && !slices.Equal(s.fields(x, d), s.fields(y, d)) {
				return false
			}
		}
	}
	if !certain && s.risky(a) {
		for c := a; c != nil; c = c.Prev {
			if c.Last.is(multi) && !b.holds(c.Last.Event) {
				return false
			}
		}
	}
	return true
}

// risky: the chain holds an event that a later step may want for itself.
func (s *Sequence) risky(c *Chain) bool {
	if s.spec.rank[c.Last.Step()]+2 > len(s.spec.need) {
		return false
	}
	for t := c.Last.Time - s.spec.margin; c != nil; c = c.Prev {
		if c.Last.is(multi) && c.Last.Time >= t {
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
		if x.A == e.Step() || x.B == e.Step() {
			n++
		}
	}
	return e.differs()[n]
}

// differs checks the chain's mandatory events against an event.
func (s *Sequence) differs(c *Chain, e *StepEvent) bool {
	for _, d := range s.spec.Differs {
		if d.B != e.Step() {
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
	for j := c.Last.Step() + 1; j < len(s.spec.Steps) && s.spec.rank[j] <= s.spec.rank[c.Last.Step()]+1; j++ {
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

// store puts a settled chain into a place; only: it stands in no other.
func (s *Sequence) store(k Key, c *Chain, only bool) {
	b := s.bucket(k)
	if b == nil {
		if only && c.Prev == nil && c.extras == nil && c.links == 0 {
			s.chains.Put(k, place{one: c.Last})
			return
		}
		b = s.newBucket(k)
	}
	s.put(b, c)
}

// bucket gives the chains of a place, nil when there are none.
func (s *Sequence) bucket(k Key) *bucketOf {
	p, ok := s.chains.Get(k)
	if !ok || p.many != nil {
		return p.many
	}
	b := s.newBucket(k)
	c := &Chain{Last: p.one, oldest: p.one.Time}
	c.tuple = s.tuple(c)
	s.put(b, c)
	return b
}

func (s *Sequence) newBucket(k Key) *bucketOf {
	b := &bucketOf{sweep: min(8, s.spec.Tidy)}
	s.chains.Put(k, place{many: b})
	return b
}

func (s *Sequence) put(b *bucketOf, c *Chain) {
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
