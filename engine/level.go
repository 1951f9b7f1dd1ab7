package engine

import "fmt"

// Level is how bad it is, Sigma's words.
type Level uint8

// The levels in order.
const (
	Informational Level = iota + 1
	Low
	Medium
	High
	Critical
)

var levelNames = [...]string{"", "informational", "low", "medium", "high", "critical"}

// String gives the level's word; "" for the zero Level.
func (l Level) String() string { return levelNames[l] }

// ParseLevel reads a level's word.
func ParseLevel(s string) (Level, error) {
	for l := Informational; l <= Critical; l++ {
		if levelNames[l] == s {
			return l, nil
		}
	}
	return 0, fmt.Errorf("no level is named %q", s)
}

// LevelNames lists the words in order.
func LevelNames() []string { return levelNames[1:] }

// Risk gives the level's risk score, 0 to 100. Figures: the ones Elastic's
// detection rules use (21, 47, 73, 99), and 5 for informational.
func (l Level) Risk() int { return [...]int{0, 5, 21, 47, 73, 99}[l] }
