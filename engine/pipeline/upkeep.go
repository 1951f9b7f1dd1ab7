package pipeline

import (
	"encoding/binary"
	"sync"
	"sync/atomic"
	"time"
)

// How often the store is copied and the log trimmed; a copy costs what is new
// since the one before. Until there is a first copy a damaged store would start
// empty, so that one does not wait.
const (
	upkeepEvery = 10 * time.Minute
	upkeepFirst = time.Minute
)

// upkeep copies the store and trims the log beside the checkpoints, which go on
// meanwhile. The writer owns it.
type upkeep struct {
	s       *service
	last    time.Time // when it began last, at first with the first checkpoint
	busy    atomic.Bool
	running sync.WaitGroup
}

// look is called after every checkpoint, and begins what is due.
func (u *upkeep) look() {
	now := u.s.Now()
	if u.last.IsZero() {
		u.last = now
	}
	if !u.due(now.Sub(u.last)) || !u.busy.CompareAndSwap(false, true) {
		return
	}
	u.last = now
	u.running.Go(func() {
		defer u.busy.Store(false)
		u.s.tidy()
	})
}

func (u *upkeep) due(since time.Duration) bool {
	return since >= upkeepEvery || since >= upkeepFirst && u.s.Dir.Store.Backups() == 0
}

// tidy copies the store and trims the log to what somebody still needs.
func (s *service) tidy() {
	if err := s.Dir.Store.Backup(); err != nil {
		s.Log.Warn("the store was not backed up", "error", err)
	}
	b, ok, err := s.Dir.Store.Get([]byte(keyLog))
	if err != nil || !ok || len(b) != 8 {
		return
	}
	before := int64(binary.BigEndian.Uint64(b))
	for _, o := range s.outputs {
		before = min(before, o.pos.Load())
	}
	if err := s.Dir.Log.Trim(before); err != nil {
		s.Log.Warn("the alert log was not trimmed", "error", err)
	}
}
