package rule

import (
	"math"
	"net/netip"
	"regexp"
	"slices"
	"strconv"
	"strings"
	"unicode/utf8"

	"github.com/expr-lang/expr/ast"
	"github.com/seed-843b225c/reflex/engine"
)

// judge walks expr's tree as it was parsed, before any checking, and knows the
// null rule by heart: the obvious evaluator that closures and VM are held to. It
// shares no code with them. Values are nil, string, int64, float64, bool,
// netip.Addr, date and []string.
type judge struct {
	env  *condEnv
	ev   *engine.Event
	elem []string
}

type date int64

func (j *judge) eval(n ast.Node) any {
	switch n := n.(type) {
	case *ast.NilNode:
		return nil
	case *ast.BoolNode:
		return n.Value
	case *ast.IntegerNode:
		return int64(n.Value)
	case *ast.FloatNode:
		return n.Value
	case *ast.StringNode:
		return n.Value
	case *ast.PointerNode:
		return j.elem[len(j.elem)-1]
	case *ast.IdentifierNode, *ast.MemberNode:
		name := strings.Replace(n.String(), timestampStandIn, "@timestamp", 1)
		return plain(j.ev.Get(j.env.layout.SlotOf(name)))
	case *ast.ConditionalNode:
		if j.eval(n.Cond) == true {
			return j.eval(n.Exp1)
		}
		return j.eval(n.Exp2)
	case *ast.ArrayNode:
		var out []string
		for _, e := range n.Nodes {
			out = append(out, j.eval(e).(string))
		}
		return out
	case *ast.UnaryNode:
		switch v := j.eval(n.Node).(type) {
		case int64:
			return -v
		case float64:
			return -v
		default:
			if n.Operator == "-" {
				return nil
			}
			return v != true
		}
	case *ast.BuiltinNode:
		return j.call(n.Name, n.Arguments)
	case *ast.CallNode:
		return j.call(n.Callee.(*ast.IdentifierNode).Value, n.Arguments)
	case *ast.BinaryNode:
		return j.binary(n)
	}
	panic(n.String())
}

func plain(v engine.Value) any {
	switch v.Kind() {
	case engine.Keyword:
		return v.Str()
	case engine.Long:
		return v.Int()
	case engine.Double:
		return v.Float()
	case engine.Bool:
		return v.Bool()
	case engine.IP:
		return v.Addr()
	case engine.Date:
		return date(v.Int())
	case engine.List:
		return v.Elements()
	}
	return nil
}

func isNilNode(n ast.Node) bool { _, ok := n.(*ast.NilNode); return ok }

func (j *judge) binary(n *ast.BinaryNode) any {
	switch n.Operator {
	case "and":
		return j.eval(n.Left) == true && j.eval(n.Right) == true
	case "or":
		return j.eval(n.Left) == true || j.eval(n.Right) == true
	case "??":
		if v := j.eval(n.Left); v != nil {
			return v
		}
		return j.eval(n.Right)
	case "in":
		return j.in(j.eval(n.Left), n.Right)
	}
	a, b := j.eval(n.Left), j.eval(n.Right)
	switch n.Operator {
	case "==", "!=":
		same := alike(a, b)
		if isNilNode(n.Left) || isNilNode(n.Right) {
			same = a == nil && b == nil
		}
		return same == (n.Operator == "==")
	case "<", "<=", ">", ">=":
		c, ok := compare(a, b)
		return ok && map[string]bool{"<": c < 0, "<=": c <= 0, ">": c > 0, ">=": c >= 0}[n.Operator]
	}
	if s, ok := a.(string); ok {
		if p, ok := b.(string); ok {
			switch n.Operator {
			case "contains":
				return strings.Contains(s, p)
			case "startsWith":
				return strings.HasPrefix(s, p)
			case "endsWith":
				return strings.HasSuffix(s, p)
			case "matches":
				return regexp.MustCompile(p).MatchString(s)
			case "+":
				return s + p
			}
		}
	}
	switch n.Operator {
	case "contains", "startsWith", "endsWith", "matches":
		return false
	}
	return sum(n.Operator, a, b)
}

func sum(operator string, a, b any) any {
	if d, ok := a.(date); ok && operator == "+" {
		if n, ok := b.(int64); ok {
			return d + date(n)
		}
	}
	x, xInt := a.(int64)
	y, yInt := b.(int64)
	if xInt && yInt {
		switch operator {
		case "+":
			return x + y
		case "-":
			return x - y
		case "*":
			return x * y
		case "%":
			if y == 0 {
				return nil
			}
			return x % y
		}
	}
	p, ok1 := float(a)
	q, ok2 := float(b)
	if !ok1 || !ok2 {
		return nil
	}
	f := map[string]float64{"+": p + q, "-": p - q, "*": p * q, "/": p / q, "**": math.Pow(p, q), "%": math.NaN()}[operator]
	if math.IsNaN(f) || math.IsInf(f, 0) {
		return nil
	}
	return f
}

func float(v any) (float64, bool) {
	switch v := v.(type) {
	case int64:
		return float64(v), true
	case float64:
		return v, true
	}
	return 0, false
}

// alike is ==: never of nil, numbers by value, texts beside addresses or dates
// as what they spell.
func alike(a, b any) bool {
	if c, ok := compare(a, b); ok {
		return c == 0
	}
	switch x := a.(type) {
	case bool:
		return a == b
	case []string:
		y, ok := b.([]string)
		return ok && slices.Equal(x, y)
	case netip.Addr:
		if s, ok := b.(string); ok {
			y, err := netip.ParseAddr(s)
			return err == nil && x == y.Unmap()
		}
		return a == b
	case string:
		if _, ok := b.(netip.Addr); ok {
			return alike(b, a)
		}
	}
	return false
}

func compare(a, b any) (int, bool) {
	if x, ok := a.(int64); ok {
		if y, ok := b.(int64); ok {
			return sign(x < y, x > y), true
		}
	}
	p, ok1 := float(a)
	q, ok2 := float(b)
	if ok1 && ok2 {
		return sign(p < q, p > q), true
	}
	switch x := a.(type) {
	case string:
		y, ok := b.(string)
		return sign(x < y, x > y), ok
	case date:
		y, ok := b.(date)
		return sign(x < y, x > y), ok
	}
	return 0, false
}

func sign(less, more bool) int {
	switch {
	case less:
		return -1
	case more:
		return 1
	}
	return 0
}

func (j *judge) in(v any, right ast.Node) bool {
	switch r := right.(type) {
	case *ast.CallNode:
		name := r.Arguments[0].(*ast.StringNode).Value
		s, ok := v.(string)
		return ok && slices.Contains(j.env.lists.(fakeLists)[name], s)
	case *ast.ArrayNode:
		return slices.ContainsFunc(r.Nodes, func(e ast.Node) bool { return alike(v, j.eval(e)) })
	case *ast.BinaryNode:
		lo, ok1 := compare(v, j.eval(r.Left))
		hi, ok2 := compare(v, j.eval(r.Right))
		return ok1 && ok2 && lo >= 0 && hi <= 0
	}
	list, _ := j.eval(right).([]string)
	s, ok := v.(string)
	return ok && slices.Contains(list, s)
}

func (j *judge) call(name string, nodes []ast.Node) any {
	if name == "hour" {
		return j.ev.Time / 3600e9 % 24
	}
	if p, ok := nodes[len(nodes)-1].(*ast.PredicateNode); ok {
		list, ok := j.eval(nodes[0]).([]string)
		if !ok {
			if name == "count" {
				return nil
			}
			return false
		}
		n := 0
		for _, e := range list {
			j.elem = append(j.elem, e)
			if j.eval(p.Node) == true {
				n++
			}
			j.elem = j.elem[:len(j.elem)-1]
		}
		switch name {
		case "any":
			return n > 0
		case "all":
			return n == len(list)
		case "none":
			return n == 0
		case "one":
			return n == 1
		}
		return int64(n)
	}
	var args []any
	for _, n := range nodes {
		args = append(args, j.eval(n))
	}
	if name == "foreign" {
		ip, ok := args[0].(netip.Addr)
		if !ok {
			return nil
		}
		return !ip.IsPrivate() && args[1] != "k1"
	}
	if slices.Contains(args, nil) {
		return nil
	}
	return simple(name, args)
}

// simple is a function of arguments that are there.
func simple(name string, args []any) any {
	s, isText := args[0].(string)
	f, isNumber := float(args[0])
	n, isInt := args[0].(int64)
	switch {
	case name == "cidr":
		ip := args[0].(netip.Addr)
		if args[1] == "10.0.0.0/8" {
			return netip.MustParsePrefix("10.0.0.0/8").Contains(ip) || netip.MustParsePrefix("203.0.113.0/29").Contains(ip)
		}
		return netip.MustParsePrefix("10.0.0.0/8").Contains(ip) || netip.MustParsePrefix("2001:db8::/32").Contains(ip)
	case name == "known":
		return args[0].(netip.Addr).IsPrivate()
	case name == "string":
		switch v := args[0].(type) {
		case bool:
			return strconv.FormatBool(v)
		case []string:
			return strings.Join(v, ", ")
		case int64:
			return strconv.FormatInt(v, 10)
		case float64:
			return strconv.FormatFloat(v, 'f', -1, 64)
		}
		return s
	case name == "len" && isText:
		return int64(utf8.RuneCountInString(s))
	case name == "len":
		if list, ok := args[0].([]string); ok {
			return int64(len(list))
		}
		return nil
	case name == "int" && isText:
		if n, err := strconv.ParseInt(s, 10, 64); err == nil {
			return n
		}
		return nil
	case name == "float" && isText:
		if f, err := strconv.ParseFloat(s, 64); err == nil && !math.IsInf(f, 0) && !math.IsNaN(f) {
			return f
		}
		return nil
	case name == "int" && isInt, name == "abs" && isInt && n >= 0:
		return n
	case name == "int" && isNumber:
		if f >= -(1<<63) && f < 1<<63 {
			return int64(f)
		}
		return nil
	case name == "budget":
		if s == "k1" {
			return 10.0
		}
		return nil
	case name == "date":
		v, _ := parseDate(s)
		return date(v.Int())
	case name == "duration":
		return int64(3600e9)
	case isText:
		return textFunction(name, s, args[1:])
	case isNumber:
		return numberFunction(name, args, f)
	}
	return nil
}

func textFunction(name, s string, rest []any) any {
	var more [2]string
	for i, r := range rest {
		t, ok := r.(string)
		if !ok {
			return nil
		}
		more[i] = t
	}
	switch name {
	case "lower":
		return strings.ToLower(s)
	case "upper":
		return strings.ToUpper(s)
	case "trim":
		return strings.TrimSpace(s)
	case "trimPrefix":
		return strings.TrimPrefix(s, more[0])
	case "hasPrefix":
		return strings.HasPrefix(s, more[0])
	case "replace":
		return strings.ReplaceAll(s, more[0], more[1])
	}
	return nil // a number was wanted
}

func numberFunction(name string, args []any, f float64) any {
	switch name {
	case "abs":
		if n, ok := args[0].(int64); ok {
			return -n
		}
		return math.Abs(f)
	case "floor":
		return math.Floor(f)
	case "round":
		return math.Round(f)
	case "float":
		return f
	case "min", "max":
		if _, ok := float(args[1]); !ok {
			return nil
		}
		c, _ := compare(args[1], args[0])
		if c < 0 && name == "min" || c > 0 && name == "max" {
			return args[1]
		}
		return args[0]
	}
	return nil // a text was wanted
}
