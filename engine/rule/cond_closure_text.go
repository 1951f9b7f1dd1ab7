package rule

import (
	"strings"

	"github.com/seed-843b225c/reflex/engine"
)

// lowered reports whether a term is lower(x).
func lowered(t *term) bool { return t.op == opBuiltin && t.name == "lower" }

// lowerEqual is lower(v) == s without making the text, where v is ASCII.
func lowerEqual(v engine.Value, s string) bool {
	x := v.Str()
	if v.Kind() != engine.Keyword {
		return false
	}
	if isASCII(x) {
		return len(x) == len(s) && equalFoldASCII(x, s)
	}
	return strings.ToLower(x) == s
}

// textTest compiles contains, startsWith and endsWith.
func (k *closures) textTest(t *term) test {
	o := t.op
	want, ok := t.args[1].constText()
	if !ok {
		a, b := k.eval(t.args[0]), k.eval(t.args[1])
		return func(ev *engine.Event, it string) bool { return textTest(o, a(ev, it), b(ev, it)) }
	}
	if lowered(t.args[0]) {
		return k.lowerTest(o, k.eval(t.args[0].args[0]), want)
	}
	v := k.eval(t.args[0])
	switch o {
	case opContains:
		return func(ev *engine.Event, it string) bool {
			x := v(ev, it)
			return x.Kind() == engine.Keyword && strings.Contains(x.Str(), want)
		}
	case opStarts:
		return func(ev *engine.Event, it string) bool {
			x := v(ev, it)
			return x.Kind() == engine.Keyword && strings.HasPrefix(x.Str(), want)
		}
	}
	return func(ev *engine.Event, it string) bool {
		x := v(ev, it)
		return x.Kind() == engine.Keyword && strings.HasSuffix(x.Str(), want)
	}
}

// lowerTest is textTest on lower(v), without making the text where v is ASCII.
func (k *closures) lowerTest(o op, v eval, want string) test {
	constant := engine.String(want)
	return func(ev *engine.Event, it string) bool {
		x := v(ev, it)
		s := x.Str()
		switch {
		case x.Kind() != engine.Keyword:
			return false
		case !isASCII(s):
			return textTest(o, engine.String(strings.ToLower(s)), constant)
		case o == opContains:
			found, _ := containsFold(s, want)
			return found
		case len(s) < len(want):
			return false
		case o == opStarts:
			return equalFoldASCII(s[:len(want)], want)
		}
		return equalFoldASCII(s[len(s)-len(want):], want)
	}
}
