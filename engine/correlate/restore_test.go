package correlate

import (
	"errors"
	"fmt"
	"slices"
	"strings"
	"testing"

	"github.com/seed-843b225c/reflex/engine"
	"github.com/seed-843b225c/reflex/engine/rule"
)

// service is a correlator with a store and a log, for tests in steps.
type service struct {
	t     *testing.T
	set   *sets
	store *store
	log   []engine.Transition
	*Correlator
	report RestoreReport
}

func newService(t *testing.T, s *sets) *service {
	v := &service{t: t, store: newStore()}
	v.restart(s, Options{})
	return v
}

// restart makes a new process with a rule set, with what was committed and the
// whole log.
func (v *service) restart(s *sets, o Options) {
	v.t.Helper()
	if err := v.try(s, o); err != nil {
		v.t.Fatal(err)
	}
}

func (v *service) try(s *sets, o Options) (err error) {
	v.store.crash()
	v.set = s
	o.Journal, o.Emit = v.store, func(t engine.Transition) { v.log = append(v.log, t) }
	v.Correlator = New(s.Set, o)
	v.report, err = v.Restore(v.store, reread(v.log))
	return err
}

func (v *service) hit(probe int, at int64, id string, vs ...engine.Value) {
	v.Hit(engine.Hit{Probe: int32(probe), Event: v.set.event(at, id, vs...)})
}

func (v *service) advance(at int64) { v.Advance(func(engine.Dataset) int64 { return base + at }) }

func (v *service) save() {
	v.Save(v.store)
	v.store.commit()
}

// said gives what was said, short: "opened 1 n=3".
func (v *service) said() (out []string) {
	for _, t := range v.log {
		out = append(out, fmt.Sprintf("%s %v %d n=%d", t.Alert.Rule, t.Change, t.Number, t.Alert.Count))
	}
	return out
}

func (v *service) want(lines ...string) {
	v.t.Helper()
	if got := v.said(); !slices.Equal(got, lines) {
		v.t.Errorf("said\n%s\nwant\n%s", strings.Join(got, "\n"), strings.Join(lines, "\n"))
	}
}

// countAndMatch is a rule set with a version.
func countAndMatch(version string, more ...func(s *sets)) *sets {
	s := newSets()
	s.rule(rule.Compiled{ID: "m", Kind: rule.Match, Alert: rule.AlertSpec{DedupBy: []rule.Ref{slotRef(s.key)}}})
	s.rule(rule.Compiled{ID: "n", Text: version, Kind: rule.Count, Count: &rule.CountSpec{By: []int{s.key}, Within: 100 * second, Distinct: -1, Sum: -1, AtLeast: 3},
		Alert: rule.AlertSpec{DedupBy: []rule.Ref{slotRef(s.key)}}})
	for _, f := range more {
		f(s)
	}
	return s
}

var k1 = engine.String("k1")

func TestCountGoesOnAfterARestart(t *testing.T) {
	v := newService(t, countAndMatch("1"))
	v.hit(1, 0, "a", k1)
	v.hit(1, 10*second, "b", k1)
	v.advance(20 * second)
	v.save()
	v.hit(1, 30*second, "lost with the crash", k1)
	v.restart(v.set, Options{Shards: 3})
	v.hit(1, 30*second, "lost with the crash", k1)
	v.advance(30 * second)
	v.want("n opened 1 n=1")
	if v.report.Rules != 2 || v.report.Hits != 2 || v.report.Claims != 1 || len(v.report.Reset) > 0 {
		t.Errorf("report %+v", v.report)
	}
}

func TestChangedRuleStartsEmptyAndOthersGoOn(t *testing.T) {
	v := newService(t, countAndMatch("1", func(s *sets) { countRule(s, 3, false) }))
	for i, id := range []string{"a", "b"} {
		v.hit(1, int64(i)*second, id, k1)
		v.hit(2, int64(i)*second, id, k1)
	}
	v.advance(5 * second)
	v.save()
	changed := countAndMatch("2", func(s *sets) { countRule(s, 3, false) }, func(s *sets) { s.rule(rule.Compiled{ID: "added", Kind: rule.Match}) })
	v.restart(changed, Options{})
	want := []string{"rule added: it is new", "rule n: its text or its mode changed"}
	if !slices.Equal(v.report.Reset, want) {
		t.Errorf("reset %q, want %q", v.report.Reset, want)
	}
	v.hit(1, 6*second, "c", k1)
	v.hit(2, 6*second, "c", k1)
	v.advance(7 * second)
	v.want("r2 opened 1 n=1") // n counts anew
	v.save()

	v.restart(countAndMatch("2", func(s *sets) { s.rule(rule.Compiled{ID: "off", Kind: rule.Match, Mode: rule.ModeOff}) }), Options{})
	want = []string{"rule added: it is gone or off", "rule r2: it is gone or off"}
	if !slices.Equal(v.report.Reset, want) {
		t.Errorf("reset %q, want %q", v.report.Reset, want)
	}
	if n := v.report.Hits; n != 1 {
		t.Errorf("%d hits came back, want the one of rule n", n)
	}
	v.save()
	for k := range v.store.durable {
		if strings.HasPrefix(k, "c\x01") && k[3] != 2 {
			t.Errorf("key %x of a rule that is gone", k)
		}
	}
	off := countAndMatch("2")
	off.Rules[1].Mode = rule.ModeOff
	v.restart(off, Options{})
	if want = []string{"rule n: it is off", "rule off: it is gone or off"}; !slices.Equal(v.report.Reset, want) {
		t.Errorf("reset %q, want %q", v.report.Reset, want)
	}
}

func TestChainStartsEmptyWhenARuleItTakesChanged(t *testing.T) {
	chain := func(version string) *sets {
		s := newSets()
		by := []rule.KeySlot{{Key: 0, Slot: s.key}}
		s.rule(rule.Compiled{ID: "base", Text: version, Kind: rule.Match, Alert: rule.AlertSpec{DedupBy: []rule.Ref{slotRef(s.key)}}})
		s.rule(rule.Compiled{ID: "other", Kind: rule.Match, Alert: rule.AlertSpec{DedupBy: []rule.Ref{slotRef(s.key)}}})
		s.rule(rule.Compiled{ID: "chain", Kind: rule.Sequence, Sequence: &rule.SequenceSpec{Within: 100 * second, Ordered: true, Keys: []string{"key"},
			Steps: []rule.Step{{ID: "a", Rules: []int{0}, By: by}, {ID: "b", Rules: []int{1}, By: by}}},
			Alert: rule.AlertSpec{DedupBy: []rule.Ref{keyRef(0)}}})
		return s
	}
	v := newService(t, chain("1"))
	v.hit(0, 0, "a", k1)
	v.advance(second)
	v.save()
	v.restart(chain("1"), Options{})
	v.hit(1, 2*second, "b", k1)
	v.advance(3 * second)
	v.want("base opened 1 n=1", "other opened 1 n=1", "chain opened 1 n=1")

	v = newService(t, chain("1"))
	v.hit(1, 0, "b", k1)
	v.hit(0, 0, "a", k1)
	v.advance(second)
	v.save()
	v.restart(chain("2"), Options{})
	want := []string{"rule base: its text or its mode changed", "rule chain: rule base, whose points it takes, changed"}
	if !slices.Equal(v.report.Reset, want) {
		t.Errorf("reset %q, want %q", v.report.Reset, want)
	}
	if v.Stats().Pending != 0 {
		t.Errorf("%d step events wait in a chain that starts empty", v.Stats().Pending)
	}
}

// otherLayout is countAndMatch with slots in another order.
func otherLayout() *sets {
	l := engine.NewLayout()
	l.DemandField(engine.MustField("event.action"))
	s := &sets{Set: &rule.Set{Layout: l}, cost: l.DemandField(fieldCost), value: l.DemandField(fieldValue), run: l.DemandField(fieldRun), key: l.DemandField(fieldKey)}
	s.rule(rule.Compiled{ID: "m", Kind: rule.Match, Alert: rule.AlertSpec{DedupBy: []rule.Ref{slotRef(s.key)}}})
	s.rule(rule.Compiled{ID: "n", Text: "1", Kind: rule.Count, Count: &rule.CountSpec{By: []int{s.key}, Within: 100 * second, Distinct: -1, Sum: -1, AtLeast: 3},
		Alert: rule.AlertSpec{DedupBy: []rule.Ref{slotRef(s.key)}}})
	return s
}

func TestStateOutlivesAnotherLayout(t *testing.T) {
	v := newService(t, countAndMatch("1"))
	v.hit(1, 0, "a", k1, engine.Value{}, engine.Int(7))
	v.advance(second)
	v.save()
	v.restart(otherLayout(), Options{})
	at := func(sec int64, id string) {
		ev := v.set.event(sec*second, id)
		ev.Set(v.set.key, k1)
		v.Hit(engine.Hit{Probe: 1, Event: ev})
	}
	at(2, "b")
	v.advance(2 * second)
	v.save()
	v.restart(otherLayout(), Options{}) // both tables of numbers are needed
	at(3, "c")
	v.advance(3 * second)
	v.want("n opened 1 n=1")
	if len(v.memory.old) != 1 {
		t.Errorf("%d older tables, want 1", len(v.memory.old))
	}
	v.advance(4000 * second)
	v.save()
	v.advance(4001 * second)
	v.save()
	if n := len(v.memory.old); n != 0 || len(v.store.keys([]byte("c\x00e"), []byte("c\x00f"))) != 1 {
		t.Errorf("tables that nothing uses are still there: %d", n)
	}
}

// The first checkpoint after a start stops detection no longer than others:
// what came back as it was is not written again.
func TestFirstSaveAfterARestartWritesWhatChanged(t *testing.T) {
	v := newService(t, countAndMatch("1"))
	again := func(s *sets) { // all that was said is behind the checkpoint
		v.log = nil
		v.restart(s, Options{})
	}
	save := func(when string, want int) {
		t.Helper()
		v.Save(v.store)
		n := 0
		for _, o := range v.store.ops {
			if strings.HasPrefix(o.from, "c\x01") && (o.from[4] == kindLiving || o.from[4] == kindOpen) {
				n++
			}
		}
		if v.store.commit(); n != want {
			t.Errorf("%s: %d records of alerts were written, want %d", when, n, want)
		}
	}
	const alerts = 10
	for i := range alerts {
		v.hit(0, int64(i)*second, fmt.Sprint("e", i), engine.String(fmt.Sprint("k", i)))
	}
	v.advance(100 * second)
	save("before the restart", 2*alerts)
	again(v.set)
	save("nothing new", 0)
	again(v.set)
	v.hit(0, 101*second, "new", engine.String("k3"))
	v.advance(102 * second)
	save("a point more", 1)
	again(otherLayout())
	save("other numbers", alerts)
	for i := range 2 {
		again(otherLayout())
		if v.report.Alerts != alerts || v.report.Hits != alerts+1 {
			t.Errorf("start %d: %+v", i, v.report)
		}
		save("the same numbers again", 0)
	}
	v.advance(9000 * second)
	if len(v.log) != alerts {
		t.Errorf("%d alerts were closed, want %d: %v", len(v.log), alerts, v.said())
	}
}

// A key that holds a secret is counted as it came and kept redacted: after a
// restart it must still be the same key.
func TestKeyWithASecretStaysTheSame(t *testing.T) {
	s := newSets()
	raw, err := s.Layout.Demand("raw.line")
	if err != nil {
		t.Fatal(err)
	}
	s.rule(rule.Compiled{Kind: rule.Count, Count: &rule.CountSpec{By: []int{raw}, Within: 100 * second, Distinct: -1, Sum: -1, AtLeast: 2},
		Alert: rule.AlertSpec{DedupBy: []rule.Ref{slotRef(s.key)}}})
	o := Options{Redact: func(s string) string { return strings.ReplaceAll(s, "secret", "***") }}
	v := newService(t, s)
	v.restart(s, o)
	hit := func(at int64, id, line string) {
		ev := s.event(at*second, id, k1)
		ev.Set(raw, engine.String(line))
		v.Hit(engine.Hit{Event: ev})
	}
	hit(0, "a", "the secret")
	v.advance(0)
	v.save()
	for k, val := range v.store.durable {
		if strings.Contains(k+val, "secret") && !strings.Contains(k+val, "secret.principal") {
			t.Errorf("the store holds the secret: %q %q", k, val)
		}
	}
	v.restart(s, o)
	hit(1, "b", "the ***") // another line, though it looks the same once redacted
	v.advance(second)
	v.want()
	hit(2, "c", "the secret")
	v.advance(2 * second)
	v.want("r0 opened 1 n=1")
}

func TestEpisodeCutAfterADayGoesOnAfterARestart(t *testing.T) {
	v := newService(t, countAndMatch("1"))
	for i := range int64(60) { // every half hour, 29.5 h
		v.hit(0, i*1800*second, ids[i], k1)
		v.advance(i * 1800 * second)
		if i == 48 || i == 49 || i == 55 {
			v.save()
			v.restart(v.set, Options{})
		}
	}
	v.advance(100 * 3600 * second)
	var final []string
	opened := map[string]int{}
	for _, tr := range v.log {
		switch tr.Change {
		case engine.Opened:
			opened[tr.Alert.ID]++
		case engine.Closed:
			final = append(final, fmt.Sprint(tr.Alert.Count, " ", opened[tr.Alert.ID]))
		}
	}
	if !slices.Equal(final, []string{"49 1", "11 1"}) || len(opened) != 2 {
		t.Errorf("final episodes (points, openings) %q, %d opened", final, len(opened))
	}
}

func TestLatePointOfAMatchRuleOutlivesACrash(t *testing.T) {
	v := newService(t, countAndMatch("1"))
	v.advance(5000 * second)
	v.hit(0, 40*second, "late", k1)
	v.save()
	v.restart(v.set, Options{})
	v.advance(5001 * second)
	v.want("m opened 1 n=1", "m final 2 n=1")
}

func TestAlertWhosePointsNeverComeAgainIsClosed(t *testing.T) {
	v := newService(t, countAndMatch("1"))
	v.save()
	v.hit(0, 10*second, "a", k1)
	v.want("m opened 1 n=1")
	v.restart(v.set, Options{}) // the source lost what it had
	v.advance(20 * second)
	v.save()
	v.restart(v.set, Options{}) // and once more, now from the store alone
	if v.report.Alerts != 1 || v.report.Claims != 0 {
		t.Errorf("report %+v", v.report)
	}
	v.advance(5000 * second)
	v.want("m opened 1 n=1", "m final 2 n=1")
	if a := v.log[1].Alert; !a.Final || len(a.Evidence) != 1 || a.Evidence[0].ID != "a" {
		t.Errorf("closed as %+v", a)
	}
	v.save()
	if n := v.store.count(kindLiving); n != 0 {
		t.Errorf("%d alerts are still stored", n)
	}
}

func TestStateThatNobodyRestoredIsGone(t *testing.T) {
	v := newService(t, countAndMatch("1"))
	v.hit(1, 0, "a", k1)
	v.save()
	c := New(v.set.Set, Options{Journal: v.store, Emit: func(engine.Transition) {}})
	c.Hit(engine.Hit{Probe: 1, Event: v.set.event(5*second, "b", k1)})
	c.Save(v.store)
	v.store.commit()
	if n := v.store.count(kindHit); n != 1 {
		t.Errorf("%d hits are stored, want 1", n)
	}
}

func TestDamagedStateSaysWhatAndWhere(t *testing.T) {
	s := countAndMatch("1", func(s *sets) {
		s.rule(rule.Compiled{ID: "f", Kind: rule.FirstSeen, First: &rule.FirstSpec{Value: []int{s.value}, Memory: 1000 * second}})
		s.rule(rule.Compiled{ID: "chain", Kind: rule.Sequence, Sequence: &rule.SequenceSpec{Within: 100 * second, Ordered: true, Keys: []string{"key"},
			Steps: []rule.Step{{ID: "a", Rules: []int{0}, By: []rule.KeySlot{{Key: 0, Slot: s.key}}}}}})
	})
	fill := func() *service {
		v := &service{t: t, store: newStore()}
		v.restart(s, Options{Document: func(*engine.Event) []byte { return []byte(`{}`) }})
		v.hit(0, 0, "a", k1)
		v.hit(1, 0, "b", k1)
		v.hit(2, 0, "c", k1, k1, engine.Int(1))
		v.advance(second)
		v.save()
		v.log = nil
		return v
	}
	kinds := map[string]bool{}
	for k, val := range fill().store.durable {
		for cut := range len(val) {
			v := fill()
			v.store.durable[k] = val[:cut]
			v.store.sorted = nil
			err := v.try(s, Options{})
			if err == nil {
				continue // some records are as good when shorter: a document, a text
			}
			if engine.KindOf(err) != engine.Fatal || !strings.Contains(err.Error(), fmt.Sprintf("%x", k)) {
				t.Errorf("key %q cut at %d: %v", k, cut, err)
			}
			kinds[strings.Fields(strings.TrimPrefix(err.Error(), "stored state of correlation: "))[0]] = true
		}
	}
	for _, want := range []string{"hit", "rule", "open", "alert", "table", "watermarks", "first_seen", "format"} {
		if !kinds[want] {
			t.Errorf("no damaged record of kind %s was noticed: %v", want, kinds)
		}
	}
	v := fill()
	v.store.durable["c\x00f"] = string([]byte{format + 1})
	err := v.try(s, Options{})
	if err == nil || !strings.Contains(err.Error(), "newer program") {
		t.Errorf("a newer format: %v", err)
	}
	broken := &brokenLoader{store: fill().store, err: errors.New("disk on fire")}
	_, err = New(s.Set, Options{Journal: newStore(), Emit: func(engine.Transition) {}}).Restore(broken, nil)
	if !errors.Is(err, broken.err) {
		t.Errorf("a store that cannot be read: %v", err)
	}
}

// brokenLoader fails when hits are read to their end.
type brokenLoader struct {
	*store
	err error
}

func (b *brokenLoader) Cursor(from, to []byte) (engine.Cursor, error) {
	c, err := b.store.Cursor(from, to)
	return brokenCursor{c, b.err}, err
}

type brokenCursor struct {
	engine.Cursor
	err error
}

func (c brokenCursor) Close() error { return c.err }

func TestJournalStaysBounded(t *testing.T) {
	s := countAndMatch("1", func(s *sets) {
		s.rule(rule.Compiled{ID: "f", Kind: rule.FirstSeen, First: &rule.FirstSpec{Value: []int{s.value}, Memory: 300 * second}, Alert: rule.AlertSpec{Within: 10 * second, DedupBy: []rule.Ref{slotRef(s.value)}}})
		by := []rule.KeySlot{{Key: 0, Slot: s.key}}
		s.rule(rule.Compiled{ID: "chain", Kind: rule.Sequence, Sequence: &rule.SequenceSpec{Within: 100 * second, Ordered: true, Keys: []string{"key"},
			Steps: []rule.Step{{ID: "a", Rules: []int{0}, By: by}, {ID: "b", By: by}}}, Alert: rule.AlertSpec{Within: 10 * second, DedupBy: []rule.Ref{keyRef(0)}}})
	})
	for _, r := range s.Rules {
		r.Alert.Within = 10 * second
	}
	v := newService(t, s)
	size := func(rounds int64) (n int) {
		for i := range rounds {
			at := (rounds*1000 + i) * 7 * second
			key, val := engine.String(fmt.Sprint("k", i%50)), engine.Int(i%70)
			for p := range s.Probes {
				v.hit(p, at+int64(p), fmt.Sprint(rounds, "/", i, "/", p), key, engine.Value{}, val)
			}
			v.advance(at - 5*second)
			v.save()
			if i%500 == 499 {
				v.restart(s, Options{})
			}
			v.log = v.log[max(0, len(v.log)-50):]
		}
		return len(v.store.durable)
	}
	first, second_ := size(2000), size(2001)
	if second_ > first*11/10 || first > 2000 {
		t.Errorf("%d keys are stored after one round, %d after two", first, second_)
	}
}

func TestOpenEpisodeGoesOnWhenNobodyListens(t *testing.T) {
	st := newStore()
	s := countAndMatch("1")
	start := func() *Correlator {
		st.crash()
		c := New(s.Set, Options{Journal: st})
		if _, err := c.Restore(st, nil); err != nil {
			t.Fatal(err)
		}
		return c
	}
	hit := func(c *Correlator, at int64, id string) {
		c.Hit(engine.Hit{Event: s.event(at*second, id, k1)})
		c.Advance(func(engine.Dataset) int64 { return base + at*second })
		c.Save(st)
		st.commit()
	}
	c := start()
	hit(c, 0, "a")
	hit(c, 10, "b")
	c = start()
	hit(c, 20, "c")
	c.End(base + 9000*second)
	if as := c.Alerts(); len(as) != 1 || as[0].Count != 3 || as[0].Start != base || !as[0].Final {
		t.Errorf("alerts\n%s", text(as, false))
	}
}
