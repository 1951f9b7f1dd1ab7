package correlate

import (
	"math"
	"slices"

	"github.com/seed-843b225c/reflex/engine"
	"github.com/seed-843b225c/reflex/engine/rule"
	"github.com/seed-843b225c/reflex/engine/window"
)

// shard owns the state of the keys that hash to it. It is plain data that one
// goroutine drives; what concerns a key of another shard leaves as a message.
//
// A checkpoint will write a shard down rule by rule: each state below is plain
// data under 128-bit keys, and everything derived (queues' order, indexes) can
// be rebuilt by adding the kept events again. Save and Restore will hook in
// here; nothing outside a shard holds state but the numbers of sources and the
// watermarks.
type shard struct {
	*alerts
	n     int // own number
	of    int // how many there are
	live  bool
	rules []*ruleState
	stats *Stats
	send  func(message)
	emit  func(engine.Transition)
	names *nameBoard
	out   []*engine.Alert
	quota Quota
	buf   []*window.Event
	kept  *collected
}

// message is what one shard hands to another.
type message struct {
	to    int
	rule  int
	point *point            // a settled point, to the owner of its dedup key
	early *point            // a point known at once, likewise
	step  *window.StepEvent // an event of a sequence's step, to the owner of its key
	from  *rulePlan         // of step: whose point it was
	doc   []byte            // of early: its document
}

// ruleState is what a shard remembers for one rule.
type ruleState struct {
	rule *rulePlan
	seen window.Seen

	// one of these by kind
	count    *window.Aging[*window.Count]
	countBy  window.CountSpec
	distinct *window.Aging[*window.Distinct]
	distBy   window.DistinctSpec
	sum      *window.Aging[*window.Sum]
	sumBy    window.SumSpec
	first    *window.First
	seq      *window.Sequence
	any      *window.Unordered
	fed      window.Timed[*window.StepEvent] // step events made by rules, by step and event
	held     window.Timed[*point]            // of a match rule: points that may still learn their run

	queue    window.Queue[waiting] // hits not yet settled (count, first_seen)
	points   window.Queue[*point]  // settled points on their way to episodes
	episodes *window.Episodes[*episode]
	alive    map[window.Key][]*living
	docs     window.Timed[[]byte] // documents of events that may open an episode
	dropped  bool
	opened   int64
}

// waiting is a hit that its window settles later.
type waiting struct {
	ev         *window.Event
	key, value window.Key
}

func newShard(n int, c *Correlator) *shard {
	s := &shard{
		alerts: c.build, n: n, of: c.opt.Shards, stats: &c.stats, send: c.send, emit: c.opt.Emit,
		names: c.names, quota: c.opt.Quota, kept: c.kept, live: c.opt.Emit != nil || c.opt.Document != nil,
	}
	for _, r := range c.plan.rules {
		s.rules = append(s.rules, newRuleState(r, c.opt.tidy))
	}
	return s
}

func newRuleState(r *rulePlan, tidy int) *ruleState {
	st := &ruleState{rule: r, episodes: window.NewEpisodes[*episode](r.Alert.Within, episodeMost), alive: map[window.Key][]*living{}}
	st.queue.Before = func(a, b waiting) bool { return a.ev.Before(b.ev) }
	st.points.Before = func(a, b *point) bool { return a.compare(b) < 0 }
	if r.off {
		return st
	}
	switch c := r.Count; r.Kind {
	case rule.Count:
		switch {
		case c.Sum >= 0:
			st.sumBy = window.SumSpec{Within: c.Within, Bucket: c.Bucket}
			st.sum = window.NewAging(c.Within+2*max(c.Bucket, 1), func(x *window.Sum, _ int64) bool { return x.Pending() > 0 })
		case c.Distinct >= 0:
			st.distBy = window.DistinctSpec{Within: c.Within, AtLeast: int(c.AtLeast)}
			st.distinct = window.NewAging(c.Within, func(x *window.Distinct, _ int64) bool { return x.Pending() > 0 })
		default:
			st.countBy = window.CountSpec{Within: c.Within, AtLeast: int(c.AtLeast)}
			st.count = window.NewAging(c.Within, func(x *window.Count, _ int64) bool { return x.Pending() > 0 })
		}
	case rule.FirstSeen:
		f := r.First
		st.first = window.NewFirst(window.FirstSpec{Memory: f.Memory, For: f.LearnFor, Events: f.LearnEvents})
	case rule.Sequence:
		spec := chainSpec(r)
		spec.Tidy = tidy
		if r.Sequence.Ordered {
			st.seq = window.NewSequence(spec)
		} else {
			st.any = window.NewUnordered(spec)
		}
	}
	return st
}

// chainSpec says what package window needs to know of a sequence.
func chainSpec(r *rulePlan) window.ChainSpec {
	s := r.Sequence
	spec := window.ChainSpec{Within: s.Within, Keys: len(s.Keys), Slack: r.tolerance,
		After: func(a, b *window.Event) int64 { return tolerance(a, b, s.Slack) }}
	for i, st := range s.Steps {
		cs := window.ChainStep{Within: st.Within, Optional: st.Optional, Negated: st.Negated}
		for _, by := range st.By {
			cs.By = append(cs.By, by.Key)
		}
		for _, e := range r.ends {
			cs.End = cs.End || e == i
		}
		spec.Steps = append(spec.Steps, cs)
	}
	for _, l := range s.Links {
		spec.Links = append(spec.Links, window.ChainLink{From: l.From.Key, To: l.To.Key})
	}
	for _, d := range r.differs {
		spec.Differs = append(spec.Differs, window.Differ{A: d.a, B: d.b, N: d.n})
	}
	return spec
}

// owner gives the shard that owns a key.
func (s *shard) owner(k window.Key) int { return int(k.Hi % uint64(s.of)) }

// room reports whether a rule may remember one more key or event.
func (s *shard) room(st *ruleState, keys, events int) bool {
	if keys < s.quota.Keys && events < s.quota.Events {
		return true
	}
	s.stats.Dropped[st.rule.Index]++
	st.dropped = true
	return false
}

// matched takes a hit of a match rule: a point by itself.
func (s *shard) matched(st *ruleState, e *window.Event, dedup window.Key, doc func() []byte) *point {
	p := &point{ev: e, made: []made{{ev: e, rule: -1}}, dedup: dedup}
	p.level = s.level(st.rule, p)
	s.early(st, p, doc)
	st.points.Push(p)
	s.feed(st.rule, e)
	return p
}

// resolved takes a match rule's event again, now that its run is known. The
// point stays the one it was, under the same dedup key and level; its alert
// gains what is new, and sequences keyed on the run see it.
func (s *shard) resolved(p *point, r *rulePlan, e *window.Event) {
	p.learn(e)
	s.feed(r, e)
}

// counted takes a hit of a count rule.
func (s *shard) counted(st *ruleState, e *window.Event, k window.Key, v engine.Value, doc func() []byte) {
	r := st.rule
	switch {
	case st.count != nil:
		c, ok := st.count.Get(k)
		if !ok {
			if !s.room(st, st.count.Len(), 0) {
				return
			}
			c = &window.Count{}
			st.count.Put(k, c)
		} else if !s.room(st, 0, c.Pending()) {
			return
		}
		i := c.Add(e)
		if s.live {
			c.Early(&st.countBy, i, func(x *window.Event) {
				p := &point{ev: x, measure: float64(r.Count.AtLeast), made: []made{{ev: x, rule: -1}}}
				s.counts(st, p, x == e, doc)
			})
		}
	case st.distinct != nil:
		d, ok := st.distinct.Get(k)
		if !ok {
			if !s.room(st, st.distinct.Len(), 0) {
				return
			}
			d = window.NewDistinct()
			st.distinct.Put(k, d)
		} else if !s.room(st, 0, d.Pending()) {
			return
		}
		i := d.Add(window.Valued{Event: e, Hash: s.hash.Key(0, v).Lo})
		if s.live && d.Early(&st.distBy, i) {
			p := &point{ev: e, measure: float64(r.Count.AtLeast), made: []made{{ev: e, rule: -1}}}
			s.counts(st, p, true, doc)
		}
	case st.sum != nil:
		a, _ := window.ToAmount(v.Float())
		x, ok := st.sum.Get(k)
		if !ok {
			if !s.room(st, st.sum.Len(), 0) {
				return
			}
			x = &window.Sum{}
			st.sum.Put(k, x)
		} else if !s.room(st, 0, x.Pending()) {
			return
		}
		i := x.Add(window.Sized{Event: e, Amount: a})
		if s.live {
			sum := x.Early(&st.sumBy, i)
			if bound, ok := s.most(r, s.event(e)); ok && sum > bound {
				p := &point{ev: e, measure: sum, made: []made{{ev: e, rule: -1}}}
				s.counts(st, p, true, doc)
			}
		}
	}
	st.queue.Push(waiting{ev: e, key: k})
}

// counts passes on a point of a count that was found at once.
func (s *shard) counts(st *ruleState, p *point, own bool, doc func() []byte) {
	p.dedup = s.dedup(st.rule, p)
	p.level = s.level(st.rule, p)
	if !own {
		doc = nil
	}
	s.early(st, p, doc)
	s.feed(st.rule, p.ev)
}

// settle lets a rule's windows judge everything up to the watermark.
func (s *shard) settle(st *ruleState, w int64) {
	r := st.rule
	switch {
	case st.seq != nil:
		st.seq.Settle(w, func(c *window.Chain) { s.chained(st, c) })
	case st.any != nil:
		st.any.Settle(w, func(done *window.Event, c []*window.StepEvent) { s.unordered(st, done, c) })
	}
	for {
		h, ok := st.queue.Peek()
		if !ok || h.ev.Time > w {
			break
		}
		st.queue.Pop()
		switch {
		case st.count != nil:
			st.count.Advance(h.ev.Time)
			c, _ := st.count.Get(h.key)
			e, measure, ms := c.Settle(&st.countBy)
			s.measured(r, h.key, e, float64(measure))
			if ms != nil {
				s.settled(st, &point{ev: e, measure: float64(measure), plain: slices.Clone(ms)})
			}
			c.Trim(&st.countBy)
		case st.distinct != nil:
			st.distinct.Advance(h.ev.Time)
			d, _ := st.distinct.Get(h.key)
			var e *window.Event
			var measure int
			var ms []*window.Event
			e, measure, ms = d.Settle(&st.distBy, s.buf)
			s.measured(r, h.key, e, float64(measure))
			if ms != nil {
				s.settled(st, &point{ev: e, measure: float64(measure), plain: slices.Clone(ms)})
				s.buf = ms
			}
		case st.sum != nil:
			st.sum.Advance(h.ev.Time)
			x, _ := st.sum.Get(h.key)
			e, sum := x.Settle(&st.sumBy)
			s.measured(r, h.key, e, sum)
			if bound, ok := s.most(r, s.event(e)); ok && sum > bound {
				s.settled(st, &point{ev: e, measure: sum, made: []made{{ev: e, rule: -1}}})
			}
		case st.first != nil:
			point_, learning := st.first.Settle(h.ev.Time, h.key, h.value)
			if learning {
				s.stats.Learned[r.Index]++
			}
			if point_ {
				s.settled(st, &point{ev: h.ev, made: []made{{ev: h.ev, rule: -1}}})
			}
		}
	}
	if w < math.MaxInt64 {
		st.seen.Advance(w)
		st.fed.Advance(w)
		st.held.Advance(w)
	}
}

// settled passes a settled point to the owner of its dedup key, and on to the
// sequences that take it.
func (s *shard) settled(st *ruleState, p *point) {
	p.dedup = s.dedup(st.rule, p)
	p.level = s.level(st.rule, p)
	s.send(message{to: s.owner(p.dedup), rule: st.rule.Index, point: p})
	s.feed(st.rule, p.ev)
}

// feed hands an event that is a point of a rule to the sequences that take it.
func (s *shard) feed(r *rulePlan, e *window.Event) {
	for _, f := range r.feeds {
		if s.excepted(r, f.except, e) {
			if s.kept != nil {
				s.kept.excepted(f, e)
			}
			continue
		}
		to := s.plan.rules[f.rule]
		se, k, ok := s.stepEvent(to, f.step, e, e.Value)
		if !ok {
			s.stats.MissingKey[f.rule]++
			continue
		}
		se.Rule = r.Index
		s.send(message{to: s.owner(k), rule: f.rule, step: se, from: r})
	}
}

// stepEvent makes the event of a step, with the key of the shard that owns it.
func (s *shard) stepEvent(r *rulePlan, step int, e *window.Event, value func(slot int) engine.Value) (*window.StepEvent, window.Key, bool) {
	st := &r.Sequence.Steps[step]
	se := &window.StepEvent{Event: e, Step: step, Rule: -1, Keys: make([]window.Key, len(st.By))}
	home := window.Key{Hi: r.salt}
	for i, by := range st.By {
		v := value(by.Slot)
		if v.IsNil() {
			return nil, home, false
		}
		se.Keys[i] = s.hash.Key(0, v)
		if by.Key == r.home {
			home = s.hash.Key(r.salt, v)
		}
	}
	for _, d := range r.differs {
		if d.a != step && d.b != step {
			continue
		}
		fs := make([]uint64, len(d.slots))
		for i, slot := range d.slots {
			if v := value(slot); !v.IsNil() {
				fs[i] = s.hash.Key(0, v).Lo | 1
			}
		}
		se.Differs = append(se.Differs, fs)
	}
	return se, home, true
}

// step takes an event of a sequence's step.
func (s *shard) step(st *ruleState, se *window.StepEvent, doc func() []byte) {
	if s.kept != nil {
		s.kept.step(st.rule, s.made(se))
	}
	if !s.room(st, st.size(), st.pending()) {
		return
	}
	live := s.live && !st.rule.waits
	switch {
	case st.seq != nil:
		st.seq.Add(se)
		if live {
			st.seq.Early(se, func(c *window.Chain) { s.chainEarly(st, c, se, doc) })
		}
	case st.any != nil:
		st.any.Add(se)
		if live {
			st.any.Early(se, func(c []*window.StepEvent) { s.anyEarly(st, c, se, doc) })
		}
	}
	if s.live && st.rule.waits && se.Step == st.rule.need[len(st.rule.need)-1] {
		s.keepDocument(st, se.Event, doc)
	}
}

// link takes an event of a sequence's link.
func (s *shard) link(st *ruleState, part int, e *window.Event, from, to window.Key) {
	if st.seq == nil {
		return
	}
	st.seq.AddLink(part, e, from, to)
	if s.live && !st.rule.waits {
		st.seq.EarlyLink(part, to, func(c *window.Chain) { s.chainEarly(st, c, nil, nil) })
	}
}

// fedStep takes a step event that other rules' points made, once.
func (s *shard) fedStep(m message, w int64) {
	st := s.rules[m.rule]
	if m.step.Time <= w {
		return // behind the sequence's watermark: its windows do not see it
	}
	id := m.step.Hash*31 + uint64(m.step.Step)
	if old, ok := st.fed.Get(m.step.Time, id); ok {
		if rank(st.rule, old.Step, m.step.Rule) < rank(st.rule, old.Step, old.Rule) {
			old.Rule = m.step.Rule // the first rule of the list names it
		}
		return
	}
	st.fed.Put(m.step.Time, id, m.step)
	s.step(st, m.step, nil)
}

func rank(r *rulePlan, step, rule int) int {
	for i, b := range r.Sequence.Steps[step].Rules {
		if b == rule {
			return i
		}
	}
	return -1
}

// chained takes a settled chain.
func (s *shard) chained(st *ruleState, c *window.Chain) {
	s.settled(st, s.chainPoint(st, c))
}

func (s *shard) chainPoint(st *ruleState, c *window.Chain) *point {
	p := &point{ev: c.Last.Event, end: c.Last.Step, keys: c.Tuple()}
	for _, e := range c.Events(st.rule.Sequence.Within) {
		p.made = append(p.made, s.made(e))
	}
	return p
}

func (s *shard) made(e *window.StepEvent) made {
	return made{ev: e.Event, step: e.Step, rule: e.Rule}
}

func (s *shard) unordered(st *ruleState, done *window.Event, c []*window.StepEvent) {
	p := &point{ev: done, end: st.rule.need[len(st.rule.need)-1]}
	for _, e := range c {
		p.made = append(p.made, s.made(e))
	}
	s.settled(st, p)
}

// size and pending are what the rule's quota bounds.
func (st *ruleState) size() int {
	switch {
	case st.count != nil:
		return st.count.Len()
	case st.distinct != nil:
		return st.distinct.Len()
	case st.sum != nil:
		return st.sum.Len()
	case st.first != nil:
		return st.first.Len()
	case st.seq != nil:
		return st.seq.Len()
	case st.any != nil:
		return st.any.Len()
	}
	return 0
}

func (st *ruleState) pending() int {
	switch {
	case st.seq != nil:
		return st.seq.Pending()
	case st.any != nil:
		return st.any.Pending()
	}
	return st.queue.Len()
}

// episode takes the points up to the watermark into their episodes and gives
// the alerts of those that are over.
func (s *shard) episode(st *ruleState, w int64) {
	for {
		p, ok := st.points.Peek()
		if !ok || p.ev.Time > w {
			break
		}
		s.join(st, st.points.Pop())
	}
	st.episodes.Close(w, func(sp *window.Span[*episode]) { s.over(st, sp, true) })
	st.docs.Advance(w)
}

// end gives what is left when the input is over; w is the newest event time.
func (s *shard) end(st *ruleState, w int64) {
	for st.points.Len() > 0 {
		s.join(st, st.points.Pop())
	}
	st.episodes.Close(w-st.rule.tolerance, func(sp *window.Span[*episode]) { s.over(st, sp, true) })
	st.episodes.Each(func(sp *window.Span[*episode]) { s.over(st, sp, false) })
}

// join adds a settled point to its episode.
func (s *shard) join(st *ruleState, p *point) {
	r := st.rule
	for i, m := range p.made {
		if m.rule >= 0 {
			p.made[i].alert = s.names.get(m.rule, m.ev.Hash)
		}
	}
	if s.emit != nil && st.nameOf(p) == "" {
		s.alight(st, p, nil) // not known at once
	}
	sp, ended, opened := st.episodes.Add(p.dedup, p.ev.Time)
	if ended != nil {
		s.over(st, ended, true)
	}
	if opened {
		sp.Of = &episode{summary: summary{rule: r, dedup: p.dedup}}
		sp.Of.document, _ = st.docs.Get(p.ev.Time, p.ev.Hash)
		if sp.Of.id = st.nameOf(p); sp.Of.id == "" {
			sp.Of.id = identity(r, p.dedup, p.ev)
		}
	}
	sp.Of.add(s.alerts, p)
	if len(r.feeds) > 0 {
		s.names.put(r.Index, p.ev, sp.Of.id)
	}
}

// over makes the alert of an episode.
func (s *shard) over(st *ruleState, sp *window.Span[*episode], final bool) {
	sum := sp.Of.close()
	sum.final = final
	if st.dropped {
		sum.incomplete = "the rule's quota was reached and something was dropped"
	}
	s.finish(st, sum)
	s.out = append(s.out, s.build(sum))
}
