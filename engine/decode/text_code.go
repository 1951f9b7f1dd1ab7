package decode

import (
	"bytes"
	"strings"

	"github.com/seed-843b225c/reflex/engine"
)

// model.code_executed: code or a pickle that came with a model ran, or a line
// says that it may. event.reason tells which:
//
//	remote code notice    the transformers notice: files with code were fetched from a model's repository (three lines or more)
//	trust_remote_code     a call or command that allows it; advice to do so does not count
//	pickle load           weights_only=False, in a call or in torch's warning about one
//	model script          a script from a cloned model repository, or fetched from one, is run (python setup.py, bash run.sh, pip install DIR)

const kwCode = kwRemoteCode | kwRemoteFlag | kwWeights | kwSetup | kwScriptSH | kwPipInstall | kwScriptPy

// codeNotice is the notice while its lines come.
type codeNotice struct {
	open  bool
	at    textPlace
	id    string
	text  []byte
	model string
	file  string // the first file of the list
	lines int
}

var pinAdvice = []byte("pin a revision")

// notice follows "... files was downloaded from https://huggingface.co/ORG/NAME:"
// through its list of files to the advice.
func (t *textDecoder) notice(j *textJob, b []byte, found keyword) {
	n := &j.notice
	if n.open {
		line := bytes.TrimSpace(b)
		switch {
		case hasPrefix(line, "- ") && bytes.HasSuffix(line, []byte(".py")) && n.lines < 64:
			if n.lines++; n.file == "" && len(line) < 256 {
				n.file = string(line[2:])
			}
			return
		case len(line) == 0:
			return
		case hasPrefix(line, ". Make sure"), bytes.Contains(line, pinAdvice):
			t.endNotice(j)
			return
		}
		t.endNotice(j)
	}
	if found&kwFilesFrom == 0 || found&(kwHub|kwHubShort|kwMirrorHost) == 0 || !bytes.Contains(b, []byte("files w")) {
		return
	}
	_, path, next := nextHub(b, 0, j.models.mirror)
	if next < 0 {
		return
	}
	if m, _ := hubPath(path); m != nil {
		*n = codeNotice{open: true, at: *t.place, id: t.lineID(j), text: []byte(messageText(b)), model: strings.Clone(m.ref())}
		if i := bytes.Index(b, []byte(".py")); i > next { // all in one line
			from := bytes.LastIndexByte(b[:i], ' ') + 1
			n.file, n.lines = string(b[from:min(i+3, from+textNameLimit)]), 1
		}
	}
}

// endNotice tells of a notice that named a file at least.
func (t *textDecoder) endNotice(j *textJob) {
	n := j.notice
	j.notice = codeNotice{}
	if !n.open || n.lines == 0 {
		return
	}
	t.begin()
	t.codeFields(n.model, "remote code notice", true)
	t.str(fModelFile, n.file)
	t.emitAt(j, modelCode, &n.at, n.id+"/model.code_executed", n.text)
}

func (t *textDecoder) codeFields(model, reason string, remote bool) {
	if ns, name, ok := strings.Cut(model, "/"); ok {
		t.str(fModelRef, model)
		t.str(fModelNamespace, ns)
		t.str(fModelName, name)
	} else if model != "" {
		t.str(fModelRef, model)
		t.str(fModelName, model)
	}
	t.str(fReason, reason)
	t.set(fModelCode, engine.Boolean(remote))
}

// code reads calls and commands that run what came with a model.
func (t *textDecoder) code(j *textJob, b []byte, found keyword) {
	if found&(kwRemoteCode|kwRemoteFlag) != 0 && allowsCode(b) {
		t.ran(j, j.models.last, "trust_remote_code", true)
	}
	if found&kwWeights != 0 && valued(b, "weights_only", "false") {
		t.ran(j, j.models.last, "pickle load", false)
	}
	if found&(kwSetup|kwScriptSH|kwPipInstall|kwScriptPy) != 0 {
		if model := j.models.script(b); model != "" {
			t.ran(j, model, "model script", true)
		}
	}
}

// ran tells model.code_executed once for each model and reason in a step.
func (t *textDecoder) ran(j *textJob, model, reason string, remote bool) {
	if !t.news(j, "code", model, reason) {
		return
	}
	t.begin()
	t.codeFields(model, reason, remote)
	t.emit(j, modelCode)
}

// allowsCode tells a call or command with trust_remote_code from advice about it.
func allowsCode(b []byte) bool {
	for _, w := range [...]string{"option", "argument", "please", "requires", "deprecated", "ignored", "you can ", "set `", "pass `", "should "} {
		if indexFold(b, w) >= 0 {
			return false
		}
	}
	if valued(b, "trust_remote_code", "true") {
		return true
	}
	for _, flag := range [...]string{"--trust-remote-code", "--trust_remote_code"} {
		if i := indexFold(b, flag); i >= 0 {
			rest := b[i+len(flag):]
			return len(rest) == 0 || rest[0] == ' ' || rest[0] == '"' || rest[0] == '\'' || indexFold(rest, "true") == 1
		}
	}
	return false
}

// valued reports NAME=value, NAME: value or "NAME": value, any case.
func valued(b []byte, name, value string) bool {
	for from := 0; ; {
		i := indexFold(b[from:], name)
		if i < 0 {
			return false
		}
		from += i + len(name)
		k := from
		for k < len(b) && strings.IndexByte(" =:\"'\\", b[k]) >= 0 {
			k++
		}
		if k > from && k+len(value) <= len(b) && strings.EqualFold(string(b[k:k+len(value)]), value) {
			return true
		}
	}
}

// script gives the model whose script a command runs, "" when it runs none.
func (m *modelState) script(b []byte) string {
	if m.dir == "" && len(m.scripts) == 0 {
		return ""
	}
	for i := 0; i < len(b); {
		var w string
		at := i
		w, i = word(b, i)
		if w == "" {
			continue
		}
		base := w[strings.LastIndexByte(w, '/')+1:]
		run := false
		switch {
		case base == "pip" || base == "pip3" || base == "uv":
			end := commandEnd(b, i)
			if sub, k := word(b, i); sub == "install" || sub == "pip" {
				for k < end {
					var arg string
					if arg, k = word(b, k); m.inDir(arg) || m.inside && (arg == "." || strings.HasPrefix(arg, ".[")) {
						return m.cloned
					}
				}
			}
			continue
		case strings.HasPrefix(base, "python") || base == "bash" || base == "sh" || base == "source" || base == "py":
			for k := i; k < len(b); { // options before the script
				if w, k = word(b, k); w != "" && w[0] != '-' {
					run = true
					break
				}
				if w == "-c" || w == "-m" {
					break
				}
			}
		case strings.HasPrefix(w, "./") || strings.Contains(w, "/"):
			run = commandAt(b, at)
		}
		if !run {
			continue
		}
		base = w[strings.LastIndexByte(w, '/')+1:]
		if !strings.HasSuffix(base, ".py") && !strings.HasSuffix(base, ".sh") {
			continue
		}
		for k := range m.scripts {
			if m.scripts[k].name == base {
				return m.scripts[k].model
			}
		}
		if m.inDir(w) || m.inside && !strings.HasPrefix(w, "/") && !strings.HasPrefix(w, "../") {
			return m.cloned
		}
	}
	return ""
}

// inDir reports a path inside the cloned model's folder.
func (m *modelState) inDir(path string) bool {
	if m.dir == "" {
		return false
	}
	path = strings.TrimPrefix(path, "./")
	return path == m.dir || strings.HasPrefix(path, m.dir+"/") || strings.HasSuffix(path, "/"+m.dir) || strings.Contains(path, "/"+m.dir+"/")
}
