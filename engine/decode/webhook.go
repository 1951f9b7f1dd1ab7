package decode

import (
	"strings"

	"github.com/seed-843b225c/reflex/engine"
)

// gitHubWebhook reads the webhooks workflow_job and workflow_run: when jobs and
// runs were queued, started and finished, and where. Other webhooks of GitHub
// are skipped.
var gitHubWebhook = format{
	name:    "github.webhook",
	dataset: engine.GitHubWebhook,
	signs:   "workflow_job.id workflow_run.id repository.full_name sender.login workflow_job.run_id workflow_run.head_sha action",
	sniff: func(r *reading) bool {
		return r.has(0) && (r.has(2) || r.has(4)) || r.has(1) && (r.has(2) || r.has(5)) || r.has(2) && r.has(3)
	},
	skipFrom: "workflow_job.id workflow_run.id",
	skip: func(r *reading) string {
		if r.has(0) || r.has(1) {
			return ""
		}
		return "another GitHub webhook"
	},
	facts: true,
	table: gitHubWebhookTable,
}

const (
	hookAction = "action workflow_job.id "
	runID      = "workflow_job.run_id workflow_run.id workflow_job.run_attempt workflow_run.run_attempt "
	hookEnds   = "workflow_job.started_at workflow_job.completed_at workflow_run.run_started_at workflow_run.updated_at action workflow_job.id "
	runnerFrom = "workflow_job.labels workflow_job.runner_name workflow_job.runner_group_name "
)

var gitHubWebhookTable = []row{
	{field: "@timestamp", from: hookAction + "workflow_job.created_at workflow_job.started_at workflow_job.completed_at " +
		"workflow_run.created_at workflow_run.run_started_at workflow_run.updated_at", value: hookTime},
	{field: "event.id", from: hookAction + "workflow_run.id workflow_run.run_attempt workflow_job.run_attempt", value: func(r *reading) engine.Value {
		if id := r.c.label("X-GitHub-Delivery", "headers.X-GitHub-Delivery", "headers.x-github-delivery"); id != "" {
			return text(id)
		}
		if r.has(1) {
			return text(r.join("workflow_job/"+r.str(1), "/", r.str(0)))
		}
		return text(r.join("workflow_run/"+r.str(2)+"-"+attemptOr1(r.str(3)), "/", r.str(0)))
	}},
	{field: "event.action", from: hookAction, value: func(r *reading) engine.Value {
		what := "run."
		if r.has(1) {
			what = "job."
		}
		switch a := r.str(0); a {
		case "in_progress":
			return text(r.join(what, "", "started"))
		case "completed":
			return text(r.join(what, "", "finished"))
		case "":
			return engine.Value{}
		default:
			return text(r.join(what, "", a))
		}
	}},
	{field: "event.provider", is: "github"},
	{field: "event.category", is: "process"},
	{field: "event.type", from: "action", value: func(r *reading) engine.Value {
		switch r.str(0) {
		case "in_progress":
			return typeStart
		case "completed":
			return typeEnd
		}
		return typeInfo
	}},
	{field: "event.outcome", from: "workflow_job.conclusion workflow_run.conclusion", value: func(r *reading) engine.Value {
		switch firstOf(r, 0, 1) {
		case "success":
			return engine.String("success")
		case "failure", "timed_out", "startup_failure", "action_required":
			return engine.String("failure")
		case "":
			return engine.Value{}
		}
		return engine.String("unknown")
	}},
	{field: "event.reason", from: "workflow_job.conclusion workflow_run.conclusion"},
	{field: "event.start", from: "workflow_job.started_at workflow_run.run_started_at action", value: func(r *reading) engine.Value {
		if a := r.str(2); a != "in_progress" && a != "completed" {
			return engine.Value{} // a queued job has a start in the future, if at all
		}
		if ns, ok := parseTime(firstOf(r, 0, 1)); ok {
			return engine.Instant(ns)
		}
		return engine.Value{}
	}},
	{field: "event.end", from: hookEnds, value: func(r *reading) engine.Value {
		_, end := hookSpan(r)
		return end
	}},
	{field: "event.duration", from: hookEnds, value: func(r *reading) engine.Value {
		start, end := hookSpan(r)
		if start.IsNil() || end.IsNil() || end.Int() < start.Int() {
			return engine.Value{}
		}
		return engine.Int(end.Int() - start.Int())
	}},
	{field: "ci.provider", is: "github"},
	{field: "ci.repo.name", from: "repository.full_name workflow_run.repository.full_name"},
	{field: "ci.repo.owner", from: "repository.owner.login organization.login repository.full_name", value: func(r *reading) engine.Value {
		owner, _, _ := strings.Cut(r.str(2), "/")
		return text(firstNonEmpty(r.str(0), r.str(1), owner))
	}},
	{field: "ci.repo.visibility", from: "repository.visibility repository.private", value: func(r *reading) engine.Value {
		switch {
		case r.has(0):
			return text(r.str(0))
		case r.str(1) == "true":
			return engine.String("private")
		case r.str(1) == "false":
			return engine.String("public")
		}
		return engine.Value{}
	}},
	{field: "ci.workflow.name", from: "workflow_job.workflow_name workflow_run.name workflow.name"},
	{field: "ci.workflow.path", from: "workflow_run.path workflow.path", value: func(r *reading) engine.Value {
		path, _, _ := strings.Cut(firstOf(r, 0, 1), "@")
		return text(path)
	}},
	{field: "ci.run.id", from: runID, value: func(r *reading) engine.Value {
		run := firstOf(r, 0, 1)
		if run == "" {
			return engine.Value{}
		}
		return text(r.join(run, "-", attemptOr1(firstOf(r, 2, 3))))
	}},
	{field: "ci.run.number", from: "workflow_job.run_id workflow_run.id"},
	{field: "ci.run.attempt", from: runID, value: func(r *reading) engine.Value { return parseLong(attemptOr1(firstOf(r, 2, 3))) }},
	{field: "ci.run.event", from: "workflow_run.event"},
	{field: "ci.run.fork", from: "workflow_run.head_repository.full_name repository.full_name", value: func(r *reading) engine.Value {
		if !r.has(0) || !r.has(1) {
			return engine.Value{}
		}
		return engine.Boolean(r.str(0) != r.str(1))
	}},
	{field: "ci.job.id", from: "workflow_job.id"},
	{field: "ci.job.name", from: "workflow_job.name"},
	{field: "ci.ref", from: "workflow_job.head_branch workflow_run.head_branch"},
	{field: "ci.sha", from: "workflow_job.head_sha workflow_run.head_sha"},
	{field: "ci.environment", from: "deployment.environment"},
	{field: "runner.name", from: "workflow_job.runner_name"},
	{field: "runner.id", from: "workflow_job.runner_id", value: func(r *reading) engine.Value {
		if s := r.str(0); s != "0" {
			return text(s)
		}
		return engine.Value{}
	}},
	{field: "runner.group", from: "workflow_job.runner_group_name"},
	{field: "runner.labels", from: "workflow_job.labels"},
	{field: "runner.hosted", from: runnerFrom, value: func(r *reading) engine.Value {
		hosted, known := runnerHosted(r)
		if !known {
			return engine.Value{}
		}
		return engine.Boolean(hosted)
	}},
	{field: "runner.ephemeral", from: runnerFrom, value: func(r *reading) engine.Value {
		if hosted, known := runnerHosted(r); known && hosted || hasElement(r.node(0), "ephemeral") {
			return engine.Boolean(true)
		}
		return engine.Value{}
	}},
	{field: "runner.image", from: runnerFrom, value: func(r *reading) engine.Value {
		if hosted, _ := runnerHosted(r); !hosted {
			return engine.Value{}
		}
		image := ""
		r.node(0).elements(func(v node) bool { image = v.str(); return false })
		return text(image)
	}},
	{field: "user.name", from: "workflow_run.triggering_actor.login workflow_run.actor.login sender.login"},
	{field: "user.id", from: "workflow_run.triggering_actor.id workflow_run.actor.id sender.id"},
	{field: "organization.name", from: "organization.login"},
	{field: "organization.id", from: "organization.id"},
}

var (
	typeStart = engine.Strings("start")
	typeEnd   = engine.Strings("end")
	typeInfo  = engine.Strings("info")
)

// hookTime is when the announced thing happened, not when it was told.
func hookTime(r *reading) engine.Value {
	order := []int{2, 3, 5, 6} // queued, requested, waiting
	switch r.str(0) {
	case "in_progress":
		order = []int{3, 6, 2, 5}
		if !r.has(1) {
			order = []int{6, 7, 5}
		}
	case "completed":
		order = []int{4, 7, 3, 6}
	}
	for _, i := range order {
		if ns, ok := parseTime(r.str(i)); ok {
			return engine.Instant(ns)
		}
	}
	return engine.Value{}
}

// hookSpan gives start and end of a finished job or run.
func hookSpan(r *reading) (start, end engine.Value) {
	if r.str(4) != "completed" {
		return
	}
	if ns, ok := parseTime(firstOf(r, 0, 2)); ok {
		start = engine.Instant(ns)
	}
	last := r.str(1)
	if !r.has(5) {
		last = r.str(3)
	}
	if ns, ok := parseTime(last); ok {
		end = engine.Instant(ns)
	}
	return start, end
}

// runnerHosted tells whether a job runs, or will run, on the CI provider's own
// machines. Larger hosted runners carry labels of their own: unknown while queued.
func runnerHosted(r *reading) (hosted, known bool) {
	switch {
	case hasElement(r.node(0), "self-hosted"):
		return false, true
	case r.str(2) == "GitHub Actions", strings.HasPrefix(r.str(1), "GitHub Actions "), strings.HasPrefix(r.str(1), "Hosted Agent"):
		return true, true
	case r.has(1):
		return false, true
	}
	r.node(0).elements(func(v node) bool {
		for _, p := range [...]string{"ubuntu-", "windows-", "macos-"} {
			if strings.HasPrefix(v.str(), p) {
				hosted, known = true, true
			}
		}
		return true
	})
	return hosted, known
}

func hasElement(list node, want string) (found bool) {
	list.elements(func(v node) bool {
		found = found || strings.EqualFold(v.str(), want)
		return !found
	})
	return found
}

func attemptOr1(s string) string {
	if s == "" {
		return "1"
	}
	return s
}

// firstOf gives the first of some paths that holds text.
func firstOf(r *reading, paths ...int) string {
	for _, i := range paths {
		if s := r.str(i); s != "" {
			return s
		}
	}
	return ""
}

func firstNonEmpty(list ...string) string {
	for _, s := range list {
		if s != "" {
			return s
		}
	}
	return ""
}
