// Package rule is the language: YAML to Rule, Rule to Compiled. It is the only
// package that imports expr and YAML. rule.Load reads files and reports every
// mistake of every file at once; rule.Compile makes the Set that detect and
// correlate run. Both are called when rules load, never on the hot path.
package rule

// Rule is one rule as the analyst wrote it.
type Rule struct {
	ID    string
	File  string
	Line  int
	Title string
}

// Cond is a compiled condition: closures over slots, with expr's VM as fallback
// and oracle. Safe for concurrent use.
type Cond struct{}

// Num is a compiled expression that gives a number.
type Num struct{}
