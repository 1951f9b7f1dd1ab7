package incident

import (
	"cmp"
	"fmt"
	"math/rand"
	"reflect"
	"slices"
	"strings"
	"testing"

	"github.com/seed-843b225c/reflex/engine"
)

const day = 24 * hour

// listener believes what transitions say, and checks that they may.
type listener struct {
	t    *testing.T
	last map[string]engine.Transition
}

func (l *listener) hear(ts ...engine.Transition) {
	l.t.Helper()
	for _, t := range ts {
		in := t.Incident
		old, known := l.last[in.ID]
		switch {
		case t.Number != old.Number+1:
			l.t.Fatalf("%s: number %d after %d", in.ID, t.Number, old.Number)
		case known != (t.Change != engine.Opened):
			l.t.Fatalf("%s: %s, known: %v", in.ID, t.Change, known)
		case old.Change == engine.Merged:
			l.t.Fatalf("%s: %s after it was merged", in.ID, t.Change)
		case known && (in.Level > old.Incident.Level) != (t.Change == engine.Raised) && t.Change != engine.Merged:
			l.t.Fatalf("%s: %s from level %s to %s", in.ID, t.Change, old.Incident.Level, in.Level)
		case in.Final != (t.Change == engine.Closed):
			l.t.Fatalf("%s: %s, final: %v", in.ID, t.Change, in.Final)
		case (t.Change == engine.Merged) != (in.State == "merged") || in.Into != t.Into || (t.Into != "") != (t.Change == engine.Merged):
			l.t.Fatalf("%s: %s, state %s, into %q and %q", in.ID, t.Change, in.State, in.Into, t.Into)
		case t.Change == engine.Joined && !news(old.Incident, in):
			l.t.Fatalf("%s: joined without news:\n%+v\n%+v", in.ID, old.Incident, in)
		}
		l.last[in.ID] = t
	}
	for _, t := range ts { // links both ways, in one result
		if t.Change != engine.Merged {
			continue
		}
		into := ts[len(ts)-1]
		if into.Incident.ID != t.Into || !slices.Contains(into.Incident.Merged, t.Incident.ID) {
			l.t.Fatalf("%s went into %s, which says %v", t.Incident.ID, t.Into, into.Incident.Merged)
		}
	}
}

// news compares what a person sees, by itself.
func news(old, in *engine.Incident) bool {
	for _, id := range in.Alerts {
		if !slices.Contains(old.Alerts, id) {
			return true
		}
	}
	for _, m := range in.Timeline {
		if !slices.ContainsFunc(old.Timeline, func(o engine.Moment) bool { return o.Alert == m.Alert && o.Step == m.Step }) {
			return true
		}
	}
	return len(in.Entities) > len(old.Entities) || len(in.Merged) > len(old.Merged) ||
		in.Count > old.Count && in.Count&(in.Count-1) == 0
}

// told gives the components as the last transitions told them.
func (l *listener) told() string {
	var parts []string
	for _, t := range l.last {
		if t.Change != engine.Merged {
			ids := slices.Clone(t.Incident.Alerts)
			slices.Sort(ids)
			parts = append(parts, fmt.Sprint(ids))
		}
	}
	slices.Sort(parts)
	return strings.Join(parts, "")
}

func components(ins []*engine.Incident) string {
	var parts []string
	for _, in := range ins {
		ids := slices.Clone(in.Alerts)
		slices.Sort(ids)
		parts = append(parts, fmt.Sprint(ids))
	}
	slices.Sort(parts)
	return strings.Join(parts, "")
}

// stories gives what a Live would tell now of each incident, by its alerts.
func stories(v *Live) map[string]*engine.Incident {
	out := map[string]*engine.Incident{}
	for _, in := range v.incidents {
		doc := in.tell(func(id string) bool { return v.has(in, id) }, v.opt)
		out[fmt.Sprint(doc.Alerts)] = doc
	}
	return out
}

// TestLiveIsGroupInTheEnd: whatever becomes known in whatever order, the
// incidents are those of the final alerts, and tell the same.
func TestLiveIsGroupInTheEnd(t *testing.T) {
	o := Options{Owner: func(en engine.Named) string { return strings.TrimPrefix(en.Value.Str(), "ip") }}
	for seed := range int64(2000) {
		r := rand.New(rand.NewSource(seed))
		w := newWorld(r, 2+r.Intn(14), 25*day)
		v, l := NewLive(o), &listener{t, map[string]engine.Transition{}}
		for _, tr := range w.arrivals(r) {
			l.hear(v.Alert(tr)...)
		}
		want := Group(w.alerts, o)
		have := stories(v)
		l.hear(v.Advance(60 * day)...) // the last word of each
		if got := l.told(); got != components(want) {
			t.Fatalf("seed %d: live\n%s\nwant\n%s", seed, got, components(want))
		}
		for _, in := range want {
			got := have[fmt.Sprint(in.Alerts)]
			if got == nil {
				t.Fatalf("seed %d: no incident of %v", seed, in.Alerts)
			}
			got.ID, got.Merged = in.ID, nil
			if !reflect.DeepEqual(got, in) {
				t.Fatalf("seed %d: live tells\n%+v\nwant\n%+v", seed, got, in)
			}
		}
	}
}

// TestLiveIsGroupWhereAStrandEnds: alerts that come in order of start are cut
// after 30 days as Group cuts them, chains across the cut included.
func TestLiveIsGroupWhereAStrandEnds(t *testing.T) {
	cut := 0
	for seed := range int64(100) {
		r := rand.New(rand.NewSource(seed))
		w := longWorld(r)
		v, l := NewLive(Options{}), &listener{t, map[string]engine.Transition{}}
		list := slices.Clone(w.alerts)
		slices.SortFunc(list, func(a, b *engine.Alert) int {
			return cmp.Or(cmp.Compare(a.Start, b.Start), cmp.Compare(a.Rule, b.Rule), cmp.Compare(a.ID, b.ID))
		})
		for _, al := range list {
			l.hear(v.Alert(engine.Transition{Change: engine.Opened, Number: 1, Alert: al})...)
		}
		if got, want := v.components(), components(Group(list, Options{})); got != want {
			t.Fatalf("seed %d: live\n%s\nwant\n%s", seed, got, want)
		}
		if v.cut() {
			cut++
		}
	}
	if cut < 20 {
		t.Errorf("only %d cases had a strand that ends", cut)
	}
}

// components gives what is joined, told or not.
func (v *Live) components() string {
	var parts []string
	for _, in := range v.incidents {
		var ids []string
		for _, s := range in.strands {
			for _, m := range s.members {
				ids = append(ids, m.id)
			}
		}
		slices.Sort(ids)
		parts = append(parts, fmt.Sprint(ids))
	}
	slices.Sort(parts)
	return strings.Join(parts, "")
}

// longWorld has two keys that are used for months, and few chains.
func longWorld(r *rand.Rand) world {
	w := newWorld(r, 160, hour)
	for i, al := range w.alerts {
		al.Mode, al.Start = "alert", int64(i)*10*hour+r.Int63n(10)*hour
		al.End, al.Evidence[0].Time = al.Start+r.Int63n(10)*hour, al.Start
		al.Entities = []engine.Named{{Name: "key", Value: engine.String(fmt.Sprint("k", r.Intn(8)/7))}, {Name: "run", Value: engine.String(fmt.Sprint("r", r.Intn(300)))}}
		if r.Intn(20) > 0 {
			al.Evidence = al.Evidence[:1]
		}
		w.known[i] = becomesKnown(r, al)
	}
	return w
}

// cut reports whether two strands are near and too long to be one.
func (v *Live) cut() bool {
	for _, list := range v.index {
		for i := range list {
			for _, c := range list[:i] {
				if c.near(list[i].start, list[i].end) {
					return true
				}
			}
		}
	}
	return false
}

// TestLiveForgetsNothingThatMatters: with watermarks between the transitions
// incidents become final, and the components are still those of Group.
func TestLiveForgetsNothingThatMatters(t *testing.T) {
	final, reopened := 0, 0
	for seed := range int64(2000) {
		r := rand.New(rand.NewSource(seed))
		w := newWorld(r, 2+r.Intn(20), 29*day)
		v, l := NewLive(Options{}), &listener{t, map[string]engine.Transition{}}
		ts, marks := w.inTime(r)
		for i, tr := range ts {
			out := v.Alert(tr)
			for _, x := range out {
				if l.last[x.Incident.ID].Change == engine.Closed {
					reopened++
				}
			}
			l.hear(out...)
			out = v.Advance(marks[i])
			final += len(out)
			l.hear(out...)
		}
		want := components(Group(w.alerts, Options{}))
		l.hear(v.Advance(60 * day)...)
		if got := l.told(); got != want {
			t.Fatalf("seed %d: live\n%s\nwant\n%s", seed, got, want)
		}
		for id, tr := range l.last {
			if tr.Change != engine.Closed && tr.Change != engine.Merged {
				t.Fatalf("seed %d: %s is never final", seed, id)
			}
		}
		if len(v.index) != 0 || len(v.open) != 0 {
			t.Fatalf("seed %d: %d keys, %d open incidents are left", seed, len(v.index), len(v.open))
		}
	}
	if final < 1000 || reopened < 100 {
		t.Errorf("%d were final, %d of them reopened: too few to show anything", final, reopened)
	}
}
