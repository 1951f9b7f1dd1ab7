package correlate

import (
	"flag"
	"fmt"
	"math/rand/v2"
	"slices"
	"testing"

	"github.com/seed-843b225c/reflex/engine"
)

var crashCount = flag.Int("crash-cases", 4000, "property test across crashes: how many cases")

// The law holds across crashes: what was not saved is lost, what was said
// stays in the log, what came since the last Save comes again in another order,
// and the number of shards may change.
func TestLawAcrossCrashes(t *testing.T) {
	first := *caseSeed
	if first == 0 {
		first = 1
	}
	var total crashes
	for i := range *crashCount {
		seed := first + uint64(i)
		c := newCase(seed)
		msg := c.checkCrashes(&total)
		if msg == "" {
			continue
		}
		c.shrinkTo(func() bool { return c.checkCrashes(&crashes{}) != "" })
		t.Fatalf("go test ./engine/correlate -run TestLawAcrossCrashes -crash-cases 1 -seed %d\n%s\n%s", seed, c.explain(), c.checkCrashes(&crashes{}))
	}
	t.Logf("%+v", total)
	if *crashCount >= 1000 && (total.Crashes < *crashCount || total.Claims == 0 || total.Restored == 0 || total.Open == 0) {
		t.Errorf("the cases do not test it: %+v", total)
	}
}

// crashes counts what happened.
type crashes struct {
	Crashes  int
	Restored int64 // hits
	Open     int   // alerts that came back
	Claims   int   // of those from the log
	Closed   int
}

func (c *lawCase) checkCrashes(total *crashes) string {
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
	r := rand.New(rand.NewPCG(c.seed, 3))
	for try := range 2 {
		life := &crashing{lawCase: c, r: r, end: end, store: newStore(), total: total}
		if msg := life.play(); msg != "" {
			return fmt.Sprintf("life %d: %s", try, msg)
		}
	}
	return ""
}

// crashing is a service that crashes now and then.
type crashing struct {
	*lawCase
	r     *rand.Rand
	end   int64
	store *store
	log   []engine.Transition
	saved int // of log: how long it was at the last Save
	total *crashes
	story []string
}

// start makes the process that comes after a crash.
func (c *crashing) start() (*Correlator, error) {
	o := Options{Shards: 1 + c.r.IntN(4), tidy: c.r.IntN(3), eager: 1 + c.r.IntN(5), Journal: c.store}
	o.Emit = func(t engine.Transition) {
		c.log = append(c.log, t)
		c.story = append(c.story, fmt.Sprintf("  said %v %s %d: %v..%v n=%d", t.Change, t.Alert.ID[:6], t.Number, seconds(t.Alert.Start), seconds(t.Alert.End), t.Alert.Count))
	}
	if c.r.IntN(2) == 0 {
		o.Document = func(ev *engine.Event) []byte { return []byte(`"` + ev.ID + `"`) }
	}
	cor := New(c.set.Set, o)
	from := c.saved
	if c.r.IntN(2) == 0 {
		from = 0 // more of the log does no harm
	}
	rep, err := cor.Restore(c.store, reread(c.log[from:]))
	c.total.Restored += rep.Hits
	c.total.Open += rep.Alerts
	c.total.Claims += rep.Claims
	if err == nil && len(rep.Reset) > 0 {
		err = fmt.Errorf("reset %v", rep.Reset)
	}
	return cor, err
}

// reread gives transitions as the alert log gives them back.
func reread(ts []engine.Transition) (out []engine.Transition) {
	for _, t := range ts {
		b, err := t.Append(nil)
		if err != nil {
			panic(err)
		}
		back, err := engine.ParseTransition(b)
		if err != nil {
			panic(err)
		}
		out = append(out, back)
	}
	return out
}

func (c *crashing) play() string {
	as := c.arrivals(c.r)
	cor, err := c.start()
	if err != nil {
		return err.Error()
	}
	var kept []arrival // since the last Save: the arrivals still to come then
	var promise map[engine.Dataset]int64
	kept, promise = slices.Clone(as), map[engine.Dataset]int64{}
	marks := map[engine.Dataset]int64{}
	left := 1 + c.r.IntN(4) // crashes
	for len(as) > 0 {
		a := as[0]
		as = as[1:]
		a.hand(cor)
		c.story = append(c.story, fmt.Sprintf("hit %s probe %d", a.ev.ID, a.p))
		if c.r.IntN(2) == 0 {
			behind := c.r.Int64N(4) * second
			cor.Advance(func(d engine.Dataset) int64 {
				w := c.end
				for _, b := range as {
					if b.ev.Dataset == d {
						w = min(w, b.ev.Time-1)
					}
				}
				marks[d] = max(marks[d], w-behind)
				return w - behind
			})
			c.story = append(c.story, "advance")
		}
		if c.r.IntN(3) == 0 {
			cor.Save(c.store)
			c.store.commit()
			c.saved = len(c.log)
			kept = slices.Clone(as)
			promise = map[engine.Dataset]int64{}
			for d, w := range marks {
				promise[d] = w
			}
			c.story = append(c.story, "save")
		}
		if left > 0 && c.r.IntN(6) == 0 {
			left--
			c.total.Crashes++
			c.store.crash()
			as = c.comeAgain(kept, promise)
			kept = slices.Clone(as)
			c.story = append(c.story, "crash")
			if cor, err = c.start(); err != nil {
				return err.Error()
			}
			marks = map[engine.Dataset]int64{}
			for d, w := range promise {
				marks[d] = w
			}
		}
	}
	cor.End(c.end)
	if n := cor.Stats().Late; n != 0 {
		return fmt.Sprint("late: ", n)
	}
	return c.judge(cor.Alerts())
}

// comeAgain gives what comes after a crash: what was still to come at the last
// Save, in another order, and copies of what came before and is not behind the
// watermark.
func (c *crashing) comeAgain(kept []arrival, promise map[engine.Dataset]int64) []arrival {
	as := slices.Clone(kept)
	for _, e := range c.events {
		w, ok := promise[e.ev.Dataset]
		if ok && e.ev.Time <= w || c.r.IntN(6) != 0 {
			continue
		}
		for _, h := range e.hits(c.set) {
			as = append(as, arrival{h.Event, int(h.Probe)})
		}
	}
	c.disorder(c.r, as)
	return as
}

// judge compares what was said with the oracle.
func (c *crashing) judge(open []*engine.Alert) string {
	final := slices.Clone(open)
	last := map[string]engine.Transition{}
	number := map[string]int{}
	for _, t := range c.log {
		id := t.ID()
		if t.Number != number[id]+1 {
			return c.tell("%s: number %d after %d", id, t.Number, number[id])
		}
		number[id] = t.Number
		if (t.Number == 1) != (t.Change == engine.Opened) {
			return c.tell("%s: %v has number %d", id, t.Change, t.Number)
		}
		if l := last[id]; l.Change == engine.Closed || l.Change == engine.Merged {
			return c.tell("%s: %v after %v", id, t.Change, l.Change)
		}
		last[id] = t
		if t.Change == engine.Closed {
			final = append(final, t.Alert)
			c.total.Closed++
		}
	}
	got, want := text(final, false), text(c.want, false)
	if got != want {
		return c.tell("got\n%swant\n%s", got, want)
	}
	ids := map[string]bool{}
	for _, a := range final {
		if ids[a.ID] {
			return c.tell("two episodes have the id %s", a.ID)
		}
		ids[a.ID] = true
		if number[a.ID] == 0 {
			return c.tell("%s was never opened", a.ID)
		}
		if len(a.Dedup) != 32 {
			return c.tell("%s has the dedup key %q", a.ID, a.Dedup)
		}
	}
	for id, t := range last {
		if t.Change != engine.Merged && !ids[id] {
			return c.tell("%s was opened and is no episode", id)
		}
	}
	for _, t := range c.log {
		if msg := lies(t, final); msg != "" {
			return c.tell("%s", msg)
		}
	}
	return ""
}

func (c *crashing) tell(format string, args ...any) string {
	s := fmt.Sprintf(format, args...)
	for _, l := range c.story {
		s += "\n" + l
	}
	return s
}
