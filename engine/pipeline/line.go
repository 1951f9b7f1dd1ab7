package pipeline

import (
	"fmt"
	"math"
	"strings"
	"time"

	"github.com/seed-843b225c/reflex/engine"
	"github.com/seed-843b225c/reflex/engine/correlate"
	"github.com/seed-843b225c/reflex/engine/decode"
	"github.com/seed-843b225c/reflex/engine/detect"
	"github.com/seed-843b225c/reflex/engine/incident"
	"github.com/seed-843b225c/reflex/engine/job"
	"github.com/seed-843b225c/reflex/engine/rule"
)

// Parts are what a line is made of. Plan and Set are shared; the others are
// made anew for every line.
type Parts struct {
	Set       *rule.Set
	Plan      *decode.Plan
	Detector  func() *detect.Detector
	Redact    func(string) string // overwrites secrets in free text
	Key       []byte              // 32 bytes that seal what a service stores of logged values; nil: tests
	Shards    int                 // 0: one
	Oracle    bool                // correlate by brute force: slow, and the judge of the fast way
	Since     int64               // events before it are ignored; 0: none
	Until     int64               // events at or after it are ignored; 0: none
	Incidents incident.Options
	// Look, when not nil, sees every event before detection; for `rules explain`.
	// Before a second reading, in which all events come again, Forget is called.
	Look   func(*engine.Event)
	Forget func()
	// Nearest: keep what tells how near each key came (Result.Nearest).
	Nearest bool
}

// line is the stations of one run, driven by one goroutine. It is the
// engine.Handler that decoders call.
type line struct {
	parts     Parts
	detector  *detect.Detector
	documents *decode.Documents
	jobs      *job.Jobs
	corr      *correlate.Correlator

	runSlot, jobSlot int
	stats            *Stats
	refuse           func(engine.Refusal) // nil: only counted
	newest           int64                // newest event time of all partitions
	mark             int64                // watermark: nothing at or before it is still to come

	// Where arrival is live; nil for files:
	live     *liveMarks
	livePart *livePart // of the partition in hand
	clock    time.Time // when the batch in hand came

	part    *partition // whose records are being decoded
	onHit   func(engine.Hit)
	onKnown func(engine.Hit)
	late    bool   // a hit or a job's announcement stood behind the watermark
	idle    bool   // only measure times
	placed  bool   // the event in hand has its place already
	wanted  wanted // only look for these events' documents; nil normally
}

func newLine(parts Parts, stats *Stats, refuse func(engine.Refusal)) *line {
	return newLineOf(parts, stats, refuse, correlate.Options{Shards: parts.Shards, Redact: parts.Redact, Oracle: parts.Oracle, Collect: parts.Nearest})
}

// newLiveLine makes the line of a workspace: what happens to alerts is said as
// it happens, and what a restart needs is journalled.
func newLiveLine(parts Parts, stats *Stats, w *workspace) *line {
	l := newLineOf(parts, stats, w.refuse, correlate.Options{Shards: parts.Shards, Redact: parts.Redact, Emit: w.emit, Journal: w, Collect: parts.Nearest})
	l.live, l.part = w.marks, newPartition(nil)
	began := time.Now()
	l.detector.Measure(func() int64 { return int64(time.Since(began)) })
	return l
}

func newLineOf(parts Parts, stats *Stats, refuse func(engine.Refusal), o correlate.Options) *line {
	layout := parts.Set.Layout
	l := &line{
		parts: parts, detector: parts.Detector(), documents: parts.Plan.NewDocuments(),
		jobs: job.New(layout, job.Options{}), stats: stats, refuse: refuse,
		runSlot: layout.SlotOf("ci.run.id"), jobSlot: layout.SlotOf("ci.job.id"),
		newest: math.MinInt64, mark: math.MinInt64,
	}
	o.Document = l.documents.Document
	l.corr = correlate.New(parts.Set, o)
	l.onHit, l.onKnown = l.hit, l.corr.Hit
	return l
}

// Event takes one event through detect, job and correlate.
func (l *line) Event(ev *engine.Event) {
	l.part.see(ev.Time)
	if ev.Derived == "" || ev.All != nil { // a fact found in text is an event; one found in a record is not one more
		l.stats.events[ev.Dataset]++
	}
	if l.idle {
		return
	}
	if l.parts.Since != 0 && ev.Time < l.parts.Since || l.parts.Until != 0 && ev.Time >= l.parts.Until {
		l.stats.outside++
		return
	}
	l.newest = max(l.newest, ev.Time)
	if l.live != nil && !l.live.see(l.livePart, ev.Dataset, ev.Time, l.clock) {
		l.stats.ahead[ev.Dataset.String()]++
	}
	if job.Announces(ev.Dataset) {
		l.late = l.late || ev.Time <= l.mark
		l.jobs.Observe(ev)
	}
	if l.parts.Look != nil {
		l.parts.Look(ev)
	}
	l.placed = !ev.Place
	l.detector.Detect(ev, l.onHit)
}

// Refuse counts one input that no format takes and keeps it aside.
func (l *line) Refuse(r engine.Refusal) {
	l.stats.refused[r.Reason]++
	if l.refuse != nil {
		l.refuse(r)
	}
}

// Skip counts input that is understood and is no event.
func (l *line) Skip(_ engine.Origin, reason string) {
	if _, ok := l.stats.skipped[reason]; !ok {
		reason = strings.Clone(reason) // it may alias the record
	}
	l.stats.skipped[reason]++
}

func (l *line) hit(h engine.Hit) {
	ev := h.Event
	if !l.placed {
		l.part.place(ev)
		l.placed = true
	}
	if l.wanted != nil {
		l.wanted.meet(ev, l.documents)
		return
	}
	if ev.Time <= l.mark {
		l.late = true
	}
	if l.parts.Set.Probes[h.Probe].NeedsRun && (ev.Get(l.runSlot).IsNil() || l.jobSlot >= 0 && ev.Get(l.jobSlot).IsNil()) {
		l.jobs.Hold(h, l.documents.Document(ev))
		return
	}
	l.corr.Hit(h)
}

// advance moves the watermark: first the hits that waited for their run, then
// the windows, because the windows close behind it.
func (l *line) advance(mark int64) {
	if mark <= l.mark {
		return
	}
	l.mark = mark
	l.jobs.Advance(mark, l.onKnown)
	l.corr.Advance(func(engine.Dataset) int64 { return mark })
}

// end closes the input: everything up to the newest event is complete, what is
// still awaited beyond it is undecided.
func (l *line) end() {
	if l.newest == math.MinInt64 {
		return
	}
	l.jobs.Advance(math.MaxInt64, l.onKnown) // no announcement is still to come
	l.mark = l.newest
	l.corr.End(l.newest)
}

// nameProbe names a condition so that another rule set finds it: by its rule,
// the rule's text, and its place in the rule.
func (l *line) nameProbe(p int32) string {
	pr := &l.parts.Set.Probes[p]
	r := l.parts.Set.Rules[pr.Rule]
	return fmt.Sprintf("%s\x00%s\x00%d.%d", r.ID, r.Text, pr.Role, pr.Part)
}

// findProbe finds the condition of a name; false when the rule is gone or changed.
func (l *line) findProbe(name string) (int32, bool) {
	for i := range l.parts.Set.Probes {
		if l.nameProbe(int32(i)) == name {
			return int32(i), true
		}
	}
	return 0, false
}
