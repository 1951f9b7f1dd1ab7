package incident

import "slices"

// strand is a set of alerts that entities join: what an incident's life is
// counted for. Chains tie several strands into one incident.
type strand struct {
	number        uint64 // in the order of making
	in            *incident
	first, newest int64 // starts of its first and its last member
	members       []*member
}

// fits reports whether two strands may be one.
func (s *strand) fits(o *strand) bool {
	return max(s.newest, o.newest)-min(s.first, o.first) <= life
}

// measure finds first and newest again, after a member moved or left.
func (s *strand) measure() {
	for i, m := range s.members {
		if i == 0 {
			s.first, s.newest = m.start, m.start
		}
		s.first, s.newest = min(s.first, m.start), max(s.newest, m.start)
	}
}

// cluster is where in time a strand has a key: spans of its members, and what
// lies between two of them that are near. An alert near a cluster is near one
// of those members.
type cluster struct {
	start, end int64
	strand     *strand
}

func (c *cluster) near(start, end int64) bool { return start-c.end <= near && c.start-end <= near }

// index finds clusters by key. It follows from strands and members, in any
// order of putting, so it is not stored. The order within a key means nothing.
type index map[string][]cluster

// touching appends to out the strands other than s that have the key near a span.
func (x index) touching(out []*strand, key string, start, end int64, s *strand) []*strand {
	for i := range x[key] {
		c := &x[key][i]
		if c.strand != s && c.near(start, end) && !slices.Contains(out, c.strand) {
			out = append(out, c.strand)
		}
	}
	return out
}

// put adds a span of a strand.
func (x index) put(key string, start, end int64, s *strand) {
	add := cluster{start, end, s}
	list := slices.DeleteFunc(x[key], func(c cluster) bool {
		if c.strand != s || !c.near(start, end) {
			return false
		}
		add.start, add.end = min(add.start, c.start), max(add.end, c.end)
		return true
	})
	x[key] = append(list, add)
}

// drop takes away a strand's clusters of a key and gives them.
func (x index) drop(key string, s *strand) (gone []cluster) {
	list := slices.DeleteFunc(x[key], func(c cluster) bool {
		if c.strand == s {
			gone = append(gone, c)
		}
		return c.strand == s
	})
	if len(list) == 0 {
		delete(x, key)
	} else {
		x[key] = list
	}
	return gone
}

// add puts all members of a strand.
func (x index) add(s *strand) {
	for _, m := range s.members {
		for _, key := range m.keys {
			x.put(key, m.start, m.end, s)
		}
	}
}

// remove takes a strand away.
func (x index) remove(s *strand) {
	for _, m := range s.members {
		for _, key := range m.keys {
			x.drop(key, s)
		}
	}
}

// again finds a strand's clusters of some keys anew, after a member left it.
func (x index) again(keys []string, s *strand) {
	for _, key := range keys {
		x.drop(key, s)
		for _, m := range s.members {
			if slices.Contains(m.keys, key) {
				x.put(key, m.start, m.end, s)
			}
		}
	}
}

// unite makes one of two indexed strands and leaves the other empty. It gives
// the members that were moved: those of the strand that has fewer.
func (x index) unite(a, b *strand) (moved []*member) {
	if len(a.members) < len(b.members) || len(a.members) == len(b.members) && b.number < a.number {
		a, b = b, a
	}
	for _, m := range b.members {
		for _, key := range m.keys {
			for _, c := range x.drop(key, b) {
				x.put(key, c.start, c.end, a)
			}
		}
		m.strand = a
	}
	a.members = append(a.members, b.members...)
	a.first, a.newest = min(a.first, b.first), max(a.newest, b.newest)
	moved, b.members = b.members, nil
	return moved
}
