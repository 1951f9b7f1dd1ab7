package window

import (
	"slices"
	"sort"
)

// SumSpec says over what a sum slides: whole buckets, from the one that holds
// t-Within to the one of t, its own up to the event.
type SumSpec struct {
	Within int64
	Bucket int64 // ns
}

// Sized is an event with its amount.
type Sized struct {
	*Event
	Amount Amount
}

// Sum is the state of one key: the settled amounts by bucket, oldest first,
// their total, and every event not yet settled.
type Sum struct {
	pending []Sized
	waiting Amount // total of pending
	buckets []bucket
	total   Amount
}

type bucket struct {
	number int64
	amount Amount
}

// Add takes an event in any order and gives its place, for Early.
func (s *Sum) Add(e Sized) int {
	s.waiting = s.waiting.Plus(e.Amount)
	n := len(s.pending)
	if n == 0 || s.pending[n-1].Before(e.Event) {
		s.pending = append(s.pending, e)
		return n
	}
	i := sort.Search(n, func(i int) bool { return e.Before(s.pending[i].Event) })
	s.pending = slices.Insert(s.pending, i, e)
	return i
}

// Early gives the sum at place i by what is known; it can only grow.
func (s *Sum) Early(sp *SumSpec, i int) float64 {
	from := Bucket(s.pending[i].Time-sp.Within, sp.Bucket)
	total := s.total
	for _, b := range s.buckets {
		if b.number >= from {
			break
		}
		total = total.Minus(b.amount)
	}
	if i == len(s.pending)-1 && Bucket(s.pending[0].Time, sp.Bucket) >= from {
		return total.Plus(s.waiting).Float()
	}
	for _, p := range s.pending[:i+1] {
		if Bucket(p.Time, sp.Bucket) >= from {
			total = total.Plus(p.Amount)
		}
	}
	return total.Float()
}

// Settle takes the first event not yet settled and gives the sum at it.
func (s *Sum) Settle(sp *SumSpec) (e *Event, sum float64) {
	p := s.pending[0]
	s.pending[0] = Sized{}
	if s.pending = s.pending[1:]; len(s.pending) == 0 {
		s.pending = nil
	}
	s.waiting = s.waiting.Minus(p.Amount)
	from := Bucket(p.Time-sp.Within, sp.Bucket)
	drop := 0
	for drop < len(s.buckets) && s.buckets[drop].number < from {
		s.total = s.total.Minus(s.buckets[drop].amount)
		drop++
	}
	s.buckets = s.buckets[drop:]
	own := Bucket(p.Time, sp.Bucket)
	if n := len(s.buckets); n > 0 && s.buckets[n-1].number == own {
		s.buckets[n-1].amount = s.buckets[n-1].amount.Plus(p.Amount)
	} else {
		s.buckets = append(s.buckets, bucket{own, p.Amount})
	}
	s.total = s.total.Plus(p.Amount)
	return p.Event, s.total.Float()
}

// Pending counts the events not yet settled.
func (s *Sum) Pending() int { return len(s.pending) }
