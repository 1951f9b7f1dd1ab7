package decode

import (
	"fmt"
	"sort"
	"strings"
	"testing"

	"github.com/seed-843b225c/reflex/engine"
)

// textLog collects what a build log gives, as readable lines.
type textLog struct {
	t       testing.TB
	events  []string
	ids     map[string]bool
	refused []string
	skipped int
}

func (l *textLog) Event(ev *engine.Event) {
	fields := map[string]string{}
	for _, f := range ev.All {
		if _, twice := fields[f.Field.Name()]; twice {
			l.t.Errorf("%s: field %s is set twice", ev.Derived, f.Field.Name())
		}
		fields[f.Field.Name()] = f.Value.Text()
	}
	var names []string
	for n := range fields {
		if n != "message" && n != "event.category" && n != "event.type" {
			names = append(names, n)
		}
	}
	sort.Strings(names)
	s := ev.Derived + " " + ev.When().Format("15:04:05.999999999")
	for _, n := range names {
		s += " " + n + "=" + fields[n]
	}
	if l.ids[ev.ID] {
		l.t.Errorf("id %s came twice: %s", ev.ID, s)
	}
	l.ids[ev.ID] = true
	l.events = append(l.events, s)
}
func (l *textLog) Refuse(r engine.Refusal)          { l.refused = append(l.refused, r.Reason) }
func (l *textLog) Skip(o engine.Origin, why string) { l.skipped++ }

// has fails unless an event holds all the words, and gives its number.
func (l *textLog) has(words ...string) int {
	l.t.Helper()
next:
	for i, e := range l.events {
		for _, w := range words {
			if !strings.Contains(e+" ", w+" ") {
				continue next
			}
		}
		return i
	}
	l.t.Errorf("no event with %q in:\n%s", words, strings.Join(l.events, "\n"))
	return -1
}

// kinds counts the events of a kind.
func (l *textLog) kinds(kind string) (n int) {
	for _, e := range l.events {
		if strings.HasPrefix(e, kind+" ") {
			n++
		}
	}
	return n
}

// readText decodes a log as a file of the given name, line by line.
func readText(t testing.TB, file, text string) *textLog {
	t.Helper()
	l := &textLog{t: t, ids: map[string]bool{}}
	p, err := NewPlan(engine.NewLayout(), Options{})
	if err != nil {
		t.Fatal(err)
	}
	d := newTextDecoder(p)
	out := &emitter{plan: p, h: l}
	c := context{file: file, stream: true}
	c.origin = engine.Origin{Source: file, Partition: -1}
	for i, line := range strings.Split(strings.TrimSuffix(text, "\n"), "\n") {
		c.origin.Line = int64(i + 1)
		d.line([]byte(strings.TrimSuffix(line, "\r")), &c, out)
	}
	d.end(&c, out)
	return l
}

// stamped puts an Actions stamp before each line, a second apart.
func stamped(lines ...string) string {
	var b strings.Builder
	for i, l := range lines {
		fmt.Fprintf(&b, "2026-03-02T10:%02d:%02d.1234567Z %s\n", i/60, i%60, l)
	}
	return b.String()
}
