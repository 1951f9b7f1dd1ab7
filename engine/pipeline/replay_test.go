package pipeline_test

import (
	"bytes"
	"fmt"
	"math/rand"
	"strings"
	"testing"
	"time"

	"github.com/seed-843b225c/reflex/engine"
	"github.com/seed-843b225c/reflex/engine/pipeline"
)

const burst = `
id: burst
title: Burst
level: high
from: [ecs]
when: event.action == "denied" and user.name != nil
count: {by: [user.name], within: 10m, at_least: 3}
alert: {dedup: {by: [user.name], within: 30m}}
`

// denied writes one ECS line; id "" leaves the record without one.
func denied(at time.Time, user, id string) string {
	if id != "" {
		id = `"event.id":"` + id + `",`
	}
	return fmt.Sprintf(`{"@timestamp":"%s",%s"event.action":"denied","user.name":"%s"}`+"\n", at.Format(time.RFC3339Nano), id, user)
}

var noon = time.Date(2026, 3, 2, 12, 0, 0, 0, time.UTC)

func replay(t *testing.T, rules string, inputs ...pipeline.Input) (*pipeline.Result, []engine.Refusal) {
	t.Helper()
	var refused []engine.Refusal
	r := pipeline.Replay{Parts: lineOf(t, []byte(rules)), Inputs: inputs, Lateness: time.Minute,
		Refuse: func(r engine.Refusal) { refused = append(refused, r) }, Warn: func(err error) { t.Error(err) }}
	res, err := r.Run(t.Context())
	if err != nil {
		t.Fatal(err)
	}
	return res, refused
}

func summary(res *pipeline.Result) string {
	var b strings.Builder
	for _, al := range res.Alerts {
		fmt.Fprintf(&b, "%s %s %d %s..%s %s %v\n", al.ID, al.Rule, al.Count, time.Unix(0, al.Start).UTC().Format("02T15:04:05"), time.Unix(0, al.End).UTC().Format("02T15:04:05"), al.Level, al.Document != nil)
	}
	return b.String()
}

// TestReplayDoesNotDependOnFilesOrOrder deals the same events to files in many
// ways: sorted, newest first, shuffled, one file, forty, with copies. The
// alerts are the same, and a sorted file is read once.
func TestReplayDoesNotDependOnFilesOrOrder(t *testing.T) {
	r := rand.New(rand.NewSource(7))
	var lines []string
	for i := range 3000 {
		at := noon.Add(time.Duration(i)*97*time.Second + time.Duration(r.Intn(90))*time.Second)
		lines = append(lines, denied(at, fmt.Sprint("user", r.Intn(9)), fmt.Sprint("e", i)))
	}
	sorted := memory{"sorted", []byte(strings.Join(lines, ""))}
	res, _ := replay(t, burst, sorted)
	want := summary(res)
	if strings.Count(want, "\n") < 20 || !strings.Contains(want, "true") || strings.Contains(want, "false") {
		t.Fatalf("nothing to compare, or a document is missing:\n%s", want)
	}
	if res.Stats.Passes() != 1 {
		t.Errorf("a sorted file was read %d times", res.Stats.Passes())
	}
	for round := range 12 {
		deck := append([]string(nil), lines...)
		switch {
		case round == 0: // newest first
			for i, j := 0, len(deck)-1; i < j; i, j = i+1, j-1 {
				deck[i], deck[j] = deck[j], deck[i]
			}
		case round > 2:
			r.Shuffle(len(deck), func(i, j int) { deck[i], deck[j] = deck[j], deck[i] })
		}
		files := make([]bytes.Buffer, 1+round*round*3)
		for i, line := range deck {
			n := i * len(files) / len(deck)
			if round%2 == 0 {
				n = r.Intn(len(files))
			}
			files[n].WriteString(line)
			if r.Intn(20) == 0 {
				files[r.Intn(len(files))].WriteString(line) // a copy
			}
		}
		var inputs []pipeline.Input
		for i := range files {
			inputs = append(inputs, memory{fmt.Sprint("file", r.Intn(1e6), i), files[i].Bytes()})
		}
		res, _ := replay(t, burst, inputs...)
		if got := summary(res); got != want {
			t.Fatalf("round %d, %d files: got\n%s\nwant\n%s", round, len(files), got, want)
		}
		if res.Stats.Late() != 0 {
			t.Errorf("round %d: %d late", round, res.Stats.Late())
		}
	}
}

// TestEqualRecordsWithoutAnID are facts of their own in one file, in any order,
// and a copy of the file adds none.
func TestEqualRecordsWithoutAnID(t *testing.T) {
	line := denied(noon, "ann", "")
	other := denied(noon.Add(time.Minute), "bob", "")
	res, _ := replay(t, burst, memory{"one", []byte(line + other + line + line)})
	if len(res.Alerts) != 1 || res.Alerts[0].Count != 1 {
		t.Fatalf("three equal records: %s", summary(res))
	}
	copied, _ := replay(t, burst, memory{"one", []byte(line + other + line + line)}, memory{"copy", []byte(line + line + line + other)})
	if summary(copied) != summary(res) {
		t.Errorf("a copy changed the alerts:\n%s", summary(copied))
	}
	if two, _ := replay(t, burst, memory{"one", []byte(line + line)}, memory{"copy", []byte(line + line)}); len(two.Alerts) != 0 {
		t.Errorf("two records and a copy of them make three: %s", summary(two))
	}
}

// once is an input that can be read once, like standard input.
type once struct{ memory }

func (once) Rewind() bool { return false }

func TestReplayOfStandardInputSaysWhatWasLate(t *testing.T) {
	var log bytes.Buffer
	for i := range 4000 { // several megabytes of time: the watermark moves every one
		log.WriteString(denied(noon.Add(time.Duration(i)*time.Minute), fmt.Sprint("user", i), fmt.Sprint("e", i)))
	}
	for log.Len() < 3<<20 {
		log.WriteString(denied(noon.Add(4000*time.Minute), "ann", fmt.Sprint("x", log.Len())))
	}
	log.WriteString(denied(noon, "bob", "late1"))
	log.WriteString(denied(noon, "bob", "late2"))
	res, _ := replay(t, burst, once{memory{"-", log.Bytes()}})
	if res.Stats.Late() != 2 {
		t.Errorf("%d late, want 2", res.Stats.Late())
	}
}

func TestReplayGoesOnAfterRefusedInput(t *testing.T) {
	log := denied(noon, "ann", "a") + "{\"torn\n" + denied(noon.Add(time.Second), "ann", "b") + "{\"@timestamp\":\"yesterday\",\"event.action\":\"denied\"}\n" + denied(noon.Add(2*time.Second), "ann", "c")
	res, refused := replay(t, burst, memory{"log", []byte(log)})
	if len(res.Alerts) != 1 || len(refused) != 2 || refused[0].Origin.Line != 2 || refused[1].Origin.Line != 4 {
		t.Errorf("%d alerts, refused %v", len(res.Alerts), refused)
	}
	if res.Stats.Refused() != 2 {
		t.Errorf("counted %d refusals", res.Stats.Refused())
	}
}

func TestReplayEmptyAndMissingInput(t *testing.T) {
	res, refused := replay(t, burst, memory{"empty", nil}, memory{"blank", []byte("\n\n  \n")})
	if len(res.Alerts) != 0 || len(refused) != 0 || res.Stats.Events() != 0 {
		t.Errorf("nothing gave something: %+v %v", res.Stats, refused)
	}
}
