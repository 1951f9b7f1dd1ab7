package pipeline

import (
	"bytes"
	"errors"
	"fmt"
	"math"
	"slices"
	"strings"
	"time"

	"github.com/seed-843b225c/reflex/engine"
	"github.com/seed-843b225c/reflex/engine/correlate"
)

// Arrival is one whole record as it arrives in a Play.
type Arrival struct {
	engine.Record
	Restart bool // then the process is killed and starts again
}

// Play takes whole records in order of arrival through the line of the service,
// with its watermarks: an event can be late here. It is how rule tests run;
// events come from one partition, and the wall clock stands still.
//
// Where a record asks for a restart, a checkpoint is taken after every third
// record and the process is killed twice: first it loses what came since the
// last checkpoint, one to three records, which then come again. Where that
// makes it three, a checkpoint follows and a kill that loses nothing. What was
// said is in the log both times. Parts.Plan needs an installation key then
// (secret.Options.Key).
//
// Result.Alerts are the final alerts and those still open at the end. The error says that the service
// would not have gone on as it should: state that cannot be read, an alert that
// was opened twice or whose transitions do not count from 1. Without restarts
// it tells of the transitions alone. Refuse may be told of one record twice, and
// Result.Stats counts what came after the last start.
func Play(parts Parts, arrivals []Arrival, refuse func(engine.Refusal)) (*Result, error) {
	p := &played{parts: parts, refuse: refuse, newest: math.MinInt64,
		restarts: slices.ContainsFunc(arrivals, func(a Arrival) bool { return a.Restart })}
	if err := p.start(); err != nil {
		return nil, err
	}
	for _, a := range arrivals {
		if err := p.arrive(a); err != nil {
			return nil, err
		}
	}
	return p.end()
}

// saveEvery is after how many records a Play takes a checkpoint.
const saveEvery = 3

// stopped is the wall clock of a Play.
var stopped = time.Unix(0, 0)

// played is a service in small: store and alert log are in memory.
type played struct {
	parts    Parts
	refuse   func(engine.Refusal)
	restarts bool

	store memory
	log   []engine.Transition
	saved int             // of log: its end at the last checkpoint
	since []engine.Record // what came behind the last checkpoint

	// Of one life:
	line   *line
	work   *workspace
	part   *reading
	newest int64 // event time, over all lives: where the input ends
}

// start makes the process: a new line that goes on from the store.
func (p *played) start() error {
	w := newWorkspace(p.parts, time.Time{}) // long ago: no dataset is still waited for
	w.Saver = &p.store
	logged, err := reread(p.log[p.saved:])
	if err != nil {
		return err
	}
	l, report, err := w.resume(p.parts, &p.store, logged, stopped)
	if err != nil {
		return fmt.Errorf("start from what was stored: %w", err)
	}
	if len(p.store.rows) > 0 && len(report.Reset) > 0 {
		return fmt.Errorf("after a restart state was lost: %s", strings.Join(report.Reset, "; "))
	}
	key := partKey{"event", -1}
	if p.restarts {
		p.part, err = w.read(l, key, &p.store, stopped)
	} else { // the plan may have no key to read stored state with
		p.part = &reading{key: key, decoder: p.parts.Plan.NewDecoder(), mark: w.marks.open(key, stopped)}
	}
	if err != nil {
		return fmt.Errorf("start from what was stored: %w", err)
	}
	p.line, p.work = l, w
	return nil
}

// reread gives transitions as the alert log gives them back.
func reread(ts []engine.Transition) ([]engine.Transition, error) {
	out := make([]engine.Transition, 0, len(ts))
	for i := range ts {
		b, err := ts[i].Append(nil)
		if err != nil {
			return nil, fmt.Errorf("log %s: %w", ts[i].DocumentID(), err)
		}
		t, err := engine.ParseTransition(b)
		if err != nil {
			return nil, fmt.Errorf("log %s: %w", ts[i].DocumentID(), err)
		}
		out = append(out, t)
	}
	return out, nil
}

// arrive takes one record, and does what follows it.
func (p *played) arrive(a Arrival) error {
	p.take(a.Record)
	if !p.restarts {
		p.store.crash() // nobody will ask for it
		return nil
	}
	p.since = append(p.since, a.Record)
	if a.Restart {
		if err := p.restart(); err != nil {
			return err
		}
	}
	if len(p.since) < saveEvery {
		return nil
	}
	if err := errors.Join(p.work.save(p.line), p.work.standing.write(p.work)); err != nil {
		return err
	}
	p.work.standing = standing{}
	p.store.commit()
	p.saved, p.since = len(p.log), nil
	if a.Restart {
		return p.restart()
	}
	return nil
}

// take takes one record through the line and logs what is said of it.
func (p *played) take(rec engine.Record) {
	rec.Data = bytes.Clone(rec.Data) // it may come again, and decoding may write into it
	p.work.take(p.line, p.part, rec)
	p.work.turn(p.line, stopped)
	p.newest = max(p.newest, p.line.newest)
	p.append()
}

func (p *played) append() {
	p.log = append(p.log, p.work.said...)
	p.work.said = p.work.said[:0]
	for _, r := range p.work.refusals {
		if p.refuse != nil {
			p.refuse(r)
		}
	}
	p.work.refusals = nil
}

// restart kills the process and starts it again: what came behind the
// checkpoint comes once more.
func (p *played) restart() error {
	p.store.crash()
	if err := p.start(); err != nil {
		return err
	}
	for _, rec := range p.since {
		p.take(rec)
	}
	return nil
}

// end closes the input and gives what was found.
func (p *played) end() (*Result, error) {
	l := p.line
	p.part.decoder.Decode(engine.Record{Chunk: true, Last: true, Origin: engine.Origin{Partition: -1, Source: "end of test"}}, l)
	l.newest = max(l.newest, p.newest)
	l.end()
	p.append()
	open := l.corr.Alerts()
	if err := sound(p.log, open); err != nil {
		return nil, err
	}
	alerts := slices.Clone(open)
	for _, t := range p.log {
		if t.Alert != nil && t.Change == engine.Closed {
			alerts = append(alerts, t.Alert)
		}
	}
	slices.SortFunc(alerts, correlate.Compare)
	return finish(l, l.stats, alerts), nil
}
