package rule

import (
	"math"
	"strconv"
	"strings"
	"unicode/utf8"

	"github.com/seed-843b225c/reflex/engine"
)

// builtinFunc is a function of the language that no other package brings. The
// table below is all there is: nothing reads a clock, nothing repeats without
// bound.
type builtinFunc struct {
	name   string
	params []engine.Type // 0: anything
	least  int           // mandatory parameters
	result engine.Type
	// call evaluates it for closures; unused places are nil, and it is not
	// called when an argument is nil or of another kind. Without call the
	// condition runs on the VM.
	call func(a, b, c engine.Value) engine.Value
	// own: the VM uses call too, because expr's function of this name errs or
	// grows where this one gives nil.
	own  bool
	help string
}

const (
	text   = engine.Keyword
	number = engine.Double // a parameter that takes whole numbers too
)

var builtinFuncs = []builtinFunc{
	{"lower", []engine.Type{text}, 1, text, func(a, _, _ engine.Value) engine.Value { return engine.String(strings.ToLower(a.Str())) }, false, "lower case"},
	{"upper", []engine.Type{text}, 1, text, func(a, _, _ engine.Value) engine.Value { return engine.String(strings.ToUpper(a.Str())) }, false, "upper case"},
	{"trim", []engine.Type{text, text}, 1, text, trim, false, "without white space, or the given characters, at both ends"},
	{"trimPrefix", []engine.Type{text, text}, 2, text, func(a, b, _ engine.Value) engine.Value {
		return engine.String(strings.TrimPrefix(a.Str(), b.Str()))
	}, false, "without a beginning"},
	{"trimSuffix", []engine.Type{text, text}, 2, text, func(a, b, _ engine.Value) engine.Value {
		return engine.String(strings.TrimSuffix(a.Str(), b.Str()))
	}, false, "without an end"},
	{"hasPrefix", []engine.Type{text, text}, 2, engine.Bool, func(a, b, _ engine.Value) engine.Value {
		return engine.Boolean(strings.HasPrefix(a.Str(), b.Str()))
	}, false, "as startsWith"},
	{"hasSuffix", []engine.Type{text, text}, 2, engine.Bool, func(a, b, _ engine.Value) engine.Value {
		return engine.Boolean(strings.HasSuffix(a.Str(), b.Str()))
	}, false, "as endsWith"},
	{"indexOf", []engine.Type{text, text}, 2, engine.Long, func(a, b, _ engine.Value) engine.Value {
		return engine.Int(int64(strings.Index(a.Str(), b.Str())))
	}, false, "byte where a text first stands in another, -1 when it does not"},
	{"lastIndexOf", []engine.Type{text, text}, 2, engine.Long, func(a, b, _ engine.Value) engine.Value {
		return engine.Int(int64(strings.LastIndex(a.Str(), b.Str())))
	}, false, "byte where a text last stands in another, -1 when it does not"},
	{"len", []engine.Type{0}, 1, engine.Long, length, true, "characters of a text, elements of a list"},
	{"abs", []engine.Type{number}, 1, number, func(a, _, _ engine.Value) engine.Value {
		if a.Kind() == engine.Long && a.Int() >= 0 || a.Kind() == engine.Double && a.Float() >= 0 {
			return a
		}
		return negate(a)
	}, true, "without its sign"},
	{"floor", []engine.Type{number}, 1, number, func(a, _, _ engine.Value) engine.Value { return engine.Float(math.Floor(a.Float())) }, true, "next lower whole number"},
	{"ceil", []engine.Type{number}, 1, number, func(a, _, _ engine.Value) engine.Value { return engine.Float(math.Ceil(a.Float())) }, true, "next higher whole number"},
	{"round", []engine.Type{number}, 1, number, func(a, _, _ engine.Value) engine.Value { return engine.Float(math.Round(a.Float())) }, true, "nearest whole number"},
	{"min", []engine.Type{number, number, number}, 2, number, func(a, b, c engine.Value) engine.Value { return pick(opLess, a, b, c) }, true, "smallest"},
	{"max", []engine.Type{number, number, number}, 2, number, func(a, b, c engine.Value) engine.Value { return pick(opGreater, a, b, c) }, true, "largest"},
	{"int", []engine.Type{0}, 1, engine.Long, toInt, true, "text or number as a whole number, nil when it is none"},
	{"float", []engine.Type{0}, 1, engine.Double, toFloat, true, "text or number as a number, nil when it is none"},
	{"string", []engine.Type{0}, 1, text, func(a, _, _ engine.Value) engine.Value { return engine.String(a.Text()) }, true, "the value as people read it"},
	{"split", []engine.Type{text, text}, 2, engine.List, nil, false, "the parts of a text between separators"},
	{"join", []engine.Type{engine.List, text}, 1, text, nil, false, "the elements of a list as one text"},
	{"replace", []engine.Type{text, text, text}, 3, text, replace, true, "with every occurrence of a text replaced"},
	{"first", []engine.Type{engine.List}, 1, text, nil, false, "first element of a list"},
	{"last", []engine.Type{engine.List}, 1, text, nil, false, "last element of a list"},
	{"sort", []engine.Type{engine.List}, 1, engine.List, nil, false, "a list in order"},
	{"uniq", []engine.Type{engine.List}, 1, engine.List, nil, false, "a list without repeats"},
}

// Builtin is one function of the language that no other package brings, for
// people.
type Builtin struct{ Name, Signature, Help string }

// Builtins lists the functions of the language, in order of the table: those
// with a predicate, list, date and duration, then the plain ones.
func Builtins() []Builtin {
	out := []Builtin{
		{"any", "any(list, test of #)", "some element passes"},
		{"all", "all(list, test of #)", "every element passes"},
		{"none", "none(list, test of #)", "no element passes"},
		{"one", "one(list, test of #)", "exactly one element passes"},
		{"count", "count(list, test of #)", "how many elements pass"},
		{"filter", "filter(list, test of #)", "the elements that pass; slow"},
		{"map", "map(list, text of #)", "a text of every element; slow"},
		{"find", "find(list, test of #)", "the first element that passes; slow"},
		{"list", `x in list("name")`, "x is in a list of the organisation"},
		{"date", `date("2026-01-31")`, "a constant date"},
		{"duration", `duration("90m")`, "a constant length of time, in nanoseconds"},
	}
	for _, f := range builtinFuncs {
		var args []string
		for i, p := range f.params {
			arg := map[engine.Type]string{0: "any", text: "text", number: "number", engine.List: "list"}[p]
			if i >= f.least {
				arg += "?"
			}
			args = append(args, arg)
		}
		help := f.help
		if f.call == nil {
			help += "; slow"
		}
		out = append(out, Builtin{f.name, f.name + "(" + strings.Join(args, ", ") + ")", help})
	}
	return out
}

// builtinByName finds a function of the table, nil when there is none.
func builtinByName(name string) *builtinFunc {
	for i := range builtinFuncs {
		if builtinFuncs[i].name == name {
			return &builtinFuncs[i]
		}
	}
	return nil
}

// loopOps are the functions that take a predicate; those from opFilter on run
// on the VM.
var loopOps = map[string]struct {
	op     op
	result engine.Type
}{
	"any":    {opAny, engine.Bool},
	"all":    {opAll, engine.Bool},
	"none":   {opNone, engine.Bool},
	"one":    {opOne, engine.Bool},
	"count":  {opCount, engine.Long},
	"filter": {opFilter, engine.List},
	"map":    {opMap, engine.List},
	"find":   {opFind, text},
}

// fits reports whether v may be handed to a parameter of type want.
func fits(v engine.Value, want engine.Type) bool {
	return want == 0 || v.Kind() == want || want == number && v.Kind() == engine.Long
}

// apply calls a function by the null rule.
func (f *builtinFunc) apply(args [3]engine.Value, n int) engine.Value {
	for i := range n {
		if args[i].IsNil() || !fits(args[i], f.params[i]) {
			return null
		}
	}
	return f.call(args[0], args[1], args[2])
}

func trim(a, b, _ engine.Value) engine.Value {
	if b.IsNil() {
		return engine.String(strings.TrimSpace(a.Str()))
	}
	return engine.String(strings.Trim(a.Str(), b.Str()))
}

func length(a, _, _ engine.Value) engine.Value {
	switch a.Kind() {
	case engine.Keyword:
		return engine.Int(int64(utf8.RuneCountInString(a.Str())))
	case engine.List:
		return engine.Int(int64(a.Len()))
	}
	return null
}

func pick(o op, a, b, c engine.Value) engine.Value {
	if ordered(o, b, a) {
		a = b
	}
	if ordered(o, c, a) {
		a = c
	}
	return a
}

func toInt(a, _, _ engine.Value) engine.Value {
	switch a.Kind() {
	case engine.Long:
		return a
	case engine.Double:
		if f := a.Float(); f >= -1<<63 && f < 1<<63 {
			return engine.Int(int64(f))
		}
	case engine.Keyword:
		if s := a.Str(); looksLikeNumber(s) {
			if n, err := strconv.ParseInt(s, 10, 64); err == nil {
				return engine.Int(n)
			}
		}
	}
	return null
}

func toFloat(a, _, _ engine.Value) engine.Value {
	switch a.Kind() {
	case engine.Double:
		return a
	case engine.Long:
		return engine.Float(a.Float())
	case engine.Keyword:
		if s := a.Str(); looksLikeNumber(s) {
			if f, err := strconv.ParseFloat(s, 64); err == nil {
				return engine.Float(f)
			}
		}
	}
	return null
}

// looksLikeNumber tells most other texts apart before strconv's error costs an
// allocation.
func looksLikeNumber(s string) bool {
	if s == "" || len(s) > 40 {
		return false
	}
	for i := 0; i < len(s); i++ {
		switch c := s[i]; {
		case c >= '0' && c <= '9', c == '-', c == '+', c == '.', c == 'e', c == 'E':
		default:
			return false
		}
	}
	return true
}

func replace(a, b, c engine.Value) engine.Value {
	s, old, with := a.Str(), b.Str(), c.Str()
	if len(with) > len(old) {
		if n := strings.Count(s, old); len(s)+n*(len(with)-len(old)) > maxText {
			panic(errText)
		}
	}
	return engine.String(strings.ReplaceAll(s, old, with))
}
