package incident

import (
	"cmp"
	"slices"

	"github.com/seed-843b225c/reflex/engine"
)

// timeline lists what happened in order: one line for each alert at its first
// point, and for each step of a chain that has no alert of its own in the
// component. A chain itself gets its line at its completing step.
func timeline(part []*engine.Alert) []engine.Moment {
	own := map[string]bool{}
	for _, al := range part {
		own[al.ID] = true
	}
	var out []engine.Moment
	told := map[string]bool{} // events of steps already told
	for _, al := range part {
		if al.Kind != "sequence" {
			out = append(out, moment(al, al.Start))
			continue
		}
		out = append(out, moment(al, al.End))
		for _, ev := range al.Evidence {
			if own[ev.Alert] || told[ev.ID+ev.Step] {
				continue
			}
			told[ev.ID+ev.Step] = true
			out = append(out, engine.Moment{Time: ev.Time, Alert: al.ID, Rule: cmp.Or(ev.Rule, al.Rule), Step: ev.Step,
				Level: engine.Informational, Text: stepText(ev), Event: ev.ID, Origin: ev.Origin.String()})
		}
	}
	slices.SortStableFunc(out, func(a, b engine.Moment) int {
		return cmp.Or(cmp.Compare(a.Time, b.Time), cmp.Compare(a.Level, b.Level), cmp.Compare(a.Rule, b.Rule), cmp.Compare(a.Alert, b.Alert), cmp.Compare(a.Event, b.Event))
	})
	return out
}

func moment(al *engine.Alert, at int64) engine.Moment {
	m := engine.Moment{Time: at, Alert: al.ID, Rule: al.Rule, Level: al.Level, Text: al.Title}
	for _, ev := range al.Evidence {
		if ev.Time == at {
			m.Event, m.Origin = ev.ID, ev.Origin.String()
			break
		}
	}
	return m
}

// stepText says what a step saw, from the fields it kept.
func stepText(ev engine.Evidence) string {
	b := []byte(ev.Step)
	for i, f := range ev.Fields {
		if f.Value.IsNil() {
			continue
		}
		if i == 0 {
			b = append(b, ": "...)
		} else {
			b = append(b, ", "...)
		}
		b = append(append(b, f.Name...), '=')
		b = f.Value.AppendText(b)
	}
	return string(b)
}
