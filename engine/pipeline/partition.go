package pipeline

import (
	"math"
	"strconv"

	"github.com/seed-843b225c/reflex/engine"
	"github.com/seed-843b225c/reflex/engine/decode"
)

// partition is one stream of records with an order of its own: a file, or
// standard input.
type partition struct {
	input   Input
	start   int64 // earliest event time it is believed to hold
	slack   int64 // how far behind its newest event time an event may still come
	newest  int64
	first   int64 // earliest event time seen
	back    int64 // furthest an event came behind the newest before it
	events  int64
	broken  bool // it could not be opened or broke off, and that was said
	stream  Stream
	decoder *decode.Decoder
	places  map[uint64]uint32 // occurrences of hit records without an id of their own
}

func newPartition(in Input) *partition {
	return &partition{input: in, start: math.MinInt64, newest: math.MinInt64, first: math.MaxInt64}
}

// see takes note of an event's time.
func (p *partition) see(at int64) {
	p.events++
	if at > p.newest {
		p.newest = at
	} else if p.newest-at > p.back {
		p.back = p.newest - at
	}
	if at < p.first {
		p.first = at
	}
}

// mark is the time up to which this partition has said everything.
func (p *partition) mark() int64 {
	if p.newest == math.MinInt64 {
		return less(p.start, p.slack)
	}
	return less(p.newest, p.slack)
}

// less subtracts without wrapping around, and leaves the moment itself open:
// an event exactly at the bound may still come.
func less(at, slack int64) int64 {
	if at < math.MinInt64+slack+1 {
		return math.MinInt64
	}
	return at - slack - 1
}

// place finishes the identity of a record that has no id: its second
// occurrence in this file is a second fact, wherever in the file it stands.
func (p *partition) place(ev *engine.Event) {
	if p.places == nil {
		p.places = map[uint64]uint32{}
	}
	n := p.places[ev.Hash]
	p.places[ev.Hash] = n + 1
	if n > 0 {
		ev.ID += "+" + strconv.FormatUint(uint64(n), 10)
		ev.Hash = engine.HashID(ev.Dataset, ev.ID)
	}
}

// again makes ready for a second reading with what the first one learned.
func (p *partition) again() *partition {
	q := newPartition(p.input)
	q.start, q.slack, q.broken = p.first, p.back, p.broken
	if p.events == 0 {
		q.start = math.MaxInt64
	}
	return q
}
