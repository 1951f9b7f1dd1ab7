package incident

import (
	"fmt"
	"strings"
	"testing"

	"github.com/seed-843b225c/reflex/engine"
)

// say gives a Live an alert and writes down what it answers: change, number
// and incident by the alert that opened it, Merged with where it went.
func say(v *Live, c engine.Change, al *engine.Alert, into ...string) string {
	t := engine.Transition{Change: c, Number: 1, Time: al.End, Alert: al, Into: strings.Join(into, "")}
	return answer(v.Alert(t))
}

func answer(ts []engine.Transition) string {
	var parts []string
	for _, t := range ts {
		s := fmt.Sprintf("%s %d %s", t.Change, t.Number, name(t.Incident.ID))
		if t.Into != "" {
			s += " into " + name(t.Into)
		}
		parts = append(parts, s)
	}
	return strings.Join(parts, ", ")
}

// name gives the one-letter alert that an incident has its identity from.
func name(id string) string {
	for c := 'a'; c <= 'z'; c++ {
		if identity(string(c)) == id {
			return string(c)
		}
	}
	return "of no letter"
}

func expect(t *testing.T, got, want string) {
	t.Helper()
	if got != want {
		t.Fatalf("got  %q\nwant %q", got, want)
	}
}

func TestLiveTellsNewsOnly(t *testing.T) {
	v := NewLive(Options{})
	a := func(level engine.Level, end int64, entities ...string) *engine.Alert {
		return alert("a", "r", level, hour, end, append([]string{"key", "k1"}, entities...)...)
	}
	expect(t, say(v, engine.Opened, a(engine.Low, hour)), "opened 1 a")
	expect(t, say(v, engine.Joined, a(engine.Low, 2*hour)), "")
	expect(t, say(v, engine.Joined, a(engine.Low, 2*hour, "ip", "192.0.2.1")), "joined 2 a")
	expect(t, say(v, engine.Joined, a(engine.Low, 3*hour, "ip", "192.0.2.1")), "")
	expect(t, say(v, engine.Raised, a(engine.High, 3*hour, "ip", "192.0.2.1")), "raised 3 a")
	expect(t, say(v, engine.Raised, alert("b", "r2", engine.Medium, 0, hour, "key", "k1")), "joined 4 a")
	expect(t, say(v, engine.Raised, alert("b", "r2", engine.High, 0, hour, "key", "k1")), "")
	expect(t, say(v, engine.Closed, a(engine.High, 4*hour, "ip", "192.0.2.1")), "")
	shadow := alert("s", "r", engine.Critical, 0, hour, "key", "k1")
	shadow.Mode = "shadow"
	expect(t, say(v, engine.Opened, shadow), "")
}

func TestLiveMergesIntoTheOneOpenedFirst(t *testing.T) {
	v := NewLive(Options{})
	expect(t, say(v, engine.Opened, alert("b", "r", engine.Low, 9*hour, 9*hour, "key", "k1")), "opened 1 b")
	expect(t, say(v, engine.Opened, alert("a", "r", engine.High, hour, hour, "key", "k2")), "opened 1 a")
	expect(t, say(v, engine.Opened, alert("c", "r2", engine.Low, hour, hour, "key", "k1", "key", "k2")), "merged 2 a into b, raised 2 b")
	in := v.incidents[identity("b")]
	doc := in.tell(func(string) bool { return true }, v.opt)
	if doc.Level != engine.High || doc.Start != hour || fmt.Sprint(doc.Alerts) != "[a c b]" || doc.Merged[0] != identity("a") {
		t.Errorf("%+v", doc)
	}
}

// TestLiveFollowsAnAlertIntoAnother: two episodes of one rule turn out to be
// one, and with them two incidents; the gone id still leads to the story.
func TestLiveFollowsAnAlertIntoAnother(t *testing.T) {
	v := NewLive(Options{})
	say(v, engine.Opened, alert("a", "r", engine.Low, hour, hour, "run", "1"))
	say(v, engine.Opened, alert("b", "r", engine.Low, 2*hour, 2*hour, "run", "2"))
	expect(t, say(v, engine.Merged, alert("b", "r", engine.Low, 2*hour, 2*hour, "run", "2"), "a"), "merged 2 b into a, joined 2 a")
	if in := v.incidents[identity("a")]; in.count != 1 || fmt.Sprint(v.alerts["b"].id) != "a" {
		t.Errorf("%d alerts, b is %s", in.count, v.alerts["b"].id)
	}
	expect(t, say(v, engine.Opened, alert("c", "r2", engine.Low, 3*hour, 3*hour, "run", "2")), "joined 3 a")
	chain := alert("d", "chain", engine.Low, 300*hour, 300*hour)
	chain.Kind, chain.Evidence[0].Alert = "sequence", "b"
	expect(t, say(v, engine.Opened, chain), "joined 4 a")
}

func TestLiveReopensWhatAChainReaches(t *testing.T) {
	v := NewLive(Options{Reach: 50 * 24 * 3600e9})
	say(v, engine.Opened, alert("a", "leak", engine.Low, 0, hour, "secret", "s"))
	expect(t, answer(v.Advance(49*hour)), "")
	expect(t, answer(v.Advance(50*hour)), "final 2 a")
	expect(t, answer(v.Advance(60*hour)), "")
	expect(t, say(v, engine.Opened, alert("b", "use", engine.Low, 10*day, 10*day, "key", "k")), "opened 1 b")
	chain := alert("c", "chain", engine.High, 10*day, 10*day, "key", "k")
	chain.Kind, chain.Evidence[0].Alert = "sequence", "a"
	expect(t, say(v, engine.Opened, chain), "merged 2 b into a, raised 3 a")
	expect(t, answer(v.Advance(40*day)), "final 4 a")
	expect(t, say(v, engine.Opened, alert("d", "use", engine.Low, 40*day, 40*day, "key", "other")), "opened 1 d")
	expect(t, answer(v.Advance(95*day)), "final 2 d")
	if s := v.Stats(); s != (Stats{Final: 1, Alerts: 1}) {
		t.Errorf("%+v: nothing reaches back to a", s)
	}
}

func TestLiveStrandEndsAfterThirtyDays(t *testing.T) {
	v := NewLive(Options{})
	for d := range int64(40) {
		say(v, engine.Opened, alert(fmt.Sprint(d), "r", engine.Low, d*day, d*day, "key", "k1"))
	}
	if a, b := v.alerts["0"].strand, v.alerts["31"].strand; len(a.members) != 31 || len(b.members) != 9 {
		t.Errorf("%d and %d alerts, want 31 and 9", len(a.members), len(b.members))
	}
	// One more that is merged across the cut leaves nothing of it behind.
	say(v, engine.Opened, alert("y", "r", engine.Low, 30*day+1, 30*day+1, "run", "y"))
	say(v, engine.Merged, alert("y", "r", engine.Low, 30*day+1, 30*day+1, "run", "y", "key", "k1"), "0")
	store, again := memory{}, NewLive(Options{})
	v.Save(store)
	if err := again.Restore(store); err != nil {
		t.Fatal(err)
	}
	expect(t, dump(again), dump(v))
}

// TestLiveTellsLittleOfAStorm: what is said grows with the number of digits of
// the storm, and the first cause and the worst still stand in it.
func TestLiveTellsLittleOfAStorm(t *testing.T) {
	v := NewLive(Options{Owner: func(en engine.Named) string { return "team-" + en.Name }})
	say(v, engine.Opened, alert("a", "cause", engine.Low, 0, 0, "key", "k"))
	var last engine.Transition
	said := 0
	for i := range 3000 {
		al := alert(fmt.Sprint("x", i), "flood", engine.Medium, hour+int64(i), hour+int64(i), "key", "k", "ip", fmt.Sprint("2001:db8::", i))
		if i == 2500 {
			al = alert("worst", "worst", engine.Critical, hour, hour, "key", "k")
		}
		for _, tr := range v.Alert(opened(al)) {
			said, last = said+1, tr
		}
	}
	if said > 200 {
		t.Errorf("%d transitions of 3000 alerts", said)
	}
	in := last.Incident
	if in.Count < 2500 || len(in.Alerts) != mostAlerts || len(in.Timeline) != mostAlerts || in.Level != engine.Critical || in.Title != "worst happened" {
		t.Errorf("%d alerts, %d listed, %d lines, %s, %q", in.Count, len(in.Alerts), len(in.Timeline), in.Level, in.Title)
	}
	if in.Timeline[0].Rule != "cause" || !strings.Contains(in.Incomplete, "100 of ") || !strings.Contains(in.Incomplete, "64 values") {
		t.Errorf("begins with %q, says %q", in.Timeline[0].Rule, in.Incomplete)
	}
	b, err := last.Append(nil)
	if err != nil || len(b) > 64<<10 {
		t.Errorf("%d bytes, %v", len(b), err)
	}
	// An alert that was only counted is told of when it becomes the worst.
	out := v.Alert(engine.Transition{Change: engine.Raised, Number: 2, Alert: alert("x2999", "flood", engine.Critical, hour+2999, hour+2999, "key", "k")})
	if len(out) != 1 || !strings.Contains(fmt.Sprint(out[0].Incident.Alerts), "x2999") {
		t.Errorf("a counted alert that was raised: %s", answer(out))
	}
	// And after a restart the storm goes on as it would have.
	store, again := memory{}, NewLive(v.opt)
	v.Save(store)
	if err := again.Restore(store); err != nil {
		t.Fatal(err)
	}
	if got, want := dump(again), dump(v); got != want {
		t.Error(firstDifference(got, want))
	}
}
