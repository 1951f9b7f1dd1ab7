package rule

import "github.com/seed-843b225c/reflex/engine"

// loop compiles any, all, none and one.
func (k *closures) loop(t *term) test {
	list, body, inner := k.eval(t.args[0]), k.test(t.args[1]), k.inner(t.args[1])
	o := t.op
	return func(ev *engine.Event, it string) bool {
		l := list(ev, it)
		if l.Kind() != engine.List {
			return false
		}
		bound(ev, l.Len(), inner)
		found := 0
		l.Each(func(e string) bool {
			if body(ev, e) != (o == opAll) {
				found++
			}
			return found == 0 || o == opOne && found == 1
		})
		switch o {
		case opAny:
			return found > 0
		case opOne:
			return found == 1
		}
		return found == 0
	}
}

// count compiles count.
func (k *closures) count(t *term) eval {
	list, body, inner := k.eval(t.args[0]), k.test(t.args[1]), k.inner(t.args[1])
	return func(ev *engine.Event, it string) engine.Value {
		l := list(ev, it)
		if l.Kind() != engine.List {
			return null
		}
		bound(ev, l.Len(), inner)
		n := int64(0)
		l.Each(func(e string) bool {
			if body(ev, e) {
				n++
			}
			return true
		})
		return engine.Int(n)
	}
}

// inner gives the lists that a loop's body runs over for every element.
func (k *closures) inner(body *term) []eval {
	var out []eval
	body.walk(func(t *term) bool {
		switch {
		case t.loops() && t.op != opMap && t.args[0].elementFree():
			out = append(out, k.eval(t.args[0]))
		case t.op == opInList && t.args[1].elementFree():
			out = append(out, k.eval(t.args[1]))
		}
		return true
	})
	return out
}

// bound errs before a loop of n elements with loops inside visits too many pairs.
func bound(ev *engine.Event, n int, inner []eval) {
	for _, f := range inner {
		if n*f(ev, "").Len() > maxSteps {
			panic(errSteps)
		}
	}
}

// builtin compiles a function of the table.
func (k *closures) builtin(t *term) eval {
	f := t.fn
	if f.call == nil {
		k.slow = true
		return func(*engine.Event, string) engine.Value { return null }
	}
	n, args := len(t.args), k.three(t.args)
	if n == 1 {
		a, call, want := args[0], f.call, f.params[0]
		return func(ev *engine.Event, it string) engine.Value {
			v := a(ev, it)
			if v.IsNil() || !fits(v, want) {
				return null
			}
			return call(v, null, null)
		}
	}
	return func(ev *engine.Event, it string) engine.Value {
		return f.apply([3]engine.Value{args[0](ev, it), args[1](ev, it), args[2](ev, it)}, n)
	}
}

// three compiles up to three arguments; the rest are nil.
func (k *closures) three(list []*term) (out [3]eval) {
	for i := range out {
		if i < len(list) {
			out[i] = k.eval(list[i])
		} else {
			out[i] = func(*engine.Event, string) engine.Value { return null }
		}
	}
	return out
}

// argument is one argument of a call as its parameter wants it.
type argument struct {
	value    eval
	typ      engine.Type
	optional bool
	exact    bool // has the type already
}

// call compiles a call of a function handed to Compile.
func (k *closures) call(t *term) eval {
	call := t.call
	var args []argument
	for i, a := range t.args[:min(3, len(t.args))] {
		p := t.param[i]
		args = append(args, argument{k.eval(a), p.Type, p.Optional || p.Variadic, a.typ == p.Type && a.typ != 0})
	}
	if b, c, ok := constants(t); ok && args[0].exact && !args[0].optional {
		a := args[0].value
		return func(ev *engine.Event, it string) engine.Value {
			v := a(ev, it)
			if v.IsNil() {
				return null
			}
			return call(ev.Time, v, b, c)
		}
	}
	return func(ev *engine.Event, it string) engine.Value {
		var v [3]engine.Value
		for i := range args {
			a := &args[i]
			v[i] = a.value(ev, it)
			if !a.exact {
				v[i] = coerce(v[i], a.typ)
			}
			if v[i].IsNil() && !a.optional {
				return null
			}
		}
		return call(ev.Time, v[0], v[1], v[2])
	}
}

// constants gives the second and third argument where all but the first are
// constant: cidr(source.ip, "..").
func constants(t *term) (b, c engine.Value, ok bool) {
	if len(t.args) == 0 {
		return null, null, false
	}
	for i, a := range t.args[1:] {
		switch {
		case a.op != opConst:
			return null, null, false
		case i == 0:
			b = coerce(a.value, t.param[1].Type)
		case i == 1:
			c = coerce(a.value, t.param[2].Type)
		}
	}
	return b, c, true
}
