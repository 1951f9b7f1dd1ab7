package rule

import (
	"github.com/seed-843b225c/reflex/engine"
)

// Set is what the machine runs: all rules of one load, compiled once,
// immutable, safe to share between goroutines.
type Set struct {
	Rules   []*Compiled
	Probes  []Probe // every condition that events are tested with; Hit.Probe indexes it
	Layout  *engine.Layout
	Version string // hash of all rules, exceptions and lists
}

// Role says what a probe's condition is for.
type Role uint8

// The roles of a probe.
const (
	RoleWhen Role = iota // the rule's own condition: match, count, first_seen
	RoleStep             // a step's condition
	RoleLink             // a link's condition
)

// Probe is one condition that events are tested with.
type Probe struct {
	Rule int // index into Set.Rules
	Role Role
	Part int // step or link number
	From engine.DatasetSet
	Cond *Cond
	// Except are the exceptions in force for it; one that holds at the event's
	// time makes the event no hit.
	Except []Exception
	// NeedsRun: the hit is keyed on ci.run.id or ci.job.id, so one that lacks
	// it waits in package job until its run is known.
	NeedsRun bool
}

// Exception is a compiled exception.
type Exception struct {
	ID      string
	Cond    *Cond
	Expires int64 // ns; it no longer holds at or after this event time
}

// Kind is how a rule turns hits into points.
type Kind uint8

// The kinds.
const (
	Match Kind = iota
	Count
	Sequence
	FirstSeen
)

var kindNames = [...]string{"match", "count", "sequence", "first_seen"}

// String gives the kind's word in rule files.
func (k Kind) String() string { return kindNames[k] }

// Mode is what a rule's alerts are for.
type Mode uint8

// The modes.
const (
	ModeAlert  Mode = iota // pages
	ModeSignal             // feeds chains and risk, never pages
	ModeShadow             // kept apart; feeds shadow chains only
	ModeOff                // feeds nothing
)

var modeNames = [...]string{"alert", "signal", "shadow", "off"}

// String gives the mode's word in rule files.
func (m Mode) String() string { return modeNames[m] }

// Compiled is one rule ready to run.
type Compiled struct {
	Index   int
	ID      string
	Title   string
	Version string // hash of the rule's text, its exceptions and the lists it names
	Text    string // hash of the rule's text alone: state lives on while it stays the same
	Kind    Kind
	Mode    Mode
	Level   engine.Level
	// LevelWhen raises (or lowers) the level of a point: the first that holds.
	// It is judged on a scratch event that holds the kept values of the point's
	// event (and `measure` for a count).
	LevelWhen []LevelWhen
	From      engine.DatasetSet

	Count    *CountSpec
	Sequence *SequenceSpec
	First    *FirstSpec

	Alert AlertSpec
	// Keep lists the slots whose values a kept hit of this rule carries, sorted:
	// everything that keys, dedup, level_when, entities, show and templates of this rule
	// (and of the chains that take this rule as a step) read.
	Keep []int
	// Feeds lists where this rule's points go on: the steps of sequences.
	Feeds []Feed

	Source *Rule // what the analyst wrote
}

// LevelWhen is one `if ... then ...`.
type LevelWhen struct {
	If   *Cond
	Then engine.Level
}

// Feed is one step of a sequence that takes the points of a rule.
type Feed struct {
	Rule int // index of the sequence rule
	Step int
	// Except are the exceptions of the sequence for this step. They are judged
	// on the kept values of the point's event.
	Except []Exception
	// NeedsRun: the step is keyed on ci.run.id or ci.job.id. A match rule's own
	// alert never waits for a run; its way into this step does.
	NeedsRun bool
}

// CountSpec is `count:`.
type CountSpec struct {
	By       []int // slots of the key
	Within   int64 // ns
	Distinct int   // slot whose distinct values count; -1: events or sum
	Sum      int   // slot to sum; -1: events or distinct
	AtLeast  int64 // events or distinct values needed; 0 with Sum
	Over     *Num  // bound of a sum: a point exceeds it. Judged on a scratch event holding the key
	Bucket   int64 // ns, Within/288, of a sum's sliding buckets
}

// FirstSpec is `first_seen:`.
type FirstSpec struct {
	Value       []int // slots
	By          []int // slots of the key; may be empty
	Memory      int64 // ns
	LearnFor    int64 // ns since the key's first event
	LearnEvents int64 // events of the key before learning ends
}

// SequenceSpec is `sequence:`.
type SequenceSpec struct {
	Within  int64 // ns from first to last step
	Ordered bool
	Slack   int64 // ns, default 2 s
	Steps   []Step
	Links   []Link
	// Keys names the bound keys in order of first use ("run", "key").
	Keys []string
	// KeySlots gives, for each key, the slot of the scratch event that
	// level_when reads as key.<name>; -1: not read.
	KeySlots []int
}

// Step is one step.
type Step struct {
	ID       string
	Probe    int   // its condition's probe, -1 when it takes rules
	Rules    []int // rules whose points it takes
	By       []KeySlot
	Within   int64 // ns to the mandatory step before it; 0: only the whole's
	Optional bool
	Negated  bool
	Reached  engine.Level // the prefix up to here is a point of this level; 0: not
	Differs  *Differs
	Keep     []int // slots its events keep, sorted
}

// KeySlot binds a key name to the slot that holds it in a step's event.
type KeySlot struct {
	Key  int // index into SequenceSpec.Keys
	Slot int
}

// Differs: at least one of the slots is present in this event and in the named
// step's and unequal.
type Differs struct {
	From  int // step number
	Slots []int
}

// Link carries a chain from one key to another.
type Link struct {
	Probe    int
	From, To KeySlot
}

// AlertSpec is `alert:` and what surrounds it.
type AlertSpec struct {
	Title    *Template
	Entities []NamedRef
	DedupBy  []Ref
	Within   int64 // dedup.within, ns, default 1 h
	Show     []NamedRef
}

// NamedRef is a reference with the name people see.
type NamedRef struct {
	Name string
	Ref  Ref
}

// Ref says where a template or a key reads: a slot of an event of the point.
type Ref struct {
	Name string // as written
	Step int    // step number; -1: the point's own event (of a sequence the completing one)
	Slot int    // slot; -1 when Key or Meta is used
	Key  int    // index into SequenceSpec.Keys; -1: not a key
	Meta string // "count", "measure" or ""
}

// Template is a text with references. It is built at load; Parts alternate freely.
type Template struct {
	Source string
	Parts  []Part
}

// Part is a piece of text, or a reference when Ref is not nil.
type Part struct {
	Text string
	Ref  *Ref
}
