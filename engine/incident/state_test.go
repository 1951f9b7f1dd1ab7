package incident

import (
	"bytes"
	"math/rand"
	"reflect"
	"strings"
	"testing"

	"github.com/seed-843b225c/reflex/engine"
)

// TestLiveAfterACrash: from the last saved state the alert log gives every
// transition again as it was, whenever the state was saved and the crash came.
func TestLiveAfterACrash(t *testing.T) {
	crashes := 0
	for seed := range int64(1000) {
		r := rand.New(rand.NewSource(seed))
		w := newWorld(r, 2+r.Intn(20), 29*day)
		ts, marks := w.inTime(r)
		store := memory{}
		v := NewLive(Options{})
		var log []engine.Transition // alert and incident transitions, as the alert log has them
		saved := 0
		crash := func() {
			crashes++
			again := NewLive(Options{})
			if err := again.Restore(store); err != nil {
				t.Fatalf("seed %d: %v", seed, err)
			}
			for i := saved; i < len(log); {
				cause := logged(t, log[i])
				out := again.Replay(cause)
				if cause.Alert != nil {
					i++
				}
				if end := min(i+len(out), len(log)); !reflect.DeepEqual(out, append([]engine.Transition(nil), log[i:end]...)) {
					t.Fatalf("seed %d: after %s of %s comes\n%+v\nwant\n%+v", seed, cause.Change, cause.ID(), out, log[i:end])
				}
				i += len(out)
			}
			v = again
		}
		for i, tr := range ts {
			log = append(append(log, tr), v.Alert(tr)...)
			log = append(log, v.Advance(marks[i])...)
			switch r.Intn(8) {
			case 0, 1:
				v.Save(store)
				saved = len(log)
			case 2:
				crash()
			}
		}
		log = append(log, v.Advance(40*day)...)
		crash()
		v.Advance(200 * day)
		if v.Save(store); len(store) > 2 && v.Stats().Alerts == 0 {
			t.Fatalf("seed %d: everything is forgotten, %d keys are left", seed, len(store))
		}
	}
	if crashes < 1000 {
		t.Errorf("%d crashes show too little", crashes)
	}
}

// logged gives a transition as it comes back from the alert log.
func logged(t *testing.T, tr engine.Transition) engine.Transition {
	b, err := tr.Append(nil)
	if err != nil {
		t.Fatal(err)
	}
	out, err := engine.ParseTransition(b)
	if err != nil {
		t.Fatal(err)
	}
	return out
}

// TestStateIsWhatRestoreMakesOfIt: whatever happened, what is not stored
// follows from what is. Otherwise a Live after a crash could decide otherwise.
func TestStateIsWhatRestoreMakesOfIt(t *testing.T) {
	cuts := 0
	for seed := range int64(300) {
		r := rand.New(rand.NewSource(seed))
		w, often, long := newWorld(r, 2+r.Intn(20), 60*day), 10, seed%30 == 0
		if long {
			w, often = longWorld(r), 100
		}
		v, store := NewLive(Options{}), memory{}
		for i, tr := range w.arrivals(r) {
			v.Alert(tr)
			if !long && r.Intn(20) == 0 {
				v.Advance(r.Int63n(60) * day) // alerts behind it come too: far too late, and still the same after a restart
			}
			if r.Intn(often) > 0 {
				continue
			}
			v.Save(store)
			again := NewLive(Options{})
			if err := again.Restore(store); err != nil {
				t.Fatalf("seed %d: %v", seed, err)
			}
			if got, want := dump(again), dump(v); got != want {
				t.Fatalf("seed %d, transition %d: %s", seed, i, firstDifference(got, want))
			}
		}
		if v.cut() {
			cuts++
		}
	}
	if cuts < 2 {
		t.Errorf("only %d cases had a strand that ends", cuts)
	}
}

func firstDifference(got, want string) string {
	g, w := strings.Split(got, "\n"), strings.Split(want, "\n")
	for i := range min(len(g), len(w)) {
		if g[i] != w[i] {
			return "restored\n" + g[i] + "\nwas\n" + w[i]
		}
	}
	return "one has more lines"
}

// saved gives a state with an incident of a storm, one that went into another,
// one that is final.
func saved(t *testing.T) memory {
	t.Helper()
	v := NewLive(Options{})
	for _, al := range []*engine.Alert{
		alert("old", "r", engine.Low, 0, hour, "key", "k0"),
		alert("a", "r", engine.Low, 10*day, 10*day, "key", "k1"), alert("b", "r", engine.Low, 10*day, 10*day, "key", "k2"),
		alert("c", "r2", engine.High, 10*day, 10*day, "key", "k1", "key", "k2", "ip", "192.0.2.1"),
	} {
		al.Runbook, al.Tags = []string{"look"}, []string{"t"}
		v.Alert(engine.Transition{Change: engine.Opened, Number: 1, Alert: al})
	}
	for i := range mostAlerts + 10 {
		v.Alert(engine.Transition{Change: engine.Opened, Number: 1, Alert: alert(strings.Repeat("s", i+1), "storm", engine.Low, 10*day, 10*day, "key", "k3")})
	}
	if out := v.Advance(9 * day); len(out) != 1 {
		t.Fatalf("%d incidents are final, want 1", len(out))
	}
	store := memory{}
	v.Save(store)
	if s := v.Stats(); s != (Stats{Open: 2, Final: 1, Alerts: mostAlerts + 14}) {
		t.Fatalf("%+v", s)
	}
	return store
}

func TestSaveIsIncremental(t *testing.T) {
	v := NewLive(Options{})
	for i := range 50 {
		v.Alert(engine.Transition{Change: engine.Opened, Number: 1, Alert: alert(strings.Repeat("a", i+1), "r", engine.Low, 0, 0, "key", strings.Repeat("k", i+1))})
	}
	v.Save(memory{})
	more := memory{}
	v.Alert(engine.Transition{Change: engine.Raised, Number: 2, Alert: alert("a", "r", engine.High, 0, 0, "key", "k")})
	v.Save(more)
	if _, ok := more[alertKey("a")]; !ok || len(more) != 4 {
		t.Errorf("one alert changed, and %d records were written, want it, its incident, counters, format", len(more))
	}
	none := memory{}
	if v.Save(none); len(none) > 0 {
		t.Errorf("nothing changed, and %d records were written", len(none))
	}
}

func TestRestoreRefusesWhatIsNotWhole(t *testing.T) {
	whole := saved(t)
	if err := NewLive(Options{}).Restore(whole); err != nil {
		t.Fatal(err)
	}
	for key, value := range whole {
		for name, spoil := range map[string]func(memory){
			"missing": func(m memory) { delete(m, key) },
			"cut":     func(m memory) { m[key] = value[:len(value)/2] },
			"longer":  func(m memory) { m[key] = append(bytes.Clone(value), 0) },
			"empty":   func(m memory) { m[key] = nil },
		} {
			store := memory{}
			for k, v := range whole {
				store[k] = v
			}
			spoil(store)
			v := NewLive(Options{})
			err := v.Restore(store)
			if engine.KindOf(err) != engine.Fatal || !strings.Contains(err.Error(), "damaged") {
				t.Errorf("%q %s: %v", key, name, err)
			}
			if v.Stats() != (Stats{}) {
				t.Errorf("%q %s: %+v is left", key, name, v.Stats())
			}
		}
	}
}

func TestRestoreRefusesANewerFormat(t *testing.T) {
	store := saved(t)
	store[keyVersion] = []byte{format + 1}
	err := NewLive(Options{}).Restore(store)
	if engine.KindOf(err) != engine.Fatal || !strings.Contains(err.Error(), "format 2") {
		t.Errorf("got %v", err)
	}
}

// FuzzRestore: whatever a record holds, it is refused or can be worked with.
func FuzzRestore(f *testing.F) {
	v := NewLive(Options{})
	chain := alert("c", "r", engine.High, 0, hour, "key", "k")
	chain.Kind, chain.Evidence[0].Alert, chain.Evidence[0].Step = "sequence", "step", "s"
	v.Alert(engine.Transition{Change: engine.Opened, Number: 1, Alert: chain})
	store := memory{}
	v.Save(store)
	of := incidentKey(identity("c"))
	f.Add(store[alertKey("c")], store[of], store[keyHead])
	f.Fuzz(func(t *testing.T, al, in, head []byte) {
		m := memory{alertKey("c"): al, of: in, keyHead: head, keyVersion: {format}}
		v := NewLive(Options{})
		if v.Restore(m) != nil {
			return
		}
		for _, x := range v.incidents {
			x.tell(func(id string) bool { return v.has(x, id) }, v.opt)
		}
		v.Alert(engine.Transition{Change: engine.Opened, Number: 1, Alert: alert("d", "r", engine.High, 0, hour, "key", "k")})
		v.Advance(1 << 62)
		again := memory{}
		v.Save(again)
		if err := NewLive(Options{}).Restore(again); err != nil && len(v.incidents) == len(v.alerts) {
			t.Logf("%v", err)
		}
	})
}
