package incident

import (
	"fmt"
	"slices"

	"github.com/seed-843b225c/reflex/engine"
)

// Bounds of what one transition carries, so that a storm on one key does not
// write its whole story down with every alert.
const (
	mostAlerts = 100 // alerts told of one by one
	mostValues = 64  // values of one entity name
	mostMerged = 100 // ids of incidents that went into this one
)

// incident is a live incident: strands, and how much was said of them.
type incident struct {
	id      string
	order   uint64 // of opening: of two that become one, the lower stays
	number  int    // transitions given; 0: not opened
	level   engine.Level
	strands []*strand
	listed  []*member // told of one by one, by start
	rest    tally     // what the others add up to
	count   int       // members
	merged  []string
	end     int64 // last end of a member
	newest  int64 // last start of a member, as it was when it joined
	final   bool
	lines   int // of the timeline, as last said
	values  int // entities, as last said
	due     int64
	at      int // place in its queue; -1 in none
}

// list tells of a member one by one from now on, if it is among those that
// tell most.
func (v *Live) list(in *incident, m *member) {
	m.listed = true
	i, _ := slices.BinarySearchFunc(in.listed, m, byStart)
	in.listed = slices.Insert(in.listed, i, m)
	for len(in.listed) > mostAlerts {
		v.unlist(in, in.least())
	}
	v.touched(m)
}

// least gives the place of the member that is missed least: of the rule with
// the most members the one that tells least. So the flood of one rule does not
// hide what other rules saw.
func (in *incident) least() int {
	of := map[string]int{}
	most := 0
	for _, m := range in.listed {
		of[m.rule]++
		most = max(most, of[m.rule])
	}
	at := -1
	for i, m := range in.listed {
		if of[m.rule] == most && (at < 0 || tells(in.listed[at], m)) {
			at = i
		}
	}
	return at
}

// unlist leaves a member to the count, and forgets what it told.
func (v *Live) unlist(in *incident, i int) {
	m := in.listed[i]
	in.listed = slices.Delete(in.listed, i, i+1)
	in.rest.add(m)
	m.listed, m.told = false, told{}
	v.touched(m)
}

// take moves all of another incident into this one.
func (v *Live) take(in, other *incident) {
	for _, s := range other.strands {
		s.in = in
	}
	in.strands = append(in.strands, other.strands...)
	in.rest.merge(&other.rest)
	for _, m := range other.listed {
		v.list(in, m)
	}
	in.count += other.count
	in.end, in.newest = max(in.end, other.end), max(in.newest, other.newest)
	if other.number > 0 {
		in.merged = append(in.merged, other.id)
		in.merged = in.merged[max(0, len(in.merged)-mostMerged):]
		v.leave(other)
		delete(v.incidents, other.id)
		v.dirty[incidentKey(other.id)] = true
	}
	other.strands, other.listed = nil, nil
}

// drop takes a member out of an incident that has the alert it was merged into.
func (v *Live) drop(in *incident, m, into *member) {
	s := m.strand
	s.members = slices.DeleteFunc(s.members, func(x *member) bool { return x == m })
	s.measure()
	v.index.again(m.keys, s)
	in.listed = slices.DeleteFunc(in.listed, func(x *member) bool { return x == m })
	in.count--
	in.lines -= len(timeline([]*member{m}, func(id string) bool { return v.has(in, id) }))
	v.forgetLinks(m)
	into.also = addOnce(addOnce(into.also, m.id), m.also...)
	for _, id := range into.also {
		v.alerts[id] = into
	}
	v.dirty[alertKey(m.id)] = true
}

// has reports whether an alert is in an incident.
func (v *Live) has(in *incident, id string) bool {
	m := v.alerts[id]
	return m != nil && m.strand.in == in
}

// forgetLinks takes a chain from those that wait for a step's alert.
func (v *Live) forgetLinks(m *member) {
	for _, l := range m.links {
		list := slices.DeleteFunc(v.waiting[l], func(x *member) bool { return x == m })
		if len(list) == 0 {
			delete(v.waiting, l)
		} else {
			v.waiting[l] = list
		}
	}
}

// tell gives the incident as it stands. own says which alerts are in it.
func (in *incident) tell(own func(string) bool, o Options) *engine.Incident {
	doc := build(in.listed, &in.rest, own, o)
	doc.ID, doc.Final, doc.Count = in.id, in.final, in.count
	doc.Level = max(doc.Level, in.level) // what was said stays said
	doc.Merged = slices.Clone(in.merged)
	if n := len(in.listed); n < in.count {
		why := fmt.Sprintf("%d of %d alerts are listed: those of highest level of each rule", n, in.count)
		if doc.Incomplete != "" {
			why += "; " + doc.Incomplete
		}
		doc.Incomplete = why
	}
	return doc
}
