package checkpoint

import (
	"encoding/binary"
	"errors"
	"path/filepath"
	"sync"
	"time"

	"github.com/cockroachdb/pebble/v2/vfs"
)

// Store is the ordered keys and values of one instance. A commit is written to
// the store's write-ahead log first and made visible then, so after a crash the
// tables and that log together hold every commit. Commit and CommitLazy may be
// called from any goroutine, one at a time; reading goes on meanwhile.
type Store struct {
	dir  string // holds tables and wal
	disk disk
	fs   vfs.FS
	log  *Log // the alert log, whose end is kept with every commit
	keep int  // backups

	commit   sync.Mutex // guards up to the blank line; held for a whole commit
	wal      *Log
	flushing <-chan struct{} // closed when everything before target is in tables; nil: nothing under way
	target   int64
	flushed  int64
	limits   limits

	backing sync.Mutex // one backup at a time

	mu     sync.Mutex
	h      *handle
	closed bool
}

// limits are how much of the write-ahead log the tables may be behind.
type limits struct {
	segment int64         // bytes of one of its files
	flush   int64         // bytes at which tables are written
	stop    int64         // bytes at which commits wait for that
	wait    time.Duration // how long
}

var usualLimits = limits{segment: 4 << 20, flush: 32 << 20, stop: 128 << 20, wait: 30 * time.Second}

const (
	stampKey    = 1  // in ownSpace
	stampBytes  = 16 // where the commit ends in the write-ahead log, and where the alert log ended
	commitExtra = 64 // bytes of a commit besides its batch, at most
)

func tablesDir(store string) string { return filepath.Join(store, "tables") }

func walDir(store string) string { return filepath.Join(store, "wal") }

// Commit makes a batch durable and visible, all of it or nothing, and returns
// when it is synced. After an error nothing has changed and the same batch may be
// committed again; a batch that was committed is spent. The error of a full disk
// is Temporary, that of a damaged store Fatal.
func (s *Store) Commit(b *Batch) error { return s.put(b, true) }

// CommitLazy is Commit without the sync: a kill of the process loses nothing, a
// power failure may lose the lazy commits since the last Commit.
func (s *Store) CommitLazy(b *Batch) error { return s.put(b, false) }

func (s *Store) put(b *Batch, sync bool) error {
	s.commit.Lock()
	defer s.commit.Unlock()
	if b.spent {
		return fatal("commit to %s: this batch was committed before: a mistake in the program", s.dir)
	}
	h, err := s.writable()
	if err != nil {
		return err
	}
	if err := s.disk.room(int64(b.Size()) + commitExtra); err != nil {
		return err
	}
	if err := s.relieve(h); err != nil {
		return err
	}
	repr := s.stamp(b)
	if _, err := s.wal.append(sync, [][]byte{repr}); err != nil {
		return err
	}
	if h.apply(repr) != nil {
		// it is in the write-ahead log: a new handle finds it there, and a
		// repetition changes nothing
		if err := s.reopen(); err != nil {
			return err
		}
	}
	b.spent, b.b = true, nil
	return nil
}

// stamp adds to the batch where it ends in the write-ahead log, so that the
// tables say which commits they hold, and the end of the alert log.
func (s *Store) stamp(b *Batch) []byte {
	v := b.own(stampKey, stampBytes)
	repr := b.b.Repr()
	binary.BigEndian.PutUint64(v, uint64(s.wal.End()+recordHead+int64(len(repr))))
	binary.BigEndian.PutUint64(v[8:], uint64(s.log.End()))
	return repr
}

// writable gives a handle that takes writes, a new one if need be.
func (s *Store) writable() (*handle, error) {
	s.mu.Lock()
	h, closed := s.h, s.closed
	s.mu.Unlock()
	if closed {
		return nil, fatal("commit to %s: the store is closed", s.dir)
	}
	if err := h.damage.Load(); err != nil {
		return nil, s.damaged(*err)
	}
	if h.fence.reason() == nil {
		return h, nil
	}
	if err := s.reopen(); err != nil {
		return nil, err
	}
	return s.h, nil // only the holder of commit changes it
}

// relieve keeps the write-ahead log short: it begins to write tables, drops
// what is in tables, and waits when they are too far behind.
func (s *Store) relieve(h *handle) error {
	behind := s.wal.End() - s.flushed
	if s.flushing == nil && behind >= s.limits.flush {
		if err := s.flush(h); err != nil {
			return err
		}
	}
	if s.settle(); s.wal.End()-s.flushed < s.limits.stop {
		return nil
	}
	return s.await(h)
}

// flush begins to write tables.
func (s *Store) flush(h *handle) error {
	done, err := h.flush()
	if err != nil {
		return diskError("flush", s.dir, err)
	}
	s.flushing, s.target = done, s.wal.End()
	return nil
}

// settle takes notice of a flush that is done.
func (s *Store) settle() bool {
	select {
	case <-s.flushing:
		s.flushed, s.flushing = s.target, nil
		_ = s.wal.Trim(s.flushed) // what could not be removed is tried again after the next flush
		return true
	default:
		return s.flushing == nil
	}
}

// await waits until the flush under way is done, or says why it is not.
func (s *Store) await(h *handle) error {
	if s.settle() {
		return nil
	}
	if err := s.wait(h, s.flushing); err != nil {
		return err
	}
	s.settle()
	return nil
}

// wait waits for one flush of a handle.
func (s *Store) wait(h *handle, done <-chan struct{}) error {
	ticker := time.NewTicker(10 * time.Millisecond)
	defer ticker.Stop()
	for deadline := time.Now().Add(s.limits.wait); ; {
		select {
		case <-done:
			return nil
		case <-ticker.C:
		}
		if err := h.why(); err != nil {
			return diskError("write the tables of", s.dir, err)
		}
		if time.Now().After(deadline) {
			return temporary("write the tables of %s: the disk is too slow, they are %s behind: nothing is lost, writing goes on by itself", s.dir, megabytes(s.wal.End()-s.flushed))
		}
	}
}

// acquire gives the handle to read from; release must follow.
func (s *Store) acquire() (*handle, error) {
	s.mu.Lock()
	defer s.mu.Unlock()
	if s.closed {
		return nil, fatal("read %s: the store is closed", s.dir)
	}
	s.h.users++
	return s.h, nil
}

// release closes a handle that nobody uses any more.
func (s *Store) release(h *handle) error {
	s.mu.Lock()
	h.users--
	last := h.users == 0
	s.mu.Unlock()
	if last {
		return h.close()
	}
	return nil
}

// Size is the bytes on disk of tables and write-ahead log, without backups.
func (s *Store) Size() int64 {
	h, err := s.acquire()
	if err != nil {
		return 0
	}
	defer s.release(h)
	return int64(h.db.Metrics().DiskSpaceUsage()) + s.wal.bytes()
}

// close writes tables if the disk lets it, so that the next start has nothing
// to read again, and closes the store. Cursors that are still open keep the
// files open until they are closed.
func (s *Store) close() error {
	s.backing.Lock()
	defer s.backing.Unlock()
	s.commit.Lock()
	defer s.commit.Unlock()
	s.mu.Lock()
	h, closed := s.h, s.closed
	s.closed = true
	s.mu.Unlock()
	if closed {
		return nil
	}
	if h.why() == nil && s.flush(h) == nil {
		_ = s.await(h) // else the write-ahead log has it
	}
	return errors.Join(s.wal.close(), diskError("close", s.dir, s.release(h)))
}
