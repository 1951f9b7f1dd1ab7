package story

import (
	"strconv"
	"time"
)

// logText is the log of one job as the CI provider gives it: every line with a
// stamp of seven digits.
type logText struct {
	dice
	j     *job
	b     []byte
	at    int64   // time of the next line
	lines []int64 // time of each line
	ends  []int   // where each line ends in b, its newline included
}

// line writes one line; the clock moves on by some microseconds.
func (l *logText) line(parts ...string) {
	const layout = "2006-01-02T15:04:05.0000000"
	l.b = time.Unix(0, l.at+l.j.skew).UTC().AppendFormat(l.b, layout)
	l.b = append(l.b, "Z "...)
	for _, p := range parts {
		l.b = append(l.b, p...)
	}
	l.b = append(l.b, '\n')
	l.lines = append(l.lines, l.at+l.j.skew)
	l.ends = append(l.ends, len(l.b))
	l.at += int64(100 * l.between(3, 4000))
}

// wait lets time pass between lines.
func (l *logText) wait(lo, hi int) { l.at += int64(l.between(lo, hi)) * 1_000_000 }

// until lets time pass up to an instant.
func (l *logText) until(at int64) { l.at = max(l.at, at) }

func (l *logText) group(name string, lines ...string) {
	l.line("##[group]", name)
	for _, s := range lines {
		l.line(s)
	}
	l.line("##[endgroup]")
}

// run opens a step that runs a script.
func (l *logText) run(cmd string, env ...string) {
	l.wait(20, 300)
	l.line("##[group]Run ", cmd)
	l.line("\x1b[36;1m", cmd, "\x1b[0m")
	l.line("shell: /usr/bin/bash -e {0}")
	if len(env) > 0 {
		l.line("env:")
		for _, e := range env {
			l.line("  ", e)
		}
	}
	l.line("##[endgroup]")
}

// uses opens a step that runs an action.
func (l *logText) uses(a action, with ...string) {
	l.wait(20, 300)
	l.line("##[group]Run ", a.name, "@", a.ref)
	l.line("with:")
	for _, w := range with {
		l.line("  ", w)
	}
	l.line("##[endgroup]")
}

// write makes the log of a job. The two stories need what happened when.
func (s *Story) write(j *job) *logText {
	l := &logText{dice: newDice(s.seed, "log"+strconv.FormatInt(j.id, 10)), j: j, at: j.start}
	l.b = append(l.b, "\ufeff"...)
	acts := actionsOf[j.kind]
	l.setUp(acts)
	l.checkout()
	switch j.kind {
	case kindTest:
		l.tests()
	case kindEval:
		l.evals()
	case kindTrain:
		l.train()
	case kindPlan:
		l.terraform()
	case kindDeploy:
		l.deploy()
	case kindPages:
		l.pages()
	case kindNode:
		l.node()
	case kindEnviron:
		l.environ()
	case kindLeak:
		s.writeLeak(l)
	case kindTheft:
		s.writeTheft(l)
	}
	l.tearDown()
	return l
}

var actionsOf = map[kind][]action{
	kindTest: {actHarden, actCheckout, actPython, actCache}, kindEval: {actCheckout, actPython}, kindTrain: {actCheckout, actAWS},
	kindPlan: {actCheckout, actAWS}, kindDeploy: {actHarden, actCheckout, actAWS, actBuildx}, kindPages: {actCheckout, actPython},
	kindNode: {actCheckout, actNode, actCache}, kindEnviron: {actCheckout, actPython}, kindLeak: {actHarden, actCheckout, actPython, actCache},
	kindTheft: {actCheckout, actAWS},
}

func (l *logText) setUp(acts []action) {
	j := l.j
	l.line("Current runner version: '2.331.0'")
	if j.hosted {
		l.group("Operating System", "Ubuntu", "24.04.2", "LTS")
		l.group("Runner Image", "Image: ubuntu-24.04", "Version: 20260223.1.0", "Included Software: https://github.com/actions/runner-images/blob/ubuntu24/20260223.1/images/ubuntu/Ubuntu2404-Readme.md")
	} else {
		l.line("Runner name: '", j.runner, "'")
		l.line("Runner group name: 'ml-build'")
		l.line("Machine name: '", j.runner, "'")
	}
	l.group("GITHUB_TOKEN Permissions", "Contents: read", "Metadata: read", "IdToken: write")
	if j.actor == "dependabot[bot]" {
		l.line("Secret source: Dependabot")
	} else {
		l.line("Secret source: Actions")
	}
	l.line("Prepare workflow directory")
	l.line("Prepare all required actions")
	l.line("Getting action download info")
	for _, a := range acts {
		l.wait(40, 200)
		l.line("Download action repository '", a.name, "@", a.ref, "' (SHA:", a.sha, ")")
	}
	l.line("Complete job name: ", j.name)
	if !j.hosted {
		l.line("Requested labels: self-hosted, linux, ml-build")
		l.line("Job defined at: ", j.repo.name, "/.github/workflows/", j.file, "@", j.ref())
		l.line("Waiting for a runner to pick up this job...")
	} else {
		l.line("Requested labels: ubuntu-24.04")
		l.line("Job defined at: ", j.repo.name, "/.github/workflows/", j.file, "@", j.ref())
		l.line("Job is about to start running on the hosted runner: ", j.runner)
	}
	for _, a := range acts {
		if a == actHarden {
			// quiet: an agent that only watches.
			l.uses(actHarden, "egress-policy: audit", "disable-sudo: false")
			l.line("[harden-runner] agent is running in audit mode")
		}
	}
}

func (l *logText) checkout() {
	j := l.j
	l.uses(actCheckout, "repository: "+j.repo.name, "token: ***", "fetch-depth: 1", "persist-credentials: true")
	l.line("Syncing repository: ", j.repo.name)
	l.group("Getting Git version info", "Working directory is '/home/runner/work/app/app'", "[command]/usr/bin/git version", "git version 2.48.1")
	l.line("##[group]Initializing the repository")
	l.line("[command]/usr/bin/git init /home/runner/work/app/app")
	l.line("Initialized empty Git repository in /home/runner/work/app/app/.git/")
	l.line("[command]/usr/bin/git remote add origin https://github.com/", j.repo.name)
	l.line("##[endgroup]")
	l.line("##[group]Fetching the repository")
	l.line("[command]/usr/bin/git -c protocol.version=2 fetch --no-tags --prune --no-recurse-submodules --depth=1 origin +", j.sha, ":refs/remotes/origin/", j.branch)
	l.wait(300, 900)
	for i := 1; i <= 4; i++ {
		l.line("remote: Counting objects: ", strconv.Itoa(i*25), "% (", strconv.Itoa(i*61), "/244)\rremote: Counting objects: ", strconv.Itoa(i*25), "% (", strconv.Itoa(i*61), "/244)")
	}
	l.line("From https://github.com/", j.repo.name)
	l.line(" * [new ref]         ", j.sha, " -> origin/", j.branch)
	l.line("##[endgroup]")
	l.line("[command]/usr/bin/git log -1 --format=%H")
	l.line(j.sha)
}

func (l *logText) tearDown() {
	j := l.j
	if j.kind != kindLeak {
		l.until(j.end - 2*second)
	}
	if j.failed {
		l.line("##[error]Process completed with exit code 1.")
	}
	l.wait(200, 600)
	l.line("Post job cleanup.")
	l.line("[command]/usr/bin/git version")
	l.line("git version 2.48.1")
	l.line("Temporarily overriding HOME='/home/runner/work/_temp/", l.uuid(), "' before making global git config changes")
	l.line("[command]/usr/bin/git config --local --name-only --get-regexp http\\.https\\:\\/\\/github\\.com\\/\\.extraheader")
	l.wait(100, 300)
	l.line("Cleaning up orphan processes")
}
