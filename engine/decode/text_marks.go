package decode

import (
	"bytes"
	"strings"

	"github.com/seed-843b225c/reflex/engine"
)

// Marks are lines that the runner itself writes: they open and end jobs and
// steps, and name the runner, the repository and the actions. A program can
// print the same; so what names things counts only before the first step, and
// an end that was followed by another is not the last.

// mark is one kind of line, known by how it begins.
type mark struct {
	prefix string
	read   func(t *textDecoder, j *textJob, rest []byte)
}

// textMarks is the table of marks by first byte.
var textMarks = func() (by [256][]mark) {
	for _, m := range [...]mark{
		// GitHub Actions
		{"##[group]", (*textDecoder).group},
		{"##[endgroup]", func(_ *textDecoder, j *textJob, _ []byte) { j.step.group = false }},
		{"##[error]Process completed with exit code ", (*textDecoder).exitCode},
		{"##[error]The operation was canceled.", (*textDecoder).canceled},
		{"Current runner version: '", func(t *textDecoder, j *textJob, _ []byte) { t.starts(j, "github") }},
		{"Runner name: '", setup(true, func(c *ciContext, s string) { setDefault(&c.runner, s) })},
		{"Runner group name: '", setup(true, func(c *ciContext, s string) { setDefault(&c.group, s) })},
		{"Machine name: '", setup(true, func(c *ciContext, s string) { setDefault(&c.host, s) })},
		{"Image: ", setup(true, func(c *ciContext, s string) { setDefault(&c.image, s) })},
		{"Requested labels: ", setup(false, func(c *ciContext, s string) {
			if c.runnerLabels == nil {
				c.runnerLabels = splitList(s)
			}
		})},
		{"Job is about to start running on the hosted runner: ", setup(false, func(c *ciContext, s string) {
			c.hosted = 1
			setDefault(&c.runner, strings.TrimSuffix(s, " (hosted)"))
		})},
		{"Job is about to start running on the runner: ", setup(false, func(c *ciContext, s string) {
			c.hosted = -1
			name, _, _ := strings.Cut(s, " (")
			setDefault(&c.runner, name)
		})},
		{"Job defined at: ", (*textDecoder).definedAt},
		{"Complete job name: ", func(t *textDecoder, j *textJob, rest []byte) {
			if !j.start.done && len(rest) < textNameLimit {
				setDefault(&j.ci.jobName, string(bytes.TrimSpace(rest)))
			}
		}},
		{"Download action repository '", (*textDecoder).action},
		{"Download immutable action package '", (*textDecoder).action},
		{"Uses: ", (*textDecoder).reusable},
		{"Post job cleanup.", func(t *textDecoder, j *textJob, _ []byte) { t.openStep(j, "Post job cleanup") }},
		{"Cleaning up orphan processes", func(t *textDecoder, j *textJob, _ []byte) { t.finishes(j, "") }},
		// GitLab
		{"Running with gitlab-runner ", func(t *textDecoder, j *textJob, _ []byte) { t.starts(j, "gitlab") }},
		{"  on ", (*textDecoder).gitlabRunner},
		{"on ", (*textDecoder).gitlabRunner}, // a shipper took the spaces
		{"section_start:", (*textDecoder).sectionStart},
		{"section_end:", (*textDecoder).sectionEnd},
		{"Checking out ", (*textDecoder).gitlabRef},
		{"Job succeeded", func(t *textDecoder, j *textJob, rest []byte) {
			if j.ci.provider == "gitlab" && len(bytes.TrimSpace(rest)) == 0 {
				t.finishes(j, "success")
			}
		}},
		{"ERROR: Job failed", func(t *textDecoder, j *textJob, rest []byte) {
			if j.ci.provider == "gitlab" {
				t.finishes(j, "failure")
			}
		}},
		// Jenkins
		{"Started by ", (*textDecoder).jenkinsStart},
		{"Running on ", (*textDecoder).jenkinsNode},
		{"Building remotely on ", (*textDecoder).jenkinsNode},
		{"[Pipeline] ", (*textDecoder).jenkinsStage},
		{"ERROR: script returned exit code ", (*textDecoder).exitCode},
		{"Finished: ", (*textDecoder).jenkinsEnd},
	} {
		by[m.prefix[0]] = append(by[m.prefix[0]], m)
	}
	return by
}()

// marks looks whether the runner wrote the line.
func (t *textDecoder) marks(j *textJob, text []byte) {
	if j.start.open {
		if j.start.lines++; j.start.lines > 300 {
			t.started(j)
		}
	}
	if len(text) == 0 {
		return
	}
	for i := range textMarks[text[0]] {
		m := &textMarks[text[0]][i]
		if hasPrefix(text, m.prefix) {
			m.read(t, j, text[len(m.prefix):])
			return
		}
	}
}

// setup reads a line about the runner, quoted or not, before the first step;
// what any program might print too only once the job has begun.
func setup(begun bool, set func(*ciContext, string)) func(*textDecoder, *textJob, []byte) {
	return func(_ *textDecoder, j *textJob, rest []byte) {
		if !j.start.done && (j.start.open || !begun) && len(rest) < textNameLimit {
			set(&j.ci, strings.Trim(strings.TrimSpace(string(rest)), "'"))
		}
	}
}

func splitList(s string) []string {
	var out []string
	for _, e := range strings.Split(s, ",") {
		if e = strings.TrimSpace(e); e != "" && len(out) < 32 {
			out = append(out, e)
		}
	}
	return out
}

// starts keeps the first line of a job: job.started is told when the lines that
// name the runner have passed.
func (t *textDecoder) starts(j *textJob, provider string) {
	if j.start.open || j.start.done {
		return
	}
	if j.ci.provider == "" || j.ci.provider == "github" {
		j.ci.provider = provider
	}
	j.start = pendingStart{at: *t.place, id: t.lineID(j), text: string(t.text[:min(len(t.text), messageLimit+1)]), open: true, uses: j.start.uses}
	if provider == "github" {
		t.openStep(j, "Set up job")
	}
}

// started tells job.started.
func (t *textDecoder) started(j *textJob) {
	j.start.done = true
	if !j.start.open {
		return
	}
	j.start.open = false
	if j.ci.provider == "github" && j.ci.hosted == 0 &&
		(j.ci.image != "" || strings.HasPrefix(j.ci.runner, "GitHub Actions ") || j.ci.group == "GitHub Actions") {
		j.ci.hosted = 1
	}
	t.begin()
	t.set(fStart, engine.Instant(j.start.at.time))
	t.emitAt(j, jobStarted, &j.start.at, j.start.id+"/job.started", []byte(j.start.text))
	j.start.text = ""
}

// openStep ends the open step and opens the next.
func (t *textDecoder) openStep(j *textJob, name string) {
	t.endStep(j, "success", "")
	j.steps++
	j.models.inside = false // a step begins in the workspace
	if len(name) > 256 {
		name = name[:256]
	}
	j.step = textStep{name: strings.Clone(name), id: t.lineID(j), start: t.place.time, at: *t.place, open: true}
}

// endStep tells step.finished of the open step. The line at hand ends it.
func (t *textDecoder) endStep(j *textJob, outcome, code string) {
	if !j.step.open {
		return
	}
	t.endEnviron(j)
	t.endNotice(j)
	if j.step.name == "Set up job" {
		t.started(j)
		j.start.done = true
	}
	j.step.open, j.step.group = false, false
	t.begin()
	t.str(fOutcome, outcome)
	t.str(fErrorCode, code)
	t.str(fStepName, j.step.name)
	t.set(fStepNumber, engine.Int(int64(j.steps)))
	t.span(j.step.start, t.place.time)
	p := *t.place
	if p.time == 0 {
		p.time = j.time
	}
	t.emitAt(j, stepFinished, &p, j.step.id+"/step.finished", t.text)
}

// span sets start, end and duration, where both ends are known and in order.
func (t *textDecoder) span(start, end int64) {
	if start == 0 || end < start {
		return
	}
	t.set(fStart, engine.Instant(start))
	t.set(fEnd, engine.Instant(end))
	t.set(fDuration, engine.Int(end-start))
}

// group opens a step where the folded header of one begins.
func (t *textDecoder) group(j *textJob, rest []byte) {
	if name := bytes.TrimSpace(rest); hasPrefix(name, "Run ") {
		j.start.done = true
		t.openStep(j, string(name))
		j.step.group = true
	}
}

// exitCode ends a step: how it went is told by a number.
func (t *textDecoder) exitCode(j *textJob, rest []byte) {
	code := strings.TrimRight(string(bytes.TrimSpace(rest)), ".")
	if len(code) > 12 {
		return
	}
	outcome := "failure"
	if code == "0" {
		outcome = "success"
	} else {
		j.failed = true
	}
	t.endStep(j, outcome, code)
}

func (t *textDecoder) canceled(j *textJob, _ []byte) {
	j.failed = true
	t.endStep(j, "failure", "canceled")
}

// finishes tells job.finished. outcome is "" where only its steps tell it.
func (t *textDecoder) finishes(j *textJob, outcome string) {
	step := "unknown"
	if outcome == "" {
		step, outcome = "success", "success"
		if j.failed {
			outcome = "failure"
		}
	}
	t.endStep(j, step, "")
	t.endEnviron(j)
	t.endNotice(j)
	t.started(j)
	t.begin()
	t.str(fOutcome, outcome)
	start := j.start.at.time
	if start == 0 {
		start = j.first
	}
	t.span(start, t.place.time)
	t.emit(j, jobFinished)
	t.mem.over(j)
}

// definedAt reads OWNER/REPO/.github/workflows/FILE@REF. In a called workflow
// it names the workflow's repository, not the caller's.
func (t *textDecoder) definedAt(j *textJob, rest []byte) {
	if j.start.done || len(rest) >= textNameLimit {
		return
	}
	path, ref, _ := strings.Cut(string(bytes.TrimSpace(rest)), "@")
	i := strings.Index(path, "/.github/")
	if i < 0 || strings.Count(path[:i], "/") != 1 {
		return
	}
	setDefault(&j.ci.workflowPath, path[i+1:])
	if !j.start.uses {
		setDefault(&j.ci.repo, path[:i])
		setDefault(&j.ci.ref, trimRef(ref))
	}
}

// action reads OWNER/NAME[/PATH]@REF' (SHA:40 hex digits).
func (t *textDecoder) action(j *textJob, rest []byte) {
	i := indexByte(rest, '\'')
	if i < 0 {
		return
	}
	sha := ""
	if k := bytes.Index(rest[i:], []byte("(SHA:")); k >= 0 {
		sha = hexRun(rest[i+k+5:])
	}
	t.actionUsed(j, string(rest[:i]), sha)
}

// reusable reads OWNER/REPO/.github/workflows/FILE@REF (SHA).
func (t *textDecoder) reusable(j *textJob, rest []byte) {
	ref, more, _ := strings.Cut(string(bytes.TrimSpace(rest)), " ")
	if !strings.Contains(ref, "/.github/workflows/") {
		return
	}
	j.start.uses = true
	t.actionUsed(j, ref, hexRun([]byte(strings.TrimPrefix(more, "("))))
}

func (t *textDecoder) actionUsed(j *textJob, spec, sha string) {
	path, ref, ok := strings.Cut(spec, "@")
	parts := strings.SplitN(path, "/", 3)
	if !ok || len(parts) < 2 || parts[0] == "" || parts[1] == "" {
		return
	}
	t.begin()
	t.str(fActionName, parts[0]+"/"+parts[1])
	t.str(fActionRef, ref)
	t.str(fActionSHA, sha)
	t.set(fActionPinned, engine.Boolean(len(ref) == 40 && hexRun([]byte(ref)) == ref))
	t.emit(j, actionUsed)
}

// hexRun gives 40 hexadecimal digits that b begins with, else "".
func hexRun(b []byte) string {
	n := 0
	for n < len(b) && hexDigit(b[n]) {
		n++
	}
	if n != 40 {
		return ""
	}
	return strings.ToLower(string(b[:40]))
}

var (
	fActionName   = engine.MustField("ci.action.name")
	fActionRef    = engine.MustField("ci.action.ref")
	fActionSHA    = engine.MustField("ci.action.sha")
	fActionPinned = engine.MustField("ci.action.pinned")
	fErrorCode    = engine.MustField("error.code")
)
