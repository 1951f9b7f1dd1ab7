package pipeline_test

import (
	"fmt"
	"math/rand"
	"slices"
	"testing"
	"time"

	"github.com/seed-843b225c/reflex/engine"
	"github.com/seed-843b225c/reflex/engine/pipeline"
)

// arrive gives lines in order of arrival.
func arrive(lines []string) []pipeline.Arrival {
	out := make([]pipeline.Arrival, len(lines))
	for i, l := range lines {
		out[i].Record = engine.Record{Data: []byte(l), Format: "ecs", Origin: engine.Origin{Source: "event", Partition: -1, Line: int64(i + 1)}}
	}
	return out
}

// TestPlayForgetsNothingWhenKilled kills random plays at random records: late
// events, copies and events without an id among them.
func TestPlayForgetsNothingWhenKilled(t *testing.T) {
	parts := lineOf(t, []byte(burst))
	kills, alerts := 0, 0
	for seed := range int64(60) {
		r := rand.New(rand.NewSource(seed))
		var lines []string
		at := noon
		for i := range 40 {
			at = at.Add(time.Duration(r.Intn(240)) * time.Second)
			id := ""
			if r.Intn(3) > 0 {
				id = fmt.Sprint("e", i-r.Intn(2))
			}
			lines = append(lines, denied(at.Add(-time.Duration(r.Intn(120))*time.Second), fmt.Sprint("user", r.Intn(3)), id))
		}
		plain := arrive(lines)
		want, err := pipeline.Play(parts, plain, nil)
		if err != nil {
			t.Fatal(err)
		}
		killed := slices.Clone(plain)
		for i := range killed {
			if killed[i].Restart = r.Intn(4) == 0; killed[i].Restart {
				kills++
			}
		}
		got, err := pipeline.Play(parts, killed, nil)
		if err != nil {
			t.Fatalf("seed %d: %v", seed, err)
		}
		if summary(got) != summary(want) {
			t.Fatalf("seed %d: killed\n%snever killed\n%s", seed, summary(got), summary(want))
		}
		alerts += len(want.Alerts)
	}
	if kills < 100 || alerts < 100 {
		t.Errorf("%d kills and %d alerts test nothing", kills, alerts)
	}
}

func TestPlayKillsAfterTheLastRecordToo(t *testing.T) {
	var lines []string
	for i := range 3 {
		lines = append(lines, denied(noon.Add(time.Duration(i)*time.Second), "ann", fmt.Sprint(i)))
	}
	as := arrive(lines)
	as[2].Restart = true // a checkpoint and a kill that loses nothing follow: no event comes any more
	res, err := pipeline.Play(lineOf(t, []byte(burst)), as, nil)
	if err != nil {
		t.Fatal(err)
	}
	if len(res.Alerts) != 1 || res.Alerts[0].Count != 1 {
		t.Error(summary(res))
	}
}
