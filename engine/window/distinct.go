package window

import (
	"slices"
	"sort"
)

// DistinctSpec says what makes a point: events of a key within Within ns hold
// at least AtLeast distinct values, the last of them being the point.
type DistinctSpec struct {
	Within  int64
	AtLeast int
}

// Valued is an event with the hash of the value that counts.
type Valued struct {
	*Event
	Hash uint64
}

// Distinct is the state of one key: the values of settled events by their
// latest use, newest first, of which the AtLeast newest keep their event; and
// every event not yet settled.
type Distinct struct {
	pending []Valued // in order
	vals    []value  // nodes of the list
	head    int32    // newest
	tail    int32    // oldest
	nth     int32    // the AtLeast-th newest; none while there are fewer
	free    int32
	n       int32 // nodes in the list
	index   map[uint64]int32
}

type value struct {
	hash       uint64
	ev         *Event // nil when no point can need it
	time       int64
	prev, next int32 // towards newer, towards older
}

const (
	none       = int32(-1)
	smallIndex = 12  // so many values are found by looking at each
	earlyLook  = 128 // how many unsettled events Early looks at
)

// NewDistinct makes the state of a key.
func NewDistinct() *Distinct { return &Distinct{head: none, tail: none, nth: none, free: none} }

// Add takes an event in any order and gives its place, for Early.
func (d *Distinct) Add(e Valued) int {
	n := len(d.pending)
	if n == 0 || d.pending[n-1].Before(e.Event) {
		d.pending = append(d.pending, e)
		return n
	}
	i := sort.Search(n, func(i int) bool { return e.Before(d.pending[i].Event) })
	d.pending = slices.Insert(d.pending, i, e)
	return i
}

// Early reports whether the event at place i is a point by what is known. It
// looks at a bounded number of unsettled events: a point it misses is found
// when it settles.
func (d *Distinct) Early(s *DistinctSpec, i int) bool {
	if i+1+int(d.n) < s.AtLeast {
		return false
	}
	from := d.pending[i].Time - s.Within
	var seen [earlyLook]uint64
	k := 0
	have := func(h uint64) bool { return slices.Contains(seen[:k], h) }
	for j := i; j >= 0 && i-j < earlyLook && d.pending[j].Time >= from; j-- {
		if h := d.pending[j].Hash; !have(h) {
			seen[k] = h
			if k++; k >= s.AtLeast {
				return true
			}
		}
	}
	unsettled := k
	for v, looks := d.head, 0; v != none && looks < s.AtLeast && d.vals[v].time >= from; v, looks = d.vals[v].next, looks+1 {
		if !slices.Contains(seen[:unsettled], d.vals[v].hash) {
			if k++; k >= s.AtLeast {
				return true
			}
		}
	}
	return false
}

// Settle takes the first event not yet settled. measure is how many distinct
// values its window holds. made, for a point, are the latest events of the
// AtLeast latest values, in order.
func (d *Distinct) Settle(s *DistinctSpec, buf []*Event) (e *Event, measure int, made []*Event) {
	v := d.pending[0]
	d.pending[0] = Valued{}
	if d.pending = d.pending[1:]; len(d.pending) == 0 {
		d.pending = nil
	}
	d.use(s, v)
	from := v.Time - s.Within
	most := int32(MeasureMost(int64(s.AtLeast)))
	for d.tail != none && (d.vals[d.tail].time < from || d.n > most) {
		d.drop(d.tail)
	}
	if int(d.n) >= s.AtLeast {
		made = buf[:0]
		for i, k := d.head, 0; k < s.AtLeast; i, k = d.vals[i].next, k+1 {
			made = append(made, d.vals[i].ev)
		}
		slices.Reverse(made)
	}
	return v.Event, int(d.n), made
}

// use makes a value the newest.
func (d *Distinct) use(s *DistinctSpec, v Valued) {
	i := d.find(v.Hash)
	if i != none {
		at := &d.vals[i]
		inside := at.ev != nil
		at.time = v.Time
		if i == d.head {
			at.ev = v.Event
			return
		}
		if inside {
			if i == d.nth {
				d.nth = at.prev
			}
		} else {
			d.shift()
		}
		d.unlink(i)
		d.vals[i].ev = v.Event
		d.push(i)
		d.bound(s)
		return
	}
	i = d.alloc()
	d.vals[i] = value{hash: v.Hash, ev: v.Event, time: v.Time}
	if d.index != nil {
		d.index[v.Hash] = i
	}
	if d.nth != none {
		d.shift()
	}
	d.push(i)
	d.n++
	d.bound(s)
	if d.index == nil && d.n > smallIndex {
		d.index = map[uint64]int32{}
		for k := d.head; k != none; k = d.vals[k].next {
			d.index[d.vals[k].hash] = k
		}
	}
}

// bound finds the boundary where there is none: when the AtLeast-th value has
// come, or when the boundary was the newest itself.
func (d *Distinct) bound(s *DistinctSpec) {
	switch {
	case d.nth != none || int(d.n) < s.AtLeast:
	case int(d.n) == s.AtLeast:
		d.nth = d.tail
	default:
		d.nth = d.head
	}
}

// shift moves the boundary one towards newer: a value comes in before it.
func (d *Distinct) shift() {
	b := d.nth
	d.nth = d.vals[b].prev
	d.vals[b].ev = nil
}

func (d *Distinct) find(h uint64) int32 {
	if d.index != nil {
		if i, ok := d.index[h]; ok {
			return i
		}
		return none
	}
	for i := d.head; i != none; i = d.vals[i].next {
		if d.vals[i].hash == h {
			return i
		}
	}
	return none
}

func (d *Distinct) alloc() int32 {
	if i := d.free; i != none {
		d.free = d.vals[i].next
		return i
	}
	d.vals = append(d.vals, value{})
	return int32(len(d.vals) - 1)
}

func (d *Distinct) push(i int32) {
	d.vals[i].prev, d.vals[i].next = none, d.head
	if d.head != none {
		d.vals[d.head].prev = i
	} else {
		d.tail = i
	}
	d.head = i
}

func (d *Distinct) unlink(i int32) {
	v := d.vals[i]
	if v.prev != none {
		d.vals[v.prev].next = v.next
	} else {
		d.head = v.next
	}
	if v.next != none {
		d.vals[v.next].prev = v.prev
	} else {
		d.tail = v.prev
	}
}

// drop forgets the oldest value.
func (d *Distinct) drop(i int32) {
	if i == d.nth {
		d.nth = none
	}
	if d.index != nil {
		delete(d.index, d.vals[i].hash)
	}
	d.unlink(i)
	d.vals[i] = value{next: d.free}
	d.free = i
	if d.n--; d.n == 0 {
		d.vals, d.free, d.index = nil, none, nil
	}
}

// Pending counts the events not yet settled.
func (d *Distinct) Pending() int { return len(d.pending) }
