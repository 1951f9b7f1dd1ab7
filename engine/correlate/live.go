package correlate

import (
	"slices"

	"github.com/seed-843b225c/reflex/engine"
	"github.com/seed-843b225c/reflex/engine/window"
)

// This file is what is said at once, before the watermark decides: which
// episodes are known to be open, under which identity, and with which document.
// It never changes what the settled episodes say; it only names them.

// living is an episode as far as it is known at once.
type living struct {
	start, end int64
	id         string
	opened     int64  // order of opening in this rule and shard
	count      int64  // points known
	number     int    // transitions given
	first      *point // earliest known point
	top        *point
	entities   []engine.Named
	document   []byte
}

// early takes a point that is known at once. doc makes the document of the
// live event behind it; nil when that is gone.
func (s *shard) early(st *ruleState, p *point, doc func() []byte) {
	if !s.live {
		return
	}
	m := message{to: s.owner(p.dedup), rule: st.rule.Index, early: p}
	if m.to == s.n {
		s.alight(st, p, doc)
		return
	}
	// The document can only be made while the event lives, so the question
	// whether it is needed cannot wait for the other shard's answer.
	if doc != nil && st.asks(p) {
		m.doc = doc()
	}
	s.send(m)
}

// asks reports whether, by what this shard knows, nothing covers the point.
func (st *ruleState) asks(p *point) bool {
	for _, l := range st.alive[p.dedup] {
		if l.covers(p.ev.Time, st.rule.Alert.Within) && l.start <= p.ev.Time {
			return false
		}
	}
	return true
}

// covers reports whether a point at a time belongs to the episode, as far as
// known.
func (l *living) covers(t, within int64) bool {
	return t >= l.start-within && t <= l.end+within && max(l.end, t)-min(l.start, t) <= episodeMost
}

// alight puts a point among the living.
func (s *shard) alight(st *ruleState, p *point, doc func() []byte) {
	within := st.rule.Alert.Within
	var into *living
	var rest []*living
	for _, l := range st.alive[p.dedup] {
		switch {
		case !l.covers(p.ev.Time, within) || into != nil && max(l.end, into.end)-min(l.start, into.start) > episodeMost:
			rest = append(rest, l)
		case into == nil:
			into = l
		default:
			if l.opened < into.opened {
				into, l = l, into
			}
			s.merge(st, into, l)
		}
	}
	if into == nil {
		st.opened++
		into = &living{start: p.ev.Time, end: p.ev.Time, opened: st.opened, first: p, top: p, count: 1}
		if s.emit != nil {
			into.id = identity(st.rule, p.dedup, p.ev)
			into.entities = s.grow(st.rule, nil, p)
		}
		s.ask(st, into, p, doc)
		st.alive[p.dedup] = append(rest, into)
		s.say(st, into, engine.Opened, p)
		return
	}
	st.alive[p.dedup] = append(rest, into)
	into.count++
	if p.compare(into.first) < 0 {
		into.first = p
		s.ask(st, into, p, doc)
	}
	into.start, into.end = min(into.start, p.ev.Time), max(into.end, p.ev.Time)
	raised := p.level > into.top.level
	if raised {
		into.top = p
	}
	if s.emit == nil {
		return
	}
	n := len(into.entities)
	into.entities = s.grow(st.rule, into.entities, p)
	switch {
	case raised:
		s.say(st, into, engine.Raised, p)
	case len(into.entities) > n || into.count&(into.count-1) == 0:
		s.say(st, into, engine.Joined, p) // at 2, 4, 8 ... points: news, not a flood
	}
}

// ask gets the document of a point that opens an episode or is its earliest.
func (s *shard) ask(st *ruleState, l *living, p *point, doc func() []byte) {
	if doc == nil {
		return
	}
	l.document = doc()
	st.docs.Put(p.ev.Time, p.ev.Hash, l.document)
}

// keepDocument keeps the document of an event that only the watermark will
// judge, unless an open episode covers it.
func (s *shard) keepDocument(st *ruleState, e *window.Event, doc func() []byte) {
	if doc == nil {
		return
	}
	if _, ok := st.docs.Get(e.Time, e.Hash); !ok {
		if d := doc(); d != nil {
			st.docs.Put(e.Time, e.Hash, d)
		}
	}
}

// merge joins a younger living episode into an older one, visibly.
func (s *shard) merge(st *ruleState, into, l *living) {
	into.start, into.end = min(into.start, l.start), max(into.end, l.end)
	into.count += l.count
	if l.first.compare(into.first) < 0 {
		into.first, into.document = l.first, l.document
	}
	if l.top.level > into.top.level {
		into.top = l.top
	}
	for _, n := range l.entities {
		into.entities = addEntity(into.entities, n)
	}
	if s.emit == nil {
		return
	}
	l.number++
	s.emit(engine.Transition{Change: engine.Merged, Number: l.number, Time: l.end, Alert: s.build(s.known(st, l)), Into: into.id})
}

// say gives a transition of a living episode.
func (s *shard) say(st *ruleState, l *living, c engine.Change, p *point) {
	if s.emit == nil {
		return
	}
	l.number++
	s.emit(engine.Transition{Change: c, Number: l.number, Time: p.ev.Time, Alert: s.build(s.known(st, l))})
}

// known is a living episode as a summary.
func (s *shard) known(st *ruleState, l *living) *summary {
	sum := &summary{rule: st.rule, dedup: l.first.dedup, start: l.start, end: l.end, count: l.count,
		level: l.top.level, measure: l.top.measure, earliest: l.first, top: l.top, entities: l.entities,
		document: l.document, id: l.id, evidence: slices.Clone(l.top.made)}
	for _, e := range l.top.plain {
		sum.evidence = append(sum.evidence, made{ev: e, rule: -1})
	}
	for i, m := range sum.evidence {
		if m.rule >= 0 && m.alert == "" {
			sum.evidence[i].alert = s.names.get(m.rule, m.ev.Hash)
		}
	}
	slices.SortFunc(sum.evidence, compareMade)
	if n := len(sum.evidence); n > 2*evidenceEnds {
		sum.evidence = slices.Delete(sum.evidence, evidenceEnds, n-evidenceEnds)
	}
	sum.events = int64(len(l.top.made) + len(l.top.plain))
	return sum
}

// nameOf gives the identity under which a point of a dedup key at a time was
// said to be, "" when it was not.
func (st *ruleState) nameOf(k window.Key, t int64) string {
	var by *living
	for _, l := range st.alive[k] {
		if l.start <= t && t <= l.end && (by == nil || l.opened < by.opened) {
			by = l
		}
	}
	if by == nil {
		return ""
	}
	return by.id
}

// finish names a final episode by the living ones it turns out to be, and
// says that it is over.
func (s *shard) finish(st *ruleState, sum *summary) {
	if !s.live {
		return
	}
	var mine, rest []*living
	for _, l := range st.alive[sum.dedup] {
		if l.end < sum.start || l.start > sum.end {
			rest = append(rest, l)
			continue
		}
		mine = append(mine, l)
	}
	if len(rest) == 0 {
		delete(st.alive, sum.dedup)
	} else {
		st.alive[sum.dedup] = rest
	}
	if s.emit == nil {
		return
	}
	slices.SortFunc(mine, func(a, b *living) int { return int(a.opened - b.opened) })
	l := &living{first: sum.earliest, top: sum.top}
	if len(mine) > 0 {
		l = mine[0]
		for _, x := range mine[1:] {
			s.merge(st, l, x)
		}
	} else { // nothing was said of it yet
		l.id = identity(st.rule, sum.dedup, sum.earliest.ev)
	}
	sum.id = l.id
	if l.number == 0 {
		l.number++
		s.emit(engine.Transition{Change: engine.Opened, Number: l.number, Time: sum.start, Alert: s.build(sum)})
	}
	if sum.final {
		l.number++
		s.emit(engine.Transition{Change: engine.Closed, Number: l.number, Time: sum.end, Alert: s.build(sum)})
	}
}

// chainEarly takes a chain found at once. own is the event that just came; doc
// is of that event.
func (s *shard) chainEarly(st *ruleState, c *window.Chain, own *window.StepEvent, doc func() []byte) {
	p := s.chainPoint(st, c)
	if own == nil || !own.Same(c.Last.Event) {
		doc = nil
	}
	s.chainKnown(st, p, doc)
}

// anyEarly is chainEarly for an unordered sequence.
func (s *shard) anyEarly(st *ruleState, c []*window.StepEvent, own *window.StepEvent, doc func() []byte) {
	p := &point{end: st.rule.need[len(st.rule.need)-1]}
	for _, e := range c {
		if !st.rule.Sequence.Steps[e.Step()].Optional && (p.ev == nil || p.ev.Before(e.Event)) {
			p.ev = e.Event
		}
		p.made = append(p.made, s.made(e))
	}
	if !own.Same(p.ev) {
		doc = nil
	}
	s.chainKnown(st, p, doc)
}

// chainKnown passes an early chain on. Its dedup key must not change when the
// watermark decides: a key that reads other steps' fields waits for it.
func (s *shard) chainKnown(st *ruleState, p *point, doc func() []byte) {
	p.dedup = s.dedup(st.rule, p)
	p.level = s.level(st.rule, p)
	if st.rule.steady {
		s.early(st, p, doc)
	} else {
		s.keepDocument(st, p.ev, doc)
	}
	s.feed(st.rule, p.ev)
}

// nameBoard tells which alert holds the point of a rule at an event. All
// shards of one process share it; between processes it travels with the point.
type nameBoard struct{ ids *window.Aging[name] }

type name struct {
	id string
	at int64 // time of the point
}

func newNameBoard(span int64) *nameBoard {
	return &nameBoard{window.NewAging(span, func(n name, since int64) bool { return n.at >= since })}
}

func (b *nameBoard) key(rule int, hash uint64) window.Key {
	return window.Key{Hi: uint64(rule), Lo: hash}
}

func (b *nameBoard) get(rule int, hash uint64) string {
	n, _ := b.ids.Get(b.key(rule, hash))
	return n.id
}

// put names an event's point; of several alerts the least id does.
func (b *nameBoard) put(rule int, e *window.Event, id string) {
	if old := b.get(rule, e.Hash); old == "" || id < old {
		b.ids.Put(b.key(rule, e.Hash), name{id, e.Time})
	}
}
