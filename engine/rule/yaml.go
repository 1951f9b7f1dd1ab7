package rule

import (
	"regexp"
	"strconv"
	"strings"
	"unicode/utf8"

	"go.yaml.in/yaml/v3"
)

func article(kind string) string {
	switch kind {
	case docException:
		return "an exception"
	case docKeys:
		return "an inventory of AI keys"
	}
	return "a " + kind
}

// kindOf says what a document is: by its kind, else by what it holds.
func (w *walker) kindOf(root *yaml.Node) string {
	if root.Kind != yaml.MappingNode {
		w.wrong(root, "id, title, level, when", "a rule must be a mapping, not %s", nodeNoun(root))
		return ""
	}
	doc := node{w, root}
	if k := doc.get("kind"); k.present() {
		if docSpecs[k.str()] == nil {
			w.wrong(k.n, didYouMean(k.str(), []string{docRule, docException, docList, docKeys}), "%q is no kind of document", k.str())
			return ""
		}
		return k.str()
	}
	switch {
	case doc.get("ai_keys").present():
		return docKeys
	case doc.get("entries").present():
		return docList
	}
	return docRule
}

// part is one document of a file and how many lines stand before it.
type part struct {
	text  string
	first int
}

// split cuts a file at its document marks, so that a syntax mistake in one
// document leaves the others readable.
func split(text string) []part {
	var parts []part
	start, startLine, line := 0, 0, 0
	for at := 0; at < len(text); line++ {
		end := strings.IndexByte(text[at:], '\n') + 1 + at
		if end == at {
			end = len(text)
		}
		l := strings.TrimRight(text[at:end], "\r\n")
		mark := strings.HasPrefix(l, "---") && (len(l) == 3 || l[3] == ' ' || l[3] == '\t')
		if mark && at > start {
			parts = append(parts, part{text[start:at], startLine})
			start, startLine = at, line
		}
		if l == "..." || strings.HasPrefix(l, "... ") {
			parts = append(parts, part{text[start:at], startLine})
			start, startLine = end, line+1
		}
		at = end
	}
	return append(parts, part{text[start:], startLine})
}

var yamlAnchor = regexp.MustCompile(`^unknown anchor '([^']*)' referenced$`)

var yamlLine = regexp.MustCompile(`^yaml: (?:line (\d+): )?(.*)$`)

// syntax reports what the YAML parser refused.
func (w *walker) syntax(err error, p part) {
	m := Mistake{File: w.src.name, Message: err.Error()}
	if g := yamlLine.FindStringSubmatch(err.Error()); g != nil {
		m.Message = g[2]
		m.Line, _ = strconv.Atoi(g[1])
	}
	if strings.HasPrefix(m.Message, "did not find expected") && m.Line > 0 {
		m.Line++ // here the parser counts from 0
		if strings.Contains(m.Message, "',' or") {
			m.Hint = "inside { } and [ ] put a text with commas or quotes in quotes"
		}
	}
	switch m.Message {
	case "mapping values are not allowed in this context":
		m.Hint = `check the indent; put a text with ": " in quotes`
	case "found unexpected end of stream":
		m.Hint = "a quote or bracket is not closed"
	}
	if m.Line > 0 {
		m.Line += p.first
	} else {
		m.Line = p.first + 1
	}
	m.Line = min(m.Line, len(w.src.lines))
	for m.Line > p.first+1 && strings.TrimSpace(w.src.line(m.Line)) == "" {
		m.Line--
	}
	// the parser names a line near a tab, not its own
	for n := max(1, m.Line-1); n <= m.Line+1; n++ {
		l := w.src.line(n)
		if i := strings.IndexByte(l, '\t'); i >= 0 && strings.TrimSpace(l[:i]) == "" {
			m.Line, m.Col, m.Message = n, utf8.RuneCountInString(l[:i])+1, "a tab at the beginning of the line"
			m.Hint = "YAML is indented with spaces"
			break
		}
	}
	if g := yamlAnchor.FindStringSubmatch(m.Message); g != nil {
		if i := strings.Index(p.text, "*"+g[1]); i >= 0 {
			before := p.text[:i]
			m.Line = p.first + 1 + strings.Count(before, "\n")
			m.Col = utf8.RuneCountInString(before[strings.LastIndexByte(before, '\n')+1:]) + 1
		}
		m.Hint = "put a text that begins with * in quotes"
	}
	m.Text = w.src.line(m.Line)
	if m.Hint == "" && strings.Contains(w.src.line(m.Line-1)+m.Text, ": {{") {
		m.Hint = "put a text with {{ }} in quotes"
	}
	m.Message = "not YAML: " + m.Message
	w.mistakes = append(w.mistakes, m)
}
