package story

import (
	"slices"
)

// stream collects the records of one source in one block of memory.
type stream struct {
	buf  []byte
	recs []span
}

// span is one record: when it happened and where it stands in the block.
type span struct {
	at       int64 // event time, ns
	from, to int
}

// add ends the record that the caller appended to s.buf since the last add.
func (s *stream) add(at int64) {
	from := 0
	if n := len(s.recs); n > 0 {
		from = s.recs[n-1].to
	}
	s.recs = append(s.recs, span{at, from, len(s.buf)})
}

func (s *stream) record(r span) []byte { return s.buf[r.from:r.to] }

// sorted gives the records by time; equal times keep the order they were made in.
func (s *stream) sorted() []span {
	recs := slices.Clone(s.recs)
	slices.SortStableFunc(recs, func(a, b span) int {
		switch {
		case a.at < b.at:
			return -1
		case a.at > b.at:
			return 1
		}
		return 0
	})
	return recs
}

// jumble puts records a little out of order: each may swap places with one at
// most reach places away, as buffers and parallel writers do.
func jumble(d dice, recs []span, reach int) {
	for i := range recs {
		j := min(len(recs)-1, i+d.IntN(reach+1))
		recs[i], recs[j] = recs[j], recs[i]
	}
}

// lines joins records, one a line.
func (s *stream) lines(recs []span) []byte {
	n := 0
	for _, r := range recs {
		n += r.to - r.from + 1
	}
	b := make([]byte, 0, n)
	for _, r := range recs {
		b = append(b, s.record(r)...)
		b = append(b, '\n')
	}
	return b
}

// cut splits sorted records into parts of at most span each.
func cut(recs []span, start, length int64) [][]span {
	var out [][]span
	for len(recs) > 0 {
		n := 0
		for n < len(recs) && recs[n].at < start+length {
			n++
		}
		if n > 0 {
			out = append(out, recs[:n])
		}
		recs, start = recs[n:], start+length
	}
	return out
}
