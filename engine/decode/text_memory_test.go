package decode

import (
	"fmt"
	"strings"
	"testing"
	"time"

	"github.com/seed-843b225c/reflex/engine"
	"github.com/seed-843b225c/reflex/engine/secret"
)

func TestFileNamesTellTheJob(t *testing.T) {
	for _, tt := range []struct{ path, run, job, name, repo string }{
		{"run-7001-attempt-2/job-9001.txt", "7001-2", "9001", "", ""},
		{"/data/logs/run-7001/job-9001 (copy).log", "7001-1", "9001", "", ""},
		{"run_7001/attempt_3/9001.log.gz", "7001-3", "9001", "", ""},
		{"repos/example-org/ml-app/actions/runs/7001/attempts/2/jobs/9001/logs", "7001-2", "9001", "", "example-org/ml-app"},
		{"7001_9001.txt", "7001-1", "9001", "", ""},
		{"x/7001_9001_build (3.12).txt", "7001-1", "9001", "build (3.12)", ""},
		{"7001-2_9001.log", "7001-2", "9001", "", ""},
		{"7001_2_9001.txt", "7001-2", "9001", "", ""},
		{"logs_311/0_build.txt", "", "", "build", ""},
		{"logs_311/build/3_Run tests.txt", "", "", "build", ""},
		{`C:\logs\run-7001\job-9001.txt`, "7001-1", "9001", "", ""},
		{"build.log", "", "", "", ""},
		{"2026-03-02.log", "", "", "", ""},
		{"rerun-of-x/prejob-1/a.txt", "", "", "", ""},
	} {
		var ci ciContext
		ci.fromPath(tt.path)
		run := ""
		if ci.run != "" {
			run = fmt.Sprintf("%s-%d", ci.run, max(ci.attempt, 1))
		}
		if run != tt.run || ci.jobID != tt.job || ci.jobName != tt.name || ci.repo != tt.repo {
			t.Errorf("%s: run %q, job %q, name %q, repo %q", tt.path, run, ci.jobID, ci.jobName, ci.repo)
		}
	}
}

// A copy of a file, under another name or in another folder, has the same ids.
func TestCopiedLogHasTheSameIDs(t *testing.T) {
	text, _ := sampleText(t, "actions.log")
	a := readText(t, "run-7002-attempt-1/job-9002.txt", text)
	b := readText(t, "elsewhere/copy.txt", text)
	if len(a.ids) == 0 || len(a.ids) != len(b.ids) {
		t.Fatalf("%d and %d ids", len(a.ids), len(b.ids))
	}
	for id := range a.ids {
		if !b.ids[id] {
			t.Errorf("id %s is not in the copy", id)
		}
	}
}

// A secret over several lines is one secret, and no part of it is in an event.
func TestSecretsOverSeveralLines(t *testing.T) {
	key := secret.Fake("anthropic_api_key", 3)
	pem := strings.Split(strings.TrimSpace(secret.Fake("private_key", 3)), "\n")
	b64 := wrap(base64Of(base64Of("GITHUB_TOKEN="+secret.Fake("github_token", 3)+" and some more text so that the block has a few lines")), 76)
	for _, tt := range []struct {
		name  string
		lines []string
		kind  string
	}{
		{"backslash", []string{`curl -H "x-api-key: ` + key[:40] + `\`, key[40:] + `" https://a.example`}, "anthropic_api_key"},
		{"private key", pem, "private_key"},
		{"private key in a variable", append([]string{`KEY="` + pem[0]}, pem[1:]...), "private_key"},
		{"indented private key", indent(pem), "private_key"},
		{"private key without an end", append(pem[:len(pem)-1:len(pem)-1], "##[group]Run next"), "private_key"},
		{"base64 twice, wrapped", append(b64, "done"), "github_token"},
		{"carriage return", []string{"10%\rkey " + key + "\r100%"}, "anthropic_api_key"},
		{"colours inside", []string{"key " + key[:30] + "\x1b[0m\x1b[31m" + key[30:]}, "anthropic_api_key"},
	} {
		log := stamped(tt.lines...)
		l := readText(t, "x", log)
		l.has("secret.exposed", "secret.format="+tt.kind)
		if n := l.kinds("secret.exposed"); n != 1 {
			t.Errorf("%s: %d secrets", tt.name, n)
		}
	}
}

func indent(lines []string) []string {
	var out []string
	for _, l := range lines {
		out = append(out, "    "+l)
	}
	return out
}

// Found once in a step, found again in the next.
func TestSecretCountsOnceAStep(t *testing.T) {
	line := "key " + secret.Fake("anthropic_api_key", 1)
	l := readText(t, "x", stamped("##[group]Run a", line, line, "##[group]Run b", line))
	if n := l.kinds("secret.exposed"); n != 2 {
		t.Errorf("%d events", n)
	}
}

func TestAWSPairOverLines(t *testing.T) {
	id := "AKIA" + "EXAMPLEBUILDKEY1"
	value := secret.Fake("aws_secret_key", 1)
	l := readText(t, "x", stamped("aws_access_key_id = "+id, "region = eu-west-1", "aws_secret_access_key = "+value))
	l.has("secret.exposed", "secret.principal="+id)
	l = readText(t, "x", stamped("aws_access_key_id = "+id, "1", "2", "3", "4", "5", "6", "aws_secret_access_key = "+value))
	if l.has("secret.exposed", "secret.format=aws_secret_key"); strings.Contains(strings.Join(l.events, ""), id) {
		t.Error("an id far above was taken for the secret's")
	}
}

// No value of any format survives in any field of an event, whatever the line
// around it gives.
func TestNoSecretSurvives(t *testing.T) {
	tried := map[string]bool{}
	for _, f := range secret.Formats() {
		v := secret.Fake(f.ID, 5)
		parts := strings.Split(v, "\n")
		for _, around := range [][2]string{
			{"##[group]Run curl -H 'k: ", "' https://a.example"}, {"docker pull example/a --creds x:", ""},
			{"Downloading https://huggingface.co/a/b/resolve/main/c?token=", " now"}, {"* Connected to a.example (203.0.113.7) port 443 ", ""},
			{"AWS_SECRET_ACCESS_KEY=", ""}, {"Authorization: Bearer ", ""}, {"Authorization: Basic ", ""}, {"AZURE_OPENAI_API_KEY=", ""},
		} {
			lines := strings.Split(around[0]+v+around[1], "\n")
			lines = append(append([]string{"##[group]Run x", "PATH=/bin", "HOME=/root", "CI=1", "A=1"}, lines...), "docker pull a", "##[error]Process completed with exit code 1.")
			g := &goldenText{seen: map[uint64]bool{}, t: t}
			decodeChunks(t, "x", []byte(stamped(lines...)), 1<<16, g)
			out := g.b.String()
			if !strings.Contains(out, "secret.format: "+f.ID) {
				continue // another format, or it needs another name beside it
			}
			tried[f.ID] = true
			for _, p := range parts {
				if len(p) > 20 && !strings.HasPrefix(p, "-----") && strings.Contains(out, p) {
					t.Errorf("%s survives behind %q", f.ID, around[0])
				}
			}
		}
	}
	if len(tried) < len(secret.Formats())*3/4 {
		t.Errorf("only %d of %d formats were found in a log", len(tried), len(secret.Formats()))
	}
}

// What a job holds is bounded, whatever its log does.
func TestMemoryOfAJobIsBounded(t *testing.T) {
	l := &textLog{t: t, ids: map[string]bool{}}
	p, err := NewPlan(engine.NewLayout(), Options{})
	if err != nil {
		t.Fatal(err)
	}
	d := newTextDecoder(p)
	out := &emitter{plan: p, h: l}
	c := context{file: "x", origin: engine.Origin{Partition: -1}}
	long := strings.Repeat("x y ", 5000)
	for i := range 3000 {
		for _, s := range []string{
			"2026-03-02T10:00:00Z stdout P " + long, fmt.Sprintf("2026-03-02T10:00:00Z V%d=%s", i, strings.Repeat("v", 60)),
			"2026-03-02T10:00:00Z " + long + `\`, "2026-03-02T10:00:00Z -----BEGIN PRIVATE KEY-----",
			fmt.Sprintf("2026-03-02T10:00:00Z Downloading https://huggingface.co/a/b/resolve/main/f%d.py", i),
			fmt.Sprintf("2026-03-02T10:00:00Z domain resolved: d%d.example ip address: 203.0.113.%d", i, i%256),
		} {
			c.origin.Line++
			d.line([]byte(s), &c, out)
			j := d.mem.newest
			size := cap(j.part.text) + cap(j.hold.text) + cap(j.env.text) + cap(j.notice.text) + len(j.start.text)
			for _, n := range j.env.names {
				size += len(n) + 16
			}
			for _, s := range j.models.scripts {
				size += len(s.name) + len(s.model) + 32
			}
			for _, n := range j.names {
				size += len(n.name) + 40
			}
			if size > 64<<10+40<<10 { // buffers may grow to twice what they hold
				t.Fatalf("a job holds %d bytes: part %d, hold %d, env %d", size, cap(j.part.text), cap(j.hold.text), cap(j.env.text))
			}
		}
	}
}

func TestJobsAreForgotten(t *testing.T) {
	l := &textLog{t: t, ids: map[string]bool{}}
	p, _ := NewPlan(engine.NewLayout(), Options{})
	d := newTextDecoder(p)
	out := &emitter{plan: p, h: l}
	line := func(key, s string, offset int64) {
		c := context{key: key, origin: engine.Origin{Source: "t", Offset: offset}}
		d.line([]byte(s), &c, out)
	}
	for i := range int64(textJobs + 50) {
		line(fmt.Sprint(100000+i), "2026-03-02T10:00:00.0000000Z Current runner version: '1'", i)
	}
	if n := len(d.mem.jobs); n > textJobs+1 {
		t.Errorf("%d jobs", n)
	}
	if n := l.kinds("job.started"); n < 49 {
		t.Errorf("jobs that had to go told %d of their starts", n)
	}
	line("200000", "2026-03-02T16:00:01.0000000Z x", 1<<30)
	if n := len(d.mem.jobs); n != 1 {
		t.Errorf("%d jobs after 6 h", n)
	}
	if n := l.kinds("job.started"); n != textJobs+50 {
		t.Errorf("%d starts", n)
	}
}

// GitLab without stamps: the marks of sections are the clock, and the escapes
// around them go.
func TestGitLabSectionsAreTheClock(t *testing.T) {
	l := readText(t, "x", "\x1b[0KRunning with gitlab-runner 17.9.0 (abc)\x1b[0;m\n"+
		"\x1b[0Ksection_start:1772446301:prepare_executor[collapsed=true]\r\x1b[0KPreparing\n"+
		"\x1b[0Ksection_end:1772446302:prepare_executor\r\x1b[0K\x1b[0Ksection_start:1772446303:step_script\r\x1b[0Kgo\n"+
		"docker pull example/a\nJob succeeded\n")
	l.has("image.pulled 10:11:43", "ci.step.name=step_script", "ci.provider=gitlab")
	l.has("step.finished 10:11:42", "ci.step.name=prepare_executor", "event.duration=1000000000")
	l.has("job.finished", "event.outcome=success")
}

// A canceled job leaves its groups open; what follows is read all the same.
func TestUnclosedGroup(t *testing.T) {
	l := readText(t, "x", stamped("##[group]Run ./long", "##[error]The operation was canceled.", "PATH=/bin", "HOME=/root", "CI=1", "A=1", "B=1", "Post job cleanup.", "Cleaning up orphan processes"))
	l.has("step.finished", "error.code=canceled", "event.outcome=failure")
	l.has("env.dumped", "ci.env.count=5")
	l.has("job.finished", "event.outcome=failure")
}

func TestEnvironmentDumps(t *testing.T) {
	py := `environ({'PATH': '/bin', 'HOME': '/root', 'CI': 'true', 'GITHUB_TOKEN': '***', 'X': 'a, b'})`
	for _, tt := range []struct {
		name  string
		lines []string
		words string
	}{
		{"plain", []string{"PATH=/bin", "HOME=/root", "CI=1", "T=***", "U=[MASKED]"}, "ci.env.count=5 ci.env.masked=2"},
		{"declare", []string{`declare -x PATH="/bin"`, `declare -x HOME="/r"`, `declare -x A`, `declare -x B="1"`}, ""},
		{"declare whole", []string{`declare -x PATH="/bin"`, `declare -x HOME="/r"`, `declare -x A="***"`, `declare -x B="1"`, `export C="2"`}, "ci.env.count=5 ci.env.masked=1"},
		{"NUL", []string{"PATH=/bin\x00HOME=/r\x00CI=1\x00A=2\x00B=3\x00"}, "ci.env.count=5"},
		{"another process", []string{"+ cat /proc/4711/environ", "PATH=/bin\x00HOME=/r\x00CI=1\x00A=2\x00B=3\x00"}, "ci.env.source=proc_other"},
		{"python", []string{py}, "ci.env.count=5 ci.env.masked=1"},
		{"node", []string{"{", "  PATH: '/bin',", "  HOME: '/r',", "  CI: '1',", "  A: '***',", "  B: 'x'", "}"}, "ci.env.count=5"},
		{"build kit", []string{"#9 0.1 PATH=/bin", "#9 0.1 HOME=/r", "#9 0.1 CI=1", "#9 0.1 A=1", "#9 0.1 B=1"}, "ci.env.count=5"},
		{"four", []string{"PATH=/bin", "HOME=/root", "CI=1", "T=***"}, ""},
		{"unknown names", []string{"a=1", "b=2", "c=3", "d=4", "e=5", "f=6"}, ""},
		{"torn", []string{"PATH=/bin", "HOME=/root", "CI=1", "hello", "T=1", "U=1"}, ""},
		{"a step's own header", []string{"##[group]Run x", "PATH=/bin", "HOME=/root", "CI=1", "A=1", "B=1", "##[endgroup]"}, ""},
	} {
		l := readText(t, "x", stamped(tt.lines...))
		if tt.words == "" {
			if l.kinds("env.dumped") > 0 {
				t.Errorf("%s: %v", tt.name, l.events)
			}
			continue
		}
		l.has(append([]string{"env.dumped"}, strings.Fields(tt.words)...)...)
	}
}

// A line that ends in a backslash, or looks like the head of a key, hides
// nothing that follows it.
func TestHeldLinesHideNothing(t *testing.T) {
	for _, first := range []string{`copied to C:\work\`, "-----BEGIN PRIVATE KEY-----", strings.Repeat("aB3", 25)} {
		l := readText(t, "x", stamped("Current runner version: '1'", "##[group]Run x \\", "\x1b[36;1mx \\\x1b[0m", "\x1b[36;1m  docker pull example/a\x1b[0m", "##[endgroup]",
			first, "* Connected to a.example (203.0.113.1) port 443", "PATH=/bin", "HOME=/r", "CI=1", "A=1", "B=1", first, "Post job cleanup.", first, "Cleaning up orphan processes"))
		for _, kind := range []string{"job.started", "image.pulled", "net.egress", "env.dumped", "job.finished"} {
			if n := l.kinds(kind); n != 1 {
				t.Errorf("%q: %d of %s", first, n, kind)
			}
		}
		if n := l.kinds("step.finished"); n != 3 {
			t.Errorf("%q: %d steps", first, n)
		}
	}
}

// No line can keep the decoder busy for long.
func TestLongLinesCostLittle(t *testing.T) {
	for _, unit := range []string{
		"https://huggingface.co/a/b ", "git clone https://huggingface.co/a/b ", "docker pull a ", "/proc/self/environ ", "a\x00", "A=1\x00", "\r", "x\r",
		"from_pretrained(\"a/b\") ", "hf download a/b ", "-----BEGIN ", "trust_remote_code weights_only ", "'a': 'b', environ({", "python ", "ollama pull hf.co/a/b ",
		"cd /x setup.py ", "ip address:port domain: endpoint called ", "\x1b[0m", "\x1b]", "HF_ENDPOINT=https://m.example ", "pipeline(model=\"", "vllm serve --model ", "FROM from ", "a\\",
	} {
		line := strings.Repeat(unit, (1<<20)/len(unit)-1)
		from := time.Now()
		readText(t, "x", stamped("HF_ENDPOINT: https://a.example", "git clone https://huggingface.co/a/b", line, "python b/setup.py"))
		if d := time.Since(from); d > 5*time.Second {
			t.Errorf("%q repeated takes %v", unit, d)
		}
	}
}

// No line and no label makes a job hold more than its 64 KB for long; what is
// saved of a job tells how much it holds.
func TestNoLineMakesAJobHoldMore(t *testing.T) {
	long := strings.Repeat("aB3", 40<<10)
	words := strings.Repeat("x y ", 30<<10)
	sizes, p := map[string]int{}, restartPlans()[0]
	for _, s := range []string{
		"Current runner version: '%s", "Runner name: '%s'", "Image: %s", "Requested labels: %s", "Job is about to start running on the runner: %s", "Complete job name: %s",
		"Job defined at: a/b/.github/workflows/%s@%[1]s", "Uses: a/%s/.github/workflows/x@y", "Download action repository '%s@v1'", "##[group]Run %s", "##[error]Process completed with exit code %s",
		"on %s %[1]s, x", "Checking out %s as detached HEAD (ref is %[1]s)...", "Checking out 0a as detached HEAD (ref is %s)...", "section_start:1772446301:%s", "Started by user %s", "Running on %s in x", "[Pipeline] { (%s)",
		"%s=%[1]s", "A=%s", "A=b\x00%s=c\x00", "%s\\", "-----BEGIN PRIVATE KEY-----%s", "%s", "aws_access_key_id = AKIAEXAMPLEBUILDKEY1 %s",
		"git clone https://huggingface.co/a/b %s", "git clone https://huggingface.co/a/b c%s", "HF_ENDPOINT=https://%s", "Downloading https://huggingface.co/a/b/resolve/main/%s.py", "hf download a/b %s.sh", "from_pretrained('%s')", "ollama pull %s",
		"files were downloaded from https://huggingface.co/a/b: %s.py", "the files was downloaded from https://huggingface.co/a/b:\n- %s.py", "domain resolved: %s ip address: 203.0.113.1", "Digest: sha256:%s", "Using Docker image %s", "cat /proc/%s/environ",
	} {
		for _, fill := range []string{words, long} {
			if testing.Short() && fill == long {
				continue
			}
			for i, lead := range [][]string{nil, {"Current runner version: '1'"}, {"Running with gitlab-runner 17"}, {"Started by user x", "[Pipeline] x"}} {
				head := []string{"2026-03-02T10:00:00.0000000Z ", "2026-03-02T10:00:00Z stdout P ", "2026-03-02T10:00:00Z 00O "}[i%3]
				lines := append(lead, strings.Split(fmt.Sprintf(s, fill), "\n")...)
				for i := range lines {
					lines[i] = head + lines[i]
				}
				d := p.NewDecoder()
				for _, rec := range kafka("9001", lines...) {
					d.Decode(rec, &nobody{})
				}
				sizes[s] = max(sizes[s], len(d.buildText().mem.newest.bytes()))
			}
		}
	}
	for s, n := range sizes {
		if n > 40<<10 {
			t.Errorf("%q: %d bytes", s, n)
		}
	}
	long = long[:16<<10]
	for label := range labelNames {
		for _, c := range []context{
			{headers: []engine.Header{{Key: label, Value: long}}},
			{key: long},
			{key: "run-7001-attempt-2/" + long + "/9001_" + long + ".txt"},
		} {
			d := newTextDecoder(p)
			d.line([]byte("2026-03-02T10:00:00.0000000Z x"), &c, &emitter{plan: p, h: &nobody{}})
			if n := len(d.mem.newest.bytes()); n > 14<<10 {
				t.Errorf("label %s: %d bytes", label, n)
			}
		}
	}
}
