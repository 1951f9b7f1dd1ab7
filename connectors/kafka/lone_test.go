package kafka

import (
	"testing"
	"time"

	"github.com/seed-843b225c/reflex/engine"
)

func TestStatefulReaderRefusesCompany(t *testing.T) {
	virtual(func(t *testing.T) {
		f := inMemory(t, 2)
		c := f.config()
		c.ClientID = "first"
		a, got := f.open(t, c, Options{Stateful: true}), &seen{}
		got.until(t, a, "both partitions", func() bool { return len(got.opened) == 2 })
		c.ClientID = "second"
		b := f.open(t, c, Options{Stateful: true})
		wantFatal(t, b, "kafka group reflex: has another member, client first on ", "must be the only member of its group")
		if len(got.closed) > 0 {
			t.Error("the first reader was disturbed")
		}
	})(t)
}

// One that was killed is still listed until its session ends. Its successor
// waits for that instead of refusing it.
func TestStatefulReaderOutwaitsADeadOne(t *testing.T) {
	virtual(func(t *testing.T) {
		f := inMemory(t, 1)
		a, got := f.open(t, f.config(), Options{Stateful: true}), &seen{}
		net := cutter{dial: f.dial}
		a.remote.dialer.DialFunc = net.open
		got.until(t, a, "a partition", func() bool { return len(got.opened) == 1 })
		net.cut() // it cannot even leave
		b, got := f.open(t, f.config(), Options{Stateful: true}), &seen{}
		got.until(t, b, "the partition", func() bool { return len(got.opened) == 1 })
		for _, err := range got.errs {
			if engine.KindOf(err) == engine.Fatal {
				t.Error(err)
			}
		}
	})(t)
}

// A stranger that joins behind our back makes the reader stop, not share.
func TestStatefulReaderStopsWhenAStrangerStays(t *testing.T) {
	virtual(func(t *testing.T) {
		f := inMemory(t, 2)
		c := f.config()
		a, got := f.open(t, c, Options{Stateful: true}), &seen{}
		got.until(t, a, "both partitions", func() bool { return len(got.opened) == 2 })
		c.ClientID = "stranger"
		b, gotB := f.open(t, c, Options{}), &seen{}
		got.until(t, a, "a fatal error", func() bool {
			gotB.poll(t, b, 5*time.Millisecond)
			for _, err := range got.errs {
				if engine.KindOf(err) == engine.Fatal {
					return true
				}
			}
			return false
		})
		if len(got.opened) != 2 || len(got.closed) != 2 {
			t.Errorf("opened %v, closed %v: it must not share", got.opened, got.closed)
		}
	})(t)
}

// A stateful reader that loses its place and finds it again goes on behind what
// it handed out, whatever its store and the group say: that is on its way.
func TestNothingIsHandedOutTwice(t *testing.T) {
	virtual(func(t *testing.T) {
		f := inMemory(t, 1)
		f.write(t, 0, numbered(0, 10)...)
		s, got := f.open(t, f.config(), Options{}), &seen{}
		got.records(t, s, 10)
		got.commit(t, s)
		s.Close()

		s, got = f.open(t, f.config(), Options{Stateful: true, Resume: []engine.Position{{Source: topic, Offset: 4}}}), &seen{}
		got.records(t, s, 6)
		if err := s.Commit(t.Context(), []engine.Position{{Source: topic, Offset: 7}}); err != nil {
			t.Fatal(err)
		}
		f.RehashCoordinators()
		h := f.evict(t)
		got.until(t, s, "another generation", func() bool { return h() && len(got.opened) >= 2 })
		if at := got.opened[len(got.opened)-1].Offset; at != 10 {
			t.Errorf("it went on at %d, want 10", at)
		}
		f.write(t, 0, numbered(10, 1)...)
		got.records(t, s, 7)
		expect(t, got.values[0], numbered(4, 7))
		got.commit(t, s)
		got.until(t, s, "the group", func() bool { return f.committed(t, f.config().Group, 0) == 11 })
	})(t)
}
