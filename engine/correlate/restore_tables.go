package correlate

import (
	"bytes"
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
			kindOpen: c.readOpen, kindDocument: c.readDocument, kindName: c.readName,
			kindLearner: c.readLearner, kindSighting: c.readSighting,
		} {
			if err := c.scan(rp, i, kind, read); err != nil {
				return err
			}
		}
		if err := c.scan(rp, i, kindLiving, c.readLivings); err != nil { // they look for documents
			return err
		}
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

func (c *Correlator) readOpen(rule int, _ *replay, k, v []byte) bool {
	if len(v) < 8 {
		return false
	}
	dedup := readKey(k)
	c.owner(dedup).rules[rule].saved[dedup] = openEpisode{readTime(v), string(v[8:])}
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
	for r := (reader{b: v}); len(r.b) > 0; {
		l, ok := c.readLiving(rp, st, dedup, &r)
		if !ok {
			return false
		}
		st.alive[dedup] = append(st.alive[dedup], l)
		st.claims.Push(due{l.end, l})
		st.opened = max(st.opened, l.opened)
		st.changes.living(dedup, l) // its event goes over to this epoch
		rp.report.Alerts++
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
		e, ok := c.readEvent(rp, t, hash, r.bytes(uint64(size[0])<<24|uint64(size[1])<<16|uint64(size[2])<<8|uint64(size[3])))
		if !ok {
			return nil, false
		}
		if e != nil {
			l.first, l.stub = st.rule.stub(e, dedup, l.level), true
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

// stub is a point of which only its event is known.
func (r *rulePlan) stub(e *window.Event, dedup window.Key, level engine.Level) *point {
	p := &point{ev: e, dedup: dedup, level: level, made: []made{{ev: e, rule: -1}}}
	if n := len(r.need); n > 0 {
		p.end = r.need[n-1]
		p.made[0].step = p.end
	}
	return p
}

// readEvent reads a stored event and keeps all that is known of it; nil when
// its dataset is unknown now.
func (c *Correlator) readEvent(rp *replay, t int64, hash uint64, v []byte) (*window.Event, bool) {
	ev, _, err := c.unpack(rp, t, hash, v)
	if err != nil || ev.Dataset == engine.NoDataset {
		return nil, err == nil
	}
	all := make([]int, len(ev.Values))
	for i := range all {
		all[i] = i
	}
	m := c.memory
	m.replay = rp // so that nothing is edited again
	e := c.packer.Pack(ev, all)
	m.replay = nil
	return e, true
}
