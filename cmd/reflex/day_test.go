package main

import (
	"bytes"
	"compress/gzip"
	"context"
	"encoding/json"
	"fmt"
	"io"
	"math/rand/v2"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"

	"github.com/seed-843b225c/reflex/connectors/file"
	"github.com/seed-843b225c/reflex/engine"
	"github.com/seed-843b225c/reflex/engine/enrich"
	"github.com/seed-843b225c/reflex/engine/pipeline"
	"github.com/seed-843b225c/reflex/engine/story"
)

// play puts the files of a day through the line that demo uses.
func play(t *testing.T, day *story.Story, files []story.File, change func(*setup, *pipeline.Parts)) *pipeline.Result {
	t.Helper()
	var said bytes.Buffer
	a := &app{out: newPrinter(&said), err: newPrinter(&said)}
	geo, errs := enrich.OpenGeoBytes(day.GeoIP())
	if len(errs) > 0 {
		t.Fatal(errs)
	}
	s := setup{geo: geo, extraLists: day.Lists(), exceptions: day.Exceptions()}
	if change != nil {
		change(&s, &pipeline.Parts{})
	}
	l, err := a.load(&s)
	if err != nil {
		t.Fatalf("%v\n%s", err, &said)
	}
	parts := l.parts()
	if change != nil {
		change(&setup{}, &parts)
	}
	r := pipeline.Replay{Parts: parts, Refuse: func(r engine.Refusal) { t.Errorf("refused: %s", r.Error()) }, Warn: func(err error) { t.Error(err) }}
	for _, f := range files {
		r.Inputs = append(r.Inputs, input{file.Memory(f.Name, f.Data), a})
	}
	res, err := r.Run(context.Background())
	if err != nil {
		t.Fatal(err)
	}
	return res
}

func entity(named []engine.Named, name string) []string {
	var out []string
	for _, n := range named {
		if n.Name == name {
			out = append(out, n.Value.Text())
		}
	}
	return out
}

// above gives the incidents that are more than low.
func above(res *pipeline.Result) []*engine.Incident {
	return slices.DeleteFunc(slices.Clone(res.Incidents), func(in *engine.Incident) bool { return in.Level <= engine.Low })
}

func TestTenDaysGiveTwoIncidents(t *testing.T) {
	seeds := int64(10)
	if testing.Short() {
		seeds = 2
	}
	for seed := int64(1); seed <= seeds; seed++ {
		t.Run(fmt.Sprint("seed ", seed), func(t *testing.T) {
			t.Parallel()
			day := story.New(seed)
			res := play(t, day, day.Files(), nil)
			found := above(res)
			if len(found) != 2 {
				for _, in := range found {
					t.Errorf("%s %s: %s %v", in.Level, in.Title, in.ID, in.Rules)
				}
				t.Fatalf("%d incidents above low, want 2", len(found))
			}
			for _, want := range day.Expected() {
				checkIncident(t, res, found, want)
			}
			if n := res.Stats.Events(); n < 20_000 {
				t.Errorf("%d events", n)
			}
			if len(res.Incidents) < 4 {
				t.Errorf("%d incidents in all: nothing was seen and judged quiet", len(res.Incidents))
			}
		})
	}
}

func checkIncident(t *testing.T, res *pipeline.Result, found []*engine.Incident, want story.Expected) {
	t.Helper()
	i := slices.IndexFunc(found, func(in *engine.Incident) bool { return slices.Contains(entity(in.Entities, "run"), want.Run) })
	if i < 0 {
		t.Errorf("%s: no incident names run %s", want.Name, want.Run)
		return
	}
	in := found[i]
	if in.Level.String() != want.Level || !slices.Contains(entity(in.Entities, "key"), want.Principal) || !slices.Contains(in.Rules, want.Chain) {
		t.Errorf("%s: level %s, keys %v, rules %v", want.Name, in.Level, entity(in.Entities, "key"), in.Rules)
	}
	if in.Owner == "" || in.First == "" || len(entity(in.Entities, "ip")) == 0 {
		t.Errorf("%s: owner %q, first thing to do %q, addresses %v", want.Name, in.Owner, in.First, entity(in.Entities, "ip"))
	}
	if runs := entity(in.Entities, "run"); len(runs) != 1 {
		t.Errorf("%s: runs %v, want one", want.Name, runs)
	}
	last := int64(0)
	for _, step := range want.Steps {
		m := slices.IndexFunc(in.Timeline, func(m engine.Moment) bool {
			return slices.Contains(step.Rules, m.Rule) && m.Time >= last && (step.At.IsZero() || m.Time == step.At.UnixNano())
		})
		if m < 0 {
			t.Errorf("%s: step %s is not in the timeline", want.Name, step.ID)
			continue
		}
		last = in.Timeline[m].Time
	}
	al := res.Alerts[slices.IndexFunc(res.Alerts, func(al *engine.Alert) bool {
		return al.Rule == want.Chain && slices.Contains(entity(al.Entities, "key"), want.Principal)
	})]
	for _, step := range want.Steps {
		if !slices.ContainsFunc(al.Evidence, func(e engine.Evidence) bool { return e.Step == step.ID }) {
			t.Errorf("%s: the chain has no evidence of step %s", want.Name, step.ID)
		}
	}
}

// TestLoadTestNeedsItsException: the look-alike is one only because of the
// exception in force.
func TestLoadTestNeedsItsException(t *testing.T) {
	if testing.Short() {
		t.Skip("plays a day on the path of another test")
	}
	day := story.New(1)
	res := play(t, day, day.Files(), func(s *setup, _ *pipeline.Parts) { s.exceptions = nil })
	found := above(res)
	if len(found) != 3 || !slices.ContainsFunc(found, func(in *engine.Incident) bool { return slices.Contains(entity(in.Entities, "key"), "load-test") }) {
		t.Errorf("%d incidents without the exception, want the load test as a third", len(found))
	}
}

// essence is what must not depend on how the logs lay in their files.
func essence(res *pipeline.Result) string {
	var b strings.Builder
	for _, al := range res.Alerts {
		fmt.Fprintf(&b, "%s %s %s %s %d-%d points %d events %d %q\n", al.ID, al.Rule, al.Level, al.Mode, al.Start, al.End, al.Count, al.Events, al.Title)
		for _, e := range al.Entities {
			fmt.Fprintf(&b, "  %s=%s\n", e.Name, e.Value.Text())
		}
		for _, e := range al.Evidence {
			fmt.Fprintf(&b, "  %d %s %s %s\n", e.Time, e.Dataset, e.ID, e.Step)
		}
	}
	for _, in := range res.Incidents {
		fmt.Fprintf(&b, "incident %s %s %v\n", in.ID, in.Level, in.Alerts)
	}
	return b.String()
}

func TestDayDoesNotDependOnFiles(t *testing.T) {
	day := story.New(2)
	want := essence(play(t, day, day.Files(), nil))
	t.Run("four shards", func(t *testing.T) {
		same(t, want, essence(play(t, day, day.Files(), func(_ *setup, p *pipeline.Parts) { p.Shards = 4 })))
	})
	if testing.Short() {
		return // the others run the same code once more
	}
	t.Run("by brute force", func(t *testing.T) {
		same(t, want, essence(play(t, day, day.Files(), func(_ *setup, p *pipeline.Parts) { p.Oracle = true })))
	})
	t.Run("other order", func(t *testing.T) {
		r := rand.New(rand.NewPCG(7, 7))
		files := day.Files()
		for i := range files {
			files[i] = reorder(t, r, files[i])
		}
		r.Shuffle(len(files), func(i, j int) { files[i], files[j] = files[j], files[i] })
		same(t, want, essence(play(t, day, files, nil)))
	})
	t.Run("copies", func(t *testing.T) {
		files := day.Files()
		for _, f := range files {
			if strings.HasPrefix(f.Name, "AWSLogs") || strings.HasPrefix(f.Name, "webhooks") || strings.HasPrefix(f.Name, "harden-runner") || strings.HasPrefix(f.Name, "litellm") {
				f.Name = "copy/" + f.Name
				files = append(files, f)
			}
		}
		same(t, want, essence(play(t, day, files, nil)))
	})
}

func same(t *testing.T, want, got string) {
	t.Helper()
	if want == got {
		return
	}
	w, g := strings.Split(want, "\n"), strings.Split(got, "\n")
	for i := range min(len(w), len(g)) {
		if w[i] != g[i] {
			t.Fatalf("line %d:\nwant %s\ngot  %s", i, w[i], g[i])
		}
	}
	t.Fatalf("%d lines, want %d", len(g), len(w))
}

// reorder puts the records of a file in another order and gives it another
// name, where its format allows that: not build text, and no header line.
func reorder(t *testing.T, r *rand.Rand, f story.File) story.File {
	t.Helper()
	switch {
	case strings.HasPrefix(f.Name, "AWSLogs"):
		var doc struct{ Records []json.RawMessage }
		if err := json.Unmarshal(gunzip(t, f.Data), &doc); err != nil {
			t.Fatal(err)
		}
		if doc.Records == nil {
			return f
		}
		r.Shuffle(len(doc.Records), func(i, j int) { doc.Records[i], doc.Records[j] = doc.Records[j], doc.Records[i] })
		data, err := json.Marshal(doc)
		if err != nil {
			t.Fatal(err)
		}
		return story.File{Name: fmt.Sprintf("trail/%d.json", r.Uint64()), Data: data}
	case strings.HasPrefix(f.Name, "litellm"), strings.HasPrefix(f.Name, "webhooks"), strings.HasPrefix(f.Name, "harden-runner"), strings.HasPrefix(f.Name, "console"):
		lines := bytes.Split(bytes.TrimSuffix(gunzip(t, f.Data), []byte("\n")), []byte("\n"))
		slices.Reverse(lines) // newest first
		return story.File{Name: fmt.Sprintf("lines/%d.log", r.Uint64()), Data: bytes.Join(lines, []byte("\n"))}
	}
	return f
}

func gunzip(t *testing.T, data []byte) []byte {
	t.Helper()
	if !bytes.HasPrefix(data, []byte{0x1f, 0x8b}) {
		return data
	}
	z, err := gzip.NewReader(bytes.NewReader(data))
	if err != nil {
		t.Fatal(err)
	}
	out, err := io.ReadAll(z)
	if err != nil {
		t.Fatal(err)
	}
	return out
}

// TestDemoShowsNoSecret: the leaked key stands in no output.
func TestDemoShowsNoSecret(t *testing.T) {
	dir := t.TempDir()
	var out, said bytes.Buffer
	args := []string{"demo", "--seed", "3", "--alerts", filepath.Join(dir, "alerts"), "--incidents", filepath.Join(dir, "incidents"), "--stats", filepath.Join(dir, "stats")}
	if code := run(context.Background(), args, nil, &out, &said); code != exitDone {
		t.Fatalf("exit %d\n%s", code, &said)
	}
	all := append(out.Bytes(), said.Bytes()...)
	for _, name := range []string{"alerts", "incidents", "stats"} {
		data, err := os.ReadFile(filepath.Join(dir, name))
		if err != nil || len(data) == 0 {
			t.Fatalf("%s: %d bytes, %v", name, len(data), err)
		}
		all = append(all, data...)
	}
	for _, value := range story.New(3).Secrets() {
		if bytes.Contains(all, []byte(value)) || bytes.Contains(all, []byte(value[len("sk-EXAMPLE"):])) {
			t.Error("the leaked key stands in the output")
		}
	}
	if !bytes.Contains(out.Bytes(), []byte("2 incidents above low")) {
		t.Errorf("demo does not say what it found:\n%s", &out)
	}
}
