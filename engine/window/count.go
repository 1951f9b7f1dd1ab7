package window

import (
	"slices"
	"sort"
)

// CountSpec says what makes a point: at least AtLeast events of a key within
// Within ns, the last of them being the point.
type CountSpec struct {
	Within  int64
	AtLeast int
}

// Count is the state of one key. It keeps the latest AtLeast settled events
// whole, because they are the evidence of the next point, of denser runs only
// the times, and every event not yet settled.
type Count struct {
	// evs are in order: settled ones, then those not yet. What is settled never
	// moves inside its array, so that what Settle gave stays true.
	evs     []*Event
	settled int32
	gone    int32  // places before evs that its array still holds
	dense   *dense // of a dense run
}

// dense holds the times of settled events before evs that measure still counts.
type dense struct{ older []int64 }

// Add takes an event in any order. It gives its place, for Early.
func (c *Count) Add(e *Event) int {
	n := len(c.evs)
	if n == cap(c.evs) {
		c.gone = 0 // a new array holds what is left alone
	}
	if n == 0 || c.evs[n-1].Before(e) {
		c.evs = append(c.evs, e)
		return n
	}
	i := sort.Search(n, func(i int) bool { return e.Before(c.evs[i]) })
	c.evs = slices.Insert(c.evs, i, e)
	return i
}

// Early gives the places that became points by the event at place i: the event
// itself and later ones. A point stays one whatever else comes.
func (c *Count) Early(s *CountSpec, i int, found func(e *Event)) {
	if c.point(s, i, 0) {
		found(c.evs[i])
	}
	limit := c.evs[i].Time + s.Within
	for j := i + 1; j < len(c.evs) && c.evs[j].Time <= limit; j++ {
		if c.point(s, j, 0) && !c.point(s, j, 1) {
			found(c.evs[j])
		}
	}
}

// point reports whether place i is a point; without is 1 to leave one of the
// events before it out.
func (c *Count) point(s *CountSpec, i, without int) bool {
	k := i - s.AtLeast + 1 - without
	return k >= 0 && c.evs[k].Time >= c.evs[i].Time-s.Within
}

// Settle takes the first event not yet settled: everything up to it has come.
// measure is how many events its window holds.
func (c *Count) Settle(s *CountSpec) (e *Event, measure int, point bool) {
	i := int(c.settled)
	e = c.evs[i]
	c.settled++
	from := e.Time - s.Within
	k := sort.Search(i, func(k int) bool { return c.evs[k].Time >= from })
	measure = i + 1 - k
	if d := c.dense; k == 0 && d != nil {
		measure += len(d.older) - sort.Search(len(d.older), func(k int) bool { return d.older[k] >= from })
	}
	return e, min(measure, int(MeasureMost(int64(s.AtLeast)))), c.point(s, i, 0)
}

// Made gives, of the AtLeast events that made the point settled last, those
// behind an event, in order; all when that is nil.
func (c *Count) Made(s *CountSpec, behind *Event) []*Event {
	to := int(c.settled)
	from := to - 1
	for least := to - s.AtLeast; from > least && (behind == nil || behind.Before(c.evs[from-1])); {
		from--
	}
	return c.evs[from:to:to]
}

// Trim forgets what no later event can need; to be called after Settle.
func (c *Count) Trim(s *CountSpec) {
	i := int(c.settled)
	from := c.evs[i-1].Time - s.Within
	drop := 0
	for drop < i && (c.evs[drop].Time < from || drop < i-s.AtLeast) {
		drop++
	}
	if drop == 0 {
		return
	}
	for _, e := range c.evs[:drop] {
		if e.Time >= from {
			if c.dense == nil {
				c.dense = &dense{}
			}
			c.dense.older = append(c.dense.older, e.Time)
		}
	}
	if d := c.dense; d != nil {
		n := len(d.older)
		old := sort.Search(n, func(k int) bool { return d.older[k] >= from })
		old = max(old, n-int(MeasureMost(int64(s.AtLeast))))
		if old == n {
			c.dense = nil
		} else if old > n/2 {
			d.older = append(d.older[:0:0], d.older[old:]...)
		}
	}
	c.evs = c.evs[drop:]
	c.settled -= int32(drop)
	if c.gone += int32(drop); int(c.gone) > len(c.evs)+8 {
		c.evs = append(make([]*Event, 0, len(c.evs)+1), c.evs...)
		c.gone = 0
	}
}

// Pending counts the events not yet settled.
func (c *Count) Pending() int { return len(c.evs) - int(c.settled) }
