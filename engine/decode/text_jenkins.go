package decode

import "bytes"

// Marks of Jenkins' console.

func (t *textDecoder) jenkinsStart(j *textJob, rest []byte) {
	if j.ci.provider == "github" || j.ci.provider == "gitlab" {
		return
	}
	for _, who := range [...]string{"user ", "timer", "an SCM change", "upstream project", "remote host", "GitHub push", "GitLab push", "Replayed", "command line"} {
		if hasPrefix(rest, who) {
			t.starts(j, "jenkins")
			return
		}
	}
}

// jenkinsNode reads "NODE in PATH".
func (t *textDecoder) jenkinsNode(j *textJob, rest []byte) {
	if j.ci.provider != "jenkins" {
		return
	}
	if node, _, ok := bytes.Cut(rest, []byte(" in ")); ok && len(node) < 200 {
		setDefault(&j.ci.runner, string(bytes.TrimSpace(node)))
		t.started(j)
	}
}

func (t *textDecoder) jenkinsStage(j *textJob, rest []byte) {
	setDefault(&j.ci.provider, "jenkins")
	switch {
	case hasPrefix(rest, "{ (") && rest[len(rest)-1] == ')':
		t.openStep(j, string(rest[3:len(rest)-1]))
	case hasPrefix(rest, "// stage"):
		t.endStep(j, "unknown", "")
	case hasPrefix(rest, "sh") || hasPrefix(rest, "bat"):
		t.started(j)
	}
}

func (t *textDecoder) jenkinsEnd(j *textJob, rest []byte) {
	if j.ci.provider == "github" || j.ci.provider == "gitlab" {
		return
	}
	switch string(bytes.TrimSpace(rest)) {
	case "SUCCESS":
		t.finishes(j, "success")
	case "FAILURE", "ABORTED", "UNSTABLE":
		t.finishes(j, "failure")
	case "NOT_BUILT":
		t.finishes(j, "unknown")
	}
}
