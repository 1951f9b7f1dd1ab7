package story

import (
	"fmt"
	"strconv"
)

// Webhooks of the code host: each job is announced when it is queued, when it
// starts and when it ends; each run when it is asked for and when it is done.

// hooks makes the day's webhooks. Each goes to the stream of its relay: one
// keeps the headers, the other loses them and with them the event's name.
func (s *Story) hooks() (bare, wrapped *stream) {
	d := newDice(s.seed, "hooks")
	bare, wrapped = &stream{}, &stream{}
	first := map[int64]*job{}
	ends := map[int64]int64{}
	failed := map[int64]bool{}
	for _, j := range s.jobs {
		if first[j.run] == nil {
			first[j.run] = j
		}
		ends[j.run] = max(ends[j.run], j.end)
		failed[j.run] = failed[j.run] || j.failed
	}
	emit := func(j *job, event string, at int64, body []byte) {
		if j.repo.public {
			bare.buf = append(bare.buf, body...)
			bare.add(at)
			return
		}
		id := d.uuid()
		for range 1 + d.IntN(12)/11 { // now and then delivered again, under the same id
			wrapped.buf = fmt.Appendf(wrapped.buf, `{"headers":{"Accept":"*/*","Content-Type":"application/json","User-Agent":"GitHub-Hookshot/0a1b2c3","X-GitHub-Delivery":"%s","X-GitHub-Event":"%s",`+
				`"X-GitHub-Hook-ID":"440001","X-GitHub-Hook-Installation-Target-ID":"%d","X-GitHub-Hook-Installation-Target-Type":"repository"},"body":%s}`, id, event, j.repo.id, body)
			wrapped.add(at)
		}
	}
	for _, j := range s.jobs {
		for _, state := range []string{"queued", "in_progress", "completed"} {
			at := map[string]int64{"queued": j.queued, "in_progress": j.start, "completed": j.end}[state]
			emit(j, "workflow_job", at, j.hook(state))
		}
		if first[j.run] == j {
			emit(j, "workflow_run", j.queued, j.runHook("requested", "", j.queued))
			conclusion := "success"
			if failed[j.run] {
				conclusion = "failure"
			}
			emit(j, "workflow_run", ends[j.run], j.runHook("completed", conclusion, ends[j.run]))
		}
	}
	return bare, wrapped
}

// hook is the payload of a workflow_job event.
func (j *job) hook(state string) []byte {
	status, conclusion, started, completed, steps := state, "null", "null", "null", "[]"
	runner := `"runner_id":null,"runner_name":null,"runner_group_id":null,"runner_group_name":null`
	if state != "queued" {
		started = `"` + stamp(j.start, 0) + `"`
		group, id := "GitHub Actions", 0
		if !j.hosted {
			group, id = "ml-build", 7
		}
		runner = fmt.Sprintf(`"runner_id":%d,"runner_name":"%s","runner_group_id":%d,"runner_group_name":"%s"`, j.runnerID, j.runner, id, group)
	}
	if state == "completed" {
		conclusion, completed = `"`+j.conclusion()+`"`, `"`+stamp(j.end, 0)+`"`
		steps = fmt.Sprintf(`[{"name":"Set up job","status":"completed","conclusion":"success","number":1,"started_at":"%s","completed_at":"%s"},`+
			`{"name":"Run actions/checkout@v4","status":"completed","conclusion":"success","number":2,"started_at":"%s","completed_at":"%s"},`+
			`{"name":"Complete job","status":"completed","conclusion":"success","number":3,"started_at":"%s","completed_at":"%s"}]`,
			stamp(j.start, 0), stamp(j.start+2*second, 0), stamp(j.start+2*second, 0), stamp(j.start+5*second, 0), stamp(j.end-second, 0), stamp(j.end, 0))
	}
	labels := `["ubuntu-24.04"]`
	if !j.hosted {
		labels = `["self-hosted","linux","ml-build"]`
	}
	api := "https://api.github.com/repos/" + j.repo.name
	return fmt.Appendf(nil, `{"action":"%s","workflow_job":{"id":%d,"run_id":%d,"workflow_name":"%s","head_branch":"%s","run_url":"%s/actions/runs/%d","run_attempt":%d,`+
		`"node_id":"CR_kwDO%d","head_sha":"%s","url":"%s/actions/jobs/%d","html_url":"https://github.com/%s/actions/runs/%d/job/%d","status":"%s","conclusion":%s,`+
		`"created_at":"%s","started_at":%s,"completed_at":%s,"name":"%s","steps":%s,"check_run_url":"%s/check-runs/%d","labels":%s,%s},%s}`,
		state, j.id, j.run, j.workflow, j.branch, api, j.run, j.attempt, j.id, j.sha, api, j.id, j.repo.name, j.run, j.id, status, conclusion,
		stamp(j.queued, 0), started, completed, j.name, steps, api, j.id, labels, runner, j.about())
}

// runHook is the payload of a workflow_run event.
func (j *job) runHook(state, conclusion string, at int64) []byte {
	end := "null"
	if conclusion != "" {
		end = `"` + conclusion + `"`
	}
	api := "https://api.github.com/repos/" + j.repo.name
	return fmt.Appendf(nil, `{"action":"%s","workflow_run":{"id":%d,"name":"%s","node_id":"WFR_kwLO%d","head_branch":"%s","head_sha":"%s","path":".github/workflows/%s",`+
		`"display_title":"update","run_number":%d,"event":"%s","status":"%s","conclusion":%s,"workflow_id":880012,"url":"%s/actions/runs/%d","html_url":"https://github.com/%s/actions/runs/%d",`+
		`"pull_requests":[],"created_at":"%s","updated_at":"%s","actor":{"login":"%s","id":5100,"type":"User"},"run_attempt":%d,"referenced_workflows":[],"run_started_at":"%s",`+
		`"triggering_actor":{"login":"%s","id":5100,"type":"User"},"head_repository":{"id":%d,"full_name":"%s","fork":false}},`+
		`"workflow":{"id":880012,"name":"%s","path":".github/workflows/%s","state":"active"},%s}`,
		state, j.run, j.workflow, j.run, j.branch, j.sha, j.file, j.number, j.event, state, end, api, j.run, j.repo.name, j.run,
		stamp(j.queued, 0), stamp(at, 0), j.actor, j.attempt, stamp(j.queued, 0), j.actor, j.repo.id, j.repo.name, j.workflow, j.file, j.about())
}

// about is what every webhook says of repository and sender.
func (j *job) about() string {
	visibility := "private"
	if j.repo.public {
		visibility = "public"
	}
	kind := "User"
	if j.actor == "dependabot[bot]" {
		kind = "Bot"
	}
	return fmt.Sprintf(`"repository":{"id":%d,"node_id":"R_kgDO%d","name":"%s","full_name":"%s","private":%s,"owner":{"login":"%s","id":99001,"type":"Organization"},`+
		`"html_url":"https://github.com/%s","fork":false,"url":"https://api.github.com/repos/%s","default_branch":"main","visibility":"%s"},`+
		`"organization":{"login":"%s","id":99001,"url":"https://api.github.com/orgs/%s"},"sender":{"login":"%s","id":5100,"type":"%s"}`,
		j.repo.id, j.repo.id, j.repo.name[len(owner)+1:], j.repo.name, strconv.FormatBool(!j.repo.public), owner, j.repo.name, j.repo.name, visibility, owner, owner, j.actor, kind)
}
