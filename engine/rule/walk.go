package rule

import (
	"fmt"
	"regexp"
	"strconv"
	"strings"
	"unicode/utf8"

	"go.yaml.in/yaml/v3"
)

// walker checks the nodes of one file against specs and collects mistakes.
type walker struct {
	src      *source
	first    int // lines of the file before the present document
	mistakes Mistakes

	tagLine int  // line that tagged speaks of
	tagged  bool // it holds a '!'
}

// at gives the place of a node.
func (w *walker) at(n *yaml.Node) Position {
	p := Position{Line: n.Line + w.first, Col: n.Column, src: w.src, text: n.Value}
	switch {
	case n.Style&yaml.DoubleQuotedStyle != 0:
		p.style = styleDouble
	case n.Style&yaml.SingleQuotedStyle != 0:
		p.style = styleSingle
	case n.Style&yaml.LiteralStyle != 0:
		p.style = styleLiteral
	case n.Style&yaml.FoldedStyle != 0:
		p.style = styleFolded
	}
	return p
}

// wrong reports a mistake at a node.
func (w *walker) wrong(n *yaml.Node, hint, format string, args ...any) {
	p := w.at(n)
	w.mistakes = append(w.mistakes, Mistake{
		File: w.src.name, Line: p.Line, Col: p.Col, Text: w.src.line(p.Line),
		Message: fmt.Sprintf(format, args...), Hint: hint,
	})
}

// check reports whatever in n is not as s says. path is what messages call it.
func (w *walker) check(n *yaml.Node, s *spec, path string) {
	if !w.ordinary(n) {
		return
	}
	switch s.form {
	case formAny:
		w.checkAny(n, path, 0)
	case formEither:
		w.checkEither(n, s, path)
	case formObject:
		w.checkObject(n, s, path)
	case formMap, formSet:
		w.checkMap(n, s, path)
	case formList:
		w.checkList(n, s, path)
	default:
		if n.Kind != yaml.ScalarNode {
			w.wrong(n, "", "%s must be %s, not %s", path, s.noun(), nodeNoun(n))
			return
		}
		w.checkScalar(n, s, path)
	}
}

// ordinary refuses anchors, aliases, tags and merge keys: rule files say what
// they mean in place.
func (w *walker) ordinary(n *yaml.Node) bool {
	switch {
	case n.Kind == yaml.AliasNode:
		w.wrong(n, "write the value out", "aliases (*%s) are not part of the language", n.Value)
	case n.Anchor != "":
		w.wrong(n, "", "anchors (&%s) are not part of the language", n.Anchor)
	case n.Style&yaml.TaggedStyle != 0 || w.char(n) == '!':
		w.wrong(n, "", "tags (%s) are not part of the language", n.Tag)
	default:
		return true
	}
	return false
}

// char gives the character a node begins with; 0 when its line holds no '!',
// which is all that is asked.
func (w *walker) char(n *yaml.Node) rune {
	line := w.src.line(n.Line + w.first)
	if w.tagLine != n.Line+w.first {
		w.tagLine, w.tagged = n.Line+w.first, strings.Contains(line, "!")
	}
	if !w.tagged {
		return 0
	}
	for i, r := range line {
		if i >= n.Column-1 && utf8.RuneCountInString(line[:i]) == n.Column-1 {
			return r
		}
	}
	return 0
}

func (w *walker) checkAny(n *yaml.Node, path string, depth int) {
	if !w.ordinary(n) {
		return
	}
	if depth > 64 {
		w.wrong(n, "", "%s is nested too deeply", path)
		return
	}
	if n.Kind == yaml.MappingNode {
		w.pairs(n, path, func(k, v *yaml.Node) { w.checkAny(v, path, depth+1) })
		return
	}
	for _, c := range n.Content {
		w.checkAny(c, path, depth+1)
	}
}

func (w *walker) checkEither(n *yaml.Node, s *spec, path string) {
	for _, alt := range s.alts {
		if alt.takes(n.Kind) {
			w.check(n, alt, path)
			return
		}
	}
	var nouns []string
	for _, alt := range s.alts {
		nouns = append(nouns, alt.noun())
	}
	w.wrong(n, "", "%s must be %s, not %s", path, strings.Join(nouns, " or "), nodeNoun(n))
}

// takes reports whether a value of this YAML kind may fit.
func (s *spec) takes(k yaml.Kind) bool {
	switch s.form {
	case formObject, formMap, formSet, formAny:
		return k == yaml.MappingNode
	case formList:
		return k == yaml.SequenceNode
	}
	return k == yaml.ScalarNode
}

// pairs calls f with each key and value of a mapping and reports keys that are
// no plain words and keys that stand twice.
func (w *walker) pairs(n *yaml.Node, path string, f func(k, v *yaml.Node)) {
	seen := map[string]int{}
	for i := 0; i+1 < len(n.Content); i += 2 {
		k, v := n.Content[i], n.Content[i+1]
		if !w.ordinary(k) {
			continue
		}
		if k.Kind != yaml.ScalarNode {
			w.wrong(k, "", "a key of %s must be a word, not %s", path, nodeNoun(k))
			continue
		}
		if line, twice := seen[k.Value]; twice {
			w.wrong(k, "", "%s stands twice, first in line %d", k.Value, line)
			continue
		}
		seen[k.Value] = k.Line + w.first
		f(k, v)
	}
}

func (w *walker) checkObject(n *yaml.Node, s *spec, path string) {
	if n.Kind != yaml.MappingNode {
		w.wrong(n, "", "%s must be %s, not %s", path, s.noun(), nodeNoun(n))
		return
	}
	has := map[string]bool{}
	w.pairs(n, path, func(k, v *yaml.Node) {
		has[k.Value] = true
		if sk := s.key(k.Value); sk != nil {
			w.check(v, sk.spec, k.Value)
			return
		}
		if s == ruleSpec && strings.Contains(" "+strings.Join(laterKinds, " ")+" ", " "+k.Value+" ") {
			w.wrong(k, "", "rules of kind %s are not in this version", k.Value)
			return
		}
		hint := didYouMean(k.Value, s.keyNames())
		has[Nearest(k.Value, s.keyNames())] = true // one mistake, not two
		if hint == "" {
			hint = "it knows " + strings.Join(s.keyNames(), ", ")
		}
		w.wrong(k, hint, "%s has no key %q", path, k.Value)
	})
	for _, k := range s.keys {
		if k.must && !has[k.name] {
			w.wrong(n, k.help, "%s lacks %s", path, k.name)
		}
	}
}

func (w *walker) checkMap(n *yaml.Node, s *spec, path string) {
	if n.Kind != yaml.MappingNode {
		w.wrong(n, "", "%s must be %s, not %s", path, s.noun(), nodeNoun(n))
		return
	}
	if l := len(n.Content) / 2; l < s.min || s.max > 0 && l > s.max {
		if s.max == 1 {
			w.wrong(n, "", "%s must name exactly one key and its field", path)
		} else {
			w.wrong(n, "", "%s is empty", path)
		}
	}
	w.pairs(n, path, func(k, v *yaml.Node) {
		if s.form == formSet {
			w.checkSet(k, v, s)
			return
		}
		if path != "lists" && !nameForm.MatchString(k.Value) {
			w.wrong(k, "lower-case letters, digits and _", "%q is no name", k.Value)
		}
		w.check(v, s.elem, path+"."+k.Value)
	})
}

// checkSet checks a field and its value, typed by the registry.
func (w *walker) checkSet(k, v *yaml.Node, s *spec) {
	if m := fieldMistake(k.Value); m != "" {
		w.wrong(k, fieldHint(k.Value), "%s", m)
		return
	}
	if s.elem != nil { // a list of values, one an event
		w.check(v, s.elem, k.Value)
		for _, c := range v.Content {
			w.checkValue(k.Value, c)
		}
		return
	}
	w.checkValue(k.Value, v)
}

func (w *walker) checkValue(name string, v *yaml.Node) {
	if !w.ordinary(v) {
		return
	}
	if _, err := setValue(name, v); err != "" {
		w.wrong(v, "", "%s %s", name, err)
	}
}

func (w *walker) checkList(n *yaml.Node, s *spec, path string) {
	if n.Kind == yaml.ScalarNode && s.single && n.Tag != "!!null" {
		w.check(n, s.elem, path)
		return
	}
	if n.Kind != yaml.SequenceNode {
		w.wrong(n, "", "%s must be a list, not %s", path, nodeNoun(n))
		return
	}
	if len(n.Content) < s.min {
		w.wrong(n, "", "%s is empty", path)
	}
	elem := strings.TrimSuffix(path, "s")
	if path == "tests" || path == "events" || path == "steps" || path == "links" || path == "entries" {
		elem = "a " + elem
		if path == "entries" {
			elem = "an entry"
		} else if path == "events" {
			elem = "an event"
		}
	}
	for _, c := range n.Content {
		w.check(c, s.elem, elem)
	}
}

var (
	slugForm = regexp.MustCompile(`^[a-z0-9]+(-[a-z0-9]+)*$`)
	nameForm = regexp.MustCompile(`^[a-z][a-z0-9_]*$`)
)

func (w *walker) checkScalar(n *yaml.Node, s *spec, path string) {
	v := n.Value
	quoted := n.Style&(yaml.DoubleQuotedStyle|yaml.SingleQuotedStyle) != 0
	if n.Tag == "!!null" {
		w.wrong(n, "", "%s must be %s and is empty", path, s.noun())
		return
	}
	switch s.form {
	case formScalar:
		if v == "" {
			w.wrong(n, "", "%s is empty", path)
		}
	case formInteger, formNumber:
		if quoted {
			w.wrong(n, "write it without quotes", "%s must be a number, not text", path)
		} else if s.form == formNumber {
			if f, err := strconv.ParseFloat(v, 64); err != nil || f != f || f < 0 || f > 1e15 {
				w.wrong(n, "", "%s must be a number, not %q", path, v)
			}
		} else if i, err := strconv.ParseInt(v, 10, 64); err != nil || i < int64(s.min) || i > 1e9 {
			w.wrong(n, "", "%s must be a whole number, at least %d, not %q", path, s.min, v)
		}
	case formBool:
		if quoted || v != "true" && v != "false" {
			w.wrong(n, "", "%s must be true or false, not %q", path, v)
		}
	case formDate:
		if _, err := readDate(v); err != nil {
			w.wrong(n, "2026-03-02", "%s must be a date, not %q", path, v)
		}
	case formDuration:
		if _, err := parseDuration(v); err != nil {
			w.wrong(n, "a number with s, m, h or d: 90s, 10m, 24h, 30d", "%s: %v", path, err)
		}
	case formExpr:
		if strings.TrimSpace(v) == "" {
			w.wrong(n, "", "%s is an empty condition", path)
		}
	default:
		if n.Tag != "!!str" && s.form != formWord && s.form != formSlug {
			w.wrong(n, "put it in quotes", "%s must be text, not %s", path, nodeNoun(n))
			return
		}
		w.checkText(n, s, path)
	}
}

// checkText checks forms that are texts of some shape.
func (w *walker) checkText(n *yaml.Node, s *spec, path string) {
	v := n.Value
	switch s.form {
	case formText, formTemplate:
		if strings.TrimSpace(v) == "" {
			w.wrong(n, "", "%s is empty", path)
		}
		if s.form == formTemplate {
			_, ms := parseTemplate(v, w.at(n), nil)
			w.mistakes = append(w.mistakes, ms...)
		}
	case formWord:
		for _, word := range s.words {
			if v == word {
				return
			}
		}
		hint := didYouMean(v, s.words)
		if hint == "" {
			hint = strings.Join(s.words, ", ")
		}
		w.wrong(n, hint, "%q is no %s", v, s.what)
	case formSlug:
		if !slugForm.MatchString(v) || len(v) > 80 {
			w.wrong(n, "lower-case letters, digits and single hyphens, at most 80", "%s: %q is no slug", path, v)
		}
	case formName:
		if !nameForm.MatchString(v) || len(v) > 80 {
			w.wrong(n, "lower-case letters, digits and _", "%s: %q is no name", path, v)
		}
	case formField:
		if m := fieldMistake(v); m != "" {
			w.wrong(n, fieldHint(v), "%s", m)
		}
	case formTag:
		if m, hint := tagMistake(v); m != "" {
			w.wrong(n, hint, "%s", m)
		}
	case formNetwork:
		if _, err := parseNetwork(v); err != nil {
			w.wrong(n, "192.0.2.0/24 or 192.0.2.7", "%s: %q is no network", path, v)
		}
	}
}

// noun says what a value of this spec is, for messages.
func (s *spec) noun() string {
	switch s.form {
	case formObject, formMap, formSet, formAny:
		return "a mapping"
	case formList:
		return "a list"
	case formDuration:
		return "a time like 10m"
	case formInteger, formNumber:
		return "a number"
	case formBool:
		return "true or false"
	case formDate:
		return "a date"
	case formExpr:
		return "a condition"
	case formField:
		return "a field"
	case formWord:
		return "a " + s.what
	case formEither:
		return s.alts[0].noun()
	}
	return "text"
}

// nodeNoun says what a YAML value is.
func nodeNoun(n *yaml.Node) string {
	switch n.Kind {
	case yaml.MappingNode:
		return "a mapping"
	case yaml.SequenceNode:
		return "a list"
	}
	switch n.Tag {
	case "!!null":
		return "nothing"
	case "!!bool":
		return "true or false"
	case "!!int", "!!float":
		return "a number"
	case "!!timestamp":
		return "a date"
	}
	return "text"
}
