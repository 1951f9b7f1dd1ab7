package job

import (
	"fmt"
	"maps"
	"slices"
	"strconv"
	"testing"

	"github.com/seed-843b225c/reflex/engine"
)

// memory is a Saver and a Loader in memory.
type memory map[string][]byte

func (m memory) Set(key, value []byte) { m[string(key)] = slices.Clone(value) }
func (m memory) Delete(key []byte)     { delete(m, string(key)) }
func (m memory) DeleteRange(from, to []byte) {
	maps.DeleteFunc(m, func(k string, _ []byte) bool { return k >= string(from) && k < string(to) })
}

func (m memory) Get(key []byte) ([]byte, bool, error) {
	v, ok := m[string(key)]
	return v, ok, nil
}

func (m memory) Scan(from, to []byte, f func(key, value []byte) error) error {
	for _, k := range slices.Sorted(maps.Keys(m)) {
		if k >= string(from) && k < string(to) {
			if err := f([]byte(k), m[k]); err != nil {
				return err
			}
		}
	}
	return nil
}

func (m memory) Cursor(from, to []byte) (engine.Cursor, error) { panic("not used here") }

func name(p int32) string { return fmt.Sprint("probe", p) }

func number(s string) (int32, bool) {
	n, err := strconv.Atoi(s[len("probe"):])
	return int32(n), err == nil
}

// turnedLayout has the fields of job elsewhere.
func turnedLayout() *engine.Layout {
	other := engine.NewLayout()
	other.Demand("message")
	for i := len(Demand()) - 1; i >= 0; i-- {
		other.Demand(Demand()[i])
	}
	return other
}

// Whatever was saved how often, a restored Jobs answers like the one that went on.
func TestRestoredJobsAnswerAsBefore(t *testing.T) {
	for seed := range uint64(60) {
		l, other := layout(t), turnedLayout()
		w := newWorld(seed)
		j := New(l, Options{})
		j.Keep()
		m := memory{}
		events := w.announcements(l)
		want, got := map[string]string{}, map[string]string{}
		for i, ev := range events {
			j.Observe(ev)
			if i == len(events)/2 {
				for _, h := range w.hits(l) {
					j.Hold(h, []byte(`{}`))
				}
				j.Advance(ev.Time-100*second, func(h engine.Hit) {})
			}
			if i%7 == int(seed%7) {
				if err := j.Save(m, l, name); err != nil {
					t.Fatal(err)
				}
			}
		}
		if err := j.Save(m, l, name); err != nil {
			t.Fatal(err)
		}
		back := New(other, Options{})
		if _, err := back.Restore(m, other, number); err != nil {
			t.Fatal(err)
		}
		if a, b := j.Stats(), back.Stats(); a.Jobs != b.Jobs || a.Held != b.Held || a.Sightings != b.Sightings {
			t.Fatalf("seed %d: restored %d jobs, %d held, %d sightings; want %d, %d, %d", seed, b.Jobs, b.Held, b.Sightings, a.Jobs, a.Held, a.Sightings)
		}
		j.Advance(1<<62, func(h engine.Hit) { want[h.Event.ID] = answer(l, h.Event) })
		back.Advance(1<<62, func(h engine.Hit) { got[h.Event.ID] = answer(other, h.Event) })
		if fmt.Sprint(want) != fmt.Sprint(got) {
			t.Fatalf("seed %d: after restart: %v\nwithout: %v", seed, got, want)
		}
		if err := j.Save(m, l, name); err != nil {
			t.Fatal(err)
		}
		for k := range m {
			if k[:2] == keyHeld || k[:2] == keySeen {
				t.Fatalf("seed %d: %q is stored though nothing waits", seed, k)
			}
		}
	}
}

func TestDamagedJobsAreRefused(t *testing.T) {
	l := layout(t)
	w := newWorld(7)
	j := New(l, Options{})
	j.Keep()
	for _, ev := range w.announcements(l) {
		j.Observe(ev)
	}
	for _, h := range w.hits(l) {
		j.Hold(h, nil)
	}
	m := memory{}
	if err := j.Save(m, l, name); err != nil {
		t.Fatal(err)
	}
	for k, v := range m {
		if k == keyMark {
			continue
		}
		m[k] = v[:len(v)/2]
		if _, err := New(l, Options{}).Restore(m, l, number); err == nil {
			t.Errorf("took a damaged %q", k)
		}
		m[k] = v
	}
	dropped, err := New(l, Options{}).Restore(m, l, func(string) (int32, bool) { return 0, false })
	if err != nil || dropped == 0 {
		t.Errorf("hits of rules that are gone: %d dropped, %v", dropped, err)
	}
}
