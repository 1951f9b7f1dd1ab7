package decode

import (
	"net/url"
	"strings"
)

// Addresses of the hub in build text, and what may stand in their paths.

// modelsInLine is how many addresses of one line are looked at.
const modelsInLine = 64

// hubAddresses finds addresses of the hub in a line.
func (t *textDecoder) hubAddresses(j *textJob, b []byte, found keyword) {
	if found&kwOllama != 0 && (indexFold(b, "ollama pull ") >= 0 || indexFold(b, "ollama run ") >= 0) {
		return // told by ollama's own reader
	}
	pulls, clone := 0, found&kwClone != 0 // pulls: 0 not looked yet, 1 yes, -1 no
	for i, n := 0, 0; i < len(b) && n < modelsInLine; n++ {
		host, path, next := nextHub(b, i, j.models.mirror)
		if next < 0 {
			return
		}
		i = next
		m, whole := hubPath(path)
		if m == nil {
			continue
		}
		m.host = host
		if clone {
			t.cloned(j, b, m)
			clone = false
		} else if !whole {
			if pulls == 0 {
				if pulls = -1; pulling(b) {
					pulls = 1
				}
			}
			if pulls < 0 {
				continue
			}
		}
		t.model(j, m)
	}
}

// nextHub finds the next host of the hub that a path follows.
func nextHub(b []byte, i int, mirror string) (host, path string, next int) {
	for ; i < len(b); i++ {
		if !hostByte(b[i]) {
			continue
		}
		from := i
		for i < len(b) && hostByte(b[i]) {
			i++
		}
		if i >= len(b) || b[i] != '/' && b[i] != ':' || i-from < 5 {
			continue
		}
		h := strings.ToLower(string(b[from:i]))
		switch {
		case h == "huggingface.co", h == "www.huggingface.co", h == "hf.co", mirror != "" && h == mirror:
		default:
			continue
		}
		p := i
		if b[p] == ':' {
			for p++; p < len(b) && b[p] >= '0' && b[p] <= '9'; p++ { // a port, or the colon of git@host:path
			}
			if p < len(b) && b[p] != '/' {
				p--
			}
		}
		end := p + 1
		for end < len(b) && b[end] > ' ' && !strings.ContainsRune("\"'`<>(),;|\\", rune(b[end])) {
			end++
		}
		if p >= len(b) {
			return "", "", -1
		}
		return h, strings.TrimRight(string(b[min(p+1, end):end]), ".:]}"), end
	}
	return "", "", -1
}

// notModels are first parts of hub paths that are no namespace.
var notModels = map[string]bool{
	"datasets": true, "docs": true, "blog": true, "settings": true, "papers": true, "models": true, "organizations": true, "login": true,
	"join": true, "pricing": true, "learn": true, "api": true, "front": true, "tasks": true, "collections": true, "posts": true, "support": true,
	"terms-of-service": true, "chat": true, "welcome": true, "new": true, "inference": true, "oauth": true, "resources": true, "security": true,
	"enterprise": true, "course": true, "inference-endpoints": true, "search": true, "static": true, "assets": true, "changelog": true, "brand": true,
	"logout": true, "privacy": true, "content-guidelines": true, "notifications": true, "storage": true, "playground": true, "languages": true,
}

// hubPath reads a path of the hub. whole reports that it names a file or an
// interface that serves files, and not just the page of a model. Data sets are
// no models; a space is code and counts.
func hubPath(path string) (m *hubModel, whole bool) {
	path, _, _ = strings.Cut(path, "?")
	path, _, _ = strings.Cut(path, "#")
	if strings.Contains(path, "%") {
		if s, err := url.PathUnescape(path); err == nil {
			path = s
		}
	}
	parts := strings.Split(strings.Trim(path, "/"), "/")
	at := func(i int) string {
		if i < len(parts) {
			return parts[i]
		}
		return ""
	}
	tail := func(i int) string {
		if i < len(parts) {
			return strings.Join(parts[i:], "/")
		}
		return ""
	}
	if at(0) == "api" {
		switch {
		case at(1) == "models" && validModel(at(2), at(3)):
			m = &hubModel{namespace: at(2), name: at(3)}
			if at(4) == "revision" || at(4) == "tree" {
				m.revision = at(5)
			}
			return m, true
		case at(1) == "resolve-cache" && at(2) == "models" && validModel(at(3), at(4)):
			return &hubModel{namespace: at(3), name: at(4), revision: at(5), file: tail(6)}, true
		}
		return nil, false
	}
	if at(0) == "spaces" {
		parts = parts[1:]
	}
	if notModels[at(0)] {
		return nil, false
	}
	if (at(1) == "resolve" || at(1) == "raw") && validName(at(0)) && at(2) != "" { // an old model without a namespace
		return &hubModel{name: at(0), revision: at(2), file: tail(3)}, true
	}
	name := strings.TrimSuffix(at(1), ".git")
	if !validModel(at(0), name) {
		return nil, false
	}
	m = &hubModel{namespace: at(0), name: name}
	switch at(2) {
	case "resolve", "raw":
		m.revision, m.file = at(3), tail(4)
		if m.revision == "refs" && len(parts) > 6 { // refs/pr/1
			m.revision, m.file = tail(3)[:len(at(3))+len(at(4))+len(at(5))+2], tail(6)
		}
		return m, true
	case "info", "git-upload-pack":
		return m, true
	case "":
		// NAME:TAG, and ORG/NAME@REVISION
		if n, rev, ok := strings.Cut(m.name, ":"); ok {
			m.name, m.revision = n, rev
		}
		return m, false
	}
	return nil, false
}

func validModel(namespace, name string) bool {
	n, _, _ := strings.Cut(name, ":")
	return validName(namespace) && validName(n)
}

// validName takes what the hub allows, and any letter beyond ASCII: a
// look-alike may be made of them.
func validName(s string) bool {
	if s == "" || len(s) > 100 || s[0] == '.' || s[0] == '-' {
		return false
	}
	for i := range len(s) {
		if c := s[i]; !nameByte(c) && c != '.' && c != '-' && c < 0x80 {
			return false
		}
	}
	return true
}

// pulling reports words that make the address of a model's page a pull.
func pulling(b []byte) bool {
	for _, w := range [...]string{"download", "clone", "cloning", "pull", "fetch", "get ", "curl", "wget", "snapshot", "install", "add ", "loading", "copy"} {
		if indexFold(b, w) >= 0 {
			return true
		}
	}
	return false
}

// cloned remembers where a model's repository was cloned to.
func (t *textDecoder) cloned(j *textJob, b []byte, m *hubModel) {
	i := indexFold(b, "git clone")
	if i < 0 {
		return
	}
	cmd := b[i:commandEnd(b, i)]
	m.revision = flagValue(cmd, "--branch", "-b", "--revision")
	dir := m.name
	for k, seen := 0, false; k < len(cmd); {
		var w string
		if w, k = word(cmd, k); strings.Contains(w, m.name) && (strings.Contains(w, "/") || strings.Contains(w, ":")) {
			seen = true
		} else if seen && w != "" && w[0] != '-' {
			dir = strings.TrimPrefix(strings.TrimSuffix(w, "/"), "./")
			break
		}
	}
	if len(dir) >= textNameLimit {
		dir = "" // no later line is compared with it
	}
	j.models.cloned, j.models.dir, j.models.inside = m.ref(), strings.Clone(dir), false
}
