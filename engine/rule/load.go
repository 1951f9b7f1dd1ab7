package rule

import (
	"crypto/sha256"
	"encoding/hex"
	"fmt"
	"hash"
	"io/fs"
	"os"
	"path"
	"regexp"
	"slices"
	"strconv"
	"strings"
	"unicode/utf8"

	"go.yaml.in/yaml/v3"

	"github.com/seed-843b225c/reflex/engine"
)

// maxFile bounds a rule file; lists may be larger than rules.
const maxFile = 32 << 20

// Disk is the file system with paths as the operating system writes them, so
// that mistakes name files the way the user did.
var Disk fs.FS = disk{}

type disk struct{}

func (disk) Open(name string) (fs.File, error) { return os.Open(name) }

// Load reads rules and exceptions from files and folders (*.yml and *.yaml,
// folders with all they hold, hidden names aside); no paths means all of files.
// Documents that are lists or inventories are skipped: LoadLists reads those.
//
// The Pack holds what could be read, good and broken, and remembers the
// mistakes: Compile reports them again together with its own, so a caller that
// compiles needs to show only Compile's.
func Load(files fs.FS, paths ...string) (*Pack, Mistakes) {
	l := &loader{files: files}
	p := &Pack{}
	l.each(paths, func(d document) {
		switch d.kind {
		case docRule:
			p.Rules = append(p.Rules, readRule(d))
		case docException:
			p.Exceptions = append(p.Exceptions, readException(d))
		}
	}, docRule, docException)
	if len(p.Rules) == 0 && len(l.mistakes) == 0 {
		l.mistakes = append(l.mistakes, Mistake{File: strings.Join(paths, ", "), Message: "no rule was found", Warning: true})
	}
	l.twice(p)
	slices.SortStableFunc(p.Rules, func(a, b *Rule) int { return strings.Compare(a.ID, b.ID) })
	p.mistakes = l.mistakes.sorted()
	return p, p.mistakes
}

// LoadLists reads lists and inventories of AI keys the way Load reads rules.
func LoadLists(files fs.FS, paths ...string) ([]engine.ListDef, []engine.AIKey, Mistakes) {
	l := &loader{files: files}
	r := &listReader{names: map[string]Text{}, ids: map[string]Text{}}
	l.each(paths, func(d document) {
		switch d.kind {
		case docList:
			r.list(d)
		case docKeys:
			r.inventory(d)
		}
	}, docList, docKeys)
	return r.lists, r.keys, l.mistakes.sorted()
}

// twice reports ids that stand in two documents, and keeps the first.
func (l *loader) twice(p *Pack) {
	rules, exceptions := map[string]Position{}, map[string]Position{}
	check := func(seen map[string]Position, what, id string, pos Position) bool {
		if id == "" {
			return false
		}
		if first, ok := seen[id]; ok {
			l.mistakes = append(l.mistakes, pos.Mistake(0, "", "%s %s stands twice, first in %s:%d", what, id, first.File(), first.Line))
			return true
		}
		seen[id] = pos
		return false
	}
	p.Rules = slices.DeleteFunc(p.Rules, func(r *Rule) bool { return check(rules, "rule", r.ID, r.pos) })
	p.Exceptions = slices.DeleteFunc(p.Exceptions, func(e *Except) bool { return check(exceptions, "exception", e.ID, e.pos) })
}

// document is one YAML document of a known kind, checked by the walker.
type document struct {
	node
	kind   string
	broken bool
}

type loader struct {
	files    fs.FS
	mistakes Mistakes
}

// wrong reports a mistake about a file as a whole.
func (l *loader) wrong(file, hint, format string, args ...any) {
	l.mistakes = append(l.mistakes, Mistake{File: file, Hint: hint, Message: fmt.Sprintf(format, args...)})
}

// each calls f with every document of the wanted kinds, in order of path.
func (l *loader) each(paths []string, f func(document), kinds ...string) {
	if len(paths) == 0 {
		paths = []string{"."}
	}
	done := map[string]bool{}
	for _, p := range paths {
		p = path.Clean(p)
		info, err := fs.Stat(l.files, p)
		if err != nil {
			l.wrong(p, "", "cannot be read: %v", reason(err))
			continue
		}
		if !info.IsDir() {
			l.file(p, done, f, kinds)
			continue
		}
		fs.WalkDir(l.files, p, func(name string, e fs.DirEntry, err error) error {
			base := path.Base(name)
			switch {
			case err != nil:
				l.wrong(name, "", "cannot be read: %v", reason(err))
			case name != p && strings.HasPrefix(base, "."):
				if e.IsDir() {
					return fs.SkipDir
				}
			case !e.IsDir() && (strings.HasSuffix(base, ".yml") || strings.HasSuffix(base, ".yaml")):
				l.file(name, done, f, kinds)
			}
			return nil
		})
	}
}

// reason strips the path from a file error: the message names it already.
func reason(err error) error {
	if pe, ok := err.(*fs.PathError); ok {
		return pe.Err
	}
	return err
}

// file reads the documents of one file.
func (l *loader) file(name string, done map[string]bool, f func(document), kinds []string) {
	if done[name] {
		return
	}
	done[name] = true
	data, err := fs.ReadFile(l.files, name)
	switch {
	case err != nil:
		l.wrong(name, "", "cannot be read: %v", reason(err))
		return
	case len(data) > maxFile:
		l.wrong(name, "split it", "is larger than %d MB", maxFile>>20)
		return
	case !utf8.Valid(data):
		l.wrong(name, "save it as UTF-8", "is not UTF-8 text")
		return
	}
	text := lineEnds.Replace(strings.TrimPrefix(string(data), "\ufeff"))
	w := &walker{src: newSource(name, text)}
	for _, part := range split(text) {
		w.first = part.first
		var doc yaml.Node
		if err := yaml.Unmarshal([]byte(part.text), &doc); err != nil {
			w.syntax(err, part)
			continue
		}
		if doc.Kind != yaml.DocumentNode || len(doc.Content) == 0 || doc.Content[0].Tag == "!!null" {
			continue
		}
		root := doc.Content[0]
		kind := w.kindOf(root)
		if kind == "" || !slices.Contains(kinds, kind) {
			continue
		}
		before := len(w.mistakes)
		w.check(root, docSpecs[kind], article(kind))
		f(document{node{w, root}, kind, len(w.mistakes) > before})
	}
	if more := len(w.mistakes) - maxMistakes; more > 0 {
		w.mistakes = w.mistakes[:maxMistakes]
		l.wrong(name, "", "holds %d mistakes more", more)
	}
	l.mistakes = append(l.mistakes, w.mistakes...)
}

// maxMistakes is how many mistakes of one file are shown.
const maxMistakes = 200

// lineEnds makes one line end of all that the YAML parser takes for one, so
// that its line numbers and ours agree.
var lineEnds = strings.NewReplacer("\r\n", "\n", "\r", "\n", "\u0085", "\n", "\u2028", "\n", "\u2029", "\n")

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

// digest hashes what a document means: order and values, without comments,
// styles and the keys left out.
func digest(n *yaml.Node, without ...string) string {
	h := sha256.New()
	hashNode(h, n, without)
	return hex.EncodeToString(h.Sum(nil)[:8])
}

func hashNode(h hash.Hash, n *yaml.Node, without []string) {
	fmt.Fprintf(h, "%d %s %q(", n.Kind, n.Tag, n.Value)
	for i, c := range n.Content {
		if n.Kind == yaml.MappingNode {
			if slices.Contains(without, n.Content[i&^1].Value) {
				continue
			}
		}
		hashNode(h, c, nil)
	}
	h.Write([]byte{')'})
}
