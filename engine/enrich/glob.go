package enrich

import (
	"fmt"
	"strings"
	"unicode/utf8"
)

// glob is a compiled pattern: literal pieces with * between them. Each piece may
// hold ? for one character. It matches in one walk without going back further
// than the last *, so no text can make it run away.
type glob struct {
	pieces []piece
	// open ends: the pattern begins or ends with *
	openStart, openEnd bool
}

// piece is the text between two stars.
type piece struct {
	text string // '?' places hold a zero byte
	any  bool   // it holds a ?
}

// compileGlob reads a pattern: * any run of characters, the empty one too, ?
// exactly one, \ the next character as itself. A lone * is refused: a list
// that holds everything is a slip.
func compileGlob(s string) (glob, error) {
	var g glob
	if strings.IndexByte(s, 0) >= 0 {
		return g, fmt.Errorf("%q holds a zero byte", s)
	}
	var b strings.Builder
	any, star := false, false
	flush := func() {
		if b.Len() > 0 {
			g.pieces = append(g.pieces, piece{b.String(), any})
		}
		b.Reset()
		any = false
	}
	for i := 0; i < len(s); i++ {
		switch c := s[i]; c {
		case '*':
			if i == 0 {
				g.openStart = true
			}
			flush()
			star = true
			continue
		case '?':
			b.WriteByte(0)
			any = true
		case '\\':
			i++
			if i == len(s) {
				return g, fmt.Errorf("%q ends with a lone \\", s)
			}
			b.WriteByte(s[i])
		default:
			b.WriteByte(c)
		}
		star = false
	}
	flush()
	g.openEnd = star
	if len(g.pieces) == 0 {
		return g, fmt.Errorf("%q matches everything", s)
	}
	return g, nil
}

// matches reports whether the whole of s fits.
func (g *glob) matches(s string) bool {
	ps := g.pieces
	if !g.openStart {
		n, ok := ps[0].at(s)
		if !ok {
			return false
		}
		s, ps = s[n:], ps[1:]
		if len(ps) == 0 {
			return g.openEnd || s == ""
		}
	}
	last := len(ps) - 1
	for i := range ps {
		if i == last && !g.openEnd {
			return ps[i].ends(s)
		}
		n, ok := ps[i].find(s)
		if !ok {
			return false
		}
		s = s[n:]
	}
	return true
}

// at reports whether s begins with the piece, and how many bytes it takes.
func (p *piece) at(s string) (int, bool) {
	if !p.any {
		return len(p.text), strings.HasPrefix(s, p.text)
	}
	n := 0
	for i := 0; i < len(p.text); i++ {
		if n >= len(s) {
			return 0, false
		}
		if p.text[i] == 0 {
			_, w := utf8.DecodeRuneInString(s[n:])
			n += w
			continue
		}
		if s[n] != p.text[i] {
			return 0, false
		}
		n++
	}
	return n, true
}

// find gives the end of the first place where the piece fits.
func (p *piece) find(s string) (int, bool) {
	if !p.any {
		i := strings.Index(s, p.text)
		return i + len(p.text), i >= 0
	}
	for i := 0; i < len(s); {
		if n, ok := p.at(s[i:]); ok {
			return i + n, true
		}
		_, w := utf8.DecodeRuneInString(s[i:])
		i += w
	}
	return 0, false
}

// ends reports whether s ends with the piece.
func (p *piece) ends(s string) bool {
	if !p.any {
		return strings.HasSuffix(s, p.text)
	}
	for i := 0; i < len(s); {
		if n, ok := p.at(s[i:]); ok && i+n == len(s) {
			return true
		}
		_, w := utf8.DecodeRuneInString(s[i:])
		i += w
	}
	return false
}
