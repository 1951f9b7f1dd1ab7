package pipeline

import "testing"

func TestCollectorGivesRoomToSmallHeapsOnly(t *testing.T) {
	for _, c := range []struct {
		live uint64
		want int
	}{{0, 1000}, {1 << 20, 1000}, {32 << 20, 400}, {64 << 20, 200}, {128 << 20, 100}, {1 << 30, 100}} {
		if got := percentFor(c.live, HeapRoom); got != c.want {
			t.Errorf("with %d bytes alive: %d, want %d", c.live, got, c.want)
		}
	}
}
