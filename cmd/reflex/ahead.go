package main

import (
	"context"
	"slices"
	"strings"
	"time"

	"github.com/seed-843b225c/reflex/engine"
)

// checkAgain is how often outputs are checked again while one would not work.
const checkAgain = 10 * time.Minute

// lookAhead checks, beside the work, whether what is written to would work:
// sinks, and the dead letter. Without it a wrong key or a missing topic shows
// with the first alert, which may be weeks away. It ends when all is well.
func (d *daemon) lookAhead(ctx context.Context, outputs []part) {
	var said []string
	for {
		var bad []string
		for _, p := range outputs {
			for _, f := range p.examine(ctx) {
				if f.Err != nil && ctx.Err() == nil {
					bad = append(bad, oneLine(f))
				}
			}
		}
		if ctx.Err() != nil {
			return
		}
		for _, text := range bad {
			if !slices.Contains(said, text) {
				d.log.Warn("what is written to is not as it should be", "error", text)
			}
		}
		if said != nil && bad == nil {
			d.log.Info("what is written to is as it should be")
		}
		said = bad
		d.mu.Lock()
		d.ahead = bad
		d.mu.Unlock()
		if bad == nil {
			return
		}
		select {
		case <-ctx.Done():
			return
		case <-time.After(checkAgain):
		}
	}
}

// oneLine puts a finding into one line.
func oneLine(f engine.Finding) string {
	text := f.What + ": " + strings.TrimPrefix(f.Err.Error(), f.What+": ")
	if f.Advice != "" && !strings.Contains(text, f.Advice) {
		text += ": " + f.Advice
	}
	return text
}
