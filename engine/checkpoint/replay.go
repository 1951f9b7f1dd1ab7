package checkpoint

import (
	"encoding/binary"

	"github.com/cockroachdb/pebble/v2"
)

// replay applies what the write-ahead log has beyond the tables. The tables
// hold a prefix of all commits, because they are written in order; lost is not
// empty when the log does not continue that prefix, and the state is then as of
// lost.from.
func replay(h *handle, wal *Log) (lost span, err error) {
	at, err := h.stamp()
	if err != nil {
		return span{}, err
	}
	next := at.wal
	if wal.First() > next || wal.End() < next {
		return span{next, max(next, wal.End())}, nil
	}
	for {
		entries, err := wal.Read(next, 4<<20)
		if err != nil {
			return span{}, err
		}
		if len(entries) == 0 {
			return span{next, wal.End()}, nil
		}
		for _, e := range entries {
			if e.Pos != next {
				return span{next, wal.End()}, nil
			}
			if err := h.apply(e.Data); err != nil {
				return span{}, err
			}
			next = e.Next
		}
	}
}

// reopen replaces the handle by a new one with the same commits, once that one
// has shown that it can write tables. The caller holds commit. Reading goes on
// with the old one until then.
func (s *Store) reopen() error {
	if _, err := s.wal.append(true, nil); err != nil {
		return err
	}
	h, err := openHandle(tablesDir(s.dir), s.fs, false)
	if err != nil {
		if isDamage(err) {
			return s.damaged(err)
		}
		return diskError("open again", s.dir, err)
	}
	if err := s.proven(h); err != nil {
		h.fence.close(err)
		_ = h.close()
		return diskError("open again", s.dir, err)
	}
	s.mu.Lock()
	old := s.h
	s.h = h
	s.mu.Unlock()
	s.flushing, s.flushed = nil, s.wal.End()
	_ = s.wal.Trim(s.flushed)
	_ = s.release(old) // it has nothing that the new one lacks
	return nil
}

// proven brings a new handle to the end of the write-ahead log, in tables.
func (s *Store) proven(h *handle) error {
	lost, err := replay(h, s.wal)
	if err != nil {
		return err
	}
	if lost.from != lost.to {
		return fatal("%s: tables and write-ahead log do not meet: start again", s.dir)
	}
	done, err := h.flush()
	if err != nil {
		return err
	}
	return s.wait(h, done)
}

// bridge gives the store a write-ahead log that continues its tables, when the
// one that is there does not. What it holds cannot be applied any more.
func (s *Store) bridge(h *handle, lost span) error {
	v := make([]byte, stampBytes)
	at, err := h.stamp()
	if err != nil {
		return err
	}
	base := max(lost.to, s.wal.End())
	binary.BigEndian.PutUint64(v, uint64(base))
	binary.BigEndian.PutUint64(v[8:], uint64(at.log))
	// the tables must say base before the records below it go
	if err := h.db.Set([]byte{ownSpace, stampKey}, v, pebble.NoSync); err != nil {
		return err
	}
	if err := s.flush(h); err != nil {
		return err
	}
	if err := s.await(h); err != nil {
		return err
	}
	s.flushed = base
	return s.wal.restart(base)
}
