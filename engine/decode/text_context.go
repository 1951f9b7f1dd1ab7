package decode

import (
	"strconv"
	"strings"
	"unicode/utf8"

	"github.com/seed-843b225c/reflex/engine"
	"github.com/seed-843b225c/reflex/engine/secret"
)

// ciContext is what is known about a job: from labels beside the line, from
// the name of the file, and from the lines that the runner itself writes before
// any step runs. The first that names a thing wins.
type ciContext struct {
	provider, repo, run, jobID, jobName string
	attempt                             int
	workflow, workflowPath, ref, sha    string
	environment, event                  string
	runner, runnerID, group, image      string
	runnerLabels                        []string
	hosted, ephemeral                   int8 // 0 unknown, 1 yes, -1 no
	host, pod, namespace, container     string
	file                                string
	label                               string // run and job as labels name them
	inZip                               string // step's name, where the file holds one step
}

// job finds the memory of the job a line belongs to.
func (t *textDecoder) job(c *context) *textJob {
	l := &t.labels
	wrapped := c.outer != nil || c.parent != nil || len(c.headers) > 0 || c.key != ""
	if !wrapped {
		l.reset()
		key := c.file
		if key == "" {
			key = c.origin.Source
		}
		if c.origin.Partition >= 0 {
			key += "\x00" + strconv.Itoa(int(c.origin.Partition))
		}
		if j := t.mem.newest; j != nil && j.key == key {
			return j
		}
		j, fresh := t.mem.open(key)
		if fresh {
			j.ci.file = strings.Clone(c.file)
			j.ci.fromPath(key)
			j.ci.redact(t.scan.scan)
		}
		return j
	}
	l.read(c)
	key := l.key(c)
	j, fresh := t.mem.open(alias(key))
	if fresh {
		j.ci = l.context(c, t.scan.scan)
		j.ci.redact(t.scan.scan)
	}
	return j
}

// redact overwrites secrets in what labels and names told: it is kept as long
// as the job and stands on each of its events. Only then may it be cut.
func (ci *ciContext) redact(s *secret.Scan) {
	for _, f := range [...]*string{
		&ci.provider, &ci.repo, &ci.run, &ci.jobID, &ci.jobName, &ci.workflow, &ci.workflowPath, &ci.ref, &ci.sha, &ci.environment, &ci.event,
		&ci.runner, &ci.runnerID, &ci.group, &ci.image, &ci.host, &ci.pod, &ci.namespace, &ci.container, &ci.file, &ci.label, &ci.inZip,
	} {
		if *f = s.Redact(*f); len(*f) > textNameLimit {
			*f = strings.Clone(strings.ToValidUTF8((*f)[:textNameLimit], ""))
		}
	}
	for i, l := range ci.runnerLabels {
		ci.runnerLabels[i] = s.Redact(l)
	}
}

// fill appends the fields of a job's context.
func (j *textJob) fill(f []engine.FieldValue) []engine.FieldValue {
	c := &j.ci
	str := func(field engine.Field, s string) {
		if s != "" {
			f = append(f, engine.FieldValue{Field: field, Value: engine.String(s)})
		}
	}
	str(fCIProvider, c.provider)
	str(fRepo, c.repo)
	if i := strings.IndexByte(c.repo, '/'); i > 0 {
		str(fRepoOwner, c.repo[:i])
	}
	if c.run != "" {
		attempt := max(c.attempt, 1)
		str(fRunID, c.run+"-"+strconv.Itoa(attempt))
		str(fRunNumber, c.run)
		f = append(f, engine.FieldValue{Field: fRunAttempt, Value: engine.Int(int64(attempt))})
	}
	str(fJobID, c.jobID)
	str(fJobName, c.jobName)
	str(fWorkflow, c.workflow)
	str(fWorkflowPath, c.workflowPath)
	str(fRef, c.ref)
	str(fSHA, c.sha)
	str(fEnvironment, c.environment)
	str(fRunEvent, c.event)
	str(fRunner, c.runner)
	str(fRunnerID, c.runnerID)
	str(fRunnerGroup, c.group)
	str(fRunnerImage, c.image)
	if len(c.runnerLabels) > 0 {
		f = append(f, engine.FieldValue{Field: fRunnerLabels, Value: engine.Strings(c.runnerLabels...)})
	}
	if c.hosted != 0 {
		f = append(f, engine.FieldValue{Field: fRunnerHosted, Value: engine.Boolean(c.hosted > 0)})
	}
	if c.ephemeral != 0 {
		f = append(f, engine.FieldValue{Field: fRunnerEphemeral, Value: engine.Boolean(c.ephemeral > 0)})
	}
	str(fHost, c.host)
	str(fPod, c.pod)
	str(fNamespace, c.namespace)
	str(fContainer, c.container)
	str(fLogFile, c.file)
	return f
}

// Fields of build text.
var (
	fCIProvider      = engine.MustField("ci.provider")
	fRepo            = engine.MustField("ci.repo.name")
	fRepoOwner       = engine.MustField("ci.repo.owner")
	fRunID           = engine.MustField("ci.run.id")
	fRunNumber       = engine.MustField("ci.run.number")
	fRunAttempt      = engine.MustField("ci.run.attempt")
	fRunEvent        = engine.MustField("ci.run.event")
	fJobID           = engine.MustField("ci.job.id")
	fJobName         = engine.MustField("ci.job.name")
	fWorkflow        = engine.MustField("ci.workflow.name")
	fWorkflowPath    = engine.MustField("ci.workflow.path")
	fRef             = engine.MustField("ci.ref")
	fSHA             = engine.MustField("ci.sha")
	fEnvironment     = engine.MustField("ci.environment")
	fRunner          = engine.MustField("runner.name")
	fRunnerID        = engine.MustField("runner.id")
	fRunnerGroup     = engine.MustField("runner.group")
	fRunnerImage     = engine.MustField("runner.image")
	fRunnerLabels    = engine.MustField("runner.labels")
	fRunnerHosted    = engine.MustField("runner.hosted")
	fRunnerEphemeral = engine.MustField("runner.ephemeral")
	fHost            = engine.MustField("host.name")
	fPod             = engine.MustField("orchestrator.resource.name")
	fNamespace       = engine.MustField("orchestrator.namespace")
	fContainer       = engine.MustField("container.name")
	fLogFile         = engine.MustField("log.file.path")
	fStepName        = engine.MustField("ci.step.name")
	fStepNumber      = engine.MustField("ci.step.number")
	fCategory        = engine.MustField("event.category")
	fType            = engine.MustField("event.type")
	fOutcome         = engine.MustField("event.outcome")
	fReason          = engine.MustField("event.reason")
	fCreated         = engine.MustField("event.created")
	fStart           = engine.MustField("event.start")
	fEnd             = engine.MustField("event.end")
	fDuration        = engine.MustField("event.duration")
	fMessage         = engine.MustField("message")
)

// begin empties the list of fields of the next event.
func (t *textDecoder) begin() { t.fields = t.fields[:0] }

func (t *textDecoder) set(f engine.Field, v engine.Value) {
	if !v.IsNil() {
		t.fields = append(t.fields, engine.FieldValue{Field: f, Value: v})
	}
}

func (t *textDecoder) str(f engine.Field, s string) {
	if s != "" {
		t.set(f, engine.String(s))
	}
}

// lineID gives the id of the logical line at hand. It is made of what the line
// says, not of how it was coloured or wrapped, of its time, and of the job that
// labels name. A file's name is no part of it, so that a copy counts once; only
// where stamps are too coarse to tell two jobs apart, the job it names is.
func (t *textDecoder) lineID(j *textJob) string {
	if t.id == "" {
		job := j.ci.label
		if t.place.created || !j.fine {
			job = j.ci.run + "/" + j.ci.jobID
		}
		job += "@" + strconv.FormatInt(t.place.time, 36) + "." + strconv.Itoa(t.place.segment)
		t.origin.origin = t.place.origin
		t.id = strings.Clone(t.out.lineID(engine.GitHubActions, job, t.text, &t.origin))
	}
	return t.id
}

// emit hands over an event found in the logical line at hand.
func (t *textDecoder) emit(j *textJob, kind textKind) {
	id := t.lineID(j) + "/" + textKindInfo[kind].name
	if n := t.count[kind]; n > 0 {
		id += "/" + strconv.Itoa(n)
	}
	t.count[kind]++
	t.emitAt(j, kind, t.place, id, t.text)
}

// emitAt hands over an event whose line came before the one at hand. text is
// that line with its secrets overwritten.
func (t *textDecoder) emitAt(j *textJob, kind textKind, p *textPlace, id string, text []byte) {
	info := &textKindInfo[kind]
	t.set(fCategory, info.category)
	t.set(fType, info.kind)
	if msg := messageText(text); msg != "" {
		t.str(fMessage, msg)
	}
	if j.step.open && kind != stepFinished && kind != jobStarted && kind != jobFinished {
		t.str(fStepName, j.step.name)
		t.set(fStepNumber, engine.Int(int64(j.steps)))
	}
	if !j.step.open {
		t.str(fStepName, j.ci.inZip)
	}
	if p.created {
		t.set(fCreated, engine.Instant(p.time))
	}
	t.fields = j.fill(t.fields)
	f := fact{dataset: engine.GitHubActions, kind: info.name, time: p.time, id: id, fields: t.fields}
	if p.time == 0 {
		f.raw = text // for the dead letter; else the message holds what may be kept
	}
	t.origin.origin = p.origin
	t.out.emit(&f, &t.origin)
}

// messageLimit is how much of a line an event carries.
const messageLimit = 2 << 10

// messageText gives the beginning of a line as valid text.
func messageText(text []byte) string {
	if len(text) > messageLimit {
		text = text[:messageLimit]
		for i := 1; i < utf8.UTFMax && len(text) > 0; i++ { // not inside a character
			if r, n := utf8.DecodeLastRune(text); r != utf8.RuneError || n != 1 {
				break
			}
			text = text[:len(text)-1]
		}
	}
	if utf8.Valid(text) {
		return alias(text)
	}
	return strings.ToValidUTF8(string(text), "\uFFFD")
}
