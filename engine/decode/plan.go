package decode

import (
	"github.com/seed-843b225c/reflex/engine"
)

// Options are the settings of a Plan. The zero value is usable.
type Options struct {
	// MaxRecord is the largest record in bytes, after unwrapping; 0 means 1 MB.
	MaxRecord int
}

// Plan says what to extract for one Layout. It is immutable and shared by all
// decoders.
type Plan struct {
	layout *engine.Layout
	opts   Options
}

// NewPlan compiles the tables of all formats against the demanded slots.
func NewPlan(l *engine.Layout, o Options) (*Plan, error) {
	if o.MaxRecord <= 0 {
		o.MaxRecord = 1 << 20
	}
	return &Plan{layout: l, opts: o}, nil
}

// deadLetterLimit is how much of a refused record is kept.
const deadLetterLimit = 64 << 10

// deadLetter copies what may be kept of refused bytes.
func (p *Plan) deadLetter(data []byte) []byte {
	return append([]byte(nil), data[:min(len(data), deadLetterLimit)]...)
}

// Decoder turns the records of one partition or file into events. It belongs
// to one goroutine.
type Decoder struct {
	plan *Plan
	out  emitter
}

// NewDecoder makes a decoder for one partition or file.
func (p *Plan) NewDecoder() *Decoder {
	return &Decoder{plan: p, out: emitter{plan: p}}
}

// Decode finds the records in rec and hands their events to h, which must be
// done with each before it returns.
func (d *Decoder) Decode(rec engine.Record, h engine.Handler) {
	d.out.h = h
}
