package correlate

import (
	"fmt"
	"strings"

	"github.com/seed-843b225c/reflex/engine"
	"github.com/seed-843b225c/reflex/engine/rule"
	"github.com/seed-843b225c/reflex/engine/window"
)

// This file is what stored state needs to know of a rule: whether it is still
// the same, and how far back a point looks.

// stamps gives every rule the stamps of what its state depends on. Lists and
// exceptions are no part of it: they are judged at event time, and an edit of a
// list must not forget what a rule has seen for weeks.
func (p *plan) stamps() {
	for _, i := range p.order {
		r := p.rules[i]
		var reads []string
		for _, d := range engine.Datasets() {
			if r.reads.Has(d) {
				reads = append(reads, d.String())
			}
		}
		r.own = digest(fmt.Sprint(r.ID, r.Text, r.Mode, r.Kind, r.off, r.Alert.Within, r.tolerance, r.delay, r.held, reads))
		parts := []string{r.own}
		for _, b := range r.bases {
			parts = append(parts, p.rules[b].stamp)
		}
		r.stamp = digest(strings.Join(parts, " "))
		r.back = r.reach()
	}
}

func digest(s string) string {
	k := window.Hash(2, []byte(s))
	return fmt.Sprintf("%016x%016x", k.Hi, k.Lo)
}

// reach is how much older than a point an event can be that decides anything
// about it, ns. It may be too much, which costs space, and never too little.
func (r *rulePlan) reach() int64 {
	switch r.Kind {
	case rule.Count:
		if r.Count.Sum >= 0 {
			return r.Count.Within + 2*max(r.Count.Bucket, 1)
		}
		return r.Count.Within + 1
	case rule.Sequence:
		within := r.Sequence.Within
		for _, st := range r.Sequence.Steps {
			within = max(within, r.Sequence.Within+st.Within)
		}
		// A chain's events may stand tolerances apart in the wrong order.
		return within + 2*r.delay + 3*r.tolerance*int64(len(r.Sequence.Steps)+2)
	}
	return 0 // match; first_seen keeps its tables
}
