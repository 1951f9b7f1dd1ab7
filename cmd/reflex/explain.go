package main

import (
	"cmp"
	"context"
	"errors"
	"fmt"
	"slices"
	"strings"
	"time"

	"github.com/spf13/cobra"

	"github.com/seed-843b225c/reflex/engine"
	"github.com/seed-843b225c/reflex/engine/enrich"
	"github.com/seed-843b225c/reflex/engine/pipeline"
	"github.com/seed-843b225c/reflex/engine/rule"
)

func (a *app) rulesExplain() *cobra.Command {
	var f replayFlags
	var key string
	var most int
	c := &cobra.Command{
		Use:   "explain RULE FILE|FOLDER ...",
		Short: "Say why a rule did or did not fire on logs",
		Long: "Shows events that meet the rule's condition, and where none does the nearest ones, with every part of the\n" +
			"condition and its value. Of a sequence it shows the nearest chain of each key: the steps it has, the one it\n" +
			"waited for and until when, and why it was lost.",
		Example: "  reflex rules explain ai-key-foreign-use logs/ --key ml-app-ci",
		RunE: func(c *cobra.Command, args []string) error {
			if len(args) < 2 {
				return usage("name a rule and the files to look at\nsee: reflex rules explain --help")
			}
			return a.explain(c, &f, args[0], args[1:], key, most)
		},
	}
	f.setup.flags(c)
	c.Flags().StringVar(&f.since, "since", "", "ignore events before this time")
	c.Flags().StringVar(&f.until, "until", "", "ignore events at or after this time")
	c.Flags().StringVar(&key, "key", "", "only events that hold this value in a field the rule reads")
	c.Flags().IntVar(&most, "most", 2, "show so many events of each condition")
	return c
}

func (a *app) explain(c *cobra.Command, f *replayFlags, id string, paths []string, key string, most int) error {
	since, err := parseTime("--since", f.since)
	if err != nil {
		return err
	}
	until, err := parseTime("--until", f.until)
	if err != nil {
		return err
	}
	f.only = id
	l, err := a.load(&f.setup)
	if err != nil {
		return err
	}
	inputs, bad, err := a.inputs(paths)
	if err != nil {
		return err
	}
	w := newWitness(l.set, l.data, key, most)
	parts := l.parts()
	parts.Since, parts.Until, parts.Look, parts.Forget, parts.Nearest = since, until, w.look, w.forget, true
	w.redact = parts.Redact
	bar := newProgress(a.err)
	said := refusals{app: a, bar: bar}
	r := &pipeline.Replay{Parts: parts, Inputs: inputs, Lateness: 20 * time.Minute, Progress: bar.show, Refuse: said.say,
		Warn: func(err error) { bar.clear(); fmt.Fprintf(a.err, "reflex: %v\n", err) }}
	res, err := r.Run(c.Context())
	bar.clear()
	if errors.Is(err, context.Canceled) {
		return exitError{exitPartial, errors.New("interrupted before the end")}
	} else if err != nil {
		return exitError{exitPartial, err}
	}
	said.end()
	a.notes(res, inputs)
	a.showExplained(l, w, res, id)
	if res.Stats.Refused() > 0 || res.Stats.Unreadable() > 0 || bad > 0 {
		return exitError{exitPartial, nil}
	}
	return nil
}

func (a *app) showExplained(l *loaded, w *witness, res *pipeline.Result, id string) {
	rows := w.rows(a.out)
	var alerts []*engine.Alert
	for _, al := range res.Alerts {
		if al.Rule == id {
			alerts = append(alerts, al)
		}
	}
	fmt.Fprintf(a.out, "%s: %s on %s\n", a.out.bold(id), plural(len(alerts), "alert"), w.looked())
	for _, al := range alerts[:min(len(alerts), 5)] {
		fmt.Fprintf(a.out, "  %s  %s  %s\n", a.out.level(al.Level), a.out.dim(span(al.Start, al.End)), plain(al.Title))
	}
	if n := len(alerts) - 5; n > 0 {
		fmt.Fprintf(a.out, "  and %d more\n", n)
	}
	for _, row := range append(nearKeys(l.set, res, id, w.key, 5, a.out), rows...) {
		fmt.Fprintln(a.out, row)
	}
}

// witness looks at every event and remembers, for each condition of the rules
// in question, events that met it and those that came nearest.
type witness struct {
	set      *rule.Set
	enricher *enrich.Enricher
	key      string
	most     int
	redact   func(string) string // overwrites secrets in what will be printed
	events   int64
	probes   []testimony
}

// testimony is what was seen of one condition.
type testimony struct {
	matched int64
	shown   []sight // events that met it
	near    []sight // events that did not, the nearest first
	seen    map[uint64]bool
}

// sight is one event and what each part of the condition gave on it.
type sight struct {
	hash   uint64
	score  float64
	origin string
	time   int64
	parts  []rule.Explained
	except string // the exception that took it out
}

func newWitness(set *rule.Set, data *enrich.Data, key string, most int) *witness {
	return &witness{set: set, enricher: data.NewEnricher(set.Layout), key: key, most: most, probes: make([]testimony, len(set.Probes))}
}

// looked says how many events were looked at.
func (w *witness) looked() string {
	s := plural(int(w.events), "event") + " of the datasets it reads"
	if w.key != "" {
		s += " that hold " + plain(w.key)
	}
	return s
}

// forget begins anew: all events come again.
func (w *witness) forget() {
	w.events = 0
	clear(w.probes)
}

// look is called with every event before detection.
func (w *witness) look(ev *engine.Event) {
	w.enricher.Enrich(ev)
	counted := false
	for i := range w.set.Probes {
		p := &w.set.Probes[i]
		if !p.From.Has(ev.Dataset) || !w.holdsKey(p, ev) {
			continue
		}
		if !counted {
			w.events++
			counted = true
		}
		w.judge(&w.probes[i], p, ev)
	}
}

func (w *witness) holdsKey(p *rule.Probe, ev *engine.Event) bool {
	if w.key == "" {
		return true
	}
	for _, slots := range [][]int{p.Cond.Fields(), w.set.Rules[p.Rule].Keep} {
		for _, s := range slots {
			if ev.Get(s).Text() == w.key {
				return true
			}
		}
	}
	return false
}

func (w *witness) judge(t *testimony, p *rule.Probe, ev *engine.Event) {
	if t.seen == nil {
		t.seen = map[uint64]bool{}
	}
	hit, _ := p.Cond.Match(ev)
	if hit {
		except := ""
		for _, x := range p.Except {
			if held, _ := x.Cond.Match(ev); held && ev.Time < x.Expires {
				except = x.ID
			}
		}
		if except == "" && !t.seen[ev.Hash] {
			t.seen[ev.Hash] = true
			t.matched++
		}
		if len(t.shown) < w.most && !slices.ContainsFunc(t.shown, func(s sight) bool { return s.hash == ev.Hash }) {
			t.shown = append(t.shown, w.sight(p, ev, 1, except))
		}
		return
	}
	if len(t.shown) > 0 && w.key == "" {
		return // the near misses are for rules that never matched
	}
	score := nearness(p.Cond.Explain(ev))
	if len(t.near) == w.most && score <= t.near[len(t.near)-1].score || score == 0 {
		return
	}
	if slices.ContainsFunc(t.near, func(s sight) bool { return s.hash == ev.Hash }) {
		return
	}
	t.near = append(t.near, w.sight(p, ev, score, ""))
	slices.SortStableFunc(t.near, func(a, b sight) int { return cmp.Compare(b.score, a.score) })
	t.near = t.near[:min(len(t.near), w.most)]
}

func (w *witness) sight(p *rule.Probe, ev *engine.Event, score float64, except string) sight {
	parts := p.Cond.Explain(ev)
	held := false // some value holds a secret
	for i := range parts {
		v := parts[i].Value.Clone()
		if k := v.Kind(); w.redact != nil && (k == engine.Keyword || k == engine.List) {
			if s := w.redact(v.Text()); s != v.Text() {
				v, held = engine.String(s), true
			}
		}
		if err := parts[i].Err; w.redact != nil && err != nil {
			parts[i].Err = errors.New(w.redact(err.Error()))
		}
		parts[i].Value = v
	}
	for i, x := range parts {
		// What a function made of it, in other case or cut, no format knows.
		if k := x.Value.Kind(); held && (k == engine.Keyword || k == engine.List) && strings.ContainsAny(x.Text, "([+") {
			parts[i].Value = engine.String("(not shown: made of a secret)")
		}
	}
	return sight{ev.Hash, score, strings.Clone(ev.Origin.String()), ev.Time, parts, except}
}

// nearness is the share of a condition that held: of an "and" the mean of its
// parts, of anything else all or nothing.
func nearness(parts []rule.Explained) float64 {
	if len(parts) == 0 {
		return 0
	}
	held, all := 0.0, 0.0
	for _, x := range parts[1:] {
		if x.Depth == 1 && x.Test {
			all++
			if x.Truth {
				held++
			}
		}
	}
	if all == 0 {
		return 0
	}
	return held / all
}

// rows prints what was seen, for people.
func (w *witness) rows(p *printer) []string {
	var out []string
	for i := range w.set.Probes {
		pr, t := &w.set.Probes[i], &w.probes[i]
		r := w.set.Rules[pr.Rule]
		out = append(out, "", p.bold(probeName(r, pr))+fmt.Sprintf(": %s met it", plural(int(t.matched), "event")))
		for _, s := range t.shown {
			out = append(out, s.rows(p, "met by")...)
		}
		if t.matched == 0 {
			for _, s := range t.near {
				out = append(out, s.rows(p, "nearest")...)
			}
			if len(t.near) == 0 {
				out = append(out, "  no event meets any part of it")
			}
		}
	}
	return out
}

func probeName(r *rule.Compiled, p *rule.Probe) string {
	switch p.Role {
	case rule.RoleStep:
		return fmt.Sprintf("%s, step %s", r.ID, r.Sequence.Steps[p.Part].ID)
	case rule.RoleLink:
		return fmt.Sprintf("%s, link %d", r.ID, p.Part+1)
	}
	return r.ID
}

func (s sight) rows(p *printer, word string) []string {
	out := []string{fmt.Sprintf("  %s %s  %s", word, plain(s.origin), p.dim(time.Unix(0, s.time).UTC().Format(time.RFC3339Nano)))}
	if s.except != "" {
		out = append(out, "    taken out by exception "+s.except)
	}
	for _, x := range s.parts {
		mark := "     "
		switch {
		case x.Idle:
			mark = p.dim("  -  ")
		case x.Test && x.Truth:
			mark = p.good("true ")
		case x.Test:
			mark = p.bad("false")
		}
		text := strings.Join(strings.Fields(x.Text), " ")
		row := fmt.Sprintf("    %s %s%s", mark, strings.Repeat("  ", x.Depth), cut(text, max(40, p.width()-10-2*x.Depth)))
		switch {
		case x.Err != nil:
			row += "  " + p.bad(x.Err.Error())
		case !x.Test && x.Value.IsNil():
			row += p.dim("  is missing")
		case !x.Test:
			row += p.dim("  = " + cut(plain(x.Value.Text()), 60))
		}
		out = append(out, row)
	}
	return out
}
