package decode

import (
	"bytes"
	"strconv"
	"strings"
)

// Marks of GitLab's runner.

// gitlabRunner reads "  on NAME TOKENHEAD, system ID: ...".
func (t *textDecoder) gitlabRunner(j *textJob, rest []byte) {
	if j.ci.provider != "gitlab" || j.start.done || len(rest) >= textNameLimit {
		return
	}
	head, _, _ := bytes.Cut(rest, []byte(", "))
	if i := bytes.LastIndexByte(head, ' '); i > 0 {
		setDefault(&j.ci.runner, string(head[:i]))
		setDefault(&j.ci.runnerID, string(head[i+1:]))
	}
}

// gitlabRef reads "SHA as detached HEAD (ref is REF)...".
func (t *textDecoder) gitlabRef(j *textJob, rest []byte) {
	if j.ci.provider != "gitlab" || len(rest) >= textNameLimit {
		return
	}
	sha, more, ok := bytes.Cut(rest, []byte(" as detached HEAD (ref is "))
	if !ok || len(sha) > 64 {
		return
	}
	setDefault(&j.ci.sha, string(sha))
	if ref, _, ok := bytes.Cut(more, []byte(")")); ok {
		setDefault(&j.ci.ref, string(ref))
	}
}

// sectionStart reads UNIX:NAME[options]. In a log without stamps it is the clock.
func (t *textDecoder) sectionStart(j *textJob, rest []byte) {
	name, ok := t.section(j, rest)
	if !ok {
		return
	}
	if name == "step_script" || name == "build_script" {
		t.started(j)
	}
	t.openStep(j, name)
}

func (t *textDecoder) sectionEnd(j *textJob, rest []byte) {
	if name, ok := t.section(j, rest); ok && j.step.open && j.step.name == name {
		t.endStep(j, "unknown", "") // how it went is said at the end of the job
	}
}

func (t *textDecoder) section(j *textJob, rest []byte) (name string, ok bool) {
	clock, more, found := strings.Cut(string(rest), ":")
	sec, err := strconv.ParseInt(clock, 10, 64)
	if !found || err != nil || sec < 1e9 || sec > 9e9 {
		return "", false
	}
	setDefault(&j.ci.provider, "gitlab")
	if !j.stamped {
		j.time, t.place.time, t.place.created, t.id = sec*1e9, sec*1e9, false, ""
		if j.first == 0 {
			j.first = j.time
		}
	}
	if i := strings.IndexAny(more, "[ \t"); i >= 0 {
		more = more[:i]
	}
	return more, more != "" && len(more) < 128
}
