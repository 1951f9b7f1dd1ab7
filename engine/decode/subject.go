package decode

import "strings"

// subject is what the subject of a CI job's OIDC token says about the job.
// Organisations can customise subjects, so every part may be missing.
type subject struct {
	provider    string // github, gitlab, kubernetes
	repo        string // owner/name
	ref         string // branch or tag without refs/heads/ or refs/tags/
	environment string
	event       string // pull_request
	workflow    string // path of the workflow file
	namespace   string // of a Kubernetes service account
	account     string // service account
}

// parseSubject reads
//
//	repo:ORG/REPO:ref:refs/heads/BRANCH, ...:ref:refs/tags/TAG,
//	repo:ORG/REPO:environment:NAME, repo:ORG/REPO:pull_request (GitHub),
//	project_path:GROUP/PROJECT:ref_type:branch:ref:BRANCH (GitLab),
//	system:serviceaccount:NAMESPACE:NAME (IRSA).
func parseSubject(s string) (out subject) {
	switch {
	case strings.HasPrefix(s, "system:serviceaccount:"):
		out.provider = "kubernetes"
		out.namespace, out.account, _ = strings.Cut(s[len("system:serviceaccount:"):], ":")
		return out
	case strings.Contains(s, "project_path:"):
		out.provider = "gitlab"
		out.repo = claim(s, "project_path:")
		out.ref = claim(s, "ref:")
		out.environment = claim(s, "environment:")
		return out
	case !strings.Contains(s, "repo:") && !strings.Contains(s, "repository:") && !strings.Contains(s, "job_workflow_ref:"):
		return out
	}
	out.provider = "github"
	if out.repo = claim(s, "repo:"); out.repo == "" {
		out.repo = claim(s, "repository:")
	}
	out.repo = withoutIDs(out.repo)
	ref := claim(s, "ref:")
	ref = strings.TrimPrefix(strings.TrimPrefix(ref, "refs/heads/"), "refs/tags/")
	out.ref = ref
	out.environment = claim(s, "environment:")
	if strings.HasSuffix(s, ":pull_request") || strings.Contains(s, ":pull_request:") {
		out.event = "pull_request"
	}
	// job_workflow_ref:ORG/REPO/.github/workflows/x.yml@refs/heads/main
	if w := claim(s, "job_workflow_ref:"); w != "" {
		w, _, _ = strings.Cut(w, "@")
		if at := strings.Index(w, "/.github/"); at > 0 {
			out.workflow = w[at+1:]
			if out.repo == "" {
				out.repo = w[:at]
			}
		}
	}
	return out
}

// claim gives what follows a name up to the next colon. The name must stand at
// the start or behind a colon.
func claim(s, name string) string {
	for from := 0; ; {
		i := strings.Index(s[from:], name)
		if i < 0 {
			return ""
		}
		i += from
		if i == 0 || s[i-1] == ':' {
			v, _, _ := strings.Cut(s[i+len(name):], ":")
			return v
		}
		from = i + 1
	}
}

// withoutIDs takes the numeric ids off a repository written as ORG@1/REPO@2.
func withoutIDs(repo string) string {
	if !strings.Contains(repo, "@") {
		return repo
	}
	owner, name, _ := strings.Cut(repo, "/")
	owner, _, _ = strings.Cut(owner, "@")
	name, _, _ = strings.Cut(name, "@")
	return owner + "/" + name
}

// sessionRun finds the run that a role session name carries. Names that do are
// a word for the CI (gha, gh, github, githubactions, github-actions, actions,
// ci, run), a separator and the run id, with the attempt behind another
// separator if at all: gha-7001, GitHubActions-7001-2, github_run_7001.
// Anything may stand before the word when a separator follows it.
func sessionRun(name string) (run, attempt string, ok bool) {
	// from the right: digits, perhaps separator and digits before
	head, last := trailingDigits(name)
	if last == "" || len(last) > 20 || head == "" || !separator(head[len(head)-1]) {
		return "", "", false
	}
	word, before := trailingDigits(head[:len(head)-1])
	switch {
	case before == "":
		run, word = last, head[:len(head)-1]
	case len(last) > 3 || len(before) > 20 || word == "" || !separator(word[len(word)-1]):
		return "", "", false
	default:
		run, attempt, word = before, last, word[:len(word)-1]
	}
	return run, attempt, ciWord(word) && run[0] != '0'
}

func trailingDigits(s string) (head, digits string) {
	i := len(s)
	for i > 0 && s[i-1] >= '0' && s[i-1] <= '9' {
		i--
	}
	return s[:i], s[i:]
}

func separator(b byte) bool { return strings.IndexByte("-_.@=,+", b) >= 0 }

// ciWord reports whether a name ends in a word for the CI.
func ciWord(s string) bool {
	for _, w := range [...]string{"gha", "gh", "github", "actions", "githubactions", "run", "runid", "ci", "workflow"} {
		if n := len(s) - len(w); n >= 0 && strings.EqualFold(s[n:], w) && (n == 0 || separator(s[n-1])) {
			return true
		}
	}
	return false
}
