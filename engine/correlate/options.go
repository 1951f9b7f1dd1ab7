package correlate

import (
	"github.com/seed-843b225c/reflex/engine"
)

// Options are what a Correlator needs from outside. The zero value works: one
// shard, no documents, nothing redacted, no transitions.
type Options struct {
	Shards int
	// Document makes the redacted document of a live event. It is called
	// during Hit only, and only when the event may open an episode or become
	// its earliest point.
	Document func(*engine.Event) []byte
	// Redact overwrites secrets in text.
	Redact func(string) string
	// Emit receives what happens to alerts as it happens; nil: nobody listens.
	Emit func(engine.Transition)
	// Journal receives what a later process needs to go on from the last Save,
	// as it comes; nil: nothing is kept. See Save and Restore. With it and
	// Emit, final alerts go to Emit alone: Alerts gives those still open at End.
	Journal engine.Saver
	// Prefix starts every key that Journal and Save are given; empty: "c".
	Prefix []byte
	// Oracle runs the brute-force evaluator at End instead of the incremental
	// engine: the judge in tests and in benchmarks. It emits nothing.
	Oracle bool
	// Collect keeps every event of every step, so that Nearest can tell how far
	// each key came. For offline tools: memory follows hits.
	Collect bool
	// Quota bounds what one rule remembers in one shard; zero: defaults.
	Quota Quota

	tidy  int // see window.ChainSpec.Tidy
	eager int // how many changes of a rule are written before Save; 0: saveEager
}

// Quota bounds the state of one rule in one shard. What goes beyond is
// dropped, counted, and said on the rule's later alerts.
type Quota struct {
	Keys   int // live keys, default 1,000,000
	Events int // events kept for one key, default 100,000
}

func (q *Quota) defaults() {
	if q.Keys == 0 {
		q.Keys = 1_000_000
	}
	if q.Events == 0 {
		q.Events = 100_000
	}
}

// Stats is what a Correlator counted. Slices are by rule.
type Stats struct {
	Hits       int64
	Late       int64 // hits behind their rule's watermark
	Duplicates int64 // hits seen before
	Matches    []int64
	MissingKey []int64 // events without a field of the key
	Learned    []int64 // sightings while a first_seen key was learning
	Refused    []int64 // values that cannot be summed
	Errors     []int64 // conditions on points that erred
	Dropped    []int64 // by a quota
	Undecided  []int64 // at End: chains that wait for what a negated step forbids
	Keys       int     // keys with state
	Pending    int     // events not yet behind the watermark
}

// Stats gives what was counted so far.
func (c *Correlator) Stats() Stats {
	out := c.stats
	for _, s := range c.shards {
		for _, st := range s.rules {
			out.Keys += st.size()
			out.Pending += st.pending()
		}
	}
	return out
}
