package pipeline

import (
	"context"
	"encoding/binary"
	"fmt"
	"strings"
	"time"

	"github.com/seed-843b225c/reflex/engine"
	"github.com/seed-843b225c/reflex/engine/checkpoint"
)

// saveJob is one checkpoint on its way to the store.
type saveJob struct {
	batch    *checkpoint.Batch
	logged   <-chan int64 // told where the log ends, once all that the state knows of is in it
	commit   []engine.Position
	refusals []engine.Refusal
	standing standing
	began    time.Time
	pause    time.Duration // how long detection stood still for it
}

// saveResult says what came of it.
type saveResult struct {
	err   error
	bytes int
	took  time.Duration
	pause time.Duration
}

// save hands everything that changed to the writer. It only gathers: writing
// and syncing happen beside detection, one checkpoint at a time.
func (s *service) save(ctx context.Context) error {
	if s.saving {
		s.again = true
		return nil
	}
	job, err := s.gather(ctx)
	if err != nil {
		return err
	}
	s.saving, s.again = true, false
	s.jobs <- job
	return nil
}

// gather takes what changed since the last checkpoint.
func (s *service) gather(ctx context.Context) (saveJob, error) {
	began := time.Now()
	w := s.work
	if err := s.append(ctx); err != nil { // the state knows of it
		return saveJob{}, err
	}
	logged, err := s.scribe.ask(ctx)
	if err != nil {
		return saveJob{}, err
	}
	commit := s.savedPositions()
	if err := w.save(s.line); err != nil {
		return saveJob{}, err
	}
	s.storing, w.left = w.left, map[partKey]bool{}
	job := saveJob{batch: w.batch, logged: logged, commit: commit, refusals: w.refusals, standing: w.standing, began: began, pause: time.Since(began)}
	w.into(s.Dir.Store.NewBatch())
	w.refusals, w.standing = nil, standing{}
	return job, nil
}

// wasSaved takes note of a written checkpoint.
func (s *service) wasSaved(ctx context.Context, r saveResult) error {
	s.saving, s.storing = false, nil
	if r.err != nil {
		return r.err
	}
	s.met.checkpoint(r)
	s.status.saved(s.Now())
	if s.again {
		return s.save(ctx)
	}
	return nil
}

// saveNow writes a checkpoint and waits for it, and for the one under way.
func (s *service) saveNow(ctx context.Context) error {
	for s.saving {
		r, ok := <-s.saved
		if !ok {
			return nil
		}
		s.again = false
		if err := s.wasSaved(ctx, r); err != nil {
			return err
		}
	}
	if err := s.save(ctx); err != nil {
		return err
	}
	return s.wasSaved(ctx, <-s.saved)
}

// write is the writer's goroutine: refusals first, then the state, then the
// source is told. What cannot be written now is tried again until ctx ends.
func (s *service) write(ctx context.Context) {
	keep := upkeep{s: s}
	defer keep.running.Wait()
	for job := range s.jobs {
		r := saveResult{bytes: job.batch.Size(), pause: job.pause}
		r.err = s.writeOne(ctx, job)
		r.took = time.Since(job.began)
		s.saved <- r
		if r.err == nil {
			keep.look()
		}
	}
}

func (s *service) writeOne(ctx context.Context, job saveJob) error {
	select {
	case end := <-job.logged:
		job.batch.Set([]byte(keyLog), binary.BigEndian.AppendUint64(nil, uint64(end)))
	case <-s.scribe.done:
		return fmt.Errorf("the state cannot be stored before the alert log: %w", s.scribe.why)
	}
	if err := job.standing.write(job.batch); err != nil {
		return err
	}
	if err := s.keep(ctx, job.refusals); err != nil {
		return err
	}
	if err := s.persist(ctx, "the state cannot be stored", func() error { return s.Dir.Store.Commit(job.batch) }); err != nil {
		return err
	}
	s.status.store(nil)
	if err := s.Source.Commit(ctx, job.commit); err != nil {
		s.Log.Warn("the source did not take a commit; the next one covers it", "error", err)
	}
	return nil
}

// persist does something until it succeeds, ctx ends, or trying is no use.
func (s *service) persist(ctx context.Context, what string, do func() error) error {
	wait := backoff{least: 200 * time.Millisecond, most: 10 * time.Second}
	told := reminder{now: s.Now}
	for {
		err := do()
		if err == nil {
			if told.trouble() {
				s.Log.Info("over: "+what, "after", told.lasted().String())
			}
			return nil
		}
		s.status.store(err)
		if engine.KindOf(err) == engine.Fatal {
			return fmt.Errorf("%s: %w", what, err)
		}
		if told.due() {
			s.Log.Error(what+": reading waits, it is tried again", "error", err)
		}
		if !wait.sleep(ctx, err) {
			return fmt.Errorf("%s: %w", what, err)
		}
	}
}

// keep puts refusals into the dead letter. Whatever keeps it from taking them,
// a missing topic or permission too, is waited for: a person can mend it.
func (s *service) keep(ctx context.Context, rs []engine.Refusal) error {
	if len(rs) == 0 || s.Dead == nil {
		return nil
	}
	return s.persist(ctx, "the dead letter takes nothing", func() error {
		err := s.Dead.Keep(ctx, rs)
		switch engine.KindOf(err) {
		case engine.BadInput: // all others are kept
			s.Log.Error("a refused input is too much even for the dead letter: it is lost", "error", err)
			return nil
		case engine.Fatal:
			return &engine.Error{Kind: engine.Temporary, Err: err}
		}
		return err
	})
}

// What may wait while a checkpoint is being written; beyond it nothing more is read.
const (
	waitingBytes    = 64 << 20
	waitingRefusals = 10 * refusalsMost
)

// full reports that more waits for the next checkpoint than memory should hold.
func (s *service) full() bool {
	return s.work.batch.Size() > waitingBytes || len(s.work.refusals) > waitingRefusals
}

// reload replaces the line by one with new parts, by way of the store.
func (s *service) reload(ctx context.Context, parts Parts) error {
	if err := s.saveNow(ctx); err != nil {
		return err
	}
	began := s.Now()
	line, work, report, err := s.build(parts)
	if err != nil {
		return fmt.Errorf("reload: %w; the old rules stay in force", err)
	}
	open := s.work.parts
	old := s.work
	s.line, s.work = line, work
	for key, p := range open {
		again, err := s.reading(ctx, key)
		if err != nil {
			return err
		}
		again.mark.opened, again.mark.lag = p.mark.opened, p.mark.lag
		copy(again.mark.moved, p.mark.moved)
	}
	s.work.refusals = append(s.work.refusals, old.refusals...)
	s.Parts = parts
	if err := s.retire(ctx, report.Emptied); err != nil {
		return err
	}
	s.Log.Info("rules reloaded", "version", parts.Set.Version, "rules", len(parts.Set.Rules), "reset", strings.Join(report.Reset, "; "),
		"seconds", s.Now().Sub(began).Seconds())
	s.publish()
	return nil
}
