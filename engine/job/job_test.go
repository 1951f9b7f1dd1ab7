package job

import (
	"fmt"
	"math"
	"net/netip"
	"strings"
	"testing"

	"github.com/seed-843b225c/reflex/engine"
)

const second = int64(1e9)

func layout(t testing.TB) *engine.Layout {
	t.Helper()
	l := engine.NewLayout()
	for _, f := range Demand() {
		if _, err := l.Demand(f); err != nil {
			t.Fatal(err)
		}
	}
	return l
}

// event makes an event at a second from "field=value" pairs.
func event(l *engine.Layout, d engine.Dataset, at int64, fields ...string) *engine.Event {
	ev := &engine.Event{Dataset: d, Time: at * second, ID: fmt.Sprintf("%s-%d-%s", d, at, strings.Join(fields, ",")), Values: make([]engine.Value, l.Len())}
	ev.Hash = engine.HashID(d, ev.ID)
	for _, f := range fields {
		name, text, _ := strings.Cut(f, "=")
		v := engine.String(text)
		switch f, _ := engine.LookupField(name); f.Type() {
		case engine.IP:
			v = engine.Address(netip.MustParseAddr(text))
		case engine.Long:
			var n int64
			fmt.Sscan(text, &n)
			v = engine.Int(n)
		case engine.Bool:
			v = engine.Boolean(text == "true")
		}
		ev.Values[l.SlotOf(name)] = v
	}
	return ev
}

// webhook, text, egress and trail are events of the datasets that matter.
func webhook(l *engine.Layout, at int64, action, job, run string, more ...string) *engine.Event {
	return event(l, engine.GitHubWebhook, at, append([]string{"event.action=" + action, "ci.job.id=" + job, "ci.run.id=" + run}, more...)...)
}

func text(l *engine.Layout, at int64, action string, more ...string) *engine.Event {
	return event(l, engine.GitHubActions, at, append([]string{"event.action=" + action}, more...)...)
}

func egress(l *engine.Layout, at int64, runner, ip string) *engine.Event {
	return event(l, engine.RunnerEgress, at, "event.action=net.egress", "runner.name="+runner, "source.ip="+ip)
}

func trail(l *engine.Layout, at int64, more ...string) *engine.Event {
	return event(l, engine.CloudTrail, at, more...)
}

func TestWhichRunWasIt(t *testing.T) {
	l := layout(t)
	const app, lib = "ci.repo.name=example-org/ml-app", "ci.repo.name=example-org/lib"
	started := func(at int64, job, run string, more ...string) *engine.Event {
		return webhook(l, at, "job.started", job, run, more...)
	}
	finished := func(at int64, job, run string) *engine.Event { return webhook(l, at, "job.finished", job, run) }
	for _, c := range []struct {
		name   string
		known  []*engine.Event
		hit    *engine.Event
		want   string // "run job", "run -" or "- -"
		amb    bool
		detail string // a field that must be filled as well
	}{
		{name: "by repository",
			known: []*engine.Event{started(100, "9001", "7001-1", app), finished(200, "9001", "7001-1")},
			hit:   trail(l, 150, app), want: "7001-1 9001"},
		{name: "the subject names the repository",
			known: []*engine.Event{started(100, "9001", "7001-1", app)},
			hit:   trail(l, 150, "ci.oidc.subject=repo:Example-Org/ml-app:ref:refs/heads/main"), want: "7001-1 9001", detail: "ci.repo.name=example-org/ml-app"},
		{name: "time alone ties nothing",
			known: []*engine.Event{started(100, "9001", "7001-1", app)},
			hit:   trail(l, 150), want: "- -"},
		{name: "another repository",
			known: []*engine.Event{started(100, "9001", "7001-1", app)},
			hit:   trail(l, 150, lib), want: "- -"},
		{name: "before the start, widened by 2 s",
			known: []*engine.Event{started(100, "9001", "7001-1", app)},
			hit:   trail(l, 98, app), want: "7001-1 9001"},
		{name: "too early",
			known: []*engine.Event{started(100, "9001", "7001-1", app)},
			hit:   trail(l, 97, app), want: "- -"},
		{name: "after the end, widened by 2 s",
			known: []*engine.Event{started(100, "9001", "7001-1", app), finished(200, "9001", "7001-1")},
			hit:   trail(l, 202, app), want: "7001-1 9001"},
		{name: "too late",
			known: []*engine.Event{started(100, "9001", "7001-1", app), finished(200, "9001", "7001-1")},
			hit:   trail(l, 203, app), want: "- -"},
		{name: "no end: six hours",
			known: []*engine.Event{started(100, "9001", "7001-1", app)},
			hit:   trail(l, 100+6*3600+2, app), want: "7001-1 9001"},
		{name: "no end: and no more",
			known: []*engine.Event{started(100, "9001", "7001-1", app)},
			hit:   trail(l, 100+6*3600+3, app), want: "- -"},
		{name: "reused runner: the next start ends the job",
			known: []*engine.Event{started(100, "9001", "7001-1", app, "runner.name=r1"), started(300, "9002", "7002-1", lib, "runner.name=r1")},
			hit:   trail(l, 400, "runner.name=r1"), want: "7002-1 9002"},
		{name: "reused runner: the job before",
			known: []*engine.Event{started(100, "9001", "7001-1", app, "runner.name=r1"), started(300, "9002", "7002-1", lib, "runner.name=r1")},
			hit:   trail(l, 200, "runner.name=r1"), want: "7001-1 9001"},
		{name: "reused runner: on the seam both fit",
			known: []*engine.Event{started(100, "9001", "7001-1", app, "runner.name=r1"), started(300, "9002", "7002-1", lib, "runner.name=r1")},
			hit:   trail(l, 301, "runner.name=r1"), want: "- -", amb: true},
		{name: "reused runner, by repository: the old job is over",
			known: []*engine.Event{started(100, "9001", "7001-1", app, "runner.name=r1"), started(300, "9002", "7002-1", lib, "runner.name=r1")},
			hit:   trail(l, 400, app), want: "- -"},
		{name: "machines of the provider share names",
			known: []*engine.Event{started(100, "9001", "7001-1", app, "runner.name=Hosted", "runner.hosted=true"), started(300, "9002", "7002-1", lib, "runner.name=Hosted", "runner.hosted=true")},
			hit:   trail(l, 400, app), want: "7001-1 9001"},
		{name: "matrix: the run without the job",
			known: []*engine.Event{started(100, "9001", "7001-1", app, "ci.job.name=build (a)"), started(101, "9002", "7001-1", app, "ci.job.name=build (b)")},
			hit:   trail(l, 150, app), want: "7001-1 -"},
		{name: "two runs at once: neither",
			known: []*engine.Event{started(100, "9001", "7001-1", app), started(101, "9002", "7002-1", app)},
			hit:   trail(l, 150, app), want: "- -", amb: true},
		{name: "two runs at once: told apart by the ref",
			known: []*engine.Event{started(100, "9001", "7001-1", app, "ci.ref=main"), started(101, "9002", "7002-1", app, "ci.ref=dev")},
			hit:   trail(l, 150, "ci.oidc.subject=repo:example-org/ml-app:ref:refs/heads/dev"), want: "7002-1 9002"},
		{name: "told apart by the environment",
			known: []*engine.Event{started(100, "9001", "7001-1", app, "ci.environment=prod"), started(101, "9002", "7002-1", app, "ci.environment=test")},
			hit:   trail(l, 150, "ci.oidc.subject=repo:example-org/ml-app:environment:prod"), want: "7001-1 9001"},
		{name: "a job that does not know its ref may be it",
			known: []*engine.Event{started(100, "9001", "7001-1", app, "ci.ref=main"), started(101, "9002", "7002-1", app)},
			hit:   trail(l, 150, "ci.oidc.subject=repo:example-org/ml-app:ref:refs/heads/main"), want: "- -", amb: true},
		{name: "a pull request has no ref to compare",
			known: []*engine.Event{started(100, "9001", "7001-1", app, "ci.ref=feature")},
			hit:   trail(l, 150, app, "ci.ref=refs/pull/5/merge"), want: "7001-1 9001"},
		{name: "two runs at once: told apart by the session's name",
			known: []*engine.Event{started(100, "9001", "7001-1", app), started(101, "9002", "7002-1", app)},
			hit:   trail(l, 150, app, "aws.cloudtrail.session_name=gha-7002"), want: "7002-1 9002"},
		{name: "and by the attempt in it",
			known: []*engine.Event{started(100, "9001", "7001-1", app), started(101, "9002", "7001-2", app)},
			hit:   trail(l, 150, "aws.cloudtrail.session_name=gha-7001-2"), want: "7001-2 9002"},
		{name: "the attempt is missing",
			known: []*engine.Event{started(100, "9001", "7001-1", app), started(101, "9002", "7001-2", app)},
			hit:   trail(l, 150, "aws.cloudtrail.session_name=gha-7001"), want: "- -", amb: true},
		{name: "a session's name with another number",
			known: []*engine.Event{started(100, "9001", "7001-1", app)},
			hit:   trail(l, 150, app, "aws.cloudtrail.session_name=botocore-session-1772446500"), want: "7001-1 9001"},
		{name: "70011 is not 7001",
			known: []*engine.Event{started(100, "9001", "7001-1", app)},
			hit:   trail(l, 150, "aws.cloudtrail.session_name=gha-70011"), want: "- -"},
		{name: "two runs at once: told apart by the runner",
			known: []*engine.Event{started(100, "9001", "7001-1", app, "runner.name=r1"), started(101, "9002", "7002-1", app, "runner.name=r2")},
			hit:   trail(l, 150, app, "runner.name=r2"), want: "7002-1 9002"},
		{name: "a runner nobody knows is no reason to guess",
			known: []*engine.Event{started(100, "9001", "7001-1", app, "runner.name=r1")},
			hit:   trail(l, 150, app, "runner.name=r9"), want: "- -"},
		{name: "the pod is the runner",
			known: []*engine.Event{started(100, "9001", "7001-1", app, "runner.name=arc-x7k2p")},
			hit:   trail(l, 150, "orchestrator.resource.name=arc-x7k2p"), want: "7001-1 9001"},
		{name: "a pod that is none says nothing",
			known: []*engine.Event{started(100, "9001", "7001-1", app, "runner.name=arc-x7k2p")},
			hit:   trail(l, 150, app, "orchestrator.resource.name=web-1"), want: "7001-1 9001"},
		{name: "the machine that ships the logs is not the runner",
			known: []*engine.Event{text(l, 101, "job.started", "ci.run.id=7001-1", "ci.job.id=9001", app, "host.name=shipper-1")},
			hit:   trail(l, 150, "host.name=shipper-1"), want: "- -"},
		{name: "a machine named like the runner is",
			known: []*engine.Event{started(100, "9001", "7001-1", app, "runner.name=ml-build-1")},
			hit:   event(l, engine.VPCFlow, 150, "host.name=ml-build-1"), want: "7001-1 9001"},
		{name: "two runs at once: told apart by the address",
			known: []*engine.Event{started(100, "9001", "7001-1", app, "runner.name=r1"), started(101, "9002", "7002-1", app, "runner.name=r2"), egress(l, 120, "r1", "10.0.0.1"), egress(l, 125, "r2", "10.0.0.2")},
			hit:   trail(l, 150, app, "source.ip=10.0.0.2"), want: "7002-1 9002"},
		{name: "the address alone",
			known: []*engine.Event{started(100, "9001", "7001-1", app, "runner.name=r1"), egress(l, 120, "r1", "10.0.0.1")},
			hit:   event(l, engine.VPCFlow, 150, "source.ip=10.0.0.1"), want: "7001-1 9001"},
		{name: "an address both share",
			known: []*engine.Event{started(100, "9001", "7001-1", app, "runner.name=r1"), started(101, "9002", "7002-1", app, "runner.name=r2"), egress(l, 120, "r1", "198.51.100.24"), egress(l, 120, "r2", "198.51.100.24")},
			hit:   trail(l, 150, "source.ip=198.51.100.24"), want: "- -", amb: true},
		{name: "an address seen later is not known yet",
			known: []*engine.Event{started(100, "9001", "7001-1", app, "runner.name=r1"), egress(l, 170, "r1", "10.0.0.1")},
			hit:   event(l, engine.VPCFlow, 150, "source.ip=10.0.0.1"), want: "- -"},
		{name: "an address of the job before",
			known: []*engine.Event{started(100, "9001", "7001-1", app, "runner.name=r1"), egress(l, 120, "r1", "10.0.0.1"), finished(200, "9001", "7001-1"), started(300, "9002", "7002-1", app, "runner.name=r1")},
			hit:   event(l, engine.VPCFlow, 350, "source.ip=10.0.0.1"), want: "- -"},
		{name: "the runner's own address on the job",
			known: []*engine.Event{started(100, "9001", "7001-1", app, "runner.ip=10.0.0.7")},
			hit:   event(l, engine.VPCFlow, 150, "source.ip=10.0.0.7"), want: "7001-1 9001"},
		{name: "a foreign address does not untie",
			known: []*engine.Event{started(100, "9001", "7001-1", app, "runner.ip=10.0.0.7")},
			hit:   trail(l, 150, app, "source.ip=203.0.113.58"), want: "7001-1 9001"},
		{name: "two runs at once: told apart by the step that assumes a role",
			known: []*engine.Event{
				started(100, "9001", "7001-1", app), started(101, "9002", "7002-1", app),
				text(l, 102, "job.started", "ci.job.id=9001"), text(l, 102, "job.started", "ci.job.id=9002"),
				text(l, 149, "role.assumed", "ci.job.id=9002", "ci.step.number=3")},
			hit: trail(l, 150, app, "event.action=cred.issued"), want: "7002-1 9002"},
		{name: "the step is over",
			known: []*engine.Event{
				started(100, "9001", "7001-1", app), started(101, "9002", "7002-1", app),
				text(l, 102, "job.started", "ci.job.id=9001"), text(l, 102, "job.started", "ci.job.id=9002"),
				text(l, 120, "role.assumed", "ci.job.id=9002", "ci.step.number=3"), text(l, 130, "step.finished", "ci.job.id=9002", "ci.step.number=3")},
			hit: trail(l, 150, app, "event.action=cred.issued"), want: "- -", amb: true},
		{name: "a log that nobody collects says nothing",
			known: []*engine.Event{
				started(100, "9001", "7001-1", app), started(101, "9002", "7002-1", app),
				text(l, 149, "role.assumed", "ci.job.id=9002", "ci.step.number=3")},
			hit: trail(l, 150, app, "event.action=cred.issued"), want: "- -", amb: true},
		{name: "the hit has the job: its run is known whenever it is over",
			known: []*engine.Event{started(100, "9001", "7001-1", app), finished(200, "9001", "7001-1")},
			hit:   trail(l, 2000, "ci.job.id=9001"), want: "7001-1 9001"},
		{name: "the hit has the run",
			known: []*engine.Event{started(100, "9001", "7001-1", app), started(100, "9002", "7002-1", app)},
			hit:   trail(l, 150, "ci.run.id=7001-1"), want: "7001-1 9001"},
		{name: "a log that knows its run only is the job of that name",
			known: []*engine.Event{started(100, "9001", "7001-1", app, "ci.job.name=build"), text(l, 101, "job.started", "ci.run.id=7001-1", "ci.job.name=build", app)},
			hit:   trail(l, 150, app), want: "7001-1 9001"},
		{name: "or another job of the run",
			known: []*engine.Event{started(100, "9001", "7001-1", app, "ci.job.name=build"), text(l, 101, "job.started", "ci.run.id=7001-1", "ci.job.name=lint", app)},
			hit:   trail(l, 150, app), want: "7001-1 -"},
		{name: "build text alone",
			known: []*engine.Event{text(l, 101, "job.started", "ci.run.id=7001-1", "ci.job.id=9001", app), text(l, 190, "job.finished", "ci.run.id=7001-1", "ci.job.id=9001")},
			hit:   trail(l, 150, app), want: "7001-1 9001"},
		{name: "a lost start: a line of the log shows that the job ran",
			known: []*engine.Event{text(l, 120, "secret.exposed", "ci.run.id=7001-1", "ci.job.id=9001", app)},
			hit:   trail(l, 150, app), want: "7001-1 9001"},
		{name: "a queued job does not run",
			known: []*engine.Event{webhook(l, 100, "job.queued", "9001", "7001-1", app)},
			hit:   trail(l, 150, app), want: "- -"},
		{name: "the runner's clock is 3 min ahead: the webhook's end counts",
			known: []*engine.Event{started(100, "9001", "7001-1", app), text(l, 380, "job.finished", "ci.job.id=9001"), finished(200, "9001", "7001-1")},
			hit:   trail(l, 380, app), want: "- -"},
	} {
		t.Run(c.name, func(t *testing.T) {
			j := New(l, Options{})
			for _, ev := range c.known {
				j.Observe(ev)
			}
			j.Hold(engine.Hit{Probe: 4, Event: c.hit}, []byte("{}"))
			var got []engine.Hit
			j.Advance(c.hit.Time+Widen-1, func(h engine.Hit) { got = append(got, h) })
			if len(got) != 0 {
				t.Fatal("the hit did not wait for the watermark")
			}
			j.Advance(c.hit.Time+Widen, func(h engine.Hit) { got = append(got, h) })
			if len(got) != 1 || got[0].Probe != 4 || string(got[0].Event.Document) != "{}" {
				t.Fatalf("gave back %v", got)
			}
			if s := answer(l, got[0].Event); s != c.want {
				t.Errorf("got %q, want %q", s, c.want)
			}
			if n := j.Stats().Ambiguous[c.hit.Dataset]; (n == 1) != c.amb {
				t.Errorf("ambiguous counted %d", n)
			}
			if name, value, ok := strings.Cut(c.detail, "="); ok && got[0].Event.Values[l.SlotOf(name)].Text() != value {
				t.Errorf("%s = %q", name, got[0].Event.Values[l.SlotOf(name)].Text())
			}
		})
	}
}

// answer is "run job" of an event, "-" for none.
func answer(l *engine.Layout, ev *engine.Event) string {
	run, job := ev.Values[l.SlotOf("ci.run.id")].Str(), ev.Values[l.SlotOf("ci.job.id")].Str()
	if run == "" {
		run = "-"
	}
	if job == "" {
		job = "-"
	}
	return run + " " + job
}

func TestLateStartStillCounts(t *testing.T) {
	l := layout(t)
	j := New(l, Options{})
	j.Observe(webhook(l, 160, "job.finished", "9001", "7001-1"))
	j.Hold(engine.Hit{Event: trail(l, 150, "ci.repo.name=example-org/ml-app")}, nil)
	j.Advance(120*second, func(engine.Hit) { t.Error("too early") })
	j.Observe(webhook(l, 100, "job.started", "9001", "7001-1", "ci.repo.name=example-org/ml-app")) // behind the watermark even
	var got string
	j.Advance(math.MaxInt64, func(h engine.Hit) { got = answer(l, h.Event) })
	if got != "7001-1 9001" {
		t.Errorf("got %q", got)
	}
	if s := j.Stats(); s.Late != 1 || s.Held != 0 || s.Job[engine.CloudTrail] != 1 {
		t.Errorf("%+v", s)
	}
}

func TestHoldKeepsNoBytesOfTheBatch(t *testing.T) {
	l := layout(t)
	j := New(l, Options{})
	buf := []byte("example-org/ml-app")
	ev := trail(l, 150)
	ev.Raw, ev.Outer, ev.All = []byte("raw"), []byte("outer"), []engine.FieldValue{{}}
	ev.Values[l.SlotOf("ci.repo.name")] = engine.String(string(buf))
	j.Hold(engine.Hit{Event: ev}, []byte(`{"a":1}`))
	ev.Values[l.SlotOf("ci.repo.name")] = engine.String("changed")
	j.Advance(math.MaxInt64, func(h engine.Hit) {
		if h.Event.Raw != nil || h.Event.Outer != nil || h.Event.All != nil || string(h.Event.Document) != `{"a":1}` {
			t.Error("kept raw bytes or lost the document")
		}
		if got := h.Event.Values[l.SlotOf("ci.repo.name")].Str(); got != "example-org/ml-app" {
			t.Errorf("aliases the batch: %q", got)
		}
	})
}

func TestMemoryIsBounded(t *testing.T) {
	l := layout(t)
	j := New(l, Options{MaxJobs: 100, MaxHeld: 10})
	for i := range int64(1000) {
		j.Observe(webhook(l, i, "job.started", fmt.Sprint(i), fmt.Sprintf("%d-1", 10000+i), "ci.repo.name=example-org/r", "runner.name=r"+fmt.Sprint(i), "runner.ip=10.0.0.1"))
		j.Hold(engine.Hit{Event: trail(l, i, "ci.repo.name=example-org/r")}, nil)
	}
	if s := j.Stats(); s.Jobs > 100 || s.Dropped == 0 {
		t.Errorf("%+v", s)
	}
	n := 0
	j.Advance(0, func(engine.Hit) { n++ })
	if s := j.Stats(); s.Held != 10 || n != 990 {
		t.Errorf("%d went on, %+v", n, s)
	}
	// Jobs go an hour after their end, and leave nothing in the indexes.
	j.Advance((1000+7*3600+60)*second, func(engine.Hit) {})
	if s := j.Stats(); s.Jobs != 0 || s.Held != 0 {
		t.Errorf("%+v", s)
	}
	if len(j.byRun)+len(j.byRepo)+len(j.byName)+len(j.byAddr) != 0 {
		t.Errorf("indexes hold %d %d %d %d", len(j.byRun), len(j.byRepo), len(j.byName), len(j.byAddr))
	}
}

func TestSightingsAreBounded(t *testing.T) {
	l := layout(t)
	j := New(l, Options{})
	for i := range int64(100) {
		j.Observe(egress(l, i, "r1", "10.0.0.1"))
	}
	if s := j.Stats(); s.Sightings != 11 { // cells of 10 s, the first at 0
		t.Errorf("%d sightings", s.Sightings)
	}
	j.Advance(200*second, func(engine.Hit) {})
	if s := j.Stats(); s.Sightings != 0 {
		t.Errorf("%d sightings after the watermark", s.Sightings)
	}
}

func TestParseSubject(t *testing.T) {
	for s, want := range map[string]claim{
		"repo:o/r:ref:refs/heads/main":                 {"o/r", "refs/heads/main", ""},
		"repo:o/r:environment:prod":                    {"o/r", "", "prod"},
		"repo:o/r:pull_request":                        {"o/r", "", ""},
		"repo:o/r":                                     {"o/r", "", ""},
		"repository_owner:o:repo:o/r:ref:refs/tags/v1": {"o/r", "refs/tags/v1", ""},
		"repo:o/r:environment:prod:ref:refs/heads/x":   {"o/r", "refs/heads/x", "prod"},
		"system:serviceaccount:default:builder":        {},
		"":                                             {},
		"job_workflow_ref:o/r/.github/workflows/x.yml@main": {},
	} {
		if got := parseSubject(s); got != want {
			t.Errorf("%q: %+v", s, got)
		}
	}
}
