package window

import (
	"fmt"

	"github.com/seed-843b225c/reflex/engine"
)

// This file writes kept events down and reads them in a process whose slots,
// datasets and sources may have other numbers.

// AppendPacked appends the event's packed form without time and hash: what
// Reader.Read takes. It is the form the event has in memory.
func (e *Event) AppendPacked(b []byte) []byte { return append(b, e.data...) }

// Len counts the names.
func (s *Sources) Len() int { return len(s.names) }

// Name gives the name with a number below Len.
func (s *Sources) Name(n int) string { return s.names[n] }

// Add numbers a name; a known one keeps its number.
func (s *Sources) Add(name string) { s.number(name) }

// Reader reads events that another process packed. All tables are by the
// number that the value had there.
type Reader struct {
	Slots    []int            // the slot here; -1: nobody wants it any more
	Datasets []engine.Dataset // the dataset here; NoDataset: unknown now
	Sources  []string
}

// Read fills dataset, id, origin and values of an event, whose Values have a
// place for every slot here. Time and hash are the caller's. The values alias
// data. An error means that data is damaged; a dataset that is unknown now is
// none: it reads NoDataset.
func (r *Reader) Read(data string, ev *engine.Event) error {
	if err := r.read(data, ev); err != nil {
		return err
	}
	ev.ID, _ = readID(data[1:])
	return nil
}

// Keep is Read where every number means here what it meant there. Then data is
// the event as it would be packed again, and kept becomes that. ev gets no id,
// which the kept event has.
func (r *Reader) Keep(data string, ev *engine.Event, kept *Event) error {
	if err := r.read(data, ev); err != nil {
		return err
	}
	ev.ID = ""
	*kept = Event{Time: ev.Time, Hash: ev.Hash, data: data}
	return nil
}

func (r *Reader) read(data string, ev *engine.Event) error {
	clear(ev.Values)
	if data == "" || int(data[0]) >= len(r.Datasets) {
		return fmt.Errorf("event without a known dataset number")
	}
	ev.Dataset = r.Datasets[data[0]]
	s := data[1:]
	n, w := uvarint(s)
	size := n >> 1
	if w == 0 || size > uint64(len(s)-w) || n&1 != 0 && size < 16 {
		return fmt.Errorf("event with a broken id")
	}
	s = skipID(s)
	var place [5]int64
	for i := range place {
		if s == "" {
			return fmt.Errorf("event with a broken origin")
		}
		var w int
		if i == 0 {
			var u uint64
			u, w = uvarint(s)
			place[i] = int64(u)
		} else {
			place[i], w = varint(s)
		}
		s = s[w:]
	}
	if place[0] < 0 || place[0] >= int64(len(r.Sources)) {
		return fmt.Errorf("event of source number %d, of which no name is stored", place[0])
	}
	ev.Origin = engine.Origin{Source: r.Sources[place[0]], Partition: int32(place[1]), Offset: place[2], Line: place[3], Index: int32(place[4])}
	return r.values(s, ev)
}

func (r *Reader) values(s string, ev *engine.Event) error {
	for len(s) > 0 {
		n, w := uvarint(s)
		v, rest, ok := engine.ReadKept(s[w:])
		if !ok || n >= uint64(len(r.Slots)) || v.Kind() == engine.List && !whole(s[w+1:]) {
			return fmt.Errorf("event with a broken value")
		}
		if here := r.Slots[n]; here >= 0 {
			ev.Values[here] = v
		}
		s = rest
	}
	return nil
}

// whole reports whether a packed list, behind its kind, holds as many elements
// as it says: nobody checks that later.
func whole(s string) bool {
	n, w := uvarint(s)
	s = s[w:]
	size, w := uvarint(s)
	if size > uint64(len(s)-w) {
		return false
	}
	for s = s[w : w+int(size)]; len(s) > 0; n-- {
		size, w := uvarint(s)
		if n == 0 || size > uint64(len(s)-w) {
			return false
		}
		s = s[w+int(size):]
	}
	return n == 0
}
