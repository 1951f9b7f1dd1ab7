package correlate

import (
	"cmp"
	"slices"
	"strings"

	"github.com/seed-843b225c/reflex/engine"
	"github.com/seed-843b225c/reflex/engine/rule"
	"github.com/seed-843b225c/reflex/engine/window"
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
	// Oracle runs the brute-force evaluator at End instead of the incremental
	// engine: the judge in tests and in benchmarks. It emits nothing.
	Oracle bool
	// Quota bounds what one rule remembers in one shard; zero: defaults.
	Quota Quota
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

// Correlator turns hits into alerts. It is not safe to share: one goroutine
// calls it, in the order Hit and Advance any number of times, End once.
type Correlator struct {
	plan    *plan
	opt     Options
	sources window.Sources
	packer  window.Packer
	judge   *judge
	stats   Stats
	oracle  *oracle
	seen    map[seenHit]struct{} // oracle only
	docs    map[docKey][]byte    // oracle only
	alerts  []*engine.Alert
}

type seenHit struct {
	probe int32
	hash  uint64
}

type docKey struct {
	rule int
	hash uint64
}

// New makes a Correlator for a rule set.
func New(set *rule.Set, o Options) *Correlator {
	o.Quota.defaults()
	c := &Correlator{plan: newPlan(set), opt: o}
	c.packer = window.Packer{Sources: &c.sources, Edit: c.edit}
	c.judge = newJudge(c.plan)
	n := len(c.plan.rules)
	c.stats = Stats{Matches: make([]int64, n), MissingKey: make([]int64, n), Learned: make([]int64, n),
		Refused: make([]int64, n), Errors: c.judge.errors, Dropped: make([]int64, n), Undecided: make([]int64, n)}
	al := &alerts{judge: c.judge, redact: o.Redact, sources: &c.sources}
	c.oracle = newOracle(al)
	al.names = func(r int, e *window.Event) string { return c.oracle.names[r][e.Hash] }
	c.seen = map[seenHit]struct{}{}
	c.docs = map[docKey][]byte{}
	return c
}

// edit overwrites secrets in text from outside before it is kept.
func (c *Correlator) edit(slot int, v engine.Value) engine.Value {
	if !c.plan.text[slot] {
		return v
	}
	return redacted(c.opt.Redact, v)
}

// Hit takes one hit. The event may be reused afterwards.
func (c *Correlator) Hit(h engine.Hit) {
	pp := &c.plan.probes[h.Probe]
	if pp.rule.off {
		return
	}
	c.stats.Hits++
	id := seenHit{h.Probe, h.Event.Hash}
	if _, dup := c.seen[id]; dup {
		c.stats.Duplicates++
		return
	}
	c.seen[id] = struct{}{}
	if c.plan.set.Probes[h.Probe].Role != rule.RoleLink {
		c.stats.Matches[pp.rule.Index]++
	}
	if k := (docKey{pp.rule.Index, h.Event.Hash}); c.opt.Document != nil && c.docs[k] == nil {
		c.docs[k] = c.document(h.Event)
	}
	c.oracle.add(int(h.Probe), c.packer.Pack(h.Event, pp.keep))
}

// document gives the redacted document of a live event.
func (c *Correlator) document(ev *engine.Event) []byte {
	if ev.Document != nil {
		return ev.Document
	}
	return c.opt.Document(ev)
}

// Advance says how far each dataset is complete: every event of d at or before
// w(d), ns, has come. A dataset that cannot bring more may answer with the
// largest int64, one that is unknown with what holds back nobody.
func (c *Correlator) Advance(w func(engine.Dataset) int64) {}

// End says that the input is over; w is the newest event time. What is still
// awaited is counted as undecided.
func (c *Correlator) End(w int64) {
	for _, s := range c.oracle.run(w) {
		s.document = c.docs[docKey{s.rule.Index, s.earliest.ev.Hash}]
		c.alerts = append(c.alerts, c.oracle.build(s))
	}
}

// Alerts gives the final episodes, and after End the open ones too, sorted by
// start, rule, key.
func (c *Correlator) Alerts() []*engine.Alert {
	slices.SortFunc(c.alerts, compareAlerts)
	return c.alerts
}

func compareAlerts(a, b *engine.Alert) int {
	if x := cmp.Compare(a.Start, b.Start); x != 0 {
		return x
	}
	if x := strings.Compare(a.Rule, b.Rule); x != 0 {
		return x
	}
	for i := range min(len(a.Key), len(b.Key)) {
		if x := strings.Compare(a.Key[i].Value.Text(), b.Key[i].Value.Text()); x != 0 {
			return x
		}
	}
	return strings.Compare(a.ID, b.ID)
}

// Stats gives what was counted so far.
func (c *Correlator) Stats() Stats { return c.stats }
