package pipeline_test

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"log/slog"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/seed-843b225c/reflex/engine"
	"github.com/seed-843b225c/reflex/engine/pipeline"
)

// quietRule is there beside what comes and goes.
var quietRule = strings.ReplaceAll(strings.ReplaceAll(burst, "id: burst", "id: quiet"), `"denied"`, `"never"`)

// locked is a dead letter that takes nothing: no checkpoint is written then.
type locked struct{}

func (locked) Keep(context.Context, []engine.Refusal) error {
	return &engine.Error{Kind: engine.Temporary, Err: errors.New("locked")}
}

// bursts gives n users' bursts that begin at a time.
func bursts(at time.Time, n int) (lines []string) {
	for i := range 3 * n {
		at = at.Add(time.Second)
		lines = append(lines, denied(at, fmt.Sprint("user", i%n), fmt.Sprint("e", at.Unix(), "-", i)))
	}
	return lines
}

// TestAlertsWhoseRuleGoesAreClosedOnce: their rule is removed, changed or
// switched off, by a reload or before a start, and with a crash after they were
// told and before that was stored.
func TestAlertsWhoseRuleGoesAreClosedOnce(t *testing.T) {
	with := func(s string) string { return s + "---" + quietRule }
	for name, c := range map[string]struct{ rules, why string }{
		"removed": {quietRule, "rule burst: it is gone or off"},
		"changed": {with(strings.Replace(burst, "at_least: 3", "at_least: 2", 1)), "rule burst: its text or its mode changed"},
		"off":     {with(strings.Replace(burst, "level: high", "level: high\nmode: off", 1)), "rule burst: it is gone or off"},
	} {
		for _, reload := range []bool{false, true} {
			for _, crash := range []bool{false, true} {
				t.Run(fmt.Sprintf("%s, reload %v, crash %v", name, reload, crash), func(t *testing.T) {
					g := &going{t: t, folder: t.TempDir(), before: with(burst), after: c.rules}
					g.run(reload, crash)
					g.check(c.why)
				})
			}
		}
	}
}

// going is a service whose rule goes.
type going struct {
	t             *testing.T
	folder        string
	before, after string
	src           *topic
	sink          shelf
	said          bytes.Buffer
}

func (g *going) life(rules string, change func(*pipeline.Live)) error {
	return runLive(g.t, g.t.Context(), g.folder, rules, g.src, func(l *pipeline.Live) {
		l.Log = slog.New(slog.NewTextHandler(&g.said, nil))
		if change != nil {
			change(l)
		}
	}, pipeline.Output{Name: "shelf", Sink: &g.sink})
}

func (g *going) run(reload, crash bool) {
	t := g.t
	g.src = newTopic("t", bursts(noon, 5))
	if err := g.life(g.before, nil); err != nil {
		t.Fatal(err)
	}
	if n := len(g.sink.alerts(engine.Opened)); n != 5 || len(g.sink.alerts(engine.Closed)) != 0 {
		t.Fatalf("%d alerts are open at first", n)
	}
	start := g.after
	var change func(*pipeline.Live)
	if crash {
		g.src.parts[0] = append(g.src.parts[0], "{broken")
		change = func(l *pipeline.Live) { l.Dead, l.Drain = locked{}, 200*time.Millisecond }
	}
	if reload {
		start = g.before
		locks := change
		change = func(l *pipeline.Live) {
			ask, told := make(chan pipeline.Reload, 1), make(chan error, 1)
			ask <- pipeline.Reload{Parts: lineOf(t, []byte(g.after)), Done: func(err error) { told <- err }}
			l.Reload = ask
			waited := false
			l.Source = counting{g.src, func() {
				if !waited {
					waited = true
					if err := <-told; err != nil {
						t.Error(err)
					}
				}
			}}
			if locks != nil {
				locks(l)
			}
		}
	}
	if err := g.life(start, change); (err != nil) != crash {
		t.Fatalf("crash %v: %v", crash, err)
	}
	if err := g.life(g.after, nil); err != nil {
		t.Fatal(err)
	}
}

// check: every alert was closed once, for the reason; what comes then for a
// rule that is still there is an alert of its own.
func (g *going) check(why string) {
	t := g.t
	closed := g.sink.alerts(engine.Closed)
	if len(closed) != 5 {
		t.Fatalf("%d alerts are closed\n%s", len(closed), g.said.String())
	}
	for _, tr := range closed {
		if tr.Reason != why || !tr.Alert.Final || tr.Alert.Title != "Burst" || len(tr.Alert.Evidence) == 0 || tr.Time != tr.Alert.End {
			t.Errorf("%+v\n%+v", tr, tr.Alert)
		}
	}
	g.src.parts[0] = append(g.src.parts[0], bursts(noon.Add(2*time.Minute), 5)...)
	for range 2 {
		if err := g.life(g.after, nil); err != nil {
			t.Fatal(err)
		}
	}
	opened, want := len(g.sink.alerts(engine.Opened)), 5
	if strings.Contains(why, "changed") {
		want = 10
	}
	if opened != want || len(g.sink.alerts(engine.Closed)) != 5 {
		t.Errorf("%d opened, want %d; %d closed", opened, want, len(g.sink.alerts(engine.Closed)))
	}
	g.sink.check(t)
	closes := slices.DeleteFunc(strings.Split(g.said.String(), "\n"), func(l string) bool { return !strings.Contains(l, "open alerts are closed") })
	if len(closes) != 1 || !strings.Contains(closes[0], "alerts=5") {
		t.Errorf("it is said: %q", closes)
	}
}
