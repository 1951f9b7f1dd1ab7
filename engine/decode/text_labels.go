package decode

import (
	"crypto/sha256"
	"encoding/hex"
	"strconv"
	"strings"

	"github.com/seed-843b225c/reflex/engine/secret"
)

// label numbers what may travel beside a line and names its job.
type label uint8

const (
	noLabel label = iota
	lblRun
	lblAttempt
	lblJob
	lblJobName
	lblRepo
	lblOwner // with lblRepo where a name comes without its owner
	lblWorkflow
	lblWorkflowPath
	lblRef
	lblSHA
	lblEnvironment
	lblEvent
	lblProvider
	lblRunner
	lblRunnerID
	lblRunnerGroup
	lblEphemeral
	lblHost
	lblPod
	lblNamespace
	lblContainer
	lblFile
	lblBuild   // Jenkins' number of the build
	lblProject // Jenkins' full name of the project
	lblLogTag  // CRI: P or F
	lblPartial
	lblPartialLast
	lblLog
	lblStream
	labels
)

// labelNames knows a label by its path, lower case, after labelPrefixes are
// taken off. Kafka headers use the same names.
var labelNames = map[string]label{
	"ci.run_id": lblRun, "ci.run.id": lblRun, "ci.run": lblRun, "github.run_id": lblRun, "github_run_id": lblRun, "run_id": lblRun,
	"workflow_run_id": lblRun, "cicd.pipeline.run.id": lblRun, "ci.pipeline_id": lblRun, "ci_pipeline_id": lblRun, "actions.github.com/run-id": lblRun,
	"ci.run_attempt": lblAttempt, "ci.run.attempt": lblAttempt, "ci.attempt": lblAttempt, "github.run_attempt": lblAttempt, "github_run_attempt": lblAttempt, "run_attempt": lblAttempt,
	"ci.job_id": lblJob, "ci.job.id": lblJob, "github.job_id": lblJob, "github_job_id": lblJob, "job_id": lblJob, "workflow_job_id": lblJob,
	"cicd.pipeline.task.run.id": lblJob, "ci_job_id": lblJob, "actions.github.com/job-id": lblJob,
	"ci.job": lblJobName, "ci.job.name": lblJobName, "ci.job_name": lblJobName, "github.job": lblJobName, "github_job": lblJobName, "job_name": lblJobName,
	"cicd.pipeline.task.name": lblJobName, "ci_job_name": lblJobName,
	"ci.repo": lblRepo, "ci.repo.name": lblRepo, "ci.repository": lblRepo, "github.repository": lblRepo, "github_repository": lblRepo, "repository": lblRepo,
	"repo": lblRepo, "vcs.repository.name": lblRepo, "ci_project_path": lblRepo, "actions.github.com/repository": lblRepo,
	"vcs.owner.name": lblOwner, "actions.github.com/organization": lblOwner, "ci.repo.owner": lblOwner,
	"ci.workflow": lblWorkflow, "ci.workflow.name": lblWorkflow, "github.workflow": lblWorkflow, "github_workflow": lblWorkflow, "cicd.pipeline.name": lblWorkflow,
	"ci.workflow.path": lblWorkflowPath, "github.workflow_ref": lblWorkflowPath, "github_workflow_ref": lblWorkflowPath,
	"ci.ref": lblRef, "github.ref": lblRef, "github_ref": lblRef, "vcs.ref.head.name": lblRef, "ci.branch": lblRef,
	"ci.sha": lblSHA, "github.sha": lblSHA, "github_sha": lblSHA, "vcs.ref.head.revision": lblSHA, "ci.commit": lblSHA,
	"ci.environment": lblEnvironment, "ci.run.event": lblEvent, "github.event_name": lblEvent, "github_event_name": lblEvent,
	"ci.provider": lblProvider,
	"runner.name": lblRunner, "runner_name": lblRunner, "ci.runner": lblRunner, "ci.runner.name": lblRunner, "github.runner_name": lblRunner, "cicd.worker.name": lblRunner,
	"agentname": lblRunner, "runner.id": lblRunnerID, "runner_id": lblRunnerID, "cicd.worker.id": lblRunnerID,
	"runner.group": lblRunnerGroup, "runner_group": lblRunnerGroup, "actions-ephemeral-runner": lblEphemeral, "runner.ephemeral": lblEphemeral,
	"host": lblHost, "hostname": lblHost, "host.name": lblHost, "_hostname": lblHost, "source_host": lblHost, "buildhost": lblHost, "kubernetes.host": lblHost, "kubernetes.node.name": lblHost,
	"kubernetes.pod_name": lblPod, "kubernetes.pod.name": lblPod, "k8s.pod.name": lblPod, "pod": lblPod, "pod_name": lblPod,
	"kubernetes.pod_namespace": lblNamespace, "kubernetes.namespace_name": lblNamespace, "kubernetes.namespace": lblNamespace, "k8s.namespace.name": lblNamespace,
	"kubernetes.container_name": lblContainer, "kubernetes.container.name": lblContainer, "k8s.container.name": lblContainer, "container.name": lblContainer,
	"file": lblFile, "log.file.path": lblFile, "log.file.name": lblFile, "path": lblFile, "filename": lblFile, "filepath": lblFile, "file_path": lblFile,
	"buildnum": lblBuild, "fullprojectname": lblProject,
	"logtag": lblLogTag, "_p": lblLogTag, "partial_message": lblPartial, "_partial": lblPartial, "partial_last": lblPartialLast,
	"log": lblLog, "stream": lblStream, "log.iostream": lblStream,
}

// labelPrefixes are the places where shippers put what a user adds.
var labelPrefixes = []string{
	"fields.", "labels.", "attributes.", "resource.", "data.", "record.", "container.labels.", "docker.labels.",
	"kubernetes.labels.", "kubernetes.pod_labels.", "kubernetes.annotations.", "kubernetes.pod_annotations.", "kubernetes.pod.labels.",
	"k8s.pod.labels.", "k8s.pod.annotations.", "k8s.pod.label.", "k8s.pod.annotation.",
}

// textLabels holds the labels of the line at hand.
type textLabels struct {
	value   [labels]string
	partial bool
	path    []byte
	id      []byte
}

func (l *textLabels) reset() {
	clear(l.value[:])
	l.partial = false
}

// read collects the labels around a line: Kafka headers first, then the
// wrapping, innermost first. The first of a kind wins.
func (l *textLabels) read(c *context) {
	l.reset()
	for i := range c.headers {
		l.take(c.headers[i].Key, c.headers[i].Value)
	}
	for at := c; at != nil; at = at.parent {
		if at.outer != nil {
			l.path = l.path[:0]
			l.walk(at.outer, 0)
		}
	}
	tail := l.value[lblLog]
	switch {
	case l.value[lblLogTag] != "":
		l.partial = l.value[lblLogTag] == "P"
	case l.value[lblPartial] != "":
		l.partial = l.value[lblPartial] == "true" && l.value[lblPartialLast] != "true"
	case len(tail) >= 16_000 && l.value[lblStream] != "":
		l.partial = !strings.HasSuffix(tail, `\n`) // Docker cuts at 16 KB; whole lines keep their newline
	}
}

// walk reads an object four levels deep. Payloads are long and are passed over.
func (l *textLabels) walk(n node, depth int) {
	n.fields(func(key string, v node) bool {
		from := len(l.path)
		if from > 0 {
			l.path = append(l.path, '.')
		}
		l.path = append(l.path, key...)
		switch v.kind() {
		case '{':
			if depth < 4 {
				l.walk(v, depth+1)
			}
		case '[':
			if key == "attributes" {
				l.attributes(v)
			}
		case '"':
			if len(v) >= 1024 || len(v) > 200 && key == "log" {
				if string(l.path) == "log" {
					l.value[lblLog] = alias(v[1 : len(v)-1])
				}
				break
			}
			fallthrough
		case '0', 't', 'f':
			if len(l.path) < 128 {
				l.take(alias(l.path), v.str())
			}
		}
		l.path = l.path[:from]
		return true
	})
}

// attributes reads OpenTelemetry's list of {key, value{stringValue}}.
func (l *textLabels) attributes(v node) {
	v.elements(func(e node) bool {
		value := e.get("value")
		for _, kind := range [...]string{"stringValue", "intValue", "boolValue"} {
			if s := value.get(kind).str(); s != "" {
				l.take(e.get("key").str(), s)
				break
			}
		}
		return true
	})
}

// take files a value under its label, if its path is one.
func (l *textLabels) take(path, value string) {
	if value == "" {
		return
	}
	id, ok := labelNames[path]
	if !ok {
		low := strings.ToLower(path)
		if id, ok = labelNames[low]; !ok {
			for _, p := range labelPrefixes {
				if rest, found := strings.CutPrefix(low, p); found {
					if id, ok = labelNames[rest]; ok {
						break
					}
				}
			}
		}
	}
	if !ok || l.value[id] != "" {
		return
	}
	if id == lblFile && !strings.ContainsAny(value, "/\\.") {
		return
	}
	l.value[id] = value
}

// key names the job: by its id, its run and name, its pod, its file, the
// message's key, or else by where it came from.
func (l *textLabels) key(c *context) []byte {
	b := l.id[:0]
	v := &l.value
	add := func(kind byte, parts ...string) {
		b = append(b, kind)
		for _, p := range parts {
			b = append(append(b, 0), p...)
		}
	}
	file := v[lblFile]
	if file == "" && c.outer == nil && c.parent == nil {
		file = c.file
	}
	switch {
	case v[lblJob] != "":
		add('j', v[lblJob], v[lblAttempt])
	case v[lblRun] != "":
		add('r', v[lblRun], v[lblAttempt], v[lblJobName], v[lblPod], file, c.key)
	case v[lblProject] != "":
		add('p', v[lblProject], v[lblBuild])
	case v[lblPod] != "":
		add('k', v[lblNamespace], v[lblPod], v[lblContainer], v[lblStream])
	case file != "":
		add('f', v[lblHost], file)
	case c.key != "":
		add('m', c.origin.Source, c.key)
	default:
		add('s', c.origin.Source, strconv.Itoa(int(c.origin.Partition)), v[lblHost], v[lblRunner])
	}
	if len(b) > textKeyLimit {
		sum := sha256.Sum256(b)
		b = hex.AppendEncode(b[:1], sum[:])
	}
	l.id = b
	return b
}

// context makes a job's context of the labels. It copies what it keeps, and
// overwrites secrets before anything is put together or taken apart: behind
// another word a secret in base64 is one no more.
func (l *textLabels) context(c *context, s *secret.Scan) ciContext {
	v := func(id label) string { return strings.Clone(s.Redact(l.value[id])) }
	ci := ciContext{
		provider: v(lblProvider), repo: v(lblRepo), jobID: v(lblJob), jobName: v(lblJobName),
		workflow: v(lblWorkflow), workflowPath: v(lblWorkflowPath), ref: trimRef(v(lblRef)), sha: v(lblSHA),
		environment: v(lblEnvironment), event: v(lblEvent), runner: v(lblRunner), runnerID: v(lblRunnerID), group: v(lblRunnerGroup),
		host: v(lblHost), pod: v(lblPod), namespace: v(lblNamespace), container: v(lblContainer), file: v(lblFile),
	}
	if ci.file == "" {
		ci.file = strings.Clone(s.Redact(c.file))
	}
	if owner := v(lblOwner); ci.repo != "" && owner != "" && !strings.Contains(ci.repo, "/") {
		ci.repo = owner + "/" + ci.repo
	}
	run, attempt := v(lblRun), l.value[lblAttempt]
	if i := strings.IndexByte(run, '-'); i > 0 && attempt == "" && digits(run[:i]) && digits(run[i+1:]) {
		run, attempt = run[:i], run[i+1:]
	}
	ci.run = run
	ci.attempt, _ = strconv.Atoi(attempt)
	if e := l.value[lblEphemeral]; e != "" {
		ci.ephemeral = -1
		if strings.EqualFold(e, "true") {
			ci.ephemeral = 1
		}
	}
	if p := v(lblProject); p != "" {
		ci.provider = "jenkins"
		if ci.jobName == "" {
			ci.jobName = p
		}
		if b := v(lblBuild); b != "" && ci.run == "" {
			ci.run = p + "/" + b
		}
	}
	if ci.run != "" || ci.jobID != "" {
		ci.label = ci.run + "/" + ci.jobID
	}
	if ci.file != "" {
		ci.fromPath(ci.file)
	}
	if c.key != "" {
		ci.fromKey(strings.Clone(s.Redact(c.key)))
	}
	return ci
}

// trimRef makes refs/heads/main and main the same.
func trimRef(ref string) string {
	for _, p := range [...]string{"refs/heads/", "refs/tags/"} {
		if s, ok := strings.CutPrefix(ref, p); ok {
			return s
		}
	}
	return ref
}

func digits(s string) bool {
	for i := range len(s) {
		if s[i] < '0' || s[i] > '9' {
			return false
		}
	}
	return s != ""
}
