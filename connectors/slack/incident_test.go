package slack

import (
	"bytes"
	"encoding/json"
	"flag"
	"os"
	"strings"
	"testing"
	"time"

	"github.com/seed-843b225c/reflex/engine"
)

var update = flag.Bool("update", false, "rewrite golden files")

// document is the part of an incident's ECS document from which the incident
// is made again.
type document struct {
	Message string   `json:"message"`
	Tags    []string `json:"tags"`
	Event   struct {
		Start time.Time `json:"start"`
		End   time.Time `json:"end"`
	} `json:"event"`
	Reflex struct {
		Incident struct {
			ID, Owner, First       string
			Severity               engine.Level
			Risk                   int
			Alerts, Rules, Runbook []string
			Entities               []struct{ Type, Value string }
			Timeline               []struct {
				At                                     time.Time
				Alert, Rule, Step, Text, Event, Origin string
				Severity                               engine.Level
			}
		}
	} `json:"reflex"`
}

// demo reads the two incidents of the demo: what `reflex demo --incidents -` prints.
func demo(t testing.TB) []*engine.Incident {
	t.Helper()
	b, err := os.ReadFile("testdata/demo.ndjson")
	if err != nil {
		t.Fatal(err)
	}
	var out []*engine.Incident
	for line := range bytes.Lines(b) {
		var d document
		if err := json.Unmarshal(line, &d); err != nil {
			t.Fatal(err)
		}
		i := d.Reflex.Incident
		in := &engine.Incident{ID: i.ID, State: "open", Mode: "alert", Title: d.Message, Level: i.Severity, Risk: i.Risk, Start: d.Event.Start.UnixNano(),
			End: d.Event.End.UnixNano(), Alerts: i.Alerts, Rules: i.Rules, Tags: d.Tags, Owner: i.Owner, First: i.First, Runbook: i.Runbook}
		for _, en := range i.Entities {
			in.Entities = append(in.Entities, engine.Named{Name: en.Type, Value: engine.String(en.Value)})
		}
		for _, m := range i.Timeline {
			in.Timeline = append(in.Timeline, engine.Moment{Time: m.At.UnixNano(), Alert: m.Alert, Rule: m.Rule, Step: m.Step, Text: m.Text, Event: m.Event, Origin: m.Origin, Level: m.Severity})
		}
		out = append(out, in)
	}
	if len(out) != 2 {
		t.Fatalf("testdata holds %d incidents", len(out))
	}
	return out
}

// incident makes a small one, with one moment for each rule named.
func incident(id string, level engine.Level, rules ...string) *engine.Incident {
	start := time.Date(2026, 3, 2, 10, 0, 0, 0, time.UTC).UnixNano()
	in := &engine.Incident{ID: id, State: "open", Mode: "alert", Title: "AI key ci-example used from 203.0.113.9", Level: level, Risk: level.Risk(),
		Start: start, End: start, Owner: "ml-team@example.org", First: "Revoke the key.", Runbook: []string{"Revoke the key.", "Ask the owner."}}
	for i, rule := range rules {
		at := start + int64(i)*int64(time.Minute)
		in.End = at
		in.Alerts = append(in.Alerts, id+"-"+rule)
		in.Rules = append(in.Rules, rule)
		in.Timeline = append(in.Timeline, engine.Moment{Time: at, Alert: id + "-" + rule, Rule: rule, Level: level, Text: rule + " happened"})
	}
	return in
}

// change makes a transition of an incident.
func change(number int, c engine.Change, in *engine.Incident) engine.Transition {
	return engine.Transition{Change: c, Number: number, Time: in.End, Incident: in, Into: in.Into}
}

func golden(t *testing.T, path string, got []byte) {
	t.Helper()
	if *update {
		if err := os.WriteFile(path, got, 0o644); err != nil {
			t.Fatal(err)
		}
	}
	want, err := os.ReadFile(path)
	if err != nil {
		t.Fatal(err)
	}
	if !bytes.Equal(got, want) {
		t.Errorf("%s differs; run with -update and read the diff.\ngot:\n%s", path, got)
	}
}

func TestRenderDemo(t *testing.T) {
	for i, in := range demo(t) {
		blocks, text, err := Preview(in)
		if err != nil {
			t.Fatal(err)
		}
		name := "testdata/demo-" + string(rune('1'+i))
		golden(t, name+".json", append(blocks, '\n'))
		golden(t, name+".txt", []byte(strings.TrimRight(text, "\n")+"\n"))
	}
}
