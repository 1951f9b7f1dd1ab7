package correlate

import (
	"math"
	"slices"

	"github.com/seed-843b225c/reflex/engine"
	"github.com/seed-843b225c/reflex/engine/rule"
	"github.com/seed-843b225c/reflex/engine/window"
)

// plan is what correlate works out once for a rule set. It is immutable and
// shared by all shards.
type plan struct {
	set    *rule.Set
	rules  []*rulePlan
	order  []int // rules, a rule after every rule it takes points from
	probes []probePlan
	reads  []engine.DatasetSet // the different sets of datasets that rules read
	// measure is the slot of the pseudo field a count's level_when reads; -1.
	measure int
	runs    []int  // slots of the run and the job of an event
	text    []bool // by slot: outside text, redacted before it is kept
}

// probePlan is what a hit of one probe needs.
type probePlan struct {
	rule *rulePlan
	role rule.Role
	part int
	keep []int // slots kept of the event
}

// rulePlan is one rule with what follows from it.
type rulePlan struct {
	*rule.Compiled
	salt     uint64 // of its keys: hash of its id, so that keys outlive a reload
	off      bool
	when     int     // probe of its own condition, -1
	links    []int   // probe of each link
	keep     []int   // slots kept of events of its own condition
	stepKeep [][]int // slots kept of each step's events
	shown    [][]int // slots that evidence shows; of a sequence by step, else one
	// reads is every dataset whose events can make points of this rule.
	reads engine.DatasetSet
	// readers is the place of reads among the plan's.
	readers int
	// bases are the rules whose points it takes.
	bases []int
	// held: its hits may wait for their run, see heldFor.
	held  bool
	feeds []feed
	// need is the mandatory steps, and ends the steps at which a chain is a
	// point: each step with reached, and the last mandatory one.
	need []int
	ends []int
	// tolerance is the widest two events of this rule may be in the wrong
	// order, ns; 0 when order does not matter to it.
	tolerance int64
	// delay is how far the watermark must pass a point before it is settled.
	delay int64
	// trailing is how long after the completing event a negated step may still
	// forbid the chain; 0: none.
	trailing int64
	waits    bool // speaks at the watermark, not at once
	differs  []differ
	// keyed: the dedup key of a count's point is the key it is counted by.
	keyed bool
	// same: all points of a key have the same entities.
	same bool
	// home is the key that decides which shard owns an event of a sequence:
	// one that every step names; -1: one shard owns the whole rule, because
	// chains cross from key to key.
	home int
	// own says what the rule is, stamp also what the rules it takes points from
	// are: state is kept while it stays. back is how much older than a point an
	// event that matters to it can be, ns.
	own, stamp string
	back       int64
	// steady: a point's dedup key reads its own event and bound keys only, so
	// that it is known at once.
	steady bool
}

// differ is one differs between two steps, a before b.
type differ struct {
	a, b, n int
	slots   []int
}

// feed is one step of a sequence that takes this rule's points.
type feed struct {
	rule, step int
	except     []rule.Exception
}

func newPlan(set *rule.Set) *plan {
	p := &plan{set: set, measure: set.Layout.SlotOf("measure"), runs: union(nil,
		[]int{set.Layout.SlotOf("ci.run.id"), set.Layout.SlotOf("ci.job.id")})}
	for _, s := range set.Layout.Slots() {
		p.text = append(p.text, s.Raw != "" || s.Field.Def().Text)
	}
	for _, c := range set.Rules {
		r := &rulePlan{Compiled: c, when: -1, off: c.Mode == rule.ModeOff, salt: window.Hash(0, []byte(c.ID)).Lo}
		if c.Kind == rule.Sequence {
			r.links = make([]int, len(c.Sequence.Links))
			r.stepKeep = make([][]int, len(c.Sequence.Steps))
		}
		p.rules = append(p.rules, r)
	}
	for i, pr := range set.Probes {
		switch r := p.rules[pr.Rule]; pr.Role {
		case rule.RoleWhen:
			r.when = i
		case rule.RoleLink:
			r.links[pr.Part] = i
		}
	}
	p.sort()
	for _, i := range p.order {
		p.steps(p.rules[i])
	}
	p.datasets()
	p.keeps()
	for _, r := range p.rules {
		if r.held {
			r.keep = union(r.keep, p.runs) // to see whether one that comes again knows more
		}
	}
	p.feed()
	for _, r := range p.rules {
		if r.Kind == rule.Count && !r.off {
			r.keyed, r.same = p.keyed(r)
		}
	}
	p.stamps()
	p.probes = make([]probePlan, len(set.Probes))
	for i, pr := range set.Probes {
		r := p.rules[pr.Rule]
		pp := probePlan{rule: r, role: pr.Role, part: pr.Part, keep: r.keep}
		switch pr.Role {
		case rule.RoleStep:
			pp.keep = r.stepKeep[pr.Part]
		case rule.RoleLink:
			l := r.Sequence.Links[pr.Part]
			pp.keep = []int{l.From.Slot, l.To.Slot}
		}
		p.probes[i] = pp
	}
	return p
}

// keyed works out what of a count's points its key alone decides. Outside
// text does not count: it is counted as it came and kept redacted.
func (p *plan) keyed(r *rulePlan) (dedup, entities bool) {
	own := func(ref rule.Ref) int {
		if ref.Meta != "" || ref.Key >= 0 || ref.Step >= 0 || ref.Slot < 0 || p.text[ref.Slot] {
			return -1
		}
		return slices.Index(r.Count.By, ref.Slot)
	}
	dedup = len(r.Alert.DedupBy) == len(r.Count.By)
	for i, ref := range r.Alert.DedupBy {
		dedup = dedup && own(ref) == i
	}
	entities = true
	for _, n := range r.Alert.Entities {
		entities = entities && own(n.Ref) >= 0
	}
	return dedup, entities
}

// sort orders the rules so that points flow forward.
func (p *plan) sort() {
	seen := make([]bool, len(p.rules))
	var visit func(i int)
	visit = func(i int) {
		if seen[i] {
			return
		}
		seen[i] = true
		if s := p.rules[i].Sequence; s != nil {
			for _, st := range s.Steps {
				for _, b := range st.Rules {
					visit(b)
				}
			}
		}
		p.order = append(p.order, i)
	}
	for i := range p.rules {
		visit(i)
	}
}

// steps works out the steps of a sequence, its tolerance and its delay.
func (p *plan) steps(r *rulePlan) {
	s := r.Sequence
	r.steady = true
	for _, ref := range r.Alert.DedupBy {
		r.steady = r.steady && ref.Step < 0
	}
	if s == nil {
		r.waits = r.Kind == rule.FirstSeen
		return
	}
	for i, st := range s.Steps {
		if !st.Optional && !st.Negated {
			r.need = append(r.need, i)
		}
		r.waits = r.waits || st.Negated
	}
	if len(r.need) == 0 {
		r.off = true
		return
	}
	last := r.need[len(r.need)-1]
	for i, st := range s.Steps {
		if i == last || s.Ordered && st.Reached != 0 && !st.Negated && !st.Optional && i < last {
			r.ends = append(r.ends, i)
		}
	}
	r.home = homeKey(s)
	for i, st := range s.Steps {
		if d := st.Differs; d != nil && !st.Negated && !s.Steps[d.From].Negated {
			r.differs = append(r.differs, differ{min(i, d.From), max(i, d.From), len(r.differs), d.Slots})
		}
	}
	for _, ref := range r.Alert.DedupBy {
		r.steady = r.steady && (ref.Key < 0 || r.fixes(ref.Key))
	}
	if !s.Ordered {
		return
	}
	for _, d := range engine.Datasets() {
		r.tolerance = max(r.tolerance, int64(d.Info().Resolution)+s.Slack)
	}
	for _, st := range s.Steps[last+1:] {
		if st.Negated {
			r.trailing = max(r.trailing, st.Within)
		}
	}
	r.delay = r.tolerance*int64(len(s.Steps)+1) + r.trailing
}

// fixes reports whether every point has the key from a mandatory step, or none
// can have it from an optional one.
func (r *rulePlan) fixes(key int) bool {
	names := func(st rule.Step) bool {
		return slices.ContainsFunc(st.By, func(by rule.KeySlot) bool { return by.Key == key })
	}
	loose := false
	for i, st := range r.Sequence.Steps {
		if i <= r.ends[0] && !st.Optional && !st.Negated && names(st) {
			return true
		}
		loose = loose || st.Optional && names(st)
	}
	return !loose
}

// homeKey gives a key that every step names, -1 when there is none or when
// links lead elsewhere.
func homeKey(s *rule.SequenceSpec) int {
	for k := range s.Keys {
		every := len(s.Links) == 0
		for _, st := range s.Steps {
			every = every && slices.ContainsFunc(st.By, func(by rule.KeySlot) bool { return by.Key == k })
		}
		if every {
			return k
		}
	}
	return -1
}

// heldFor is how far the watermark must be past a hit before package job lets
// it go, ns.
const heldFor = 2_000_000_000

// datasets works out which watermarks hold each rule back.
func (p *plan) datasets() {
	for _, pr := range p.set.Probes {
		r := p.rules[pr.Rule]
		r.held = r.held || pr.NeedsRun
		for _, d := range engine.Datasets() {
			if pr.From.Has(d) || pr.NeedsRun && d.Info().Jobs {
				r.reads = r.reads.With(d)
			}
		}
	}
	for _, r := range p.rules {
		if r.readers = slices.Index(p.reads, r.reads); r.readers < 0 {
			r.readers = len(p.reads)
			p.reads = append(p.reads, r.reads)
		}
		if r.Sequence == nil {
			continue
		}
		for _, st := range r.Sequence.Steps {
			for _, b := range st.Rules {
				if !p.rules[b].off {
					r.bases = append(r.bases, b)
				}
			}
		}
	}
}

// marks gives how far each of the plan's sets of datasets is complete.
func (p *plan) marks(out []int64, w func(engine.Dataset) int64) []int64 {
	for range p.reads {
		out = append(out, math.MaxInt64)
	}
	for _, d := range engine.Datasets() {
		at := w(d)
		for i, set := range p.reads {
			if set != 0 && set.Has(d) {
				out[i] = min(out[i], at)
			}
		}
	}
	return out
}

// feed tells each rule where its points go on.
func (p *plan) feed() {
	for _, i := range p.order {
		r := p.rules[i]
		if r.Sequence == nil || r.off {
			continue
		}
		for j, st := range r.Sequence.Steps {
			for _, b := range st.Rules {
				base := p.rules[b]
				if base.off || base.Mode == rule.ModeShadow && r.Mode != rule.ModeShadow {
					continue
				}
				f := feed{rule: i, step: j}
				for _, x := range base.Feeds {
					if x.Rule == i && x.Step == j {
						f.except = x.Except
					}
				}
				base.feeds = append(base.feeds, f)
			}
		}
	}
}

// longest is how long the name of an alert may be asked for, ns.
func (p *plan) longest() int64 {
	most := int64(1)
	for _, r := range p.rules {
		if r.Sequence != nil {
			most = max(most, r.Sequence.Within+2*r.delay)
		}
	}
	return most
}

// tolerance is how far a may be later than b by the clock and still count as
// not after it.
func tolerance(a, b *window.Event, slack int64) int64 {
	return int64(max(a.Dataset().Info().Resolution, b.Dataset().Info().Resolution)) + slack
}
