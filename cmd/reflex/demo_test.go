package main

import (
	"bytes"
	"encoding/base64"
	"encoding/json"
	"fmt"
	"net/url"
	"slices"
	"strings"
	"testing"

	"github.com/seed-843b225c/reflex/engine/story"
)

// told is what an incident document says, as far as the tests ask.
type told struct {
	Reflex struct {
		Incident struct {
			Severity string
			Rules    []string
			Entities []struct {
				Type  string
				Value any
			}
			Timeline []struct{ Rule string }
			First    string
		}
	}
}

func (in *told) names(entity, value string) bool {
	for _, en := range in.Reflex.Incident.Entities {
		if en.Type == entity && fmt.Sprint(en.Value) == value {
			return true
		}
	}
	return false
}

// TestDemoFindsTwoIncidents: on any of ten days exactly the two attacks come out above
// low, both critical, each with every step in its timeline, and no output
// holds the leaked key in any form.
func TestDemoFindsTwoIncidents(t *testing.T) {
	for seed := range int64(10) {
		t.Run(fmt.Sprint("seed ", seed), func(t *testing.T) {
			var out, errs bytes.Buffer
			if code := run(t.Context(), []string{"demo", "--seed", fmt.Sprint(seed), "--incidents", "-"}, nil, &out, &errs); code != exitDone {
				t.Fatalf("exit %d: %s", code, errs.String())
			}
			var loud []told
			for row := range strings.Lines(out.String()) {
				var in told
				if err := json.Unmarshal([]byte(row), &in); err != nil {
					t.Fatal(err)
				}
				if s := in.Reflex.Incident.Severity; s != "low" && s != "informational" {
					loud = append(loud, in)
				}
			}
			if len(loud) != 2 {
				t.Fatalf("%d incidents above low", len(loud))
			}
			day := story.New(seed)
			for _, want := range day.Expected() {
				checkTold(t, loud, want)
			}
		})
	}
}

func checkTold(t *testing.T, loud []told, want story.Expected) {
	i := slices.IndexFunc(loud, func(in told) bool { return slices.Contains(in.Reflex.Incident.Rules, want.Chain) })
	if i < 0 {
		t.Fatalf("no incident holds %s", want.Chain)
	}
	in := &loud[i]
	if in.Reflex.Incident.Severity != want.Level || in.Reflex.Incident.First == "" {
		t.Errorf("%s: level %s, first thing to do %q", want.Name, in.Reflex.Incident.Severity, in.Reflex.Incident.First)
	}
	if !in.names("run", want.Run) || !in.names("key", want.Principal) {
		t.Errorf("%s: run %s or key %s is not named", want.Name, want.Run, want.Principal)
	}
	for _, step := range want.Steps {
		if !slices.ContainsFunc(in.Reflex.Incident.Timeline, func(m struct{ Rule string }) bool { return slices.Contains(step.Rules, m.Rule) }) {
			t.Errorf("%s: step %s is not in the timeline", want.Name, step.ID)
		}
	}
}

// TestDemoShowsNoSecret looks for the leaked key in everything a run writes.
func TestDemoShowsNoSecret(t *testing.T) {
	for _, args := range [][]string{{}, {"--json"}, {"--alerts", "-", "--incidents", "-", "--stats", "-", "--dead-letter", "-"}} {
		var out, errs bytes.Buffer
		if code := run(t.Context(), append([]string{"demo"}, args...), nil, &out, &errs); code != exitDone {
			t.Fatalf("exit %d: %s", code, errs.String())
		}
		for _, value := range story.New(1).Secrets() {
			for _, form := range []string{value, base64.StdEncoding.EncodeToString([]byte(value)), url.QueryEscape(value), value[8:]} {
				if strings.Contains(out.String()+errs.String(), form) {
					t.Errorf("demo %v prints the leaked key", args)
				}
			}
		}
	}
}

// TestDemoSameWithEveryEvaluator: the alerts do not depend on how they are
// computed: the incremental engine and brute force, one shard and several.
func TestDemoSameWithEveryEvaluator(t *testing.T) {
	alerts := func(args ...string) string {
		var out, errs bytes.Buffer
		if code := run(t.Context(), append([]string{"demo", "--alerts", "-"}, args...), nil, &out, &errs); code != exitDone {
			t.Fatalf("exit %d: %s", code, errs.String())
		}
		return out.String()
	}
	want := alerts("--oracle")
	for _, args := range [][]string{{}, {"--shards", "3"}} {
		if got := alerts(args...); got != want {
			t.Errorf("demo %v gives other alerts than brute force:\n%s", args, firstDifference(got, want))
		}
	}
}

func firstDifference(a, b string) string {
	as, bs := strings.Split(a, "\n"), strings.Split(b, "\n")
	for i := range min(len(as), len(bs)) {
		if as[i] != bs[i] {
			return "got  " + as[i] + "\nwant " + bs[i]
		}
	}
	return fmt.Sprintf("%d and %d lines", len(as), len(bs))
}
