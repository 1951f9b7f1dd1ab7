package slack

import (
	"strings"

	"github.com/seed-843b225c/reflex/engine"
)

// renderNews gives a reply that tells what an incident has that people were not
// told, empty when there is nothing; loud when the channel should see it too.
func renderNews(t *engine.Transition, known told) (m Message, loud bool) {
	in := t.Incident
	var out []string
	if in.Level > known.Level {
		loud = true
		out = append(out, mark(in.Level)+" *Raised to "+strings.ToUpper(in.Level.String())+"*: "+prose(in.Title, firstSize))
	}
	if t.Change == engine.Merged && in.Into != "" {
		out = append(out, "*Merged* into incident "+code(in.Into, maxValue)+": go on there.")
	}
	have := map[string]bool{}
	for _, k := range known.Steps {
		have[k] = true
	}
	var fresh []engine.Moment
	for _, mo := range in.Timeline {
		if !have[kind(mo)] {
			fresh = append(fresh, mo)
		}
	}
	if len(fresh) > 0 {
		out = append(out, "*New*")
		out = append(out, lines(fresh, rowSize, timelineRows, timelineSize)...)
	}
	if len(out) == 0 {
		return Message{}, false
	}
	m.section(strings.Join(out, "\n"))
	m.Text = strings.Join(out, "\n")
	return m, loud
}

// renderMoved is what stays in a channel that a raised level took an incident out of.
func renderMoved(in *engine.Incident, to string) Message {
	text := mark(in.Level) + " *" + strings.ToUpper(in.Level.String()) + "* · " + prose(in.Title, firstSize) +
		"\nRaised: incident " + code(in.ID, maxValue) + " goes on in <#" + to + ">."
	m := Message{Text: text}
	m.section(text)
	return m
}
