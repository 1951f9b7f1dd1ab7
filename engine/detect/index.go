package detect

import (
	"slices"
	"strings"

	"github.com/seed-843b225c/reflex/engine"
	"github.com/seed-843b225c/reflex/engine/rule"
)

// Index finds the conditions that an event can fulfil. Every condition is filed
// under one of its necessary clauses (rule.Needs): the one that the fewest events
// should fulfil. What has no usable clause is always tested.
type Index struct {
	set    *rule.Set
	routes [64]*route // by dataset
	// reads tells the probes whose condition or exceptions read a slot that
	// enrichment fills.
	reads []bool
}

// route is the index of one dataset.
type route struct {
	eager  bool // filed under a slot that enrichment fills: enrich before looking
	always []int32
	words  []words    // equality
	starts []starts   // prefixes
	texts  []literals // literals inside texts
	nets   []networks // addresses inside networks
	there  []presence
}

// presence files probes that only ask for a slot to be filled.
type presence struct {
	slot   int
	probes []int32
}

// NewIndex files all conditions of a set.
func NewIndex(set *rule.Set) *Index {
	x := &Index{set: set, reads: make([]bool, len(set.Probes))}
	late := enrichedSlots(set.Layout)
	for p := range set.Probes {
		x.reads[p] = readsAny(&set.Probes[p], late)
	}
	var filed [][]int32 // datasets with the same probes share a route
	var routes []*route
	for _, d := range engine.Datasets() {
		probes := probesOf(set, d)
		i := slices.IndexFunc(filed, func(p []int32) bool { return slices.Equal(p, probes) })
		if i < 0 {
			i = len(filed)
			filed, routes = append(filed, probes), append(routes, newRoute(set, probes, late))
		}
		x.routes[d] = routes[i]
	}
	return x
}

// probesOf gives the probes that read a dataset.
func probesOf(set *rule.Set, d engine.Dataset) []int32 {
	var probes []int32
	for p := range set.Probes {
		if set.Probes[p].From.Has(d) {
			probes = append(probes, int32(p))
		}
	}
	return probes
}

// enrichedSlots gives the slots that enrichment may fill.
func enrichedSlots(l *engine.Layout) []bool {
	out := make([]bool, l.Len())
	for i, s := range l.Slots() {
		switch {
		case s.Raw != "":
		case strings.HasPrefix(s.Name, "source.geo."), strings.HasPrefix(s.Name, "source.as."), strings.HasPrefix(s.Name, "source.anonymity."),
			strings.HasPrefix(s.Name, "destination.geo."), strings.HasPrefix(s.Name, "destination.as."),
			s.Name == "secret.principal", s.Name == "secret.owner":
			out[i] = true
		}
	}
	return out
}

func readsAny(p *rule.Probe, slots []bool) bool {
	reads := func(c *rule.Cond) bool {
		for _, s := range c.Fields() {
			if slots[s] {
				return true
			}
		}
		return false
	}
	for _, e := range p.Except {
		if reads(e.Cond) {
			return true
		}
	}
	return reads(p.Cond)
}

// newRoute files probes; nil when there are none.
func newRoute(set *rule.Set, probes []int32, late []bool) *route {
	if len(probes) == 0 {
		return nil
	}
	b := newBuilder(set, late)
	for _, p := range probes {
		b.count(p)
	}
	for _, p := range probes {
		b.file(p)
	}
	return b.route()
}

// found collects the probes of one event, each once.
type found struct {
	probes []int32
	stamps []uint32
	now    uint32
}

func (f *found) begin() {
	f.probes = f.probes[:0]
	if f.now++; f.now == 0 {
		clear(f.stamps)
		f.now = 1
	}
}

func (f *found) add(probes []int32) {
	for _, p := range probes {
		if f.stamps[p] != f.now {
			f.stamps[p] = f.now
			f.probes = append(f.probes, p)
		}
	}
}

// find collects the probes whose condition the event can fulfil.
func (r *route) find(ev *engine.Event, f *found) {
	f.add(r.always)
	for i := range r.words {
		w := &r.words[i]
		w.find(ev.Values[w.slot], f)
	}
	for i := range r.starts {
		s := &r.starts[i]
		s.find(ev.Values[s.slot].Str(), f)
	}
	for i := range r.texts {
		t := &r.texts[i]
		t.find(ev.Values[t.slot].Str(), f)
	}
	for i := range r.nets {
		n := &r.nets[i]
		n.find(ev.Values[n.slot], f)
	}
	for i := range r.there {
		t := &r.there[i]
		if !ev.Values[t.slot].IsNil() {
			f.add(t.probes)
		}
	}
}
