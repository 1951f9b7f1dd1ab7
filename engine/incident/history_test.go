package incident

import (
	"fmt"
	"maps"
	"math/rand"
	"slices"
	"sort"
	"strings"

	"github.com/seed-843b225c/reflex/engine"
)

// memory is a store for tests.
type memory map[string][]byte

func (m memory) Set(key, value []byte) { m[string(key)] = slices.Clone(value) }
func (m memory) Delete(key []byte)     { delete(m, string(key)) }
func (m memory) DeleteRange(from, to []byte) {
	for k := range m {
		if k >= string(from) && k < string(to) {
			delete(m, k)
		}
	}
}

func (m memory) Get(key []byte) ([]byte, bool, error) {
	v, ok := m[string(key)]
	return v, ok, nil
}

func (m memory) Scan(from, to []byte, f func(key, value []byte) error) error {
	for _, k := range slices.Sorted(maps.Keys(m)) {
		if k >= string(from) && k < string(to) {
			if err := f([]byte(k), m[k]); err != nil {
				return err
			}
		}
	}
	return nil
}

func (m memory) Cursor(from, to []byte) (engine.Cursor, error) { panic("nobody asks for one") }

// world is a random set of final alerts, and how each of them became known.
type world struct {
	alerts []*engine.Alert
	known  [][]engine.Transition // of each alert, in order; of one merged into it too
}

// newWorld makes n alerts that start within span. Links lead to any alert.
func newWorld(r *rand.Rand, n int, span int64) world {
	var w world
	for i := range n {
		start := r.Int63n(span/hour) * hour
		al := alert(fmt.Sprint("a", i), fmt.Sprint("r", r.Intn(4)), engine.Level(1+r.Intn(5)), start, start+r.Int63n(20)*hour)
		al.Mode = []string{"alert", "alert", "alert", "signal", "shadow"}[r.Intn(5)]
		al.Tags, al.Runbook = []string{fmt.Sprint("t", r.Intn(3))}, []string{al.Rule + ": look"}
		for _, name := range []string{"key", "run", "ip", "key"} {
			if r.Intn(3) > 0 {
				al.Entities = append(al.Entities, engine.Named{Name: name, Field: "f." + name, Value: engine.String(fmt.Sprint(name, r.Intn(n)))})
			}
		}
		if r.Intn(4) == 0 {
			al.Kind, al.Evidence[0].Step = "sequence", "last"
			for s := range 1 + r.Intn(2) {
				of := fmt.Sprint("a", r.Intn(n))
				al.Evidence = append(al.Evidence, engine.Evidence{Time: start, ID: fmt.Sprint("s", i, s), Step: fmt.Sprint("s", s), Alert: of,
					Fields: []engine.Named{{Name: "n", Value: engine.Int(int64(s))}}})
			}
		}
		w.alerts = append(w.alerts, al)
		w.known = append(w.known, becomesKnown(r, al))
	}
	return w
}

// becomesKnown gives the transitions of an alert that grows to its final form,
// sometimes out of two that turn out to be one.
func becomesKnown(r *rand.Rand, al *engine.Alert) []engine.Transition {
	var out []engine.Transition
	number := 0
	say := func(c engine.Change, a *engine.Alert) {
		number++
		out = append(out, engine.Transition{Change: c, Number: number, Time: a.End, Alert: a, Seen: int64(r.Intn(1000))})
	}
	part := partOf(r, al)
	say(engine.Opened, part)
	if r.Intn(4) == 0 {
		young := partOf(r, al)
		young.ID += "-young"
		out = append(out, engine.Transition{Change: engine.Opened, Number: 1, Time: young.Start, Alert: young},
			engine.Transition{Change: engine.Merged, Number: 2, Time: young.End, Alert: young, Into: al.ID})
	}
	for range r.Intn(3) {
		next := partOf(r, al)
		next.Start, next.End, next.Level = min(part.Start, next.Start), max(part.End, next.End), max(part.Level, next.Level)
		if len(next.Entities) < len(part.Entities) {
			next.Entities = part.Entities
		}
		say(engine.Joined, next)
		part = next
	}
	final := *al
	final.Final = true
	say(engine.Closed, &final)
	return out
}

// partOf gives what may be known of an alert before it is final.
func partOf(r *rand.Rand, al *engine.Alert) *engine.Alert {
	p := *al
	p.Level = engine.Level(1 + r.Intn(int(al.Level)))
	p.Start += r.Int63n((al.End-al.Start)/hour+1) * hour
	p.End -= r.Int63n((al.End-p.Start)/hour+1) * hour
	p.Entities = al.Entities[:r.Intn(len(al.Entities)+1)]
	p.Evidence = al.Evidence[:r.Intn(len(al.Evidence)+1)]
	p.Title = fmt.Sprint(al.Title, " so far")
	return &p
}

// arrivals mixes the transitions at random; those of one alert keep their order.
func (w world) arrivals(r *rand.Rand) []engine.Transition {
	var out []engine.Transition
	left := slices.Clone(w.known)
	for len(left) > 0 {
		i := r.Intn(len(left))
		out = append(out, left[i][0])
		if left[i] = left[i][1:]; len(left[i]) == 0 {
			left = slices.Delete(left, i, i+1)
		}
	}
	return out
}

// inTime gives the transitions roughly as they happen, and the watermarks that
// may be said between them: 0 is none.
func (w world) inTime(r *rand.Rand) (ts []engine.Transition, marks []int64) {
	type timed struct {
		engine.Transition
		at int64
	}
	var all []timed
	for i, known := range w.known {
		at := w.alerts[i].Start
		for _, t := range known {
			at = max(at, t.Alert.Start) + r.Int63n(3)*hour
			all = append(all, timed{t, at})
		}
	}
	sort.SliceStable(all, func(i, j int) bool { return all[i].at < all[j].at })
	unknown := map[string]int64{}
	for i, known := range w.known {
		for _, t := range known {
			unknown[t.Alert.ID] = w.alerts[i].Start
		}
	}
	for _, t := range all {
		ts = append(ts, t.Transition)
		delete(unknown, t.Alert.ID)
		mark := t.at - 3*hour
		for _, start := range unknown {
			mark = min(mark, start)
		}
		marks = append(marks, max(mark, 0)*r.Int63n(2))
	}
	return ts, marks
}

// dump writes down all that a Live knows, in an order of its own.
func dump(v *Live) string {
	var lines []string
	line := func(format string, a ...any) { lines = append(lines, fmt.Sprintf(format, a...)) }
	line("opened %d, strands %d", v.opened, v.strands)
	for id, m := range v.alerts {
		var p packer
		m.pack(&p)
		line("alert %s: %q, strand %d from %d to %d", id, p, m.strand.number, m.strand.first, m.strand.newest)
	}
	for id, in := range v.incidents {
		var p packer
		in.pack(&p)
		n := 0
		for _, s := range in.strands {
			n += len(s.members)
		}
		line("incident %s: %q, %d members, %d strands, listed %d, in its queue %v", id, p, n, len(in.strands), len(in.listed),
			in.final && v.over[in.at] == in || !in.final && v.open[in.at] == in)
	}
	for key, list := range v.index {
		for _, c := range list {
			line("key %q: %d to %d in strand %d", key, c.start, c.end, c.strand.number)
		}
	}
	for id, list := range v.waiting {
		for _, m := range list {
			line("for %s waits %s", id, m.id)
		}
	}
	slices.Sort(lines)
	return strings.Join(lines, "\n")
}
