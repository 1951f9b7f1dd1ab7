package engine

// Func is a function that rule conditions may call: enrich makes them, cmd
// hands them to rule.Compile. Functions are pure: the same arguments, lists and
// event time give the same answer, because alerts are recomputed.
type Func struct {
	Name   string
	Params []Param
	Result Type
	// Networks: a call is true only when its first argument, an address, lies in
	// one of the networks that the other arguments, constants, name. The index
	// of conditions uses it.
	Networks bool
	Help     string // one line for `rules check`, the schema and the README
	// Bind checks the arguments known at load (a list's name, a CIDR) and
	// gives the call. Its error is shown under the rule's expression.
	Bind func(args []Arg) (Call, error)
}

// Param declares one parameter.
type Param struct {
	Name     string
	Type     Type
	Const    bool // must be known at load
	Optional bool
	Variadic bool // last parameter only: any number of constants of this type
}

// Arg is one argument at load: a constant, or a value that each event brings.
type Arg struct {
	Const bool
	Value Value // when Const
}

// Call evaluates a bound function at an event time (ns). The first three
// arguments are passed by value so that a call does not allocate; constants
// beyond belong to Bind. It is not called when a required argument is nil: the
// result is then nil, and a nil predicate is false.
type Call func(at int64, a, b, c Value) Value

// Set is a named list that conditions test with `in list("name")`.
type Set interface {
	// Contains reports whether v is in the list at an event time (ns); expired
	// entries do not count.
	Contains(v Value, at int64) bool
	// Each calls f with every entry as text, in order, until f returns false.
	Each(f func(entry string) bool)
}

// Lists finds lists by name; enrich implements it.
type Lists interface {
	// List finds a list; ok is false when there is none of that name.
	List(name string) (s Set, ok bool)
	// Names lists all names, sorted, for "did you mean".
	Names() []string
}
