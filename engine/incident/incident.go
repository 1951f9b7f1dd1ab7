// Package incident joins alerts into incidents: one story, told once.
//
// Group is a pure function of a set of alerts. It does not look at the order
// in which they were found, so the same alerts give the same incidents
// whichever way the logs arrived. Callers: pipeline, with final alerts.
package incident

import (
	"cmp"
	"crypto/sha256"
	"encoding/hex"
	"slices"
	"time"

	"github.com/seed-843b225c/reflex/engine"
)

// The bounds of an incident (DESIGN 6).
const (
	near = int64(24 * time.Hour)      // alerts that share an entity join when their spans are at most this far apart
	life = int64(30 * 24 * time.Hour) // an incident takes no alert that starts later than this after its first, chain steps apart
)

// Options decide which entities are strong enough to join alerts.
type Options struct {
	// Shared reports whether a value of a strong entity stands for many at
	// once (a session name like GitHubActions, a shared key) and so joins
	// nothing. It decides by the value alone, never by how many alerts have
	// it, so that more alerts only ever join. Nil: none is.
	Shared func(entity engine.Named) bool
	// Owner names who is responsible for an entity, "" when unknown. Nil: nobody is known.
	Owner func(entity engine.Named) string
}

// strong are the entity names whose equal values mean the same thing happened
// to the same thing: a key, a secret, a run.
var strong = map[string]bool{"key": true, "secret": true, "fingerprint": true, "run": true, "runner": true, "principal": true}

// Group gives the incidents of a set of alerts, most severe first, then by
// start. Shadow alerts belong to no incident. The alerts are not changed.
func Group(alerts []*engine.Alert, o Options) []*engine.Incident {
	list := make([]*engine.Alert, 0, len(alerts))
	for _, al := range alerts {
		if al.Mode != "shadow" {
			list = append(list, al)
		}
	}
	slices.SortFunc(list, byStart)
	sets := newUnion(len(list))
	joinEntities(list, sets, o) // first: a chain may reach back further than an incident's life
	joinChains(list, sets)
	parts := map[int][]*engine.Alert{}
	for i, al := range list {
		root := sets.find(i)
		parts[root] = append(parts[root], al)
	}
	out := make([]*engine.Incident, 0, len(parts))
	for _, part := range parts {
		out = append(out, build(part, o))
	}
	slices.SortFunc(out, func(a, b *engine.Incident) int {
		return cmp.Or(cmp.Compare(b.Level, a.Level), cmp.Compare(a.Start, b.Start), cmp.Compare(a.ID, b.ID))
	})
	return out
}

func byStart(a, b *engine.Alert) int {
	return cmp.Or(cmp.Compare(a.Start, b.Start), cmp.Compare(a.Rule, b.Rule), cmp.Compare(a.ID, b.ID))
}

// joinChains joins an alert with the alerts that are steps of its chain, of any age.
func joinChains(list []*engine.Alert, sets union) {
	byID := make(map[string]int, len(list))
	for i, al := range list {
		byID[al.ID] = i
	}
	for i, al := range list {
		for _, ev := range al.Evidence {
			if j, ok := byID[ev.Alert]; ok && ev.Alert != "" {
				sets.join(i, j)
			}
		}
	}
}

// joinEntities joins alerts that share a strong entity and whose spans are
// near. Alerts come sorted by start, so for one value it is enough to compare
// with the latest end seen: the spans between two near ones only reach further.
func joinEntities(list []*engine.Alert, sets union, o Options) {
	type last struct {
		end   int64
		index int
	}
	seen := map[engine.Named]last{}
	for i, al := range list {
		for _, en := range al.Entities {
			if !strong[en.Name] || en.Value.IsNil() || o.Shared != nil && o.Shared(en) {
				continue
			}
			id := engine.Named{Name: en.Name, Value: en.Value}
			l, ok := seen[id]
			switch {
			case ok && al.Start-l.end <= near && al.Start-list[sets.find(l.index)].Start <= life:
				sets.join(i, l.index)
				if al.End > l.end {
					l.end, l.index = al.End, i
				}
				seen[id] = l
			default:
				seen[id] = last{al.End, i}
			}
		}
	}
}

// build tells the story of one component. The alerts come sorted by start.
func build(part []*engine.Alert, o Options) *engine.Incident {
	in := &engine.Incident{State: "open", Start: part[0].Start, ID: identity(part[0])}
	risk := map[string]int{}
	rules := map[string]bool{}
	tags := map[string]bool{}
	lead := part[0]
	for _, al := range part {
		in.Alerts = append(in.Alerts, al.ID)
		in.End = max(in.End, al.End)
		rules[al.Rule] = true
		for _, tag := range al.Tags {
			tags[tag] = true
		}
		risk[al.Rule] = max(risk[al.Rule], al.Level.Risk())
		if tells(al, lead) {
			lead = al
		}
		in.Entities = addEntities(in.Entities, al.Entities)
	}
	for _, r := range risk {
		in.Risk = min(100, in.Risk+r)
	}
	in.Level, in.Title, in.Runbook = lead.Level, lead.Title, lead.Runbook
	if len(in.Runbook) > 0 {
		in.First = in.Runbook[0]
	}
	in.Rules, in.Tags = sorted(rules), sorted(tags)
	for _, en := range in.Entities {
		if o.Owner != nil && in.Owner == "" {
			in.Owner = o.Owner(en)
		}
	}
	in.Timeline = timeline(part)
	return in
}

// tells reports whether al tells the story better than b: the higher level,
// then a chain before its single steps, then the earlier one.
func tells(al, b *engine.Alert) bool {
	chain := func(a *engine.Alert) int {
		if a.Kind == "sequence" {
			return 1
		}
		return 0
	}
	return cmp.Or(cmp.Compare(al.Level, b.Level), cmp.Compare(chain(al), chain(b)), byStart(b, al)) > 0
}

// identity is the incident's id: it follows from its first alert alone, so it
// stays while later alerts join.
func identity(first *engine.Alert) string {
	sum := sha256.Sum256([]byte("incident\x00" + first.ID))
	return hex.EncodeToString(sum[:8])
}

func addEntities(have, more []engine.Named) []engine.Named {
	for _, en := range more {
		if en.Value.IsNil() {
			continue
		}
		if !slices.ContainsFunc(have, func(h engine.Named) bool { return h.Name == en.Name && h.Value == en.Value }) {
			have = append(have, en)
		}
	}
	return have
}

func sorted(set map[string]bool) []string {
	out := make([]string, 0, len(set))
	for s := range set {
		out = append(out, s)
	}
	slices.Sort(out)
	return out
}
