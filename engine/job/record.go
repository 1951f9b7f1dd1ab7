package job

import (
	"bytes"
	"net/netip"
	"slices"

	"github.com/seed-843b225c/reflex/engine"
)

// record is one job as its announcements tell it. All of it is a set: the order
// of learning leaves no trace. Each thing learned keeps its event time, so that
// the record can be read as of a moment.
type record struct {
	id    string // ci.job.id; "" for a log that knows its run only
	key   string
	start int64 // earliest announcement
	text  int64 // earliest line of its log; 0: none was seen
	ends  []end
	facts []fact
	past  []fact // replaced by earlier ones; the indexes still hold them
	addrs []sighting
	steps []stepMark
}

// end is an announced end.
type end struct {
	at      int64
	webhook bool
}

// fact is one field's value as announced. Of one field the earliest from a
// webhook and the earliest from elsewhere are kept; the webhook's is believed
// first, because logs are written by the job itself.
type fact struct {
	field   uint8
	webhook bool
	at      int64
	value   engine.Value
}

// sighting is when the job's runner was first seen with an address.
type sighting struct {
	addr  netip.Addr
	first int64
}

// stepMark is a step that assumed a role, or one that ended.
type stepMark struct {
	kind   uint8
	at     int64
	number int64 // 0: unknown
}

const (
	assumed = iota
	stepEnd
)

// Bounds of one record; what is beyond them does not occur in sound input.
const (
	maxEnds  = 8
	maxAddrs = 32
	maxSteps = 256
)

// learn keeps a fact if it is earlier than what is known; it reports whether the
// value is new to the record.
func (r *record) learn(f fact) bool {
	for i := range r.facts {
		old := &r.facts[i]
		if old.field != f.field || old.webhook != f.webhook {
			continue
		}
		if f.at > old.at || f.at == old.at && (f.value == old.value || !less(f.value, old.value)) {
			return false
		}
		if old.value == f.value {
			old.at = f.at
			return false
		}
		r.past = append(r.past, *old)
		old.at, old.value = f.at, f.value.Clone()
		return true
	}
	f.value = f.value.Clone()
	r.facts = append(r.facts, f)
	return true
}

// less orders values that one moment claims for one field: either would do, both
// orders of arrival must choose the same.
func less(a, b engine.Value) bool {
	return bytes.Compare(a.AppendBinary(nil), b.AppendBinary(nil)) < 0
}

// asOf gives a field as known up to a moment, nil when it was not yet.
func (r *record) asOf(field int, t int64) engine.Value {
	var v engine.Value
	for i := range r.facts {
		f := &r.facts[i]
		if int(f.field) == field && f.at <= t && (f.webhook || v.IsNil()) {
			v = f.value
		}
	}
	return v
}

// run gives ci.run.id as known up to a moment.
func (r *record) run(t int64) string { return r.asOf(runID, t).Str() }

// finish keeps an announced end.
func (r *record) finish(at int64, webhook bool) {
	e := end{at, webhook}
	if slices.Contains(r.ends, e) {
		return
	}
	r.ends = append(r.ends, e)
	slices.SortFunc(r.ends, func(a, b end) int {
		switch {
		case a.at < b.at || a.at == b.at && a.webhook && !b.webhook:
			return -1
		}
		return 1
	})
	r.ends = r.ends[:min(len(r.ends), maxEnds)]
}

// endAsOf gives the announced end as known up to a moment: a webhook's before
// that of a log, whose clock is the runner's; of several the last.
func (r *record) endAsOf(t int64) (at int64, ok bool) {
	sure := false
	for _, e := range r.ends {
		if e.at > t || sure && !e.webhook {
			continue
		}
		at, ok, sure = e.at, true, sure || e.webhook
	}
	return at, ok
}

// locate keeps the earliest sighting of an address; it reports whether the
// address is new to the record.
func (r *record) locate(a netip.Addr, at int64) bool {
	for i := range r.addrs {
		if s := &r.addrs[i]; s.addr == a {
			s.first = min(s.first, at)
			return false
		}
	}
	if len(r.addrs) >= maxAddrs {
		return false
	}
	r.addrs = append(r.addrs, sighting{a, at})
	return true
}

// at reports whether the runner had an address, as known up to a moment.
func (r *record) at(a netip.Addr, t int64) bool {
	for _, s := range r.addrs {
		if s.addr == a {
			return s.first <= t
		}
	}
	return false
}

// step keeps a mark of the job's steps.
func (r *record) step(kind uint8, at, number int64) {
	m := stepMark{kind, at, number}
	if len(r.steps) < maxSteps && !slices.Contains(r.steps, m) {
		r.steps = append(r.steps, m)
	}
}

// assuming reports whether, around t, a step is open that says it assumes a role.
func (r *record) assuming(t int64) bool {
	for _, a := range r.steps {
		if a.kind != assumed || a.at > t+Widen {
			continue
		}
		over := false
		for _, e := range r.steps {
			over = over || e.kind == stepEnd && e.at >= a.at && e.at < t-Widen && (a.number == 0 || e.number == a.number)
		}
		if !over {
			return true
		}
	}
	return false
}

// bound is when the job is over at the latest, by all that is known.
func (r *record) bound() int64 {
	if n := len(r.ends); n > 0 {
		return r.ends[n-1].at
	}
	return r.start + Longest
}

// active reports whether the job ran at t, as of t plus Widen: it had started; and
// its end, else the next start on its runner where that takes one job at a time,
// else the longest time a job may take, is not behind.
func (j *Jobs) active(r *record, t int64) bool {
	if t < r.start-Widen {
		return false
	}
	if at, ok := r.endAsOf(t + Widen); ok {
		return t <= at+Widen
	}
	if t > r.start+Longest+Widen {
		return false
	}
	name := r.asOf(runnerName, t+Widen).Str()
	if name == "" || r.asOf(runnerHosted, t+Widen).Bool() {
		return true // machines of the provider share names
	}
	for _, next := range j.byName[name] {
		if next.start > r.start && next.start < t-Widen && next.asOf(runnerName, t+Widen).Str() == name && !sameJob(r, next, t+Widen) {
			return false
		}
	}
	return true
}

// sameJob reports whether two records may be one job: a log that knows only its
// run, and an announcement that knows the id.
func sameJob(a, b *record, t int64) bool {
	if a.id != "" && b.id != "" {
		return a.id == b.id
	}
	return a.run(t) != "" && a.run(t) == b.run(t)
}
