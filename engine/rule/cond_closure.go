package rule

import (
	"slices"

	"github.com/seed-843b225c/reflex/engine"
)

// test and eval are compiled terms. it is the element of the innermost loop.
// They neither keep nor change what they are given, so they may be shared.
type (
	test func(ev *engine.Event, it string) bool
	eval func(ev *engine.Event, it string) engine.Value
)

// closures compiles terms. slow is set when one of them has no closure form;
// what was compiled then must not be run.
type closures struct{ slow bool }

// test compiles a term where true or false is wanted: nil counts as false.
func (k *closures) test(t *term) test {
	switch t.op {
	case opConst:
		b := t.value.Bool()
		return func(*engine.Event, string) bool { return b }
	case opSlot:
		slot := t.slot
		return func(ev *engine.Event, _ string) bool { return ev.Values[slot].Bool() }
	case opNot:
		return k.not(t.args[0])
	case opAnd:
		return all(k.tests(t.args))
	case opOr:
		return either(k.tests(t.args))
	case opIf:
		c, a, b := k.test(t.args[0]), k.test(t.args[1]), k.test(t.args[2])
		return func(ev *engine.Event, it string) bool {
			if c(ev, it) {
				return a(ev, it)
			}
			return b(ev, it)
		}
	case opIsNil:
		return k.isNil(t.args[0])
	case opEqual:
		return k.equal(t)
	case opUnequal:
		eq := k.equal(t)
		return func(ev *engine.Event, it string) bool { return !eq(ev, it) }
	case opLess, opLessEqual, opGreater, opGreaterEqual:
		return k.ordered(t)
	case opInValues:
		return k.inValues(t)
	case opInTerms:
		v, elems := k.eval(t.args[0]), k.evals(t.args[1:])
		return func(ev *engine.Event, it string) bool {
			x := v(ev, it)
			for _, e := range elems {
				if equal(x, e(ev, it)) {
					return true
				}
			}
			return false
		}
	case opInList:
		v, list := k.eval(t.args[0]), k.eval(t.args[1])
		return func(ev *engine.Event, it string) bool { return inList(v(ev, it), list(ev, it)) }
	case opInSet:
		v, set := k.eval(t.args[0]), t.set
		return func(ev *engine.Event, it string) bool { return inSet(v(ev, it), set, ev.Time) }
	case opContains, opStarts, opEnds:
		return k.textTest(t)
	case opMatches:
		v, re := k.eval(t.args[0]), t.re
		return func(ev *engine.Event, it string) bool {
			x := v(ev, it)
			return x.Kind() == engine.Keyword && re.match(x.Str())
		}
	case opAny, opAll, opNone, opOne:
		return k.loop(t)
	}
	v := k.eval(t)
	return func(ev *engine.Event, it string) bool { return v(ev, it).Bool() }
}

// eval compiles a term for its value.
func (k *closures) eval(t *term) eval {
	switch t.op {
	case opConst:
		v := t.value
		return func(*engine.Event, string) engine.Value { return v }
	case opSlot:
		slot := t.slot
		return func(ev *engine.Event, _ string) engine.Value { return ev.Values[slot] }
	case opElement:
		return func(_ *engine.Event, it string) engine.Value { return engine.String(it) }
	case opIf:
		c, a, b := k.test(t.args[0]), k.eval(t.args[1]), k.eval(t.args[2])
		return func(ev *engine.Event, it string) engine.Value {
			if c(ev, it) {
				return a(ev, it)
			}
			return b(ev, it)
		}
	case opCoalesce:
		a, b := k.eval(t.args[0]), k.eval(t.args[1])
		return func(ev *engine.Event, it string) engine.Value {
			if v := a(ev, it); !v.IsNil() {
				return v
			}
			return b(ev, it)
		}
	case opAdd, opSub, opMul, opDiv, opMod, opPow:
		return k.calculate(t)
	case opNegate:
		a := k.eval(t.args[0])
		return func(ev *engine.Event, it string) engine.Value { return negate(a(ev, it)) }
	case opCount:
		return k.count(t)
	case opBuiltin:
		return k.builtin(t)
	case opCall:
		return k.call(t)
	case opVariable, opLet, opFilter, opMap, opFind:
		k.slow = true
		return func(*engine.Event, string) engine.Value { return null }
	}
	b := k.test(t)
	return func(ev *engine.Event, it string) engine.Value { return engine.Boolean(b(ev, it)) }
}

// calculate compiles arithmetic, with a short way for whole numbers.
func (k *closures) calculate(t *term) eval {
	o, a, b := t.op, k.eval(t.args[0]), k.eval(t.args[1])
	if t.typ != engine.Long || o == opMod {
		return func(ev *engine.Event, it string) engine.Value { return calculate(o, a(ev, it), b(ev, it)) }
	}
	return func(ev *engine.Event, it string) engine.Value {
		x, y := a(ev, it), b(ev, it)
		if x.Kind() != engine.Long || y.Kind() != engine.Long {
			return calculate(o, x, y)
		}
		switch o {
		case opAdd:
			return engine.Int(x.Int() + y.Int())
		case opSub:
			return engine.Int(x.Int() - y.Int())
		}
		return engine.Int(x.Int() * y.Int())
	}
}

func (k *closures) tests(list []*term) []test {
	out := make([]test, len(list))
	for i, t := range list {
		out[i] = k.test(t)
	}
	return out
}

func (k *closures) evals(list []*term) []eval {
	out := make([]eval, len(list))
	for i, t := range list {
		out[i] = k.eval(t)
	}
	return out
}

func all(list []test) test {
	switch len(list) {
	case 1:
		return list[0]
	case 2:
		a, b := list[0], list[1]
		return func(ev *engine.Event, it string) bool { return a(ev, it) && b(ev, it) }
	case 3:
		a, b, c := list[0], list[1], list[2]
		return func(ev *engine.Event, it string) bool { return a(ev, it) && b(ev, it) && c(ev, it) }
	}
	return func(ev *engine.Event, it string) bool {
		for _, f := range list {
			if !f(ev, it) {
				return false
			}
		}
		return true
	}
}

func either(list []test) test {
	switch len(list) {
	case 1:
		return list[0]
	case 2:
		a, b := list[0], list[1]
		return func(ev *engine.Event, it string) bool { return a(ev, it) || b(ev, it) }
	}
	return func(ev *engine.Event, it string) bool {
		for _, f := range list {
			if f(ev, it) {
				return true
			}
		}
		return false
	}
}

func (k *closures) not(a *term) test {
	if a.op == opIsNil && a.args[0].op == opSlot {
		slot := a.args[0].slot
		return func(ev *engine.Event, _ string) bool { return !ev.Values[slot].IsNil() }
	}
	f := k.test(a)
	return func(ev *engine.Event, it string) bool { return !f(ev, it) }
}

func (k *closures) isNil(a *term) test {
	if a.op == opSlot {
		slot := a.slot
		return func(ev *engine.Event, _ string) bool { return ev.Values[slot].IsNil() }
	}
	f := k.eval(a)
	return func(ev *engine.Event, it string) bool { return f(ev, it).IsNil() }
}

// equal compiles ==. A constant side is compared by kind and bits.
func (k *closures) equal(t *term) test {
	a, b := t.args[0], t.args[1]
	if a.op == opConst {
		a, b = b, a
	}
	if b.op != opConst {
		x, y := k.eval(a), k.eval(b)
		return func(ev *engine.Event, it string) bool { return equal(x(ev, it), y(ev, it)) }
	}
	want := b.value
	s := want.Str()
	switch {
	case s != "" && a.op == opSlot && a.typ != engine.IP:
		slot := a.slot
		return func(ev *engine.Event, _ string) bool { return ev.Values[slot].Str() == s }
	case s != "" && a.op == opElement:
		return func(_ *engine.Event, it string) bool { return it == s }
	case s != "" && lowered(a):
		v := k.eval(a.args[0])
		return func(ev *engine.Event, it string) bool { return lowerEqual(v(ev, it), s) }
	case a.op == opSlot && (want.Kind() == engine.IP || want.Kind() == engine.Bool || want.Kind() == engine.Date) && a.typ == want.Kind():
		slot := a.slot
		return func(ev *engine.Event, _ string) bool { return ev.Values[slot] == want }
	}
	v := k.eval(a)
	return func(ev *engine.Event, it string) bool { return equal(v(ev, it), want) }
}

// ordered compiles <, <=, > and >=.
func (k *closures) ordered(t *term) test {
	o, a, b := t.op, t.args[0], t.args[1]
	if a.op == opConst {
		a, b = b, a
		o = [...]op{opGreater, opGreaterEqual, opLess, opLessEqual}[o-opLess]
	}
	if b.op != opConst {
		x, y := k.eval(a), k.eval(b)
		return func(ev *engine.Event, it string) bool { return ordered(o, x(ev, it), y(ev, it)) }
	}
	want := b.value
	if a.op == opSlot && want.Kind() == engine.Long {
		slot, n := a.slot, want.Int()
		return func(ev *engine.Event, _ string) bool {
			v := ev.Values[slot]
			if v.Kind() != engine.Long {
				return ordered(o, v, want)
			}
			switch m := v.Int(); o {
			case opLess:
				return m < n
			case opLessEqual:
				return m <= n
			case opGreater:
				return m > n
			default:
				return m >= n
			}
		}
	}
	v := k.eval(a)
	return func(ev *engine.Event, it string) bool { return ordered(o, v(ev, it), want) }
}

// inValues compiles `in [..]`: few texts one by one, many by hash.
func (k *closures) inValues(t *term) test {
	var texts []string
	for _, e := range t.elems {
		if e.Kind() == engine.Keyword && (t.args[0].typ == engine.Keyword || t.args[0].op == opSlot) {
			texts = append(texts, e.Str())
		}
	}
	v := k.eval(t.args[0])
	switch elems := t.elems; {
	case exact(t):
		// address and date by their bits
		return func(ev *engine.Event, it string) bool { return slices.Contains(elems, v(ev, it)) }
	case len(texts) < len(elems) && len(elems) <= 8:
		return func(ev *engine.Event, it string) bool { return inValues(v(ev, it), elems) }
	case len(texts) < len(elems):
		return inMany(v, elems)
	case len(texts) <= 6:
		return func(ev *engine.Event, it string) bool {
			x := v(ev, it)
			return x.Kind() == engine.Keyword && slices.Contains(texts, x.Str())
		}
	}
	set := make(map[string]struct{}, len(texts))
	for _, s := range texts {
		set[s] = struct{}{}
	}
	return func(ev *engine.Event, it string) bool {
		x := v(ev, it)
		_, ok := set[x.Str()]
		return ok && x.Kind() == engine.Keyword
	}
}

// exact reports whether few elements and what is looked for are all addresses or
// all dates, so that equal means the same bits.
func exact(t *term) bool {
	kind := t.args[0].typ
	if kind != engine.IP && kind != engine.Date || len(t.elems) > 16 || t.args[0].op != opSlot {
		return false
	}
	return !slices.ContainsFunc(t.elems, func(e engine.Value) bool { return e.Kind() != kind })
}

// inMany is inValues for many elements of any kind. What is not found by its
// bits may still be equal: a whole number and a float, a text and an address.
func inMany(v eval, elems []engine.Value) test {
	set := make(map[engine.Value]struct{}, len(elems))
	mixed := false
	for _, e := range elems {
		set[e] = struct{}{}
		mixed = mixed || e.Kind() == engine.Double || e.Kind() != elems[0].Kind()
	}
	kind := elems[0].Kind()
	return func(ev *engine.Event, it string) bool {
		x := v(ev, it)
		if x.IsNil() {
			return false
		}
		if _, ok := set[x]; ok {
			return true
		}
		return (mixed || x.Kind() != kind) && inValues(x, elems)
	}
}
