package engine

import "encoding/json"

// Hit says that one condition of the loaded rules held on one event. It lives
// as long as its event's batch; whoever keeps it clones the event.
type Hit struct {
	// Probe numbers the condition: an index into the compiled rule set's probes
	// (a rule's when, a step's when, a link's when).
	Probe int32
	Event *Event
}

// Named is a value with a name: an entity, a shown field, a part of a key.
type Named struct {
	Name  string `json:"name"`
	Field string `json:"field,omitempty"` // the field it came from
	Value Value  `json:"-"`
}

// Evidence is one event that made an alert's points, reduced to what may be kept.
type Evidence struct {
	Time    int64 // ns
	ID      string
	Dataset Dataset
	Origin  Origin
	Step    string  // step id of a sequence, else ""
	Alert   string  // id of the step's own alert, where it has one
	Rule    string  // for a step: the rule whose point it was, where it was one
	Fields  []Named // the alert's fields, secrets overwritten
}

// Alert is one episode of one rule and dedup key, in its present or final form.
type Alert struct {
	ID          string // hash of rule, dedup key and id of the first point, 32 hex digits
	Rule        string
	RuleVersion string // hash of the rule and of the lists it names
	Name        string // the rule's title, the same for all its alerts
	Title       string // what happened: the rule's template filled in
	Description string
	Level       Level
	Mode        string // alert, signal or shadow
	Kind        string // match, count, sequence, first_seen
	Tags        []string
	Runbook     []string
	Start, End  int64 // first and last point, ns
	Highest     int64 // first point of the highest level, ns; the title is that point's
	Count       int64 // points
	Measure     float64
	Key         []Named // dedup key
	Dedup       string  // hash of rule and dedup key, 32 hex digits: what an episode is found by after a restart
	Entities    []Named // typed by name: key, run, ip, ...; they only grow
	Show        []Named
	Evidence    []Evidence      // first and last 20 events, by time; of a sequence its chain
	Events      int64           // how many events made the points in all
	Document    json.RawMessage // redacted ECS document of the earliest point
	Earliest    uint64          // Event.Hash of the earliest point's event
	Final       bool            // the episode is over
	Incomplete  string          // why something may be missing (a quota dropped something); "" normally
}

// Change says what happened to an alert or incident.
type Change uint8

// The changes of an alert or incident, in the order they can happen.
const (
	Opened Change = iota + 1
	Raised
	Joined
	Merged
	Closed // final
)

var changeNames = [...]string{"", "opened", "raised", "joined", "merged", "final"}

// String gives the change's word.
func (c Change) String() string { return changeNames[c] }

// Transition is what the alert log appends and sinks deliver: exactly one of
// Alert and Incident is set. Number counts the transitions of one id from 1, so
// that a repeat is recognised: id and number always mean the same change.
type Transition struct {
	Change   Change    `json:"change"`
	Number   int       `json:"number"`
	Time     int64     `json:"time"` // event time of what caused it, ns
	Alert    *Alert    `json:"alert,omitempty"`
	Incident *Incident `json:"incident,omitempty"`
	Into     string    `json:"into,omitempty"` // for Merged: the id it went into
	// Reason is why an alert was Closed before its time: its rule was changed,
	// removed or switched off. Empty: its episode is over.
	Reason string `json:"reason,omitempty"`
	// Seen is when the record that caused it was received, by the wall clock, ns;
	// 0 offline. It measures the latency of delivery and decides nothing.
	Seen int64 `json:"seen,omitempty"`
}

// Incident is a connected component of alerts: one story.
type Incident struct {
	ID       string
	State    string   // "open" or "merged"; offline always "open"
	Into     string   // of a merged one: the incident it went into
	Merged   []string // incidents that went into this one, the latest last; at most 100
	Mode     string   // "alert" when one of its alerts has that mode, else "signal": then it never pages
	Final    bool     // quiet for so long that only a chain which reaches back can join; offline false
	Count    int      // alerts in all; Alerts, Timeline and Entities may leave some out
	Title    string
	Level    Level
	Risk     int // 0 to 100: sum of each rule's highest, capped
	Start    int64
	End      int64
	Alerts   []string // alert ids, by start
	Rules    []string // rule ids, sorted
	Tags     []string
	Entities []Named
	Owner    string
	First    string // the first thing to do
	Runbook  []string
	Timeline []Moment
	// Incomplete says what Alerts, Timeline and Entities leave out, and why; "" normally.
	Incomplete string
}

// Moment is one line of an incident's timeline.
type Moment struct {
	Time   int64
	Alert  string // alert id
	Rule   string
	Level  Level
	Step   string // step id when it is a step of a chain
	Text   string // what happened, one line, secrets overwritten
	Event  string // id of the event behind it
	Origin string
}
