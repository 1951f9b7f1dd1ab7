package decode

import (
	"strings"

	"github.com/seed-843b225c/reflex/engine"
)

// agent is what a user agent says about the program and the machine, in the
// words of the uap patterns that Elastic uses. What is not listed here is not
// guessed.
type agent struct {
	name, version     string
	system, systemVer string
	device            string
}

// tools are programs that name themselves NAME/VERSION anywhere in the agent.
var tools = []string{"aws-cli", "Boto3", "Boto", "aws-sdk-cpp", "aws-sdk-go-v2", "aws-sdk-go", "aws-sdk-java", "aws-sdk-nodejs", "aws-sdk-ruby2", "aws-sdk-ruby",
	"aws-sdk-dotnet-core", "aws-sdk-dotnet-45", "aws-sdk-dotnet-35", "Go-http-client"}

// browsers, those that also carry the names of others first.
var browsers = []struct{ token, name string }{
	{"Edg/", "Edge"}, {"OPR/", "Opera"}, {"Firefox/", "Firefox"}, {"Chrome/", "Chrome"},
}

// parseAgent reads a user agent; parts alias it.
func parseAgent(s string) (a agent) {
	if !strings.HasPrefix(s, "Mozilla/") {
		first := len(s)
		for _, tool := range tools {
			i := strings.Index(s, tool)
			if end := i + len(tool); i >= 0 && i < first && end+1 < len(s) && s[end] == '/' && digit(s[end+1]) {
				first, a.name, a.version = i, tool, release(s[end+1:])
			}
		}
		for _, sep := range [...]string{"Linux/", "Linux "} {
			if i := strings.Index(s, sep); i >= 0 && a.name != "" {
				if v := release(s[i+len(sep):]); strings.Contains(v, ".") {
					a.system, a.systemVer = "Linux", v
					break
				}
			}
		}
		return a
	}
	for _, b := range browsers {
		if i := strings.Index(s, b.token); i >= 0 {
			a.name, a.version = b.name, release(s[i+len(b.token):])
			break
		}
	}
	if i := strings.Index(s, "Version/"); a.name == "" && i >= 0 && strings.Contains(s, "Safari/") && strings.Contains(s, "Macintosh") {
		a.name, a.version = "Safari", release(s[i+len("Version/"):])
	}
	if a.name == "" {
		return agent{}
	}
	switch {
	case strings.Contains(s, "Mobile") || strings.Contains(s, "Android"): // phones have too many names
	case strings.Contains(s, "Windows NT 10.0"):
		a.system, a.systemVer, a.device = "Windows", "10", "Other"
	case strings.Contains(s, "Mac OS X "):
		_, v, _ := strings.Cut(s, "Mac OS X ")
		a.system, a.device = "Mac OS X", "Mac"
		if end := strings.IndexFunc(v, func(r rune) bool { return r != '_' && r != '.' && (r < '0' || r > '9') }); end >= 0 {
			a.systemVer = strings.ReplaceAll(v[:end], "_", ".")
		}
	case strings.Contains(s, "X11; Linux"):
		a.system, a.device = "Linux", "Other"
	}
	return a
}

// release gives the leading digits and dots, at most four numbers.
func release(s string) string {
	dots := 0
	for i := range len(s) {
		switch {
		case digit(s[i]):
			continue
		case s[i] == '.' && i > 0 && s[i-1] != '.' && dots < 3 && i+1 < len(s) && digit(s[i+1]):
			dots++
			continue
		}
		return s[:i]
	}
	return s
}

func digit(c byte) bool { return c >= '0' && c <= '9' }

// agentPart makes a row's value of a part of the user agent at its first path,
// which is parsed once a record.
func agentPart(part func(agent) string) func(*reading) engine.Value {
	return func(r *reading) engine.Value {
		if s := r.str(0); s != r.agentOf {
			r.agentOf, r.agent = s, parseAgent(s)
		}
		return text(part(r.agent))
	}
}

// agentRows are the fields that a user agent fills, from the given path.
func agentRows(from string) []row {
	return []row{
		{field: "user_agent.original", from: from},
		{field: "user_agent.name", from: from, value: agentPart(func(a agent) string { return a.name })},
		{field: "user_agent.version", from: from, value: agentPart(func(a agent) string { return a.version })},
		{field: "user_agent.device.name", from: from, value: agentPart(func(a agent) string { return a.device })},
		{field: "user_agent.os.name", from: from, value: agentPart(func(a agent) string { return a.system })},
		{field: "user_agent.os.version", from: from, value: agentPart(func(a agent) string { return a.systemVer })},
		{field: "user_agent.os.full", from: from, value: agentPart(func(a agent) string {
			if a.systemVer == "" {
				return ""
			}
			return a.system + " " + a.systemVer
		})},
	}
}
