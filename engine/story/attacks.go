package story

import "strconv"

// What the builds of the two stories print.

// writeLeak: the configuration is one masked secret, but a debug line shows a
// field of it, and masking knows the whole only.
func (s *Story) writeLeak(l *logText) {
	l.uses(actPython, "python-version: 3.12", "check-latest: false", "token: ***")
	l.line("Successfully set up CPython (3.12.9)")
	l.run("python -m evals.smoke --debug", "LLM_CONFIG: ***", "LLM_BASE_URL: https://llm.example.org/v1", "PYTHONUNBUFFERED: 1")
	l.line("DEBUG loading config from LLM_CONFIG (ok)")
	l.line("DEBUG connect llm.example.org:443 tls ok")
	l.until(s.leak.printed)
	l.line("DEBUG request headers {'accept': 'application/json', 'authorization': 'Bearer ", s.leak.key.value, "', 'user-agent': 'python-httpx/0.28.1'}")
	l.wait(300, 900)
	l.line("Traceback (most recent call last):")
	l.line("  File \"/home/runner/work/ml-app/ml-app/evals/smoke.py\", line 41, in <module>")
	l.line("    main()")
	l.line("httpx.HTTPStatusError: Client error '429 Too Many Requests' for url 'https://llm.example.org/v1/chat/completions'")
	l.wait(100, 400)
}

// writeTheft: the model comes from a namespace that only looks right, and its
// setup script runs.
func (s *Story) writeTheft(l *logText) {
	t := s.theft
	l.assume()
	l.run("python tools/fetch_model.py --model "+fake.ref, "HF_TOKEN: ***")
	l.until(t.pulled)
	l.line("Downloading https://huggingface.co/", fake.ref, "/resolve/main/config.json")
	l.line("Downloading https://huggingface.co/", fake.ref, "/resolve/main/setup.py")
	l.line("New files were downloaded from https://huggingface.co/", fake.ref, ":")
	l.line("- setup.py")
	l.line("Read them, and pin a revision so that no new code is fetched.")
	l.run("python setup.py install")
	l.until(t.dumped)
	l.line("running install: probing the environment from /proc/self/environ")
	for _, name := range environment {
		l.line(name, "=", s.environmentValue(l.j, name))
	}
	l.until(t.sent + second)
	l.line("Finished processing dependencies for llama-loader==1.0.2")
	l.run("python train.py --epochs 1")
	for i := range 40 {
		l.wait(900, 3800)
		l.line("step ", strconv.Itoa(i*50), " loss 2.", strconv.Itoa(1000+l.between(0, 8999)), " lr 2.0e-05")
	}
}

// environmentValue is what the CI provider lets a log show: what is registered
// as a secret is masked.
func (s *Story) environmentValue(j *job, name string) string {
	switch name {
	case "AWS_REGION":
		return region
	case "CI", "GITHUB_ACTIONS":
		return "true"
	case "GITHUB_ACTOR":
		return j.actor
	case "GITHUB_JOB":
		return "train"
	case "GITHUB_REF":
		return j.ref()
	case "GITHUB_REPOSITORY":
		return j.repo.name
	case "GITHUB_RUN_ID":
		return strconv.FormatInt(j.run, 10)
	case "GITHUB_SHA":
		return j.sha
	case "HOME":
		return "/home/runner"
	case "LANG":
		return "C.UTF-8"
	case "PATH":
		return "/usr/local/bin:/usr/bin:/bin"
	case "PYTHONUNBUFFERED":
		return "1"
	case "RUNNER_NAME":
		return j.runner
	case "RUNNER_OS":
		return "Linux"
	case "RUNNER_TEMP":
		return "/home/runner/work/_temp"
	case "SHELL":
		return "/bin/bash"
	case "USER":
		return "runner"
	}
	return "***"
}
