package main

import (
	"bytes"
	"encoding/json"
	"fmt"
	"slices"
	"testing"

	"github.com/seed-843b225c/reflex/engine/pipeline"
	"github.com/seed-843b225c/reflex/engine/rule"
	"github.com/seed-843b225c/reflex/engine/secret"
)

// shippedBench is what the tests of the shipped rules run on.
func shippedBench(t *testing.T) *bench {
	t.Helper()
	var said bytes.Buffer
	a := &app{out: newPrinter(&said), err: newPrinter(&said)}
	pack, _, lists, mistakes, err := a.compiled(&setup{}, nil)
	if err != nil {
		t.Fatal(err)
	}
	if bad := mistakes.Errors(); len(bad) > 0 {
		t.Fatal(bad)
	}
	return &bench{pack: pack, lists: lists, secrets: secret.New(secret.Options{})}
}

// outcomes gives the alerts and incidents of a test in every arrival order.
func outcomes(t *testing.T, b *bench, c rule.TestCase) (out []string) {
	t.Helper()
	parts, _, err := b.parts(c)
	if err != nil {
		t.Fatal(err)
	}
	for turn := range 1 + c.Shuffle {
		res, err := pipeline.Play(parts, arrivals(c, turn), nil)
		if err != nil {
			t.Fatal(err)
		}
		for _, al := range res.Alerts {
			j, err := json.Marshal(al)
			if err != nil {
				t.Fatal(err)
			}
			out = append(out, fmt.Sprintf("%d %s", turn, j))
		}
		for _, in := range res.Incidents {
			j, err := json.Marshal(in)
			if err != nil {
				t.Fatal(err)
			}
			out = append(out, fmt.Sprintf("%d %s", turn, j))
		}
	}
	return out
}

// TestNoShippedRuleNoticesARestart kills the process after every record of
// every test of every shipped rule: alerts, with their ids and documents, and
// incidents are those of a process that was never killed, in other arrival
// orders too.
func TestNoShippedRuleNoticesARestart(t *testing.T) {
	b := shippedBench(t)
	tests, found := 0, 0
	for _, r := range b.pack.Rules {
		for _, c := range r.Tests {
			name := r.ID + ": " + c.Name
			restarted, plain := c, c
			restarted.Restart = true
			if out := b.run(restarted); out.failure != "" {
				t.Errorf("%s: %s", name, out.failure)
				continue
			}
			plain.Restart, plain.Events = false, slices.Clone(c.Events)
			for i := range plain.Events {
				plain.Events[i].Restart = false
			}
			want, got := outcomes(t, b, plain), outcomes(t, b, restarted)
			if len(want) != len(got) {
				t.Errorf("%s: %d alerts and incidents with restarts, %d without", name, len(got), len(want))
				continue
			}
			for i := range want {
				if got[i] != want[i] {
					t.Errorf("%s: %s", name, differ(got[i], want[i]))
				}
			}
			tests++
			found += len(want)
		}
	}
	if tests < 50 || found < 100 {
		t.Errorf("%d tests with %d alerts and incidents: that tests nothing", tests, found)
	}
}

// differ shows where two texts part.
func differ(got, want string) string {
	n := 0
	for n < len(got) && n < len(want) && got[n] == want[n] {
		n++
	}
	from := max(0, n-80)
	show := func(s string) string { return s[min(from, len(s)):min(n+80, len(s))] }
	return fmt.Sprintf("%s\nwith restarts    ..%s..\nwithout restarts ..%s..", want[:min(80, len(want))], show(got), show(want))
}
