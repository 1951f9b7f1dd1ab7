package incident

import (
	"cmp"
	"container/heap"
	"fmt"
	"maps"
	"slices"
	"strings"

	"github.com/seed-843b225c/reflex/engine"
)

// What is stored, all under "i":
//
//	ia<alert id>     the small form of an alert, and the number of its strand
//	ih               the counters behind orders and numbers
//	in<incident id>  an incident: what was said, and its strands
//	iv               the format's number
//
// The index, the queues and who waits for whom follow from these.
const (
	keyAlert   = "ia"
	keyHead    = "ih"
	keyOf      = "in"
	keyVersion = "iv"

	format = 1
)

func alertKey(id string) string    { return keyAlert + id }
func incidentKey(id string) string { return keyOf + id }

// Save gives what changed since the last Save, under keys that begin with "i".
// It costs as much as changed. The alert log's position that belongs to it is
// that behind the last transition that Alert, Advance or Replay took or gave.
func (v *Live) Save(s engine.Saver) {
	if len(v.dirty) == 0 {
		return
	}
	var p packer
	for _, key := range slices.Sorted(maps.Keys(v.dirty)) {
		p = p[:0]
		if id, ok := strings.CutPrefix(key, keyAlert); ok {
			if m := v.alerts[id]; m != nil && m.id == id {
				m.pack(&p)
			}
		} else if in := v.incidents[key[len(keyOf):]]; in != nil {
			in.pack(&p)
		}
		if len(p) > 0 {
			s.Set([]byte(key), p)
		} else {
			s.Delete([]byte(key))
		}
	}
	p = p[:0]
	p.uint(v.opened)
	p.uint(v.strands)
	s.Set([]byte(keyHead), p)
	s.Set([]byte(keyVersion), []byte{format})
	clear(v.dirty)
}

// Restore takes up what Save gave; call it right after NewLive. Nothing stored
// leaves Live empty. The error is Fatal: the state is damaged or of a newer Reflex.
func (v *Live) Restore(l engine.Loader) error {
	n := &restoring{Live: NewLive(v.opt), strand: map[uint64]*strand{}, intern: map[string]string{}}
	if err := n.read(l); err != nil {
		return err
	}
	if err := n.whole(); err != nil {
		return err
	}
	*v = *n.Live
	return nil
}

// restoring is a Live that is being read.
type restoring struct {
	*Live
	strand map[uint64]*strand
	intern map[string]string
}

func (v *restoring) read(l engine.Loader) error {
	b, ok, err := l.Get([]byte(keyVersion))
	switch {
	case err != nil:
		return fmt.Errorf("incidents: read the stored format: %w", err)
	case ok && len(b) == 1 && b[0] > format:
		return fatal("incidents are stored in format %d, and this Reflex reads up to %d: start one at least as new as the one that stored them", b[0], format)
	case ok && (len(b) != 1 || b[0] == 0):
		return damaged("the format's number")
	}
	for _, part := range []struct {
		from, to string
		take     func(id string, u *unpacker) bool
	}{{keyHead, keyHead + "\x00", v.head}, {keyOf, "io", v.incident}, {keyAlert, "ib", v.alert}} {
		err := l.Scan([]byte(part.from), []byte(part.to), func(key, value []byte) error {
			if !ok {
				return damaged("the format's number")
			}
			u := &unpacker{b: value, intern: v.intern}
			if !part.take(string(key[len(part.from):]), u) || u.broken || len(u.b) > 0 {
				return damaged(fmt.Sprintf("the record %q", key))
			}
			return nil
		})
		if err != nil {
			return fmt.Errorf("incidents: restore: %w", err)
		}
	}
	return nil
}

func (v *restoring) head(_ string, u *unpacker) bool {
	v.opened, v.strands = u.uint(), u.uint()
	return true
}

func (v *restoring) incident(id string, u *unpacker) bool {
	in := &incident{id: id, at: -1}
	in.unpack(u)
	v.incidents[id] = in
	for _, s := range in.strands {
		if v.strand[s.number] != nil || s.number > v.strands {
			return false
		}
		v.strand[s.number] = s
	}
	return in.number > 0 && in.order <= v.opened
}

func (v *restoring) alert(id string, u *unpacker) bool {
	m := &member{id: id}
	s := v.strand[m.unpack(u)]
	if s == nil {
		return false
	}
	s.members = append(s.members, m)
	m.strand = s
	if m.listed {
		s.in.listed = append(s.in.listed, m)
	}
	for _, id := range append(m.also, m.id) {
		if v.alerts[id] != nil {
			return false
		}
		v.alerts[id] = m
	}
	return true
}

// whole makes what follows from the records, and checks that none is missing.
func (v *restoring) whole() error {
	for _, in := range slices.SortedFunc(maps.Values(v.incidents), func(a, b *incident) int { return cmp.Compare(a.order, b.order) }) {
		n := 0
		for _, s := range in.strands {
			n += len(s.members)
			s.measure()
			if !in.final {
				v.index.add(s)
			}
			for _, m := range s.members {
				v.wait(m)
			}
		}
		if n != in.count || len(in.listed) == 0 || len(in.listed) > mostAlerts {
			return damaged(fmt.Sprintf("incident %s, which has %d of its %d alerts,", in.id, n, in.count))
		}
		slices.SortFunc(in.listed, byStart)
		if in.final {
			heap.Push(&v.over, in)
		} else {
			heap.Push(&v.open, in)
		}
	}
	return nil
}

// wait notes which steps' alerts a chain still waits for.
func (v *restoring) wait(m *member) {
	for _, l := range m.links {
		if v.alerts[l] == nil {
			v.waiting[l] = append(v.waiting[l], m)
		}
	}
}

func fatal(format string, a ...any) error {
	return &engine.Error{Kind: engine.Fatal, Err: fmt.Errorf(format, a...)}
}

func damaged(what string) error {
	return fatal("%s in the stored state is damaged: restore the store from its last backup, or delete its keys under \"i\" to begin with no incident (the alert log keeps what was said)", what)
}
