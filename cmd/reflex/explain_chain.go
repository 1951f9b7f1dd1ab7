package main

import (
	"fmt"
	"strings"
	"time"

	"github.com/seed-843b225c/reflex/engine"
	"github.com/seed-843b225c/reflex/engine/correlate"
	"github.com/seed-843b225c/reflex/engine/pipeline"
	"github.com/seed-843b225c/reflex/engine/rule"
)

// nearKeys prints how near each key came to a point of a count or a sequence:
// at most `most` keys, the nearest first; with a key only its own.
func nearKeys(set *rule.Set, res *pipeline.Result, id, key string, most int, p *printer) []string {
	var out []string
	for i, r := range set.Rules {
		if r.ID != id || r.Kind != rule.Count && r.Kind != rule.Sequence {
			continue
		}
		near := res.Nearest(i)
		shown := 0
		for _, n := range near {
			if key != "" && !holds(n.Key, key) {
				continue
			}
			if shown == most {
				out = append(out, p.dim(fmt.Sprintf("  and %s more", plural(len(near)-most, "key"))))
				break
			}
			if shown++; shown == 1 {
				out = append(out, "", p.bold("How near each key came"))
			}
			if r.Kind == rule.Count {
				out = append(out, nearCount(r, n, p)...)
			} else {
				out = append(out, nearChain(n, p)...)
			}
		}
	}
	return out
}

func holds(key []engine.Named, value string) bool {
	for _, n := range key {
		if n.Value.Text() == value {
			return true
		}
	}
	return false
}

func nearCount(r *rule.Compiled, n correlate.Near, p *printer) []string {
	what := fmt.Sprintf("%d events", r.Count.AtLeast)
	switch {
	case r.Count.Distinct >= 0:
		what = fmt.Sprintf("%d distinct values", r.Count.AtLeast)
	case r.Count.Sum >= 0:
		what = "a sum over its bound"
	}
	word := p.bad("no point")
	if n.Complete {
		word = p.good("a point")
	}
	return []string{fmt.Sprintf("  %s  %s: at most %s within %s, at %s; the rule asks for %s", keyText(n.Key), word,
		engine.Float(n.Measure).Text(), time.Duration(r.Count.Within), clockText(n.At), what)}
}

func nearChain(n correlate.Near, p *printer) []string {
	word := p.good("complete")
	if !n.Complete {
		word = p.bad("incomplete")
	}
	out := []string{fmt.Sprintf("  %s  %s", keyText(n.Key), word)}
	for _, s := range n.Steps {
		out = append(out, fmt.Sprintf("    %s %-10s %s  %s", p.good("✔"), s.Step, clockText(s.Time), p.dim(plain(s.Origin.String()))))
	}
	if n.Complete {
		return out
	}
	row := fmt.Sprintf("    %s %-10s awaited", p.bad("✘"), n.Await)
	if n.Until != 0 {
		row += " until " + clockText(n.Until)
	}
	out = append(out, row)
	switch {
	case n.LostTo != nil:
		out = append(out, fmt.Sprintf("      nearest %s  %s: %s", clockText(n.LostTo.Time), p.dim(plain(n.LostTo.Origin.String())), n.Lost))
	case n.Lost != "":
		out = append(out, "      "+n.Lost)
	}
	return out
}

func keyText(key []engine.Named) string {
	var parts []string
	for _, n := range key {
		parts = append(parts, n.Name+"="+plain(n.Value.Text()))
	}
	return strings.Join(parts, " ")
}

func clockText(ns int64) string {
	return time.Unix(0, ns).UTC().Format("2006-01-02 15:04:05")
}
