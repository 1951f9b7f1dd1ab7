package rule

import (
	"strings"

	"github.com/expr-lang/expr/ast"
	"github.com/seed-843b225c/reflex/engine"
)

var binaryOps = map[string]op{
	"==": opEqual, "!=": opUnequal, "<": opLess, "<=": opLessEqual, ">": opGreater, ">=": opGreaterEqual,
	"contains": opContains, "startsWith": opStarts, "endsWith": opEnds,
	"+": opAdd, "-": opSub, "*": opMul, "/": opDiv, "%": opMod, "**": opPow, "^": opPow,
}

// binary checks an operator with two sides.
func (c *checker) binary(n *ast.BinaryNode) *term {
	switch n.Operator {
	case "and", "&&":
		return c.logical(opAnd, n)
	case "or", "||":
		return c.logical(opOr, n)
	case "in":
		return c.in(n)
	case "..":
		return c.fail(at(n), "", "a range stands only behind `in`")
	}
	a, b := c.check(n.Left), c.check(n.Right)
	t := &term{op: binaryOps[n.Operator], typ: engine.Bool, span: at(n).join(a.span).join(b.span), args: []*term{a, b}}
	switch n.Operator {
	case "==", "!=":
		return c.equality(t)
	case "<", "<=", ">", ">=":
		return c.comparison(t, n.Operator)
	case "contains", "startsWith", "endsWith":
		t.args[0], t.args[1] = c.wantText(a, n.Operator), c.wantText(b, n.Operator)
		return c.fold(t)
	case "matches":
		return c.matches(t)
	case "??":
		t.op, t.typ = opCoalesce, 0
		return c.either(t, a, b)
	case "+", "-", "*", "/", "%", "**", "^":
		return c.arithmetic(t, n.Operator)
	}
	return c.fail(at(n), "", "the operator %s is not in the language", n.Operator)
}

// logical flattens chains of one operator, however long, without recursion.
func (c *checker) logical(o op, n *ast.BinaryNode) *term {
	var nodes []ast.Node
	for {
		nodes = append(nodes, n.Right)
		l, ok := n.Left.(*ast.BinaryNode)
		if !ok || !sameLogical(o, l.Operator) {
			nodes = append(nodes, n.Left)
			break
		}
		n = l
	}
	t := &term{op: o, typ: engine.Bool}
	for i := len(nodes) - 1; i >= 0; i-- {
		a := c.wantBool(c.check(nodes[i]))
		if len(t.args) == 0 {
			t.span = a.span
		}
		t.span = t.span.join(a.span)
		if a.op == o { // and inside and, by brackets
			t.args = append(t.args, a.args...)
		} else {
			t.args = append(t.args, a)
		}
	}
	return c.fold(t)
}

func sameLogical(o op, operator string) bool {
	if o == opAnd {
		return operator == "and" || operator == "&&"
	}
	return operator == "or" || operator == "||"
}

// equality checks == and !=.
func (c *checker) equality(t *term) *term {
	a, b := t.args[0], t.args[1]
	if failed(a) || failed(b) {
		return t
	}
	if a.isNil() || b.isNil() {
		if a.isNil() {
			a = b
		}
		x := &term{op: opIsNil, typ: engine.Bool, span: t.span, args: []*term{a}}
		if t.op == opUnequal {
			x = &term{op: opNot, typ: engine.Bool, span: t.span, args: []*term{x}}
		}
		return c.fold(x)
	}
	if !c.adapt(t) {
		return t
	}
	if a, b = t.args[0], t.args[1]; a.typ == engine.List || b.typ == engine.List {
		if a.typ != b.typ && a.typ != 0 && b.typ != 0 {
			list, other := a, b
			if b.typ == engine.List {
				list, other = b, a
			}
			return c.fail(list.span, c.text(other)+" in "+c.text(list), "%s is a list", c.text(list))
		}
	}
	if !c.comparable(a, b) {
		return c.mismatch(a, b)
	}
	return c.fold(t)
}

func (c *checker) comparison(t *term, operator string) *term {
	if failed(t.args[0]) || failed(t.args[1]) || !c.adapt(t) {
		return t
	}
	for _, a := range t.args {
		switch {
		case a.isNil():
			return c.fail(a.span, "test presence with != nil", "nil has no order")
		case a.typ == engine.IP || a.typ == engine.Bool || a.typ == engine.List:
			return c.fail(a.span, "", "%s has no order (%s): %s cannot be used", c.text(a), typeWord(a.typ), operator)
		}
	}
	if !c.comparable(t.args[0], t.args[1]) {
		return c.mismatch(t.args[0], t.args[1])
	}
	return c.fold(t)
}

func (c *checker) comparable(a, b *term) bool {
	return a.typ == b.typ || a.typ == 0 || b.typ == 0 || numeric(a.typ) && numeric(b.typ)
}

func (c *checker) mismatch(a, b *term) *term {
	hint := ""
	switch {
	case a.typ == engine.Keyword && b.op == opConst && b.value.Kind() != engine.Bool:
		hint = `write "` + b.value.Text() + `"`
	case b.typ == engine.Keyword && a.op == opConst && a.value.Kind() != engine.Bool:
		hint = `write "` + a.value.Text() + `"`
	case numeric(a.typ) && b.typ == engine.Keyword && b.op == opConst, a.typ == engine.Bool && b.typ == engine.Keyword && b.op == opConst:
		hint = "write " + b.value.Str() + " without quotes"
	}
	return c.fail(b.span, hint, "%s is %s and %s is %s: they are never equal", c.text(a), typeWord(a.typ), c.text(b), typeWord(b.typ))
}

// adapt parses a constant text beside an address or date; false after a mistake.
func (c *checker) adapt(t *term) bool {
	for i := range t.args {
		x := c.adaptTo(t.args[i], t.args[1-i].typ)
		if failed(x) {
			return false
		}
		t.args[i] = x
	}
	return true
}

func (c *checker) adaptTo(t *term, typ engine.Type) *term {
	s, ok := t.constText()
	if !ok {
		return t
	}
	switch typ {
	case engine.IP:
		if v := toAddress(t.value); !v.IsNil() {
			return constant(t.span, v)
		}
		hint := ""
		if strings.Contains(s, "/") {
			hint = `networks are tested with cidr(source.ip, "` + s + `")`
		}
		return c.fail(t.span, hint, "%q is not an address", s)
	case engine.Date:
		if v, ok := parseDate(s); ok {
			return constant(t.span, v)
		}
		return c.fail(t.span, `write it as "2026-01-31" or "2026-01-31T08:30:00Z"`, "%q is not a date", s)
	}
	return t
}

// matches checks a regular expression, which must be constant.
func (c *checker) matches(t *term) *term {
	a, b := c.wantText(t.args[0], "matches"), t.args[1]
	if failed(b) {
		return t
	}
	s, ok := b.constText()
	if !ok {
		return c.fail(b.span, "", "the pattern of matches must be a constant text")
	}
	re, err := newPattern(s)
	if err != nil {
		return c.fail(b.span, "", "the pattern cannot be read: %s", strings.TrimPrefix(err.Error(), "error parsing regexp: "))
	}
	return c.fold(&term{op: opMatches, typ: engine.Bool, span: t.span, args: []*term{a}, re: re})
}

// arithmetic gives + - * / % ** their type.
func (c *checker) arithmetic(t *term, operator string) *term {
	a, b := t.args[0], t.args[1]
	if failed(a) || failed(b) {
		return t
	}
	dates := a.typ == engine.Date || b.typ == engine.Date
	switch {
	case t.op == opAdd && a.typ == engine.Keyword && b.typ == engine.Keyword:
		t.typ = engine.Keyword
	case t.op == opAdd && (a.typ == 0 || b.typ == 0) && !a.isNil() && !b.isNil():
		t.typ = 0
	case dates && t.op == opSub && a.typ == engine.Date && (b.typ == engine.Date || b.typ == engine.Long):
		t.typ = engine.Long
		if b.typ == engine.Long {
			t.typ = engine.Date
		}
	case dates && t.op == opAdd && (a.typ == engine.Long || b.typ == engine.Long):
		t.typ = engine.Date
	default:
		a, b = c.wantNumber(a, operator), c.wantNumber(b, operator)
		t.args[0], t.args[1] = a, b
		switch {
		case t.op == opDiv || t.op == opPow:
			t.typ = engine.Double
		case t.op == opMod && (a.typ == engine.Double || b.typ == engine.Double):
			return c.fail(t.span, "", "%% needs whole numbers")
		case a.typ == 0 || b.typ == 0:
			t.typ = 0
		case a.typ == engine.Long && b.typ == engine.Long:
			t.typ = engine.Long
		default:
			t.typ = engine.Double
		}
	}
	return c.fold(t)
}

// fold replaces a term of constants by its value.
func (c *checker) fold(t *term) *term {
	if len(c.mistakes) > 0 {
		return t
	}
	switch t.op {
	case opAnd, opOr:
		return foldLogical(t)
	case opNot:
		if a := t.args[0]; a.op == opNot { // not not x, as a test
			if a.args[0].typ == engine.Bool && a.args[0].neverNil() {
				return a.args[0]
			}
		}
	case opSlot, opElement, opVariable, opLet, opCall, opInSet, opConst:
		return t
	}
	for _, a := range t.args {
		if a.op != opConst {
			return t
		}
	}
	if v, err := evalConst(t); err == nil && !v.IsNil() {
		return &term{op: opConst, typ: v.Kind(), span: t.span, value: v}
	}
	return t
}

// neverNil reports whether a boolean term is always true or false.
func (t *term) neverNil() bool {
	switch {
	case t.op >= opNot && t.op <= opOr, t.op >= opIsNil && t.op <= opMatches, t.op >= opAny && t.op <= opOne, t.op == opConst:
		return true
	}
	return false
}

// foldLogical drops what decides nothing and stops at what decides all.
func foldLogical(t *term) *term {
	decides := t.op == opOr
	var args []*term
	for _, a := range t.args {
		if a.op == opConst {
			if a.value.Bool() == decides {
				return constant(t.span, engine.Boolean(decides))
			}
			continue
		}
		args = append(args, a)
	}
	switch {
	case len(args) == 0:
		return constant(t.span, engine.Boolean(!decides))
	case len(args) == 1 && args[0].neverNil():
		return args[0]
	}
	t.args = args
	return t
}
