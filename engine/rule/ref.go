package rule

import (
	"fmt"
	"slices"
	"strings"

	"github.com/seed-843b225c/reflex/engine"
)

// refs resolves the references of one rule: a field, <step>.<field>,
// key.<name>, count, measure.
type refs struct {
	rule   *Rule
	layout *engine.Layout
	keys   []string // of a sequence
}

func (x *refs) resolve(name string) (Ref, string, string) {
	r := Ref{Name: name, Step: -1, Slot: -1, Key: -1}
	switch {
	case name == "count":
		r.Meta = name
		return r, "", ""
	case name == "measure":
		if x.rule.Kind != Count {
			return r, "measure is what a count measures", ""
		}
		r.Meta = name
		return r, "", ""
	}
	if s := x.rule.Sequence; s != nil {
		word, rest, dotted := strings.Cut(name, ".")
		if word == "key" && dotted {
			if r.Key = slices.Index(x.keys, rest); r.Key < 0 {
				return r, fmt.Sprintf("no key is called %s", rest), didYouMean(rest, x.keys)
			}
			return r, "", ""
		}
		if i := s.step(word); i >= 0 && dotted {
			if s.Steps[i].Negated {
				return r, fmt.Sprintf("step %s must not happen: it has no event", word), ""
			}
			r.Step, name = i, rest
		} else if dotted && !fieldRoots[word] {
			return r, fmt.Sprintf("%q is neither a field nor a step's", name), didYouMean(name, append(fieldNames(), x.candidates(rest)...))
		}
	} else if strings.HasPrefix(name, "key.") {
		return r, "only a sequence has keys with names", ""
	}
	if m := fieldMistake(name); m != "" {
		return r, m, didYouMean(name, append(fieldNames(), "count", "measure"))
	}
	r.Slot, _ = x.layout.Demand(name)
	return r, "", ""
}

// candidates gives <step>.<rest> for every step.
func (x *refs) candidates(rest string) []string {
	var out []string
	for _, id := range x.rule.Sequence.stepIDs() {
		out = append(out, id+"."+rest)
	}
	return out
}
