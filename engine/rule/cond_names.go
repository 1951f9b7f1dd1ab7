package rule

import (
	"slices"
	"strings"
	"time"

	"github.com/expr-lang/expr/ast"
	"github.com/seed-843b225c/reflex/engine"
)

// in checks membership: of literal elements, a list field, a range, a named list.
func (c *checker) in(n *ast.BinaryNode) *term {
	a := c.check(n.Left)
	t := &term{typ: engine.Bool, span: at(n).join(a.span), args: []*term{a}}
	switch r := n.Right.(type) {
	case *ast.ArrayNode:
		return c.inArray(t, r)
	case *ast.CallNode:
		if id, ok := r.Callee.(*ast.IdentifierNode); ok && id.Value == "list" {
			return c.inNamed(t, r)
		}
	case *ast.BinaryNode:
		if r.Operator == ".." {
			return c.inRange(t, r)
		}
	}
	b := c.check(n.Right)
	if failed(a) || failed(b) {
		return t
	}
	t.span = t.span.join(b.span)
	switch b.typ {
	case engine.List, 0:
		t.op, t.args = opInList, []*term{c.wantText(a, "in"), b}
		return c.fold(t)
	case engine.Keyword:
		return c.fail(b.span, "did you mean "+c.text(b)+" contains "+c.text(a)+"?", "%s is a text, not a list", c.text(b))
	}
	return c.fail(b.span, `lists are ["a", "b"], list("name") or a field that is a list`, "%s is %s, not a list", c.text(b), typeWord(b.typ))
}

func (c *checker) inArray(t *term, n *ast.ArrayNode) *term {
	a := t.args[0]
	t.span = t.span.join(at(n))
	if len(n.Nodes) == 0 {
		return c.fail(at(n), "", "the list is empty")
	}
	if a.typ == engine.List {
		return c.fail(a.span, "any("+c.text(a)+", # in [...])", "%s is a list itself", c.text(a))
	}
	t.op = opInValues
	for _, e := range n.Nodes {
		x := c.check(e)
		t.span = t.span.join(x.span)
		if failed(x) || failed(a) {
			continue
		}
		if x = c.adaptTo(x, a.typ); failed(x) {
			continue
		}
		switch {
		case x.isNil():
			c.fail(x.span, "test presence with == nil", "nil is in no list")
			continue
		case !c.comparable(a, x):
			c.mismatch(a, x)
			continue
		case x.op != opConst:
			t.op = opInTerms
		}
		t.args = append(t.args, x)
	}
	if len(c.mistakes) > 0 {
		return t
	}
	if t.op == opInValues {
		for _, x := range t.args[1:] {
			t.elems = append(t.elems, x.value)
		}
		t.args = t.args[:1]
	}
	return c.fold(t)
}

// inRange is x in 1..5.
func (c *checker) inRange(t *term, n *ast.BinaryNode) *term {
	lo, hi := c.check(n.Left), c.check(n.Right)
	a := c.wantNumber(t.args[0], "in")
	t.span = t.span.join(lo.span).join(hi.span)
	if failed(lo) || failed(hi) || failed(a) {
		return t
	}
	if !lo.isConst() || !hi.isConst() || lo.typ != engine.Long || hi.typ != engine.Long {
		return c.fail(at(n), "use >= and <=", "a range is made of two whole numbers")
	}
	return c.fold(&term{op: opAnd, typ: engine.Bool, span: t.span, args: []*term{
		{op: opGreaterEqual, typ: engine.Bool, span: t.span, args: []*term{a, lo}},
		{op: opLessEqual, typ: engine.Bool, span: t.span, args: []*term{a, hi}},
	}})
}

// inNamed is x in list("name").
func (c *checker) inNamed(t *term, n *ast.CallNode) *term {
	t.op = opInSet
	t.span = t.span.join(at(n))
	if len(n.Arguments) != 1 {
		return c.fail(at(n), `write list("name")`, "list takes one name")
	}
	arg := c.check(n.Arguments[0])
	if failed(arg) {
		return t
	}
	t.span = t.span.join(arg.span)
	name, ok := arg.constText()
	if !ok {
		return c.fail(arg.span, "", "the name of a list must be a constant text")
	}
	set, ok := engine.Set(nil), false
	var names []string
	if c.env.lists != nil {
		set, ok = c.env.lists.List(name)
		names = c.env.lists.Names()
	}
	if !ok {
		return c.fail(arg.span, didYouMean(name, names), "no list is named %s", name)
	}
	t.name, t.set = name, set
	if a := t.args[0]; a.typ == engine.List {
		return c.fail(a.span, "any("+c.text(a)+`, # in list("`+name+`"))`, "%s is a list itself", c.text(a))
	}
	return t
}

// function checks a call.
func (c *checker) function(n ast.Node, name string, nodes []ast.Node) *term {
	if l, ok := loopOps[name]; ok {
		return c.loop(n, name, l.op, l.result, nodes)
	}
	args := make([]*term, len(nodes))
	place := at(n)
	bad := false
	for i, a := range nodes {
		args[i] = c.check(a)
		place = place.join(args[i].span)
		bad = bad || failed(args[i])
	}
	switch name {
	case "list":
		return c.fail(at(n), `write x in list("name")`, "list(..) stands only behind `in`")
	case "date", "duration":
		if bad {
			return &term{op: opConst, span: place, name: "mistake"}
		}
		return c.literalTime(name, place, args)
	}
	for _, f := range c.env.functions {
		if f.Name == name {
			return c.call(f, at(n), place, args, bad)
		}
	}
	if f := builtinByName(name); f != nil {
		return c.builtin(f, at(n), place, args, bad)
	}
	switch name {
	case "now", "timezone":
		return c.fail(at(n), "use @timestamp, or age()", "%s() is not in the language: rules see event time only", name)
	case "fromJSON", "toJSON":
		return c.fail(at(n), "reach into the record with raw.<path>", "%s() is not in the language", name)
	}
	return c.fail(at(n), didYouMean(name, c.functionNames()), "no function is named %s", name)
}

func (c *checker) functionNames() []string {
	names := []string{"list", "date", "duration"}
	for n := range loopOps {
		names = append(names, n)
	}
	for _, f := range builtinFuncs {
		names = append(names, f.name)
	}
	for _, f := range c.env.functions {
		names = append(names, f.Name)
	}
	slices.Sort(names)
	return names
}

// literalTime is date("2026-01-31") or duration("90m").
func (c *checker) literalTime(name string, place span, args []*term) *term {
	s, ok := "", false
	if len(args) == 1 {
		s, ok = args[0].constText()
	}
	if !ok {
		return c.fail(place, "", "%s takes one constant text", name)
	}
	if name == "duration" {
		d, err := time.ParseDuration(s)
		if err != nil {
			return c.fail(args[0].span, `write it as "90m" or "1h30m"`, "%q is not a duration", s)
		}
		return constant(place, engine.Int(int64(d)))
	}
	v, ok := parseDate(s)
	if !ok {
		return c.fail(args[0].span, `write it as "2026-01-31" or "2026-01-31T08:30:00Z"`, "%q is not a date", s)
	}
	return constant(place, v)
}

// loop checks any(list, predicate) and its like.
func (c *checker) loop(n ast.Node, name string, o op, result engine.Type, nodes []ast.Node) *term {
	t := &term{op: o, typ: result, span: at(n), name: name}
	if len(nodes) != 2 {
		for _, a := range nodes {
			if _, ok := a.(*ast.PredicateNode); !ok {
				c.check(a)
			}
		}
		return c.fail(at(n), "write "+name+"(list, # == ...)", "%s takes a list and a test of its elements", name)
	}
	list := c.check(nodes[0])
	if list.typ != engine.List && (list.typ != 0 || list.isNil()) && !failed(list) {
		list = c.fail(list.span, "", "%s goes over a list, and %s is %s", name, c.text(list), typeWord(list.typ))
	}
	if c.depth == 2 {
		return c.fail(at(n), "", "more than two loops inside one another")
	}
	c.depth++
	body := nodes[1]
	if p, ok := body.(*ast.PredicateNode); ok {
		body = p.Node
	}
	test := c.check(body)
	if o == opMap {
		test = c.wantText(test, "map")
	} else {
		test = c.wantBool(test)
	}
	c.depth--
	t.args = []*term{list, test}
	t.span = t.span.join(list.span).join(test.span)
	return t
}

// builtin checks a call of a function of the table.
func (c *checker) builtin(f *builtinFunc, name, place span, args []*term, bad bool) *term {
	t := &term{op: opBuiltin, typ: f.result, span: place, args: args, name: f.name, fn: f}
	if len(args) < f.least || len(args) > len(f.params) {
		return c.fail(name, "", "%s takes %s, not %d", f.name, arity(f.least, len(f.params)), len(args))
	}
	if bad {
		return t
	}
	for i, a := range args {
		want := f.params[i]
		if want == 0 && !a.isNil() || a.typ == want || want == number && a.typ == engine.Long || a.typ == 0 && !a.isNil() {
			continue
		}
		return c.fail(a.span, "", "%s wants %s, and %s is %s", f.name, typeWord(want), c.text(a), typeWord(a.typ))
	}
	if f.name == "len" && args[0].typ != 0 && args[0].typ != engine.Keyword && args[0].typ != engine.List {
		return c.fail(args[0].span, "", "len wants a text or a list, and %s is %s", c.text(args[0]), typeWord(args[0].typ))
	}
	if f.result == number && f.name != "floor" && f.name != "ceil" && f.name != "round" {
		t.typ = sameNumber(args)
	}
	if f.call == nil {
		return t
	}
	return c.fold(t)
}

// sameNumber is the type of abs, min and max: that of their arguments.
func sameNumber(args []*term) engine.Type {
	for _, a := range args[1:] {
		if a.typ != args[0].typ {
			return 0
		}
	}
	return args[0].typ
}

func arity(least, most int) string {
	word := func(n int) string { return [...]string{"no", "one", "two", "three"}[min(n, 3)] }
	if least == most {
		if least == 1 {
			return "one argument"
		}
		return word(least) + " arguments"
	}
	return word(least) + " to " + word(most) + " arguments"
}

// call checks and binds a call of a function handed to Compile.
func (c *checker) call(f engine.Func, name, place span, args []*term, bad bool) *term {
	t := &term{op: opCall, typ: f.Result, span: place, args: args, name: f.Name, nets: f.Networks}
	least, most := 0, len(f.Params)
	for _, p := range f.Params {
		if !p.Optional && !p.Variadic {
			least++
		}
		if p.Variadic {
			most = 1 << 10
		}
	}
	if len(args) < least || len(args) > most {
		return c.fail(name, "", "%s takes %s, not %d", signature(f), arguments(least, most), len(args))
	}
	if bad {
		return t
	}
	bound := make([]engine.Arg, len(args))
	for i, a := range args {
		p := f.Params[min(i, len(f.Params)-1)]
		a = c.argument(f, p, a, i)
		if failed(a) {
			return a
		}
		args[i] = a
		bound[i] = engine.Arg{Const: a.op == opConst, Value: a.value}
		t.param = append(t.param, p)
	}
	call, err := f.Bind(bound)
	if err != nil {
		return c.bindMistake(args, name, err)
	}
	t.call = call
	return t
}

// argument checks one argument against its parameter.
func (c *checker) argument(f engine.Func, p engine.Param, a *term, i int) *term {
	switch {
	case a.isNil():
		return c.fail(a.span, "", "%s: %s cannot be nil", f.Name, p.Name)
	case p.Const || p.Variadic:
		if a.op != opConst {
			return c.fail(a.span, "", "%s: %s must be a constant", f.Name, p.Name)
		}
	case i >= 3:
		return c.fail(a.span, "", "%s: only three arguments may come from the event", f.Name)
	}
	if a.op == opConst && a.typ != p.Type && p.Type != 0 {
		if v := coerce(a.value, p.Type); !v.IsNil() {
			return constant(a.span, v)
		}
		if p.Type == engine.IP && a.typ == engine.Keyword {
			return c.fail(a.span, "", "%q is not an address", a.value.Str())
		}
	}
	if p.Type == 0 || a.typ == 0 || a.typ == p.Type || p.Type == engine.Double && a.typ == engine.Long {
		return a
	}
	return c.fail(a.span, "", "%s wants %s for %s, and %s is %s", f.Name, typeWord(p.Type), p.Name, c.text(a), typeWord(a.typ))
}

// bindMistake puts the error of Bind under the constant it quotes, else under
// the first constant, else under the function.
func (c *checker) bindMistake(args []*term, name span, err error) *term {
	place := name
	for i := len(args) - 1; i >= 0; i-- {
		if args[i].op == opConst {
			place = args[i].span
			if s, ok := args[i].constText(); ok && s != "" && strings.Contains(err.Error(), s) {
				break
			}
		}
	}
	return c.fail(place, "", "%s", err)
}

// signature writes a function as the manual does: cidr(ip, networks...).
func signature(f engine.Func) string {
	var b strings.Builder
	b.WriteString(f.Name + "(")
	for i, p := range f.Params {
		if i > 0 {
			b.WriteString(", ")
		}
		b.WriteString(p.Name)
		if p.Variadic {
			b.WriteString("...")
		}
		if p.Optional {
			b.WriteString("?")
		}
	}
	return b.String() + ")"
}

func arguments(least, most int) string {
	if most > 3 {
		return "at least " + strings.Replace(arity(least, least), "arguments", "argument(s)", 1)
	}
	return arity(least, most)
}
