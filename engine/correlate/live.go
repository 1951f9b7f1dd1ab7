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
	seen       eventRef // whose document it is

	// What a restart brings back: the level and count that were said before, and
	// whether that it is over was said too, so that nothing is said twice. A
	// claim has no point yet: it is what the alert log says of an episode whose
	// points come again.
	dedup    window.Key
	level    engine.Level // highest known or said
	told     int64        // points said
	closed   bool
	stub     bool          // first is no more than its event
	settled  bool          // while Restore feeds: it is the stored open episode of its key
	back     bool          // it came back, and had then:
	levelWas engine.Level  // level
	countWas int64         // count
	said     *engine.Alert // of a claim: the alert as it was logged last

	dirty, gone bool // see changes
	noted       int64
	news        bool       // see note
	self        [1]*living // see with
}

// with gives the living episodes of a dedup key: rest, mostly none, and this one.
func (l *living) with(rest []*living) []*living {
	if len(rest) > 0 {
		return append(rest, l)
	}
	l.self[0] = l
	return l.self[:]
}

// eventRef names an event.
type eventRef struct {
	time int64
	hash uint64
}

// claim reports whether none of its points is known in this process.
func (l *living) claim() bool { return l.first == nil }

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
		if l.covers(p.ev.Time, st.rule.Alert.Within) && !l.claim() && l.start <= p.ev.Time {
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
	if s.memory.restoring() && p.ev.Time <= s.memory.replay.marks[st.rule.Index].out {
		st.relight(s, p)
		return
	}
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
		into = &living{start: p.ev.Time, end: p.ev.Time, opened: st.opened, first: p, top: p, count: 1, dedup: p.dedup, level: p.level}
		if s.emit != nil {
			into.id = identity(st.rule, p.dedup, p.ev)
			into.entities = s.grow(st.rule, nil, p)
		}
		s.ask(st, into, p, doc)
		st.alive[p.dedup] = into.with(rest)
		st.changes.living(p.dedup, into)
		if s.memory.restoring() {
			st.note(into)
		}
		s.say(st, into, engine.Opened, p)
		return
	}
	st.alive[p.dedup] = into.with(rest)
	if s.memory.restoring() {
		st.note(into)
	}
	into.count++
	if into.claim() || p.compare(into.first) < 0 {
		into.first, into.stub = p, false
		s.ask(st, into, p, doc)
	}
	into.start, into.end = min(into.start, p.ev.Time), max(into.end, p.ev.Time)
	raised := p.level > into.level
	if into.top == nil || p.level > into.top.level {
		into.top, into.level = p, max(into.level, p.level)
	}
	st.changes.living(p.dedup, into)
	if s.emit == nil {
		return
	}
	n := len(into.entities)
	into.entities = s.grow(st.rule, into.entities, p)
	switch {
	case raised:
		s.say(st, into, engine.Raised, p)
	case len(into.entities) > n || into.count&(into.count-1) == 0 && into.count > into.told:
		s.say(st, into, engine.Joined, p) // at 2, 4, 8 ... points: news, not a flood
	}
}

// ask gets the document of a point that opens an episode or is its earliest.
func (s *shard) ask(st *ruleState, l *living, p *point, doc func() []byte) {
	if doc == nil {
		return
	}
	if d := doc(); d != nil {
		l.document, l.seen = d, eventRef{p.ev.Time, p.ev.Hash}
		st.docs.Put(p.ev.Time, p.ev.Hash, d)
		s.memory.document(st.rule, p.ev.Time, p.ev.Hash, d)
	}
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
			s.memory.document(st.rule, e.Time, e.Hash, d)
		}
	}
}

// merge joins a younger living episode into an older one, visibly.
func (s *shard) merge(st *ruleState, into, l *living) {
	st.unsettle(into)
	st.unsettle(l)
	into.start, into.end = min(into.start, l.start), max(into.end, l.end)
	into.count += l.count
	if !l.claim() && (into.claim() || l.first.compare(into.first) < 0) {
		into.first, into.stub = l.first, l.stub
		into.document, into.seen = l.document, l.seen
	}
	if l.top != nil && (into.top == nil || l.top.level > into.top.level) {
		into.top = l.top
	}
	into.level = max(into.level, l.level)
	for _, n := range l.entities {
		into.entities = addEntity(into.entities, n)
	}
	st.changes.gone(l.dedup, l)
	st.changes.living(into.dedup, into)
	if s.emit == nil || l.closed || l.number == 0 {
		return // it is over, or nobody was told of it
	}
	l.number++
	s.emit(engine.Transition{Change: engine.Merged, Number: l.number, Time: l.end, Alert: s.show(st, l), Into: into.id})
}

// say gives a transition of a living episode.
func (s *shard) say(st *ruleState, l *living, c engine.Change, p *point) {
	if s.emit == nil || l.closed || s.memory.restoring() {
		return
	}
	l.number++
	s.emit(engine.Transition{Change: c, Number: l.number, Time: p.ev.Time, Alert: s.build(s.known(st, l))})
}

// known is a living episode as a summary.
func (s *shard) known(st *ruleState, l *living) *summary {
	top := l.top
	if top == nil {
		top = l.first
	}
	sum := &summary{rule: st.rule, dedup: l.dedup, start: l.start, end: l.end, count: max(l.count, l.told),
		level: l.level, measure: top.measure, earliest: l.first, top: top, entities: l.entities,
		document: l.document, id: l.id, evidence: slices.Clone(top.made)}
	for _, e := range top.plain {
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
	sum.events = int64(len(top.made) + len(top.plain))
	return sum
}

// nameOf gives the identity under which a point of a dedup key at a time was
// said to be, "" when it was not.
func (st *ruleState) nameOf(k window.Key, t int64) string {
	if by := st.at(k, t); by != nil {
		return by.id
	}
	return ""
}

// at gives the living episode of a dedup key at a time, the first opened of them.
func (st *ruleState) at(k window.Key, t int64) (by *living) {
	for _, l := range st.alive[k] {
		if l.start <= t && t <= l.end && (by == nil || l.opened < by.opened) {
			by = l
		}
	}
	return by
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
		st.unsettle(l)
		st.changes.gone(sum.dedup, l)
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
	l := &living{dedup: sum.dedup, first: sum.earliest, top: sum.top}
	if len(mine) > 0 {
		l = mine[0]
		for _, x := range mine[1:] {
			s.merge(st, l, x)
		}
	} else { // nothing was said of it yet
		l.id = identity(st.rule, sum.dedup, sum.earliest.ev)
	}
	sum.id = l.id
	if l.closed {
		return // that was said before a restart
	}
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
type nameBoard struct {
	ids    *window.Aging[name]
	memory *memory
}

type name struct {
	id string
	at int64 // time of the point
}

func newNameBoard(span int64, m *memory) *nameBoard {
	return &nameBoard{window.NewAging(span, func(n name, since int64) bool { return n.at >= since }), m}
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
		b.memory.name(rule, e, id)
	}
}
