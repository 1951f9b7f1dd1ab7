package window

// slice is how much event time one part of a Timed memory covers, ns.
const slice = int64(60e9)

// Timed remembers values under a 64-bit hash and an event time until the
// watermark has passed that time. Whole slices of time are dropped at once.
// The zero Timed is ready.
type Timed[V any] struct {
	parts map[int64]map[uint64]V
	last  map[uint64]V // part used last
	at    int64
	least int64
}

// Get finds a value.
func (t *Timed[V]) Get(time int64, h uint64) (v V, ok bool) {
	p := t.part(Bucket(time, slice), false)
	v, ok = p[h]
	return v, ok
}

// Put sets a value.
func (t *Timed[V]) Put(time int64, h uint64, v V) {
	t.part(Bucket(time, slice), true)[h] = v
}

func (t *Timed[V]) part(n int64, make_ bool) map[uint64]V {
	if t.last != nil && t.at == n {
		return t.last
	}
	p, ok := t.parts[n]
	if !ok {
		if !make_ {
			return nil
		}
		if t.parts == nil {
			t.parts = map[int64]map[uint64]V{}
		}
		p = map[uint64]V{}
		t.parts[n] = p
	}
	t.last, t.at = p, n
	return p
}

// Advance forgets what lies wholly at or before the watermark.
func (t *Timed[V]) Advance(watermark int64) {
	n := Bucket(watermark, slice)
	if n == t.least || len(t.parts) == 0 {
		return
	}
	t.least = n
	for k := range t.parts {
		if k < n {
			delete(t.parts, k)
			if k == t.at {
				t.last = nil
			}
		}
	}
}

// Empty reports whether nothing is remembered.
func (t *Timed[V]) Empty() bool { return len(t.parts) == 0 }

// Len counts the values.
func (t *Timed[V]) Len() (n int) {
	for _, p := range t.parts {
		n += len(p)
	}
	return n
}

// Seen remembers which events were seen, until the watermark has passed them.
type Seen struct{ of Timed[struct{}] }

// Add reports whether an event is new, and remembers it.
func (s *Seen) Add(time int64, h uint64) bool {
	p := s.of.part(Bucket(time, slice), true)
	n := len(p)
	p[h] = struct{}{}
	return len(p) > n
}

// Advance forgets what is behind the watermark.
func (s *Seen) Advance(watermark int64) { s.of.Advance(watermark) }

// Empty reports whether no event is remembered.
func (s *Seen) Empty() bool { return s.of.Empty() }
