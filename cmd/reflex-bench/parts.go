package main

import (
	"context"
	"fmt"
	"os"
	"slices"
	"testing/fstest"
	"time"

	"github.com/seed-843b225c/reflex/connectors/file"
	"github.com/seed-843b225c/reflex/engine"
	"github.com/seed-843b225c/reflex/engine/decode"
	"github.com/seed-843b225c/reflex/engine/detect"
	"github.com/seed-843b225c/reflex/engine/enrich"
	"github.com/seed-843b225c/reflex/engine/job"
	"github.com/seed-843b225c/reflex/engine/pipeline"
	"github.com/seed-843b225c/reflex/engine/rule"
	"github.com/seed-843b225c/reflex/engine/secret"
	"github.com/seed-843b225c/reflex/engine/story"
)

// loadParts makes a line of the benchmark's rules with GeoIP: n rules, of which
// ten are stateful, and more, when given, behind them.
func loadParts(n int, more string) (pipeline.Parts, error) {
	var none pipeline.Parts
	pack, err := loadPack(n, more)
	if err != nil {
		return none, err
	}
	geo, warnings := enrich.OpenGeoBytes(story.New(1).GeoIP())
	if len(warnings) > 0 {
		return none, fmt.Errorf("GeoIP: %v", warnings)
	}
	data, errs := enrich.New(enrich.Config{GeoIP: geo})
	if len(errs) > 0 {
		return none, fmt.Errorf("lists: %v", errs)
	}
	set, mistakes := rule.Compile(pack, rule.Options{Functions: data.Functions(), Lists: data.Lists(),
		Demand: append(job.Demand(), "secret.hint", "secret.fingerprint", "secret.principal", "secret.owner")})
	if err := mistakes.Err(); err != nil {
		return none, err
	}
	secrets := secret.New(secret.Options{Key: []byte("a key of benchmarks")})
	plan, err := decode.NewPlan(set.Layout, decode.Options{Secrets: secrets})
	if err != nil {
		return none, err
	}
	index := detect.NewIndex(set)
	return pipeline.Parts{Set: set, Plan: plan, Redact: secrets.NewScan().Redact,
		Detector: func() *detect.Detector { return index.NewDetector(data) }}, nil
}

// loadPack loads the benchmark's rules.
func loadPack(n int, more string) (*rule.Pack, error) {
	files := fstest.MapFS{"rules.yml": {Data: story.BenchRules(max(n-10, 0))}, "stateful.yml": {Data: story.BenchStateful()}}
	if more != "" {
		files["more.yml"] = &fstest.MapFile{Data: []byte(more)}
	}
	pack, mistakes := rule.Load(files, ".")
	if err := mistakes.Err(); err != nil {
		return nil, err
	}
	return pack, nil
}

// found is what a run found, so that two runs can be compared.
type found struct {
	Events  int64               `json:"events"`
	Late    int64               `json:"late"`
	Matches map[string]int64    `json:"matches"`
	Alerts  map[string][]string `json:"alerts"` // rule to the dedup keys that alerted, sorted
	CPU     time.Duration       `json:"cpu"`    // of the judge: what the replay used, user and system
}

func newFound(s *pipeline.Stats) found {
	f := found{Events: s.Events(), Late: s.Late(), Matches: map[string]int64{}, Alerts: map[string][]string{}}
	for _, r := range s.Rules() {
		f.Matches[r.ID] = r.Matches
	}
	return f
}

func (f *found) alert(al *engine.Alert) { f.Alerts[al.Rule] = append(f.Alerts[al.Rule], al.Dedup) }

func (f *found) sort() {
	for id, keys := range f.Alerts {
		slices.Sort(keys)
		f.Alerts[id] = slices.Compact(keys)
	}
}

// judge is the role that plays the same records from their file, where nothing
// is live: what it finds is what the live run must have found.
func judge(path string, rules int) (found, error) {
	parts, err := loadParts(rules, "")
	if err != nil {
		return found{}, err
	}
	ins, errs := file.Expand([]string{path})
	if len(errs) > 0 {
		return found{}, errs[0]
	}
	r := pipeline.Replay{Parts: parts, Inputs: []pipeline.Input{input{ins[0]}}, Format: "cloudtrail"}
	before := usageNow()
	res, err := r.Run(context.Background())
	if err != nil {
		return found{}, err
	}
	f := newFound(res.Stats)
	f.CPU = usageNow().cpu() - before.cpu()
	for _, al := range res.Alerts {
		f.alert(al)
	}
	f.sort()
	return f, nil
}

// sameFound fails unless the live run found what the judge found. What is known
// only behind the watermark may still be awaited at the end of a live run.
func sameFound(live, want found, waits func(id string) bool) error {
	if live.Events != want.Events || live.Late != 0 || want.Late != 0 {
		return fmt.Errorf("the live run took %d events, %d of them late; the replay %d, %d late", live.Events, live.Late, want.Events, want.Late)
	}
	total := 0
	for id, n := range want.Matches {
		if live.Matches[id] != n {
			return fmt.Errorf("rule %s: %d matches live, %d in the replay", id, live.Matches[id], n)
		}
		for _, key := range live.Alerts[id] {
			if !slices.Contains(want.Alerts[id], key) {
				return fmt.Errorf("rule %s: alerted live for a key for which the replay did not", id)
			}
		}
		if got, all := len(live.Alerts[id]), len(want.Alerts[id]); got != all && !waits(id) {
			return fmt.Errorf("rule %s: alerted for %d keys live, for %d in the replay", id, got, all)
		}
		total += len(live.Alerts[id])
	}
	if total == 0 {
		return fmt.Errorf("no rule alerted: nothing was compared")
	}
	return nil
}

// waits tells the rules of which a point may be known only when the watermark
// has passed: first_seen, what must not happen, and values that came out of order.
func waits(set *rule.Set) func(id string) bool {
	late := map[string]bool{}
	for _, r := range set.Rules {
		late[r.ID] = r.Kind == rule.FirstSeen || r.Count != nil && (r.Count.Distinct >= 0 || r.Count.Sum >= 0) ||
			r.Sequence != nil && slices.ContainsFunc(r.Sequence.Steps, func(s rule.Step) bool { return s.Negated })
	}
	return func(id string) bool { return late[id] }
}

// input makes a file the pipeline's.
type input struct{ file.Input }

func (i input) Name() string { return i.Path }
func (i input) Size() int64  { return i.Input.Size }
func (i input) Rewind() bool { return true }
func (i input) Open() (pipeline.Stream, error) {
	s, err := i.Input.Open()
	if err != nil {
		return nil, err
	}
	return s, nil
}

// lines calls f with each line of a file, without its end; the line lives
// during the call.
func lines(path string, f func(line []byte) error) error {
	data, err := os.ReadFile(path)
	if err != nil {
		return err
	}
	for len(data) > 0 {
		line, rest, _ := cutLine(data)
		if err := f(line); err != nil {
			return err
		}
		data = rest
	}
	return nil
}
