// Package job knows which build job ran where and when, and gives hits the run
// they came from: CloudTrail and flow logs do not name it.
//
// The pipeline shows every event to Observe, keeps hits that need their run and
// lack it with Hold, and calls Advance as the watermark moves; Advance gives the
// hits back, with ci.run.id and ci.job.id where exactly one run or job fits.
//
// # The law
//
// What a hit at event time t is given depends on the set of announcements with
// times up to t plus Widen alone: not on their order of arrival, not on
// announcements from later times that happen to be here already. That is why a
// hit waits until the watermark has passed t plus Widen, and why a finish that
// lies after t says nothing about it.
//
// A hit gets a run only on evidence that ties it to a runner, a repository, an
// address or a run's number. Time alone ties nothing, even when one job runs in
// the whole organisation; of several runs that fit none is chosen.
//
// Issued credentials (cred.issued) teach nothing here: they come from CloudTrail,
// whose lateness every waiting hit would then pay. Chains cross from a run to its
// keys over links instead.
//
// Jobs belongs to one goroutine.
package job

import (
	"net/netip"
	"strings"
	"time"

	"github.com/seed-843b225c/reflex/engine"
)

const (
	// Widen is how far a job's span reaches beyond its announced ends.
	Widen = int64(2 * time.Second)
	// Longest is how long a job lasts whose end nobody announces.
	Longest = int64(6 * time.Hour)
)

// Options bound the memory of a Jobs. Zero values take the defaults.
type Options struct {
	Keep    time.Duration // how long a job is remembered after its end: hits may be late by this much; default 1 h
	MaxJobs int           // default 100,000; beyond it the jobs that ended first are forgotten
	MaxHeld int           // events that may wait; default 100,000; beyond it the oldest go on without a run
}

// Demand lists the fields that package job reads or fills: they need slots where a
// loaded rule keys on the run.
func Demand() []string {
	return append([]string(nil), fieldNames[:]...)
}

// Announces reports whether events of a dataset say when and where jobs run: the
// watermark given to Advance is the minimum over those of them that are read.
func Announces(d engine.Dataset) bool { return d == engine.RunnerEgress || d.Info().Jobs }

// Fields that are read, by number.
const (
	action = iota
	jobID
	jobName
	runID
	runNumber
	runAttempt
	repoName
	repoOwner
	ref
	environment
	workflow
	runnerName
	runnerID
	runnerHosted
	pod
	lastFact = pod
)

const (
	host = lastFact + 1 + iota // of a job's log it would be the machine that shipped it
	runnerIP
	sourceIP
	instance
	session
	subject
	stepNumber
	numFields
)

var fieldNames = [numFields]string{
	action: "event.action", jobID: "ci.job.id", jobName: "ci.job.name", runID: "ci.run.id", runNumber: "ci.run.number", runAttempt: "ci.run.attempt",
	repoName: "ci.repo.name", repoOwner: "ci.repo.owner", ref: "ci.ref", environment: "ci.environment", workflow: "ci.workflow.name",
	runnerName: "runner.name", runnerID: "runner.id", runnerHosted: "runner.hosted", pod: "orchestrator.resource.name", host: "host.name",
	runnerIP: "runner.ip", sourceIP: "source.ip", instance: "cloud.instance.id", session: "aws.cloudtrail.session_name",
	subject: "ci.oidc.subject", stepNumber: "ci.step.number",
}

// Jobs is what is known about jobs, and the hits that wait for it.
type Jobs struct {
	o        Options
	slot     [numFields]int
	announce [256]bool // by dataset

	jobs    map[string]*record
	byRun   map[string][]*record // run number
	byRepo  map[string][]*record // repository, lower case
	byName  map[string][]*record // runner, runner id or pod
	byAddr  map[netip.Addr][]*record
	places  places
	waiting waiting

	watermark int64
	swept     int64 // watermark of the last sweep
	started   bool  // a watermark came
	stats     Stats
	scratch   []*record
	changed   *changes // for Save; nil: nothing is saved
}

// New makes an empty Jobs for events of a layout.
func New(l *engine.Layout, o Options) *Jobs {
	if o.Keep <= 0 {
		o.Keep = time.Hour
	}
	if o.MaxJobs <= 0 {
		o.MaxJobs = 100_000
	}
	if o.MaxHeld <= 0 {
		o.MaxHeld = 100_000
	}
	j := &Jobs{
		o: o, jobs: map[string]*record{}, byRun: map[string][]*record{}, byRepo: map[string][]*record{},
		byName: map[string][]*record{}, byAddr: map[netip.Addr][]*record{},
	}
	for f, name := range fieldNames {
		j.slot[f] = l.SlotOf(name)
	}
	for _, d := range engine.Datasets() {
		j.announce[d] = Announces(d)
	}
	return j
}

// get gives a field of an event; nil where it has no slot.
func (j *Jobs) get(ev *engine.Event, field int) engine.Value { return ev.Get(j.slot[field]) }

// Observe learns from an event. It may be shown every event: those of datasets
// that announce nothing cost one look at a table. What it keeps it copies.
func (j *Jobs) Observe(ev *engine.Event) {
	if !j.announce[ev.Dataset] {
		return
	}
	if ev.Dataset == engine.RunnerEgress {
		j.observePlace(ev)
		return
	}
	act := j.get(ev, action).Str()
	starts, finishes := act == "job.started", act == "job.finished"
	// A webhook is also sent for a job that is only queued; a line of build text shows that its job runs.
	if !starts && !finishes && ev.Dataset == engine.GitHubWebhook {
		return
	}
	key := j.key(ev, starts || finishes)
	if key == "" {
		return
	}
	if j.started && ev.Time < j.watermark {
		j.stats.Late++
	}
	r := j.jobs[key]
	if r == nil {
		j.makeRoom()
		r = &record{id: strings.Clone(j.get(ev, jobID).Str()), key: strings.Clone(key), start: ev.Time}
		j.jobs[r.key] = r
	}
	j.touch(r.key)
	r.start = min(r.start, ev.Time)
	webhook := ev.Dataset == engine.GitHubWebhook
	for f := jobName; f <= lastFact; f++ {
		if v := j.get(ev, f); !v.IsNil() {
			j.learn(r, fact{field: uint8(f), webhook: webhook, at: ev.Time, value: v})
		}
	}
	if a := j.get(ev, runnerIP).Addr(); a.IsValid() {
		j.locate(r, a, ev.Time)
	}
	switch {
	case finishes:
		r.finish(ev.Time, webhook)
	case act == "role.assumed":
		r.step(assumed, ev.Time, j.get(ev, stepNumber).Int())
	case act == "step.finished":
		r.step(stepEnd, ev.Time, j.get(ev, stepNumber).Int())
	}
	if !webhook && (r.text == 0 || ev.Time < r.text) {
		r.text = ev.Time
	}
}

// key names the job of an event: its id, else run and name for a log that knows
// its run only. "" when the event names no job.
func (j *Jobs) key(ev *engine.Event, announced bool) string {
	if id := j.get(ev, jobID).Str(); id != "" {
		return id
	}
	run := j.get(ev, runID).Str()
	if run == "" || !announced {
		return ""
	}
	return run + "/" + j.get(ev, jobName).Str()
}

// learn keeps a fact about a job and makes the job findable by it.
func (j *Jobs) learn(r *record, f fact) {
	if !r.learn(f) {
		return
	}
	if index, key := j.index(f); index != nil {
		add(index, strings.Clone(key), r)
	}
}

// unindex takes a job out of where learn put it for a fact.
func (j *Jobs) unindex(r *record, f fact) {
	if index, key := j.index(f); index != nil {
		remove(index, key, r)
	}
}

// index says where a job is found by a fact; nil when by none of that field.
func (j *Jobs) index(f fact) (map[string][]*record, string) {
	v := f.value.Str()
	switch f.field {
	case runID:
		number, _, _ := strings.Cut(v, "-")
		return j.byRun, number
	case repoName:
		return j.byRepo, strings.ToLower(v)
	case runnerName, runnerID, pod:
		return j.byName, v
	}
	return nil, ""
}

// locate keeps that a job's runner had an address.
func (j *Jobs) locate(r *record, a netip.Addr, at int64) {
	if r.locate(a, at) {
		j.touch(r.key)
		add(j.byAddr, a, r)
	}
}

// add puts a job under an index key, once.
func add[K comparable](index map[K][]*record, key K, r *record) {
	for _, x := range index[key] {
		if x == r {
			return
		}
	}
	index[key] = append(index[key], r)
}

// remove takes a job out from under an index key.
func remove[K comparable](index map[K][]*record, key K, r *record) {
	list := index[key]
	for i, x := range list {
		if x == r {
			list[i] = list[len(list)-1]
			list[len(list)-1] = nil
			list = list[:len(list)-1]
			break
		}
	}
	if len(list) == 0 {
		delete(index, key)
		return
	}
	index[key] = list
}
