package correlate

import (
	"flag"
	"fmt"
	"math/rand/v2"
	"slices"
	"strings"
	"testing"

	"github.com/seed-843b225c/reflex/engine"
	"github.com/seed-843b225c/reflex/engine/rule"
)

var (
	caseCount = flag.Int("cases", 20_000, "property test: how many cases")
	caseSeed  = flag.Uint64("seed", 0, "property test: first seed; 0: the usual one")
)

// The law: whatever the order of arrival, the duplicates, the
// number of shards and the moments at which watermarks move, the final
// episodes are those of the brute-force evaluator, and what was said at once
// lies in one of them.
func TestLaw(t *testing.T) {
	first := *caseSeed
	if first == 0 {
		first = 1
	}
	alerts := map[string]int{}
	for i := range *caseCount {
		seed := first + uint64(i)
		c := newCase(seed)
		msg := c.check()
		for _, a := range c.want {
			alerts[a.Kind]++
		}
		if msg == "" {
			continue
		}
		c.shrink()
		t.Fatalf("go test ./engine/correlate -run TestLaw -cases 1 -seed %d\n%s", seed, c.explain())
	}
	t.Log("alerts by kind:", alerts)
	for _, k := range []string{"match", "count", "sequence", "first_seen"} {
		if *caseCount >= 10_000 && alerts[k] < *caseCount/20 {
			t.Errorf("%d alerts of kind %s: the cases do not test it", alerts[k], k)
		}
	}
}

// lawCase is one random rule set with one random set of events.
type lawCase struct {
	seed   uint64
	name   string
	set    *sets
	events []lawEvent
	want   []*engine.Alert
}

type lawEvent struct {
	ev     *engine.Event
	probes []int
	again  *engine.Event // the same with its run, found out later
}

// hits gives the event's hits in the order they are made: hits that need their
// run come a second time when it is known.
func (e *lawEvent) hits(set *sets) (out []engine.Hit) {
	for _, p := range e.probes {
		out = append(out, engine.Hit{Probe: int32(p), Event: e.ev})
	}
	for _, p := range e.probes {
		if e.again != nil && set.Probes[p].NeedsRun {
			out = append(out, engine.Hit{Probe: int32(p), Event: e.again})
		}
	}
	return out
}

func newCase(seed uint64) *lawCase {
	r := rand.New(rand.NewPCG(seed, 1))
	c := &lawCase{seed: seed}
	c.set, c.name = randomSet(r)
	n := 2 + r.IntN(13)
	span := []int64{6, 20, 60, 200}[r.IntN(4)]
	if span == 200 { // long enough for what is behind the watermark to be pruned
		n += 8
	}
	pick := func(k int, of ...engine.Value) engine.Value {
		if r.IntN(12) == 0 {
			return engine.Value{}
		}
		return of[r.IntN(min(k, len(of)))]
	}
	for i := range n {
		at := r.Int64N(span) * second
		if r.IntN(5) == 0 {
			at += r.Int64N(second)
		}
		ev := c.set.event(at, fmt.Sprintf("e%02d", i))
		if r.IntN(2) == 0 {
			ev.Dataset = engine.CloudTrail
			ev.Hash = engine.HashID(ev.Dataset, ev.ID)
		}
		ev.Set(c.set.key, pick(2, engine.String("k1"), engine.String("k2")))
		ev.Set(c.set.run, pick(2, engine.String("r1"), engine.String("r2")))
		ev.Set(c.set.value, pick(3, engine.Int(1), engine.Int(2), engine.Int(3)))
		ev.Set(c.set.cost, pick(4, engine.Float(0.1), engine.Float(2), engine.Float(0.7), engine.Float(-1)))
		le := lawEvent{ev: ev}
		if ev.Get(c.set.run).IsNil() && r.IntN(3) > 0 {
			again := *ev
			again.Values = slices.Clone(ev.Values)
			again.Set(c.set.run, engine.String("r1"))
			le.again = &again
		}
		for p := range c.set.Probes {
			if r.IntN(len(c.set.Probes)+1) == 0 {
				le.probes = append(le.probes, p)
			}
		}
		if len(le.probes) == 0 {
			le.probes = []int{r.IntN(len(c.set.Probes))}
		}
		c.events = append(c.events, le)
	}
	return c
}

// check gives what is wrong with a case, "" for nothing.
func (c *lawCase) check() string {
	var end int64
	for _, e := range c.events {
		end = max(end, e.ev.Time)
	}
	o := New(c.set.Set, Options{Oracle: true})
	for _, e := range c.events {
		for _, h := range e.hits(c.set) {
			o.Hit(h)
		}
	}
	o.End(end)
	c.want = o.Alerts()
	want := text(c.want, true)
	r := rand.New(rand.NewPCG(c.seed, 2))
	for try := range 3 {
		live := try == 1
		got, said := c.run(r, end, live)
		if g, w := text(got, !live), text(c.want, !live); g != w {
			return fmt.Sprintf("arrival %d: got\n%swant\n%s", try, g, w)
		}
		for _, tr := range said {
			if msg := lies(tr, got); msg != "" {
				return fmt.Sprintf("arrival %d: %s\nfinal\n%s", try, msg, want)
			}
		}
	}
	return ""
}

// arrival is one hit that comes.
type arrival struct {
	ev *engine.Event
	p  int
}

// arrivals gives the events' hits in a random order with duplicates.
func (c *lawCase) arrivals(r *rand.Rand) []arrival {
	var as []arrival
	for _, e := range c.events {
		for _, h := range e.hits(c.set) {
			as = append(as, arrival{h.Event, int(h.Probe)})
			if r.IntN(6) == 0 {
				as = append(as, arrival{h.Event, int(h.Probe)})
			}
		}
	}
	c.disorder(r, as)
	return as
}

// disorder puts hits into a random order.
func (c *lawCase) disorder(r *rand.Rand, as []arrival) {
	switch r.IntN(3) {
	case 0:
		r.Shuffle(len(as), func(i, j int) { as[i], as[j] = as[j], as[i] })
	case 1: // a little disorder
		slices.SortStableFunc(as, func(a, b arrival) int { return int((a.ev.Time - b.ev.Time) / second) })
		for i := range as {
			if j := i + r.IntN(3); j < len(as) {
				as[i], as[j] = as[j], as[i]
			}
		}
	case 2: // newest first
		slices.SortStableFunc(as, func(a, b arrival) int { return int((b.ev.Time - a.ev.Time) / second) })
	}
	for i, a := range as { // what learned its run comes after what had not
		for j := i + 1; j < len(as); j++ {
			if b := as[j]; a.p == b.p && a.ev.Hash == b.ev.Hash && a.ev != b.ev && b.ev.Get(c.set.run).IsNil() {
				as[i], as[j] = b, a
				break
			}
		}
	}
}

// hand gives a hit to a correlator; the event is reused afterwards.
func (a arrival) hand(cor *Correlator) {
	ev := *a.ev
	ev.Values = slices.Clone(ev.Values)
	cor.Hit(engine.Hit{Probe: int32(a.p), Event: &ev})
	clear(ev.Values)
	ev.Time, ev.ID, ev.Hash = 0, "", 0
}

// run plays the events in a random order with duplicates and watermarks.
func (c *lawCase) run(r *rand.Rand, end int64, live bool) (got []*engine.Alert, said []engine.Transition) {
	as := c.arrivals(r)
	o := Options{Shards: 1 + r.IntN(4), tidy: r.IntN(3)}
	if live {
		o.Emit = func(t engine.Transition) { said = append(said, t) }
	}
	if r.IntN(2) == 0 {
		o.Document = func(ev *engine.Event) []byte { return []byte(ev.ID) }
	}
	often := r.IntN(4)
	cor := New(c.set.Set, o)
	for i, a := range as {
		a.hand(cor)
		if often == 0 || r.IntN(often) != 0 {
			continue
		}
		behind := r.Int64N(4) * second
		cor.Advance(func(d engine.Dataset) int64 {
			w := end
			for _, b := range as[i+1:] {
				if b.ev.Dataset == d {
					w = min(w, b.ev.Time-1)
				}
			}
			return w - behind
		})
	}
	cor.End(end)
	if n := cor.Stats().Late; n != 0 {
		panic(fmt.Sprint("late: ", n))
	}
	return cor.Alerts(), said
}

// lies reports when what was said is in no final episode of its rule and key.
func lies(t engine.Transition, final []*engine.Alert) string {
	if t.Change != engine.Opened {
		return ""
	}
	for _, a := range final {
		if a.Rule == t.Alert.Rule && keyText(a) == keyText(t.Alert) && a.Start <= t.Time && t.Time <= a.End {
			return ""
		}
	}
	return fmt.Sprintf("said at once and in no final episode: %s %s at %d", t.Alert.Rule, keyText(t.Alert), (t.Time-base)/second)
}

func keyText(a *engine.Alert) string {
	var s []string
	for _, k := range a.Key {
		s = append(s, k.Value.Text())
	}
	return strings.Join(s, ",")
}

// text writes alerts down; with ids or, where alerts were named at once, without.
func text(as []*engine.Alert, ids bool) string {
	var b strings.Builder
	lines := []string{}
	for _, a := range as {
		var l strings.Builder
		fmt.Fprintf(&l, "%s [%s] %v..%v n=%d %v measure=%v events=%d final=%v %q", a.Rule, keyText(a), seconds(a.Start), seconds(a.End), a.Count, a.Level, a.Measure, a.Events, a.Final, a.Title)
		for _, e := range a.Entities {
			fmt.Fprintf(&l, " %s=%s", e.Name, e.Value.Text())
		}
		for _, e := range a.Evidence {
			fmt.Fprintf(&l, "\n    %v %s %s %s", seconds(e.Time), e.ID, e.Step, e.Rule)
			for _, f := range e.Fields {
				fmt.Fprintf(&l, " %s=%s", f.Name, f.Value.Text())
			}
			if ids && e.Alert != "" {
				fmt.Fprintf(&l, " in %s", e.Alert[:6])
			} else if e.Alert != "" {
				l.WriteString(" in an alert")
			}
		}
		if ids {
			fmt.Fprintf(&l, "\n    id %s", a.ID)
		}
		lines = append(lines, l.String())
	}
	slices.Sort(lines)
	for _, l := range lines {
		b.WriteString("  " + l + "\n")
	}
	return b.String()
}

func seconds(ns int64) float64 { return float64(ns-base) / float64(second) }

// shrink drops events and hits that the failure does not need.
func (c *lawCase) shrink() { c.shrinkTo(func() bool { return c.check() != "" }) }

// shrinkTo drops what a failure does not need.
func (c *lawCase) shrinkTo(fails func() bool) {
	for again := true; again; {
		again = false
		for i := range c.events {
			all := c.events
			c.events = slices.Delete(slices.Clone(all), i, i+1)
			if fails() {
				again = true
				break
			}
			c.events = all
			for j := range all[i].probes {
				if len(all[i].probes) == 1 {
					break
				}
				c.events = slices.Clone(all)
				c.events[i].probes = slices.Delete(slices.Clone(all[i].probes), j, j+1)
				if fails() {
					again = true
					break
				}
				c.events = all
			}
			if again {
				break
			}
		}
	}
}

// explain writes a failing case down.
func (c *lawCase) explain() string {
	var b strings.Builder
	fmt.Fprintf(&b, "%s\n", c.name)
	for _, r := range c.set.Rules {
		fmt.Fprintf(&b, "rule %s %v dedup %v within %ds %v\n", r.ID, r.Kind, r.Alert.DedupBy, r.Alert.Within/second, r.Mode)
		switch r.Kind {
		case rule.Count:
			fmt.Fprintf(&b, "  %+v\n", *r.Count)
		case rule.FirstSeen:
			fmt.Fprintf(&b, "  %+v\n", *r.First)
		case rule.Sequence:
			fmt.Fprintf(&b, "  within %ds ordered %v slack %ds keys %v links %+v\n", r.Sequence.Within/second, r.Sequence.Ordered, r.Sequence.Slack/second, r.Sequence.Keys, r.Sequence.Links)
			for _, s := range r.Sequence.Steps {
				d := ""
				if s.Differs != nil {
					d = fmt.Sprintf("%+v", *s.Differs)
				}
				fmt.Fprintf(&b, "  %s probe %d rules %v by %v within %ds optional %v negated %v reached %v differs %s\n", s.ID, s.Probe, s.Rules, s.By, s.Within/second, s.Optional, s.Negated, s.Reached, d)
			}
		}
	}
	for i, p := range c.set.Probes {
		fmt.Fprintf(&b, "probe %d: rule %d role %d part %d needs run %v\n", i, p.Rule, p.Role, p.Part, p.NeedsRun)
	}
	for _, e := range c.events {
		fmt.Fprintf(&b, "%s %v at %v probes %v:", e.ev.ID, e.ev.Dataset, seconds(e.ev.Time), e.probes)
		for i, v := range e.ev.Values {
			if !v.IsNil() {
				fmt.Fprintf(&b, " %d=%s", i, v.Text())
			}
		}
		b.WriteByte('\n')
	}
	b.WriteString(c.check())
	return b.String()
}
