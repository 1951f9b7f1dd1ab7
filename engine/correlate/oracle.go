package correlate

import (
	"math"
	"slices"

	"github.com/seed-843b225c/reflex/engine"
	"github.com/seed-843b225c/reflex/engine/rule"
	"github.com/seed-843b225c/reflex/engine/window"
)

// oracle is the brute-force evaluator: it collects the set of hits and, at the
// end, reads points, chains and episodes off that set. Slow and obvious, with
// no state that depends on arrival; the judge of the incremental engine.
type oracle struct {
	*alerts
	when   [][]*window.Event   // by rule: events its condition holds on
	steps  [][][]*window.Event // by rule and step
	links  [][][]*window.Event // by rule and link
	points [][]*point          // by rule, sorted
	names  []map[uint64]string // by rule: event hash to id of the alert with its point
	end    int64
	open   []int64 // by rule: chains that wait for what a negated step forbids

	learned, refused []int64 // by rule
	// resolved holds events of match rules that came again with their run.
	resolved map[docKey]*window.Event
}

func newOracle(a *alerts) *oracle {
	n := len(a.plan.rules)
	o := &oracle{alerts: a, when: make([][]*window.Event, n), points: make([][]*point, n),
		names: make([]map[uint64]string, n), learned: make([]int64, n), refused: make([]int64, n), open: make([]int64, n), resolved: map[docKey]*window.Event{}}
	for _, r := range a.plan.rules {
		var steps, links [][]*window.Event
		if r.Sequence != nil {
			steps = make([][]*window.Event, len(r.Sequence.Steps))
			links = make([][]*window.Event, len(r.Sequence.Links))
		}
		o.steps = append(o.steps, steps)
		o.links = append(o.links, links)
	}
	return o
}

// add takes a hit; the caller drops duplicates.
func (o *oracle) add(probe int, e *window.Event) {
	pr := o.plan.set.Probes[probe]
	switch pr.Role {
	case rule.RoleWhen:
		o.when[pr.Rule] = append(o.when[pr.Rule], e)
	case rule.RoleStep:
		o.steps[pr.Rule][pr.Part] = append(o.steps[pr.Rule][pr.Part], e)
	case rule.RoleLink:
		o.links[pr.Rule][pr.Part] = append(o.links[pr.Rule][pr.Part], e)
	}
}

// run gives every episode of the set; end is the newest event time.
func (o *oracle) run(end int64) (out []*summary) {
	o.end = end
	for _, i := range o.plan.order {
		r := o.plan.rules[i]
		if r.off {
			continue
		}
		slices.SortFunc(o.when[i], (*window.Event).Compare)
		var ps []*point
		switch r.Kind {
		case rule.Match:
			for _, e := range o.when[i] {
				ps = append(ps, &point{ev: e, made: []made{{ev: e, rule: -1}}})
			}
		case rule.Count:
			ps = o.count(r)
		case rule.FirstSeen:
			ps = o.first(r)
		case rule.Sequence:
			ps = o.sequence(r)
		}
		for _, p := range ps {
			p.dedup = o.dedup(r, p)
			p.level = o.level(r, p)
			if e := o.resolved[docKey{i, p.ev.Hash}]; e != nil {
				p.learn(e)
			}
		}
		slices.SortFunc(ps, (*point).compare)
		o.points[i] = ps
		out = append(out, o.episodes(r)...)
	}
	return out
}

// keyed sorts events by the values of slots; those that lack one are left out.
func (o *oracle) keyed(evs []*window.Event, slots []int) map[window.Key][]*window.Event {
	out := map[window.Key][]*window.Event{}
	for _, e := range evs {
		if k, ok := o.key(e, slots); ok {
			out[k] = append(out[k], e)
		}
	}
	return out
}

func (o *oracle) key(e *window.Event, slots []int) (window.Key, bool) {
	var vs []engine.Value
	for _, s := range slots {
		v := e.Value(s)
		if v.IsNil() {
			return window.Key{}, false
		}
		vs = append(vs, v)
	}
	return o.hash.Key(0, vs...), true
}

// count: the events of a key from t-T up to the event itself are enough.
func (o *oracle) count(r *rulePlan) (ps []*point) {
	c := r.Count
	most := int(window.MeasureMost(c.AtLeast))
	for _, evs := range o.keyed(o.when[r.Index], c.By) {
		evs = slices.DeleteFunc(evs, func(e *window.Event) bool { return !o.counts(r, e) })
		for i, e := range evs {
			p := &point{ev: e}
			if c.Sum >= 0 {
				p.measure = o.sum(r, evs[:i+1])
				if bound, ok := o.most(r, o.event(e)); ok && p.measure > bound {
					p.made = []made{{ev: e, rule: -1}}
					ps = append(ps, p)
				}
				continue
			}
			var seen []engine.Value
			n := 0
			for k := i; k >= 0 && evs[k].Time >= e.Time-c.Within && n < most; k-- {
				if c.Distinct >= 0 {
					v := evs[k].Value(c.Distinct)
					if slices.Contains(seen, v) {
						continue
					}
					seen = append(seen, v)
				}
				if n++; int64(n) <= c.AtLeast {
					p.made = append(p.made, made{ev: evs[k], rule: -1})
				}
			}
			p.measure = float64(n)
			if int64(n) >= c.AtLeast {
				slices.Reverse(p.made)
				ps = append(ps, p)
			}
		}
	}
	return ps
}

// counts reports whether an event of the key has what the rule counts.
func (o *oracle) counts(r *rulePlan, e *window.Event) bool {
	switch c := r.Count; {
	case c.Sum >= 0:
		v := e.Value(c.Sum)
		if v.IsNil() {
			return false
		}
		if _, ok := window.ToAmount(v.Float()); !ok {
			o.refused[r.Index]++
			return false
		}
	case c.Distinct >= 0:
		return !e.Value(c.Distinct).IsNil()
	}
	return true
}

// sum slides in buckets: whole ones from that of t-T on, the event's own up to
// the event, which is the last of evs.
func (o *oracle) sum(r *rulePlan, evs []*window.Event) float64 {
	c := r.Count
	t := evs[len(evs)-1].Time
	from := window.Bucket(t-c.Within, c.Bucket)
	var total window.Amount
	for _, e := range evs {
		if window.Bucket(e.Time, c.Bucket) >= from {
			a, _ := window.ToAmount(e.Value(c.Sum).Float())
			total = total.Plus(a)
		}
	}
	return total.Float()
}

// first: no event of its key and value lies in [t-memory, t), and t is past
// the key's learning. A key that was silent for longer than memory learns anew.
func (o *oracle) first(r *rulePlan) (ps []*point) {
	f := r.First
	for _, evs := range o.keyed(o.when[r.Index], f.By) {
		evs = slices.DeleteFunc(evs, func(e *window.Event) bool { _, ok := o.key(e, f.Value); return !ok })
		born := 0
		for i, e := range evs {
			if i > 0 && e.Time-evs[i-1].Time > f.Memory {
				born = i
			}
			v, _ := o.key(e, f.Value)
			known := slices.ContainsFunc(evs[:i], func(x *window.Event) bool {
				k, _ := o.key(x, f.Value)
				return k == v && x.Time >= e.Time-f.Memory && x.Time < e.Time
			})
			learning := e.Time-evs[born].Time < f.LearnFor || int64(i-born) < f.LearnEvents
			switch {
			case learning:
				o.learned[r.Index]++
			case !known:
				ps = append(ps, &point{ev: e, made: []made{{ev: e, rule: -1}}})
			}
		}
	}
	return ps
}

// episodes: points of one dedup key at most dedup.within apart, at most 24 h.
func (o *oracle) episodes(r *rulePlan) (out []*summary) {
	byKey := map[window.Key][]*point{}
	for _, p := range o.points[r.Index] {
		byKey[p.dedup] = append(byKey[p.dedup], p)
	}
	o.names[r.Index] = map[uint64]string{}
	for _, ps := range byKey {
		for len(ps) > 0 {
			n := 1
			for n < len(ps) && ps[n].ev.Time-ps[n-1].ev.Time <= r.Alert.Within && ps[n].ev.Time-ps[0].ev.Time <= episodeMost {
				n++
			}
			sum := o.episode(r, ps[:n])
			sum.final = sum.final || n < len(ps)
			out = append(out, sum)
			ps = ps[n:]
		}
	}
	return out
}

func (o *oracle) episode(r *rulePlan, ps []*point) *summary {
	last := ps[len(ps)-1]
	s := &summary{rule: r, dedup: ps[0].dedup, start: ps[0].ev.Time, end: last.ev.Time,
		count: int64(len(ps)), earliest: ps[0], top: ps[0]}
	s.final = o.end-r.tolerance >= min(s.end+r.Alert.Within, s.start+episodeMost)
	var all []made
	for _, p := range ps {
		if p.level > s.top.level {
			s.top = p
		}
		s.measure = math.Max(s.measure, p.measure)
		s.entities = o.grow(r, s.entities, p)
		for _, m := range p.made {
			if m.rule >= 0 {
				m.alert = o.names[m.rule][m.ev.Hash]
			}
			all = append(all, m)
		}
	}
	s.level = s.top.level
	slices.SortFunc(all, compareMade)
	all = slices.CompactFunc(all, func(a, b made) bool { return a.step == b.step && a.ev.Same(b.ev) })
	s.events = int64(len(all))
	if n := len(all); n > 2*evidenceEnds {
		all = slices.Concat(all[:evidenceEnds], all[n-evidenceEnds:])
	}
	s.evidence = all
	id := identity(r, s.dedup, s.earliest.ev)
	for _, p := range ps {
		// of several alerts that hold points of one event, the first in order of id names it
		if old, ok := o.names[r.Index][p.ev.Hash]; !ok || id < old {
			o.names[r.Index][p.ev.Hash] = id
		}
	}
	return s
}
