package rule

import (
	"fmt"
	"reflect"
	"sync"

	"github.com/expr-lang/expr/ast"
	"github.com/expr-lang/expr/builtin"
	exprcheck "github.com/expr-lang/expr/checker"
	exprcompiler "github.com/expr-lang/expr/compiler"
	"github.com/expr-lang/expr/conf"
	"github.com/expr-lang/expr/optimizer"
	"github.com/expr-lang/expr/parser"
	"github.com/expr-lang/expr/vm"
	"github.com/seed-843b225c/reflex/engine"
)

// machine is an expression as a program of expr's VM, made on first use. Terms
// become expr's tree again with every operator replaced by a call of its null
// rule; what runs the tree (and, or, not, ?:, ??, loops, let) is expr's.
//
// In the VM a text is a string, a whole number an int, a float a float64, a
// list a []any of strings; addresses and dates stay engine.Values.
type machine struct {
	root  *term
	slots []int

	once    sync.Once
	program *vm.Program
	err     error
	pool    sync.Pool // of *vmRun: a VM must never be shared
}

// vmEnv is what a program may name: the values of its slots, in the order of
// machine.slots, and the event time.
type vmEnv struct {
	V  []any
	At int
}

type vmRun struct {
	vm  vm.VM
	env vmEnv
}

// run evaluates the program on an event.
func (m *machine) run(ev *engine.Event) (engine.Value, error) {
	m.once.Do(m.compile)
	if m.err != nil {
		return null, m.err
	}
	r, _ := m.pool.Get().(*vmRun)
	if r == nil {
		r = &vmRun{env: vmEnv{V: make([]any, len(m.slots))}}
	}
	for i, s := range m.slots {
		r.env.V[i] = fromValue(ev.Values[s])
	}
	r.env.At = int(ev.Time)
	out, err := r.vm.Run(m.program, &r.env)
	if err != nil {
		return null, err // the VM is left to the collector
	}
	clear(r.env.V)
	m.pool.Put(r)
	return toValue(out), nil
}

func (m *machine) compile() {
	defer func() {
		if r := recover(); r != nil {
			m.err = fmt.Errorf("compile for the VM: %v", r)
		}
	}()
	g := &generator{place: map[int]int{}, config: conf.New(vmEnv{})}
	for i, s := range m.slots {
		g.place[s] = i
	}
	tree := &parser.Tree{Node: g.value(m.root)}
	if _, m.err = exprcheck.Check(tree, g.config); m.err != nil {
		return
	}
	if m.err = optimizer.Optimize(&tree.Node, g.config); m.err != nil {
		return
	}
	m.program, m.err = exprcompiler.Compile(tree, g.config)
}

// fromValue gives a value's form in the VM.
func fromValue(v engine.Value) any {
	switch v.Kind() {
	case 0:
		return nil
	case engine.Keyword:
		return v.Str()
	case engine.Long:
		return int(v.Int())
	case engine.Double:
		return v.Float()
	case engine.Bool:
		return v.Bool()
	case engine.List:
		list := make([]any, 0, v.Len())
		v.Each(func(s string) bool { list = append(list, s); return true })
		return list
	}
	return v
}

// toValue is the way back; what is none of ours is nil.
func toValue(x any) engine.Value {
	switch x := x.(type) {
	case string:
		return engine.String(x)
	case int:
		return engine.Int(int64(x))
	case float64:
		return engine.Float(x)
	case bool:
		return engine.Boolean(x)
	case []any:
		list := make([]string, 0, len(x))
		for _, e := range x {
			s, ok := e.(string)
			if !ok {
				return null
			}
			list = append(list, s)
		}
		return engine.Strings(list...)
	case engine.Value:
		return x
	}
	return null
}

// generator makes expr's tree from terms.
type generator struct {
	config *conf.Config
	place  map[int]int // slot to index in vmEnv.V
	names  int
}

// value generates a term; the result may be nil.
func (g *generator) value(t *term) ast.Node {
	switch t.op {
	case opConst:
		if t.value.IsNil() {
			return &ast.NilNode{}
		}
		return &ast.ConstantNode{Value: fromValue(t.value)}
	case opSlot:
		return &ast.MemberNode{Node: &ast.IdentifierNode{Value: "V"}, Property: &ast.IntegerNode{Value: g.place[t.slot]}}
	case opElement:
		return &ast.PointerNode{}
	case opVariable:
		return &ast.IdentifierNode{Value: t.name}
	case opLet:
		return &ast.VariableDeclaratorNode{Name: t.name, Value: g.value(t.args[0]), Expr: g.value(t.args[1])}
	case opNot:
		return &ast.UnaryNode{Operator: "not", Node: g.truth(t.args[0])}
	case opAnd:
		return g.chain("and", t.args)
	case opOr:
		return g.chain("or", t.args)
	case opIf:
		return &ast.ConditionalNode{Ternary: true, Cond: g.truth(t.args[0]), Exp1: g.value(t.args[1]), Exp2: g.value(t.args[2])}
	case opCoalesce:
		return &ast.BinaryNode{Operator: "??", Left: g.value(t.args[0]), Right: g.value(t.args[1])}
	case opIsNil:
		return g.native(func(p []any) any { return p[0] == nil }, t.args)
	case opAny, opAll, opNone, opOne, opCount, opFilter, opMap, opFind:
		return g.loop(t)
	case opBuiltin:
		return g.builtin(t)
	}
	return g.operator(t)
}

// truth generates a term where true or false is wanted: nil counts as false.
func (g *generator) truth(t *term) ast.Node {
	n := g.value(t)
	if t.neverNil() && t.op != opConst {
		return n
	}
	return g.function(func(p ...any) (any, error) { b, _ := p[0].(bool); return b, nil }, new(func(any) bool), n)
}

// chain generates and, or; halves keep long chains shallow.
func (g *generator) chain(operator string, args []*term) ast.Node {
	if len(args) == 1 {
		return g.truth(args[0])
	}
	half := len(args) / 2
	return &ast.BinaryNode{Operator: operator, Left: g.chain(operator, args[:half]), Right: g.chain(operator, args[half:])}
}

// function makes a call of a fresh function of the given type.
func (g *generator) function(f func(...any) (any, error), typ any, args ...ast.Node) ast.Node {
	g.names++
	name := fmt.Sprintf("f%d", g.names)
	b := &builtin.Function{Name: name, Func: f}
	b.Types = functionType(typ)
	g.config.Functions[name] = b
	return &ast.CallNode{Callee: &ast.IdentifierNode{Value: name}, Arguments: args}
}

// native makes a call of a Go function on values in their VM form.
func (g *generator) native(f func([]any) any, terms []*term) ast.Node {
	args := make([]ast.Node, len(terms))
	for i, t := range terms {
		args[i] = g.value(t)
	}
	return g.function(func(p ...any) (any, error) { return f(p), nil }, anyFunction, args...)
}

// operator generates what is decided by the functions of cond_null.go.
func (g *generator) operator(t *term) ast.Node {
	o := t.op
	var f func(v []engine.Value, at int64) any
	switch o {
	case opEqual:
		f = func(v []engine.Value, _ int64) any { return equal(v[0], v[1]) }
	case opUnequal:
		f = func(v []engine.Value, _ int64) any { return !equal(v[0], v[1]) }
	case opLess, opLessEqual, opGreater, opGreaterEqual:
		f = func(v []engine.Value, _ int64) any { return ordered(o, v[0], v[1]) }
	case opInValues:
		f = func(v []engine.Value, _ int64) any { return inValues(v[0], t.elems) }
	case opInTerms:
		f = func(v []engine.Value, _ int64) any { return inValues(v[0], v[1:]) }
	case opInList:
		f = func(v []engine.Value, _ int64) any { return inList(v[0], v[1]) }
	case opInSet:
		f = func(v []engine.Value, at int64) any { return inSet(v[0], t.set, at) }
	case opContains, opStarts, opEnds:
		f = func(v []engine.Value, _ int64) any { return textTest(o, v[0], v[1]) }
	case opMatches:
		f = func(v []engine.Value, _ int64) any {
			return v[0].Kind() == engine.Keyword && t.re.re.MatchString(v[0].Str())
		}
	case opAdd, opSub, opMul, opDiv, opMod, opPow:
		f = func(v []engine.Value, _ int64) any { return fromValue(calculate(o, v[0], v[1])) }
	case opNegate:
		f = func(v []engine.Value, _ int64) any { return fromValue(negate(v[0])) }
	case opCall:
		f = func(v []engine.Value, at int64) any { return fromValue(callByRule(t, v, at)) }
	default:
		panic(fmt.Sprintf("operation %d has no form for the VM", o))
	}
	args := []ast.Node{&ast.IdentifierNode{Value: "At"}}
	for _, a := range t.args {
		args = append(args, g.value(a))
	}
	typ := anyFunction
	if t.neverNil() {
		typ = boolFunction
	}
	return g.function(func(p ...any) (any, error) {
		v := make([]engine.Value, len(p)-1)
		for i, x := range p[1:] {
			v[i] = toValue(x)
		}
		return f(v, int64(p[0].(int))), nil
	}, typ, args...)
}

// callByRule calls a bound function by the null rule.
func callByRule(t *term, args []engine.Value, at int64) engine.Value {
	var v [3]engine.Value
	for i := range min(3, len(args)) {
		p := t.param[i]
		v[i] = coerce(args[i], p.Type)
		if v[i].IsNil() && !p.Optional && !p.Variadic {
			return null
		}
	}
	return t.call(at, v[0], v[1], v[2])
}

// loop generates expr's own loop behind a test that the list is there.
func (g *generator) loop(t *term) ast.Node {
	g.names++
	name := fmt.Sprintf("c%d", g.names)
	body := g.value
	if t.op != opMap {
		body = g.truth
	}
	var missing ast.Node = &ast.BoolNode{}
	if t.op >= opCount {
		missing = &ast.NilNode{}
	}
	list := func() ast.Node { return &ast.IdentifierNode{Value: name} }
	return &ast.VariableDeclaratorNode{
		Name:  name,
		Value: g.native(func(p []any) any { l, ok := p[0].([]any); return orNil(l, ok) }, t.args[:1]),
		Expr: &ast.ConditionalNode{
			Ternary: true,
			Cond:    g.function(func(p ...any) (any, error) { return p[0] == nil, nil }, boolFunction, list()),
			Exp1:    missing,
			Exp2:    &ast.BuiltinNode{Name: t.name, Arguments: []ast.Node{list(), &ast.PredicateNode{Node: body(t.args[1])}}},
		},
	}
}

// orNil keeps a nil slice from becoming an interface that is not nil.
func orNil(l []any, ok bool) any {
	if !ok {
		return nil
	}
	return l
}

// builtin generates a call of expr's function of that name, or of ours, behind
// a test of its arguments.
func (g *generator) builtin(t *term) ast.Node {
	f := t.fn
	theirs := g.config.Builtins[f.name]
	return g.native(func(p []any) any {
		if l, ok := p[0].([]any); ok && f.name == "len" {
			return len(l) // a filter may leave none
		}
		var v [3]engine.Value
		for i, x := range p {
			if v[i] = toValue(x); v[i].IsNil() || !fits(v[i], f.params[i]) {
				return nil
			}
		}
		if f.own {
			return fromValue(f.call(v[0], v[1], v[2]))
		}
		return native(theirs, p)
	}, t.args)
}

// native calls one of expr's functions and gives its result in VM form.
func native(f *builtin.Function, p []any) any {
	var out any
	var err error
	switch {
	case f.Fast != nil:
		out = f.Fast(p[0])
	case f.Safe != nil:
		out, _, err = f.Safe(p...)
	default:
		out, err = f.Func(p...)
	}
	if err != nil {
		panic(err)
	}
	if list, ok := out.([]string); ok {
		return fromValue(engine.Strings(list...))
	}
	return out
}

var (
	anyFunction  any = new(func(...any) any)
	boolFunction any = new(func(...any) bool)
)

func functionType(typ any) []reflect.Type { return []reflect.Type{reflect.TypeOf(typ).Elem()} }
