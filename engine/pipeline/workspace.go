package pipeline

import (
	"bytes"
	"context"
	"encoding/binary"
	"fmt"
	"slices"
	"strings"
	"time"

	"github.com/seed-843b225c/reflex/engine"
	"github.com/seed-843b225c/reflex/engine/checkpoint"
	"github.com/seed-843b225c/reflex/engine/correlate"
	"github.com/seed-843b225c/reflex/engine/decode"
	"github.com/seed-843b225c/reflex/engine/incident"
)

// Keys of what the pipeline itself stores; the stations have prefixes of their
// own ("c" correlate, "d" decode, "i" incident, "j" job).
const (
	keyPosition = "pp" // + partition: next offset to read
	keyLog      = "pl" // the log's end at the checkpoint
	keyDecoder  = "d"  // + partition: the decoder's memory
)

// refusalsMost is how many refusals wait for a checkpoint; more ask for one.
const refusalsMost = 1000

// workspace is what one line works on between checkpoints. A reload replaces it.
// It is the Saver that the correlator journals to: what stands behind it changes
// with every checkpoint.
type workspace struct {
	engine.Saver        // takes what the next checkpoint stores
	vault        *vault // nil: nothing is sealed

	batch     *checkpoint.Batch // the same, where it is the service's
	marks     *liveMarks
	incidents *incident.Live
	parts     map[partKey]*reading
	changed   map[partKey]bool  // positions that moved since the last checkpoint
	leaving   []engine.Position // of partitions that were closed since
	left      map[partKey]bool  // partitions whose memory is not in the store yet
	refusals  []engine.Refusal
	said      []engine.Transition // not yet in the log
	standing  standing            // alerts that are not over, and those that just ended
	told      map[string]bool     // transitions of alerts in the log behind the checkpoint that this line began with
	record    int64               // when the record in hand was appended, ns; 0: none is
	unturned  int                 // records since the watermarks moved
}

// reading is one partition being read.
type reading struct {
	key     partKey
	decoder *decode.Decoder
	mark    *livePart
	next    int64
	last    int64 // record time of the record before next; 0: unknown
}

// into makes a batch the one that the next checkpoint stores.
func (w *workspace) into(b *checkpoint.Batch) { w.Saver, w.batch = b, b }

// Set stores a value, sealed where its station stores what was logged.
func (w *workspace) Set(key, value []byte) {
	if w.vault != nil && strings.IndexByte(sealedStations, key[0]) >= 0 {
		value = w.vault.seal(key, value)
	}
	w.Saver.Set(key, value)
}

// refuse keeps a refusal until the next checkpoint: it is in the dead letter
// before the source is told that its record is done.
func (w *workspace) refuse(r engine.Refusal) {
	r.Origin.Source, r.Data = strings.Clone(r.Origin.Source), slices.Clone(r.Data)
	r.Reason, r.Detail = strings.Clone(r.Reason), strings.Clone(r.Detail)
	w.refusals = append(w.refusals, r)
}

// emit takes a transition of an alert and what it makes of incidents.
func (w *workspace) emit(t engine.Transition) {
	if w.told[t.DocumentID()] {
		return // it stands in the log: the record behind it came again after a crash
	}
	t.Seen = w.record
	w.standing.note(t)
	w.said = append(w.said, t)
	for _, in := range w.incidents.Alert(t) {
		in.Seen = w.record
		w.said = append(w.said, in)
	}
}

// begin restores what the store and the log hold.
func (s *service) begin() error {
	started := s.Now()
	line, work, report, err := s.build(s.Parts)
	if err != nil {
		return err
	}
	s.line, s.work, s.emptied = line, work, report.Emptied
	for _, note := range s.Dir.Notes {
		s.Log.Warn(note)
	}
	for _, reset := range report.Reset {
		s.Log.Warn("state was reset: " + reset)
	}
	s.Log.Info("state restored", "rules", report.Rules, "hits", report.Hits, "seconds", s.Now().Sub(started).Seconds())
	for _, o := range s.Outputs {
		out, err := newOutput(o, s)
		if err != nil {
			return err
		}
		s.outputs = append(s.outputs, out)
	}
	s.publish()
	return nil
}

// build makes a line that goes on where the store and the log end. Nothing is
// stored by it: a reload that fails leaves the old line as it was.
func (s *service) build(parts Parts) (*line, *workspace, correlate.RestoreReport, error) {
	logged, err := s.logged()
	if err != nil {
		return nil, nil, correlate.RestoreReport{}, err
	}
	w := newWorkspace(parts, s.Now())
	w.into(s.Dir.Store.NewBatch())
	l, report, err := w.resume(parts, s.Dir.Store, logged, s.Now())
	if err != nil {
		return nil, nil, report, damaged(err)
	}
	return l, w, report, nil
}

// logged reads the transitions behind the last checkpoint.
func (s *service) logged() ([]engine.Transition, error) {
	b, ok, err := s.Dir.Store.Get([]byte(keyLog))
	if err != nil {
		return nil, damaged(err)
	}
	from := s.Dir.Log.First()
	if ok && len(b) == 8 {
		from = max(from, int64(binary.BigEndian.Uint64(b)))
	}
	var out []engine.Transition
	for {
		entries, err := s.Dir.Log.Read(from, 4<<20)
		if err != nil || len(entries) == 0 {
			return out, err
		}
		for _, e := range entries {
			t, err := engine.ParseTransition(e.Data)
			if err != nil {
				return nil, fmt.Errorf("alert log at %d: %w", e.Pos, err)
			}
			out = append(out, t)
			from = e.Next
		}
	}
}

func damaged(err error) error {
	return &engine.Error{Kind: engine.Fatal, Err: fmt.Errorf("the stored state cannot be read: %w; start with the state folder of a backup, or with an empty one (what was open is then told again)", err)}
}

// take takes one batch through the line.
func (s *service) take(ctx context.Context, b engine.Batch) error {
	now := s.Now()
	s.line.clock = now
	for _, p := range b.Opened {
		r, err := s.reading(ctx, partKey{p.Source, p.Partition})
		if err != nil {
			return err
		}
		if p.Offset < r.next {
			s.Log.Warn("a partition is read again from before its stored position: its records come a second time and are recognised",
				"topic", p.Source, "partition", p.Partition, "offset", p.Offset, "stored", r.next)
		}
		r.next, r.last = p.Offset, p.Time
	}
	for i := range b.Records {
		if err := s.record(ctx, &b.Records[i], now); err != nil {
			return err
		}
	}
	s.work.record = 0
	if b.Release != nil {
		b.Release()
	}
	if err := s.after(ctx, b); err != nil {
		return err
	}
	for _, p := range b.Closed {
		s.closed(partKey{p.Source, p.Partition})
	}
	if len(b.Closed) > 0 || len(s.work.refusals) >= refusalsMost || s.work.batch.Size() > waitingBytes/2 {
		return s.save(ctx)
	}
	return nil
}

// record takes one record through decode, detect, job and correlate.
func (s *service) record(ctx context.Context, rec *engine.Record, now time.Time) error {
	key := partKey{rec.Origin.Source, rec.Origin.Partition}
	p := s.work.parts[key]
	if p == nil {
		var err error
		if p, err = s.reading(ctx, key); err != nil {
			return err
		}
	}
	if s.work.record = rec.Time; rec.Time == 0 {
		s.work.record = now.UnixNano()
	}
	s.work.take(s.line, p, *rec)
	return nil
}

// reading opens a partition: its decoder remembers what was unfinished.
func (s *service) reading(ctx context.Context, key partKey) (*reading, error) {
	if s.work.left[key] || s.storing[key] { // it is back before what it left was stored
		if err := s.saveNow(ctx); err != nil {
			return nil, err
		}
	}
	p, err := s.work.read(s.line, key, s.Dir.Store, s.Now())
	if err != nil {
		return nil, damaged(err)
	}
	return p, nil
}

// closed lets a partition go; what it left is stored with the next checkpoint.
func (s *service) closed(key partKey) {
	p := s.work.parts[key]
	if p == nil {
		return
	}
	s.work.savePart(p)
	s.work.leaving = append(s.work.leaving, p.position())
	s.work.left[key] = true
	s.work.marks.close(key)
	delete(s.work.parts, key)
}

// A watermark moves by minutes, and to move it asks every rule that holds
// something: while full batches come, that is done once in turnEvery records.
const (
	fullBatch = 100
	turnEvery = 1000
)

// after logs what a batch said and moves the watermarks, at the latest with the
// next turn of the clock.
func (s *service) after(ctx context.Context, b engine.Batch) error {
	s.work.unturned += len(b.Records)
	if len(b.Records) >= fullBatch && len(b.Opened)+len(b.Closed) == 0 && s.work.unturned < turnEvery {
		return s.append(ctx)
	}
	return s.turn(ctx)
}

// turn moves the watermarks and logs what was said.
func (s *service) turn(ctx context.Context) error {
	w := s.work
	w.unturned = 0
	if lagging, ok := s.Source.(engine.Lagging); ok {
		lags := lagging.Lags()
		w.marks.owned(lags, s.Now())
		for _, lag := range lags {
			if p := w.parts[partKey{lag.Source, lag.Partition}]; p != nil && lag.End >= 0 {
				p.mark.lag = max(lag.End-lag.Next, min(lag.End-p.next, 1)) // what was handed out and waits here is not read either
				p.mark.rest = lag.End == lag.Next
			}
		}
		if len(lags) == 0 {
			return s.append(ctx)
		}
	}
	w.turn(s.line, s.Now())
	return s.append(ctx)
}

// append hands what was said to the scribe. A log that takes nothing slows the
// source.
func (s *service) append(ctx context.Context) error {
	if len(s.work.said) == 0 {
		return nil
	}
	err := s.scribe.say(ctx, s.work.said)
	if err == nil {
		s.work.said = nil
	}
	return err
}

// savedPositions gives what the source is told after a checkpoint.
func (s *service) savedPositions() []engine.Position {
	out := s.work.leaving
	s.work.leaving = nil
	for key := range s.work.changed {
		if p := s.work.parts[key]; p != nil {
			out = append(out, p.position())
		}
	}
	return out
}

func (p *reading) position() engine.Position {
	return engine.Position{Source: p.key.source, Partition: p.key.number, Offset: p.next, Time: p.last}
}

// Positions gives the stored positions of all partitions: where a source goes on.
func Positions(l engine.Loader) ([]engine.Position, error) {
	var out []engine.Position
	err := l.Scan([]byte(keyPosition), end(keyPosition), func(key, value []byte) error {
		k, ok := parsePartKey(key[len(keyPosition):])
		next, last, whole := parsePosition(value)
		if !ok || !whole {
			return fmt.Errorf("the stored position %q is damaged", bytes.ToValidUTF8(key, []byte("?")))
		}
		out = append(out, engine.Position{Source: k.source, Partition: k.number, Offset: next, Time: last})
		return nil
	})
	return out, err
}
