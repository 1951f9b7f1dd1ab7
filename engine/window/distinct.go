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
	met     marks // scratch of Early
}

// Valued is an event with the hash of the value that counts.
type Valued struct {
	*Event
	Hash uint64
}

// Distinct is the state of one key. One event costs no more than its place;
// more of them need the rest.
type Distinct struct {
	one Valued // the only event so far
	*recent
}

// alone stands for the rest of a key whose only event is settled.
var alone = &recent{}

// recent holds the values of settled events by their latest use, newest first,
// of which the AtLeast newest keep their event; and every event not yet
// settled.
type recent struct {
	pending []Valued // in order
	vals    []value  // nodes of the list
	head    int32    // newest
	tail    int32    // oldest
	nth     int32    // the AtLeast-th newest; none while there are fewer
	free    int32
	n       int32 // nodes in the list
	rest    int32 // how many events Early does not look at
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
	earlyLook  = 128 // how many unsettled events are looked at early
)

// Add takes an event in any order and gives its place, for Early.
func (d *Distinct) Add(s *DistinctSpec, e Valued) int {
	if d.recent == nil && d.one.Event == nil {
		d.one = e
		return 0
	}
	if d.recent == nil || d.recent == alone {
		r := &recent{head: none, tail: none, nth: none, free: none}
		if d.recent == alone {
			r.use(s, d.one)
		} else {
			r.pending = append(r.pending, d.one)
		}
		d.recent, d.one = r, Valued{}
	}
	return d.add(e)
}

func (d *recent) add(e Valued) int {
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
// may miss one, which is found when it settles: it looks at a bounded number
// of events, and where that number is large not each time.
func (d *Distinct) Early(s *DistinctSpec, i int) bool {
	if d.recent == nil || d.recent == alone {
		return s.AtLeast <= 1
	}
	return d.early(s, i)
}

func (d *recent) early(s *DistinctSpec, i int) bool {
	switch {
	case i+1+int(d.n) < s.AtLeast:
		return false
	case d.rest > 0:
		d.rest--
		return false
	}
	from := d.pending[i].Time - s.Within
	s.met.clear(s.AtLeast)
	most := 4*s.AtLeast + earlyLook
	looks := 0
	for j := i; j >= 0 && looks < most && s.met.n < s.AtLeast && d.pending[j].Time >= from; j-- {
		s.met.add(d.pending[j].Hash)
		looks++
	}
	for v := d.head; v != none && looks < most && s.met.n < s.AtLeast && d.vals[v].time >= from; v = d.vals[v].next {
		s.met.add(d.vals[v].hash)
		looks++
	}
	d.rest = int32(looks / earlyLook)
	if looks < 4*earlyLook {
		d.rest = 0
	}
	return s.met.n >= s.AtLeast
}

// Settle takes the first event not yet settled. measure is how many distinct
// values its window holds.
func (d *Distinct) Settle(s *DistinctSpec) (e *Event, measure int, point bool) {
	if d.recent == nil {
		d.recent = alone
		return d.one.Event, 1, s.AtLeast <= 1
	}
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
	return v.Event, int(d.n), int(d.n) >= s.AtLeast
}

// Made gives, of the latest events of the AtLeast latest values, which made
// the point settled last, those behind an event, in order; all when that is
// nil. They stand in buf.
func (d *Distinct) Made(s *DistinctSpec, behind *Event, buf []*Event) []*Event {
	buf = buf[:0]
	if d.recent == alone {
		return append(buf, d.one.Event)
	}
	for i, k := d.head, 0; k < s.AtLeast && (behind == nil || behind.Before(d.vals[i].ev)); i, k = d.vals[i].next, k+1 {
		buf = append(buf, d.vals[i].ev)
	}
	slices.Reverse(buf)
	return buf
}

// use makes a value the newest.
func (d *recent) use(s *DistinctSpec, v Valued) {
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
func (d *recent) bound(s *DistinctSpec) {
	switch {
	case d.nth != none || int(d.n) < s.AtLeast:
	case int(d.n) == s.AtLeast:
		d.nth = d.tail
	default:
		d.nth = d.head
	}
}

// shift moves the boundary one towards newer: a value comes in before it.
func (d *recent) shift() {
	b := d.nth
	d.nth = d.vals[b].prev
	d.vals[b].ev = nil
}

func (d *recent) find(h uint64) int32 {
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

func (d *recent) alloc() int32 {
	if i := d.free; i != none {
		d.free = d.vals[i].next
		return i
	}
	d.vals = append(d.vals, value{})
	return int32(len(d.vals) - 1)
}

func (d *recent) push(i int32) {
	d.vals[i].prev, d.vals[i].next = none, d.head
	if d.head != none {
		d.vals[d.head].prev = i
	} else {
		d.tail = i
	}
	d.head = i
}

func (d *recent) unlink(i int32) {
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
func (d *recent) drop(i int32) {
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
func (d *Distinct) Pending() int {
	switch {
	case d.recent != nil:
		return len(d.pending)
	case d.one.Event != nil:
		return 1
	}
	return 0
}
