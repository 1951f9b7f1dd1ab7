package incident

import (
	"cmp"
	"container/heap"
	"slices"
	"time"

	"github.com/seed-843b225c/reflex/engine"
)

// How long an incident waits for more.
const (
	episode      = int64(24 * time.Hour) // an alert that is not final may grow to this length
	grace        = int64(time.Hour)      // tolerances, and hits that wait for their run, behind the watermark
	defaultReach = 30 * 24 * time.Hour
)

// Advance says that no alert which is not known yet starts at or before the
// watermark, ns: it is the least of all rules. It gives Closed of the incidents that no
// entity can join any more, in the order of their opening, with the watermark as
// time: 24 h of silence after the last alert, and as long as that alert may
// still grow.
//
// Only a chain can reopen such an incident, and only as far as it reaches back
// (Options.Reach): so long it is remembered, whole but out of the index. What
// lies further back no loaded rule can name again.
//
// An Advance that closes nothing changes nothing. So the Closed in the alert
// log say all about time that a replay must know.
func (v *Live) Advance(watermark int64) []engine.Transition {
	var done []*incident
	for len(v.open) > 0 && v.open[0].due < watermark {
		done = append(done, heap.Pop(&v.open).(*incident))
	}
	if done == nil {
		return nil
	}
	slices.SortFunc(done, func(a, b *incident) int { return cmp.Compare(a.order, b.order) })
	out := make([]engine.Transition, 0, len(done))
	for _, in := range done {
		out = append(out, v.close(in, watermark))
	}
	for len(v.over) > 0 && v.over[0].due < watermark {
		v.forget(heap.Pop(&v.over).(*incident))
	}
	return out
}

func (v *Live) close(in *incident, watermark int64) engine.Transition {
	for _, s := range in.strands {
		v.index.remove(s)
	}
	in.final = true
	in.due = watermark + int64(v.opt.Reach) + grace
	heap.Push(&v.over, in)
	v.dirty[incidentKey(in.id)] = true
	in.number++
	doc := in.tell(func(id string) bool { return v.has(in, id) }, v.opt)
	return engine.Transition{Change: engine.Closed, Number: in.number, Time: watermark, Incident: doc}
}

// wake makes a final incident one that may be joined again.
func (v *Live) wake(in *incident) {
	if !in.final {
		return
	}
	v.leave(in)
	in.final = false
	for _, s := range in.strands {
		v.index.add(s)
	}
}

// stay puts an incident, after its alert changed, where it waits for its end.
func (v *Live) stay(in *incident, m *member) {
	v.touched(m)
	if in.final {
		return
	}
	in.due = max(in.end, in.newest+episode) + near + grace
	if in.at < 0 {
		v.incidents[in.id] = in
		heap.Push(&v.open, in)
	} else {
		heap.Fix(&v.open, in.at)
	}
}

// leave takes an incident from its queue.
func (v *Live) leave(in *incident) {
	switch {
	case in.at < 0: // awake, and not yet waiting again
	case in.final:
		heap.Remove(&v.over, in.at)
	default:
		heap.Remove(&v.open, in.at)
	}
}

// forget drops a final incident with its alerts.
func (v *Live) forget(in *incident) {
	for _, s := range in.strands {
		for _, m := range s.members {
			v.forgetLinks(m)
			v.dirty[alertKey(m.id)] = true
			delete(v.alerts, m.id)
			for _, id := range m.also {
				delete(v.alerts, id)
			}
		}
	}
	delete(v.incidents, in.id)
	v.dirty[incidentKey(in.id)] = true
}

// touched marks alerts and their incidents for the next Save.
func (v *Live) touched(list ...*member) {
	for _, m := range list {
		v.dirty[alertKey(m.id)] = true
		v.dirty[incidentKey(m.strand.in.id)] = true
	}
}

// queue is a heap of incidents by due time.
type queue []*incident

func (q queue) Len() int           { return len(q) }
func (q queue) Less(i, j int) bool { return q[i].due < q[j].due }
func (q queue) Swap(i, j int) {
	q[i], q[j] = q[j], q[i]
	q[i].at, q[j].at = i, j
}

// Push and Pop are container/heap's.
func (q *queue) Push(x any) {
	in := x.(*incident)
	in.at = len(*q)
	*q = append(*q, in)
}

// Pop gives the last.
func (q *queue) Pop() any {
	n := len(*q) - 1
	in := (*q)[n]
	(*q)[n] = nil
	*q = (*q)[:n]
	in.at = -1
	return in
}
