package correlate

import (
	"cmp"
	"math"
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
	// Collect keeps every event of every step, so that Nearest can tell how far
	// each key came. For offline tools: memory follows hits.
	Collect bool
	// Quota bounds what one rule remembers in one shard; zero: defaults.
	Quota Quota

	tidy int // see window.ChainSpec.Tidy
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
	build   *alerts
	stats   Stats
	names   *nameBoard
	shards  []*shard
	mail    []message
	marks   []mark // by rule
	brute   *brute // with Options.Oracle
	alerts  []*engine.Alert
	kept    *collected // with Options.Collect
}

// mark is how far a rule is.
type mark struct {
	in  int64 // complete up to here
	out int64 // its points are
}

// before is a watermark before all events.
const before = math.MinInt64 / 4

// New makes a Correlator for a rule set.
func New(set *rule.Set, o Options) *Correlator {
	o.Quota.defaults()
	o.Shards = max(o.Shards, 1)
	c := &Correlator{plan: newPlan(set), opt: o}
	c.packer = window.Packer{Sources: &c.sources, Edit: c.edit}
	judge := newJudge(c.plan)
	c.build = &alerts{judge: judge, redact: o.Redact, sources: &c.sources}
	n := len(c.plan.rules)
	c.stats = Stats{Matches: make([]int64, n), MissingKey: make([]int64, n), Learned: make([]int64, n),
		Refused: make([]int64, n), Errors: judge.errors, Dropped: make([]int64, n), Undecided: make([]int64, n)}
	for range n {
		c.marks = append(c.marks, mark{before, before})
	}
	if o.Oracle {
		c.brute = newBrute(c)
		return c
	}
	if o.Collect {
		c.kept = newCollected(c)
	}
	c.names = newNameBoard(c.plan.longest())
	for i := range o.Shards {
		c.shards = append(c.shards, newShard(i, c))
	}
	return c
}

// edit overwrites secrets in text from outside before it is kept.
func (c *Correlator) edit(slot int, v engine.Value) engine.Value {
	if !c.plan.text[slot] {
		return v
	}
	return redacted(c.opt.Redact, v)
}

// document gives the redacted document of a live event.
func (c *Correlator) document(ev *engine.Event) []byte {
	if ev.Document != nil {
		return ev.Document
	}
	if c.opt.Document == nil {
		return nil
	}
	return c.opt.Document(ev)
}

// Hit takes one hit. The event may be reused afterwards.
func (c *Correlator) Hit(h engine.Hit) {
	pp := &c.plan.probes[h.Probe]
	r := pp.rule
	if r.off {
		return
	}
	c.stats.Hits++
	if c.brute != nil {
		c.brute.hit(c, h)
		return
	}
	late := h.Event.Time <= c.marks[r.Index].in
	if late {
		c.stats.Late++
		if r.Kind != rule.Match {
			return
		}
	}
	switch pp.role {
	case rule.RoleStep:
		c.stepHit(pp, h)
	case rule.RoleLink:
		c.linkHit(pp, h)
	default:
		c.ownHit(pp, h)
	}
	c.deliver()
}

// fresh reports whether a shard sees a hit for the first time.
func (c *Correlator) fresh(st *ruleState, h engine.Hit) bool {
	if !st.seen.Add(h.Event.Time, h.Event.Hash^uint64(h.Probe)*0x9e3779b97f4a7c15) {
		c.stats.Duplicates++
		return false
	}
	return true
}

// ownHit takes a hit of a rule's own condition.
func (c *Correlator) ownHit(pp *probePlan, h engine.Hit) {
	r, ev := pp.rule, h.Event
	doc := func() []byte { return c.document(ev) }
	var k, value window.Key
	var counted engine.Value
	ok := true
	hash := &c.build.hash
	switch r.Kind {
	case rule.Match:
		k = c.build.dedupLive(r, ev)
	case rule.Count:
		k, ok = hash.Event(r.salt, ev, r.Count.By)
		if slot := max(r.Count.Distinct, r.Count.Sum); slot >= 0 {
			counted = ev.Get(slot)
			ok = ok && !counted.IsNil()
		}
	case rule.FirstSeen:
		k, ok = hash.Event(r.salt, ev, r.First.By)
		if ok {
			if value, ok = hash.Event(r.salt+1, ev, r.First.Value); ok {
				value = window.Key{Hi: value.Hi ^ k.Hi, Lo: value.Lo + k.Lo}
			}
		}
	}
	s := c.shards[int(k.Hi%uint64(len(c.shards)))]
	st := s.rules[r.Index]
	seen := st
	if r.Kind == rule.Match { // its key may change when its run is known
		seen = c.shards[int(ev.Hash%uint64(len(c.shards)))].rules[r.Index]
	}
	if r.held && r.Kind == rule.Match {
		if p, ok := seen.held.Get(ev.Time, ev.Hash); ok && c.build.gains(p.ev, ev) {
			s.resolved(p, r, c.packer.Pack(ev, pp.keep))
			return
		}
	}
	if !c.fresh(seen, h) {
		return
	}
	c.stats.Matches[r.Index]++
	if !ok {
		c.stats.MissingKey[r.Index]++
		return
	}
	if r.Kind == rule.Count && r.Count.Sum >= 0 {
		if _, sums := window.ToAmount(counted.Float()); !sums {
			c.stats.Refused[r.Index]++
			return
		}
	}
	e := c.packer.Pack(ev, pp.keep)
	switch r.Kind {
	case rule.Match:
		if p := s.matched(st, e, k, doc); r.held {
			seen.held.Put(ev.Time, ev.Hash, p)
		}
	case rule.Count:
		s.counted(st, e, k, counted, doc)
	case rule.FirstSeen:
		if !s.room(st, st.first.Len(), 0) {
			return
		}
		if s.live && !st.first.Known(ev.Time, value) {
			s.keepDocument(st, e, doc)
		}
		st.queue.Push(waiting{ev: e, key: k, value: value})
	}
}

// stepHit takes a hit of a step's condition.
func (c *Correlator) stepHit(pp *probePlan, h engine.Hit) {
	r, ev := pp.rule, h.Event
	e := c.packer.Pack(ev, pp.keep)
	s := c.shards[0]
	se, home, ok := s.stepEvent(r, pp.part, e, ev.Get)
	if !ok {
		if c.fresh(s.rules[r.Index], h) {
			c.stats.Matches[r.Index]++
			c.stats.MissingKey[r.Index]++
		}
		return
	}
	s = c.shards[s.owner(home)]
	st := s.rules[r.Index]
	if !c.fresh(st, h) {
		return
	}
	c.stats.Matches[r.Index]++
	s.step(st, se, func() []byte { return c.document(ev) })
}

// linkHit takes a hit of a link's condition.
func (c *Correlator) linkHit(pp *probePlan, h engine.Hit) {
	r := pp.rule
	s := c.shards[int(r.salt%uint64(len(c.shards)))]
	st := s.rules[r.Index]
	if !c.fresh(st, h) {
		return
	}
	l := r.Sequence.Links[pp.part]
	from, to := h.Event.Get(l.From.Slot), h.Event.Get(l.To.Slot)
	if from.IsNil() || to.IsNil() {
		c.stats.MissingKey[r.Index]++
		return
	}
	hash := &c.build.hash
	e := c.packer.Pack(h.Event, pp.keep)
	if c.kept != nil {
		c.kept.links[r.Index][pp.part] = append(c.kept.links[r.Index][pp.part], e)
	}
	s.link(st, pp.part, e, hash.Key(0, from), hash.Key(0, to))
}

// send puts a message on its way; deliver hands it over.
func (c *Correlator) send(m message) { c.mail = append(c.mail, m) }

// deliver hands every message to its shard. It is the one place where shards
// meet; with a goroutine for each shard it becomes their channels.
func (c *Correlator) deliver() {
	for i := 0; i < len(c.mail); i++ {
		m := c.mail[i]
		s := c.shards[m.to]
		st := s.rules[m.rule]
		switch {
		case m.point != nil:
			st.points.Push(m.point)
		case m.early != nil:
			var doc func() []byte
			if m.doc != nil {
				doc = func() []byte { return m.doc }
			}
			s.alight(st, m.early, doc)
		case m.step != nil:
			s.fedStep(m, c.marks[m.rule].in)
		}
	}
	clear(c.mail)
	c.mail = c.mail[:0]
}

// Advance says how far each dataset is complete: every event of d at or before
// w(d), ns, has come. A dataset that cannot bring more answers with the
// largest int64; one that never brought anything must answer with what the
// others allow, or it holds every rule back that can read it.
func (c *Correlator) Advance(w func(engine.Dataset) int64) {
	if c.brute != nil {
		return
	}
	for _, i := range c.plan.order {
		r := c.plan.rules[i]
		if r.off {
			continue
		}
		in := int64(math.MaxInt64)
		for _, d := range engine.Datasets() {
			if r.reads.Has(d) && r.reads != 0 {
				in = min(in, w(d))
			}
		}
		if r.held && in > before {
			in -= heldFor
		}
		if r.Sequence != nil {
			for _, st := range r.Sequence.Steps {
				for _, b := range st.Rules {
					if !c.plan.rules[b].off {
						in = min(in, c.marks[b].out)
					}
				}
			}
		}
		if in > c.marks[i].in {
			c.settle(r, in, in-min(r.delay, in-before))
		}
	}
	if lowest := c.lowest(); lowest > before {
		c.names.ids.Advance(lowest)
	}
}

// lowest is the watermark of the slowest rule.
func (c *Correlator) lowest() int64 {
	low := int64(math.MaxInt64)
	for i, m := range c.marks {
		if !c.plan.rules[i].off {
			low = min(low, m.out)
		}
	}
	return low
}

// settle moves one rule's watermark: windows first, then what their points
// make of episodes.
func (c *Correlator) settle(r *rulePlan, in, out int64) {
	for _, s := range c.shards {
		s.settle(s.rules[r.Index], in)
	}
	c.deliver()
	c.marks[r.Index] = mark{in, out}
	for _, s := range c.shards {
		s.episode(s.rules[r.Index], out)
	}
}

// End says that the input is over; w is the newest event time. What is still
// awaited is counted as undecided.
func (c *Correlator) End(w int64) {
	if c.brute != nil {
		c.alerts = c.brute.end(c, w)
		return
	}
	for _, i := range c.plan.order {
		r := c.plan.rules[i]
		if r.off {
			continue
		}
		for _, s := range c.shards {
			st := s.rules[i]
			if st.seq != nil {
				c.stats.Undecided[i] += int64(st.seq.Finish(w, func(ch *window.Chain) { s.chained(st, ch) }))
			} else {
				s.settle(st, math.MaxInt64)
			}
		}
		c.deliver()
		c.marks[i] = mark{math.MaxInt64, math.MaxInt64}
		for _, s := range c.shards {
			s.end(s.rules[i], w)
		}
	}
}

// Alerts gives the final episodes, and after End the open ones too, sorted by
// start, rule, key.
func (c *Correlator) Alerts() []*engine.Alert {
	for _, s := range c.shards {
		c.alerts = append(c.alerts, s.out...)
		s.out = nil
	}
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
