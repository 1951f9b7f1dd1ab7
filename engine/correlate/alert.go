package correlate

import (
	"crypto/sha256"
	"encoding/binary"
	"encoding/hex"
	"math"
	"slices"
	"strings"

	"github.com/seed-843b225c/reflex/engine"
	"github.com/seed-843b225c/reflex/engine/rule"
	"github.com/seed-843b225c/reflex/engine/window"
)

// Bounds of what an alert carries.
const (
	evidenceEnds = 20 // events of evidence at either end
	entityMost   = 64 // values of one entity name; more are not added
)

// episodeMost is the longest episode, ns: then it is cut.
const episodeMost = int64(24 * 3600 * 1e9)

// summary is what an episode comes to: all an alert is built from.
type summary struct {
	rule       *rulePlan
	dedup      window.Key
	start, end int64 // first and last point
	count      int64
	level      engine.Level
	measure    float64
	events     int64  // distinct (event, step) that made the points
	evidence   []made // the first and the last of them, in order
	earliest   *point
	top        *point // first point of the highest level: names the alert
	entities   []engine.Named
	document   []byte
	final      bool
	id         string // given earlier, else from the earliest point
	incomplete string
}

// compareMade is the order of evidence.
func compareMade(a, b made) int {
	if c := a.ev.Compare(b.ev); c != 0 {
		return c
	}
	return a.step - b.step
}

// identity is hash(rule, dedup key, first point).
func identity(r *rulePlan, dedup window.Key, first *window.Event) string {
	h := sha256.New()
	h.Write([]byte(r.ID))
	var b [17]byte
	binary.BigEndian.PutUint64(b[1:], dedup.Hi)
	binary.BigEndian.PutUint64(b[9:], dedup.Lo)
	h.Write(b[:])
	h.Write([]byte(first.Dataset().String()))
	h.Write([]byte{0})
	h.Write([]byte(first.ID()))
	return hex.EncodeToString(h.Sum(nil)[:16])
}

// hexKey writes a key as 32 hex digits.
func hexKey(k window.Key) string { return hex.EncodeToString(appendKey(nil, k)) }

// alerts makes alerts of summaries.
type alerts struct {
	*judge
	redact  func(string) string
	sources *window.Sources
}

// build makes the alert of a summary.
func (a *alerts) build(s *summary) *engine.Alert {
	r := s.rule
	al := &engine.Alert{
		ID:          s.id,
		Rule:        r.ID,
		RuleVersion: r.Version,
		Level:       s.level,
		Mode:        r.Mode.String(),
		Kind:        r.Kind.String(),
		Start:       s.start,
		End:         s.end,
		Count:       s.count,
		Measure:     s.measure,
		Events:      s.events,
		Document:    s.document,
		Earliest:    s.earliest.ev.Hash,
		Highest:     s.top.ev.Time,
		Final:       s.final,
		Incomplete:  s.incomplete,
		Dedup:       hexKey(s.dedup),
	}
	if al.ID == "" {
		al.ID = identity(r, s.dedup, s.earliest.ev)
	}
	for _, ref := range r.Alert.DedupBy {
		al.Key = append(al.Key, a.named(r, ref.Name, ref, s.earliest.asKeyed(), entityBytes))
	}
	for _, n := range r.Alert.Show {
		if v := a.named(r, n.Name, n.Ref, s.top, shownBytes); !v.Value.IsNil() {
			al.Show = append(al.Show, v)
		}
	}
	al.Entities = s.entities
	al.Title = a.clean(a.title(s, al))
	describe(al, r.Source)
	for _, m := range s.evidence {
		al.Evidence = append(al.Evidence, a.evidence(r, m))
	}
	return al
}

// evidence reduces an event to what an alert shows of it.
func (a *alerts) evidence(r *rulePlan, m made) engine.Evidence {
	e := engine.Evidence{
		Time:    m.ev.Time,
		ID:      shortenText(m.ev.ID(), entityBytes),
		Dataset: m.ev.Dataset(),
		Origin:  m.ev.Origin(a.sources),
	}
	shown := r.shown[0]
	if r.Kind == rule.Sequence {
		shown = r.shown[m.step]
		e.Step = r.Sequence.Steps[m.step].ID
		if m.rule >= 0 {
			e.Rule = a.plan.rules[m.rule].ID
			e.Alert = m.alert
		}
	}
	slots := a.plan.set.Layout.Slots()
	m.ev.Each(func(slot int, v engine.Value) bool {
		if _, ok := slices.BinarySearch(shown, slot); ok {
			name := slots[slot].Name
			e.Fields = append(e.Fields, engine.Named{Name: name, Field: name, Value: shorten(a.redacted(v), shownBytes)})
		}
		return true
	})
	return e
}

// named reads a reference at a point; a longer value than most bytes is cut.
func (a *alerts) named(r *rulePlan, name string, ref rule.Ref, p *point, most int) engine.Named {
	n := engine.Named{Name: name, Value: shorten(a.redacted(a.value(r, ref, p)), most)}
	switch {
	case ref.Key >= 0 && ref.Meta == "" && r.Sequence != nil:
		n.Field = "key." + r.Sequence.Keys[ref.Key]
	case ref.Slot >= 0 && ref.Meta == "":
		n.Field = a.plan.set.Layout.Slots()[ref.Slot].Name
	}
	return n
}

// grow adds the entities of a point to those of its episode.
func (a *alerts) grow(r *rulePlan, have []engine.Named, p *point) []engine.Named {
	for _, ent := range r.Alert.Entities {
		n := a.named(r, ent.Name, ent.Ref, p, math.MaxInt)
		if n.Value.IsNil() {
			continue
		}
		if n.Value.Kind() == engine.List { // each element is an entity
			n.Value.Each(func(s string) bool {
				have = addEntity(have, engine.Named{Name: n.Name, Field: n.Field, Value: engine.String(shortenText(s, entityBytes))})
				return true
			})
			continue
		}
		n.Value = shorten(n.Value, entityBytes)
		have = addEntity(have, n)
	}
	return have
}

func addEntity(have []engine.Named, n engine.Named) []engine.Named {
	same := 0
	for _, h := range have {
		if h.Name == n.Name {
			if h.Value == n.Value {
				return have
			}
			same++
		}
	}
	if same >= entityMost {
		return have
	}
	return append(have, n)
}

// title fills the template in; what is missing reads "unknown".
func (a *alerts) title(s *summary, al *engine.Alert) string {
	if r := s.rule; r.Kind == rule.Sequence && s.top.end != r.need[len(r.need)-1] {
		return underWay(s, al)
	}
	t := s.rule.Alert.Title
	if t == nil {
		return s.rule.Title
	}
	return t.Render(func(ref rule.Ref) engine.Value {
		switch ref.Meta {
		case "count":
			return engine.Int(al.Count)
		case "measure":
			return engine.Float(al.Measure)
		}
		return a.redacted(a.value(s.rule, ref, s.top)) // before the template cuts it
	})
}

// underWay is the title of a chain that has reached a level and is not complete:
// the rule's template would tell steps that nobody has seen.
func underWay(s *summary, al *engine.Alert) string {
	var steps, keys []string
	for _, i := range s.rule.need {
		if i <= s.top.end {
			steps = append(steps, s.rule.Sequence.Steps[i].ID)
		}
	}
	for _, k := range al.Key {
		if !k.Value.IsNil() {
			keys = append(keys, strings.TrimPrefix(k.Name, "key.")+" "+shortenText(k.Value.Text(), 2*cutBytes))
		}
	}
	out := "Under way: " + s.rule.Title + "; so far " + strings.Join(steps, ", ")
	if keys != nil {
		out += " (" + strings.Join(keys, ", ") + ")"
	}
	return out
}

func (a *alerts) clean(s string) string {
	if a.redact == nil {
		return s
	}
	return a.redact(s)
}

func (a *alerts) redacted(v engine.Value) engine.Value { return redacted(a.redact, v) }

// redacted overwrites secrets in text and lists.
func redacted(f func(string) string, v engine.Value) engine.Value {
	if f == nil {
		return v
	}
	switch v.Kind() {
	case engine.Keyword:
		if s := f(v.Str()); s != v.Str() {
			return engine.String(s)
		}
	case engine.List:
		list := v.Elements()
		changed := false
		for i, s := range list {
			list[i] = f(s)
			changed = changed || list[i] != s
		}
		if changed {
			return engine.Strings(list...)
		}
	}
	return v
}

// describe copies what the analyst wrote.
func describe(al *engine.Alert, src *rule.Rule) {
	if src == nil {
		return
	}
	al.Name, al.Description = src.Title, strings.TrimSpace(src.Description)
	al.Tags, al.Runbook = src.Tags, src.Runbook
}
