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
	now     *engine.Event
	doc     func() []byte // of now
	drawn   drawn
	get     func(slot int) engine.Value // of now
	busy    []bool                      // by rule: it has something to judge or to forget
	marksOf []int64
	brute   *brute // with Options.Oracle
	alerts  []*engine.Alert
	kept    *collected // with Options.Collect
	memory  *memory    // with Options.Journal
}

// drawn is the document made last: several rules ask for that of one event.
type drawn struct {
	of  eventRef
	doc []byte
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
	c.busy = make([]bool, n)
	c.doc = func() []byte { return c.document(c.now) }
	c.get = func(slot int) engine.Value { return c.now.Get(slot) }
	if o.Oracle {
		c.brute = newBrute(c)
		return c
	}
	if o.Collect {
		c.kept = newCollected(c)
	}
	if o.Journal != nil {
		c.memory = newMemory(c)
	}
	c.names = newNameBoard(c.plan.longest(), c.memory)
	for i := range o.Shards {
		c.shards = append(c.shards, newShard(i, c))
	}
	return c
}

// emit hands a transition on. What Restore's replay finds waits until it is over.
func (c *Correlator) emit(t engine.Transition) {
	if c.memory.restoring() {
		c.memory.waiting = append(c.memory.waiting, t)
		return
	}
	c.opt.Emit(t)
}

// send puts a message on its way; deliver hands it over.
func (c *Correlator) send(m message) { c.mail = append(c.mail, m) }

// deliver hands every message to its shard. It is the one place where shards
// meet; with a goroutine for each shard it becomes their channels.
func (c *Correlator) deliver() {
	for i := 0; i < len(c.mail); i++ {
		m := c.mail[i]
		c.busy[m.rule] = true
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
	c.marksOf = c.plan.marks(c.marksOf[:0], w)
	c.advance(func(r *rulePlan) int64 {
		in := c.marksOf[r.readers]
		if r.held && in > before {
			in -= heldFor
		}
		return in
	})
}

// advance moves rules' watermarks; to says how far each rule's own events are
// complete.
func (c *Correlator) advance(to func(r *rulePlan) int64) {
	for _, i := range c.plan.order {
		r := c.plan.rules[i]
		if r.off {
			continue
		}
		in := to(r)
		for _, b := range r.bases {
			in = min(in, c.marks[b].out)
		}
		if in <= c.marks[i].in {
			continue
		}
		out := in - min(r.delay, in-before)
		if c.busy[i] {
			c.settle(r, in, out)
		} else { // nothing to judge: only the time goes on
			c.marks[i] = mark{in, out}
		}
	}
	if lowest := c.Complete(); lowest > before {
		c.names.ids.Advance(lowest)
	}
}

// Complete is the watermark of the slowest rule: no alert that is not yet known
// starts at or before it.
func (c *Correlator) Complete() int64 {
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
	c.busy[r.Index] = false
	for _, s := range c.shards {
		st := s.rules[r.Index]
		s.episode(st, out)
		c.busy[r.Index] = c.busy[r.Index] || st.busy()
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
	slices.SortFunc(c.alerts, Compare)
	return c.alerts
}

// Discard forgets the final episodes that Alerts would give: a service has said
// them by Emit and keeps none.
func (c *Correlator) Discard() {
	for _, s := range c.shards {
		clear(s.out)
		s.out = s.out[:0]
	}
	c.alerts = nil
}

// Compare orders alerts by start, rule, key.
func Compare(a, b *engine.Alert) int {
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
