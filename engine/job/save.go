package job

import (
	"bytes"
	"cmp"
	"container/heap"
	"crypto/sha256"
	"encoding/binary"
	"encoding/json"
	"fmt"
	"net/netip"
	"slices"

	"github.com/seed-843b225c/reflex/engine"
)

// What a Jobs keeps across a restart: one entry a job, a sighting, a waiting
// hit. Fields go by name, values in engine.Value's binary form, so that it
// outlives a change of layout.
const (
	keyMark    = "jw" // watermark
	keyJob     = "jj" // + hash of the job's key
	keySeen    = "js" // + cell, hash of address and runner
	keyHeld    = "jh" // + time, hash, condition
	endOfState = "jx" // behind all of them
)

// changes are what differs from what was saved last; nil: nothing is saved.
type changes struct {
	jobs map[string]struct{}
	held map[heldKey]*held // nil: released
	seen map[seenKey]bool  // false: settled
}

type heldKey struct {
	time  int64
	hash  uint64
	probe int32
}

type seenKey struct {
	cell int64
	place
}

// Keep makes Jobs note what changes from now on, for Save.
func (j *Jobs) Keep() {
	j.changed = &changes{jobs: map[string]struct{}{}, held: map[heldKey]*held{}, seen: map[seenKey]bool{}}
}

// touch notes a changed job.
func (j *Jobs) touch(key string) {
	if j.changed != nil {
		j.changed.jobs[key] = struct{}{}
	}
}

// touchHeld notes that a hit waits, or with nil that it no longer does.
func (j *Jobs) touchHeld(h held, now *held) {
	if j.changed != nil {
		j.changed.held[heldKey{h.event.Time, h.event.Hash, h.probe}] = now
	}
}

// touchSeen notes that a sighting waits, or no longer does.
func (j *Jobs) touchSeen(cell int64, p place, waits bool) {
	if j.changed != nil {
		j.changed.seen[seenKey{cell, p}] = waits
	}
}

// Save stores what changed since the last Save. Keep must have been called
// before. l is the layout of the held events; probe gives a condition a name
// that outlives the rule set.
func (j *Jobs) Save(s engine.Saver, l *engine.Layout, probe func(int32) string) error {
	for key := range j.changed.jobs {
		k := hashed([]byte(keyJob), key)
		r := j.jobs[key]
		if r == nil {
			s.Delete(k)
		} else if err := set(s, k, r.state()); err != nil {
			return err
		}
	}
	for key, h := range j.changed.held {
		k := binary.BigEndian.AppendUint64([]byte(keyHeld), uint64(key.time))
		k = append(binary.BigEndian.AppendUint64(k, key.hash), probe(key.probe)...)
		if h == nil {
			s.Delete(k)
		} else if err := set(s, k, h.state(l, probe(key.probe))); err != nil {
			return err
		}
	}
	for key, waits := range j.changed.seen {
		k := binary.BigEndian.AppendUint64([]byte(keySeen), uint64(key.cell))
		k = hashed(k, key.addr.String()+"\x00"+key.runner)
		if !waits {
			s.Delete(k)
		} else if err := set(s, k, sightingState{key.cell, key.runner, key.addr}); err != nil {
			return err
		}
	}
	clear(j.changed.jobs)
	clear(j.changed.held)
	clear(j.changed.seen)
	if j.started {
		s.Set([]byte(keyMark), binary.BigEndian.AppendUint64(nil, uint64(j.watermark)))
	}
	return nil
}

// hashed ends a key without what stood in a log: values are sealed by whoever
// stores them, keys are not.
func hashed(prefix []byte, text string) []byte {
	sum := sha256.Sum256([]byte(text))
	return append(prefix, sum[:16]...)
}

func set(s engine.Saver, key []byte, v any) error {
	b, err := json.Marshal(v)
	if err == nil {
		s.Set(key, b)
	}
	return err
}

// Restore fills an empty Jobs with what was saved. The layout may differ from
// the one it was saved under; a held hit whose condition probe no longer finds
// is dropped and counted. An error means that the state is damaged.
func (j *Jobs) Restore(l engine.Loader, layout *engine.Layout, probe func(string) (int32, bool)) (dropped int, err error) {
	err = l.Scan([]byte(keyJob[:1]), []byte(endOfState), func(key, value []byte) error {
		var err error
		switch kind := string(key[:min(len(key), len(keyJob))]); kind {
		case keyMark:
			if len(value) != 8 {
				return fmt.Errorf("jobs: the watermark is damaged")
			}
			j.watermark, j.started = int64(binary.BigEndian.Uint64(value)), true
		case keyJob:
			var s jobState
			if err = json.Unmarshal(value, &s); err == nil {
				err = j.restoreJob(s)
			}
		case keySeen:
			var s sightingState
			if err = json.Unmarshal(value, &s); err == nil {
				j.places.add(s.Cell, place{s.Runner, s.Addr})
			}
		case keyHeld:
			var s heldState
			if err = json.Unmarshal(value, &s); err == nil {
				n, known := probe(s.Probe)
				if !known {
					dropped++
					return nil
				}
				err = j.restoreHeld(s, n, layout)
			}
		}
		if err != nil {
			return fmt.Errorf("jobs: entry %q is damaged: %w", bytes.ToValidUTF8(key, []byte("?")), err)
		}
		return nil
	})
	j.stats.Held = len(j.waiting)
	return dropped, err
}

// jobState is one job.
type jobState struct {
	ID, Key     string
	Start, Text int64
	Ends        []endState
	Facts       []factState
	Addrs       []addrState
	Steps       []stepState
}

type endState struct {
	At      int64
	Webhook bool
}

type factState struct {
	Field   string
	Webhook bool
	At      int64
	Value   []byte
}

type addrState struct {
	Addr  netip.Addr
	First int64
}

type stepState struct {
	Ended      bool
	At, Number int64
}

type sightingState struct {
	Cell   int64
	Runner string
	Addr   netip.Addr
}

// heldState is a hit that waits.
type heldState struct {
	Probe    string
	Dataset  string
	Time     int64
	ID       string
	Origin   engine.Origin
	Derived  string
	Document []byte
	Values   map[string][]byte // by field name
}

func (h *held) state(l *engine.Layout, probe string) heldState {
	ev := h.event
	hs := heldState{Probe: probe, Dataset: ev.Dataset.String(), Time: ev.Time, ID: ev.ID, Origin: ev.Origin, Derived: ev.Derived,
		Document: ev.Document, Values: map[string][]byte{}}
	for i, slot := range l.Slots() {
		if i < len(ev.Values) && !ev.Values[i].IsNil() {
			hs.Values[slot.Name] = ev.Values[i].AppendBinary(nil)
		}
	}
	return hs
}

func (r *record) state() jobState {
	s := jobState{ID: r.id, Key: r.key, Start: r.start, Text: r.text}
	for _, e := range r.ends {
		s.Ends = append(s.Ends, endState{e.at, e.webhook})
	}
	for _, f := range r.facts {
		s.Facts = append(s.Facts, factState{fieldNames[f.field], f.webhook, f.at, f.value.AppendBinary(nil)})
	}
	slices.SortFunc(s.Facts, func(a, b factState) int {
		return cmp.Or(cmp.Compare(a.Field, b.Field), cmp.Compare(a.At, b.At))
	})
	for _, a := range r.addrs {
		s.Addrs = append(s.Addrs, addrState{a.addr, a.first})
	}
	slices.SortFunc(s.Addrs, func(a, b addrState) int { return a.Addr.Compare(b.Addr) })
	for _, m := range r.steps {
		s.Steps = append(s.Steps, stepState{m.kind == stepEnd, m.at, m.number})
	}
	slices.SortFunc(s.Steps, func(a, b stepState) int { return cmp.Or(cmp.Compare(a.At, b.At), cmp.Compare(a.Number, b.Number)) })
	return s
}

func (j *Jobs) restoreJob(s jobState) error {
	r := &record{id: s.ID, key: s.Key, start: s.Start, text: s.Text}
	j.jobs[r.key] = r
	for _, e := range s.Ends {
		r.finish(e.At, e.Webhook)
	}
	for _, f := range s.Facts {
		v, rest, ok := engine.ReadValue(f.Value)
		field := slices.Index(fieldNames[:], f.Field)
		if !ok || len(rest) > 0 || field < 0 {
			return fmt.Errorf("field %s cannot be read", f.Field)
		}
		j.learn(r, fact{uint8(field), f.Webhook, f.At, v})
	}
	for _, a := range s.Addrs {
		j.locate(r, a.Addr, a.First)
	}
	for _, m := range s.Steps {
		kind := uint8(assumed)
		if m.Ended {
			kind = stepEnd
		}
		r.step(kind, m.At, m.Number)
	}
	return nil
}

// restoreHeld makes the held event anew. A field that no longer has a slot is left out.
func (j *Jobs) restoreHeld(s heldState, probe int32, l *engine.Layout) error {
	d, ok := engine.LookupDataset(s.Dataset)
	if !ok {
		return fmt.Errorf("no dataset is named %s", s.Dataset)
	}
	ev := &engine.Event{Dataset: d, Time: s.Time, ID: s.ID, Hash: engine.HashID(d, s.ID), Origin: s.Origin, Derived: s.Derived,
		Document: s.Document, Values: make([]engine.Value, l.Len())}
	for name, b := range s.Values {
		v, rest, ok := engine.ReadValue(b)
		if !ok || len(rest) > 0 {
			return fmt.Errorf("field %s cannot be read", name)
		}
		ev.Set(l.SlotOf(name), v)
	}
	heap.Push(&j.waiting, held{ev, probe})
	return nil
}
