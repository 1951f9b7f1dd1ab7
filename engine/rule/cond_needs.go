package rule

import (
	"net/netip"

	"github.com/seed-843b225c/reflex/engine"
)

// Needs are the necessary parts of a condition, for the index: every clause
// must hold wherever the condition does. No clauses: nothing is known.
type Needs []Clause

// Clause is a choice: at least one of its atoms holds.
type Clause []Atom

// AtomKind says what an atom asks of its slot's value.
type AtomKind uint8

// The kinds of atoms, from telling much to telling little.
const (
	AtomEqual    AtomKind = iota // is Value; two numbers are equal by their float
	AtomNetwork                  // is an address in Network
	AtomPrefix                   // is a text that begins with Value
	AtomContains                 // is a text that holds Value
	AtomPresent                  // is not nil
)

// Atom is one necessary part.
type Atom struct {
	Slot  int
	Kind  AtomKind
	Value engine.Value
	// Network, of AtomNetwork, is masked and unmapped.
	Network netip.Prefix
	// Fold: Value is lower-case ASCII and case does not matter. A text with
	// other letters than ASCII may hold the atom without showing it.
	Fold bool
}

// Needs gives the necessary parts. Read only.
func (c *Cond) Needs() Needs { return c.needs }

// maxAtoms bounds a clause: a wider choice is of little use to an index.
const maxAtoms = 2048

func needsOf(t *term) Needs {
	n := necessary(t, true)
	for s := range presentIf(t, true) {
		n = append(n, Clause{{Slot: s, Kind: AtomPresent}})
	}
	return n
}

// necessary gives what must hold for a term to be true (or false).
func necessary(t *term, truth bool) Needs {
	switch {
	case t.op == opNot:
		return necessary(t.args[0], !truth)
	case t.op == opAnd && truth, t.op == opOr && !truth:
		var out Needs
		for _, a := range t.args {
			out = append(out, necessary(a, truth)...)
		}
		return out
	case t.op == opOr && truth, t.op == opAnd && !truth:
		return anyOf(t.args, truth)
	case t.op == opUnequal && !truth, t.op == opEqual && truth:
		return equalAtom(t)
	case t.op == opIf && truth:
		// c and a, or not c and b
		a := append(necessary(t.args[0], true), necessary(t.args[1], true)...)
		b := append(necessary(t.args[0], false), necessary(t.args[2], true)...)
		return choose(a, b)
	case !truth:
		return nil
	}
	switch t.op {
	case opInValues:
		return inAtoms(t)
	case opContains, opStarts, opEnds:
		return textAtom(t)
	case opMatches:
		return patternAtoms(t)
	case opCall:
		return networkAtoms(t)
	case opSlot:
		if t.typ == engine.Bool {
			return Needs{{{Slot: t.slot, Kind: AtomEqual, Value: engine.Boolean(true)}}}
		}
	}
	return nil
}

// anyOf gives what must hold where at least one of the terms is true (false).
func anyOf(terms []*term, truth bool) Needs {
	var out Needs
	for i, t := range terms {
		n := necessary(t, truth)
		if i == 0 {
			out = n
		} else {
			out = choose(out, n)
		}
		if len(out) == 0 {
			return nil
		}
	}
	return out
}

// choose gives clauses that hold where a or b holds: the unions of clauses that
// speak of the same slot, and the union of the two best.
func choose(a, b Needs) Needs {
	if len(a) == 0 || len(b) == 0 {
		return nil
	}
	var out Needs
	add := func(x, y Clause) {
		if len(x)+len(y) <= maxAtoms {
			out = append(out, append(append(Clause(nil), x...), y...))
		}
	}
	for _, x := range a {
		for _, y := range b {
			if len(out) < 8 && x[0].Slot == y[0].Slot && x[0].Kind == y[0].Kind {
				add(x, y)
			}
		}
	}
	if len(out) == 0 {
		add(best(a), best(b))
	}
	return out
}

// best prefers equality, then prefixes, then literals, then the shorter clause.
func best(n Needs) Clause {
	out := n[0]
	for _, c := range n[1:] {
		if x, y := worst(c), worst(out); x < y || x == y && len(c) < len(out) {
			out = c
		}
	}
	return out
}

func worst(c Clause) AtomKind {
	k := AtomEqual
	for _, a := range c {
		k = max(k, a.Kind)
	}
	return k
}

// subject gives the slot that a test is about, and whether in lower case.
func subject(t *term) (slot int, fold, ok bool) {
	if t.op == opSlot {
		return t.slot, false, true
	}
	if lowered(t) && t.args[0].op == opSlot {
		return t.args[0].slot, true, true
	}
	return 0, false, false
}

func equalAtom(t *term) Needs {
	a, b := t.args[0], t.args[1]
	if a.op == opConst {
		a, b = b, a
	}
	slot, fold, ok := subject(a)
	if !ok || !b.isConst() {
		return nil
	}
	return clause(slot, fold, AtomEqual, b.value)
}

func inAtoms(t *term) Needs {
	slot, fold, ok := subject(t.args[0])
	if !ok {
		return nil
	}
	return clause(slot, fold, AtomEqual, t.elems...)
}

func textAtom(t *term) Needs {
	slot, fold, ok := subject(t.args[0])
	s, is := t.args[1].constText()
	if !ok || !is || s == "" {
		return nil
	}
	kind := AtomContains
	if t.op == opStarts && !fold {
		kind = AtomPrefix
	}
	return clause(slot, fold, kind, engine.String(s))
}

func patternAtoms(t *term) Needs {
	slot, fold, ok := subject(t.args[0])
	if !ok {
		return nil
	}
	p := t.re
	if p.prefix != "" && !fold {
		return clause(slot, false, AtomPrefix, engine.String(p.prefix))
	}
	var values []engine.Value
	for _, l := range p.lits {
		if l == "" {
			return nil
		}
		values = append(values, engine.String(l))
	}
	kind := AtomContains
	if p.plain == plainWhole {
		kind = AtomEqual
	}
	return clause(slot, fold || p.fold, kind, values...)
}

// networkAtoms is for functions like cidr(source.ip, "192.0.2.0/24").
func networkAtoms(t *term) Needs {
	if !t.nets || t.args[0].op != opSlot || t.args[0].typ != engine.IP {
		return nil
	}
	var c Clause
	for _, a := range t.args[1:] {
		s, _ := a.constText()
		p, err := netip.ParsePrefix(s)
		if addr, bad := netip.ParseAddr(s); bad == nil {
			p, err = netip.PrefixFrom(addr, addr.BitLen()), nil
		}
		if err != nil {
			return nil
		}
		if addr := p.Addr(); addr.Is4In6() {
			if p.Bits() < 96 {
				return nil
			}
			p = netip.PrefixFrom(addr.Unmap(), p.Bits()-96)
		}
		c = append(c, Atom{Slot: t.args[0].slot, Kind: AtomNetwork, Network: p.Masked()})
	}
	if len(c) == 0 || len(c) > maxAtoms {
		return nil
	}
	return Needs{c}
}

// clause makes one clause. With fold every value must be lower-case ASCII, as
// atoms with Fold are: another value is never found in a lowered ASCII text.
func clause(slot int, fold bool, kind AtomKind, values ...engine.Value) Needs {
	var c Clause
	for _, v := range values {
		if fold {
			s := v.Str()
			if !isASCII(s) || v.Kind() != engine.Keyword {
				return nil
			}
			if kind == AtomEqual && s == "" {
				return nil
			}
			// "contains" is enough of equality for an index, and finds both
			kind = AtomContains
		}
		c = append(c, Atom{Slot: slot, Kind: kind, Value: v, Fold: fold})
	}
	if len(c) == 0 || len(c) > maxAtoms {
		return nil
	}
	return Needs{c}
}
