package main

import (
	"errors"
	"fmt"
	"io"
	"os"
	"strings"
	"syscall"
	"unicode"
	"unicode/utf8"

	"golang.org/x/term"

	"github.com/seed-843b225c/reflex/engine"
)

// printer writes to a stream and knows whether people look at it: colour and
// line-editing only on a terminal, and never with NO_COLOR set.
type printer struct {
	io.Writer
	terminal bool
	colour   bool
	failed   error // the first error of writing; what comes after it is dropped
	gone     bool  // nobody reads any more: no error
}

// Write never fails: run tells of failed at the end, once.
func (p *printer) Write(b []byte) (int, error) {
	if p.failed != nil || p.gone {
		return len(b), nil
	}
	if _, err := p.Writer.Write(b); errors.Is(err, syscall.EPIPE) || errors.Is(err, io.ErrClosedPipe) {
		p.gone = true
	} else if err != nil {
		p.failed = err
	}
	return len(b), nil
}

func newPrinter(w io.Writer) *printer {
	p := &printer{Writer: w}
	if f, ok := w.(*os.File); ok && term.IsTerminal(int(f.Fd())) && os.Getenv("TERM") != "dumb" {
		p.terminal = true
		p.colour = os.Getenv("NO_COLOR") == ""
	}
	return p
}

// width is how many columns the terminal has, 100 elsewhere.
func (p *printer) width() int {
	if f, ok := p.Writer.(*os.File); ok && p.terminal {
		if w, _, err := term.GetSize(int(f.Fd())); err == nil && w > 0 {
			return max(w, 40)
		}
	}
	return 100
}

func (p *printer) paint(code, s string) string {
	if !p.colour {
		return s
	}
	return "\x1b[" + code + "m" + s + "\x1b[0m"
}

func (p *printer) bold(s string) string { return p.paint("1", s) }
func (p *printer) dim(s string) string  { return p.paint("2", s) }
func (p *printer) good(s string) string { return p.paint("32", s) }
func (p *printer) bad(s string) string  { return p.paint("31", s) }

// level paints a level's word by how bad it is.
func (p *printer) level(l engine.Level) string { return p.levelText(l, l.String()) }

func (p *printer) levelText(l engine.Level, s string) string {
	return p.paint([...]string{"0", "2", "36", "33", "31", "1;31"}[l], s)
}

// table prints rows in columns; the first row is the heading. Cells may be
// painted: width counts what is seen.
func (p *printer) table(indent string, rows [][]string) {
	if len(rows) == 0 {
		return
	}
	widths := make([]int, len(rows[0]))
	for _, row := range rows {
		for i, cell := range row {
			widths[i] = max(widths[i], seen(cell))
		}
	}
	for n, row := range rows {
		var b strings.Builder
		for i, cell := range row {
			if n == 0 {
				cell = p.dim(cell)
			}
			pad := strings.Repeat(" ", widths[i]-seen(cell))
			if i > 0 {
				b.WriteString("  ")
			}
			if numeric(rows, i) {
				b.WriteString(pad + cell)
			} else {
				b.WriteString(cell + pad)
			}
		}
		fmt.Fprintln(p, indent+strings.TrimRight(b.String(), " "))
	}
}

// fit shortens the last column so that no row is wider than the terminal.
func (p *printer) fit(rows [][]string) {
	last := len(rows[0]) - 1
	used := 0
	for i := range last {
		widest := 0
		for _, row := range rows {
			widest = max(widest, seen(row[i]))
		}
		used += widest + 2
	}
	for _, row := range rows {
		row[last] = cut(row[last], max(20, p.width()-used))
	}
}

// numeric reports whether a column holds only numbers below its heading.
func numeric(rows [][]string, col int) bool {
	for _, row := range rows[1:] {
		for _, r := range strip(row[col]) {
			if !unicode.IsDigit(r) && !strings.ContainsRune(",.- ", r) {
				return false
			}
		}
	}
	return len(rows) > 1
}

func seen(s string) int { return utf8.RuneCountInString(strip(s)) }

// strip takes escape sequences of paint out of a cell.
func strip(s string) string {
	for {
		i := strings.Index(s, "\x1b[")
		if i < 0 {
			return s
		}
		j := strings.IndexByte(s[i:], 'm')
		if j < 0 {
			return s
		}
		s = s[:i] + s[i+j+1:]
	}
}

// plain makes text from logs safe to print: control and direction characters
// become visible, so that a log line cannot rewrite the screen.
func plain(s string) string {
	return strings.Map(func(r rune) rune {
		switch {
		case r == '\t':
			return ' '
		case unicode.IsControl(r), unicode.Is(unicode.Bidi_Control, r), r == utf8.RuneError:
			return '\uFFFD'
		}
		return r
	}, s)
}

// number prints 1234567 as 1,234,567.
func number(n int64) string {
	s := fmt.Sprint(n)
	neg := strings.HasPrefix(s, "-")
	s = strings.TrimPrefix(s, "-")
	for i := len(s) - 3; i > 0; i -= 3 {
		s = s[:i] + "," + s[i:]
	}
	if neg {
		return "-" + s
	}
	return s
}

// size prints bytes as people read them.
func size(n int64) string {
	switch {
	case n >= 1<<30:
		return fmt.Sprintf("%.1f GB", float64(n)/(1<<30))
	case n >= 1<<20:
		return fmt.Sprintf("%.1f MB", float64(n)/(1<<20))
	case n >= 1<<10:
		return fmt.Sprintf("%.1f kB", float64(n)/(1<<10))
	}
	return fmt.Sprintf("%d B", n)
}
