package rule

import (
	"fmt"
	"strings"
	"time"

	"github.com/expr-lang/expr/ast"
	"github.com/expr-lang/expr/file"
	"github.com/seed-843b225c/reflex/engine"
)

// condEnv is what an expression may name.
type condEnv struct {
	layout    *engine.Layout // fields are demanded here as they are read
	functions []engine.Func
	lists     engine.Lists
	// extra are names beyond registry fields and raw paths: key.<name> in
	// level_when of a sequence, with the slot that holds it.
	extra map[string]extraName
	// denied are registry fields that may not be read here, with the reason to
	// show (measure outside level_when of a count).
	denied map[string]string
}

// extraName is one name of condEnv.extra.
type extraName struct {
	slot int
	typ  engine.Type
}

// checker turns expr's tree into terms and collects every mistake on the way.
type checker struct {
	pos      Position
	env      *condEnv
	mistakes []Mistake
	vars     []variable
	depth    int // loops around the present term
}

// variable is a name bound by let.
type variable struct {
	name string
	typ  engine.Type
}

// fail reports a mistake at a place and stands in for the term, so that the
// rest of the expression is checked too.
func (c *checker) fail(at span, hint, format string, args ...any) *term {
	c.mistakes = append(c.mistakes, c.pos.Mistake(at.from, hint, format, args...))
	return &term{op: opConst, span: at, name: "mistake"}
}

// failed reports whether the term stands for a mistake already reported.
func failed(t *term) bool { return t.name == "mistake" && t.isNil() }

func at(n ast.Node) span { return spanOf(n.Location()) }

func spanOf(l file.Location) span { return span{l.From, max(l.To, l.From)} }

// check turns a node into a term.
func (c *checker) check(n ast.Node) *term {
	switch n := n.(type) {
	case *ast.NilNode:
		return &term{op: opConst, span: at(n)}
	case *ast.IntegerNode:
		return constant(at(n), engine.Int(int64(n.Value)))
	case *ast.FloatNode:
		return constant(at(n), engine.Float(n.Value))
	case *ast.BoolNode:
		return constant(at(n), engine.Boolean(n.Value))
	case *ast.StringNode:
		return constant(at(n), engine.String(n.Value))
	case *ast.IdentifierNode, *ast.MemberNode:
		return c.field(n)
	case *ast.ChainNode:
		return c.check(n.Node)
	case *ast.PointerNode:
		return c.element(n)
	case *ast.UnaryNode:
		return c.unary(n)
	case *ast.BinaryNode:
		return c.binary(n)
	case *ast.ConditionalNode:
		return c.conditional(n)
	case *ast.VariableDeclaratorNode:
		return c.let(n)
	case *ast.ArrayNode:
		return c.array(n)
	case *ast.BuiltinNode:
		return c.function(n, n.Name, n.Arguments)
	case *ast.CallNode:
		if id, ok := n.Callee.(*ast.IdentifierNode); ok {
			return c.function(n, id.Value, n.Arguments)
		}
		return c.fail(at(n), "", "fields have no methods")
	case *ast.SliceNode:
		return c.fail(at(n), "see split, first, last, startsWith", "pieces of a text or list by number are not in the language")
	case *ast.MapNode:
		return c.fail(at(n), "", "maps are not in the language")
	case *ast.SequenceNode:
		return c.fail(at(n), "join tests with and", "one condition, not several behind one another")
	case nil:
		return c.fail(span{}, "", "the expression is empty")
	}
	return c.fail(at(n), "", "this construct is not in the language")
}

func constant(at span, v engine.Value) *term {
	return &term{op: opConst, typ: v.Kind(), span: at, value: v}
}

// field resolves a dotted name.
func (c *checker) field(n ast.Node) *term {
	name, place, bad := dotted(n)
	if bad != "" {
		return c.fail(place, "", "%s", bad)
	}
	for i := len(c.vars) - 1; i >= 0; i-- {
		if c.vars[i].name == name {
			return &term{op: opVariable, typ: c.vars[i].typ, span: place, name: name}
		}
	}
	if x, ok := c.env.extra[name]; ok {
		return &term{op: opSlot, typ: x.typ, span: place, slot: x.slot, name: name}
	}
	if why, ok := c.env.denied[name]; ok {
		return c.fail(place, "", "%s: %s", name, why)
	}
	slot, err := c.env.layout.Demand(name)
	if err != nil {
		return c.unknownName(name, place)
	}
	t := &term{op: opSlot, span: place, slot: slot, name: name}
	if f, ok := engine.LookupField(name); ok {
		t.typ = f.Type()
	}
	return t
}

func (c *checker) unknownName(name string, place span) *term {
	switch {
	case name == "raw":
		return c.fail(place, "write raw.<path>, such as raw.requestParameters.roleArn", "raw needs a path into the record")
	case strings.EqualFold(name, "and"), strings.EqualFold(name, "or"), strings.EqualFold(name, "not"):
		return c.fail(place, "write "+strings.ToLower(name), "no field is named %s", name)
	case strings.EqualFold(name, "null"), strings.EqualFold(name, "none"):
		return c.fail(place, "write nil", "no field is named %s", name)
	}
	var valid []string
	for _, d := range engine.Fields() {
		if _, no := c.env.denied[d.Name]; !no {
			valid = append(valid, d.Name)
		}
	}
	for x := range c.env.extra {
		valid = append(valid, x)
	}
	for _, v := range c.vars {
		valid = append(valid, v.name)
	}
	return c.fail(place, didYouMean(name, valid), "no field is named %s", name)
}

// dotted gives the name that a chain of members spells, or what is wrong with it.
func dotted(n ast.Node) (name string, place span, bad string) {
	switch n := n.(type) {
	case *ast.IdentifierNode:
		if n.Value == timestampStandIn {
			return "@timestamp", at(n), ""
		}
		return n.Value, at(n), ""
	case *ast.ChainNode:
		return dotted(n.Node)
	case *ast.MemberNode:
		name, place, bad = dotted(n.Node)
		if bad != "" {
			return name, place, bad
		}
		key, ok := n.Property.(*ast.StringNode)
		if !ok {
			return name, at(n), "elements by number are not in the language; test lists with any, all, in or first"
		}
		place = place.join(at(n.Property))
		if strings.Contains(key.Value, ".") || key.Value == "" {
			return name, at(n.Property), fmt.Sprintf("a key with a dot in it (%q) cannot be reached", key.Value)
		}
		return name + "." + key.Value, place, ""
	case *ast.PointerNode:
		return "", at(n), "elements of a list are texts and have no fields"
	}
	return "", at(n), "only fields have parts"
}

func (c *checker) element(n *ast.PointerNode) *term {
	switch {
	case c.depth == 0:
		return c.fail(at(n), "", "# stands only inside any, all, none, one, count, filter, map and find")
	case n.Name != "":
		return c.fail(at(n), "write # alone", "#%s is not in the language", n.Name)
	}
	return &term{op: opElement, typ: engine.Keyword, span: at(n)}
}

func (c *checker) unary(n *ast.UnaryNode) *term {
	a := c.check(n.Node)
	place := at(n).join(a.span)
	switch n.Operator {
	case "not", "!":
		return c.fold(&term{op: opNot, typ: engine.Bool, span: place, args: []*term{c.wantBool(a)}})
	case "-":
		return c.fold(&term{op: opNegate, typ: a.typ, span: place, args: []*term{c.wantNumber(a, "-")}})
	}
	return c.wantNumber(a, n.Operator)
}

func (c *checker) conditional(n *ast.ConditionalNode) *term {
	t := &term{op: opIf, args: []*term{c.wantBool(c.check(n.Cond)), c.check(n.Exp1), c.check(n.Exp2)}}
	t.span = t.args[0].span.join(t.args[1].span).join(t.args[2].span)
	return c.either(t, t.args[1], t.args[2])
}

// either gives a term the type of its two outcomes.
func (c *checker) either(t, a, b *term) *term {
	switch {
	case a.typ == b.typ:
		t.typ = a.typ
	case a.isNil():
		t.typ = b.typ
	case b.isNil():
		t.typ = a.typ
	case a.typ == 0 || b.typ == 0:
	case numeric(a.typ) && numeric(b.typ):
		t.typ = engine.Double
	default:
		return c.fail(b.span, "", "the outcomes are of two types: %s and %s", typeWord(a.typ), typeWord(b.typ))
	}
	return c.fold(t)
}

func (c *checker) let(n *ast.VariableDeclaratorNode) *term {
	v := c.check(n.Value)
	c.vars = append(c.vars, variable{n.Name, v.typ})
	body := c.check(n.Expr)
	c.vars = c.vars[:len(c.vars)-1]
	return &term{op: opLet, typ: body.typ, span: at(n).join(v.span).join(body.span), name: n.Name, args: []*term{v, body}}
}

// array is a literal list away from the right side of `in`.
func (c *checker) array(n *ast.ArrayNode) *term {
	var list []string
	place := at(n)
	for _, e := range n.Nodes {
		t := c.check(e)
		place = place.join(t.span)
		s, ok := t.constText()
		if !ok && !failed(t) {
			return c.fail(t.span, "", "a list away from `in` holds constant texts only")
		}
		list = append(list, s)
	}
	if len(list) == 0 {
		return c.fail(place, "", "the list is empty")
	}
	return constant(place, engine.Strings(list...))
}

// wantBool lets through what is true or false.
func (c *checker) wantBool(t *term) *term {
	if t.typ == engine.Bool || t.typ == 0 && !t.isNil() || failed(t) {
		return t
	}
	hint := "compare it, or test presence with != nil"
	if t.isNil() {
		hint = "write false"
	}
	return c.fail(t.span, hint, "%s is %s, not true or false", c.text(t), typeWord(t.typ))
}

func (c *checker) wantNumber(t *term, operator string) *term {
	if numeric(t.typ) || t.typ == 0 && !t.isNil() || failed(t) {
		return t
	}
	return c.fail(t.span, "", "%s needs a number, and %s is %s", operator, c.text(t), typeWord(t.typ))
}

// wantText lets through texts.
func (c *checker) wantText(t *term, operator string) *term {
	if t.typ == engine.Keyword || t.typ == 0 && !t.isNil() || failed(t) {
		return t
	}
	hint := ""
	switch t.typ {
	case engine.List:
		hint = "any(" + c.text(t) + ", # " + operator + " ...)"
	case engine.IP:
		hint = "test addresses with cidr(), known() or in list(..)"
	}
	return c.fail(t.span, hint, "%s needs a text, and %s is %s", operator, c.text(t), typeWord(t.typ))
}

// text gives how a term is written, for messages.
func (c *checker) text(t *term) string {
	switch {
	case t.op == opSlot || t.op == opVariable:
		return t.name
	case t.op == opElement:
		return "#"
	case t.isNil():
		return "nil"
	case t.op == opConst && t.value.Kind() == engine.Keyword:
		return fmt.Sprintf("%q", t.value.Str())
	case t.op == opConst:
		return t.value.Text()
	}
	return "this"
}

func numeric(t engine.Type) bool { return t == engine.Long || t == engine.Double }

// typeWord says a type in a sentence.
func typeWord(t engine.Type) string {
	switch t {
	case engine.Keyword:
		return "a text"
	case engine.IP:
		return "an address"
	case engine.Long, engine.Double:
		return "a number"
	case engine.Bool:
		return "true or false"
	case engine.Date:
		return "a date"
	case engine.List:
		return "a list"
	}
	return "nil"
}

// parseDate reads a constant date: RFC 3339, or a day in UTC.
func parseDate(s string) (engine.Value, bool) {
	for _, layout := range []string{time.RFC3339Nano, "2006-01-02"} {
		if t, err := time.Parse(layout, s); err == nil && t.Year() > 1678 && t.Year() < 2262 {
			return engine.Instant(t.UnixNano()), true
		}
	}
	return null, false
}
