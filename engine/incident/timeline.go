package incident

import (
	"cmp"
	"fmt"
	"slices"
	"strings"
	"time"

	"github.com/seed-843b225c/reflex/engine"
)

// timeline lists what happened in order: one line for each alert at its first
// point, and for each step of a chain that has no alert of its own in the
// component: its first event, and how often it happened until when. A chain
// itself gets its line where it was completed first. own says which alerts
// are in the component.
func timeline(part []*member, own func(alert string) bool) []engine.Moment {
	var out []engine.Moment
	for _, m := range part {
		for _, x := range m.moments {
			if x.of == "" || !own(x.of) {
				out = append(out, x.Moment)
			}
		}
	}
	slices.SortStableFunc(out, func(a, b engine.Moment) int {
		return cmp.Or(cmp.Compare(a.Time, b.Time), cmp.Compare(a.Level, b.Level), cmp.Compare(a.Rule, b.Rule), cmp.Compare(a.Alert, b.Alert), cmp.Compare(a.Event, b.Event))
	})
	return out
}

// moments gives an alert's lines: its own first, then those of a chain's steps.
func moments(al *engine.Alert) []moment {
	if al.Kind != "sequence" {
		return []moment{{Moment: point(al, al.Start)}}
	}
	out := []moment{{Moment: point(al, max(al.Start, al.Highest))}}
	for _, s := range steps(al) {
		first := al.Evidence[s.first]
		out = append(out, moment{of: strings.Clone(first.Alert), Moment: engine.Moment{
			Time: first.Time, Alert: al.ID, Rule: cmp.Or(first.Rule, al.Rule), Step: first.Step, Level: engine.Informational,
			Text: stepText(first, s, al.Evidence), Event: strings.Clone(first.ID), Origin: first.Origin.String()}})
	}
	return out
}

// step is what an alert's evidence says about one step: indices of its first
// and last event, and how many there are.
type step struct{ first, last, count int }

// steps gathers a chain's evidence by step. Evidence comes sorted by time.
func steps(al *engine.Alert) []step {
	var out []step
	index := map[string]int{}
	for i, ev := range al.Evidence {
		n, ok := index[ev.Step]
		if !ok {
			n = len(out)
			index[ev.Step] = n
			out = append(out, step{first: i})
		}
		if out[n].count == 0 || al.Evidence[out[n].last].ID != ev.ID {
			out[n].count++
		}
		out[n].last = i
	}
	return out
}

// point is the alert's own line, at the time of one of its points.
func point(al *engine.Alert, at int64) engine.Moment {
	m := engine.Moment{Time: at, Alert: al.ID, Rule: al.Rule, Level: al.Level, Text: strings.Clone(al.Title)}
	for _, ev := range al.Evidence {
		if ev.Time == at {
			m.Event, m.Origin = strings.Clone(ev.ID), ev.Origin.String()
			break
		}
	}
	return m
}

// A step's text names a few short fields; the rest is in the alert's evidence.
const (
	maxFields = 4
	maxValue  = 64 // bytes
)

// stepText says what a step saw, from the fields it kept.
func stepText(ev engine.Evidence, s step, all []engine.Evidence) string {
	b := []byte(ev.Step)
	shown := 0
	for _, f := range ev.Fields {
		text := f.Value.Text()
		if f.Value.IsNil() || len(text) > maxValue {
			continue
		}
		if shown == 0 {
			b = append(b, ": "...)
		} else {
			b = append(b, ", "...)
		}
		b = append(append(append(b, f.Name...), '='), text...)
		if shown++; shown == maxFields {
			break
		}
	}
	if s.count > 1 {
		b = fmt.Appendf(b, "; %d such events until %s", s.count, time.Unix(0, all[s.last].Time).UTC().Format("15:04:05"))
	}
	return string(b)
}
