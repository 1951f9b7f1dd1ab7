// Package detect tests events with every condition of the loaded rules: one
// Event in, Hits out, at once. An Index, built when rules load, finds the few
// conditions that can hold; those are evaluated in full, with their exceptions.
//
// An Index is immutable and shared; a Detector has scratch memory and belongs to
// one goroutine. Nothing here allocates per event.
package detect

import (
	"slices"

	"github.com/seed-843b225c/reflex/engine"
	"github.com/seed-843b225c/reflex/engine/enrich"
	"github.com/seed-843b225c/reflex/engine/rule"
)

// Detector enriches events and tests them.
type Detector struct {
	index    *Index
	enricher *enrich.Enricher // nil: events come enriched, or nothing is known
	brute    bool             // the oracle: every condition on the VM, in order

	found  found
	stats  []Stat
	marked []uint64 // by rule: the last event that counted as a match
	events uint64

	clock   func() int64 // ns; nil: no time is measured
	sampled bool         // the event in hand is one of the sample
}

// sampleEvery is of how many events one is timed.
const sampleEvery = 1024

// Measure makes the Detector estimate the time spent on each rule from one event
// in 1024, by the clock given (ns, monotonic).
func (d *Detector) Measure(clock func() int64) { d.clock = clock }

// Stat is what one rule did so far.
type Stat struct {
	// Matches counts events on which a condition of the rule (its own or one of
	// its steps', not its links') and none of its exceptions held. A repeated
	// event counts again: who wants distinct events drops repeats first.
	Matches int64
	// Errors counts conditions and exceptions that erred on an event. A
	// condition that errs does not hold, an exception that errs does not except.
	Errors int64
	First  string // the first error
	Nanos  int64  // estimated time spent on conditions and exceptions, with Measure
}

// New makes the Detector of one goroutine with an Index of its own. data may be
// nil: nothing is then enriched.
func New(set *rule.Set, data *enrich.Data) *Detector { return NewIndex(set).NewDetector(data) }

// NewDetector makes the Detector of one goroutine. data may be nil: nothing is
// then enriched.
func (x *Index) NewDetector(data *enrich.Data) *Detector {
	d := &Detector{index: x, stats: make([]Stat, len(x.set.Rules)), marked: make([]uint64, len(x.set.Rules))}
	d.found.stamps = make([]uint32, len(x.set.Probes))
	if data != nil {
		d.enricher = data.NewEnricher(x.set.Layout)
	}
	return d
}

// NewOracle makes a Detector that tests every condition on expr's VM, in order:
// slow and simple, the judge of the index and the closures.
func (x *Index) NewOracle(data *enrich.Data) *Detector {
	d := x.NewDetector(data)
	d.brute = true
	return d
}

// Detect enriches the event and calls hit for every condition that holds, in the
// order of Set.Probes. The event is enriched before hit sees it; one without a
// hit may be left as it came.
func (d *Detector) Detect(ev *engine.Event, hit func(engine.Hit)) {
	d.events++
	d.sampled = d.clock != nil && d.events%sampleEvery == 0
	if d.brute {
		d.enrich(ev)
		for p := range d.index.set.Probes {
			if d.index.set.Probes[p].From.Has(ev.Dataset) {
				d.judge(int32(p), ev, hit)
			}
		}
		return
	}
	r := d.index.routes[ev.Dataset]
	if r == nil {
		return
	}
	enriched := r.eager
	if enriched {
		d.enrich(ev)
	}
	f := &d.found
	f.begin()
	r.find(ev, f)
	if len(f.probes) == 0 {
		return
	}
	slices.Sort(f.probes)
	if !enriched && d.enricher != nil {
		enriched = slices.ContainsFunc(f.probes, func(p int32) bool { return d.index.reads[p] })
		if !enriched {
			d.judgeLazily(ev, hit)
			return
		}
		d.enrich(ev)
	}
	for _, p := range f.probes {
		d.judge(p, ev, hit)
	}
}

// judgeLazily judges conditions that read nothing enriched, and enriches the
// event only for a hit.
func (d *Detector) judgeLazily(ev *engine.Event, hit func(engine.Hit)) {
	enriched := false
	for _, p := range d.found.probes {
		if d.holds(p, ev) {
			if !enriched {
				d.enrich(ev)
				enriched = true
			}
			d.count(p)
			hit(engine.Hit{Probe: p, Event: ev})
		}
	}
}

func (d *Detector) enrich(ev *engine.Event) {
	if d.enricher != nil {
		d.enricher.Enrich(ev)
	}
}

func (d *Detector) judge(p int32, ev *engine.Event, hit func(engine.Hit)) {
	if d.holds(p, ev) {
		d.count(p)
		hit(engine.Hit{Probe: p, Event: ev})
	}
}

// holds evaluates a probe's condition and exceptions.
func (d *Detector) holds(p int32, ev *engine.Event) bool {
	if !d.sampled {
		return d.judged(p, ev)
	}
	from := d.clock()
	ok := d.judged(p, ev)
	d.stats[d.index.set.Probes[p].Rule].Nanos += (d.clock() - from) * sampleEvery
	return ok
}

func (d *Detector) judged(p int32, ev *engine.Event) bool {
	probe := &d.index.set.Probes[p]
	if !d.match(probe.Rule, probe.Cond, ev) {
		return false
	}
	for i := range probe.Except {
		e := &probe.Except[i]
		if (e.Expires == 0 || ev.Time < e.Expires) && d.match(probe.Rule, e.Cond, ev) {
			return false
		}
	}
	return true
}

func (d *Detector) match(of int, c *rule.Cond, ev *engine.Event) bool {
	test := c.Match
	if d.brute {
		test = c.MatchVM
	}
	ok, err := test(ev)
	if err != nil {
		s := &d.stats[of]
		if s.Errors++; s.First == "" {
			s.First = err.Error()
		}
	}
	return ok
}

// count counts an event once for a rule, however many of its steps it matches.
func (d *Detector) count(p int32) {
	probe := &d.index.set.Probes[p]
	if probe.Role != rule.RoleLink && d.marked[probe.Rule] != d.events {
		d.marked[probe.Rule] = d.events
		d.stats[probe.Rule].Matches++
	}
}

// Stats gives the figures of every rule, in the order of Set.Rules. Read only.
func (d *Detector) Stats() []Stat { return d.stats }
