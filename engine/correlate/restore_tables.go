package correlate

import (
	"bytes"
	"encoding/binary"
	"encoding/json"

	"github.com/seed-843b225c/reflex/engine"
	"github.com/seed-843b225c/reflex/engine/window"
)

// This file reads the tables that stand beside the journal.

// restoreTables reads every rule's tables.
func (c *Correlator) restoreTables(rp *replay) error {
	for i := range c.plan.rules {
		if c.memory.rules[i].fresh || c.plan.rules[i].off {
			continue
		}
		for _, s := range c.shards {
			s.rules[i].saved = map[window.Key]openEpisode{}
		}
		for kind, read := range map[byte]func(rule int, rp *replay, k, v []byte) bool{
			kindDocument: c.readDocument, kindName: c.readName,
			kindLearner: c.readLearner, kindSighting: c.readSighting,
		} {
			if err := c.scan(rp, i, kind, read); err != nil {
				return err
			}
		}
		if err := c.scan(rp, i, kindLiving, c.readLivings); err != nil { // they look for documents
			return err
		}
		if err := c.scan(rp, i, kindOpen, c.readOpen); err != nil { // they look for those
			return err
		}
		rp.livings = nil
	}
	return nil
}

// scan reads all of one kind of a rule; read gets the key behind the kind and
// reports whether it made sense.
func (c *Correlator) scan(rp *replay, rule int, kind byte, read func(rule int, rp *replay, k, v []byte) bool) error {
	lo := bytes.Clone(c.memory.of(rule, kind))
	return rp.l.Scan(lo, endOf(lo), func(k, v []byte) error {
		if len(k) != len(lo)+keyBytes[kind] || !read(rule, rp, k[len(lo):], v) {
			return damaged(kindNames[kind]+" of rule "+c.plan.rules[rule].ID, k, "it is incomplete")
		}
		return nil
	})
}

// keyBytes is how long a key is behind its kind.
var keyBytes = map[byte]int{kindHit: 20, kindOpen: 16, kindLiving: 16, kindDocument: 16, kindName: 16, kindLearner: 24, kindSighting: 24}

// owner is the shard of a key.
func (c *Correlator) owner(k window.Key) *shard { return c.shards[int(k.Hi%uint64(len(c.shards)))] }

// readOpen reads an open episode. Those stand in the order of rp.livings, where
// mostly the same one is.
func (c *Correlator) readOpen(rule int, rp *replay, k, v []byte) bool {
	if len(v) < 8 {
		return false
	}
	dedup, start := readKey(k), readTime(v)
	for len(rp.livings) > 0 && rp.livings[0].dedup.Less(dedup) {
		rp.livings = rp.livings[1:]
	}
	for _, l := range rp.livings {
		if l.dedup != dedup {
			break
		}
		if l.start == start && l.id == string(v[8:]) {
			l.settled = true
			return true
		}
	}
	c.owner(dedup).rules[rule].saved[dedup] = openEpisode{start, string(v[8:])}
	return true
}

// readDocument gives a document to every shard: which one asks depends on keys.
func (c *Correlator) readDocument(rule int, _ *replay, k, v []byte) bool {
	t, doc := readTime(k), bytes.Clone(v)
	for _, s := range c.shards {
		s.rules[rule].docs.Put(t, readKey(k).Lo, doc)
	}
	c.memory.rules[rule].times[2].add(t)
	return true
}

func (c *Correlator) readName(rule int, _ *replay, k, v []byte) bool {
	t, hash := readTime(k), readKey(k).Lo
	c.names.ids.Put(c.names.key(rule, hash), name{string(v), t})
	c.memory.rules[rule].times[1].add(t)
	return true
}

func (c *Correlator) readLearner(rule int, rp *replay, k, v []byte) bool {
	r := reader{b: v}
	l := window.Learner{Born: readTimeOf(&r), Last: readTimeOf(&r), Events: r.varint()}
	if r.bad || c.plan.rules[rule].First == nil {
		return false
	}
	if key := readKey(k[8:]); c.remembers(rp, rule, l.Last) {
		c.owner(key).rules[rule].first.Recall(key, l)
	}
	return true
}

func (c *Correlator) readSighting(rule int, rp *replay, k, v []byte) bool {
	if len(v) != 17 || c.plan.rules[rule].First == nil {
		return false
	}
	r := reader{b: v}
	s := window.Sighting{Owner: r.word(), Last: readTimeOf(&r), Fresh: v[16] != 0}
	if c.remembers(rp, rule, s.Last) {
		c.owner(window.Key{Hi: s.Owner}).rules[rule].first.RecallValue(readKey(k[8:]), s)
	}
	return true
}

// remembers reports whether a rule can still need what was last seen at a time.
func (c *Correlator) remembers(rp *replay, rule int, last int64) bool {
	return last >= rp.marks[rule].in-c.plan.rules[rule].First.Memory
}

func readTimeOf(r *reader) int64 {
	if b := r.bytes(8); b != nil {
		return readTime(b)
	}
	return 0
}

// readLivings reads what was said at once of a dedup key.
func (c *Correlator) readLivings(rule int, rp *replay, k, v []byte) bool {
	dedup := readKey(k)
	s := c.owner(dedup)
	st := s.rules[rule]
	var ls []*living
	for r := (reader{b: v}); len(r.b) > 0; {
		l, ok := c.readLiving(rp, st, dedup, &r)
		if !ok {
			return false
		}
		if ls = l.with(ls); len(ls) > 1 {
			st.note(l) // to be put in order
		}
		rp.livings = append(rp.livings, l)
		st.claims.Push(due{st.late(l), l})
		st.opened = max(st.opened, l.opened)
		st.changes.lives(l)
		l.came()
		rp.report.Alerts++
	}
	if len(ls) > 0 {
		st.alive[dedup] = ls
	}
	return true
}

func (c *Correlator) readLiving(rp *replay, st *ruleState, dedup window.Key, r *reader) (*living, bool) {
	head := r.bytes(2)
	if head == nil {
		return nil, false
	}
	flags := head[0]
	l := &living{dedup: dedup, closed: flags&flagClosed != 0, level: engine.Level(head[1])}
	l.start, l.end, l.id = readTimeOf(r), readTimeOf(r), r.string()
	l.opened, l.count, l.number = r.varint(), r.varint(), int(r.varint())
	l.told = l.count
	if flags&flagSeen != 0 {
		l.seen = eventRef{readTimeOf(r), r.word()}
		l.document, _ = st.docs.Get(l.seen.time, l.seen.hash)
	}
	if flags&flagFirst != 0 {
		t, hash := readTimeOf(r), r.word()
		size := r.bytes(4)
		if size == nil {
			return nil, false
		}
		if err := c.readFirst(rp, st, l, t, hash, r.bytes(uint64(binary.BigEndian.Uint32(size)))); err != nil {
			return nil, false
		}
	}
	if flags&flagSaid != 0 {
		if err := json.Unmarshal(r.bytes(r.uvarint()), &l.said); err != nil {
			return nil, false
		}
		l.document = l.said.Document
		l.entities = l.said.Entities
	}
	return l, !r.bad && l.level <= engine.Critical
}
