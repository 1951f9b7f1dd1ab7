package rule

import (
	"fmt"
	"slices"
	"strings"

	"github.com/seed-843b225c/reflex/engine"
)

// Cond is a compiled condition: closures over slots, with expr's VM as fallback
// and oracle. It is immutable and safe for concurrent use. The null rule stands
// in cond_null.go.
type Cond struct{ *program }

// Num is a compiled expression that gives a number; otherwise as Cond.
type Num struct{ *program }

// program is a checked expression in its compiled forms.
type program struct {
	source string
	pos    Position
	root   *term
	slots  []int
	test   test // of a Cond; nil: runs on the VM
	eval   eval // of a Num; nil: runs on the VM
	vm     *machine
	needs  Needs
}

// newProgram prepares a checked expression for the VM.
func newProgram(src string, pos Position, t *term) *program {
	p := &program{source: src, pos: pos, root: t, vm: &machine{root: t}}
	read := map[int]bool{}
	t.slots(read)
	for s := range read {
		p.slots = append(p.slots, s)
	}
	slices.Sort(p.slots)
	p.vm.slots = p.slots
	return p
}

// newCondProgram compiles an expression for its truth.
func newCondProgram(src string, pos Position, t *term) *program {
	p := newProgram(src, pos, t)
	p.needs = needsOf(t)
	k := &closures{}
	if f := k.test(t); !k.slow {
		p.test = f
	}
	return p
}

// newNumProgram compiles an expression for its value.
func newNumProgram(src string, pos Position, t *term) *program {
	p := newProgram(src, pos, t)
	k := &closures{}
	if f := k.eval(t); !k.slow {
		p.eval = f
	}
	return p
}

// Match reports whether the condition holds on an event. An error means that
// this rule cannot judge this event; it is then no match.
func (c *Cond) Match(ev *engine.Event) (hit bool, err error) {
	if c.test == nil {
		return c.MatchVM(ev)
	}
	defer func() {
		if r := recover(); r != nil {
			hit, err = false, c.failed(r)
		}
	}()
	return c.test(ev, ""), nil
}

// MatchVM is Match on expr's VM: slower by a factor of about a hundred, for
// constructs without a closure and as the oracle of tests.
func (c *Cond) MatchVM(ev *engine.Event) (hit bool, err error) {
	v, err := c.runVM(ev)
	return err == nil && v.Bool(), err
}

// Eval gives the number, nil when there is none or the expression errs.
func (n *Num) Eval(ev *engine.Event) engine.Value {
	v, err := n.value(ev)
	if err != nil || !isNumber(v) {
		return null
	}
	return v
}

// EvalVM is Eval on expr's VM.
func (n *Num) EvalVM(ev *engine.Event) engine.Value {
	v, err := n.runVM(ev)
	if err != nil || !isNumber(v) {
		return null
	}
	return v
}

func (p *program) value(ev *engine.Event) (v engine.Value, err error) {
	if p.eval == nil {
		return p.runVM(ev)
	}
	defer func() {
		if r := recover(); r != nil {
			v, err = null, p.failed(r)
		}
	}()
	return p.eval(ev, ""), nil
}

func (p *program) runVM(ev *engine.Event) (v engine.Value, err error) {
	defer func() {
		if r := recover(); r != nil {
			v, err = null, p.failed(r)
		}
	}()
	if v, err = p.vm.run(ev); err != nil {
		err = p.failed(err)
	}
	return v, err
}

// failed makes the error of a panic: this is the rule boundary.
func (p *program) failed(r any) error {
	line, _ := p.pos.At(p.root.span.from)
	where := p.pos.File()
	if line > 0 {
		where = fmt.Sprintf("%s:%d: ", where, line)
	} else if where != "" {
		where += ": "
	}
	if err, ok := r.(error); ok {
		return fmt.Errorf("%s%w", where, err)
	}
	return fmt.Errorf("%s%v", where, r)
}

// Compiled reports whether the expression runs as closures; otherwise it runs
// on the VM and is slow.
func (p *program) Compiled() bool { return p.test != nil || p.eval != nil }

// Fields lists the slots that are read, sorted. Read only.
func (p *program) Fields() []int { return p.slots }

// Source gives the expression as written.
func (p *program) Source() string { return strings.TrimSpace(p.source) }
