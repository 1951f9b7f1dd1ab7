// Package rules is the analysts' folder: the rules and lists that Reflex
// ships, one rule a file, each with its tests. Adding a rule is adding a file
// here; this is the only Go in it.
package rules

import "embed"

// FS holds the shipped rules and lists.
//
//go:embed leak ai supply runner aws chain lists
var FS embed.FS
