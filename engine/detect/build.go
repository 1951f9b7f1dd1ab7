package detect

import (
	"slices"

	"github.com/seed-843b225c/reflex/engine"
	"github.com/seed-843b225c/reflex/engine/rule"
)

// builder files probes of one dataset.
type builder struct {
	set   *rule.Set
	late  []bool
	load  map[rule.Atom]int // how many probes ask for an equality
	filed map[rule.Atom][]int32
	none  []int32
}

func newBuilder(set *rule.Set, late []bool) *builder {
	return &builder{set: set, late: late, load: map[rule.Atom]int{}, filed: map[rule.Atom][]int32{}}
}

// count notes what a probe could be filed under.
func (b *builder) count(p int32) {
	for _, c := range b.set.Probes[p].Cond.Needs() {
		for _, a := range c {
			if a.Kind == rule.AtomEqual {
				b.load[a]++
			}
		}
	}
}

// file puts a probe under the atoms of its best clause.
func (b *builder) file(p int32) {
	var best rule.Clause
	lowest := 0.0
	for _, c := range b.set.Probes[p].Cond.Needs() {
		if w, ok := b.weight(c); ok && (best == nil || w < lowest) {
			best, lowest = c, w
		}
	}
	if best == nil {
		b.none = append(b.none, p)
		return
	}
	for _, a := range best {
		if l := b.filed[a]; len(l) == 0 || l[len(l)-1] != p {
			b.filed[a] = append(l, p)
		}
	}
}

// weight guesses the share of events that fulfil a clause, and makes crowded
// values dearer, so that rules which share an action are told apart by what else
// they ask for. ok is false when the index has no place for one of the atoms.
func (b *builder) weight(c rule.Clause) (sum float64, ok bool) {
	for _, a := range c {
		if a.Kind == rule.AtomContains && len(a.Value.Str()) < gram {
			return 0, false
		}
		w := share(b.set.Layout.Slots()[a.Slot], a)
		if n := b.load[a]; n > 16 {
			w *= float64(n) / 16
		}
		if b.late[a.Slot] {
			w = w*4 + 0.2 // every event would have to be enriched first
		}
		sum += w
	}
	return sum, true
}

// share guesses the share of events that fulfil an atom.
func share(s engine.Slot, a rule.Atom) float64 {
	switch a.Kind {
	case rule.AtomPresent:
		if s.Raw != "" {
			return 0.3
		}
		return 0.6
	case rule.AtomNetwork:
		if bits := a.Network.Bits(); bits < 16 {
			return 0.3
		}
		return 0.02
	case rule.AtomPrefix:
		return [...]float64{1, 0.3, 0.15, 0.08, 0.04}[min(4, len(a.Value.Str()))]
	case rule.AtomContains:
		return 0.06
	}
	if a.Value.Kind() == engine.Bool {
		return 0.5
	}
	switch s.Name {
	case "event.dataset", "event.kind", "cloud.provider", "ci.provider":
		return 0.95
	case "event.outcome", "network.transport", "network.direction", "network.type", "cloud.region", "cloud.account.id":
		return 0.4
	case "event.provider", "cloud.service.name", "user.name", "destination.port", "secret.kind":
		return 0.05
	case "event.action":
		return 0.01
	}
	return 0.02
}

// route makes the searchable form.
func (b *builder) route() *route {
	r := &route{always: b.none}
	atoms := make([]rule.Atom, 0, len(b.filed))
	for a := range b.filed {
		atoms = append(atoms, a)
		r.eager = r.eager || b.late[a.Slot]
	}
	slices.SortFunc(atoms, func(x, y rule.Atom) int { return x.Slot - y.Slot })
	for len(atoms) > 0 {
		n := 1
		for n < len(atoms) && atoms[n].Slot == atoms[0].Slot {
			n++
		}
		b.slot(r, atoms[:n])
		atoms = atoms[n:]
	}
	return r
}

// slot files all atoms of one slot.
func (b *builder) slot(r *route, atoms []rule.Atom) {
	slot := atoms[0].Slot
	w, s, t, n := newWords(slot), starts{slot: slot}, newLiterals(slot), networks{slot: slot}
	for _, a := range atoms {
		probes := b.filed[a]
		switch a.Kind {
		case rule.AtomEqual:
			w.put(a.Value, probes)
		case rule.AtomPrefix:
			s.put(a.Value.Str(), probes)
		case rule.AtomContains:
			t.put(a.Value.Str(), a.Fold, probes)
		case rule.AtomNetwork:
			n.put(a.Network, probes)
		case rule.AtomPresent:
			r.there = append(r.there, presence{slot, probes})
		}
	}
	if w.size > 0 {
		r.words = append(r.words, w)
	}
	if n.byNet != nil {
		r.nets = append(r.nets, n)
	}
	if len(s.entries) > 0 {
		s.done()
		r.starts = append(r.starts, s)
	}
	if len(t.entries) > 0 {
		t.done()
		r.texts = append(r.texts, t)
	}
}
