package decode

import (
	"slices"
	"strings"
	"sync"

	"github.com/seed-843b225c/reflex/engine"
	"github.com/seed-843b225c/reflex/engine/secret"
)

// Options are the settings of a Plan. The zero value is usable.
type Options struct {
	// Secrets finds what must be overwritten; nil: a scanner with the public key.
	Secrets *secret.Scanner
	// MaxRecord is the largest record in bytes, after unwrapping; 0 means 1 MB.
	MaxRecord int
}

// Plan says what to extract for one Layout. It is immutable and shared by all
// decoders.
type Plan struct {
	layout  *engine.Layout
	opts    Options
	lines   []*lineFormat
	readers []*reader // in the order of formats
	probe   *reader   // reads the signs of all formats and envelopes
	signs   [][]int32 // by format: cells of its signs in the probe
	wraps   [][]int32 // by envelope: cells of its signs in the probe

	fullOnce sync.Once
	fullPlan *Plan
}

// NewPlan compiles the tables of all formats against the demanded slots. The
// error names a raw path that cannot be one.
func NewPlan(l *engine.Layout, o Options) (*Plan, error) {
	if o.MaxRecord <= 0 {
		o.MaxRecord = 1 << 20
	}
	if o.Secrets == nil {
		o.Secrets = secret.New(secret.Options{})
	}
	p := &Plan{layout: l, opts: o, lines: lineFormats}
	var c compiler
	for _, f := range formats {
		rd, err := f.compile(l)
		if err != nil {
			return nil, err
		}
		p.readers = append(p.readers, rd)
		p.signs = append(p.signs, c.cells(strings.Fields(f.signs)))
	}
	for _, e := range envelopes {
		p.wraps = append(p.wraps, c.cells(strings.Fields(e.signs)))
	}
	p.probe = &reader{trie: c.build()}
	p.probe.trie.dotted = true
	return p, nil
}

// FormatNames lists the names that Record.Format may hold.
func FormatNames() []string {
	out := []string{"auto"}
	for _, f := range formats {
		if !slices.Contains(out, f.name) {
			out = append(out, f.name)
		}
	}
	for _, f := range lineFormats {
		if !slices.Contains(out, f.name) {
			out = append(out, f.name)
		}
	}
	return out
}

// named finds the JSON format of a name, nil when it has none.
func (p *Plan) named(name string) *reader {
	for _, rd := range p.readers {
		if rd.name == name {
			return rd
		}
	}
	return nil
}

// deadLetterLimit is how much of a refused record is kept.
const deadLetterLimit = 64 << 10
