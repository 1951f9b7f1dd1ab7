package correlate

import (
	"encoding/binary"
	"encoding/hex"
	"encoding/json"
	"math"

	"github.com/seed-843b225c/reflex/engine"
	"github.com/seed-843b225c/reflex/engine/window"
)

// This file writes down what the journal of hits does not hold.

// Save gives s everything that changed since the last Save and drops what no
// longer matters. The caller makes it durable in one step with all that
// Options.Journal received before. It costs what changed, not what there is.
// Without a journal it does nothing.
func (c *Correlator) Save(s engine.Saver) {
	m := c.memory
	if m == nil {
		return
	}
	m.begin()
	out := m.out
	m.out = s
	defer func() { m.out = out }()
	m.storeSources() // what came back from other numbers has names too that no hit stored
	for i, r := range c.plan.rules {
		if r.off {
			continue
		}
		for _, sh := range c.shards {
			sh.save(sh.rules[i])
		}
	}
	m.saveMarks(c)
	m.trim(c)
}

// saveEager is how many changes of one rule wait for Save.
const saveEager = 1000

// relieve writes what changed so far when it is much: Save stops everything, so
// it should find little. What changes again is written again.
func (s *shard) relieve(st *ruleState) {
	if !s.memory.writes() {
		return
	}
	n := len(st.changes.episodes) + len(st.changes.livings)
	if st.first != nil {
		n += st.first.News()
	}
	if n >= s.eager {
		s.save(st)
	}
}

// save writes what changed in one rule of one shard.
func (s *shard) save(st *ruleState) {
	m, i := s.memory, st.rule.Index
	for _, k := range st.changes.episodes {
		key := m.dedupKey(i, kindOpen, k)
		sp, ok := st.episodes.Open(k)
		if !ok {
			m.out.Delete(key)
			continue
		}
		m.val = append(appendTime(m.val[:0], sp.Start), sp.Of.id...)
		m.out.Set(key, m.val)
	}
	for _, k := range st.changes.livings {
		key := m.dedupKey(i, kindLiving, k)
		if len(st.alive[k]) == 0 {
			m.out.Delete(key)
			continue
		}
		m.val = m.val[:0]
		for _, l := range st.alive[k] {
			m.val = m.appendLiving(m.val, l)
			l.dirty = false
		}
		m.out.Set(key, m.val)
	}
	st.changes.episodes = emptied(st.changes.episodes)
	st.changes.livings = emptied(st.changes.livings)
	if st.first != nil {
		s.saveFirst(st)
	}
}

// emptied keeps the array of a list for what comes next, unless a flood made
// it large.
func emptied(l []window.Key) []window.Key {
	if cap(l) > 4096 {
		return nil
	}
	return l[:0]
}

// saveFirst writes what changed in the tables of a first_seen rule. A record
// stands under the bucket of its last sighting, so that what is too old to
// matter is one range.
func (s *shard) saveFirst(st *ruleState) {
	m, i, memory := s.memory, st.rule.Index, st.rule.First.Memory
	st.first.Changed(func(k window.Key, l window.Learner) {
		v := appendTime(appendTime(m.val[:0], l.Born), l.Last)
		m.val = binary.AppendVarint(v, l.Events)
		m.out.Set(m.bucketKey(i, kindLearner, window.Bucket(l.Last, memory), k), m.val)
	}, func(k window.Key, v window.Sighting) {
		b := binary.BigEndian.AppendUint64(m.val[:0], v.Owner)
		b = appendTime(b, v.Last)
		m.val = append(b, bit(v.Fresh, 1))
		m.out.Set(m.bucketKey(i, kindSighting, window.Bucket(v.Last, memory), k), m.val)
	})
}

func bit(yes bool, b byte) byte {
	if yes {
		return b
	}
	return 0
}

// Flags of a living's record.
const (
	flagClosed byte = 1 << iota
	flagFirst       // its first point's event follows
	flagSaid        // the alert as it was logged last follows
	flagSeen        // the event of its document follows
)

// appendLiving appends the record of a living episode.
func (m *memory) appendLiving(b []byte, l *living) []byte {
	isSaid := l.claim() && l.said != nil
	b = append(b, bit(l.closed, flagClosed)|bit(!l.claim(), flagFirst)|bit(isSaid, flagSaid)|bit(l.seen != (eventRef{}), flagSeen), byte(l.level))
	b = appendTime(appendTime(b, l.start), l.end)
	b = appendString(b, l.id)
	for _, n := range []int64{l.opened, max(l.count, l.told), int64(l.number)} {
		b = binary.AppendVarint(b, n)
	}
	if l.seen != (eventRef{}) {
		b = binary.BigEndian.AppendUint64(appendTime(b, l.seen.time), l.seen.hash)
	}
	if !l.claim() {
		e := l.first.asKeyed().ev
		b = binary.BigEndian.AppendUint64(appendTime(b, e.Time), e.Hash)
		at := len(b)
		b = append(b, 0, 0, 0, 0)
		b = m.eventValue(b, e, nil)
		binary.BigEndian.PutUint32(b[at:], uint32(len(b)-at-4))
	}
	if isSaid {
		said, _ := json.Marshal(l.said) // it was JSON before
		b = append(binary.AppendUvarint(b, uint64(len(said))), said...)
	}
	return b
}

// saveMarks writes how far every rule is.
func (m *memory) saveMarks(c *Correlator) {
	v := m.val[:0]
	for i, mk := range c.marks {
		v = binary.BigEndian.AppendUint16(v, m.rules[i].slot)
		v = appendTime(appendTime(v, mk.in), mk.out)
		dropped := false
		for _, s := range c.shards {
			dropped = dropped || s.rules[i].dropped
		}
		v = append(v, bit(dropped, 1))
	}
	m.val = v
	m.out.Set(m.about('m'), v)
}

// trim drops what no later process can need: takers say first how far back
// they look at the points of givers.
func (m *memory) trim(c *Correlator) {
	need := make([]int64, len(c.plan.rules))
	for i := range need {
		need[i] = math.MaxInt64
	}
	for n := range c.plan.order {
		r := c.plan.rules[c.plan.order[len(c.plan.order)-1-n]]
		if r.off {
			continue
		}
		i := r.Index
		from := min(need[i], min(c.marks[i].out, never)+1, c.marks[i].in)
		for _, s := range c.shards {
			from = min(from, s.rules[i].changes.oldest())
		}
		from -= r.back
		for _, b := range r.bases {
			need[b] = min(need[b], from)
		}
		m.trimRule(r, from)
		if r.First != nil {
			m.trimFirst(r, c.marks[i].in)
		}
	}
	m.trimEpochs()
}

// trimStep is the least worth trimming, ns: a range deletion has its price.
const trimStep = int64(1e9)

func (m *memory) trimRule(r *rulePlan, from int64) {
	for n, kind := range timedKinds {
		sp := &m.rules[r.Index].times[n]
		if from-sp.low < max(trimStep, min(r.back/16, 600*trimStep)) {
			continue
		}
		lo := append([]byte(nil), m.of(r.Index, kind)...)
		m.out.DeleteRange(lo, appendTime(m.of(r.Index, kind), from))
		if sp.low = from; sp.high < from {
			*sp = emptySpan
		}
	}
}

// trimEpochs drops the tables of numbers that no stored hit uses.
func (m *memory) trimEpochs() {
	for epoch, rules := range m.old {
		for i, newest := range rules {
			if m.rules[i].times[0].low > newest {
				delete(rules, i)
			}
		}
		if len(rules) > 0 {
			continue
		}
		delete(m.old, epoch)
		m.out.Delete(binary.BigEndian.AppendUint32(m.about('e'), epoch))
		lo := binary.BigEndian.AppendUint32(m.about('s'), epoch)
		m.out.DeleteRange(append([]byte(nil), lo...), endOf(lo))
	}
}

// trimFirst drops sightings that are older than the rule remembers.
func (m *memory) trimFirst(r *rulePlan, in int64) {
	kr := m.rules[r.Index]
	if in <= before || in >= never {
		return
	}
	bucket := window.Bucket(in-r.First.Memory, r.First.Memory)
	if bucket <= kr.buckets {
		return
	}
	kr.buckets = bucket
	for _, kind := range []byte{kindLearner, kindSighting} {
		lo := append([]byte(nil), m.of(r.Index, kind)...)
		m.out.DeleteRange(lo, appendTime(m.of(r.Index, kind), bucket))
	}
}

// parseKey reads what hexKey wrote.
func parseKey(s string) (k window.Key, ok bool) {
	b, err := hex.DecodeString(s)
	if err != nil || len(b) != 16 {
		return k, false
	}
	return readKey(b), true
}
