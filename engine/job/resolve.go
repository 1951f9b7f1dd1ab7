package job

import (
	"strings"

	"github.com/seed-843b225c/reflex/engine"
)

// candidates narrows the jobs that ran at the event's time, in this order: ids
// the event has; a run's number in the role's session name; runner name, pod or
// instance; repository, ref and environment of the OIDC subject; the runner's
// address; an open step that says it assumes a role. The result is valid until
// the next call; empty when nothing ties the event to a job.
func (j *Jobs) candidates(ev *engine.Event) []*record {
	n := narrowing{j: j, t: ev.Time, set: j.scratch[:0]}
	defer func() { j.scratch = n.set[:0] }()

	if id := j.get(ev, jobID).Str(); id != "" {
		if r := j.jobs[id]; r != nil && n.t >= r.start-Widen {
			n.set = append(n.set, r)
		}
		return n.set
	}
	if run := j.get(ev, runID).Str(); run != "" {
		number, _, _ := strings.Cut(run, "-")
		n.tie(j.byRun[number], func(r *record) bool { return r.run(n.t+Widen) == run })
	} else {
		n.session(j.get(ev, session).Str())
	}
	if name := j.get(ev, runnerName).Str(); name != "" {
		n.tie(j.byName[name], func(r *record) bool { return r.named(name, n.t+Widen) })
	} else {
		for _, f := range [...]int{pod, instance, host} {
			if name := j.get(ev, f).Str(); name != "" {
				n.prefer(j.byName[name], func(r *record) bool { return r.named(name, n.t+Widen) })
			}
		}
	}
	n.subject(ev)
	addr := j.get(ev, sourceIP).Addr()
	if a := j.get(ev, runnerIP).Addr(); a.IsValid() {
		addr = a
	}
	if addr.IsValid() {
		n.prefer(j.byAddr[addr], func(r *record) bool { return r.at(addr, n.t) })
	}
	if len(n.set) > 1 && assumes(j.get(ev, action).Str()) {
		n.assuming()
	}
	return n.set
}

// narrowing is a set of candidates that only shrinks once evidence has tied the
// event to some.
type narrowing struct {
	j    *Jobs
	t    int64
	tied bool
	set  []*record
}

// tie keeps the candidates that match. The first evidence takes them from an
// index; evidence that fits none leaves none.
func (n *narrowing) tie(index []*record, match func(*record) bool) {
	if n.tied {
		n.keep(match)
		return
	}
	n.tied = true
	for _, r := range index {
		if match(r) && n.j.active(r, n.t) {
			n.set = append(n.set, r)
		}
	}
}

// prefer ties like tie, but only if some candidate matches: the evidence may be
// about something else than a build.
func (n *narrowing) prefer(index []*record, match func(*record) bool) {
	from := n.set
	if !n.tied {
		from = index
	}
	for _, r := range from {
		if match(r) && (n.tied || n.j.active(r, n.t)) {
			n.tie(index, match)
			return
		}
	}
}

// keep drops the candidates that do not match.
func (n *narrowing) keep(match func(*record) bool) {
	kept := n.set[:0]
	for _, r := range n.set {
		if match(r) {
			kept = append(kept, r)
		}
	}
	n.set = kept
}

// session looks for the number of a run that is under way in a role session's
// name ("gha-7001", "deploy-7001-2"). A name without one says nothing.
func (n *narrowing) session(name string) {
	for i := 0; i < len(name); {
		if !digit(name[i]) {
			i++
			continue
		}
		from := i
		for i < len(name) && digit(name[i]) {
			i++
		}
		number := name[from:i]
		if len(number) < 4 || n.j.byRun[number] == nil {
			continue
		}
		exact := number + "-" + attempt(name[i:])
		n.prefer(n.j.byRun[number], func(r *record) bool {
			run := r.run(n.t + Widen)
			return run == number || strings.HasPrefix(run, number) && run[len(number)] == '-'
		})
		n.preferAmong(func(r *record) bool { return r.run(n.t+Widen) == exact })
		if n.tied {
			return
		}
	}
}

// preferAmong narrows to the candidates that match, if any does.
func (n *narrowing) preferAmong(match func(*record) bool) {
	for _, r := range n.set {
		if match(r) {
			n.keep(match)
			return
		}
	}
}

// attempt reads "-2" or "_2" behind a run's number; "" when nothing like it stands there.
func attempt(s string) string {
	if len(s) < 2 || s[0] != '-' && s[0] != '_' {
		return ""
	}
	i := 1
	for i < len(s) && digit(s[i]) {
		i++
	}
	if i > 4 {
		return "" // a date or a number of something else
	}
	return s[1:i]
}

func digit(c byte) bool { return c >= '0' && c <= '9' }

// subject narrows by the repository, ref and environment that the event names,
// itself or in its OIDC subject. A candidate that does not know its own is kept.
func (n *narrowing) subject(ev *engine.Event) {
	j := n.j
	s := parseSubject(j.get(ev, subject).Str())
	if v := j.get(ev, repoName).Str(); v != "" {
		s.repo = v
	}
	if v := j.get(ev, ref).Str(); v != "" && s.ref == "" {
		s.ref = v
	}
	if v := j.get(ev, environment).Str(); v != "" && s.environment == "" {
		s.environment = v
	}
	if s.repo == "" {
		return
	}
	known := n.t + Widen
	if n.tied {
		n.keep(func(r *record) bool {
			v := r.asOf(repoName, known).Str()
			return v == "" || strings.EqualFold(v, s.repo)
		})
	} else {
		n.tie(j.byRepo[strings.ToLower(s.repo)], func(r *record) bool {
			return strings.EqualFold(r.asOf(repoName, known).Str(), s.repo)
		})
	}
	if want := shortRef(s.ref); want != "" {
		n.keep(func(r *record) bool {
			v := shortRef(r.asOf(ref, known).Str())
			return v == "" || v == want
		})
	}
	if s.environment != "" {
		n.keep(func(r *record) bool {
			v := r.asOf(environment, known).Str()
			return v == "" || strings.EqualFold(v, s.environment)
		})
	}
}

// claim is what an OIDC subject says of the job that presented it.
type claim struct{ repo, ref, environment string }

// parseSubject reads "repo:OWNER/NAME:ref:refs/heads/B", "...:environment:E" and
// "...:pull_request"; organisations may add or leave out parts.
func parseSubject(s string) (c claim) {
	rest, ok := strings.CutPrefix(s, "repo:")
	if !ok {
		if _, rest, ok = strings.Cut(s, ":repo:"); !ok {
			return c
		}
	}
	c.repo, rest, _ = strings.Cut(rest, ":")
	for rest != "" {
		var word string
		word, rest, _ = strings.Cut(rest, ":")
		switch word {
		case "ref":
			c.ref, rest, _ = strings.Cut(rest, ":")
		case "environment":
			c.environment, rest, _ = strings.Cut(rest, ":")
		}
	}
	return c
}

// shortRef makes refs of webhooks (main) and of tokens (refs/heads/main) equal. A
// pull request's merge ref is none that a webhook names: "".
func shortRef(s string) string {
	if strings.HasPrefix(s, "refs/pull/") {
		return ""
	}
	s = strings.TrimPrefix(s, "refs/heads/")
	return strings.TrimPrefix(s, "refs/tags/")
}

// assumes reports whether an action hands a role's key to somebody.
func assumes(action string) bool {
	return action == "cred.issued" || strings.HasPrefix(action, "AssumeRole")
}

// assuming keeps the jobs with an open step that says it assumes a role, if there
// is one, and those whose log nobody has seen: what is not there says nothing.
func (n *narrowing) assuming() {
	some := false
	for _, r := range n.set {
		some = some || r.assuming(n.t)
	}
	if some {
		n.keep(func(r *record) bool {
			return r.assuming(n.t) || r.text == 0 || r.text > n.t+Widen
		})
	}
}

// verdict is what the candidates come to.
type verdict uint8

const (
	unknown   verdict = iota // nothing fits
	ambiguous                // several runs fit
	theRun                   // several jobs of one run
	theJob
)

// judge says what the candidates come to; r is a job of the run, or the job.
func judge(set []*record, t int64) (v verdict, r *record) {
	if len(set) == 0 {
		return unknown, nil
	}
	known := t + Widen
	run := set[0].run(known)
	for _, c := range set[1:] {
		if c.run(known) != run || run == "" && c != set[0] {
			return ambiguous, nil
		}
	}
	// A log that knows its run but not its job is the job of that name.
	var found *record
	for _, c := range set {
		switch {
		case c.id == "":
		case found == nil:
			found = c
		case found.id != c.id:
			return theRun, pick(set)
		}
	}
	if found == nil {
		if len(set) > 1 {
			return theRun, pick(set)
		}
		return theJob, set[0]
	}
	for _, c := range set {
		if c.id == "" && c.asOf(jobName, known) != found.asOf(jobName, known) {
			return theRun, pick(set)
		}
	}
	return theJob, found
}

// pick chooses the record that speaks for a run: any would do, but always the
// same one.
func pick(set []*record) *record {
	best := set[0]
	for _, r := range set[1:] {
		if r.start < best.start || r.start == best.start && r.key < best.key {
			best = r
		}
	}
	return best
}

// name gives an event what its candidates come to. Fields the event has stay.
func (j *Jobs) name(ev *engine.Event) {
	v, r := judge(j.candidates(ev), ev.Time)
	j.stats.count(ev.Dataset, v)
	var fields []int
	switch v {
	case theJob:
		fields = ofJob
	case theRun:
		fields = ofRun
	default:
		return
	}
	known := ev.Time + Widen
	for _, f := range fields {
		slot := j.slot[f]
		if slot < 0 || !ev.Values[slot].IsNil() {
			continue
		}
		if f == jobID {
			if r.id != "" {
				ev.Values[slot] = engine.String(r.id)
			}
			continue
		}
		ev.Values[slot] = r.asOf(f, known)
	}
}

// The fields a hit is given with its run, and with its job.
var (
	ofRun = []int{runID, runNumber, runAttempt, repoName, repoOwner, workflow}
	ofJob = append([]int{jobID, jobName, runnerName}, ofRun...)
)
