package detect

import (
	"net/netip"
	"slices"

	"github.com/seed-843b225c/reflex/engine"
)

// networks finds probes by the network that a slot's address lies in: one
// look-up for each length of mask in use.
type networks struct {
	slot   int
	v4, v6 []int // lengths of masks
	byNet  map[netip.Prefix][]int32
}

func (n *networks) put(p netip.Prefix, probes []int32) {
	if n.byNet == nil {
		n.byNet = map[netip.Prefix][]int32{}
	}
	n.byNet[p] = append(n.byNet[p], probes...)
	bits := &n.v6
	if p.Addr().Is4() {
		bits = &n.v4
	}
	if !slices.Contains(*bits, p.Bits()) {
		*bits = append(*bits, p.Bits())
	}
}

func (n *networks) find(v engine.Value, f *found) {
	if v.Kind() != engine.IP {
		return
	}
	a := v.Addr()
	bits := n.v6
	if a.Is4() {
		bits = n.v4
	}
	for _, b := range bits {
		if p, err := a.Prefix(b); err == nil {
			f.add(n.byNet[p])
		}
	}
}
