package rule

import (
	"maps"
	"strings"
)

// presentIf gives the slots that must hold a value for a term to be true (or
// false).
func presentIf(t *term, truth bool) map[int]bool {
	switch {
	case t.op == opNot:
		return presentIf(t.args[0], !truth)
	case t.op == opAnd && truth, t.op == opOr && !truth:
		out := map[int]bool{}
		for _, a := range t.args {
			maps.Copy(out, presentIf(a, truth))
		}
		return out
	case t.op == opAnd || t.op == opOr:
		out := presentIf(t.args[0], truth)
		for _, a := range t.args[1:] {
			other := presentIf(a, truth)
			maps.DeleteFunc(out, func(s int, _ bool) bool { return !other[s] })
		}
		return out
	case t.op == opIsNil && !truth:
		return presentFor(t.args[0])
	case t.op == opIsNil, t.op == opIf, t.op == opCoalesce, t.op == opLet:
		return nil
	case t.op == opUnequal && !truth, t.op != opUnequal && truth:
		return presentFor(t)
	}
	return nil
}

// presentFor gives the slots without which a term is nil or, of a positive
// test, false.
func presentFor(t *term) map[int]bool {
	out := map[int]bool{}
	switch {
	case t.op == opSlot:
		out[t.slot] = true
		return out
	case t.op == opInTerms:
		return presentFor(t.args[0])
	case t.loops():
		return presentFor(t.args[0]) // the predicate may not even run
	case t.op == opNot, t.op == opAnd, t.op == opOr, t.op == opIsNil, t.op == opUnequal,
		t.op == opIf, t.op == opCoalesce, t.op == opLet, t.op == opConst:
		return out
	}
	for i, a := range t.args {
		if t.op == opCall && (t.param[i].Optional || t.param[i].Variadic) {
			continue
		}
		maps.Copy(out, presentFor(a))
	}
	return out
}

// warnAbsent warns of negated tests that hold on every event without the field
// because nothing beside them asks for its presence.
func (c *checker) warnAbsent(t *term) { c.absent(t, nil) }

func (c *checker) absent(t *term, known map[int]bool) {
	switch t.op {
	case opAnd, opOr:
		// beside the others of the chain: all true in an and, all false in an or
		for i, a := range t.args {
			now := map[int]bool{}
			maps.Copy(now, known)
			for j, b := range t.args {
				if i != j {
					maps.Copy(now, presentIf(b, t.op == opAnd))
				}
			}
			c.absent(a, now)
		}
	case opNot:
		if a := t.args[0]; a.op != opIsNil && a.op != opAnd && a.op != opOr && a.op != opNot {
			c.warnMissing(t, a, known)
		}
	case opUnequal:
		c.warnMissing(t, t, known)
	}
}

func (c *checker) warnMissing(t, tested *term, known map[int]bool) {
	read := map[int]bool{}
	if tested.op == opUnequal {
		for _, a := range tested.args {
			maps.Copy(read, presentFor(a))
		}
	} else {
		read = presentFor(tested)
	}
	var names []string
	tested.walk(func(x *term) bool {
		if x.op == opSlot && read[x.slot] && !known[x.slot] && !strings.HasPrefix(x.name, "event.") {
			names = append(names, x.name)
			known = mapsWith(known, x.slot)
		}
		return true
	})
	if len(names) > 0 {
		c.warn(t.span, "add "+names[0]+" != nil and, or write it the positive way",
			"this holds on every event without %s", strings.Join(names, " or "))
	}
}

func mapsWith(m map[int]bool, slot int) map[int]bool {
	out := map[int]bool{slot: true}
	maps.Copy(out, m)
	return out
}
