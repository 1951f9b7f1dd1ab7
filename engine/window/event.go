package window

import (
	"encoding/binary"
	"strings"

	"github.com/seed-843b225c/reflex/engine"
)

// Event is what is kept of an event: its place in time, its identity, its
// origin and the values that a rule still needs. It owns its bytes and does
// not change.
type Event struct {
	Time int64  // ns
	Hash uint64 // engine.Event.Hash
	data string // dataset, id, origin, values; packed, see Pack
}

// Sources numbers the names of sources (topics, files), so that each kept
// event holds a small number instead of a path. The zero Sources is ready.
type Sources struct {
	names []string
	index map[string]uint64
}

func (s *Sources) number(name string) uint64 {
	if n := len(s.names); n > 0 && s.names[n-1] == name {
		return uint64(n - 1)
	}
	n, ok := s.index[name]
	if !ok {
		if s.index == nil {
			s.index = map[string]uint64{}
		}
		name = strings.Clone(name)
		n = uint64(len(s.names))
		s.index[name] = n
		s.names = append(s.names, name)
	}
	return n
}

// Packer makes kept events. It is scratch of one goroutine.
type Packer struct {
	Sources *Sources
	// Edit changes a value before it is kept (secrets overwritten); nil keeps
	// values as they are.
	Edit func(slot int, v engine.Value) engine.Value
	buf  []byte
}

// Pack keeps the event with the values of the given slots. Missing values take
// no space.
func (p *Packer) Pack(ev *engine.Event, slots []int) *Event {
	b := append(p.buf[:0], byte(ev.Dataset))
	b = appendID(b, ev.ID)
	b = binary.AppendUvarint(b, p.Sources.number(ev.Origin.Source))
	b = binary.AppendVarint(b, int64(ev.Origin.Partition))
	b = binary.AppendVarint(b, ev.Origin.Offset)
	b = binary.AppendVarint(b, ev.Origin.Line)
	b = binary.AppendVarint(b, int64(ev.Origin.Index))
	for _, s := range slots {
		v := ev.Get(s)
		if v.IsNil() {
			continue
		}
		if p.Edit != nil {
			v = p.Edit(s, v)
		}
		b = binary.AppendUvarint(b, uint64(s))
		b = v.AppendBinary(b)
	}
	p.buf = b
	return &Event{Time: ev.Time, Hash: ev.Hash, data: string(b)}
}

// Dataset gives the event's dataset.
func (e *Event) Dataset() engine.Dataset { return engine.Dataset(e.data[0]) }

// ID gives the event's id.
func (e *Event) ID() string {
	id, _ := readID(e.data[1:])
	return id
}

// Before is the one order of events: time, then dataset, then id. No two
// different events are equal in it.
func (e *Event) Before(o *Event) bool {
	if e.Time != o.Time {
		return e.Time < o.Time
	}
	if e.data[0] != o.data[0] {
		return e.data[0] < o.data[0]
	}
	return beforeID(e.data[1:], o.data[1:])
}

// Compare is Before for sorting: negative, zero or positive.
func (e *Event) Compare(o *Event) int {
	switch {
	case e.Before(o):
		return -1
	case o.Before(e):
		return 1
	}
	return 0
}

// Same reports whether both are the same event, kept once or twice.
func (e *Event) Same(o *Event) bool { return e == o || e.Hash == o.Hash && e.Time == o.Time }

// Origin gives where the event came from.
func (e *Event) Origin(src *Sources) engine.Origin {
	s := skipID(e.data[1:])
	var o engine.Origin
	u, w := uvarint(s)
	s = s[w:]
	if u < uint64(len(src.names)) {
		o.Source = src.names[u]
	}
	next := func() int64 {
		v, w := varint(s)
		s = s[w:]
		return v
	}
	o.Partition = int32(next())
	o.Offset = next()
	o.Line = next()
	o.Index = int32(next())
	return o
}

// values gives the packed values.
func (e *Event) values() string {
	s := skipID(e.data[1:])
	for range 5 { // a varint is as wide as its unsigned form
		n := 1
		for n < len(s) && s[n-1] >= 0x80 {
			n++
		}
		s = s[n:]
	}
	return s
}

// Value gives the value of a slot; nil when it was missing or not kept.
func (e *Event) Value(slot int) engine.Value {
	for s := e.values(); len(s) > 0; {
		n, w := uvarint(s)
		v, rest, ok := engine.ReadKept(s[w:])
		if !ok {
			break
		}
		if int(n) == slot {
			return v
		}
		s = rest
	}
	return engine.Value{}
}

// Each calls f with every kept value until f returns false.
func (e *Event) Each(f func(slot int, v engine.Value) bool) {
	for s := e.values(); len(s) > 0; {
		slot, w := uvarint(s)
		v, rest, ok := engine.ReadKept(s[w:])
		if !ok || !f(int(slot), v) {
			return
		}
		s = rest
	}
}

func uvarint(s string) (n uint64, width int) {
	var shift uint
	for i := 0; i < len(s); i++ {
		b := s[i]
		n |= uint64(b&0x7f) << shift
		if b < 0x80 {
			return n, i + 1
		}
		shift += 7
	}
	return 0, len(s)
}

func varint(s string) (int64, int) {
	u, w := uvarint(s)
	v := int64(u >> 1)
	if u&1 != 0 {
		v = ^v
	}
	return v, w
}
