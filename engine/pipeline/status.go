package pipeline

import (
	"cmp"
	"math"
	"slices"
	"sync"
	"time"

	"github.com/seed-843b225c/reflex/engine"
)

// Status is how a Live stands: what the health pages and the metrics show. It
// is renewed with every turn of the clock and never changes afterwards.
type Status struct {
	At         time.Time
	Version    string // of rules and lists
	Stats      *Stats
	Keys       int                  // correlation keys with state
	Pending    int                  // events that wait for the watermark
	Held       int                  // hits that wait for their run
	Watermarks map[string]time.Time // by dataset
	Silent     []string             // datasets that are silent and follow the clock
	Partitions int
	Lags       []engine.Lag
	StateBytes int64
	LogBytes   int64
	Saved      time.Time // last checkpoint
	SourceErr  string    // why the source cannot be read; "" when it can
	StoreErr   string    // why nothing can be stored; "" when it can
	Sinks      []SinkStatus
}

// SinkStatus is how a sink stands.
type SinkStatus struct {
	Name   string    `json:"name"`
	Behind int64     `json:"behind_bytes"` // bytes of the alert log not yet delivered
	Err    string    `json:"error,omitempty"`
	Since  time.Time `json:"since,omitzero"`  // of Err
	Fatal  bool      `json:"fatal,omitempty"` // nothing changes until a person acts
}

// statusBoard holds the latest Status and the troubles that come between.
type statusBoard struct {
	mu        sync.Mutex
	now       *Status
	sourceErr error
	sourceAt  time.Time // when sourceErr was told last
	storeErr  error     // of the writer: state and dead letter
	logErr    error     // of the scribe: alert log
	savedAt   time.Time
}

// toldAgain is how long a trouble of the source counts: one that lasts is told
// again sooner, and a source that has got over it without a new record says nothing.
const toldAgain = 75 * time.Second

func (b *statusBoard) source(err error, at time.Time) {
	b.mu.Lock()
	b.sourceErr, b.sourceAt = err, at
	b.mu.Unlock()
}

func (b *statusBoard) store(err error) {
	b.mu.Lock()
	b.storeErr = err
	b.mu.Unlock()
}

func (b *statusBoard) alertLog(err error) {
	b.mu.Lock()
	b.logErr = err
	b.mu.Unlock()
}

// storing reports whether the writer and the scribe get anything stored.
func (b *statusBoard) storing() bool {
	b.mu.Lock()
	defer b.mu.Unlock()
	return b.storeErr == nil && b.logErr == nil
}

func (b *statusBoard) saved(at time.Time) {
	b.mu.Lock()
	b.savedAt = at
	b.mu.Unlock()
}

// Status gives the latest Status; nil before the state is restored. Safe from
// any goroutine.
func (l *Live) Status() *Status {
	b := &l.status
	b.mu.Lock()
	defer b.mu.Unlock()
	if b.now == nil {
		return nil
	}
	s := *b.now
	s.Saved, s.StoreErr = b.savedAt, text(cmp.Or(b.logErr, b.storeErr))
	if engine.KindOf(b.sourceErr) == engine.Fatal || l.Now().Sub(b.sourceAt) < toldAgain {
		s.SourceErr = text(b.sourceErr)
	}
	return &s
}

func text(err error) string {
	if err == nil {
		return ""
	}
	return err.Error()
}

// publish renews the Status.
func (s *service) publish() {
	if s.Room > 0 {
		makeRoom(s.Room)
	}
	w, l := s.work, s.line
	stats := *l.stats
	stats.events = slices.Clone(stats.events)
	stats.refused, stats.skipped = clone(stats.refused), clone(stats.skipped)
	stats.ambiguous, stats.ahead = clone(stats.ambiguous), clone(stats.ahead)
	stats.rules = slices.Clone(stats.rules)
	for i := range stats.rules { // gather adds
		stats.rules[i].Errors = 0
	}
	gather(l, &stats)
	corr := l.corr.Stats()
	st := &Status{At: s.Now(), Version: l.parts.Set.Version, Stats: &stats, Keys: corr.Keys, Pending: corr.Pending, Held: l.jobs.Stats().Held,
		Watermarks: map[string]time.Time{}, Partitions: len(w.parts), StateBytes: s.Dir.Store.Size(), LogBytes: s.Dir.Log.End() - s.Dir.Log.First()}
	for _, d := range engine.Datasets() {
		if w.marks.seen[d] && w.marks.marks[d] != math.MinInt64 {
			st.Watermarks[d.String()] = time.Unix(0, w.marks.marks[d]).UTC()
		}
		if w.marks.silent[d] {
			st.Silent = append(st.Silent, d.String())
		}
	}
	if lagging, ok := s.Source.(engine.Lagging); ok {
		st.Lags = lagging.Lags()
	}
	for _, o := range s.outputs {
		since, err := o.trouble()
		st.Sinks = append(st.Sinks, SinkStatus{Name: o.name, Behind: s.Dir.Log.End() - o.pos.Load(), Err: text(err), Since: since, Fatal: engine.KindOf(err) == engine.Fatal})
	}
	s.status.mu.Lock()
	s.status.now = st
	s.status.mu.Unlock()
}

func clone(m map[string]int64) map[string]int64 {
	out := make(map[string]int64, len(m))
	for k, v := range m {
		out[k] = v
	}
	return out
}

// sayLate tells, at most once a minute, that matching events came too late for
// windows.
func (s *service) sayLate() {
	late := s.line.corr.Stats().Late
	if late < s.late { // another line since
		s.late = 0
	}
	if late == s.late || s.Now().Sub(s.lateSaid) < time.Minute {
		return
	}
	s.Log.Warn("matching events came later than their dataset's lateness allows: match rules judged them, counts and chains did not see them",
		"events", late-s.late)
	s.late, s.lateSaid = late, s.Now()
}
