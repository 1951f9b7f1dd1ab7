package rule

import (
	"regexp"
	"regexp/syntax"
	"slices"
	"strings"
	"unicode"
	"unicode/utf8"
)

// pattern is a constant regular expression with the literals that every match
// must hold: most texts are refused by a search for those.
type pattern struct {
	source string
	re     *regexp.Regexp
	// lits: a match holds at least one of them; nil: nothing is known.
	// With fold they are lower case and found without regard to ASCII case,
	// which decides nothing about a text with other letters in it.
	lits []string
	fold bool
	// plain tells what the pattern is when it is no more than literals.
	plain plainKind
	// prefix, if not "", begins every text that matches.
	prefix string
}

// plainKind is a pattern that needs no regular expression at all.
type plainKind uint8

const (
	plainNone plainKind = iota
	plainContains
	plainStarts
	plainEnds
	plainWhole
)

// newPattern compiles a pattern; the error is that of package regexp.
func newPattern(source string) (*pattern, error) {
	re, err := regexp.Compile(source)
	if err != nil {
		return nil, err
	}
	p := &pattern{source: source, re: re}
	tree, err := syntax.Parse(source, syntax.Perl)
	if err != nil {
		return p, nil
	}
	tree = tree.Simplify()
	p.lits, p.fold = required(tree)
	p.prefix, p.plain = shape(tree)
	return p, nil
}

// match reports whether the text holds a match.
func (p *pattern) match(s string) bool {
	switch p.plain {
	case plainContains:
		return containsAny(s, p.lits)
	case plainStarts:
		return strings.HasPrefix(s, p.prefix)
	case plainEnds:
		return hasSuffixAny(s, p.lits)
	case plainWhole:
		return slices.Contains(p.lits, s)
	}
	if p.prefix != "" && !strings.HasPrefix(s, p.prefix) {
		return false
	}
	if len(p.lits) > 0 && !p.may(s) {
		return false
	}
	return p.re.MatchString(s)
}

// may reports whether one of the literals is there.
func (p *pattern) may(s string) bool {
	if !p.fold {
		return containsAny(s, p.lits)
	}
	for _, l := range p.lits {
		if found, ascii := containsFold(s, l); found || !ascii {
			return true
		}
	}
	return false
}

func containsAny(s string, lits []string) bool {
	for _, l := range lits {
		if strings.Contains(s, l) {
			return true
		}
	}
	return false
}

func hasSuffixAny(s string, lits []string) bool {
	for _, l := range lits {
		if strings.HasSuffix(s, l) {
			return true
		}
	}
	return false
}

// containsFold looks for a lower-case ASCII text without regard to ASCII case.
// ascii is false when s holds other letters too (and found may then be missed).
func containsFold(s, lit string) (found, ascii bool) {
	if !isASCII(s) {
		return false, false
	}
	if lit == "" {
		return true, true
	}
	last := len(s) - len(lit)
	low, up := nextByte{c: lit[0]}, nextByte{c: upperASCII(lit[0])}
	for i := 0; i <= last; i++ {
		i = min(low.from(s, i), up.from(s, i))
		if i > last {
			break
		}
		if equalFoldASCII(s[i:i+len(lit)], lit) {
			return true, true
		}
	}
	return false, true
}

// nextByte remembers where a byte stands next, so that a search for two bytes
// passes over the text once for each.
type nextByte struct {
	c    byte
	at   int
	seen bool
}

func (n *nextByte) from(s string, i int) int {
	if !n.seen || n.at < i {
		n.seen = true
		if n.at = strings.IndexByte(s[i:], n.c); n.at < 0 {
			n.at = len(s)
		} else {
			n.at += i
		}
	}
	return n.at
}

func isASCII(s string) bool {
	i := 0
	for ; i+8 <= len(s); i += 8 {
		_ = s[i+7]
		if (s[i]|s[i+1]|s[i+2]|s[i+3])|(s[i+4]|s[i+5]|s[i+6]|s[i+7]) >= utf8.RuneSelf {
			return false
		}
	}
	for ; i < len(s); i++ {
		if s[i] >= utf8.RuneSelf {
			return false
		}
	}
	return true
}

func upperASCII(c byte) byte {
	if c >= 'a' && c <= 'z' {
		return c - 'a' + 'A'
	}
	return c
}

// equalFoldASCII compares s with lit, which is lower case and as long.
func equalFoldASCII(s, lit string) bool {
	for i := 0; i < len(lit); i++ {
		c := s[i]
		if c >= 'A' && c <= 'Z' {
			c += 'a' - 'A'
		}
		if c != lit[i] {
			return false
		}
	}
	return true
}

// required gives literals of which every match holds at least one. All are
// plain, or all are lower case and to be found without regard to case.
func required(t *syntax.Regexp) (lits []string, fold bool) {
	switch t.Op {
	case syntax.OpLiteral:
		return literalText(t)
	case syntax.OpCapture:
		return required(t.Sub[0])
	case syntax.OpPlus:
		return required(t.Sub[0])
	case syntax.OpRepeat:
		if t.Min > 0 {
			return required(t.Sub[0])
		}
	case syntax.OpConcat:
		for _, s := range t.Sub {
			l, f := required(s)
			if better(l, lits) {
				lits, fold = l, f
			}
		}
		return lits, fold
	case syntax.OpAlternate:
		for i, s := range t.Sub {
			l, f := required(s)
			if len(l) == 0 || i > 0 && f != fold || len(lits)+len(l) > 64 {
				return nil, false
			}
			lits, fold = append(lits, l...), f
		}
		return lits, fold
	case syntax.OpCharClass:
		return class(t)
	}
	return nil, false
}

// literal gives the text of a literal, unless it may match bytes that are not it.
func literalText(t *syntax.Regexp) ([]string, bool) {
	s := string(t.Rune)
	if strings.ContainsRune(s, utf8.RuneError) {
		return nil, false // stands for any invalid byte too
	}
	if t.Flags&syntax.FoldCase == 0 {
		return []string{s}, false
	}
	if !isASCII(s) {
		return nil, false
	}
	return []string{strings.ToLower(s)}, true
}

// class gives a small character class as literals, so that [ab]c is known.
func class(t *syntax.Regexp) ([]string, bool) {
	var out []string
	for i := 0; i+1 < len(t.Rune); i += 2 {
		for r := t.Rune[i]; r <= t.Rune[i+1]; r++ {
			if len(out) == 4 || r == utf8.RuneError || r > unicode.MaxRune {
				return nil, false
			}
			out = append(out, string(r))
		}
	}
	return out, false
}

// better prefers the set whose shortest literal is longest, then the smaller set.
func better(a, b []string) bool {
	if len(a) == 0 {
		return false
	}
	x, y := shortest(a), shortest(b)
	return x > y || x == y && len(a) < len(b)
}

func shortest(lits []string) int {
	n := 0
	for i, l := range lits {
		if i == 0 || len(l) < n {
			n = len(l)
		}
	}
	return n
}

// shape tells plain literals, and the literal behind a leading ^.
func shape(t *syntax.Regexp) (prefix string, plain plainKind) {
	if lits := literals(t); lits != nil {
		return "", plainContains
	}
	if t.Op != syntax.OpConcat || len(t.Sub) < 2 {
		return "", plainNone
	}
	subs := t.Sub
	begins := subs[0].Op == syntax.OpBeginText
	ends := subs[len(subs)-1].Op == syntax.OpEndText
	if begins && subs[1].Op == syntax.OpLiteral {
		if l, fold := literalText(subs[1]); len(l) == 1 && !fold {
			prefix = l[0]
		}
	}
	switch {
	case begins && ends && len(subs) == 3 && literals(subs[1]) != nil:
		return "", plainWhole
	case begins && len(subs) == 2 && prefix != "":
		return prefix, plainStarts
	case ends && len(subs) == 2 && literals(subs[0]) != nil:
		return "", plainEnds
	}
	return prefix, plainNone
}

// literals gives the texts of a term that is nothing but an alternative of
// case-sensitive literals; they are then what required gives too.
func literals(t *syntax.Regexp) []string {
	switch t.Op {
	case syntax.OpLiteral:
		if l, fold := literalText(t); !fold {
			return l
		}
	case syntax.OpCapture:
		return literals(t.Sub[0])
	case syntax.OpAlternate:
		var out []string
		for _, s := range t.Sub {
			l := literals(s)
			if l == nil || len(out)+len(l) > 64 {
				return nil
			}
			out = append(out, l...)
		}
		return out
	}
	return nil
}
