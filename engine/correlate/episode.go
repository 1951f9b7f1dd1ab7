package correlate

import (
	"slices"

	"github.com/seed-843b225c/reflex/engine/rule"
	"github.com/seed-843b225c/reflex/engine/window"
)

// episode grows by settled points in order until it is over.
type episode struct {
	summary
	first, last []made  // the first and the last events that made its points
	one         [2]made // where each begins: most have no second
	newest      *window.Event
	have        *window.Seen // of a sequence: whose events come in any order
	noted       int64        // see changes
	over        bool
}

// add takes the next point.
func (e *episode) add(a *alerts, p *point) {
	r := e.rule
	if e.count == 0 {
		e.start, e.earliest, e.top = p.ev.Time, p, p
	}
	late := e.newest != nil && p.ev.Before(e.newest)
	if p.compare(e.earliest) < 0 {
		e.earliest = p
	}
	e.count++
	e.start, e.end = min(e.start, p.ev.Time), max(e.end, p.ev.Time)
	if p.level > e.top.level {
		e.top = p
	}
	e.level = e.top.level
	e.measure = max(e.measure, p.measure)
	if e.count == 1 || !r.same {
		e.entities = a.grow(r, e.entities, p)
	}
	for _, x := range p.plain {
		if e.newest == nil || e.newest.Before(x) || late {
			e.take(r, made{ev: x, rule: -1}, late)
		}
	}
	for _, m := range p.made {
		e.take(r, m, late)
	}
	if e.have != nil { // points come in order: older events come no more
		e.have.Advance(p.ev.Time - r.Sequence.Within - r.tolerance - 1)
	}
}

// take counts an event that made a point, once.
func (e *episode) take(r *rulePlan, m made, late bool) {
	if r.Kind == rule.Sequence {
		if e.have == nil {
			e.have = &window.Seen{}
		}
		if !e.have.Add(m.ev.Time, m.ev.Hash^uint64(m.step)*0x9e3779b97f4a7c15) {
			return
		}
	} else {
		switch {
		case e.newest == nil || e.newest.Before(m.ev):
			e.newest = m.ev
		case !late:
			return
		}
	}
	if e.events++; e.events == 1 {
		e.first, e.last = e.one[:0:1], e.one[1:1:2]
	}
	e.keepFirst(m)
	e.keepLast(m)
}

func (e *episode) keepFirst(m made) {
	n := len(e.first)
	if n == evidenceEnds && compareMade(e.first[n-1], m) <= 0 {
		return
	}
	i, _ := slices.BinarySearchFunc(e.first, m, compareMade)
	e.first = slices.Insert(e.first, i, m)
	e.first = e.first[:min(len(e.first), evidenceEnds)]
}

// keepLast lets the list grow to twice what is wanted, so that what comes in
// order moves nothing most of the time.
func (e *episode) keepLast(m made) {
	n := len(e.last)
	if n == 0 || compareMade(e.last[n-1], m) <= 0 {
		e.last = append(e.last, m)
	} else {
		i, _ := slices.BinarySearchFunc(e.last, m, compareMade)
		if i == 0 && n >= evidenceEnds {
			return
		}
		e.last = slices.Insert(e.last, i, m)
	}
	if over := len(e.last) - evidenceEnds; over > evidenceEnds {
		e.last = slices.Delete(e.last, 0, over)
	}
}

// close makes the summary whole.
func (e *episode) close() *summary {
	all := slices.Concat(e.first, e.last[max(0, len(e.last)-evidenceEnds):])
	slices.SortFunc(all, compareMade)
	e.evidence = slices.CompactFunc(all, func(a, b made) bool { return compareMade(a, b) == 0 })
	return &e.summary
}
