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
		return neededBy(t.args[0])
	case t.op == opUnequal && !truth, t.op != opUnequal && truth && t.neverNil():
		return neededByTest(t)
	case truth:
		return neededBy(t)
	}
	return nil
}

// neededByTest gives the slots without which a positive test is false.
func neededByTest(t *term) map[int]bool {
	switch {
	case t.op == opIsNil || t.op == opConst:
		return nil
	case t.op == opInTerms || t.loops():
		return neededBy(t.args[0])
	}
	out := map[int]bool{}
	for _, a := range t.args {
		maps.Copy(out, neededBy(a))
	}
	return out
}

// neededBy gives the slots without which a term is nil.
func neededBy(t *term) map[int]bool {
	switch {
	case t.op == opSlot:
		return map[int]bool{t.slot: true}
	case t.neverNil() || t.op == opIf || t.op == opCoalesce || t.op == opLet:
		return nil
	case t.loops():
		return neededBy(t.args[0])
	}
	out := map[int]bool{}
	for i, a := range t.args {
		if t.op != opCall || !t.param[i].Optional && !t.param[i].Variadic {
			maps.Copy(out, neededBy(a))
		}
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
		by := make([]map[int]bool, len(t.args))
		times := map[int]int{}
		for i, a := range t.args {
			by[i] = presentIf(a, t.op == opAnd)
			for s := range by[i] {
				times[s]++
			}
		}
		for i, a := range t.args {
			if !mayWarn(a) {
				continue
			}
			now := maps.Clone(known)
			if now == nil {
				now = map[int]bool{}
			}
			for s, n := range times {
				if n > 1 || !by[i][s] {
					now[s] = true
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

func mayWarn(t *term) bool {
	return t.op == opAnd || t.op == opOr || t.op == opNot || t.op == opUnequal
}

func (c *checker) warnMissing(t, tested *term, known map[int]bool) {
	read := neededBy(tested)
	if tested.neverNil() {
		read = neededByTest(tested)
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
