package correlate

import (
	"cmp"

	"github.com/seed-843b225c/reflex/engine"
	"github.com/seed-843b225c/reflex/engine/rule"
	"github.com/seed-843b225c/reflex/engine/window"
)

// shard owns the state of the keys that hash to it. It is plain data that one
// goroutine drives; what concerns a key of another shard leaves as a message.
type shard struct {
	*alerts
	n      int // own number
	of     int // how many there are
	live   bool
	rules  []*ruleState
	stats  *Stats
	send   func(message)
	emit   func(engine.Transition)
	names  *nameBoard
	out    []*engine.Alert
	quota  Quota
	buf    []*window.Event
	spare  *point
	kept   *collected
	memory *memory // nil without a journal
	eager  int     // see Options
}

// message is what one shard hands to another.
type message struct {
	to    int
	rule  int
	point *point            // a settled point, to the owner of its dedup key
	early *point            // a point known at once, likewise
	step  *window.StepEvent // an event of a sequence's step, to the owner of its key
	from  *rulePlan         // of step: whose point it was
	doc   []byte            // of early: its document
}

// ruleState is what a shard remembers for one rule.
type ruleState struct {
	rule *rulePlan
	seen window.Seen

	// one of these by kind
	count    *window.Aging[*window.Count]
	countBy  window.CountSpec
	distinct *window.Aging[*window.Distinct]
	distBy   window.DistinctSpec
	sum      *window.Aging[*window.Sum]
	sumBy    window.SumSpec
	first    *window.First
	seq      *window.Sequence
	any      *window.Unordered
	fed      window.Timed[*window.StepEvent] // step events made by rules, by step and event
	held     window.Timed[*point]            // of a match rule: points that may still learn their run

	queue    window.Queue[waiting] // hits not yet settled (count, first_seen)
	points   window.Queue[*point]  // settled points on their way to episodes
	episodes *window.Episodes[*episode]
	alive    map[window.Key][]*living
	docs     window.Timed[[]byte] // documents of events that may open an episode
	dropped  bool
	opened   int64
	claims   window.Queue[due]          // brought back by Restore
	saved    map[window.Key]openEpisode // while Restore feeds: episodes that were open, but for those that settled says
	news     []*living                  // while Restore feeds: see note
	changes  *changes                   // since the last Save; nil without a journal
}

// waiting is a hit that its window settles later.
type waiting struct {
	ev         *window.Event
	key, value window.Key
}

func newShard(n int, c *Correlator) *shard {
	s := &shard{
		alerts: c.build, n: n, of: c.opt.Shards, stats: &c.stats, send: c.send, memory: c.memory,
		names: c.names, quota: c.opt.Quota, eager: cmp.Or(c.opt.eager, saveEager), kept: c.kept, live: c.opt.Emit != nil || c.opt.Document != nil,
	}
	if c.opt.Emit != nil {
		s.emit = c.emit
	}
	for _, r := range c.plan.rules {
		st := newRuleState(r, c.opt.tidy)
		if c.memory != nil {
			st.changes = newChanges()
			if st.first != nil {
				st.first.Track()
			}
		}
		s.rules = append(s.rules, st)
	}
	return s
}

func newRuleState(r *rulePlan, tidy int) *ruleState {
	st := &ruleState{rule: r, episodes: window.NewEpisodes[*episode](r.Alert.Within, episodeMost), alive: map[window.Key][]*living{}}
	st.queue.Before = func(a, b waiting) bool { return a.ev.Before(b.ev) }
	st.claims.Before = func(a, b due) bool { return a.at < b.at }
	st.points.Before = func(a, b *point) bool { return a.compare(b) < 0 }
	if r.off {
		return st
	}
	switch c := r.Count; r.Kind {
	case rule.Count:
		switch {
		case c.Sum >= 0:
			st.sumBy = window.SumSpec{Within: c.Within, Bucket: c.Bucket}
			st.sum = window.NewAging(c.Within+2*max(c.Bucket, 1)+1, func(x *window.Sum, _ int64) bool { return x.Pending() > 0 })
		case c.Distinct >= 0:
			st.distBy = window.DistinctSpec{Within: c.Within, AtLeast: int(c.AtLeast)}
			st.distinct = window.NewAging(c.Within+1, func(x *window.Distinct, _ int64) bool { return x.Pending() > 0 })
		default:
			st.countBy = window.CountSpec{Within: c.Within, AtLeast: int(c.AtLeast)}
			st.count = window.NewAging(c.Within+1, func(x *window.Count, _ int64) bool { return x.Pending() > 0 })
		}
	case rule.FirstSeen:
		f := r.First
		st.first = window.NewFirst(window.FirstSpec{Memory: f.Memory, For: f.LearnFor, Events: f.LearnEvents})
	case rule.Sequence:
		spec := chainSpec(r)
		spec.Tidy = tidy
		if r.Sequence.Ordered {
			st.seq = window.NewSequence(spec)
		} else {
			st.any = window.NewUnordered(spec)
		}
	}
	return st
}

// owner gives the shard that owns a key.
func (s *shard) owner(k window.Key) int { return int(k.Hi % uint64(s.of)) }

// room reports whether a rule may remember one more key or event.
func (s *shard) room(st *ruleState, keys, events int) bool {
	if keys < s.quota.Keys && events < s.quota.Events {
		return true
	}
	s.stats.Dropped[st.rule.Index]++
	st.dropped = true
	return false
}

// matched takes a hit of a match rule: a point by itself.
func (s *shard) matched(st *ruleState, e *window.Event, dedup window.Key, doc func() []byte) *point {
	p := alone(e)
	p.dedup = dedup
	p.level = s.level(st.rule, p)
	s.early(st, p, doc)
	st.points.Push(p)
	s.feed(st.rule, e)
	return p
}

// resolved takes a match rule's event again, now that its run is known. The
// point stays the one it was, under the same dedup key and level; its alert
// gains what is new, and sequences keyed on the run see it.
func (s *shard) resolved(p *point, r *rulePlan, e *window.Event) {
	p.learn(e)
	s.feed(r, e)
}

// size and pending are what the rule's quota bounds.
func (st *ruleState) size() int {
	switch {
	case st.count != nil:
		return st.count.Len()
	case st.distinct != nil:
		return st.distinct.Len()
	case st.sum != nil:
		return st.sum.Len()
	case st.first != nil:
		return st.first.Len()
	case st.seq != nil:
		return st.seq.Len()
	case st.any != nil:
		return st.any.Len()
	}
	return 0
}

// busy reports whether a moving watermark means anything to the rule.
func (st *ruleState) busy() bool {
	switch {
	case st.queue.Len() > 0 || st.points.Len() > 0 || st.episodes.Len() > 0 || len(st.alive) > 0 || st.size() > 0:
		return true
	case st.seq != nil && !st.seq.Idle() || st.any != nil && st.any.Pending() > 0:
		return true
	}
	return !st.seen.Empty() || !st.fed.Empty() || !st.held.Empty() || !st.docs.Empty()
}

func (st *ruleState) pending() int {
	switch {
	case st.seq != nil:
		return st.seq.Pending()
	case st.any != nil:
		return st.any.Pending()
	}
	return st.queue.Len()
}
