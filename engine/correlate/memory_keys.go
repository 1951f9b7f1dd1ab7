package correlate

import (
	"encoding/binary"
	"fmt"

	"github.com/seed-843b225c/reflex/engine"
	"github.com/seed-843b225c/reflex/engine/rule"
	"github.com/seed-843b225c/reflex/engine/window"
)

// This file holds the keys of the store and its records about itself.
//
//	prefix 0 'f'                       format version
//	prefix 0 'm'                       watermarks of all rules
//	prefix 0 'r' slot                  a rule: its id and what its state depends on
//	prefix 0 'e' epoch                 names of slots and datasets, by number
//	prefix 0 's' epoch number          name of a source
//	prefix 1 slot kind ...             state of one rule, below
//
// Numbers are big endian, times with their sign flipped, so that keys stand in
// the order of what they mean.

// Kinds of state of a rule.
const (
	kindHit      = 'j' // time hash role part as: a hit, or a settled point
	kindName     = 'n' // time hash: id of the alert with that point
	kindDocument = 'd' // time hash: redacted document
	kindOpen     = 'o' // dedup key: episode that is not final
	kindLiving   = 'l' // dedup key: what was said at once
	kindLearner  = 'k' // bucket key: first_seen, a key
	kindSighting = 'v' // bucket key: first_seen, a value
)

// kindNames is for errors.
var kindNames = map[byte]string{kindHit: "hit", kindName: "name of a point", kindDocument: "document", kindOpen: "open episode",
	kindLiving: "alert that was said at once", kindLearner: "first_seen key", kindSighting: "first_seen value"}

// format is the version of everything below the prefix. A change of meaning
// raises it, and restoreHead takes what older ones mean.
const format = 1

// endOf gives the end of the range of all keys with a prefix.
func endOf(prefix []byte) []byte {
	out := append([]byte(nil), prefix...)
	for i := len(out) - 1; i >= 0; i-- {
		if out[i]++; out[i] != 0 {
			return out[:i+1]
		}
	}
	return nil // no key is after all
}

func appendTime(b []byte, t int64) []byte {
	return binary.BigEndian.AppendUint64(b, uint64(t)^1<<63)
}

func readTime(b []byte) int64 { return int64(binary.BigEndian.Uint64(b) ^ 1<<63) }

func appendKey(b []byte, k window.Key) []byte {
	b = binary.BigEndian.AppendUint64(b, k.Hi)
	return binary.BigEndian.AppendUint64(b, k.Lo)
}

func readKey(b []byte) window.Key {
	return window.Key{Hi: binary.BigEndian.Uint64(b), Lo: binary.BigEndian.Uint64(b[8:])}
}

// about starts the key of a record about the store.
func (m *memory) about(kind byte) []byte { return append(append(m.key[:0], m.prefix...), 0, kind) }

// of starts the key of a rule's state.
func (m *memory) of(rule int, kind byte) []byte {
	b := append(append(m.key[:0], m.prefix...), 1)
	return append(binary.BigEndian.AppendUint16(b, m.rules[rule].slot), kind)
}

func (m *memory) timeKey(rule int, kind byte, t int64, hash uint64) []byte {
	m.key = binary.BigEndian.AppendUint64(appendTime(m.of(rule, kind), t), hash)
	return m.key
}

func (m *memory) hitKey(index int, e *window.Event, role rule.Role, part int, as byte) []byte {
	b := m.timeKey(index, kindHit, e.Time, e.Hash)
	m.key = append(binary.BigEndian.AppendUint16(append(b, byte(role)), uint16(part)), as)
	return m.key
}

func (m *memory) dedupKey(rule int, kind byte, k window.Key) []byte {
	m.key = appendKey(m.of(rule, kind), k)
	return m.key
}

func (m *memory) bucketKey(rule int, kind byte, bucket int64, k window.Key) []byte {
	m.key = appendKey(appendTime(m.of(rule, kind), bucket), k)
	return m.key
}

// head stores the format version.
func (m *memory) head() { m.out.Set(m.about('f'), []byte{format}) }

// storeRule stores which rule has a slot, and what its state depends on.
func (m *memory) storeRule(i int) {
	r := m.plan.rules[i]
	v := appendString(appendString(appendString(nil, r.ID), r.own), r.stamp)
	for _, b := range r.bases {
		v = appendString(appendString(v, m.plan.rules[b].ID), m.plan.rules[b].stamp)
	}
	m.out.Set(binary.BigEndian.AppendUint16(m.about('r'), m.rules[i].slot), v)
}

// storeEpoch stores what numbers mean in the values of this process.
func (m *memory) storeEpoch() {
	m.out.Set(binary.BigEndian.AppendUint32(m.about('e'), m.epoch), m.layout())
	m.named = 0
	m.storeSources()
}

// layout is the names of slots and datasets by their numbers.
func (m *memory) layout() (b []byte) {
	slots := m.plan.set.Layout.Slots()
	b = binary.AppendUvarint(b, uint64(len(slots)))
	for _, s := range slots {
		b = appendString(b, s.Name)
	}
	b = binary.AppendUvarint(b, uint64(len(engine.Datasets())))
	for _, d := range engine.Datasets() {
		b = appendString(b, d.String())
	}
	return b
}

// storeSources stores the names of sources that came since.
func (m *memory) storeSources() {
	for ; m.named < m.sources.Len(); m.named++ {
		k := binary.BigEndian.AppendUint32(m.about('s'), m.epoch)
		m.out.Set(binary.BigEndian.AppendUint32(k, uint32(m.named)), []byte(m.sources.Name(m.named)))
	}
}

// appendString appends a text with its length.
func appendString(b []byte, s string) []byte {
	return append(binary.AppendUvarint(b, uint64(len(s))), s...)
}

// reader takes a value apart. Its zero bytes read as zeros, and bad says that
// there were not enough.
type reader struct {
	b   []byte
	bad bool
}

func (r *reader) uvarint() uint64 {
	n, w := binary.Uvarint(r.b)
	if w <= 0 {
		r.bad, r.b = true, nil
		return 0
	}
	r.b = r.b[w:]
	return n
}

func (r *reader) varint() int64 {
	n, w := binary.Varint(r.b)
	if w <= 0 {
		r.bad, r.b = true, nil
		return 0
	}
	r.b = r.b[w:]
	return n
}

func (r *reader) bytes(n uint64) []byte {
	if n > uint64(len(r.b)) {
		r.bad, r.b = true, nil
		return nil
	}
	out := r.b[:n]
	r.b = r.b[n:]
	return out
}

func (r *reader) string() string { return string(r.bytes(r.uvarint())) }

func (r *reader) key() window.Key {
	b := r.bytes(16)
	if b == nil {
		return window.Key{}
	}
	return readKey(b)
}

func (r *reader) word() uint64 {
	b := r.bytes(8)
	if b == nil {
		return 0
	}
	return binary.BigEndian.Uint64(b)
}

// damaged is the error of a record that cannot be read.
func damaged(what string, key []byte, why string) error {
	return &engine.Error{Kind: engine.Fatal, Err: fmt.Errorf(
		"stored state of correlation: %s under key %x is damaged: %s; restore a backup of the store, or start with an empty one", what, key, why)}
}
