package decode

import (
	"bytes"
	"strings"

	"github.com/seed-843b225c/reflex/engine"
)

// env.dumped: the environment was printed, masked or not: five or more lines
// NAME=VALUE, declare -x NAME="VALUE" or NAME: 'VALUE', or "NAME": "VALUE", without another line
// between them, of which at least two are names every build has. One line
// counts when it holds the whole: NAME=VALUE parted by NUL, or Python's
// environ({...}). The event is told when the run of lines ends; its time and id
// are those of the run's first line.

const (
	envLines = 5
	envKnown = 2
	envNames = 128 // names an event lists; it counts all of them
)

// envRun is the run of lines that may be a dump.
type envRun struct {
	at                   textPlace
	id                   string
	text                 []byte
	last                 int64
	count, known, masked int
	names                []string
}

// environ looks whether a line shows a variable.
func (t *textDecoder) environ(j *textJob, b []byte) {
	if len(b) == 0 || j.step.group {
		t.endEnviron(j)
		return
	}
	if indexByte(b, 0) >= 0 {
		t.endEnviron(j)
		for len(b) > 0 {
			var v []byte
			v, b, _ = bytes.Cut(b, []byte{0})
			if name, value, ok := variable(v); ok {
				t.variable(j, name, value)
			}
		}
		t.endEnviron(j)
		return
	}
	name, value, ok := variable(b)
	if !ok {
		if j.env.count > 0 {
			t.endEnviron(j)
		}
		return
	}
	t.variable(j, name, value)
}

// variable adds one to the run.
func (t *textDecoder) variable(j *textJob, name, value []byte) {
	e := &j.env
	if e.count == 0 {
		e.at, e.id = *t.place, ""
		e.text = append(e.text[:0], messageText(t.text)...)
	}
	if e.count++; e.count == envLines && e.id == "" {
		e.id = t.firstID(j, e)
	}
	e.last = t.place.time
	if knownVariable(name) {
		e.known++
	}
	if maskedValue(value) {
		e.masked++
	}
	if len(e.names) < envNames && len(name) < 80 {
		e.names = append(e.names, string(name))
	}
}

// firstID is the id of the run's first line, made when the run is long enough
// to matter.
func (t *textDecoder) firstID(j *textJob, e *envRun) string {
	text, place, id := t.text, t.place, t.id
	t.text, t.place, t.id = e.text, &e.at, ""
	first := t.lineID(j)
	t.text, t.place, t.id = text, place, id
	return first
}

// endEnviron tells of a run that was long enough.
func (t *textDecoder) endEnviron(j *textJob) {
	e := &j.env
	if e.count == 0 {
		return
	}
	if e.count >= envLines && e.known >= envKnown {
		t.begin()
		t.set(fEnvNames, engine.Strings(e.names...))
		t.set(fEnvCount, engine.Int(int64(e.count)))
		t.set(fEnvMasked, engine.Int(int64(e.masked)))
		t.str(fEnvSource, j.step.proc)
		t.span(e.at.time, e.last)
		t.emitAt(j, envDumped, &e.at, e.id+"/env.dumped", e.text)
	}
	j.env = envRun{text: e.text[:0], names: e.names[:0]}
}

// variable reads one line of a dump. The name is what a shell allows, with the
// few additions that systems make ("ProgramFiles(x86)", "BASH_FUNC_x%%").
func variable(b []byte) (name, value []byte, ok bool) {
	for i := 0; i < 8 && len(b) > 0 && b[0] == ' '; i++ {
		b = b[1:]
	}
	if len(b) > 6 && b[0] == '"' { // as JSON
		return jsonVariable(b)
	}
	if len(b) < 2 || !nameByte(b[0]) || b[0] >= '0' && b[0] <= '9' {
		return nil, nil, false
	}
	if b[0] == 'd' || b[0] == 'e' {
		for _, p := range [...]string{"declare -x ", "declare -rx ", "export "} {
			if hasPrefix(b, p) {
				b = b[len(p):]
				break
			}
		}
	}
	n := 0
	for n < len(b) && nameByte(b[n]) {
		n++
	}
	if n == 0 {
		return nil, nil, false
	}
	name, rest := b[:n], b[n:]
	if len(rest) > 0 && (rest[0] == '%' || rest[0] == '(') {
		rest = rest[min(len(rest), max(bytes.IndexByte(rest, '='), 0)):]
	}
	if len(rest) == 0 {
		return nil, nil, false
	}
	if rest[0] == '=' {
		if len(rest) > 1 && (rest[1] == '=' || rest[1] == '>') { // a comparison, an arrow
			return nil, nil, false
		}
		return name, rest[1:], true
	}
	if len(rest) > 4 && rest[0] == ':' && rest[1] == ' ' && (rest[2] == '\'' || rest[2] == '"') { // Node's console.log(process.env)
		value = bytes.TrimSuffix(rest[2:], []byte(","))
		if value[len(value)-1] == rest[2] {
			return name, value, true
		}
	}
	return nil, nil, false
}

// jsonVariable reads a line "NAME": "VALUE", of an object printed as JSON.
func jsonVariable(b []byte) (name, value []byte, ok bool) {
	end := bytes.IndexByte(b[1:], '"') + 1
	if end <= 1 {
		return nil, nil, false
	}
	for _, c := range b[1:end] {
		if !nameByte(c) {
			return nil, nil, false
		}
	}
	rest, ok := bytes.CutPrefix(bytes.TrimSuffix(b[end+1:], []byte(",")), []byte(": "))
	if n := len(rest); !ok || n < 2 || rest[0] != '"' || rest[n-1] != '"' {
		return nil, nil, false
	}
	return b[1:end], rest, true
}

// python reads "environ({'NAME': 'VALUE', ...})", a whole dump in one line.
func (t *textDecoder) python(j *textJob, b []byte) {
	i := bytes.Index(b, []byte("environ({"))
	if i < 0 {
		return
	}
	t.endEnviron(j)
	for i += len("environ({"); i < len(b); {
		name, k, ok := quoted(b, i)
		if !ok || k >= len(b) || b[k] != ':' {
			break
		}
		value, next, ok := quoted(b, k+1)
		if !ok {
			break
		}
		t.variable(j, []byte(name), []byte(value))
		for next < len(b) && (b[next] == ',' || b[next] == ' ') {
			next++
		}
		i = next
	}
	t.endEnviron(j)
}

// maskedValue reports a value that the build system hid.
func maskedValue(v []byte) bool {
	switch string(bytes.Trim(v, "\"' ")) {
	case "***", "****", "[MASKED]", "********":
		return true
	}
	return false
}

// knownVariable reports names that every build has, or that clouds and AI
// providers give to their keys.
func knownVariable(name []byte) bool {
	switch string(name) {
	case "PATH", "HOME", "SHELL", "USER", "PWD", "OLDPWD", "LANG", "HOSTNAME", "TERM", "CI", "SHLVL", "LOGNAME", "TMPDIR", "TEMP", "EDITOR",
		"ImageOS", "ImageVersion", "JOURNAL_STREAM", "INVOCATION_ID", "DEBIAN_FRONTEND", "JAVA_HOME", "WORKSPACE", "NODE_NAME", "EXECUTOR_NUMBER",
		"Path", "USERPROFILE", "COMPUTERNAME", "LC_ALL", "PYTHONPATH", "LD_LIBRARY_PATH", "VIRTUAL_ENV":
		return true
	}
	for _, p := range [...]string{"GITHUB_", "RUNNER_", "ACTIONS_", "AWS_", "CI_", "GITLAB_", "JENKINS_", "BUILD_", "AZURE_", "ARM_", "GOOGLE_", "GCP_",
		"GCLOUD_", "OPENAI_", "ANTHROPIC_", "HF_", "HUGGING", "KUBERNETES_", "NPM_", "DOCKER_", "BUILDKITE", "XDG_", "SSH_", "VAULT_", "LITELLM_"} {
		if hasPrefix(name, p) {
			return true
		}
	}
	return false
}

// sawEnviron notes that the step reads the environment of a process from
// /proc: of its own or, worse, of another one.
func (j *textJob) sawEnviron(b []byte) {
	for from := 0; ; {
		i := bytes.Index(b[from:], []byte("/proc/"))
		if i < 0 {
			return
		}
		from += i + len("/proc/")
		who, _, ok := bytes.Cut(b[from:], []byte("/"))
		if !ok || !hasPrefix(b[from+len(who):], "/environ") {
			continue
		}
		if s := string(who); s == "self" || s == "$$" || s == "thread-self" {
			if j.step.proc == "" {
				j.step.proc = "proc_self"
			}
		} else {
			j.step.proc = "proc_other"
		}
	}
}

// assumes tells role.assumed: the step trades its identity for a cloud role.
func (t *textDecoder) assumes(j *textJob, b []byte) {
	switch {
	case bytes.HasPrefix(b, []byte("Assuming role with OIDC")):
		if !t.news(j, "assume") {
			return
		}
		t.begin()
		t.emit(j, roleAssumed)
	case bytes.HasPrefix(b, []byte("Authenticated as assumedRoleId ")):
		id, _ := word(b, len("Authenticated as assumedRoleId "))
		_, session, ok := strings.Cut(id, ":")
		if !ok || !t.news(j, "assume", id) {
			return
		}
		t.begin()
		t.str(fUserID, id)
		t.str(fSession, session)
		t.str(fOutcome, "success")
		t.emit(j, roleAssumed)
	}
}

var (
	fEnvNames  = engine.MustField("ci.env.names")
	fEnvCount  = engine.MustField("ci.env.count")
	fEnvMasked = engine.MustField("ci.env.masked")
	fEnvSource = engine.MustField("ci.env.source")
	fUserID    = engine.MustField("user.id")
	fSession   = engine.MustField("aws.cloudtrail.session_name")
)
