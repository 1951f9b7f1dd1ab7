package incident

import (
	"cmp"
	"slices"

	"github.com/seed-843b225c/reflex/engine"
)

// turn is the working of one alert transition.
type turn struct {
	v     *Live
	cause *engine.Transition
	m     *member     // the alert
	gone  *member     // the one that was merged into it
	ins   []*incident // these turn out to be one
	added bool        // the alert is new
	more  bool        // it has more to tell
}

// add takes an alert that is not known.
func (r *turn) add(m *member) {
	v := r.v
	v.strands++
	in := &incident{id: identity(m.id), order: v.opened + 1, count: 1, end: m.end, newest: m.start, at: -1}
	in.rest.entities.limit = mostValues
	m.strand = &strand{number: v.strands, in: in, first: m.start, newest: m.start, members: []*member{m}}
	in.strands = []*strand{m.strand}
	v.alerts[m.id] = m
	r.m, r.added = m, true
	r.join()
}

// update takes more of a known alert.
func (r *turn) update(m *member, seen *member) {
	r.m = m
	wider, more := m.absorb(seen)
	r.more = more
	if in := m.strand.in; in.final && !more {
		r.ins = append(r.ins, in) // it stays final: nothing that was said changes
	} else if wider || more {
		r.join()
	} else {
		r.ins = append(r.ins, in)
	}
}

// merge takes an alert, known or not, that turned out to be part of another.
func (r *turn) merge(into, m, seen *member) {
	r.m, r.more = into, true
	if m == nil {
		into.also = addOnce(into.also, seen.id)
		r.v.alerts[seen.id] = into
	} else {
		r.gone = m
		r.ins = append(r.ins, m.strand.in)
		into.absorb(m)
	}
	into.absorb(seen)
	r.join()
}

// absorb takes what another transition says of the alert. Nothing shrinks.
// wider: there may be more to join; more: there may be more to tell.
func (m *member) absorb(seen *member) (wider, more bool) {
	keys, links, values, lines := len(m.keys), len(m.links), len(m.entities), len(m.moments)
	m.keys = addOnce(m.keys, seen.keys...)
	m.links = addOnce(m.links, seen.links...)
	wider = len(m.keys) > keys || len(m.links) > links || seen.start < m.start || seen.end > m.end
	m.reach(seen.start, seen.end)
	raised := seen.level > m.level
	had := m.entities
	if raised || !m.listed || seen.id == m.id && seen.level == m.level {
		m.told, m.level = seen.told, max(m.level, seen.level)
		m.moments = slices.Clone(m.moments)
		for i := range m.moments {
			m.moments[i].Alert = m.id
		}
		m.entities = distinct(slices.Concat(seen.entities, had))
	} else {
		m.entities = distinct(slices.Concat(had, seen.entities))
	}
	more = raised || len(m.keys) > keys || len(m.links) > links
	return wider, more || m.listed && (len(m.entities) > values || len(m.moments) > lines)
}

// reach widens the alert's span, and keeps in order what goes by it.
func (m *member) reach(start, end int64) {
	m.end = max(m.end, end)
	if start >= m.start {
		return
	}
	last := m.start == m.strand.newest
	m.start = start
	m.strand.first = min(m.strand.first, start)
	if last {
		m.strand.measure()
	}
	slices.SortFunc(m.strand.in.listed, byStart)
}

// join finds what the alert belongs to, by entities and by chains.
func (r *turn) join() {
	v, m := r.v, r.m
	v.wake(m.strand.in)
	r.ins = append(r.ins, m.strand.in)
	var found []*strand
	for _, key := range m.keys {
		found = v.index.touching(found, key, m.start, m.end, m.strand)
		v.index.put(key, m.start, m.end, m.strand)
	}
	slices.SortFunc(found, func(a, b *strand) int { return cmp.Compare(a.number, b.number) })
	for _, s := range found {
		if m.strand.fits(s) {
			r.ins = append(r.ins, s.in)
			v.touched(v.index.unite(m.strand, s)...)
		}
	}
	for _, l := range m.links {
		if step := v.alerts[l]; step != nil {
			r.ins = append(r.ins, step.strand.in)
		} else if !slices.Contains(v.waiting[l], m) {
			v.waiting[l] = append(v.waiting[l], m)
		}
	}
	for _, chain := range v.waiting[r.cause.Alert.ID] {
		r.ins = append(r.ins, chain.strand.in)
	}
	delete(v.waiting, r.cause.Alert.ID)
}

// finish makes one incident of what belongs together and says what is news.
func (r *turn) finish() (out []engine.Transition) {
	slices.SortFunc(r.ins, func(a, b *incident) int { return cmp.Compare(a.order, b.order) })
	r.ins = slices.Compact(r.ins)
	one := r.ins[0]
	if len(r.ins) > 1 {
		r.v.wake(one)
	}
	news, top, counted := false, r.m.level, !r.m.listed
	for _, in := range r.ins[1:] {
		r.v.wake(in)
		top = max(top, in.level)
		if in.number > 0 {
			out = append(out, r.say(in, engine.Merged, r.tell(in), one))
			news = true
		}
		r.v.take(one, in)
	}
	if r.gone != nil {
		r.v.drop(one, r.gone, r.m)
	}
	if counted {
		values := len(one.rest.entities.list)
		r.v.list(one, r.m)
		news = news || r.m.listed || r.added && one.count&(one.count-1) == 0
		r.more = len(one.rest.entities.list) > values
	}
	raised := top > one.level
	one.level = max(one.level, top)
	one.strands = slices.DeleteFunc(one.strands, func(s *strand) bool { return len(s.members) == 0 })
	one.end, one.newest = max(one.end, r.m.end), max(one.newest, r.m.start)
	r.v.stay(one, r.m)
	return append(out, r.news(one, raised, news)...)
}

// news says what is new of the incident, if anything.
func (r *turn) news(one *incident, raised, news bool) []engine.Transition {
	change := engine.Joined
	switch {
	case one.number == 0:
		r.v.opened++
		change = engine.Opened
	case raised:
		change = engine.Raised
	case !news && !r.more:
		return nil
	}
	doc := r.tell(one)
	grew := len(doc.Timeline) > one.lines || len(doc.Entities) > one.values
	one.lines, one.values = max(one.lines, len(doc.Timeline)), max(one.values, len(doc.Entities))
	if change == engine.Joined && !news && !grew {
		return nil
	}
	return []engine.Transition{r.say(one, change, doc, nil)}
}

// tell gives an incident of this turn: its alerts may already be another's
// that it goes into.
func (r *turn) tell(in *incident) *engine.Incident {
	return in.tell(func(id string) bool {
		m := r.v.alerts[id]
		return m != nil && slices.Contains(r.ins, m.strand.in)
	}, r.v.opt)
}

// say numbers a transition.
func (r *turn) say(in *incident, c engine.Change, doc *engine.Incident, into *incident) engine.Transition {
	in.number++
	t := engine.Transition{Change: c, Number: in.number, Time: r.cause.Time, Seen: r.cause.Seen, Incident: doc}
	if into != nil {
		doc.State, doc.Into, t.Into = "merged", into.id, into.id
	}
	return t
}
