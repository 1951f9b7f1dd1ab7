package rule

import (
	"cmp"
	"fmt"
	"slices"
	"strings"
	"unicode/utf8"
)

// Mistake is one thing an analyst mistyped, with its place.
type Mistake struct {
	File    string
	Line    int    // from 1; 0: the file as a whole
	Col     int    // from 1, in characters; 0: the line as a whole
	Text    string // the line itself
	Message string // what is wrong
	Hint    string // what to do, mostly the nearest valid word; may be empty
	Warning bool   // it loads all the same
}

// Error gives "file:line:col: message", the line and a caret under the place.
func (m Mistake) Error() string {
	var b strings.Builder
	b.WriteString(m.File)
	if m.Line > 0 {
		fmt.Fprintf(&b, ":%d", m.Line)
		if m.Col > 0 {
			fmt.Fprintf(&b, ":%d", m.Col)
		}
	}
	b.WriteString(": ")
	if m.Warning {
		b.WriteString("warning: ")
	}
	b.WriteString(m.Message)
	if m.Hint != "" {
		b.WriteString(" (" + m.Hint + ")")
	}
	if m.Line > 0 && m.Text != "" {
		text, col := clip(m.Text, m.Col)
		b.WriteString("\n    " + text)
		if col > 0 {
			b.WriteString("\n    " + caret(text, col))
		}
	}
	return b.String()
}

// clip shortens a very long line around a column.
func clip(text string, col int) (string, int) {
	const most = 160
	runes := []rune(text)
	for i, r := range runes {
		if r != '\t' && (r < ' ' || r == utf8.RuneError) {
			runes[i] = '.'
		}
	}
	if len(runes) <= most {
		return string(runes), col
	}
	from := max(0, min(col-most/2, len(runes)-most))
	return string(runes[from : from+most]), col - from
}

// caret is a caret under column col of text; tabs are kept so that it lines up.
func caret(text string, col int) string {
	var b strings.Builder
	n := 1
	for _, r := range text {
		if n == col {
			break
		}
		if r == '\t' {
			b.WriteByte('\t')
		} else {
			b.WriteByte(' ')
		}
		n++
	}
	return b.String() + "^"
}

// Mistakes are all mistakes of one load, in order of file and line.
type Mistakes []Mistake

// Error gives all mistakes, each followed by a line end.
func (ms Mistakes) Error() string {
	var b strings.Builder
	for _, m := range ms {
		b.WriteString(m.Error())
		b.WriteByte('\n')
	}
	return strings.TrimSuffix(b.String(), "\n")
}

// Errors gives the mistakes that are not mere warnings.
func (ms Mistakes) Errors() Mistakes { return ms.only(false) }

// Warnings gives the warnings.
func (ms Mistakes) Warnings() Mistakes { return ms.only(true) }

func (ms Mistakes) only(warning bool) Mistakes {
	var out Mistakes
	for _, m := range ms {
		if m.Warning == warning {
			out = append(out, m)
		}
	}
	return out
}

// Err is nil when there are only warnings, else the errors as one error.
func (ms Mistakes) Err() error {
	if e := ms.Errors(); len(e) > 0 {
		return e
	}
	return nil
}

// sorted puts mistakes in order of file, line and column and drops repeats.
func (ms Mistakes) sorted() Mistakes {
	slices.SortStableFunc(ms, func(a, b Mistake) int {
		return cmp.Or(cmp.Compare(a.File, b.File), cmp.Compare(a.Line, b.Line), cmp.Compare(a.Col, b.Col))
	})
	return slices.Compact(ms)
}
