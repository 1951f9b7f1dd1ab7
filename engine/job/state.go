package job

import (
	"cmp"
	"container/heap"
	"fmt"
	"maps"
	"net/netip"
	"slices"

	"github.com/seed-843b225c/reflex/engine"
)

// Stats says what happened so far and what is kept now.
type Stats struct {
	Jobs      int                      // jobs remembered
	Held      int                      // hits waiting
	Sightings int                      // addresses of runners waiting for their jobs' announcement
	Job       map[engine.Dataset]int64 // hits given their job and run
	Run       map[engine.Dataset]int64 // hits given their run: several of its jobs fit
	Ambiguous map[engine.Dataset]int64 // hits that several runs fit: given none
	Unknown   map[engine.Dataset]int64 // hits that nothing ties to a job
	Late      int64                    // announcements behind the watermark
	Dropped   int64                    // jobs, hits or sightings given up because there were too many
}

func (s *Stats) count(d engine.Dataset, v verdict) {
	m := [...]*map[engine.Dataset]int64{unknown: &s.Unknown, ambiguous: &s.Ambiguous, theRun: &s.Run, theJob: &s.Job}[v]
	if *m == nil {
		*m = map[engine.Dataset]int64{}
	}
	(*m)[d]++
}

// Stats gives a copy of the counts.
func (j *Jobs) Stats() Stats {
	s := j.stats
	s.Jobs, s.Held, s.Sightings = len(j.jobs), len(j.waiting), j.places.n
	s.Job, s.Run, s.Ambiguous, s.Unknown = maps.Clone(s.Job), maps.Clone(s.Run), maps.Clone(s.Ambiguous), maps.Clone(s.Unknown)
	return s
}

// State is everything a Jobs knows, as plain data in a fixed order: what a
// checkpoint stores. Fields go by name, values in engine.Value's binary form,
// so that a State outlives a change of layout; Probe numbers belong to the rule
// set that was loaded.
type State struct {
	Watermark int64
	Started   bool
	Jobs      []JobState
	Sightings []SightingState
	Held      []HeldState
}

// JobState is one job.
type JobState struct {
	ID, Key     string
	Start, Text int64
	Ends        []EndState
	Facts       []FactState
	Addrs       []AddrState
	Steps       []StepState
}

// EndState is an announced end of a job.
type EndState struct {
	At      int64
	Webhook bool
}

// FactState is a field of a job as announced.
type FactState struct {
	Field   string
	Webhook bool
	At      int64
	Value   []byte
}

// AddrState is an address of a job's runner and when it was first seen.
type AddrState struct {
	Addr  netip.Addr
	First int64
}

// StepState is a mark of a job's steps: one that assumed a role, or ended.
type StepState struct {
	Ended      bool
	At, Number int64
}

// SightingState is a runner seen at an address.
type SightingState struct {
	Cell   int64
	Runner string
	Addr   netip.Addr
}

// HeldState is a hit that waits.
type HeldState struct {
	Probe    int32
	Dataset  string
	Time     int64
	ID       string
	Origin   engine.Origin
	Derived  string
	Document []byte
	Values   map[string][]byte // by field name
}

// Snapshot gives the state, without sharing memory with the Jobs. Counts are no
// part of it. Values of the layout l must be those the held events were made for.
func (j *Jobs) Snapshot(l *engine.Layout) State {
	s := State{Watermark: j.watermark, Started: j.started}
	for _, key := range slices.Sorted(maps.Keys(j.jobs)) {
		s.Jobs = append(s.Jobs, j.jobs[key].state())
	}
	for cell, here := range j.places.cells {
		for p := range here {
			s.Sightings = append(s.Sightings, SightingState{cell, p.runner, p.addr})
		}
	}
	slices.SortFunc(s.Sightings, func(a, b SightingState) int {
		return cmp.Or(cmp.Compare(a.Cell, b.Cell), cmp.Compare(a.Runner, b.Runner), a.Addr.Compare(b.Addr))
	})
	waiting := slices.Clone(j.waiting)
	slices.SortStableFunc(waiting, func(a, b held) int {
		return cmp.Or(before(a.event, b.event), cmp.Compare(a.probe, b.probe))
	})
	for _, h := range waiting {
		ev := h.event
		hs := HeldState{Probe: h.probe, Dataset: ev.Dataset.String(), Time: ev.Time, ID: ev.ID, Origin: ev.Origin, Derived: ev.Derived,
			Document: slices.Clone(ev.Document), Values: map[string][]byte{}}
		for i, slot := range l.Slots() {
			if i < len(ev.Values) && !ev.Values[i].IsNil() {
				hs.Values[slot.Name] = ev.Values[i].AppendBinary(nil)
			}
		}
		s.Held = append(s.Held, hs)
	}
	return s
}

func (r *record) state() JobState {
	s := JobState{ID: r.id, Key: r.key, Start: r.start, Text: r.text}
	for _, e := range r.ends {
		s.Ends = append(s.Ends, EndState{e.at, e.webhook})
	}
	for _, f := range r.facts {
		s.Facts = append(s.Facts, FactState{fieldNames[f.field], f.webhook, f.at, f.value.AppendBinary(nil)})
	}
	slices.SortFunc(s.Facts, func(a, b FactState) int {
		return cmp.Or(cmp.Compare(a.Field, b.Field), cmp.Compare(a.At, b.At))
	})
	for _, a := range r.addrs {
		s.Addrs = append(s.Addrs, AddrState{a.addr, a.first})
	}
	slices.SortFunc(s.Addrs, func(a, b AddrState) int { return a.Addr.Compare(b.Addr) })
	for _, m := range r.steps {
		s.Steps = append(s.Steps, StepState{m.kind == stepEnd, m.at, m.number})
	}
	slices.SortFunc(s.Steps, func(a, b StepState) int { return cmp.Or(cmp.Compare(a.At, b.At), cmp.Compare(a.Number, b.Number)) })
	return s
}

// Restore makes a Jobs from a state, for events of a layout that may differ from
// the one it was taken under. An error means that the state is damaged.
func Restore(s State, l *engine.Layout, o Options) (*Jobs, error) {
	j := New(l, o)
	j.watermark, j.started = s.Watermark, s.Started
	for _, js := range s.Jobs {
		r := &record{id: js.ID, key: js.Key, start: js.Start, text: js.Text}
		j.jobs[r.key] = r
		for _, e := range js.Ends {
			r.finish(e.At, e.Webhook)
		}
		for _, f := range js.Facts {
			v, rest, ok := engine.ReadValue(f.Value)
			field := slices.Index(fieldNames[:], f.Field)
			if !ok || len(rest) > 0 || field < 0 {
				return nil, fmt.Errorf("job %s: field %s is damaged", js.Key, f.Field)
			}
			j.learn(r, fact{uint8(field), f.Webhook, f.At, v})
		}
		for _, a := range js.Addrs {
			j.locate(r, a.Addr, a.First)
		}
		for _, m := range js.Steps {
			kind := uint8(assumed)
			if m.Ended {
				kind = stepEnd
			}
			r.step(kind, m.At, m.Number)
		}
	}
	for _, p := range s.Sightings {
		j.places.add(p.Cell, place{p.Runner, p.Addr})
	}
	for _, h := range s.Held {
		ev, err := h.event(l)
		if err != nil {
			return nil, err
		}
		heap.Push(&j.waiting, held{ev, h.Probe})
	}
	return j, nil
}

// event makes the held event anew. A field that no longer has a slot is left out.
func (h *HeldState) event(l *engine.Layout) (*engine.Event, error) {
	d, ok := engine.LookupDataset(h.Dataset)
	if !ok {
		return nil, fmt.Errorf("held event %s: no dataset is named %s", h.ID, h.Dataset)
	}
	ev := &engine.Event{Dataset: d, Time: h.Time, ID: h.ID, Hash: engine.HashID(d, h.ID), Origin: h.Origin, Derived: h.Derived,
		Document: slices.Clone(h.Document), Values: make([]engine.Value, l.Len())}
	for name, b := range h.Values {
		v, rest, ok := engine.ReadValue(b)
		if !ok || len(rest) > 0 {
			return nil, fmt.Errorf("held event %s: field %s is damaged", h.ID, name)
		}
		ev.Set(l.SlotOf(name), v)
	}
	return ev, nil
}
