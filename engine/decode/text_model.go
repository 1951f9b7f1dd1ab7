package decode

import (
	"strings"

	"github.com/seed-843b225c/reflex/engine"
)

// model.pulled: a model was fetched, or a line says that it is. The forms are
// addresses of the hub or of a mirror named by HF_ENDPOINT, git clone of one,
// hf download, ollama pull, and source that names a model to a loader.

const kwModels = kwHub | kwHubShort | kwMirror | kwMirrorHost | kwHFDownload | kwHFCLI | kwOllama | kwPretrained | kwSnapshot | kwHubFile | kwPipeline |
	kwVLLM | kwModelArg | kwCd

// modelState is what a job did with models so far.
type modelState struct {
	mirror  string // host of HF_ENDPOINT where it is another
	last    string // the model pulled or loaded last, namespace/name
	cloned  string // the model whose repository was cloned last
	dir     string // the folder it lies in
	inside  bool   // the job changed into it
	scripts []modelScript
}

// modelScript is a file with code that was fetched from a model's repository.
type modelScript struct{ name, model string }

// hubModel is a model as some text names it.
type hubModel struct {
	namespace, name, revision, file, host string
}

func (m *hubModel) ref() string {
	if m.namespace == "" {
		return m.name
	}
	return m.namespace + "/" + m.name
}

// models tells every model that a line pulls.
func (t *textDecoder) models(j *textJob, b []byte, found keyword) {
	if found&kwMirror != 0 {
		j.models.setMirror(b)
	}
	if found&(kwHub|kwHubShort|kwMirrorHost) != 0 {
		t.hubAddresses(j, b, found)
	}
	if found&(kwHFDownload|kwHFCLI) != 0 {
		t.hubCommand(j, b)
	}
	if found&kwOllama != 0 {
		t.ollama(j, b)
	}
	if found&(kwPretrained|kwSnapshot|kwHubFile|kwPipeline) != 0 {
		t.loaders(j, b, found)
	}
	if found&(kwVLLM|kwModelArg) != 0 {
		t.servers(j, b)
	}
	if found&kwCd != 0 && j.models.dir != "" {
		if i := indexFold(b, "cd "); i >= 0 && commandAt(b, i) {
			dir, _ := word(b, i+3)
			j.models.inside = strings.TrimPrefix(strings.TrimSuffix(dir, "/"), "./") == j.models.dir
		}
	}
}

// setMirror reads HF_ENDPOINT=https://HOST, or with a colon as in a step's env.
func (m *modelState) setMirror(b []byte) {
	i := indexFold(b, "hf_endpoint")
	rest := strings.TrimLeft(string(b[i+len("hf_endpoint"):]), "=: \"'")
	rest, ok := strings.CutPrefix(rest, "https://")
	if !ok {
		if rest, ok = strings.CutPrefix(rest, "http://"); !ok {
			return
		}
	}
	n := 0
	for n < len(rest) && (hostByte(rest[n]) || rest[n] == ':') {
		n++
	}
	host := strings.ToLower(rest[:n])
	host, _, _ = strings.Cut(host, ":")
	if host == "huggingface.co" || host == "hf.co" || len(host) > 253 {
		host = ""
	}
	m.mirror = strings.Clone(host)
}

func hostByte(c byte) bool { return nameByte(c) && c != '_' || c == '.' || c == '-' }

// hubCommand reads hf download and huggingface-cli download.
func (t *textDecoder) hubCommand(j *textJob, b []byte) {
	for _, name := range [...]string{"hf download ", "huggingface-cli download "} {
		i := indexFold(b, name)
		if i < 0 {
			continue
		}
		cmd := b[i+len(name) : commandEnd(b, i)]
		if kind := flagValue(cmd, "--repo-type"); kind == "dataset" {
			return
		}
		m := hubModel{host: j.models.hub(), revision: flagValue(cmd, "--revision")}
		for k := 0; k < len(cmd); {
			var w string
			w, k = word(cmd, k)
			switch {
			case w == "":
			case w[0] == '-':
				if !strings.Contains(w, "=") && hubFlagTakes(w) {
					_, k = word(cmd, k)
				}
			case m.name == "":
				ns, n, ok := strings.Cut(w, "/")
				if !ok {
					ns, n = "", w
				}
				if !validName(n) || ok && !validName(ns) || !ok && (!commandAt(b, i) || !strings.ContainsAny(n, "-0123456789")) {
					return
				}
				m.namespace, m.name = ns, n
			case m.file == "":
				m.file = w
			}
		}
		if m.name != "" {
			t.model(j, &m)
		}
		return
	}
}

// hubFlagTakes reports flags of hf download that a value follows.
func hubFlagTakes(flag string) bool {
	switch flag {
	case "--quiet", "--force-download", "--resume-download", "--dry-run", "-q":
		return false
	}
	return true
}

func (m *modelState) hub() string {
	if m.mirror != "" {
		return m.mirror
	}
	return "huggingface.co"
}

// ollama reads ollama pull and ollama run.
func (t *textDecoder) ollama(j *textJob, b []byte) {
	for _, name := range [...]string{"ollama pull ", "ollama run "} {
		i := indexFold(b, name)
		if i < 0 {
			continue
		}
		w, _ := word(b, i+len(name))
		if w == "" || w[0] == '-' || shellWord(w) || !strings.Contains(w, "/") && !commandAt(b, i) {
			return
		}
		w = strings.TrimPrefix(strings.TrimPrefix(w, "https://"), "http://")
		m := hubModel{host: "registry.ollama.ai", namespace: "library"}
		path, tag, _ := strings.Cut(w, ":")
		parts := strings.Split(path, "/")
		if len(parts) == 3 {
			m.host, parts = strings.ToLower(parts[0]), parts[1:]
		}
		if len(parts) == 2 {
			m.namespace, parts = parts[0], parts[1:]
		}
		m.name, m.revision = parts[0], tag
		if len(parts) == 1 && validModel(m.namespace, m.name) {
			t.modelAs(j, &m, ollamaKind(tag))
		}
		return
	}
}

func ollamaKind(tag string) string {
	if tag == "" {
		return "none"
	}
	return "tag"
}

// loaders reads calls that name a model: from_pretrained("ORG/NAME"), and so on.
func (t *textDecoder) loaders(j *textJob, b []byte, found keyword) {
	for _, l := range [...]struct {
		kw   keyword
		call string
		args []string
	}{
		{kwPretrained, "from_pretrained", []string{"pretrained_model_name_or_path"}},
		{kwSnapshot, "snapshot_download", []string{"repo_id"}},
		{kwHubFile, "hf_hub_download", []string{"repo_id"}},
		{kwPipeline, "pipeline(", []string{"model"}},
	} {
		if found&l.kw == 0 {
			continue
		}
		i := indexFold(b, l.call)
		i += len(l.call)
		for i < len(b) && b[i] == ' ' {
			i++
		}
		if l.kw != kwPipeline {
			if i >= len(b) || b[i] != '(' {
				continue
			}
			i++
		}
		rest := b[i:]
		ref := ""
		if l.kw != kwPipeline {
			ref, _, _ = quoted(rest, 0)
		}
		for _, a := range l.args {
			if ref == "" {
				ref = argument(rest, a)
			}
		}
		if argument(rest, "repo_type") == "dataset" {
			continue
		}
		ns, name, ok := strings.Cut(ref, "/")
		if !ok {
			ns, name = "", ref
		}
		if shellWord(ref) || ok && !validName(ns) || !validName(name) || ok && localFolder(ns) || !ok && localName(ref) {
			continue
		}
		m := hubModel{host: j.models.hub(), namespace: ns, name: name, revision: argument(rest, "revision"), file: argument(rest, "filename")}
		t.model(j, &m)
	}
}

// localFolder reports first parts of a path that mean a folder of the build.
func localFolder(s string) bool {
	switch strings.ToLower(s) {
	case "models", "model", "output", "outputs", "checkpoints", "checkpoint", "ckpt", "ckpts", "data", "results", "saved_models", "saved_model",
		"artifacts", "tmp", "cache", "build", "dist", "runs", "weights", "out", "src", "tests", "test", "trained", "experiments":
		return true
	}
	return false
}

// localName reports names without a namespace that are no model of the hub's
// first days (bert-base-uncased, gpt2, t5-small).
func localName(s string) bool {
	for _, p := range [...]string{"bert-", "distilbert-", "roberta-", "distilroberta-", "albert-", "gpt2", "distilgpt2", "t5-", "xlnet-", "xlm-", "openai-gpt", "camembert-", "facebook-"} {
		if strings.HasPrefix(s, p) || s == strings.TrimSuffix(p, "-") {
			return false
		}
	}
	return true
}

// servers reads vllm serve ORG/NAME and --model ORG/NAME of programs that load
// models themselves.
func (t *textDecoder) servers(j *textJob, b []byte) {
	if indexFold(b, "vllm") < 0 && indexFold(b, "text-generation-launcher") < 0 && indexFold(b, "sglang") < 0 {
		return
	}
	ref := ""
	if i := indexFold(b, "vllm serve "); i >= 0 {
		ref, _ = word(b, i+len("vllm serve "))
	}
	cmd := b[:commandEnd(b, 0)]
	if !strings.Contains(ref, "/") {
		ref = flagValue(cmd, "--model-id", "--model-path", "--model")
	}
	ns, name, ok := strings.Cut(ref, "/")
	if !ok || !validModel(ns, name) || localFolder(ns) {
		return
	}
	t.model(j, &hubModel{host: j.models.hub(), namespace: ns, name: name, revision: flagValue(cmd, "--revision")})
}

// model tells model.pulled once for each file and revision in a step.
func (t *textDecoder) model(j *textJob, m *hubModel) { t.modelAs(j, m, revisionKind(m.revision)) }

func (t *textDecoder) modelAs(j *textJob, m *hubModel, kind string) {
	ref := m.ref()
	j.models.last = strings.Clone(ref)
	if base := m.file[strings.LastIndexByte(m.file, '/')+1:]; strings.HasSuffix(base, ".py") || strings.HasSuffix(base, ".sh") {
		if len(j.models.scripts) < 16 && len(base) < textNameLimit {
			j.models.scripts = append(j.models.scripts, modelScript{strings.Clone(base), j.models.last})
		}
	}
	if !t.news(j, "model", m.host, ref, m.revision, m.file) {
		return
	}
	t.begin()
	t.str(fModelRef, ref)
	t.str(fModelNamespace, m.namespace)
	t.str(fModelName, m.name)
	t.str(fModelRevision, m.revision)
	t.str(fModelKind, kind)
	t.str(fModelHost, m.host)
	t.str(fModelFile, m.file)
	t.emit(j, modelPulled)
}

// revisionKind tells what a revision is: 40 hexadecimal digits are a commit, a
// version number a tag, all else a branch. None is as floating as a branch.
func revisionKind(rev string) string {
	switch {
	case rev == "":
		return "none"
	case len(rev) == 40 && hexRun([]byte(rev)) != "":
		return "commit"
	case strings.HasPrefix(rev, "refs/tags/"):
		return "tag"
	}
	s := strings.TrimPrefix(rev, "v")
	if s != "" && s[0] >= '0' && s[0] <= '9' && (s != rev || strings.Contains(s, ".")) {
		return "tag"
	}
	return "branch"
}

var (
	fModelRef       = engine.MustField("model.ref")
	fModelNamespace = engine.MustField("model.namespace")
	fModelName      = engine.MustField("model.name")
	fModelRevision  = engine.MustField("model.revision")
	fModelKind      = engine.MustField("model.revision_kind")
	fModelHost      = engine.MustField("model.host")
	fModelFile      = engine.MustField("model.file")
	fModelCode      = engine.MustField("model.remote_code")
)
