// Package rule is the language: YAML to Rule, Rule to Compiled. It is the only
// package that imports expr and YAML. rule.Load reads files and reports every
// mistake of every file at once; rule.Compile makes the Set that detect and
// correlate run. Both are called when rules load, never on the hot path.
package rule
