package correlate

import (
	"encoding/binary"

	"github.com/seed-843b225c/reflex/engine"
	"github.com/seed-843b225c/reflex/engine/rule"
	"github.com/seed-843b225c/reflex/engine/window"
)

// memory is what a Correlator writes down so that a later process can go on:
// doc.go says what and why. One for all shards.
type memory struct {
	out     engine.Saver
	prefix  []byte
	plan    *plan
	sources *window.Sources
	begun   bool // the head is written or was read
	epoch   uint32
	named   int         // names of sources that are stored
	rules   []*keptRule // by rule
	tape    tape

	key, val []byte // scratch

	old map[uint32]map[int]int64 // by epoch of earlier processes and rule: its newest hit

	replay  *replay             // while Restore feeds; else nil
	waiting []engine.Transition // merges found then
}

// keptRule is how one rule's state stands in the store.
type keptRule struct {
	slot    uint16
	times   [len(timedKinds)]span // by kind: the times of what is stored
	buckets int64                 // first_seen: first bucket of last sightings that may be stored
	fresh   bool                  // it started empty: what other rules replay is not its own
}

// timedKinds are the kinds of state that stand in the order of time.
var timedKinds = [...]byte{kindHit, kindName, kindDocument}

// span holds all times of something; it may be wider than need be.
type span struct{ low, high int64 }

var emptySpan = span{never, -never}

func (s *span) add(t int64) { s.low, s.high = min(s.low, t), max(s.high, t) }

// never is a time after all events.
const never = int64(1) << 62

func newMemory(c *Correlator) *memory {
	m := &memory{out: c.opt.Journal, prefix: c.opt.Prefix, plan: c.plan, sources: &c.sources}
	if len(m.prefix) == 0 {
		m.prefix = []byte("c")
	}
	for i := range c.plan.rules {
		m.rules = append(m.rules, &keptRule{slot: uint16(i + 1), times: [...]span{emptySpan, emptySpan, emptySpan}, buckets: -never})
	}
	return m
}

// restoring reports whether what happens now is Restore feeding the journal.
func (m *memory) restoring() bool { return m != nil && m.replay != nil }

// writes reports whether what happens now must be stored.
func (m *memory) writes() bool { return m != nil && m.replay == nil }

// begin starts with an empty store, unless Restore has read it: what an
// earlier process left there and nobody restored is gone.
func (m *memory) begin() {
	if m.begun {
		return
	}
	m.out.DeleteRange(m.prefix, endOf(m.prefix))
	m.head()
	for i := range m.rules {
		m.storeRule(i)
	}
	m.epoch = 1
	m.storeEpoch()
	m.begun = true
}

// times of a hit's record: as it came first, as it came again with its run,
// and the settled point of a first_seen rule that it was.
const (
	asHit byte = iota
	asAgain
	asPoint
)

// hit journals a hit that the rule's state took in.
func (m *memory) hit(pp *probePlan, as byte, e *window.Event) {
	if !m.writes() {
		return
	}
	if m.named < m.sources.Len() {
		m.storeSources()
	}
	var keys []window.Key
	if m.tape.edited {
		keys = m.tape.keys
	}
	m.record(pp.rule, pp.role, pp.part, as, e, keys)
}

func (m *memory) record(r *rulePlan, role rule.Role, part int, as byte, e *window.Event, keys []window.Key) {
	k := m.hitKey(r.Index, e, role, part, as)
	m.val = m.eventValue(m.val[:0], e, keys)
	m.out.Set(k, m.val)
	m.rules[r.Index].times[0].add(e.Time)
}

// settled says that a first_seen hit is judged: from now on its rule's tables
// hold what it did, and only a point is worth keeping.
func (m *memory) settled(r *rulePlan, e *window.Event, point bool) {
	if !m.writes() {
		return
	}
	m.out.Delete(m.hitKey(r.Index, e, rule.RoleWhen, 0, asHit))
	if point {
		m.record(r, rule.RoleWhen, 0, asPoint, e, nil)
	}
}

// document stores the document of an event.
func (m *memory) document(r *rulePlan, t int64, hash uint64, doc []byte) {
	if m.writes() {
		m.out.Set(m.timeKey(r.Index, kindDocument, t, hash), doc)
		m.rules[r.Index].times[2].add(t)
	}
}

// name stores under which alert an event's point stands.
func (m *memory) name(rule int, e *window.Event, id string) {
	if m.writes() {
		m.val = append(m.val[:0], id...)
		m.out.Set(m.timeKey(rule, kindName, e.Time, e.Hash), m.val)
		m.rules[rule].times[1].add(e.Time)
	}
}

// eventValue appends an event with the keys it was filed under, where these do
// not follow from what is kept of it.
func (m *memory) eventValue(b []byte, e *window.Event, keys []window.Key) []byte {
	b = binary.AppendUvarint(b, uint64(m.epoch))
	b = binary.AppendUvarint(b, uint64(len(keys)))
	for _, k := range keys {
		b = appendKey(b, k)
	}
	return e.AppendPacked(b)
}

// tape is the keys a hit was filed under, in the order they were made. They are
// made of values as they came, while secrets in what is kept are overwritten:
// where that changed something, the tape is stored, and a replay takes the keys
// from it.
type tape struct {
	keys   []window.Key
	edited bool
	plays  bool
}

// start begins a hit.
func (t *tape) start() {
	if !t.plays {
		t.keys, t.edited = t.keys[:0], false
	}
}

// as gives a key of the hit in hand as it was when the hit first came.
func (c *Correlator) as(k window.Key) window.Key {
	m := c.memory
	switch {
	case m == nil:
	case !m.tape.plays:
		m.tape.keys = append(m.tape.keys, k)
	case len(m.tape.keys) > 0:
		k, m.tape.keys = m.tape.keys[0], m.tape.keys[1:]
	}
	return k
}
