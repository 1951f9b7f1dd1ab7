package pipeline

import (
	"context"
	"encoding/binary"
	"errors"
	"fmt"
	"slices"
	"sync"
	"sync/atomic"
	"time"

	"github.com/seed-843b225c/reflex/engine"
	"github.com/seed-843b225c/reflex/engine/checkpoint"
)

// Keys of what the store keeps for sinks.
const (
	keySink   = "sp" // + name: position in the alert log
	keyMemory = "sm" // + name + 0 + key: the sink's own small memory
)

// output carries one sink: it reads the alert log from the sink's own position,
// so a sink that is down delays nobody else and catches up by itself.
type output struct {
	name string
	sink engine.Sink
	pos  atomic.Int64
	svc  *service

	mu    sync.Mutex
	err   error
	since time.Time // of err
}

// newOutput finds the sink's position. A sink the store does not know begins
// where the log ends, or at its start in a new store.
func newOutput(o Output, s *service) (*output, error) {
	out := &output{name: o.Name, sink: o.Sink, svc: s}
	b, ok, err := s.Dir.Store.Get([]byte(keySink + o.Name))
	if err != nil {
		return nil, damaged(err)
	}
	at := s.Dir.Log.End()
	if ok && len(b) == 8 {
		at = int64(binary.BigEndian.Uint64(b))
	} else if err := out.store(at); err != nil {
		return nil, err
	}
	out.pos.Store(max(at, s.Dir.Log.First()))
	return out, nil
}

// run delivers until ctx ends.
func (o *output) run(ctx context.Context) {
	wait := backoff{least: 200 * time.Millisecond, most: 30 * time.Second}
	for ctx.Err() == nil {
		if o.svc.Dir.Log.Wait(ctx, o.pos.Load()) != nil {
			return
		}
		err := o.step(ctx)
		if ctx.Err() != nil {
			return
		}
		if !paced(err) {
			o.note(err)
		}
		if err == nil {
			wait.reset()
			continue
		}
		wait.sleep(ctx, err)
	}
}

// paced reports a sink that only takes its time: a rate limit of a few seconds.
func paced(err error) bool {
	e, ok := errors.AsType[*engine.Error](err)
	return ok && e.Kind == engine.Temporary && e.After > 0 && e.After <= 5*time.Second
}

// deliverBytes is how much of the log one Deliver takes at most.
const deliverBytes = 1 << 20

// step delivers the next transitions. It returns why it got no further.
func (o *output) step(ctx context.Context) error {
	read, err := o.svc.scribe.read(o.pos.Load(), deliverBytes)
	if err != nil {
		return err
	}
	ts := make([]engine.Transition, len(read))
	for i := range read {
		ts[i] = read[i].Transition
	}
	for done := 0; done < len(ts); {
		n, err := o.sink.Deliver(ctx, ts[done:])
		o.accepted(ts[done : done+n])
		done += n
		if n > 0 {
			if err := o.moved(read[done-1].next); err != nil {
				return err
			}
		}
		switch {
		case err == nil && n == 0:
			return fmt.Errorf("sink %s accepted nothing and said nothing", o.name)
		case engine.KindOf(err) == engine.BadInput && done < len(ts):
			if err := o.bare(ctx, ts[done], err); err != nil {
				return err
			}
			done++
			if err := o.moved(read[done-1].next); err != nil {
				return err
			}
		case err != nil:
			o.svc.met.delivered(o.name, outcomeOf(err), 1)
			return err
		}
	}
	return nil
}

func outcomeOf(err error) string {
	switch {
	case engine.KindOf(err) == engine.Fatal:
		return "failed"
	case paced(err):
		return "paced"
	}
	return "retried"
}

// accepted counts, and measures how long it took from the record to here.
func (o *output) accepted(ts []engine.Transition) {
	now := o.svc.Now().UnixNano()
	o.svc.met.delivered(o.name, "accepted", len(ts))
	for i := range ts {
		if t := &ts[i]; t.Seen > 0 && t.Alert != nil && (t.Change == engine.Opened || t.Change == engine.Raised) {
			o.svc.met.latency(o.name, time.Duration(now-t.Seen))
		}
	}
}

// bare offers what the sink refuses once more, without what came out of logs:
// that is what is too large or of a form that a sink does not take. An alert
// without its evidence is better than none.
func (o *output) bare(ctx context.Context, t engine.Transition, why error) error {
	less := []engine.Transition{t.Bare("evidence and fields of the log left out: sink " + o.name + " refused them")}
	n, err := o.sink.Deliver(ctx, less)
	switch {
	case n > 0:
		o.svc.Log.Warn("a sink refuses an alert or incident with its evidence: it was told without", "sink", o.name, "id", t.DocumentID(), "error", why)
		o.accepted(less)
		return nil
	case engine.KindOf(err) == engine.BadInput:
		return o.refuse(ctx, t, why)
	case err == nil:
		return fmt.Errorf("sink %s accepted nothing and said nothing", o.name)
	}
	return err // comes again whole
}

// letterBytes is how much of a refused alert the dead letter is given: what was
// too large for a sink is too large for a topic.
const letterBytes = 64 << 10

// refuse keeps aside what the sink can never take.
func (o *output) refuse(ctx context.Context, t engine.Transition, why error) error {
	o.svc.met.delivered(o.name, "refused", 1)
	o.svc.Log.Error("a sink refuses an alert for good: it is kept in the dead letter", "sink", o.name, "id", t.DocumentID(), "error", why)
	data, err := t.Append(nil)
	if len(data) > letterBytes || err != nil {
		less := t.Bare("evidence and fields of the log left out: too large for the dead letter")
		data, err = less.Append(nil)
	}
	if err != nil {
		return err
	}
	r := engine.Refusal{Origin: engine.Origin{Source: "alert log", Partition: -1, Offset: o.pos.Load()}, Reason: "sink " + o.name + " refused", Detail: why.Error(), Data: data}
	return o.svc.keep(ctx, []engine.Refusal{r})
}

// moved stores how far the sink is. What is lost of it by a crash is delivered again.
func (o *output) moved(to int64) error {
	o.pos.Store(to)
	return o.store(to)
}

func (o *output) store(to int64) error {
	b := o.svc.Dir.Store.NewBatch()
	b.Set([]byte(keySink+o.name), binary.BigEndian.AppendUint64(nil, uint64(to)))
	return o.svc.Dir.Store.CommitLazy(b)
}

// note keeps the sink's trouble for the status page and says it when it begins
// and when it ends.
func (o *output) note(err error) {
	o.mu.Lock()
	defer o.mu.Unlock()
	switch {
	case err != nil && (o.err == nil || o.err.Error() != err.Error()):
		level := o.svc.Log.Warn
		if engine.KindOf(err) == engine.Fatal {
			level = o.svc.Log.Error
		}
		level("a sink does not take alerts: it catches up later", "sink", o.name, "error", err)
	case err == nil && o.err != nil:
		o.svc.Log.Info("the sink takes alerts again", "sink", o.name, "after", o.svc.Now().Sub(o.since).Round(time.Second).String())
	}
	if err == nil {
		o.since = time.Time{}
	} else if o.err == nil {
		o.since = o.svc.Now()
	}
	o.err = err
}

// trouble gives since when the sink takes nothing, and why.
func (o *output) trouble() (since time.Time, err error) {
	o.mu.Lock()
	defer o.mu.Unlock()
	return o.since, o.err
}

func (o *output) working() bool {
	_, err := o.trouble()
	return err == nil
}

// SinkMemory gives a sink its Memory in a store.
func SinkMemory(store *checkpoint.Store, sink string) engine.Memory {
	return &sinkMemory{store: store, prefix: keyMemory + sink + "\x00"}
}

type sinkMemory struct {
	store  *checkpoint.Store
	prefix string
}

func (m *sinkMemory) key(k string) []byte { return []byte(m.prefix + k) }

func (m *sinkMemory) Get(key string) ([]byte, bool, error) {
	b, ok, err := m.store.Get(m.key(key))
	return slices.Clone(b), ok, err
}

func (m *sinkMemory) Put(key string, value []byte) error {
	b := m.store.NewBatch()
	b.Set(m.key(key), value)
	return m.store.Commit(b)
}

func (m *sinkMemory) Each(f func(key string, value []byte) error) error {
	to := m.prefix[:len(m.prefix)-1] + "\x01"
	return m.store.Scan([]byte(m.prefix), []byte(to), func(key, value []byte) error {
		return f(string(key[len(m.prefix):]), slices.Clone(value))
	})
}

func (m *sinkMemory) Delete(key string) error {
	b := m.store.NewBatch()
	b.Delete(m.key(key))
	return m.store.Commit(b)
}
