package main

import (
	"fmt"
	"slices"
	"strings"
	"time"
	"unicode/utf8"

	"github.com/seed-843b225c/reflex/engine"
	"github.com/seed-843b225c/reflex/engine/pipeline"
)

// showReplay prints what a replay found for people.
func (a *app) showReplay(l *loaded, res *pipeline.Result, f *replayFlags) {
	if f.json {
		for _, in := range res.Incidents {
			line(a.out, in.ECS())
		}
		return
	}
	shown := 0
	for _, in := range res.Incidents {
		if in.Level > engine.Low {
			shown++
			a.showIncident(shown, in)
		}
	}
	a.showQuiet(res)
	a.showRules(res)
	a.showTotals(res, shown)
}

// showIncident prints one incident: the claim, what happened, what to do.
func (a *app) showIncident(n int, in *engine.Incident) {
	p := a.out
	fmt.Fprintf(p, "%s  %s  risk %d  %s  %s\n", p.bold(fmt.Sprintf("INCIDENT %d", n)), p.levelText(in.Level, strings.ToUpper(in.Level.String())),
		in.Risk, p.dim(span(begin(in), in.End)), p.dim(in.ID))
	for _, row := range wrap(plain(in.Title), p.width()) {
		fmt.Fprintln(p, p.bold(row))
	}
	fmt.Fprintln(p)
	a.showTimeline(in)
	fmt.Fprintln(p)
	a.showFacts(in)
	if in.First != "" {
		a.fact("Do first", p.bold(plain(in.First)))
	}
	for _, step := range in.Runbook[min(1, len(in.Runbook)):] {
		a.fact("Then", plain(step))
	}
	fmt.Fprintln(p)
}

// begin is when an incident's story begins: a chain's first step may come
// before any alert.
func begin(in *engine.Incident) int64 {
	if len(in.Timeline) > 0 {
		return min(in.Start, in.Timeline[0].Time)
	}
	return in.Start
}

// showTimeline prints what happened. Of more than four alerts of one rule in a
// row the first two and the last are shown.
func (a *app) showTimeline(in *engine.Incident) {
	p, day := a.out, ""
	for i := 0; i < len(in.Timeline); i++ {
		m := in.Timeline[i]
		t := time.Unix(0, m.Time).UTC()
		if d := t.Format("2006-01-02"); d != day {
			day = d
			fmt.Fprintf(p, "  %s\n", p.dim(d+" UTC"))
		}
		run := 1
		for i+run < len(in.Timeline) && in.Timeline[i+run].Rule == m.Rule && m.Step == "" {
			run++
		}
		a.showMoment(m, t)
		if before := i > 0 && in.Timeline[i-1].Rule == m.Rule; run > 3 && before {
			fmt.Fprintf(p, "%27s%s\n", "", p.dim(fmt.Sprintf("… %d more of %s", run-2, m.Rule)))
			i += run - 2
		}
	}
}

func (a *app) showMoment(m engine.Moment, t time.Time) {
	p := a.out
	word := m.Level.String()
	if m.Step != "" {
		word = "step"
	}
	rows := wrap(plain(m.Text), p.width()-27)
	fmt.Fprintf(p, "  %s  %s  %s\n", t.Format("15:04:05"), p.levelText(m.Level, fmt.Sprintf("%-13s", word)), rows[0])
	for _, row := range rows[1:] {
		fmt.Fprintf(p, "%27s%s\n", "", row)
	}
	place := m.Rule
	if m.Origin != "" {
		place += "  " + cutLeft(plain(m.Origin), max(12, p.width()-29-len(m.Rule)))
	}
	fmt.Fprintf(p, "%27s%s\n", "", p.dim(place))
}

func (a *app) showFacts(in *engine.Incident) {
	if in.Owner != "" {
		a.fact("Owner", plain(in.Owner))
	}
	var names []string
	values := map[string][]string{}
	for _, en := range in.Entities {
		if values[en.Name] == nil {
			names = append(names, en.Name)
		}
		values[en.Name] = append(values[en.Name], plain(en.Value.Text()))
	}
	for _, name := range names {
		list := values[name]
		more := ""
		if len(list) > 4 {
			more = fmt.Sprintf(" and %d more", len(list)-4)
			list = list[:4]
		}
		label := strings.ToUpper(name[:1]) + name[1:]
		if name == "ip" {
			label = "IP"
		}
		a.fact(label, strings.Join(list, ", ")+more)
	}
}

func (a *app) fact(name, text string) {
	rows := wrap(text, a.out.width()-15)
	fmt.Fprintf(a.out, "  %s  %s\n", a.out.dim(fmt.Sprintf("%-11s", name)), rows[0])
	for _, row := range rows[1:] {
		fmt.Fprintf(a.out, "%15s%s\n", "", row)
	}
}

// showQuiet lists what was seen and judged quiet, so that silence is visible.
func (a *app) showQuiet(res *pipeline.Result) {
	type quiet struct {
		rule    string
		level   engine.Level
		n       int
		example string
	}
	inLoud := map[string]bool{}
	for _, in := range res.Incidents {
		if in.Level > engine.Low {
			for _, id := range in.Alerts {
				inLoud[id] = true
			}
		}
	}
	var list []*quiet
	byRule := map[string]*quiet{}
	for _, al := range res.Alerts {
		if inLoud[al.ID] {
			continue
		}
		q := byRule[al.Rule]
		if q == nil {
			q = &quiet{rule: al.Rule, example: al.Title}
			byRule[al.Rule], list = q, append(list, q)
		}
		q.n++
		q.level = max(q.level, al.Level)
	}
	if len(list) == 0 {
		return
	}
	slices.SortFunc(list, func(x, y *quiet) int { return strings.Compare(x.rule, y.rule) })
	fmt.Fprintln(a.out, a.out.bold("Seen and judged quiet"))
	rows := [][]string{{"rule", "level", "alerts", "for example"}}
	for _, q := range list {
		rows = append(rows, []string{q.rule, a.out.level(q.level), number(int64(q.n)), cut(plain(q.example), max(30, a.out.width()-56))})
	}
	a.out.table("  ", rows)
	fmt.Fprintln(a.out)
}

// showRules prints what each rule did that did anything. The columns that ask
// for attention are there only when they hold something, with what they mean.
func (a *app) showRules(res *pipeline.Result) {
	columns := []struct {
		name, means string
		of          func(pipeline.RuleStats) int64
		shown       bool
	}{
		{"matches", "", func(r pipeline.RuleStats) int64 { return r.Matches }, true},
		{"alerts", "", func(r pipeline.RuleStats) int64 { return r.Alerts }, true},
		{"errors", "events on which the condition could not be evaluated", func(r pipeline.RuleStats) int64 { return r.Errors }, false},
		{"no key", "events without the field that the rule groups by", func(r pipeline.RuleStats) int64 { return r.MissingKey }, false},
		{"undecided", "still waiting for something when the logs ended", func(r pipeline.RuleStats) int64 { return r.Undecided }, false},
		{"dropped", "beyond what one rule may remember", func(r pipeline.RuleStats) int64 { return r.Dropped }, false},
	}
	var active []pipeline.RuleStats
	for _, r := range res.Stats.Rules() {
		if r.Matches+r.Alerts+r.Errors+r.MissingKey > 0 {
			active = append(active, r)
		}
		for i := range columns {
			columns[i].shown = columns[i].shown || columns[i].of(r) > 0
		}
	}
	if len(active) == 0 {
		fmt.Fprintf(a.out, "No rule matched any event.\n\n")
		return
	}
	rows := [][]string{{"rule"}}
	for _, r := range active {
		rows = append(rows, []string{r.ID})
	}
	var notes []string
	for _, c := range columns {
		if !c.shown {
			continue
		}
		rows[0] = append(rows[0], c.name)
		for i, r := range active {
			rows[i+1] = append(rows[i+1], number(c.of(r)))
		}
		if c.means != "" {
			notes = append(notes, c.name+": "+c.means)
		}
	}
	fmt.Fprintln(a.out, a.out.bold("Rules that matched"))
	a.out.table("  ", rows)
	for _, note := range notes {
		fmt.Fprintln(a.out, a.out.dim("  "+note))
	}
	fmt.Fprintln(a.out)
	for _, r := range active {
		if r.Errors > 0 {
			fmt.Fprintf(a.err, "rule %s failed on %s: first: %s\n", r.ID, plural(int(r.Errors), "event"), plain(r.FirstError))
		}
	}
}

// showTotals prints one line of what went through.
func (a *app) showTotals(res *pipeline.Result, incidents int) {
	s := res.Stats
	fmt.Fprintf(a.out, "%s above low, %s in all, from %s in %.1f s.\n", plural(incidents, "incident"), plural(len(res.Alerts), "alert"), plural(int(s.Events()), "event"), s.Seconds())
	rows := [][]string{}
	for _, name := range sortedKeys(s.ByDataset()) {
		rows = append(rows, []string{name, number(s.ByDataset()[name])})
	}
	for _, row := range rows {
		fmt.Fprintf(a.out, "  %-16s %10s\n", row[0], row[1])
	}
	var notes []string
	for _, n := range []struct {
		count int64
		word  string
	}{{s.Refused(), "refused"}, {s.Unreadable(), "unreadable"}, {s.Skipped(), "skipped (" + strings.Join(sortedKeys(s.SkippedBy()), ", ") + ")"},
		{s.Outside(), "outside --since and --until"}, {s.Duplicates(), "repeated matches counted once"}, {s.Late(), "late"}} {
		if n.count > 0 {
			notes = append(notes, number(n.count)+" "+n.word)
		}
	}
	if len(notes) > 0 {
		fmt.Fprintf(a.out, "  %s\n", strings.Join(notes, ", "))
	}
}

// span prints a start and an end without saying the day twice.
func span(start, end int64) string {
	s, e := time.Unix(0, start).UTC(), time.Unix(0, end).UTC()
	if s.Format("2006-01-02") == e.Format("2006-01-02") {
		return s.Format("2006-01-02 15:04") + " to " + e.Format("15:04 UTC")
	}
	return s.Format("2006-01-02 15:04") + " to " + e.Format("2006-01-02 15:04 UTC")
}

// wrap breaks text into rows of at most width runes, at spaces where it can.
func wrap(s string, width int) []string {
	width = max(width, 20)
	var rows []string
	for utf8.RuneCountInString(s) > width {
		runes := []rune(s)
		at := width
		for i := width; i > width/2; i-- {
			if runes[i] == ' ' {
				at = i
				break
			}
		}
		rows = append(rows, strings.TrimRight(string(runes[:at]), " "))
		s = strings.TrimLeft(string(runes[at:]), " ")
	}
	return append(rows, s)
}

// cutLeft shortens text to width runes and keeps its end.
func cutLeft(s string, width int) string {
	runes := []rune(s)
	if len(runes) <= width || width < 2 {
		return s
	}
	return "…" + string(runes[len(runes)-width+1:])
}

// cut shortens text to width runes.
func cut(s string, width int) string {
	runes := []rune(s)
	if len(runes) <= width {
		return s
	}
	return string(runes[:width-1]) + "…"
}
