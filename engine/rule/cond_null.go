package rule

import (
	"cmp"
	"errors"
	"math"
	"net/netip"
	"strings"

	"github.com/seed-843b225c/reflex/engine"
)

// The null rule, in one place. Closures and VM program both come down to these
// functions (closures have faster forms where one side is constant; the fuzz
// test holds them to these).
//
// A field that the event lacks is nil. `x == nil` and `x != nil` test presence.
// Otherwise, with an operand missing:
//
//   - ==, <, <=, >, >=, in, contains, startsWith, endsWith, matches, any, all,
//     none, one and every function that gives true or false are false; two
//     missing fields are not equal;
//   - != and `not in` are true, because they are the negation of == and in;
//   - arithmetic, count and every other function give nil;
//   - nil where true or false is wanted counts as false;
//   - `not` negates after that, so `not known(source.ip)` is true without an
//     address.
//
// An operand of a kind that an operator cannot use (a raw path may hold
// anything) counts as missing; so do division by zero and results that are no
// number. Whole numbers wrap around, `/` and `**` give floats. Dates differ by
// nanoseconds, as durations are.

// maxText bounds the text that a condition may build; maxSteps the pairs of
// elements that loops inside loops may visit. Beyond, the rule errs on the event.
const (
	maxText  = 1 << 20
	maxSteps = 1 << 20
)

var (
	errText  = errors.New("the condition builds a text of more than 1 MB")
	errSteps = errors.New("the condition compares more than a million pairs of list elements")
)

// null is the missing value.
var null engine.Value

func isNumber(v engine.Value) bool { return v.Kind() == engine.Long || v.Kind() == engine.Double }

// equal is ==.
func equal(a, b engine.Value) bool {
	ka, kb := a.Kind(), b.Kind()
	switch {
	case ka == 0 || kb == 0:
		return false
	case ka == kb:
		return a == b
	case isNumber(a) && isNumber(b):
		return a.Float() == b.Float()
	case ka == engine.IP && kb == engine.Keyword:
		return a == toAddress(b)
	case ka == engine.Keyword && kb == engine.IP:
		return b == toAddress(a)
	}
	return false
}

// order compares two numbers, texts or dates; ok is false when there is no order.
func order(a, b engine.Value) (n int, ok bool) {
	ka, kb := a.Kind(), b.Kind()
	switch {
	case ka == engine.Long && kb == engine.Long, ka == engine.Date && kb == engine.Date:
		return cmp.Compare(a.Int(), b.Int()), true
	case isNumber(a) && isNumber(b):
		return cmp.Compare(a.Float(), b.Float()), true
	case ka == engine.Keyword && kb == engine.Keyword:
		return strings.Compare(a.Str(), b.Str()), true
	}
	return 0, false
}

// ordered is <, <=, > and >=.
func ordered(o op, a, b engine.Value) bool {
	n, ok := order(a, b)
	if !ok {
		return false
	}
	switch o {
	case opLess:
		return n < 0
	case opLessEqual:
		return n <= 0
	case opGreater:
		return n > 0
	}
	return n >= 0
}

// inValues is `in [..]`; a nil among the elements is equal to nothing.
func inValues(v engine.Value, elems []engine.Value) bool {
	for _, e := range elems {
		if equal(v, e) {
			return true
		}
	}
	return false
}

// inList is `in` with a list on the right.
func inList(v, list engine.Value) bool {
	if v.Kind() != engine.Keyword || list.Kind() != engine.List {
		return false
	}
	found := false
	s := v.Str()
	list.Each(func(e string) bool { found = e == s; return !found })
	return found
}

// inSet is `in list("name")`.
func inSet(v engine.Value, set engine.Set, at int64) bool {
	if v.IsNil() || v.Kind() == engine.List {
		return false
	}
	return set.Contains(v, at)
}

// textTest is contains, startsWith and endsWith.
func textTest(o op, a, b engine.Value) bool {
	if a.Kind() != engine.Keyword || b.Kind() != engine.Keyword {
		return false
	}
	switch o {
	case opContains:
		return strings.Contains(a.Str(), b.Str())
	case opStarts:
		return strings.HasPrefix(a.Str(), b.Str())
	}
	return strings.HasSuffix(a.Str(), b.Str())
}

// calculate is + - * / % and **. Text + text joins.
func calculate(o op, a, b engine.Value) engine.Value {
	ka, kb := a.Kind(), b.Kind()
	switch {
	case ka == engine.Long && kb == engine.Long && o != opDiv && o != opPow:
		return calculateInt(o, a.Int(), b.Int())
	case isNumber(a) && isNumber(b):
		return calculateFloat(o, a.Float(), b.Float())
	case ka == engine.Keyword && kb == engine.Keyword && o == opAdd:
		if len(a.Str())+len(b.Str()) > maxText {
			panic(errText)
		}
		return engine.String(a.Str() + b.Str())
	case ka == engine.Date && kb == engine.Date && o == opSub:
		return engine.Int(a.Int() - b.Int())
	case ka == engine.Date && kb == engine.Long && o == opAdd:
		return engine.Instant(a.Int() + b.Int())
	case ka == engine.Long && kb == engine.Date && o == opAdd:
		return engine.Instant(a.Int() + b.Int())
	case ka == engine.Date && kb == engine.Long && o == opSub:
		return engine.Instant(a.Int() - b.Int())
	}
	return null
}

func calculateInt(o op, a, b int64) engine.Value {
	switch o {
	case opAdd:
		return engine.Int(a + b)
	case opSub:
		return engine.Int(a - b)
	case opMul:
		return engine.Int(a * b)
	}
	switch b {
	case 0:
		return null
	case -1: // the smallest number has no negative
		return engine.Int(0)
	}
	return engine.Int(a % b)
}

func calculateFloat(o op, a, b float64) engine.Value {
	var f float64
	switch o {
	case opAdd:
		f = a + b
	case opSub:
		f = a - b
	case opMul:
		f = a * b
	case opDiv:
		f = a / b
	case opPow:
		f = math.Pow(a, b)
	default: // % is for whole numbers
		return null
	}
	return engine.Float(f) // nil when it is not finite
}

// negate is the minus sign.
func negate(v engine.Value) engine.Value {
	switch v.Kind() {
	case engine.Long:
		return engine.Int(-v.Int())
	case engine.Double:
		return engine.Float(-v.Float())
	}
	return null
}

// toAddress reads a text as an address; nil when it is none.
func toAddress(v engine.Value) engine.Value {
	s := v.Str()
	if len(s) < 2 || len(s) > 45 || !looksLikeAddress(s) {
		return null
	}
	a, err := netip.ParseAddr(s)
	if err != nil {
		return null
	}
	return engine.Address(a)
}

// looksLikeAddress tells host names apart, because an error of netip costs an
// allocation.
func looksLikeAddress(s string) bool {
	for i := 0; i < len(s); i++ {
		switch c := s[i]; {
		case c >= '0' && c <= '9', c == '.', c == ':', c >= 'a' && c <= 'f', c >= 'A' && c <= 'F':
		default:
			return false
		}
	}
	return s[0] != '.' && s[len(s)-1] != '.'
}

// coerce gives an argument in the type of its parameter; nil when it cannot.
func coerce(v engine.Value, want engine.Type) engine.Value {
	have := v.Kind()
	switch {
	case have == want || have == 0 || want == 0:
		return v
	case have == engine.Keyword && want == engine.IP:
		return toAddress(v)
	case have == engine.Long && want == engine.Double:
		return engine.Float(v.Float())
	}
	return null
}
