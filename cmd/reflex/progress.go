package main

import (
	"fmt"
	"time"

	"github.com/seed-843b225c/reflex/engine/pipeline"
)

// progress draws one line that tells rate and remaining time, on a terminal only.
type progress struct {
	p       *printer
	started time.Time
	last    time.Time
	drawn   bool
	size    func(int64) string // of what is read; bytes, or records of a topic
}

func newProgress(p *printer) *progress { return &progress{p: p, started: time.Now(), size: size} }

func (g *progress) show(s pipeline.Progress) {
	now := time.Now()
	if !g.p.terminal || now.Sub(g.started) < 300*time.Millisecond || now.Sub(g.last) < 100*time.Millisecond {
		return
	}
	g.last, g.drawn = now, true
	seconds := now.Sub(g.started).Seconds()
	line := fmt.Sprintf("%s read, %s events, %s events/s", g.size(s.Done), number(s.Events), number(int64(float64(s.Events)/seconds)))
	if s.Total > 0 && s.Done > 0 {
		left := time.Duration(seconds * float64(s.Total-s.Done) / float64(s.Done) * float64(time.Second))
		line = fmt.Sprintf("%3d %%  %s, %s left", min(100, s.Done*100/s.Total), line, max(0, left).Round(time.Second))
	}
	if s.Again {
		line += ", read again in order of time"
	}
	// A line that wraps could not be taken away again.
	fmt.Fprintf(g.p, "\r\x1b[K%s", cut(line, g.p.width()-1))
}

// clear takes the line away before anything else is printed.
func (g *progress) clear() {
	if g.drawn {
		fmt.Fprint(g.p, "\r\x1b[K")
		g.drawn = false
	}
}
