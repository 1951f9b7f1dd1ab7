package rule

import (
	"fmt"
	"io/fs"
	"os"
	"path"
	"slices"
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
