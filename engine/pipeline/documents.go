package pipeline

import (
	"context"
	"errors"
	"io"

	"github.com/seed-843b225c/reflex/engine"
	"github.com/seed-843b225c/reflex/engine/decode"
)

// wanted are alerts that lack their document, by the event it is made of.
type wanted map[uint64][]*engine.Alert

// meet gives an event's document to the alerts that want it.
func (w wanted) meet(ev *engine.Event, d *decode.Documents) {
	alerts, ok := w[ev.Hash]
	if !ok {
		return
	}
	doc := d.Document(ev)
	for _, al := range alerts {
		al.Document = doc
	}
	delete(w, ev.Hash)
}

// documents gives alerts the documents they lack. A document can only be made
// while its event is in hand, and where records are out of order an event may
// turn out to be the first point of an alert after it has gone. Files can be
// asked again: they are read until all documents are there, so that an alert's
// document does not depend on the order of records.
func (r *Replay) documents(ctx context.Context, alerts []*engine.Alert) error {
	w := wanted{}
	for _, al := range alerts {
		if al.Document == nil {
			w[al.Earliest] = append(w[al.Earliest], al)
		}
	}
	if len(w) == 0 {
		return nil
	}
	parts := r.Parts
	parts.Look = nil
	l := newLine(parts, newStats(parts.Set), nil)
	l.wanted = w
	buf := make([]byte, chunkSize+spare)
	for _, in := range r.Inputs {
		if !in.Rewind() {
			continue
		}
		if err := r.ask(ctx, l, in, buf); err != nil || len(w) == 0 {
			return err
		}
	}
	return nil
}

// ask reads one input for wanted events. What cannot be read was told before.
func (r *Replay) ask(ctx context.Context, l *line, in Input, buf []byte) error {
	s, err := in.Open()
	if err != nil {
		return nil
	}
	defer s.Close()
	l.part = newPartition(in)
	d := r.Parts.Plan.NewDecoder()
	for len(l.wanted) > 0 {
		if err := ctx.Err(); err != nil {
			return err
		}
		rec, err := s.Next(buf)
		if err == nil || rec.Last {
			r.name(&rec)
			d.Decode(rec, l)
		}
		if rec.Last || errors.Is(err, io.EOF) {
			return nil
		}
	}
	return nil
}
