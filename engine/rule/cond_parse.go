package rule

import (
	"errors"
	"fmt"
	"regexp"
	"strings"
	"unicode/utf8"

	"github.com/expr-lang/expr/ast"
	"github.com/expr-lang/expr/file"
	"github.com/expr-lang/expr/parser"
	"github.com/seed-843b225c/reflex/engine"
)

// maxSource bounds an expression; expr itself bounds the nodes to 10,000.
const maxSource = 64 << 10

// timestampStandIn replaces @timestamp, which expr cannot spell, by a name as
// long, so that places stay right.
const timestampStandIn = "ªtimestamp"

// parse reads an expression with expr's parser.
func parse(src string, pos Position) (n ast.Node, mistakes []Mistake) {
	if strings.TrimSpace(src) == "" {
		return nil, []Mistake{pos.Mistake(0, "", "the expression is empty")}
	}
	if len(src) > maxSource {
		return nil, []Mistake{pos.Mistake(0, "put long lists into a list file", "the expression is longer than %d KB", maxSource>>10)}
	}
	defer func() {
		if r := recover(); r != nil {
			n, mistakes = nil, []Mistake{pos.Mistake(0, "", "the expression cannot be read: %v", r)}
		}
	}()
	tree, err := parser.Parse(spellTimestamp(src))
	if err == nil {
		return tree.Node, nil
	}
	var e *file.Error
	if !errors.As(err, &e) {
		return nil, []Mistake{pos.Mistake(0, "", "%s", err)}
	}
	msg, hint := syntaxMessage(e.Message)
	place := e.From
	switch msg {
	case tooEarly:
		place = utf8.RuneCountInString(strings.TrimRight(src, " \t\r\n"))
	case notClosed:
		place = openQuote(src)
	}
	return nil, []Mistake{pos.Mistake(place, hint, "%s", msg)}
}

const (
	tooEarly  = "the expression ends too early"
	notClosed = "the quotes are not closed"
)

// openQuote gives the place (in characters) of the quote that is never closed.
func openQuote(src string) int {
	quote, place, skip := rune(0), 0, false
	n := -1
	for _, r := range src {
		n++
		switch {
		case skip:
			skip = false
		case quote != 0 && quote != '`' && r == '\\':
			skip = true
		case quote != 0 && r == quote:
			quote = 0
		case quote == 0 && (r == '"' || r == '\'' || r == '`'):
			quote, place = r, n
		}
	}
	return place
}

// spellTimestamp puts the stand-in where @timestamp stands outside quotes.
func spellTimestamp(src string) string {
	if !strings.Contains(src, "@timestamp") {
		return src
	}
	var b strings.Builder
	quote := byte(0)
	for i := 0; i < len(src); i++ {
		switch ch := src[i]; {
		case quote != 0 && quote != '`' && ch == '\\' && i+1 < len(src):
			b.WriteByte(ch)
			i++
		case quote != 0 && ch == quote:
			quote = 0
		case quote == 0 && (ch == '"' || ch == '\'' || ch == '`'):
			quote = ch
		case quote == 0 && strings.HasPrefix(src[i:], "@timestamp"):
			b.WriteString(timestampStandIn)
			i += len("@timestamp") - 1
			continue
		}
		b.WriteByte(src[i])
	}
	return b.String()
}

var tokenText = regexp.MustCompile(`\b(Operator|Bracket|Identifier|Number|String|Bytes)\("((?:[^"\\]|\\.)*)"\)`)

// syntaxMessage says expr's words plainly.
func syntaxMessage(msg string) (plain, hint string) {
	switch {
	case strings.Contains(msg, `Operator("=")`):
		hint = "compare with =="
	case strings.Contains(msg, `Identifier("AND")`), strings.Contains(msg, `Identifier("OR")`), strings.Contains(msg, `Identifier("NOT")`):
		hint = "write and, or, not in small letters"
	}
	switch {
	case msg == "unexpected token EOF" || msg == "unexpected end of expression":
		return tooEarly, hint
	case strings.HasPrefix(msg, "literal not terminated"):
		return notClosed, hint
	case strings.Contains(msg, "exceeds maximum allowed nodes"):
		return "the expression is too long", "put long lists into a list file"
	}
	if strings.HasPrefix(msg, "expected at least") {
		return msg, "write any(list, # == ...)"
	}
	plain = tokenText.ReplaceAllString(msg, "$2")
	return strings.Replace(plain, "unexpected token", "unexpected", 1), hint
}

// checked parses and checks an expression; nil beside mistakes.
func checked(src string, pos Position, env *condEnv) (*term, *checker) {
	c := &checker{pos: pos, env: env}
	n, mistakes := parse(src, pos)
	if len(mistakes) > 0 {
		c.mistakes = mistakes
		return nil, c
	}
	t := c.check(n)
	if len(c.mistakes) > 0 {
		return nil, c
	}
	return t, c
}

// newCond compiles a condition. Mistakes may hold warnings beside a good Cond.
func newCond(src string, pos Position, env *condEnv) (*Cond, []Mistake) {
	t, c := checked(src, pos, env)
	if t != nil {
		t = c.wantBool(t)
	}
	if len(c.mistakes) > 0 {
		return nil, c.mistakes
	}
	if t.op == opConst && !t.value.Bool() {
		c.warn(t.span, "", "this is never true")
	}
	c.warnAbsent(t)
	p := newCondProgram(src, pos, t)
	c.warnSlow(p)
	return &Cond{p}, c.mistakes
}

// newNum compiles an expression that gives a number.
func newNum(src string, pos Position, env *condEnv) (*Num, []Mistake) {
	t, c := checked(src, pos, env)
	if t != nil && t.typ != 0 && !numeric(t.typ) || t != nil && t.isNil() {
		c.fail(t.span, "", "%s is %s, not a number", c.text(t), typeWord(t.typ))
	}
	if len(c.mistakes) > 0 {
		return nil, c.mistakes
	}
	p := newNumProgram(src, pos, t)
	c.warnSlow(p)
	return &Num{p}, c.mistakes
}

// warnSlow says which construct makes an expression run on the VM.
func (c *checker) warnSlow(p *program) {
	if p.Compiled() {
		return
	}
	p.root.walk(func(t *term) bool {
		if !slowTerm(t) {
			return true
		}
		name := t.name
		if t.op == opLet {
			name = "let"
		}
		c.warn(t.span, "", "%s has no compiled form: the whole expression runs on expr's VM, about a hundred times slower", name)
		return false
	})
}

func slowTerm(t *term) bool {
	return t.op == opLet || t.op == opFilter || t.op == opMap || t.op == opFind || t.op == opBuiltin && t.fn.call == nil
}

func (c *checker) warn(at span, hint, format string, args ...any) {
	m := c.pos.Mistake(at.from, hint, format, args...)
	m.Warning = true
	c.mistakes = append(c.mistakes, m)
}

// evalConst computes a term of constants.
func evalConst(t *term) (v engine.Value, err error) {
	defer func() {
		if r := recover(); r != nil {
			err = fmt.Errorf("%v", r)
		}
	}()
	k := &closures{}
	f := k.eval(t)
	if k.slow {
		return null, errors.New("not constant")
	}
	return f(nil, ""), nil
}
