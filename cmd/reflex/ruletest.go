package main

import (
	"fmt"
	"math/rand"
	"slices"
	"strings"

	"github.com/seed-843b225c/reflex/engine"
	"github.com/seed-843b225c/reflex/engine/decode"
	"github.com/seed-843b225c/reflex/engine/detect"
	"github.com/seed-843b225c/reflex/engine/enrich"
	"github.com/seed-843b225c/reflex/engine/pipeline"
	"github.com/seed-843b225c/reflex/engine/rule"
	"github.com/seed-843b225c/reflex/engine/secret"
)

// bench is what the tests of one rule run on: the rule with what it needs, and
// what a test's own lists, networks and keys make of it.
type bench struct {
	pack    *rule.Pack
	lists   []engine.ListDef // declared lists; a test empties or fills them
	secrets *secret.Scanner
}

// testKey closes what a test that restarts stores; it is the key of
// installations that have none, so that fingerprints are the same in every test.
var testKey = []byte(secret.PublicKey)

// outcome is what a test gave.
type outcome struct {
	test    rule.TestCase
	failure string   // "" when it passed
	near    []string // the nearest miss
}

// run runs one test through the real line, in every arrival order it asks for.
func (b *bench) run(t rule.TestCase) outcome {
	out := outcome{test: t}
	parts, data, err := b.parts(t)
	if err != nil {
		out.failure = err.Error()
		return out
	}
	for turn := range 1 + t.Shuffle {
		records := arrivals(t, turn)
		refused := ""
		res, err := pipeline.Play(parts, records, func(r engine.Refusal) { refused = r.Error() })
		if refused != "" {
			out.failure = "an event of the test was refused: " + refused
			return out
		}
		if err != nil {
			out.failure = "a mistake in reflex, not in the rule, please report it: " + err.Error()
			return out
		}
		if out.failure = judge(t, res); out.failure != "" {
			if turn > 0 {
				out.failure += fmt.Sprintf(" (in arrival order %d of shuffle)", turn)
			}
			out.near = nearest(parts, data, records, t.Rule)
			return out
		}
	}
	return out
}

// parts makes the line that a test runs on.
func (b *bench) parts(t rule.TestCase) (pipeline.Parts, *enrich.Data, error) {
	data, errs := enrich.New(enrich.Config{Lists: t.ListDefs(b.lists), Keys: t.Keys, Known: t.Known})
	if len(errs) > 0 {
		return pipeline.Parts{}, nil, errs[0]
	}
	scanner := b.secrets
	if t.Restarts() {
		scanner = secret.New(secret.Options{Key: testKey})
	}
	set, mistakes := rule.Compile(b.pack.Only(t.Rule), rule.Options{Functions: data.Functions(), Lists: data.Lists(), Demand: demand()})
	if err := mistakes.Err(); err != nil {
		return pipeline.Parts{}, nil, err
	}
	plan, err := decode.NewPlan(set.Layout, decode.Options{Secrets: scanner})
	if err != nil {
		return pipeline.Parts{}, nil, err
	}
	index := detect.NewIndex(set)
	return pipeline.Parts{Set: set, Plan: plan, Redact: scanner.NewScan().Redact,
		Detector: func() *detect.Detector { return index.NewDetector(data) }}, data, nil
}

// arrivals gives a test's records in order of arrival; turn 0 is the one the
// test writes down, others are shuffled by their number.
func arrivals(t rule.TestCase, turn int) []pipeline.Arrival {
	recs := t.Records()
	if turn > 0 {
		rand.New(rand.NewSource(int64(turn))).Shuffle(len(recs), func(i, j int) { recs[i], recs[j] = recs[j], recs[i] })
	}
	out := make([]pipeline.Arrival, len(recs))
	for i, r := range recs {
		format := "ecs"
		if r.Raw {
			format = "auto"
		}
		out[i] = pipeline.Arrival{Restart: r.Restart, Record: engine.Record{Data: r.Data, Format: format,
			Origin: engine.Origin{Source: "event", Partition: -1, Line: int64(r.Event + 1)}}}
	}
	return out
}

// judge compares what came with what was wanted; "" when they agree.
func judge(t rule.TestCase, res *pipeline.Result) string {
	var got []*engine.Alert
	for _, al := range res.Alerts {
		if al.Rule == t.Rule {
			got = append(got, al)
		}
	}
	if t.Want.Alerts == nil {
		if len(got) != t.Want.Number {
			return fmt.Sprintf("%s, not %d%s", plural(len(got), "alert"), t.Want.Number, titles(got))
		}
		return ""
	}
	if len(got) != len(t.Want.Alerts) {
		return fmt.Sprintf("%s, not %d%s", plural(len(got), "alert"), len(t.Want.Alerts), titles(got))
	}
	for i, w := range t.Want.Alerts {
		if diff := differs(got[i], w); diff != "" {
			return fmt.Sprintf("alert %d: %s", i+1, diff)
		}
	}
	return ""
}

func differs(al *engine.Alert, w rule.WantAlert) string {
	switch {
	case w.Level != 0 && al.Level != w.Level:
		return fmt.Sprintf("level is %s, not %s", al.Level, w.Level)
	case w.Title != "" && al.Title != w.Title:
		return fmt.Sprintf("title is %q, not %q", al.Title, w.Title)
	case w.Count != 0 && al.Count != w.Count:
		return fmt.Sprintf("count is %d, not %d", al.Count, w.Count)
	}
	for _, name := range sortedKeys(w.Entities) {
		found := slices.ContainsFunc(al.Entities, func(n engine.Named) bool { return n.Name == name && n.Value.Text() == w.Entities[name] })
		if !found {
			return fmt.Sprintf("entity %s is not %s: entities are %s", name, w.Entities[name], namedText(al.Entities))
		}
	}
	return ""
}

func titles(alerts []*engine.Alert) string {
	if len(alerts) == 0 {
		return ""
	}
	var list []string
	for _, al := range alerts {
		list = append(list, al.Title)
	}
	return ": " + strings.Join(list, "; ")
}

func namedText(list []engine.Named) string {
	var parts []string
	for _, n := range list {
		parts = append(parts, n.Name+"="+plain(n.Value.Text()))
	}
	return strings.Join(parts, ", ")
}

// nearest says how close the rule under test came: the event that came nearest
// to each condition that no event met, and the nearest chains.
func nearest(parts pipeline.Parts, data *enrich.Data, records []pipeline.Arrival, id string) []string {
	for i := range records {
		records[i].Restart = false // what came near is seen in one life
	}
	p := &printer{}
	w := newWitness(parts.Set, data, "", 1)
	parts.Look, parts.Nearest, w.redact = w.look, true, parts.Redact
	res, err := pipeline.Play(parts, records, nil)
	if err != nil {
		return nil // run tells of it
	}
	var out []string
	for i := range parts.Set.Probes {
		pr, t := &parts.Set.Probes[i], &w.probes[i]
		if t.matched == 0 && len(t.near) > 0 {
			out = append(out, "no event met "+probeName(parts.Set.Rules[pr.Rule], pr)+":")
			out = append(out, t.near[0].rows(p, "nearest")...)
		}
	}
	return append(out, nearKeys(parts.Set, res, id, "", 3, p)...)
}
