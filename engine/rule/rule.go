package rule

import (
	"time"

	"github.com/seed-843b225c/reflex/engine"
)

// Text is a piece of a rule file with its place.
type Text struct {
	Value string
	Pos   Position
}

// Rule is one rule as the analyst wrote it.
type Rule struct {
	ID             string
	File           string
	Line           int
	Title          string
	Status         string // experimental, test, stable or deprecated
	Description    string
	Author         string
	Date, Modified string // as written
	References     []string
	FalsePositives []string
	Tags           []string
	Runbook        []string
	Mode           Mode
	Level          engine.Level
	LevelWhen      []LevelWhenText
	From           engine.DatasetSet
	Kind           Kind
	When           Text // empty for a sequence
	Count          *CountText
	Sequence       *SequenceText
	First          *FirstText
	Alert          AlertText
	Tests          []TestCase

	hash   string   // of what the rule means: everything but its tests
	broken bool     // it has mistakes: compiled to find more, never run
	pos    Position // of its id
}

// LevelWhenText is one entry of level_when.
type LevelWhenText struct {
	If   Text
	Then engine.Level
}

// CountText is count as written.
type CountText struct {
	By       []Text
	Within   time.Duration
	AtLeast  int64 // 0: not given
	Distinct Text
	Sum      Text
	Over     Text
	pos      Position
}

// FirstText is first_seen as written.
type FirstText struct {
	Value       []Text
	By          []Text
	Memory      time.Duration
	LearnFor    time.Duration
	LearnEvents int64
	pos         Position
}

// SequenceText is sequence as written.
type SequenceText struct {
	Within  time.Duration
	Ordered bool
	Slack   time.Duration
	Steps   []StepText
	Links   []LinkText
	pos     Position
}

// StepText is a step as written.
type StepText struct {
	ID          Text
	When        Text
	Rules       []Text
	From        engine.DatasetSet
	By          []BoundText
	Within      time.Duration
	Optional    bool
	Negated     bool
	Reached     engine.Level
	DiffersFrom Text
	Differs     []Text

	withinPos, reachedPos Position
}

// BoundText binds a name (a key, an entity) to a field or reference.
type BoundText struct {
	Name Text
	Ref  Text
}

// LinkText is a link as written.
type LinkText struct {
	When     Text
	From, To BoundText
	Datasets engine.DatasetSet
}

// AlertText is alert as written.
type AlertText struct {
	Title    Text // empty: the rule's title
	Entities []BoundText
	DedupBy  []Text // nil: the kind's default
	Within   time.Duration
	Show     []Text

	withinPos Position
}

// Except is one exception as written.
type Except struct {
	ID      string
	File    string
	Line    int
	Rules   []Text
	Tags    []Text
	Step    Text
	When    Text
	Reason  string
	Owner   string
	Created int64 // ns
	Expires int64 // ns

	hash   string
	broken bool
	pos    Position
}

// Pack is what Load read: rules and exceptions, good and broken.
type Pack struct {
	Rules      []*Rule
	Exceptions []*Except

	mistakes Mistakes
}

// Rule gives the rule of an id, nil when there is none.
func (p *Pack) Rule(id string) *Rule {
	for _, r := range p.Rules {
		if r.ID == id {
			return r
		}
	}
	return nil
}
