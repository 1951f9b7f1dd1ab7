package incident

import (
	"cmp"
	"slices"
	"strings"

	"github.com/seed-843b225c/reflex/engine"
)

// member is what an incident keeps of an alert: enough to join it and to tell
// of it, no document and no evidence.
type member struct {
	id, rule   string
	start, end int64
	level      engine.Level
	keys       []string // strong entities that are not shared, packed
	links      []string // alerts that are steps of its chain
	told

	// Of a live incident only.
	strand *strand
	also   []string // alerts that were merged into it
	listed bool     // told of one by one; else it counts in incident.rest
}

// told is what an incident says of an alert. Of one that is not listed it is
// empty.
type told struct {
	title    string
	chain    bool // a sequence
	pages    bool // mode alert
	tags     []string
	runbook  []string
	entities []engine.Named
	moments  []moment
}

// moment is a line of the timeline, unless the incident has the alert that
// says the same.
type moment struct {
	engine.Moment
	of string // id of that alert, or ""
}

// shrink makes the small form of an alert. It shares lists that rules own, and
// nothing else.
func shrink(al *engine.Alert, o Options) *member {
	m := &member{id: al.ID, rule: al.Rule, start: al.Start, end: al.End, level: al.Level,
		told: told{title: strings.Clone(al.Title), chain: al.Kind == "sequence", pages: al.Mode == "alert",
			tags: al.Tags, runbook: al.Runbook, moments: moments(al)}}
	if len(m.runbook) == 0 {
		m.runbook = nil // the same after a restart
	}
	for _, en := range al.Entities {
		if en.Value.IsNil() {
			continue
		}
		en.Value = en.Value.Clone()
		m.entities = append(m.entities, en)
		if strong[en.Name] && (o.Shared == nil || !o.Shared(en)) {
			m.keys = addOnce(m.keys, packKey(en))
		}
	}
	for _, ev := range al.Evidence {
		if ev.Alert != "" && ev.Alert != al.ID {
			m.links = addOnce(m.links, strings.Clone(ev.Alert))
		}
	}
	return m
}

// packKey gives one text for equal entities, whichever fields they came from.
func packKey(en engine.Named) string {
	b := append(make([]byte, 0, 64), en.Name...)
	return string(en.Value.AppendBinary(append(b, 0)))
}

// addOnce appends texts that are not there yet; lists are short.
func addOnce(list []string, more ...string) []string {
	for _, s := range more {
		if !slices.Contains(list, s) {
			list = append(list, s)
		}
	}
	return list
}

func byStart(a, b *member) int {
	return cmp.Or(cmp.Compare(a.start, b.start), cmp.Compare(a.rule, b.rule), cmp.Compare(a.id, b.id))
}

// tells reports whether m tells the story better than b: the higher level,
// then a chain before its single steps, then the earlier one.
func tells(m, b *member) bool {
	chain := func(m *member) int {
		if m.chain {
			return 1
		}
		return 0
	}
	return cmp.Or(cmp.Compare(m.level, b.level), cmp.Compare(chain(m), chain(b)), byStart(b, m)) > 0
}
