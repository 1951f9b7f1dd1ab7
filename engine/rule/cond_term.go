package rule

import "github.com/seed-843b225c/reflex/engine"

// op says what a term does.
type op uint8

// The operations of a checked expression.
const (
	opConst    op = iota // value; nil when value is nil
	opSlot               // the event's value in slot
	opElement            // # inside any, all, ...
	opVariable           // a name bound by let; VM only
	opLet                // args: value, body; VM only

	opNot      // args: boolean
	opAnd      // args: two or more booleans
	opOr       // args: two or more booleans
	opIf       // args: boolean, then, else
	opCoalesce // args: value, value when that is nil

	opIsNil // args: value
	opEqual // args: two values
	opUnequal
	opLess
	opLessEqual
	opGreater
	opGreaterEqual

	opInValues // args: value; the constants stand in elems
	opInTerms  // args: value, then the elements
	opInList   // args: value, list
	opInSet    // args: value; the named list is set

	opContains // args: text, text
	opStarts
	opEnds
	opMatches // args: text; the pattern is re

	opAdd
	opSub
	opMul
	opDiv
	opMod
	opPow
	opNegate

	opAny // args: list, predicate
	opAll
	opNone
	opOne
	opCount
	opFilter // VM only, as the next two
	opMap
	opFind

	opCall    // a function handed to Compile, bound to call
	opBuiltin // a function of expr or of this package: fn
)

// term is one node of a checked expression: names are slots, types agree,
// constants are parsed. Closures, VM program, index and explanation are all
// made from it. Immutable once checked.
type term struct {
	op   op
	typ  engine.Type // 0: known only with the event (raw paths, nil)
	span span        // place in the source, brackets not counted
	args []*term

	name  string         // opSlot, opCall, opBuiltin, opVariable, opLet; the list of opInSet
	value engine.Value   // opConst
	slot  int            // opSlot
	elems []engine.Value // opInValues
	set   engine.Set     // opInSet
	call  engine.Call    // opCall
	param []engine.Param // opCall, one for each of args
	nets  bool           // opCall: engine.Func.Networks
	fn    *builtinFunc   // opBuiltin
	re    *pattern       // opMatches
}

// span is a range of characters (runes) of the source.
type span struct{ from, to int }

func (s span) join(o span) span { return span{min(s.from, o.from), max(s.to, o.to)} }

func (t *term) isNil() bool   { return t.op == opConst && t.value.IsNil() }
func (t *term) isConst() bool { return t.op == opConst && !t.value.IsNil() }

// constText gives a constant text.
func (t *term) constText() (string, bool) {
	return t.value.Str(), t.op == opConst && t.value.Kind() == engine.Keyword
}

// loops reports whether the term runs its second argument for each element of
// its first.
func (t *term) loops() bool { return t.op >= opAny && t.op <= opFind }

// walk calls f with the term and all below it until f returns false for one.
func (t *term) walk(f func(*term) bool) bool {
	if !f(t) {
		return false
	}
	for _, a := range t.args {
		if !a.walk(f) {
			return false
		}
	}
	return true
}

// slots adds the slots that the term reads to a set.
func (t *term) slots(into map[int]bool) {
	t.walk(func(t *term) bool {
		if t.op == opSlot {
			into[t.slot] = true
		}
		return true
	})
}

// elementFree reports whether the term's value does not depend on # of a loop
// around it, nor on a let around it.
func (t *term) elementFree() bool {
	switch {
	case t.op == opElement || t.op == opVariable:
		return false
	case t.loops():
		return t.args[0].elementFree()
	case t.op == opLet:
		return t.args[0].elementFree() && bodyFree(t.args[1], t.name)
	}
	for _, a := range t.args {
		if !a.elementFree() {
			return false
		}
	}
	return true
}

// bodyFree reports whether a let's body reads nothing bound outside but its own name.
func bodyFree(t *term, name string) bool {
	if t.op == opVariable {
		return t.name == name
	}
	if t.op == opElement {
		return false
	}
	for _, a := range t.args {
		if !bodyFree(a, name) {
			return false
		}
	}
	return true
}
