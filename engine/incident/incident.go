// Package incident joins alerts into incidents: one story, told once. Nothing
// here has a clock, a goroutine or a log; a Group or a Live is for one
// goroutine at a time. The pipeline calls both:
//
//	Group  the incidents of a set of final alerts: replay, demo, rule tests
//	Live   the same, one alert transition after the other: the service
//
// # What belongs together
//
// Alerts that share a strong entity and whose spans are at most 24 h apart,
// and a chain with the alerts of its steps, however old. Alerts that entities
// join form a strand; no alert joins a strand when that would put more than 30
// days between its first and last start. Chains join incidents, not strands,
// so a chain never makes a strand older. Shadow alerts belong to none.
//
// # Where Live differs from Group
//
// Live says things before it knows all, and withdraws nothing:
//
//   - An incident has the identity of the alert with which it was opened; in
//     Group that of its first by start. Of two that become one, the one opened first stays.
//   - Where a strand reaches its 30 days, the order in which alerts became known
//     decides which of them are in. Below, components are those of Group.
//   - What was joined because of something said at once stays joined and keeps its level,
//     also when the final alert says less (an episode that was cut at 24 h).
//   - An alert that comes so late that its incident is final joins it only as part of a chain.
//   - Of a storm, 100 alerts are told one by one, the rest is counted. Group tells all.
package incident

import (
	"cmp"
	"slices"
	"time"

	"github.com/seed-843b225c/reflex/engine"
)

// The bounds of an incident.
const (
	near = int64(24 * time.Hour)      // alerts that share an entity join when their spans are at most this far apart
	life = int64(30 * 24 * time.Hour) // a strand takes no alert that starts later than this after its first
)

// Options decide which entities are strong enough to join alerts. The zero
// value works.
type Options struct {
	// Shared reports whether a value of a strong entity stands for many at
	// once (a session name like GitHubActions, a shared key) and so joins
	// nothing. It decides by the value alone, never by how many alerts have
	// it, so that more alerts only ever join. Nil: none is.
	Shared func(entity engine.Named) bool
	// Owner names who is responsible for an entity, "" when unknown. Nil: nobody is known.
	Owner func(entity engine.Named) string
	// Reach is how far back a chain finds the alerts of its steps: the longest
	// `within` of the loaded sequences. Live forgets final incidents that lie
	// further back. Zero: 30 days. Group does not need it.
	Reach time.Duration
}

// strong are the entity names whose equal values mean the same thing happened
// to the same thing: a key, a secret, a run.
var strong = map[string]bool{"key": true, "secret": true, "fingerprint": true, "run": true, "runner": true, "principal": true}

// Group gives the incidents of a set of alerts, most severe first, then by
// start. It does not look at the order in which they come. The alerts are not
// changed.
func Group(alerts []*engine.Alert, o Options) []*engine.Incident {
	list := make([]*member, 0, len(alerts))
	for _, al := range alerts {
		if al.Mode != "shadow" {
			list = append(list, shrink(al, o))
		}
	}
	slices.SortFunc(list, byStart)
	byID := make(map[string]int, len(list))
	for i, m := range list {
		byID[m.id] = i
	}
	sets := newUnion(len(list))
	joinEntities(list, sets) // first: a chain may reach back further than a strand's life
	joinChains(list, byID, sets)
	parts := map[int][]*member{}
	for i, m := range list {
		root := sets.find(i)
		parts[root] = append(parts[root], m)
	}
	out := make([]*engine.Incident, 0, len(parts))
	for root, part := range parts {
		own := func(id string) bool { i, ok := byID[id]; return ok && sets.find(i) == root }
		in := build(part, &tally{}, own, o)
		in.ID = identity(part[0].id)
		out = append(out, in)
	}
	slices.SortFunc(out, func(a, b *engine.Incident) int {
		return cmp.Or(cmp.Compare(b.Level, a.Level), cmp.Compare(a.Start, b.Start), cmp.Compare(a.ID, b.ID))
	})
	return out
}

// joinChains joins an alert with the alerts that are steps of its chain, of any age.
func joinChains(list []*member, byID map[string]int, sets union) {
	for i, m := range list {
		for _, link := range m.links {
			if j, ok := byID[link]; ok {
				sets.join(i, j)
			}
		}
	}
}

// joinEntities joins alerts that share a strong entity and whose spans are
// near. Alerts come sorted by start, so for one value it is enough to compare
// with the latest end seen: the spans between two near ones only reach further.
func joinEntities(list []*member, sets union) {
	type last struct {
		end   int64
		index int
	}
	seen := map[string]last{}
	for i, m := range list {
		for _, key := range m.keys {
			l, ok := seen[key]
			switch {
			case ok && m.start-l.end <= near && m.start-list[sets.find(l.index)].start <= life:
				sets.join(i, l.index)
				if m.end > l.end {
					l.end, l.index = m.end, i
				}
				seen[key] = l
			default:
				seen[key] = last{m.end, i}
			}
		}
	}
}
