package pipeline

import (
	"encoding/binary"
	"fmt"
	"slices"
	"time"

	"github.com/seed-843b225c/reflex/engine"
	"github.com/seed-843b225c/reflex/engine/correlate"
	"github.com/seed-843b225c/reflex/engine/incident"
)

// This file is how a line stops and goes on: what a checkpoint holds and what a
// start makes of it, whoever keeps it. The service keeps it on disk, the tests
// of rules in memory.

// newWorkspace makes an empty one; began is when reading begins, by the wall clock.
func newWorkspace(parts Parts, began time.Time) *workspace {
	return &workspace{vault: newVault(parts.Key), marks: newLiveMarks(began), incidents: incident.NewLive(parts.Incidents),
		parts: map[partKey]*reading{}, changed: map[partKey]bool{}, left: map[partKey]bool{}, standing: standing{}}
}

// resume makes the line of a new workspace go on where a store and the log
// behind its checkpoint end. An error says that the store cannot be read.
func (w *workspace) resume(parts Parts, from engine.Loader, logged []engine.Transition, now time.Time) (*line, correlate.RestoreReport, error) {
	var report correlate.RestoreReport
	l := newLiveLine(parts, newStats(parts.Set), w)
	if err := w.marks.load(from, now); err != nil {
		return nil, report, err
	}
	if err := w.incidents.Restore(from); err != nil {
		return nil, report, err
	}
	w.recall(logged)
	closed := unsealed(from, w.vault)
	dropped, err := l.jobs.Restore(closed, parts.Set.Layout, l.findProbe)
	if err != nil {
		return nil, report, err
	}
	if report, err = l.corr.Restore(closed, alertsOf(logged)); err != nil {
		return nil, report, err
	}
	if dropped > 0 {
		report.Reset = append(report.Reset, fmt.Sprintf("%d hits waited for their run; their rules are gone or changed", dropped))
	}
	l.jobs.Keep()
	return l, report, nil
}

// recall feeds what was logged behind the checkpoint to the incidents. What they
// say to that is logged already but for what the crash cut off; that is said now.
func (w *workspace) recall(logged []engine.Transition) {
	have := map[string]bool{}
	w.told = have // ids of alerts and incidents are apart
	for i := range logged {
		have[logged[i].DocumentID()] = true
	}
	for _, t := range logged {
		if t.Alert != nil {
			w.standing.note(t)
		}
		for _, in := range w.incidents.Replay(t) {
			if !have[in.DocumentID()] {
				w.said = append(w.said, in)
			}
		}
	}
}

func alertsOf(ts []engine.Transition) []engine.Transition {
	return slices.DeleteFunc(slices.Clone(ts), func(t engine.Transition) bool { return t.Alert == nil })
}

// read opens a partition: its decoder remembers what was unfinished.
func (w *workspace) read(l *line, key partKey, from engine.Loader, now time.Time) (*reading, error) {
	p := &reading{key: key, decoder: l.parts.Plan.NewDecoder(), mark: w.marks.open(key, now)}
	if err := p.decoder.Restore(from, key.key(keyDecoder)); err != nil {
		return nil, err
	}
	b, ok, err := from.Get(key.key(keyPosition))
	if err != nil {
		return nil, err
	}
	if ok {
		p.next, p.last, _ = parsePosition(b)
	}
	w.parts[key] = p
	return p, nil
}

// take takes one record of a partition through the stations.
func (w *workspace) take(l *line, p *reading, rec engine.Record) {
	l.livePart = p.mark
	p.decoder.Decode(rec, l)
	p.next, p.last = rec.Origin.Offset+1, rec.Time
	w.changed[p.key] = true
}

// turn moves the watermarks, and alerts and incidents after them.
func (w *workspace) turn(l *line, now time.Time) {
	w.marks.turn(now)
	l.jobs.Advance(w.marks.jobs(), l.onKnown)
	l.corr.Advance(w.marks.of)
	l.corr.Discard()
	w.said = append(w.said, w.incidents.Advance(l.corr.Complete())...)
}

// save gives the Saver everything that changed since the last checkpoint.
func (w *workspace) save(l *line) error {
	l.corr.Save(w)
	if err := l.jobs.Save(w, l.parts.Set.Layout, l.nameProbe); err != nil {
		return fmt.Errorf("checkpoint: jobs: %w", err)
	}
	w.incidents.Save(w)
	w.marks.save(w)
	for key := range w.changed {
		if p := w.parts[key]; p != nil {
			w.savePart(p)
		}
	}
	clear(w.changed)
	return nil
}

// savePart stores what a partition's decoder remembers and how far it is read.
func (w *workspace) savePart(p *reading) {
	p.decoder.Save(w, p.key.key(keyDecoder))
	b := binary.BigEndian.AppendUint64(nil, uint64(p.next))
	w.Set(p.key.key(keyPosition), binary.BigEndian.AppendUint64(b, uint64(p.last)))
}

// parsePosition reads what savePart stored; older versions stored no time.
func parsePosition(b []byte) (next, last int64, ok bool) {
	switch len(b) {
	case 16:
		last = int64(binary.BigEndian.Uint64(b[8:]))
	case 8:
	default:
		return 0, 0, false
	}
	return int64(binary.BigEndian.Uint64(b)), last, true
}
