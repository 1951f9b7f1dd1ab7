package pipeline

import (
	"encoding/json"

	"github.com/seed-843b225c/reflex/engine"
	"github.com/seed-843b225c/reflex/engine/correlate"
	"github.com/seed-843b225c/reflex/engine/incident"
	"github.com/seed-843b225c/reflex/engine/rule"
)

// Stats is what a run counted. It marshals to the JSON object of --stats.
type Stats struct {
	events     []int64 // records by dataset
	refused    map[string]int64
	skipped    map[string]int64
	outside    int64 // before --since or after --until
	unreadable int64 // inputs that could not be opened or broke off
	late       int64
	duplicates int64
	ambiguous  map[string]int64 // hits whose run could not be told, by dataset
	ahead      map[string]int64 // events of the future, by dataset; of a service only
	passes     int
	rules      []RuleStats
	seconds    float64
	peak       int64 // bytes
	mallocs    int64 // allocations
}

// RuleStats is what one rule did.
type RuleStats struct {
	ID         string  `json:"-"`
	Matches    int64   `json:"matches"` // distinct events whose condition and exceptions hold, before count and dedup
	Alerts     int64   `json:"alerts"`  // final episodes
	Errors     int64   `json:"errors"`  // events on which the condition failed to evaluate
	FirstError string  `json:"first_error,omitempty"`
	MissingKey int64   `json:"missing_key"` // hits without the key the rule groups by
	Learned    int64   `json:"learned,omitempty"`
	Undecided  int64   `json:"undecided,omitempty"` // still awaited at the end of input
	Dropped    int64   `json:"dropped,omitempty"`   // by the rule's quota
	Seconds    float64 `json:"seconds,omitempty"`   // estimated time spent on its conditions; the service samples it
}

func newStats(set *rule.Set) *Stats {
	s := &Stats{events: make([]int64, len(engine.Datasets())+1), refused: map[string]int64{}, skipped: map[string]int64{},
		ambiguous: map[string]int64{}, ahead: map[string]int64{}, rules: make([]RuleStats, len(set.Rules)), passes: 1}
	for i, r := range set.Rules {
		s.rules[i].ID = r.ID
	}
	return s
}

func (s *Stats) total() int64 {
	n := int64(0)
	for _, e := range s.events {
		n += e
	}
	return n
}

// Events gives how many events were read.
func (s *Stats) Events() int64 { return s.total() }

// Refused gives how many inputs no format took, and Unreadable how many inputs
// could not be opened or broke off.
func (s *Stats) Refused() int64 { return sum(s.refused) }

// Unreadable gives how many inputs could not be opened or broke off.
func (s *Stats) Unreadable() int64 { return s.unreadable }

// Skipped gives how many inputs were understood and are no events.
func (s *Stats) Skipped() int64 { return sum(s.skipped) }

// SkippedBy gives their number by reason.
func (s *Stats) SkippedBy() map[string]int64 { return s.skipped }

// Outside gives how many events lay outside the times that were asked for.
func (s *Stats) Outside() int64 { return s.outside }

// Late gives how many events stood behind the watermark.
func (s *Stats) Late() int64 { return s.late }

// Duplicates gives how many hits were dropped as copies.
func (s *Stats) Duplicates() int64 { return s.duplicates }

// Seconds gives how long the run took.
func (s *Stats) Seconds() float64 { return s.seconds }

// Passes gives how often the input was read.
func (s *Stats) Passes() int { return s.passes }

// SetMemory notes the peak memory of the process in bytes and how often it
// allocated, which only the command can know.
func (s *Stats) SetMemory(peak, mallocs int64) { s.peak, s.mallocs = peak, mallocs }

// Rules lists what each rule did, in the order of the rule set.
func (s *Stats) Rules() []RuleStats { return s.rules }

// ByDataset gives the number of events of each dataset seen.
func (s *Stats) ByDataset() map[string]int64 {
	out := map[string]int64{}
	for _, d := range engine.Datasets() {
		if n := s.events[d]; n > 0 {
			out[d.String()] = n
		}
	}
	return out
}

// RefusedBy gives the number of refusals by reason.
func (s *Stats) RefusedBy() map[string]int64 { return s.refused }

func sum(m map[string]int64) int64 {
	n := int64(0)
	for _, v := range m {
		n += v
	}
	return n
}

// MarshalJSON gives the object of --stats.
func (s *Stats) MarshalJSON() ([]byte, error) {
	rules := map[string]RuleStats{}
	for _, r := range s.rules {
		rules[r.ID] = r
	}
	rate := 0.0
	if s.seconds > 0 {
		rate = float64(s.total()) / s.seconds
	}
	return json.Marshal(struct {
		Events     map[string]int64     `json:"events"`
		Refused    map[string]int64     `json:"refused"`
		Skipped    map[string]int64     `json:"skipped"`
		Outside    int64                `json:"outside"`
		Unreadable int64                `json:"unreadable"`
		Late       int64                `json:"late"`
		Duplicates int64                `json:"duplicates"`
		Ambiguous  map[string]int64     `json:"ambiguous"`
		Passes     int                  `json:"passes"`
		Rules      map[string]RuleStats `json:"rules"`
		Seconds    float64              `json:"seconds"`
		Rate       float64              `json:"events_per_second"`
		Peak       int64                `json:"peak_memory_bytes"`
		Mallocs    int64                `json:"mallocs"`
	}{s.ByDataset(), s.refused, s.skipped, s.outside, s.unreadable, s.late, s.duplicates, s.ambiguous, s.passes, rules, s.seconds, rate, s.peak, s.mallocs})
}

// Result is what a replay found.
type Result struct {
	Alerts    []*engine.Alert // final, sorted by start, rule, key
	Incidents []*engine.Incident
	Stats     *Stats

	corr *correlate.Correlator
}

// Nearest tells how near each key came to a point of a count or sequence, by
// the rule's index; only of a run with Parts.Nearest.
func (r *Result) Nearest(rule int) []correlate.Near { return r.corr.Nearest(rule) }

// finish gathers what the stations counted and groups the alerts.
func finish(l *line, s *Stats, alerts []*engine.Alert) *Result {
	res := &Result{Alerts: alerts, Stats: s, corr: l.corr}
	res.Incidents = incident.Group(res.Alerts, l.parts.Incidents)
	index := map[string]int{}
	for i, r := range s.rules {
		index[r.ID] = i
	}
	for _, al := range res.Alerts {
		s.rules[index[al.Rule]].Alerts++
	}
	gather(l, s)
	return res
}

// gather takes over what the stations counted.
func gather(l *line, s *Stats) {
	c := l.corr.Stats()
	s.late, s.duplicates = c.Late, c.Duplicates
	for i := range s.rules {
		r := &s.rules[i]
		r.Matches, r.MissingKey, r.Learned, r.Undecided, r.Dropped = c.Matches[i], c.MissingKey[i], c.Learned[i], c.Undecided[i], c.Dropped[i]
		r.Errors += c.Errors[i] + c.Refused[i]
	}
	for i, d := range l.detector.Stats() {
		s.rules[i].Errors += d.Errors
		s.rules[i].FirstError = d.First
		s.rules[i].Seconds = float64(d.Nanos) / 1e9
	}
	for d, n := range l.jobs.Stats().Ambiguous {
		s.ambiguous[d.String()] = n
	}
}
