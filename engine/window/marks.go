package window

// marks is a set of hashes that is emptied at no cost.
type marks struct {
	at  []marked // a power of two, at least half of it free
	now uint32   // what was marked at another time is not there
	n   int
}

type marked struct {
	hash uint64
	when uint32
}

// clear empties the set and makes room for most hashes.
func (m *marks) clear(most int) {
	if 2*most > len(m.at) {
		size := 16
		for size < 2*most {
			size *= 2
		}
		*m = marks{at: make([]marked, size)}
	}
	m.n = 0
	if m.now++; m.now == 0 { // round once
		clear(m.at)
		m.now = 1
	}
}

// add puts a hash in.
func (m *marks) add(h uint64) {
	mask := uint64(len(m.at) - 1)
	for i := h & mask; ; i = (i + 1) & mask {
		switch x := &m.at[i]; {
		case x.when != m.now:
			*x = marked{h, m.now}
			m.n++
			return
		case x.hash == h:
			return
		}
	}
}
