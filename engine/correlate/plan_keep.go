package correlate

import (
	"slices"

	"github.com/seed-843b225c/reflex/engine/rule"
)

// keeps works out which slots are kept of which events: what the compiler
// says, and all that this package reads by itself.
func (p *plan) keeps() {
	for i := range p.order {
		r := p.rules[p.order[len(p.order)-1-i]] // takers before givers
		p.keepOwn(r)
		s := r.Sequence
		if s == nil {
			continue
		}
		for i, st := range s.Steps {
			for _, b := range st.Rules {
				base := p.rules[b]
				base.keep = union(base.keep, r.stepKeep[i])
				for _, f := range base.Feeds {
					if f.Rule == r.Index && f.Step == i {
						for _, x := range f.Except {
							base.keep = union(base.keep, condSlots(x.Cond))
						}
					}
				}
			}
		}
	}
}

func (p *plan) keepOwn(r *rulePlan) {
	own := r.Keep
	var refs []rule.Ref
	for _, n := range r.Alert.Entities {
		refs = append(refs, n.Ref)
	}
	for _, n := range r.Alert.Show {
		refs = append(refs, n.Ref)
	}
	refs = append(refs, r.Alert.DedupBy...)
	if r.Alert.Title != nil {
		for _, part := range r.Alert.Title.Parts {
			if part.Ref != nil {
				refs = append(refs, *part.Ref)
			}
		}
	}
	for _, lw := range r.LevelWhen {
		own = union(own, condSlots(lw.If))
	}
	own = union(own, slotsOf(refs, -1))
	shown := slotsOf(refs, -1)
	switch r.Kind {
	case rule.Count:
		extra := []int{r.Count.Distinct, r.Count.Sum}
		own = union(union(own, r.Count.By), extra)
		shown = union(union(shown, r.Count.By), extra)
	case rule.FirstSeen:
		own = union(union(own, r.First.By), r.First.Value)
		shown = union(union(shown, r.First.By), r.First.Value)
	case rule.Sequence:
		for i, st := range r.Sequence.Steps {
			k := union(st.Keep, slotsOf(refs, i))
			for _, by := range st.By {
				k = union(k, []int{by.Slot})
			}
			sh := union(k, nil)
			if st.Differs != nil {
				k = union(k, st.Differs.Slots)
			}
			for _, other := range r.Sequence.Steps {
				if other.Differs != nil && other.Differs.From == i {
					k = union(k, other.Differs.Slots)
				}
			}
			if slices.Contains(r.ends, i) || !r.Sequence.Ordered {
				k = union(k, union(own, r.keep)) // may be the completing event
				sh = union(sh, shown)
			}
			r.stepKeep[i] = union(r.stepKeep[i], k)
			r.shown = append(r.shown, sh)
		}
		return
	}
	r.keep = union(r.keep, own)
	r.shown = [][]int{shown}
}

// slotsOf gives the slots that references to one step read; -1: the point's
// own event.
func slotsOf(refs []rule.Ref, step int) []int {
	var out []int
	for _, r := range refs {
		if r.Step == step && r.Meta == "" && r.Slot >= 0 && r.Key < 0 {
			out = append(out, r.Slot)
		}
	}
	return union(out, nil)
}

// union gives the sorted union of two sets of slots without -1.
func union(a, b []int) []int {
	out := slices.Concat(a, b)
	slices.Sort(out)
	out = slices.Compact(out)
	for len(out) > 0 && out[0] < 0 {
		out = out[1:]
	}
	return out
}

// condSlots gives the slots a condition reads.
func condSlots(c *rule.Cond) []int {
	if c == nil {
		return nil
	}
	return c.Fields()
}
