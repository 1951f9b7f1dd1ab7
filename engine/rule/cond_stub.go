package rule

import "github.com/seed-843b225c/reflex/engine"

// condEnv is what an expression may name.
type condEnv struct {
	layout    *engine.Layout // fields are demanded here as they are read
	functions []engine.Func
	lists     engine.Lists
	// extra are names beyond registry fields and raw paths: key.<name> in
	// level_when of a sequence, with the slot that holds it.
	extra map[string]extraName
	// denied are registry fields that may not be read here, with the reason to
	// show (measure outside level_when of a count).
	denied map[string]string
}

// extraName is one name of condEnv.extra.
type extraName struct {
	slot int
	typ  engine.Type
}

// newCond compiles a condition. Mistakes may hold warnings beside a good Cond.
func newCond(src string, pos Position, env *condEnv) (*Cond, []Mistake) { return &Cond{}, nil }

// newNum compiles an expression that gives a number.
func newNum(src string, pos Position, env *condEnv) (*Num, []Mistake) { return &Num{}, nil }
