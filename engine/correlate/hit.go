package correlate

import (
	"github.com/seed-843b225c/reflex/engine"
	"github.com/seed-843b225c/reflex/engine/rule"
	"github.com/seed-843b225c/reflex/engine/window"
)

// Hit takes one hit. The event may be reused afterwards.
func (c *Correlator) Hit(h engine.Hit) {
	pp := &c.plan.probes[h.Probe]
	r := pp.rule
	if r.off {
		return
	}
	c.stats.Hits++
	if c.brute != nil {
		c.brute.hit(c, h)
		return
	}
	if c.memory != nil {
		c.memory.begin()
		c.memory.tape.start()
	}
	late := h.Event.Time <= c.marks[r.Index].in
	if late {
		c.stats.Late++
		if r.Kind != rule.Match {
			return
		}
	}
	c.busy[r.Index] = true
	c.now = h.Event
	switch pp.role {
	case rule.RoleStep:
		c.stepHit(pp, h)
	case rule.RoleLink:
		c.linkHit(pp, h)
	default:
		c.ownHit(pp, h)
	}
	c.deliver()
}

// fresh reports whether a shard sees a hit for the first time.
func (c *Correlator) fresh(st *ruleState, h engine.Hit) bool {
	if !st.seen.Add(h.Event.Time, h.Event.Hash^uint64(h.Probe)*0x9e3779b97f4a7c15) {
		c.stats.Duplicates++
		return false
	}
	return true
}

// ownHit takes a hit of a rule's own condition.
func (c *Correlator) ownHit(pp *probePlan, h engine.Hit) {
	r, ev := pp.rule, h.Event
	doc := c.doc
	var k, value window.Key
	var counted engine.Value
	var distinct uint64
	ok := true
	hash := &c.build.hash
	switch r.Kind {
	case rule.Match:
		k = c.as(c.build.dedupLive(r, ev))
	case rule.Count:
		k, ok = hash.Event(r.salt, ev, r.Count.By)
		k = c.as(k)
		if slot := max(r.Count.Distinct, r.Count.Sum); slot >= 0 {
			counted = ev.Get(slot)
			ok = ok && !counted.IsNil()
		}
		if ok && r.Count.Distinct >= 0 {
			distinct = c.as(hash.Key(0, counted)).Lo
		}
	case rule.FirstSeen:
		k, ok = hash.Event(r.salt, ev, r.First.By)
		if ok {
			if value, ok = hash.Event(r.salt+1, ev, r.First.Value); ok {
				value = c.as(window.Key{Hi: value.Hi ^ k.Hi, Lo: value.Lo + k.Lo})
			}
		}
		k = c.as(k)
	}
	s := c.shards[int(k.Hi%uint64(len(c.shards)))]
	st := s.rules[r.Index]
	seen := st
	if r.Kind == rule.Match { // its key may change when its run is known
		seen = c.shards[int(ev.Hash%uint64(len(c.shards)))].rules[r.Index]
	}
	if r.held && r.Kind == rule.Match {
		if p, ok := seen.held.Get(ev.Time, ev.Hash); ok && c.build.gains(p.ev, ev) {
			e := c.pack(ev, pp.keep)
			s.resolved(p, r, e)
			c.memory.hit(pp, asAgain, e)
			return
		}
	}
	if !c.fresh(seen, h) {
		return
	}
	c.stats.Matches[r.Index]++
	if !ok {
		c.stats.MissingKey[r.Index]++
		return
	}
	if r.Kind == rule.Count && r.Count.Sum >= 0 {
		if _, sums := window.ToAmount(counted.Float()); !sums {
			c.stats.Refused[r.Index]++
			return
		}
	}
	e := c.pack(ev, pp.keep)
	switch r.Kind {
	case rule.Match:
		if p := s.matched(st, e, k, doc); r.held {
			seen.held.Put(ev.Time, ev.Hash, p)
		}
	case rule.Count:
		if !s.counted(st, e, k, counted, distinct, doc) {
			return
		}
	case rule.FirstSeen:
		if !s.room(st, st.first.Len(), 0) {
			return
		}
		if s.live && !st.first.Known(ev.Time, value) && !st.first.Learns(ev.Time, c.marks[r.Index].in, k) {
			s.keepDocument(st, e, doc)
		}
		st.queue.Push(waiting{ev: e, key: k, value: value})
	}
	c.memory.hit(pp, asHit, e)
}

// stepHit takes a hit of a step's condition.
func (c *Correlator) stepHit(pp *probePlan, h engine.Hit) {
	r, ev := pp.rule, h.Event
	e := c.pack(ev, pp.keep)
	s := c.shards[0]
	se, home, ok := s.stepEvent(r, pp.part, -1, e, c.get, c.as)
	if !ok {
		if c.fresh(s.rules[r.Index], h) {
			c.stats.Matches[r.Index]++
			c.stats.MissingKey[r.Index]++
		}
		return
	}
	s = c.shards[s.owner(home)]
	st := s.rules[r.Index]
	if !c.fresh(st, h) {
		return
	}
	c.stats.Matches[r.Index]++
	if s.step(st, se, c.doc) {
		c.memory.hit(pp, asHit, e)
	}
}

// linkHit takes a hit of a link's condition.
func (c *Correlator) linkHit(pp *probePlan, h engine.Hit) {
	r := pp.rule
	s := c.shards[int(r.salt%uint64(len(c.shards)))]
	st := s.rules[r.Index]
	if !c.fresh(st, h) {
		return
	}
	l := r.Sequence.Links[pp.part]
	from, to := h.Event.Get(l.From.Slot), h.Event.Get(l.To.Slot)
	if from.IsNil() || to.IsNil() {
		c.stats.MissingKey[r.Index]++
		return
	}
	hash := &c.build.hash
	e := c.pack(h.Event, pp.keep)
	if c.kept != nil {
		c.kept.links[r.Index][pp.part] = append(c.kept.links[r.Index][pp.part], e)
	}
	fromKey, toKey := c.as(hash.Key(0, from)), c.as(hash.Key(0, to))
	s.link(st, pp.part, e, fromKey, toKey)
	c.memory.hit(pp, asHit, e)
}

// pack keeps an event with the values of the given slots. What Restore feeds is
// packed already, and stays so where it can.
func (c *Correlator) pack(ev *engine.Event, slots []int) *window.Event {
	if c.memory.restoring() && c.memory.replay.kept != nil {
		return c.memory.replay.kept
	}
	return c.packer.Pack(ev, slots)
}

// edit overwrites secrets in text from outside before it is kept.
func (c *Correlator) edit(slot int, v engine.Value) engine.Value {
	if !c.plan.text[slot] || c.memory.restoring() { // what is stored is clean
		return v
	}
	clean := redacted(c.opt.Redact, v)
	if c.memory != nil && clean != v {
		c.memory.tape.edited = true
	}
	return clean
}

// document gives the redacted document of a live event.
func (c *Correlator) document(ev *engine.Event) []byte {
	if c.memory.restoring() {
		doc, _ := c.shards[0].rules[c.memory.replay.rule].docs.Get(ev.Time, ev.Hash)
		return doc
	}
	if ev.Document != nil {
		return ev.Document
	}
	if c.opt.Document == nil {
		return nil
	}
	if d := &c.drawn; d.doc == nil || d.of != (eventRef{ev.Time, ev.Hash}) {
		d.of, d.doc = eventRef{ev.Time, ev.Hash}, c.opt.Document(ev)
	}
	return c.drawn.doc
}
