package incident

import (
	"fmt"
	"math/rand"
	"reflect"
	"testing"
	"time"

	"github.com/seed-843b225c/reflex/engine"
)

const hour = int64(time.Hour)

func alert(id, rule string, level engine.Level, start, end int64, entities ...string) *engine.Alert {
	al := &engine.Alert{ID: id, Rule: rule, Title: rule + " happened", Level: level, Mode: "alert", Kind: "match", Start: start, End: end,
		Evidence: []engine.Evidence{{Time: start, ID: "event-" + id}}}
	for i := 0; i+1 < len(entities); i += 2 {
		al.Entities = append(al.Entities, engine.Named{Name: entities[i], Value: engine.String(entities[i+1])})
	}
	return al
}

func members(ins []*engine.Incident) string {
	s := ""
	for _, in := range ins {
		s += fmt.Sprint(in.Alerts)
	}
	return s
}

func TestGroupJoinsWhatSharesAStrongEntity(t *testing.T) {
	for name, c := range map[string]struct {
		alerts []*engine.Alert
		want   string
	}{
		"same key":                      {[]*engine.Alert{alert("a", "r1", engine.High, 0, hour, "key", "k1"), alert("b", "r2", engine.Low, 2*hour, 3*hour, "key", "k1")}, "[a b]"},
		"other key":                     {[]*engine.Alert{alert("a", "r1", engine.High, 0, hour, "key", "k1"), alert("b", "r2", engine.Low, 2*hour, 3*hour, "key", "k2")}, "[a][b]"},
		"same value under another name": {[]*engine.Alert{alert("a", "r1", engine.High, 0, hour, "key", "k1"), alert("b", "r2", engine.Low, 2*hour, 3*hour, "run", "k1")}, "[a][b]"},
		"an address joins nothing":      {[]*engine.Alert{alert("a", "r1", engine.High, 0, hour, "ip", "k1"), alert("b", "r2", engine.Low, 2*hour, 3*hour, "ip", "k1")}, "[a][b]"},
		"24 hours apart":                {[]*engine.Alert{alert("a", "r1", engine.High, 0, hour, "key", "k1"), alert("b", "r2", engine.High, 25*hour, 26*hour, "key", "k1")}, "[a b]"},
		"a moment more":                 {[]*engine.Alert{alert("a", "r1", engine.High, 0, hour, "key", "k1"), alert("b", "r2", engine.High, 25*hour+1, 26*hour, "key", "k1")}, "[a][b]"},
		"a long one bridges":            {[]*engine.Alert{alert("a", "r1", engine.High, 0, 40*hour, "key", "k1"), alert("b", "r2", engine.High, hour, 2*hour, "key", "k1"), alert("c", "r3", engine.High, 60*hour, 60*hour, "key", "k1")}, "[a b c]"},
		"shared value":                  {[]*engine.Alert{alert("a", "r1", engine.High, 0, hour, "key", "shared"), alert("b", "r2", engine.High, 1, hour, "key", "shared")}, "[a][b]"},
	} {
		t.Run(name, func(t *testing.T) {
			o := Options{Shared: func(en engine.Named) bool { return en.Value.Str() == "shared" }}
			if got := members(Group(c.alerts, o)); got != c.want {
				t.Errorf("got %s, want %s", got, c.want)
			}
		})
	}
}

func TestGroupJoinsChainsOfAnyAge(t *testing.T) {
	leak := alert("leak", "leak", engine.High, 0, 0, "secret", "f1")
	chain := alert("chain", "chain", engine.Critical, 80*24*hour, 80*24*hour, "key", "k1")
	chain.Kind = "sequence"
	chain.Evidence = []engine.Evidence{{Time: 0, ID: "event-leak", Step: "leak", Alert: "leak"}, {Time: 80 * 24 * hour, ID: "use", Step: "use"}}
	use := alert("use", "use", engine.High, 80*24*hour, 80*24*hour, "key", "k1")
	ins := Group([]*engine.Alert{use, chain, leak}, Options{})
	if len(ins) != 1 || len(ins[0].Alerts) != 3 {
		t.Fatalf("got %s, want one incident of three", members(ins))
	}
	in := ins[0]
	if in.Level != engine.Critical || in.Title != "chain happened" || in.Risk != 100 {
		t.Errorf("got level %s title %q risk %d", in.Level, in.Title, in.Risk)
	}
	if len(in.Timeline) != 4 {
		t.Errorf("timeline has %d lines, want leak, use, the chain's own step use, chain: %+v", len(in.Timeline), in.Timeline)
	}
}

func TestGroupEndsAfterThirtyDays(t *testing.T) {
	var alerts []*engine.Alert
	for day := range 40 {
		at := int64(day) * 24 * hour
		alerts = append(alerts, alert(fmt.Sprintf("%02d", day), "r", engine.Low, at, at, "key", "k1"))
	}
	ins := Group(alerts, Options{})
	if len(ins) != 2 || len(ins[0].Alerts) != 31 {
		t.Fatalf("got %d incidents: %s", len(ins), members(ins))
	}
}

// TestGroupIgnoresArrival: any order of the alerts gives the same incidents.
func TestGroupIgnoresArrival(t *testing.T) {
	for seed := range int64(300) {
		r := rand.New(rand.NewSource(seed))
		var alerts []*engine.Alert
		for i := range 12 {
			start := r.Int63n(80) * hour
			al := alert(fmt.Sprint(i), fmt.Sprint("r", r.Intn(4)), engine.Level(1+r.Intn(5)), start, start+r.Int63n(10)*hour, "key", fmt.Sprint(r.Intn(4)), "run", fmt.Sprint(r.Intn(6)))
			if r.Intn(3) == 0 {
				al.Kind = "sequence"
				al.Evidence = append(al.Evidence, engine.Evidence{Time: start, ID: "s", Step: "s", Alert: fmt.Sprint(r.Intn(12))})
			}
			alerts = append(alerts, al)
		}
		want := Group(alerts, Options{})
		r.Shuffle(len(alerts), func(i, j int) { alerts[i], alerts[j] = alerts[j], alerts[i] })
		if got := Group(alerts, Options{}); !reflect.DeepEqual(got, want) {
			t.Fatalf("seed %d: other order, other incidents", seed)
		}
		more := Group(append(alerts, alert("x", "x", engine.Low, 40*hour, 41*hour, "key", "1")), Options{})
		if len(more) > len(want)+1 {
			t.Fatalf("seed %d: one more alert split an incident", seed)
		}
	}
}
