package rule

import (
	"fmt"
	"strings"
)

// source is one rule file, kept for messages.
type source struct {
	name  string
	lines []string
}

// newSource takes a text whose line ends are all \n.
func newSource(name, text string) *source {
	return &source{name: name, lines: strings.Split(text, "\n")}
}

// line gives line n, counted from 1; "" outside the file.
func (s *source) line(n int) string {
	if n < 1 || n > len(s.lines) {
		return ""
	}
	return s.lines[n-1]
}

// style is how a YAML scalar was written.
type style uint8

const (
	stylePlain style = iota
	styleSingle
	styleDouble
	styleLiteral
	styleFolded
)

// Position says where a YAML scalar stands: its file, the line and column
// where it begins (both from 1, columns in characters; of a block scalar the
// place of its | or >), and what it holds. It maps places inside the text back
// to the file. The zero Position belongs to no file and maps to line 0.
type Position struct {
	Line, Col int
	src       *source
	style     style
	text      string
}

// File gives the file's name.
func (p Position) File() string {
	if p.src == nil {
		return ""
	}
	return p.src.name
}

// At gives line and column in the file of the character number offset of the
// scalar's text (in runes, from 0, as expr counts; the text's end is allowed).
func (p Position) At(offset int) (line, col int) {
	if p.src == nil {
		return 0, 0
	}
	t := &tracer{src: p.src, style: p.style, line: p.Line, col: p.Col - 1}
	t.enter(p.text)
	for _, r := range p.text {
		if offset == 0 {
			t.settle(r)
			break
		}
		offset--
		t.settle(r)
		t.step(r)
	}
	return t.line, t.col + 1
}

// Mistake reports a mistake at character number offset (runes, from 0) of the
// scalar's text.
func (p Position) Mistake(offset int, hint, format string, args ...any) Mistake {
	m := Mistake{File: p.File(), Hint: hint, Message: fmt.Sprintf(format, args...)}
	m.Line, m.Col = p.At(offset)
	if p.src != nil {
		m.Text = p.src.line(m.Line)
	}
	return m
}

// tracer walks the file in step with the text of a scalar. line counts from 1,
// col from 0; it stands before the next character.
type tracer struct {
	src   *source
	style style
	line  int
	col   int
	rest  []rune // of the line, from col
	base  int    // indent of a block scalar
}

// enter steps over the opening quote, or the header line of a block.
func (t *tracer) enter(text string) {
	switch t.style {
	case styleLiteral, styleFolded:
		// the indent is that of the first line with any text, less what of it
		// belongs to the text
		for n := t.line + 1; n <= len(t.src.lines); n++ {
			if l := t.src.line(n); strings.TrimSpace(l) != "" {
				t.base = len(l) - len(strings.TrimLeft(l, " "))
				break
			}
		}
		first := strings.TrimLeft(text, "\n")
		t.base -= len(first) - len(strings.TrimLeft(first, " "))
		t.next()
	case styleSingle, styleDouble:
		t.col++
		t.load()
	default:
		t.load()
	}
}

func (t *tracer) load() {
	r := []rune(t.src.line(t.line))
	t.col = min(t.col, len(r))
	t.rest = r[t.col:]
}

func (t *tracer) take(n int) {
	n = min(n, len(t.rest))
	t.col += n
	t.rest = t.rest[n:]
}

// next goes to the next line, behind its indent.
func (t *tracer) next() bool {
	if t.line >= len(t.src.lines) {
		return false
	}
	t.line++
	t.col = 0
	t.load()
	most := t.base
	if t.style < styleLiteral {
		most = len(t.rest)
	}
	for ; most > 0 && len(t.rest) > 0 && (t.rest[0] == ' ' || t.rest[0] == '\t'); most-- {
		t.take(1)
	}
	return true
}

func (t *tracer) blank() bool {
	for _, r := range t.rest {
		if r != ' ' && r != '\t' {
			return false
		}
	}
	return true
}

// settle goes to the line where r is written: line ends fold into fewer
// characters than were written, or into none.
func (t *tracer) settle(r rune) {
	if r == ' ' || r == '\n' || r == '\t' {
		return
	}
	for t.blank() && t.next() {
	}
	for len(t.rest) > 1 && (t.rest[0] == ' ' || t.rest[0] == '\t') {
		t.take(1)
	}
}

// step passes the character r of the scalar's text.
func (t *tracer) step(r rune) {
	switch {
	case t.style == styleDouble && len(t.rest) > 0 && t.rest[0] == '\\':
		t.escape(r)
	case len(t.rest) > 0 && t.rest[0] == r && (t.style == styleLiteral || !t.blank()):
		t.take(1)
		if r == '\'' && t.style == styleSingle {
			t.take(1) // it is written twice
		}
	case t.blank():
		t.next()
	}
}

// escape passes one escape of a double quoted scalar, whose value is r.
func (t *tracer) escape(r rune) {
	if len(t.rest) == 1 { // a line break that leaves nothing
		t.next()
		t.step(r)
		return
	}
	t.take(2 + map[rune]int{'x': 2, 'u': 4, 'U': 8}[t.rest[1]])
}
