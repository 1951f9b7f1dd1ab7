package pipeline

import (
	"math"

	"github.com/seed-843b225c/reflex/engine"
)

// Play takes whole records in order of arrival through a line, with the
// watermarks of a live stream: an event can be late here. It is how rule tests
// run; events come from one partition.
func Play(parts Parts, records []engine.Record, refuse func(engine.Refusal)) *Result {
	stats := newStats(parts.Set)
	l := newLine(parts, stats, refuse)
	l.marks = newWatermarks()
	l.part = newPartition(nil)
	dec := parts.Plan.NewDecoder()
	for _, rec := range records {
		dec.Decode(rec, l)
		l.jobs.Advance(l.marks.jobs(), l.onKnown)
		l.corr.Advance(l.marks.of)
	}
	dec.Decode(engine.Record{Chunk: true, Last: true, Origin: engine.Origin{Partition: -1, Source: "end of test"}}, l)
	l.mark = math.MinInt64
	l.end()
	return finish(l, stats)
}
