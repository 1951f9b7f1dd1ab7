package main

import (
	"context"
	"errors"
	"fmt"
	"slices"
	"strings"
	"time"

	"github.com/spf13/cobra"

	"github.com/seed-843b225c/reflex/connectors/file"
	"github.com/seed-843b225c/reflex/engine"
	"github.com/seed-843b225c/reflex/engine/decode"
	"github.com/seed-843b225c/reflex/engine/pipeline"
)

// replayFlags are the flags of every command that plays logs: the contract of
// demo and replay alike.
type replayFlags struct {
	setup
	output
	since, until string
	lateness     time.Duration
	failOn       string
	oracle       bool
	json         bool
	format       string
	shards       int
	topics       topicFlags
}

func (f *replayFlags) flags(c *cobra.Command) {
	f.setup.flags(c)
	f.output.flags(c)
	c.Flags().StringVar(&f.since, "since", "", "ignore events before this `TIME` (RFC 3339, or 2026-03-02)")
	c.Flags().StringVar(&f.until, "until", "", "ignore events at or after this `TIME`")
	c.Flags().StringVar(&f.failOn, "fail-on", "", "exit with 3 when an alert reaches `LEVEL`: informational, low, medium, high or critical")
	c.Flags().BoolVar(&f.json, "json", false, "write the incidents as JSON lines to stdout instead of text")
	c.Flags().BoolVar(&f.oracle, "oracle", false, "correlate by brute force: slow, and the judge of the fast way")
	c.Flags().IntVar(&f.shards, "shards", 1, "how many shards hold correlation state; the result does not depend on it")
	c.Flags().Lookup("oracle").Hidden = true
	c.Flags().Lookup("shards").Hidden = true
}

func (a *app) replay() *cobra.Command {
	var f replayFlags
	c := &cobra.Command{
		Use:   "replay [flags] FILE|FOLDER|- ... | --kafka TOPIC,...",
		Short: "Play logs from files and folders and show incidents",
		Long: "Plays JSON lines, CloudTrail folders, build logs and flow logs (plain, gzip, zstd) through the\n" +
			"rules. Formats are recognised. Nothing in files is late, in whatever order they come; standard\n" +
			"input (-) cannot be read twice, so there --lateness applies.\n\n" +
			"With --kafka it plays what topics hold instead: --since and --until then are times of the records in\n" +
			"Kafka. The service's group and its positions are not touched.\n\n" +
			"Exit codes: 0 done; 1 done, but something could not be read; 2 nothing was run; 3 see --fail-on.",
		RunE: func(c *cobra.Command, args []string) error {
			if f.topics.given() {
				return a.playTopics(c, &f, args)
			}
			if len(args) == 0 {
				return usage("name the files or folders to play\nsee: reflex replay --help")
			}
			inputs, bad, err := a.inputs(args)
			if err != nil {
				return err
			}
			return a.play(c, &f, inputs, bad, a.showReplay)
		},
	}
	f.flags(c)
	f.topics.flags(c)
	c.Flags().StringVar(&f.format, "format", "auto", "what the files hold: "+strings.Join(decode.FormatNames(), ", "))
	c.Flags().DurationVar(&f.lateness, "lateness", 20*time.Minute, "how late events on standard input may be")
	return c
}

// inputs gives what the paths of a command line hold; what cannot be read is
// said and counted.
func (a *app) inputs(paths []string) (inputs []pipeline.Input, bad int, err error) {
	ins, errs := file.Expand(paths)
	for _, err := range errs {
		fmt.Fprintf(a.err, "reflex: %v\n", err)
	}
	if len(ins) == 0 {
		return nil, 0, usage("nothing to play: no readable file among %s", strings.Join(paths, " "))
	}
	for _, in := range ins {
		if in.Once && len(ins) > 1 {
			name := in.Path + " is a pipe and"
			if in.Path == "-" {
				name = "standard input (-)"
			}
			return nil, 0, usage("%s can only be played alone: it cannot be read twice; save it to a file first", name)
		}
		inputs = append(inputs, input{in, a})
	}
	return inputs, len(errs), nil
}

// play runs a replay and writes what it found; show prints it for people.
func (a *app) play(c *cobra.Command, f *replayFlags, inputs []pipeline.Input, unreadable int, show func(*loaded, *pipeline.Result, *replayFlags)) error {
	var failOn engine.Level
	var err error
	if f.failOn != "" {
		if failOn, err = engine.ParseLevel(f.failOn); err != nil {
			return usage("--fail-on: %v; levels are %s", err, strings.Join(engine.LevelNames(), ", "))
		}
	}
	since, err := parseTime("--since", f.since)
	if err != nil {
		return err
	}
	until, err := parseTime("--until", f.until)
	if err != nil {
		return err
	}
	if f.format != "" && !slices.Contains(decode.FormatNames(), f.format) {
		return usage("--format %s: no format is named so; formats are %s", f.format, strings.Join(decode.FormatNames(), ", "))
	}
	if f.lateness < 0 {
		return usage("--lateness %s: cannot be negative", f.lateness)
	}
	if since != 0 && until != 0 && since >= until {
		return usage("--since %s is not before --until %s: nothing lies between them", f.since, f.until)
	}
	l, err := a.load(&f.setup)
	if err != nil {
		return err
	}
	parts := l.parts()
	parts.Since, parts.Until, parts.Oracle, parts.Shards = since, until, f.oracle, f.shards
	out, err := f.output.open(a, inputs)
	if err != nil {
		return err
	}
	defer out.close()
	bar := newProgress(a.err)
	if f.topics.given() {
		bar.size = func(n int64) string { return number(n) + " records" }
	}
	said := refusals{app: a, bar: bar}
	r := &pipeline.Replay{Parts: parts, Inputs: inputs, Format: f.format, Lateness: f.lateness, Progress: bar.show,
		Refuse: func(r engine.Refusal) { said.say(r); out.refuse(r) },
		Warn:   func(err error) { bar.clear(); fmt.Fprintf(a.err, "reflex: %v\n", err) },
	}
	res, err := r.Run(c.Context())
	bar.clear()
	if errors.Is(err, context.Canceled) {
		return exitError{exitPartial, errors.New("interrupted before the end: no results were written")}
	} else if err != nil {
		return exitError{exitPartial, fmt.Errorf("stopped before the end: %w", err)}
	}
	said.end()
	a.notes(res, inputs)
	res.Stats.SetMemory(memory())
	if err := out.write(res); err != nil {
		return exitError{exitPartial, err}
	}
	if !out.stdout {
		show(l, res, f)
	}
	a.hints(l, res, f.extraLists != nil)
	if failOn > 0 {
		for _, al := range res.Alerts {
			if al.Level >= failOn && al.Mode == "alert" {
				return exitError{exitAlert, nil}
			}
		}
	}
	if res.Stats.Refused() > 0 || res.Stats.Unreadable() > 0 || unreadable > 0 {
		return exitError{exitPartial, nil}
	}
	return nil
}

// notes tells what a tired reader must not overlook.
func (a *app) notes(res *pipeline.Result, inputs []pipeline.Input) {
	s := res.Stats
	if s.Events() == 0 && s.Refused()+s.Unreadable() == 0 {
		fmt.Fprintf(a.err, "note: no event was found in %s\n", plural(len(inputs), "file"))
	}
	if s.Events() > 0 && s.Events() == s.Outside() {
		fmt.Fprintf(a.err, "note: all %s events lie outside --since and --until\n", number(s.Events()))
	}
	if s.Late() > 0 {
		fmt.Fprintf(a.err, "note: %s came later than --lateness allows: counts and chains may miss them; raise --lateness, or play a file, where nothing is late\n", plural(int(s.Late()), "matching event"))
	}
}

// hints tells whoever plays logs for the first time what would make the alerts
// better; it comes last, where it is seen.
func (a *app) hints(l *loaded, res *pipeline.Result, demo bool) {
	if demo {
		return
	}
	foreign := map[string]bool{}
	for i := range l.set.Probes {
		p := &l.set.Probes[i]
		if p.Cond != nil && strings.Contains(p.Cond.Source(), "foreign(") {
			foreign[l.set.Rules[p.Rule].ID] = true
		}
	}
	blind := slices.ContainsFunc(res.Alerts, func(al *engine.Alert) bool { return foreign[al.Rule] })
	if blind && !l.ours {
		fmt.Fprintln(a.err, "note: no network of yours is known, so every public address counts as foreign: name yours with --known CIDR,... or in a list known_networks (--lists)")
	}
	if res.Stats.Events() > 0 && l.data.Geo() == nil && (l.set.Layout.SlotOf("source.as.number") >= 0 || l.set.Layout.SlotOf("source.geo.country_iso_code") >= 0) {
		fmt.Fprintln(a.err, "note: without --geoip FOLDER the country and network of an address are known only where the log names them; rules that ask for them stay quiet")
	}
	secret := func(n engine.Named) bool { return n.Name == "secret" }
	if slices.ContainsFunc(res.Alerts, func(al *engine.Alert) bool { return slices.ContainsFunc(al.Entities, secret) }) {
		a.noteFingerprints()
	}
}

func parseTime(flag, s string) (int64, error) {
	if s == "" {
		return 0, nil
	}
	for _, form := range []string{time.RFC3339Nano, "2006-01-02T15:04:05", "2006-01-02 15:04", "2006-01-02"} {
		if t, err := time.Parse(form, s); err == nil {
			return t.UnixNano(), nil
		}
	}
	return 0, usage("%s %s: not a time: write it like 2026-03-02T10:15:00Z or 2026-03-02", flag, s)
}

// input makes a file's input one of the pipeline's.
type input struct {
	file.Input
	app *app
}

func (i input) Name() string { return i.Path }
func (i input) Size() int64  { return i.Input.Size }
func (i input) Rewind() bool { return !i.Once }
func (i input) Open() (pipeline.Stream, error) {
	if i.Path == "-" {
		return file.Reader(i.app.stdin)
	}
	s, err := i.Input.Open()
	if err != nil {
		return nil, err // not s: a nil *file.Stream in an interface is not nil
	}
	return s, nil
}

// refusals tells people about refused input without flooding them: the first
// few of each reason, then how many more there were.
type refusals struct {
	app   *app
	bar   *progress
	count map[string]int
}

const refusalsShown = 5

func (s *refusals) say(r engine.Refusal) {
	if s.count == nil {
		s.count = map[string]int{}
	}
	s.count[r.Reason]++
	if s.count[r.Reason] <= refusalsShown {
		s.bar.clear()
		fmt.Fprintf(s.app.err, "refused: %s\n", plain(r.Error()))
	}
}

func (s *refusals) end() {
	for _, reason := range sortedKeys(s.count) {
		if n := s.count[reason] - refusalsShown; n > 0 {
			fmt.Fprintf(s.app.err, "refused: %s more: %s (all of them with --dead-letter FILE)\n", number(int64(n)), reason)
		}
	}
}
