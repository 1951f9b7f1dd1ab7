package story

import (
	"encoding/base64"
	"fmt"
	"strconv"
)

// What the steps of ordinary jobs print.

var packages = []string{"numpy-2.2.3", "requests-2.32.3", "urllib3-2.3.0", "certifi-2025.1.31", "idna-3.10", "charset_normalizer-3.4.1",
	"pydantic-2.10.6", "pydantic_core-2.27.2", "typing_extensions-4.12.2", "httpx-0.28.1", "anyio-4.8.0", "torch-2.6.0", "filelock-3.17.0",
	"tqdm-4.67.1", "pyyaml-6.0.2", "pytest-8.3.4", "pluggy-1.5.0", "iniconfig-2.0.0", "safetensors-0.5.3", "tokenizers-0.21.0"}

// install is quiet: packages from the official index.
func (l *logText) install() {
	l.run("pip install -r requirements.txt")
	l.line("Looking in indexes: https://pypi.org/simple")
	for _, p := range packages {
		l.wait(20, 160)
		l.line("Collecting ", p)
		l.line("  Downloading https://files.pythonhosted.org/packages/", l.hex(2), "/", l.hex(2), "/", l.hex(60), "/", p, "-py3-none-any.whl (", strconv.Itoa(l.between(9, 900)), " kB)")
		l.line("\x1b[2K     \x1b[38;2;114;156;31m━━━━━━━━━━━━━━━━━━━━\x1b[0m \x1b[32m", strconv.Itoa(l.between(9, 900)), "/900 kB\x1b[0m \x1b[31m12.1 MB/s\x1b[0m eta \x1b[36m0:00:00\x1b[0m")
	}
	l.line("Installing collected packages: numpy, requests, urllib3, pydantic, httpx, torch, pytest")
	l.wait(900, 4000)
	l.line("Successfully installed numpy-2.2.3 requests-2.32.3 urllib3-2.3.0 pydantic-2.10.6 httpx-0.28.1 torch-2.6.0 pytest-8.3.4")
}

func (l *logText) tests() {
	l.uses(actPython, "python-version: 3.12", "check-latest: false", "token: ***")
	l.line("Installed versions")
	l.line("Successfully set up CPython (3.12.9)")
	l.uses(actCache, "path: ~/.cache/pip", "key: pip-Linux-"+l.hex(64))
	l.line("Cache restored from key: pip-Linux-", l.hex(64))
	l.install()
	l.run("pytest -q", "LLM_CONFIG: ***", "PYTHONUNBUFFERED: 1")
	n := l.between(24, 60)
	for i := range n {
		l.wait(20, 400)
		l.line("tests/test_", pick(l.dice, []string{"loader", "client", "batch", "tokenizer", "retry", "keys"}), ".py::test_", strconv.Itoa(i), " \x1b[32mPASSED\x1b[0m [", strconv.Itoa(i*100/n), "%]")
	}
	l.fixtures()
	l.line("\x1b[32m", strconv.Itoa(n), " passed\x1b[0m in ", strconv.Itoa(l.between(8, 90)), ".21s")
}

// fixtures are quiet: what looks like secrets and is none. Samples from vendors'
// documentation, placeholders, masked values, digests, ids, pictures.
func (l *logText) fixtures() {
	sample := "AKIA" + "IOSFODNN7" + "EXAMPLE"
	lines := []string{
		"using fixture credentials aws_access_key_id=" + sample + " aws_secret_access_key=wJalrXUtnFEMI/K7MDENG/bPxRfiCY" + "EXAMPLEKEY",
		"config: OPENAI_API_KEY=sk-xxxxxxxxxxxxxxxxxxxxxxxx",
		"hint: export ANTHROPIC_API_KEY=<your key>",
		"request headers {'authorization': 'Bearer ***', 'x-request-id': '" + l.uuid() + "'}",
		"checksum sha256:" + l.hex(64),
		"integrity sha512-" + base64.StdEncoding.EncodeToString([]byte(l.hex(64))),
		"snapshot data:image/png;base64,iVBORw0KGgo" + "AAAANSUhEUgAAAAEAAAABCAYAAAAfFcSJAAAADUlEQVR42mNk+M9QDwADhgGAWjR9awAAAABJRU5ErkJggg==",
		"cache key pip-Linux-" + l.hex(64) + " session " + l.uuid(),
		"token: ghp_xxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxx (replaced in fixtures)",
	}
	for range 3 {
		l.line(pick(l.dice, lines))
	}
}

func (l *logText) evals() {
	l.uses(actPython, "python-version: 3.12", "token: ***")
	l.install()
	l.run("python -m evals.run --suite smoke", "LLM_CONFIG: ***", "LLM_BASE_URL: https://llm.example.org/v1")
	for i := range 20 {
		l.wait(200, 1500)
		l.line("case ", strconv.Itoa(i), ": score 0.", strconv.Itoa(l.between(70, 99)), " tokens ", strconv.Itoa(l.between(300, 1500)))
	}
}

// assume prints what the AWS action does and brings the clock to the moment when
// the key was issued.
func (l *logText) assume() {
	j := l.j
	l.until(j.issued - 2*second)
	l.uses(actAWS, "role-to-assume: arn:aws:iam::"+prodAccount+":role/"+j.role, "aws-region: "+region, "audience: sts.amazonaws.com")
	l.line("Assuming role with OIDC")
	l.until(j.issued + 300_000_000)
	l.line("Authenticated as assumedRoleId ", roleID(j.role), ":GitHubActions")
}

// train is quiet: official models at pinned commits, our own model, and once in
// a while a branch, which is noted and no more.
func (l *logText) train() {
	l.assume()
	base := llama
	if l.chance(0.4) {
		base = mistral
	}
	l.run("hf download "+base.ref+" --revision "+base.commit, "HF_TOKEN: ***")
	l.line("Fetching 12 files:   0%|          | 0/12 [00:00<?, ?it/s]\rFetching 12 files: 100%|##########| 12/12 [00:21<00:00,  1.80s/it]")
	for i := 1; i <= 4; i++ {
		l.wait(500, 3000)
		l.line("Downloading https://huggingface.co/", base.ref, "/resolve/", base.commit, "/model-0000", strconv.Itoa(i), "-of-00004.safetensors")
	}
	rev := minilm.commit
	if l.chance(0.3) {
		rev = "main"
	}
	l.run("python tools/fetch_model.py --model " + minilm.ref + " --revision " + rev)
	l.line("Downloading https://huggingface.co/", minilm.ref, "/resolve/", rev, "/model.safetensors")
	l.line("Downloading https://huggingface.co/", ownLM.ref, "/resolve/", ownLM.commit, "/model.safetensors")
	l.run("python train.py --epochs 1")
	for i := range 40 {
		l.wait(400, 1800)
		l.line("step ", strconv.Itoa(i*50), " loss ", fmt.Sprintf("%.4f", 2.4-float64(i)*0.03), " lr 2.0e-05")
	}
	l.run("aws s3 sync out/ s3://example-models/support-ranker/")
	for i := range 6 {
		l.wait(100, 500)
		l.line("upload: out/part-", strconv.Itoa(i), ".safetensors to s3://example-models/support-ranker/part-", strconv.Itoa(i), ".safetensors")
	}
}

func (l *logText) terraform() {
	l.assume()
	l.run("terraform plan -input=false -no-color")
	l.line("Initializing the backend...")
	for i := range 40 {
		l.wait(100, 700)
		l.line("aws_", pick(l.dice, []string{"iam_role.ci", "s3_bucket.models", "security_group.runner", "subnet.private", "vpc.main", "eks_cluster.builds"}), "[", strconv.Itoa(i), "]: Refreshing state... [id=", l.hex(12), "]")
	}
	l.line("No changes. Your infrastructure matches the configuration.")
}

func (l *logText) deploy() {
	l.assume()
	l.uses(actBuildx, "install: true", "driver: docker-container")
	l.run("docker buildx build --push -t " + hostECR.name + "/api:" + l.j.sha[:12] + " .")
	l.line("#1 [internal] load build definition from Dockerfile")
	l.line("#2 [internal] load metadata for docker.io/library/python:3.12-slim")
	digest := l.hex(64)
	l.line("#3 [1/6] FROM docker.io/library/python:3.12-slim@sha256:", digest)
	l.line("#3 resolve docker.io/library/python:3.12-slim@sha256:", digest, " done")
	for i := 2; i <= 6; i++ {
		l.wait(400, 2500)
		l.line("#", strconv.Itoa(i+3), " [", strconv.Itoa(i), "/6] RUN pip install --no-cache-dir -r requirements.txt")
		for k := range 8 {
			l.line("#", strconv.Itoa(i+3), " ", strconv.Itoa(k), ".", strconv.Itoa(l.between(100, 999)), " Collecting ", pick(l.dice, packages))
		}
	}
	l.line("#12 pushing layers 4.2s done")
	l.line("#12 DONE 6.1s")
	l.run("docker pull ghcr.io/example-org/smoke@sha256:" + digest)
	l.line("Digest: sha256:", digest)
	l.line("Status: Downloaded newer image for ghcr.io/example-org/smoke@sha256:", digest)
}

func (l *logText) pages() {
	l.uses(actPython, "python-version: 3.12", "token: ***")
	l.install()
	l.run("mkdocs build --strict")
	for i := range 40 {
		l.wait(10, 120)
		l.line("INFO    -  Building page ", strconv.Itoa(i), ": guide/", pick(l.dice, []string{"keys", "models", "budgets", "runners"}), "-", strconv.Itoa(i), ".md")
		if i%13 == 0 {
			l.fixtures()
		}
	}
}

func (l *logText) node() {
	l.uses(actNode, "node-version: 22", "token: ***")
	l.run("npm ci")
	for i := range 10 {
		l.wait(50, 400)
		l.line("npm http fetch GET 200 https://registry.npmjs.org/package-", strconv.Itoa(i), "/-/package-", strconv.Itoa(i), "-1.", strconv.Itoa(i), ".0.tgz ", strconv.Itoa(l.between(20, 400)), "ms (cache miss)")
	}
	l.line("added 412 packages, and audited 413 packages in 9s")
	l.line("found 0 vulnerabilities")
	l.run("npm run build")
	for i := range 24 {
		l.wait(30, 300)
		l.line("dist/assets/chunk-", l.text(alphaNum, 8), ".js   ", strconv.Itoa(10+i), ".4 kB │ gzip: 3.", strconv.Itoa(i), " kB")
	}
	l.line("!function(e,t){\"object\"==typeof exports?module.exports=t():e.x=t()}(this,(function(){var n={", l.text(alphaNum, 60), "};return n}));")
}

// environ is quiet, or low at most: the job fails and prints its environment,
// and every value is masked.
func (l *logText) environ() {
	l.install()
	l.run("./publish.sh || (env | sed 's/=.*/=***/'; exit 1)")
	l.wait(300, 900)
	l.line("publish: upload refused, 403")
	for _, name := range environment {
		l.line(name, "=***")
	}
}

// environment names the variables that a job of ours has.
var environment = []string{"AWS_ACCESS_KEY_ID", "AWS_SECRET_ACCESS_KEY", "AWS_SESSION_TOKEN", "AWS_REGION", "CI", "GITHUB_ACTIONS", "GITHUB_ACTOR",
	"GITHUB_JOB", "GITHUB_REF", "GITHUB_REPOSITORY", "GITHUB_RUN_ID", "GITHUB_SHA", "GITHUB_TOKEN", "HF_TOKEN", "HOME", "LANG", "PATH",
	"PYTHONUNBUFFERED", "RUNNER_NAME", "RUNNER_OS", "RUNNER_TEMP", "SHELL", "USER"}
