package rule

import (
	"strings"

	"github.com/expr-lang/expr/file"
	"github.com/expr-lang/expr/parser/lexer"
	"github.com/seed-843b225c/reflex/engine"
)

// Explained is one part of an expression with what it gave on an event.
type Explained struct {
	From, To  int    // place in the source, in characters; To is behind the last
	Line, Col int    // place in the file, from 1; 0 without a file
	Text      string // as written
	Depth     int    // 0: the whole
	// Test: true or false was wanted, and Truth is which (nil counts as false).
	Test, Truth bool
	Value       engine.Value // what it gave; nil: missing
	// Idle: the parts before it had decided already; Value is what it would have given.
	Idle bool
	Err  error // why it gave nothing
}

// Explain gives the whole expression and every part of it that is not constant,
// each part behind the one it belongs to. What depends on # or on a name bound
// by let is not taken apart. Slow: for `rules explain`, not for streams.
func (c *Cond) Explain(ev *engine.Event) []Explained {
	e := &explainer{p: c.program, ev: ev, runes: []rune(c.source)}
	e.pairs = brackets(c.source)
	e.part(c.root, 0, true, false)
	return e.out
}

// explainer collects the parts.
type explainer struct {
	p     *program
	ev    *engine.Event
	runes []rune
	pairs []pair
	out   []Explained
}

// part explains a term and what is below it; it reports its truth.
func (e *explainer) part(t *term, depth int, wanted, idle bool) bool {
	if t.op == opConst && depth > 0 {
		return t.value.Bool()
	}
	at := e.whole(t.span)
	x := Explained{From: at.from, To: at.to, Text: string(e.runes[at.from:at.to]), Depth: depth, Idle: idle}
	x.Line, x.Col = e.p.pos.At(at.from)
	x.Test = wanted || t.neverNil()
	x.Value, x.Err = evaluate(t, e.ev)
	x.Truth = x.Test && x.Value.Bool()
	e.out = append(e.out, x)
	switch {
	case t.op == opAnd && t.args[0].span == t.span: // a range is one part
		e.part(t.args[0].args[0], depth+1, false, idle)
	case t.op == opAnd || t.op == opOr:
		for _, a := range t.args {
			truth := e.part(a, depth+1, true, idle)
			idle = idle || truth == (t.op == opOr)
		}
	case t.op == opIf:
		c := e.part(t.args[0], depth+1, true, idle)
		e.part(t.args[1], depth+1, wanted, idle || !c)
		e.part(t.args[2], depth+1, wanted, idle || c)
	case t.loops():
		e.part(t.args[0], depth+1, false, idle)
	case t.op == opLet:
		e.part(t.args[0], depth+1, false, idle)
	case t.op == opNot && e.whole(t.args[0].span) == at: // `not in` and `!= nil` are one part
		for _, a := range t.args[0].args {
			e.part(a, depth+1, false, idle)
		}
	default:
		for _, a := range t.args {
			e.part(a, depth+1, t.op == opNot, idle)
		}
	}
	return x.Value.Bool()
}

// evaluate runs one term alone.
func evaluate(t *term, ev *engine.Event) (engine.Value, error) {
	return newNumProgram("", Position{}, t).value(ev)
}

// whole widens a span until its brackets are whole: the ones of a call, and the
// ones around its first or last part.
func (e *explainer) whole(s span) span {
	for changed := true; changed; {
		changed = false
		for _, p := range e.pairs {
			open, shut := p.open >= s.from && p.open < s.to, p.shut >= s.from && p.shut < s.to
			if open != shut || p.call && p.open == s.to && p.name >= s.from {
				s = s.join(span{p.open, p.shut + 1})
				changed = changed || open != shut || p.shut+1 > s.to
			}
		}
	}
	return span{s.from, min(s.to, len(e.runes))}
}

// pair is a pair of brackets, by the places of its signs.
type pair struct {
	open, shut int
	call       bool // a name stands right before it
	name       int  // where that name begins
}

// brackets finds the pairs of a source that parses.
func brackets(src string) []pair {
	tokens, err := lexer.Lex(file.NewSource(spellTimestamp(src)))
	if err != nil {
		return nil
	}
	var out []pair
	var open []int
	for i, t := range tokens {
		if t.Kind != lexer.Bracket {
			continue
		}
		if strings.Contains("([{", t.Value) {
			p := pair{open: t.From, shut: t.From}
			if i > 0 && tokens[i-1].Kind == lexer.Identifier && t.Value == "(" {
				p.call, p.name = true, tokens[i-1].From
			}
			open = append(open, len(out))
			out = append(out, p)
		} else if len(open) > 0 {
			out[open[len(open)-1]].shut = t.From
			open = open[:len(open)-1]
		}
	}
	return out
}
