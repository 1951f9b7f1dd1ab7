package correlate

import (
	"cmp"
	"slices"

	"github.com/seed-843b225c/reflex/engine"
	"github.com/seed-843b225c/reflex/engine/window"
)

// This file keeps the identity of alerts across a crash: what the alert log
// says of episodes is brought back as living ones, whose points may still have
// to come again.

// claims takes what the alert log says. A logged alert that is not among the
// living becomes a claim of its rule and dedup key: a point that meets its span
// goes on under its id. A rule that starts empty takes those alone whose first
// point comes again; the others were another rule's.
func (c *Correlator) claims(rp *replay, logged []engine.Transition) {
	byRule := map[string]int{}
	for i, r := range c.plan.rules {
		byRule[r.ID] = i
	}
	again := opened(logged)
	of := map[string]*living{} // by id, of the dedup keys in the log
	known := map[window.Key]bool{}
	for i := range logged {
		t := &logged[i]
		if t.Alert == nil {
			continue
		}
		rule, ok := byRule[t.Alert.Rule]
		dedup, is := parseKey(t.Alert.Dedup)
		if !ok || !is || c.plan.rules[rule].off || c.opt.Emit == nil || c.memory.rules[rule].fresh && !again[t.Alert.ID] {
			rp.report.Ignored++
			continue
		}
		s := c.owner(dedup)
		st := s.rules[rule]
		if !known[dedup] { // keys of rules differ
			known[dedup] = true
			for _, l := range st.alive[dedup] {
				of[l.id] = l
			}
		}
		l := of[t.Alert.ID]
		if l == nil {
			st.opened++
			l = &living{dedup: dedup, id: t.Alert.ID, opened: st.opened, start: t.Alert.Start, end: t.Alert.End}
			of[l.id] = l
			st.alive[dedup] = append(st.alive[dedup], l)
			st.claims.Push(due{st.late(l), l})
			rp.report.Claims++
			rp.report.Alerts++
		}
		st.note(l)
		st.unsettle(l)
		l.hear(t)
		st.changes.living(dedup, l)
		if t.Change == engine.Merged {
			delete(of, l.id)
			c.mergedAway(st, l, t.Into, of)
			rp.report.Alerts--
		}
	}
	for _, l := range of {
		l.came()
	}
}

// opened gives the alerts whose first point comes again: those that were opened
// in the log, and not closed there because their rule changed.
func opened(logged []engine.Transition) map[string]bool {
	out := map[string]bool{}
	for i := range logged {
		if t := &logged[i]; t.Alert != nil && (t.Number == 1 || t.Reason != "") {
			out[t.Alert.ID] = t.Reason == ""
		}
	}
	return out
}

// Holds reports whether an alert that was said and not closed goes on here.
func (c *Correlator) Holds(a *engine.Alert) bool {
	dedup, ok := parseKey(a.Dedup)
	if !ok {
		return false
	}
	for i, r := range c.plan.rules {
		if r.ID == a.Rule && !r.off {
			return slices.ContainsFunc(c.owner(dedup).rules[i].alive[dedup], func(l *living) bool { return l.id == a.ID })
		}
	}
	return false
}

// came notes what was said of a living episode before anything is fed.
func (l *living) came() { l.back, l.countWas, l.levelWas = true, l.count, l.level }

// hear takes what a logged transition says of a living episode.
func (l *living) hear(t *engine.Transition) {
	a := t.Alert
	l.start, l.end = min(l.start, a.Start), max(l.end, a.End)
	l.level, l.told = max(l.level, a.Level), max(l.told, a.Count)
	l.number = max(l.number, t.Number)
	l.closed = l.closed || t.Change == engine.Closed
	for _, n := range a.Entities {
		l.entities = addEntity(l.entities, n)
	}
	if l.claim() && t.Number >= l.number {
		l.said = a
	}
	if l.document == nil {
		l.document = a.Document
	}
}

// mergedAway ends a living episode that the log says was merged into another:
// that id is gone, and its points go on under the other's.
func (c *Correlator) mergedAway(st *ruleState, l *living, into string, of map[string]*living) {
	to := of[into]
	if to == nil || to.dedup != l.dedup { // the other is over: nothing is left to say
		l.closed = true
		return
	}
	st.unsettle(to)
	to.start, to.end = min(to.start, l.start), max(to.end, l.end)
	to.count += l.count
	if !l.claim() && (to.claim() || l.first.compare(to.first) < 0) {
		to.first, to.stub, to.document, to.seen = l.first, l.stub, l.document, l.seen
	}
	to.level = max(to.level, l.level)
	for _, n := range l.entities {
		to.entities = addEntity(to.entities, n)
	}
	st.remove(l)
	st.changes.living(to.dedup, to)
}

// remove takes one from among the living.
func (st *ruleState) remove(l *living) {
	rest := slices.DeleteFunc(st.alive[l.dedup], func(x *living) bool { return x == l })
	if st.alive[l.dedup] = rest; len(rest) == 0 {
		delete(st.alive, l.dedup)
	}
	st.unsettle(l)
	st.changes.gone(l.dedup, l)
}

// recalled gives the stored open episode of a dedup key, while Restore feeds.
// Mostly it is the one that lives there.
func (st *ruleState) recalled(k window.Key) (openEpisode, bool) {
	for _, l := range st.alive[k] {
		if l.settled {
			return openEpisode{l.start, l.id}, true
		}
	}
	sp, ok := st.saved[k]
	return sp, ok
}

// unsettle writes down what a living episode says of the stored open one: it is
// about to change or to go.
func (st *ruleState) unsettle(l *living) {
	if l.settled && st.saved != nil {
		st.saved[l.dedup] = openEpisode{l.start, l.id}
	}
	l.settled = false
}

// note leaves a living episode to resume: there may be something to say of it.
func (st *ruleState) note(l *living) {
	if !l.news {
		l.news = true
		st.news = append(st.news, l)
	}
}

// wants reports, while Restore feeds, whether a settled point belongs to an
// episode that is not final: others ended before.
func (st *ruleState) wants(p *point) bool {
	if sp, ok := st.recalled(p.dedup); ok && p.ev.Time >= sp.start {
		return true
	}
	l := st.lit(p)
	return l != nil && !l.closed // a late one that was said and not yet settled
}

// lit gives the living episode a point lies in.
func (st *ruleState) lit(p *point) *living { return st.at(p.dedup, p.ev.Time) }

// relight gives a living episode, while Restore feeds, the points it had: the
// first and the highest of them, and their entities.
func (st *ruleState) relight(s *shard, p *point) {
	l := st.lit(p)
	if l == nil || l.first == p && p.came == nil { // done when its hit came, and nothing new is known
		return
	}
	switch {
	case l.stub && l.first.ev.Same(p.ev): // that is stored
		l.first, l.stub = p, false
	case l.claim() || p.compare(l.first) < 0:
		l.first, l.stub = p, false
		st.changes.living(l.dedup, l)
	}
	if l.top == nil || p.level > l.top.level {
		if l.top = p; p.level > l.levelWas {
			st.note(l)
		}
	}
	if s.emit != nil {
		l.entities = s.grow(st.rule, l.entities, p)
	}
}

// resume says what the replay found of living episodes and nobody was told.
func (s *shard) resume(st *ruleState) {
	for _, l := range st.news {
		l.news = false
		slices.SortFunc(st.alive[l.dedup], func(a, b *living) int { return cmp.Compare(a.opened, b.opened) })
		switch {
		case l.gone || l.claim():
		case !l.back:
			s.say(st, l, engine.Opened, l.first)
			st.changes.living(l.dedup, l)
		default:
			l.count = l.countWas
			if l.top != nil && l.top.level > l.levelWas {
				l.level = l.top.level
				s.say(st, l, engine.Raised, l.top)
				st.changes.living(l.dedup, l)
			}
		}
	}
}

// show makes the alert of a living episode; of a claim as it was logged last.
func (s *shard) show(st *ruleState, l *living) *engine.Alert {
	if !l.claim() {
		return s.build(s.known(st, l))
	}
	a := engine.Alert{Title: st.rule.Title}
	if l.said != nil {
		a = *l.said
	}
	a.ID, a.Rule, a.RuleVersion, a.Level, a.Dedup = l.id, st.rule.ID, st.rule.Version, l.level, hexKey(l.dedup)
	a.Mode, a.Kind = st.rule.Mode.String(), st.rule.Kind.String()
	a.Start, a.End, a.Count = l.start, l.end, max(l.count, l.told)
	return &a
}

// due is when a restored alert should have become an episode.
type due struct {
	at int64
	l  *living
}

// late is when no point of a living episode can come any more.
func (st *ruleState) late(l *living) int64 { return l.end + st.rule.Alert.Within + st.rule.delay }

// expire ends alerts that came back and whose points did not, once none can
// come any more.
func (s *shard) expire(st *ruleState, w int64) {
	for !s.memory.restoring() {
		d, ok := st.claims.Peek()
		if !ok || d.at >= w {
			return
		}
		st.claims.Pop()
		if d.l.gone {
			continue
		}
		d.at = st.late(d.l)
		if sp, open := st.episodes.Open(d.l.dedup); open && sp.Start <= d.l.end && d.l.start <= sp.End {
			d.at = max(d.at, min(w, never)+st.rule.Alert.Within)
		}
		if d.at < w {
			s.lost(st, d.l)
		} else {
			st.claims.Push(d)
		}
	}
}

// lost ends one of them, visibly.
func (s *shard) lost(st *ruleState, l *living) {
	st.remove(l)
	if s.emit == nil || l.closed {
		return
	}
	l.number++
	a := s.show(st, l)
	a.Final = true
	s.emit(engine.Transition{Change: engine.Closed, Number: l.number, Time: l.end, Alert: a})
}
