package incident

import (
	"crypto/sha256"
	"encoding/hex"
	"fmt"
	"maps"
	"slices"

	"github.com/seed-843b225c/reflex/engine"
)

// build tells the story of one component: members, at least one, sorted by
// start, and what others, not told of one by one, add up to. The id is the
// caller's to set.
func build(part []*member, others *tally, own func(alert string) bool, o Options) *engine.Incident {
	sum := tally{}
	sum.entities.limit = others.entities.limit
	lead := part[0]
	for _, m := range part {
		sum.add(m)
		if tells(m, lead) {
			lead = m
		}
	}
	sum.merge(others)
	in := &engine.Incident{State: "open", Mode: "signal", Start: sum.start, End: sum.end, Count: len(part),
		Level: lead.level, Title: lead.title, Runbook: lead.runbook, Rules: slices.Sorted(maps.Keys(sum.risk)),
		Tags: slices.Sorted(maps.Keys(sum.tags)), Entities: sum.entities.list, Timeline: timeline(part, own)}
	if sum.pages {
		in.Mode = "alert"
	}
	for _, m := range part {
		in.Alerts = append(in.Alerts, m.id)
	}
	for _, r := range sum.risk {
		in.Risk = min(100, in.Risk+r)
	}
	if sum.entities.cut {
		in.Incomplete = fmt.Sprintf("of one kind of entity at most %d values are listed", sum.entities.limit)
	}
	if len(in.Runbook) > 0 {
		in.First = in.Runbook[0]
	}
	for _, en := range in.Entities {
		if o.Owner != nil && in.Owner == "" {
			in.Owner = o.Owner(en)
		}
	}
	return in
}

// identity is the id of an incident that begins with an alert. It follows from
// that alert alone, so it stays while later alerts join.
func identity(alert string) string {
	sum := sha256.Sum256([]byte("incident\x00" + alert))
	return hex.EncodeToString(sum[:8])
}

// tally is what alerts add up to, in whatever order they come. The zero tally
// is of none.
type tally struct {
	start, end int64
	pages      bool
	risk       map[string]int // the highest of each rule
	tags       map[string]bool
	entities   entities
}

func (t *tally) add(m *member) {
	t.widen(m.start, m.end)
	t.pages = t.pages || m.pages
	t.risk[m.rule] = max(t.risk[m.rule], m.level.Risk())
	for _, tag := range m.tags {
		t.tags[tag] = true
	}
	for _, en := range m.entities {
		t.entities.add(en)
	}
}

func (t *tally) merge(more *tally) {
	if more.risk == nil {
		return
	}
	t.widen(more.start, more.end)
	t.pages = t.pages || more.pages
	for rule, risk := range more.risk {
		t.risk[rule] = max(t.risk[rule], risk)
	}
	maps.Copy(t.tags, more.tags)
	for _, en := range more.entities.list {
		t.entities.add(en)
	}
	t.entities.cut = t.entities.cut || more.entities.cut
}

// widen takes a span in; the first makes the maps.
func (t *tally) widen(start, end int64) {
	if t.risk == nil {
		t.risk, t.tags = map[string]int{}, map[string]bool{}
		t.start, t.end = start, end
	}
	t.start, t.end = min(t.start, start), max(t.end, end)
}

// entities is a list without repetition that keeps the order of arrival. With
// a limit it holds so many of each name; cut says that there were more.
type entities struct {
	list  []engine.Named
	limit int
	cut   bool
	have  map[engine.Named]bool // made when the list is long
}

// Up to so many entities, looking through them is quicker than a map.
const fewEntities = 16

// add takes one more.
func (e *entities) add(en engine.Named) {
	bare := engine.Named{Name: en.Name, Value: en.Value}
	if e.have == nil {
		for _, h := range e.list {
			if h.Name == en.Name && h.Value == en.Value {
				return
			}
		}
	} else if e.have[bare] {
		return
	}
	if e.limit > 0 && e.named(en.Name) >= e.limit {
		e.cut = true
		return
	}
	e.list = append(e.list, en)
	if e.have != nil {
		e.have[bare] = true
	} else if len(e.list) > fewEntities {
		e.have = make(map[engine.Named]bool, 4*fewEntities)
		for _, h := range e.list {
			e.have[engine.Named{Name: h.Name, Value: h.Value}] = true
		}
	}
}

// named counts the values of a name.
func (e *entities) named(name string) (n int) {
	for _, h := range e.list {
		if h.Name == name {
			n++
		}
	}
	return n
}

// distinct gives a list without repetition.
func distinct(list []engine.Named) []engine.Named {
	var e entities
	for _, en := range list {
		e.add(en)
	}
	return e.list
}
