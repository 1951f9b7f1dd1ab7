package window

import (
	"math/rand"
	"slices"
	"testing"
)

// What Learns says of an event when it comes holds when the event settles,
// whatever came between; and it says so of most events of young keys.
func TestFirstLearnsIsNeverAPointLater(t *testing.T) {
	type event struct {
		at         int64
		key, value Key
		learns     bool
	}
	said, points := 0, 0
	for seed := range int64(300) {
		r := rand.New(rand.NewSource(seed))
		f := NewFirst(FirstSpec{Memory: 50 + r.Int63n(200), For: r.Int63n(120), Events: r.Int63n(4)})
		var waiting []event
		mark := int64(-1000)
		settle := func(to int64) {
			slices.SortStableFunc(waiting, func(a, b event) int { return int(a.at - b.at) })
			for len(waiting) > 0 && waiting[0].at <= to {
				e := waiting[0]
				waiting = waiting[1:]
				point, _ := f.Settle(e.at, e.key, e.value)
				if point {
					points++
				}
				if point && e.learns {
					t.Fatalf("seed %d: an event at %d was said to be learned from, and is a point", seed, e.at)
				}
			}
			mark = to
		}
		for i := range int64(200) {
			e := event{at: max(i*3-r.Int63n(40), mark+1), key: Key{Hi: uint64(r.Intn(4))}, value: Key{Lo: uint64(r.Intn(30)) + 1}}
			if e.learns = f.Learns(e.at, mark, e.key); e.learns {
				said++
			}
			waiting = append(waiting, e)
			if r.Intn(5) == 0 {
				settle(max(mark, i*3-40))
			}
		}
		settle(1 << 40)
	}
	if said < 1000 || points < 1000 {
		t.Errorf("%d said to be learned from, %d points: nothing was tried", said, points)
	}
}
