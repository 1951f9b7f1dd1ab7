package window

import (
	"fmt"
	"math/rand/v2"
	"slices"
	"testing"

	"github.com/seed-843b225c/reflex/engine"
)

func packed(t int64, id string) *Event {
	p := Packer{Sources: &Sources{}}
	return p.Pack(&engine.Event{Dataset: engine.LiteLLM, Time: t, ID: id, Hash: engine.HashID(engine.LiteLLM, id)}, nil)
}

func TestEventGivesBackWhatWasPacked(t *testing.T) {
	src := &Sources{}
	src.number("another.log")
	p := Packer{Sources: src}
	ev := &engine.Event{Dataset: engine.VPCFlow, Time: 7, ID: "id/1", Hash: 9,
		Origin: engine.Origin{Source: "dir/a.log", Partition: -1, Offset: 1 << 40, Line: 3, Index: 2},
		Values: []engine.Value{engine.String("x"), {}, engine.Float(1.5), engine.Strings("a", "b")}}
	e := p.Pack(ev, []int{0, 1, 2, 3})
	if e.ID() != ev.ID || e.Dataset() != ev.Dataset || e.Origin(src) != ev.Origin {
		t.Errorf("got %q %v %+v", e.ID(), e.Dataset(), e.Origin(src))
	}
	for slot, v := range ev.Values {
		if e.Value(slot) != v {
			t.Errorf("slot %d: got %v, want %v", slot, e.Value(slot), v)
		}
	}
}

// Packed ids are what they were, and have the order of their text.
func TestIDsKeepTextAndOrder(t *testing.T) {
	r := rand.New(rand.NewPCG(3, 4))
	var ids []string
	for range 300 {
		a, b := r.Uint64(), r.Uint64()>>r.IntN(64)
		id := []byte(fmt.Sprintf("%08x-%04x-%04x-%04x-%012x", uint32(a>>60), uint16(a>>32), uint16(a>>16), uint16(a), b>>16))
		switch r.IntN(4) {
		case 0:
			id = append(id, "/cred.issued"...)
		case 1:
			id[r.IntN(len(id))] = "-gA0f/"[r.IntN(6)]
		case 2:
			id = id[:r.IntN(len(id)+1)]
		}
		ids = append(ids, string(id))
	}
	for i, id := range ids {
		if got := packed(1, id).ID(); got != id {
			t.Fatalf("got %q, want %q", got, id)
		}
		o := ids[r.IntN(i+1)]
		if got, want := packed(1, id).Before(packed(1, o)), id < o; got != want {
			t.Fatalf("%q before %q: %v", id, o, got)
		}
	}
}

func TestQueueGivesInOrder(t *testing.T) {
	r := rand.New(rand.NewPCG(1, 2))
	for range 200 {
		q := Queue[int]{Before: func(a, b int) bool { return a < b }}
		var want []int
		for range 300 {
			if r.IntN(3) > 0 || len(want) == 0 {
				v := len(want) + r.IntN(1+r.IntN(50))
				q.Push(v)
				want = append(want, v)
				slices.Sort(want)
				continue
			}
			if v := q.Pop(); v != want[0] {
				t.Fatalf("got %d, want %d", v, want[0])
			}
			want = want[1:]
			if q.Len() != len(want) {
				t.Fatalf("length %d, want %d", q.Len(), len(want))
			}
		}
	}
}

// The naive twin looks at all events of the window each time.
func TestDistinctAgreesWithLookingAtAll(t *testing.T) {
	r := rand.New(rand.NewPCG(3, 4))
	for round := range 300 {
		s := DistinctSpec{Within: 50, AtLeast: 1 + r.IntN(30)}
		d := &Distinct{}
		var all []Valued
		now := int64(0)
		for i := range 400 {
			now += r.Int64N(1 + int64(round%7))
			v := Valued{packed(now, fmt.Sprintf("%05d", i)), uint64(1 + r.IntN(1+round%60))}
			all = append(all, v)
			d.Add(&s, v)
			early := d.Early(&s, 0)
			e, measure, is := d.Settle(&s)
			var made, behind []*Event
			if is {
				made = d.Made(&s, nil, nil)
				behind = d.Made(&s, made[r.IntN(len(made))], nil)
			}
			var latest []uint64
			var want []*Event
			for k := len(all) - 1; k >= 0 && all[k].Time >= e.Time-s.Within; k-- {
				if !slices.Contains(latest, all[k].Hash) {
					latest = append(latest, all[k].Hash)
					if len(want) < s.AtLeast {
						want = append(want, all[k].Event)
					}
				}
			}
			slices.Reverse(want)
			if early && !is || !early && is && s.AtLeast < earlyLook {
				t.Fatalf("round %d, event %d: early %v, settled %v", round, i, early, is)
			}
			if !slices.Equal(behind, made[len(made)-len(behind):]) {
				t.Fatalf("round %d, event %d: %d behind, not the last of %d", round, i, len(behind), len(made))
			}
			if measure != len(latest) || is != (len(latest) >= s.AtLeast) || is && !slices.Equal(made, want) {
				t.Fatalf("round %d, event %d: %d values, %d made; want %d, %d", round, i, measure, len(made), len(latest), len(want))
			}
		}
	}
}

func TestCountMeasuresDenseRuns(t *testing.T) {
	s := CountSpec{Within: 100, AtLeast: 3}
	var c Count
	for i := range int64(10_000) {
		c.Add(packed(i/10, fmt.Sprintf("%05d", i)))
		e, measure, is := c.Settle(&s)
		if is && (len(c.Made(&s, nil)) != 3 || c.Made(&s, c.Made(&s, nil)[1])[0] != e) {
			t.Fatalf("event %d: what made the point is wrong", i)
		}
		c.Trim(&s)
		if want := int(i - max(0, (i/10-100)*10) + 1); measure != want || is != (want >= 3) {
			t.Fatalf("event %d: measure %d, want %d", i, measure, want)
		}
	}
	if len(c.evs) > 3 {
		t.Errorf("%d events kept, want at most 3", len(c.evs))
	}
}

func TestAmountsAreExact(t *testing.T) {
	var sum Amount
	for range 10 {
		a, ok := ToAmount(0.1)
		if !ok {
			t.Fatal("refused")
		}
		sum = sum.Plus(a)
	}
	if sum.Float() != 1 {
		t.Errorf("ten times 0.1 is %v", sum.Float())
	}
	for _, f := range []float64{-1, 1 << 60} {
		if _, ok := ToAmount(f); ok {
			t.Errorf("%v was taken", f)
		}
	}
	big, _ := ToAmount(1 << 52)
	if got := big.Plus(big).Minus(big).Float(); got != 1<<52 {
		t.Errorf("got %v", got)
	}
}

// An entry stays for a span after it was last touched, and is gone after two.
func TestAgingKeepsForASpan(t *testing.T) {
	r := rand.New(rand.NewPCG(5, 6))
	a := NewAging[int](100, nil)
	touched := map[Key]int64{}
	now := int64(0)
	for range 5000 {
		now += r.Int64N(40)
		if r.IntN(50) == 0 {
			now += 300
		}
		a.Advance(now)
		k := Key{Lo: uint64(r.IntN(40))}
		_, ok := a.Get(k)
		last, was := touched[k]
		if was && now-last <= 100 && !ok {
			t.Fatalf("gone %d after it was touched", now-last)
		}
		if ok && (!was || now-last > 400) {
			t.Fatalf("still there %d after it was touched", now-last)
		}
		a.Put(k, 1)
		touched[k] = now
	}
}

// FuzzReadPacked reads foreign bytes as a kept event: it must not panic, and
// what it takes must be packed to an event that says the same.
func FuzzReadPacked(f *testing.F) {
	var src Sources
	ev := &engine.Event{Dataset: engine.LiteLLM, ID: "01234567-89ab-4cde-8f01-23456789abcd/x", Values: []engine.Value{
		engine.String("k"), engine.Int(-3), engine.Strings("a", "b"), engine.Float(1.5), engine.Boolean(true), engine.Instant(9)}}
	ev.Origin = engine.Origin{Source: "topic", Partition: 3, Offset: 1 << 40, Line: 7, Index: 2}
	slots := []int{0, 1, 2, 3, 4, 5}
	p := Packer{Sources: &src}
	f.Add(p.Pack(ev, slots).AppendPacked(nil))
	f.Add([]byte{4, 2, 'x', 0, 0, 0, 0, 0})
	f.Add([]byte("\x04$000000000000000000\x000000\x02\a0\x040000")) // a list that is shorter than it says
	rd := &Reader{Slots: slots, Datasets: append([]engine.Dataset{engine.NoDataset}, engine.Datasets()...), Sources: []string{"topic"}}
	f.Fuzz(func(t *testing.T, b []byte) {
		got := engine.Event{Values: make([]engine.Value, len(slots))}
		if rd.Read(string(b), &got) != nil {
			return
		}
		back := engine.Event{Values: make([]engine.Value, len(slots))}
		if err := rd.Read(string(p.Pack(&got, slots).AppendPacked(nil)), &back); err != nil {
			t.Fatalf("%q is taken, and what is packed of it is not: %v", b, err)
		}
		if back.ID != got.ID || back.Origin != got.Origin || back.Dataset != got.Dataset {
			t.Errorf("%q: %+v became %+v", b, got, back)
		}
		for i := range slots {
			if back.Values[i].Text() != got.Values[i].Text() || back.Values[i].Kind() != got.Values[i].Kind() {
				t.Errorf("%q: value %d: %q became %q", b, i, got.Values[i].Text(), back.Values[i].Text())
			}
		}
	})
}
