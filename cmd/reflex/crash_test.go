package main

import (
	"bytes"
	"encoding/json"
	"flag"
	"fmt"
	"io"
	"math/rand/v2"
	"net/http"
	"os"
	"os/exec"
	"path/filepath"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/seed-843b225c/reflex/connectors/file"
	"github.com/seed-843b225c/reflex/engine/pipeline"
)

var (
	crashKills  = flag.Int("kills", 4, "crash test: how often the process is killed")
	crashEvents = flag.Int("events", 30_000, "crash test: how many records")
	crashSeed   = flag.Uint64("crash-seed", 0, "crash test: seed; 0: another one each time, printed")
)

// TestCrash kills the real process at random moments while records keep coming;
// with REFLEX_TEST_ALONE it takes real brokers and Elasticsearch away as well. Whatever happens:
// the final alerts are those of an offline replay, each under one id that was
// opened once; each transition is there once; Slack shows one message an
// incident; committed offsets never go back.
//
// Without REFLEX_TEST_KAFKA the broker is one in this process; with
// REFLEX_TEST_ELASTIC a real Elasticsearch is written to and compared as well.
func TestCrash(t *testing.T) {
	if testing.Short() {
		t.Skip("the process is killed in the long tests only")
	}
	seed := *crashSeed
	if seed == 0 {
		seed = uint64(time.Now().UnixNano())
	}
	t.Logf("go test ./cmd/reflex -run TestCrash -kills %d -events %d -crash-seed %d", *crashKills, *crashEvents, seed)
	random := rand.New(rand.NewPCG(seed, 1))
	r := newCrashRig(t)
	stream := crashStream(random, *crashEvents)
	chunk := len(stream)/(*crashKills*6) + 1
	chunks := slices.Collect(slices.Chunk(stream, chunk))
	r.start()
	for i, ms := range chunks {
		r.produce(ms)
		r.offsets()
		r.pause(time.Duration(random.IntN(120)) * time.Millisecond)
		if i%6 == 5 {
			r.pause(time.Duration(random.IntN(1500)) * time.Millisecond)
			r.kill()
			r.trouble(i/6, random)
			r.start()
		}
	}
	r.heal()
	r.settled(3 * time.Minute)
	r.offsets()
	r.stop()
	r.compare(stream)
}

// trouble takes something away while the process is down or coming up: where
// nobody else uses the servers (REFLEX_TEST_ALONE), because packages are tested
// side by side.
func (r *crashRig) trouble(turn int, random *rand.Rand) {
	if os.Getenv("REFLEX_TEST_SERVICES") == "" || os.Getenv("REFLEX_TEST_ALONE") == "" {
		return
	}
	switch {
	case turn%3 == 1:
		r.service("kafka", "restart")
	case turn%3 == 2 && os.Getenv("REFLEX_TEST_ELASTIC") != "" && !r.paused:
		r.service("elastic", "pause")
		r.paused = true
		r.pause(time.Duration(random.IntN(1000)) * time.Millisecond)
	}
}

func (r *crashRig) heal() {
	if r.paused {
		r.service("elastic", "resume")
	}
}

func (r *crashRig) service(name, what string) {
	out, err := exec.Command(filepath.Join(os.Getenv("REFLEX_TEST_SERVICES"), name), what).CombinedOutput()
	if err != nil {
		r.t.Fatalf("%s %s: %v\n%s", name, what, err, out)
	}
}

// compare judges what was delivered.
func (r *crashRig) compare(stream []message) {
	docs := r.delivered()
	opened, numbers, final := map[string]int{}, map[string]int{}, map[string]document{}
	for _, d := range docs {
		tr := d.Reflex.Transition
		if tr.Number != numbers[d.Event.ID]+1 {
			r.t.Errorf("%s %s comes after number %d", d.Event.Action, tr.ID, numbers[d.Event.ID])
		}
		numbers[d.Event.ID] = tr.Number
		switch d.Event.Action {
		case "alert-opened":
			opened[d.Event.ID]++
		case "alert-final":
			final[d.Event.ID] = d
		case "alert-merged":
			delete(opened, d.Event.ID)
		}
	}
	var got []string
	for id, d := range final {
		if opened[id] != 1 {
			r.t.Errorf("final alert %s was opened %d times", id, opened[id])
		}
		got = append(got, fmt.Sprintf("%s %v %d %s..%s %s", d.Rule.ID, d.Reflex.Key, d.Reflex.Count, d.Event.Start, d.Event.End, d.Reflex.Severity))
	}
	for id := range opened {
		if _, ok := final[id]; !ok {
			r.t.Errorf("alert %s was opened and never became final", id)
		}
	}
	want := r.offline(stream)
	slices.Sort(got)
	slices.Sort(want)
	for _, l := range want {
		if !slices.Contains(got, l) {
			r.t.Errorf("missing: %s", l)
		}
	}
	for _, l := range got {
		if !slices.Contains(want, l) {
			r.t.Errorf("too much: %s", l)
		}
	}
	if len(want) < 20 || len(got) != len(want) {
		r.t.Errorf("%d alerts, want %d, at least 20", len(got), len(want))
	}
	r.oneMessageEach(docs)
	r.sameInElastic(docs)
	r.t.Logf("%d records, %d transitions, %d alerts, %d messages in Slack", len(stream), len(docs), len(got), len(r.slack.Messages("C0EXAMPLE1")))
	if r.t.Failed() {
		r.t.Log(r.tail())
	}
}

// offline gives the final alerts of the same records in files.
func (r *crashRig) offline(stream []message) (out []string) {
	var said bytes.Buffer
	a := &app{out: newPrinter(&said), err: newPrinter(&said)}
	l, err := a.load(&setup{rules: []string{filepath.Join(r.folder, "rules.yml")}})
	if err != nil {
		r.t.Fatalf("%v\n%s", err, &said)
	}
	var b bytes.Buffer
	for _, m := range stream {
		b.WriteString(m.value)
		b.WriteByte('\n')
	}
	play := pipeline.Replay{Parts: l.parts(), Inputs: []pipeline.Input{input{file.Memory("stream", b.Bytes()), a}}, Format: "ecs"}
	res, err := play.Run(r.t.Context())
	must(r.t, err)
	for _, al := range res.Alerts {
		j, err := json.Marshal(al.ECS())
		must(r.t, err)
		var d document
		must(r.t, json.Unmarshal(j, &d))
		out = append(out, fmt.Sprintf("%s %v %d %s..%s %s", d.Rule.ID, d.Reflex.Key, d.Reflex.Count, d.Event.Start, d.Event.End, d.Reflex.Severity))
	}
	return out
}

// oneMessageEach looks at the channel.
func (r *crashRig) oneMessageEach(docs []document) {
	want, merged := map[string]bool{}, map[string]bool{}
	for _, d := range docs {
		switch {
		case d.Event.Action == "incident-merged":
			delete(want, d.Event.ID) // it may have gone before it was shown
			merged[d.Event.ID] = true
		case d.Reflex.Incident.Severity == "critical":
			want[d.Event.ID] = true
		}
	}
	seen := map[string]int{}
	for _, m := range r.slack.Messages("C0EXAMPLE1") {
		id, _ := m.Metadata.Payload["incident"].(string)
		seen[id]++
	}
	for id, n := range seen {
		if n != 1 {
			r.t.Errorf("Slack shows %d messages of incident %q", n, id)
		}
		if !want[id] && !merged[id] {
			r.t.Errorf("Slack shows an incident %q that was never opened", id)
		}
	}
	for id := range want {
		if seen[id] == 0 {
			r.t.Errorf("Slack shows nothing of incident %s", id)
		}
	}
}

// sameInElastic compares the documents in Elasticsearch with the file sink's.
func (r *crashRig) sameInElastic(docs []document) {
	url := os.Getenv("REFLEX_TEST_ELASTIC")
	if url == "" {
		return
	}
	want := map[string]bool{}
	for _, d := range docs {
		want[d.Reflex.Transition.ID] = true
	}
	got := map[string]int{}
	after := ""
	for {
		query := `{"size":5000,"sort":["reflex.transition.id"],"_source":["reflex.transition.id"]` + after + `}`
		res, err := http.Post(url+"/logs-reflex.*-"+r.name+"/_search?ignore_unavailable=true", "application/json", strings.NewReader(query))
		must(r.t, err)
		b, err := io.ReadAll(res.Body)
		must(r.t, err)
		res.Body.Close()
		var page struct {
			Hits struct {
				Hits []struct {
					Source struct {
						Reflex struct{ Transition struct{ ID string } }
					} `json:"_source"`
					Sort []any
				}
			}
		}
		if err := json.Unmarshal(b, &page); err != nil || res.StatusCode != http.StatusOK {
			r.t.Fatalf("search: %d %s", res.StatusCode, b)
		}
		if len(page.Hits.Hits) == 0 {
			break
		}
		for _, h := range page.Hits.Hits {
			got[h.Source.Reflex.Transition.ID]++
		}
		last, err := json.Marshal(page.Hits.Hits[len(page.Hits.Hits)-1].Sort)
		must(r.t, err)
		after = `,"search_after":` + string(last)
	}
	for id := range want {
		if got[id] != 1 {
			r.t.Errorf("Elasticsearch has %d documents of %s", got[id], id)
		}
	}
	for id := range got {
		if !want[id] {
			r.t.Errorf("Elasticsearch has %s, which nobody else has", id)
		}
	}
}
