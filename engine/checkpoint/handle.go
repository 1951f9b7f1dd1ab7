package checkpoint

import (
	"fmt"
	"io"
	"os"
	"path/filepath"
	"strings"
	"sync/atomic"
	"time"

	"github.com/cockroachdb/pebble/v2"
	"github.com/cockroachdb/pebble/v2/vfs"
)

// handle is one opened pebble. After an error that pebble knows no way back
// from, the store opens a new one; readers of the old one finish on it.
type handle struct {
	db      *pebble.DB
	fence   *fence
	users   int                   // readers and the store; guarded by Store.mu
	trouble atomic.Pointer[error] // why the last flush or compaction did not work; nil when the last one did
	damage  atomic.Pointer[error] // a file of the store has bytes that were not written
}

// openHandle opens the tables in a folder. It starts pebble's goroutines, which
// close ends. An error may mean damage: see isDamage.
func openHandle(dir string, fs vfs.FS, readOnly bool) (h *handle, err error) {
	h = &handle{fence: &fence{FS: unlocked{fs}, dir: filepath.Clean(dir), pause: 50 * time.Millisecond}, users: 1}
	defer func() {
		if r := recover(); r != nil {
			err = fmt.Errorf("open: %v", r)
		}
		if err == nil {
			err = h.fence.reason()
		}
		if err != nil {
			h.fence.close(err)
			if h.db != nil {
				h.close()
			}
			h = nil
		}
	}()
	if err := removeLogs(h.fence, dir); err != nil {
		return h, err
	}
	o := h.options()
	o.ReadOnly = readOnly
	h.db, err = pebble.Open(dir, o)
	return h, err
}

// removeLogs removes pebble's write-ahead logs. It makes them even when they
// are off, and they are always empty; but when it finds one it writes to the
// MANIFEST before Open returns, and if that fails it tries again for ever.
func removeLogs(fs vfs.FS, dir string) error {
	names, err := fs.List(dir)
	if err != nil && !os.IsNotExist(err) {
		return err
	}
	for _, name := range names {
		if strings.HasSuffix(name, ".log") {
			if err := fs.Remove(filepath.Join(dir, name)); err != nil {
				return err
			}
		}
	}
	return nil
}

// options are those of a store that is written far more than read, and of which
// most is deleted again soon: little is merged before it had time to die. Up to
// 104 MiB of memory, of which a quiet instance takes little; few files, one
// compaction at a time. Pebble's own write-ahead log is off, because there an
// error of the disk ends the process; the store keeps one of its own. The
// stalls are off as well: waiting for a full disk would be for ever, and the
// store says no before.
func (h *handle) options() *pebble.Options {
	return &pebble.Options{
		FS:                          h.fence,
		FormatMajorVersion:          pebble.FormatColumnarBlocks,
		CacheSize:                   104 << 20, // two memtables count against it
		MemTableSize:                48 << 20,  // more than limits.flush, which decides
		L0CompactionThreshold:       8,
		MemTableStopWritesThreshold: 1 << 10,
		L0StopWritesThreshold:       1 << 20,
		MaxOpenFiles:                64,
		DisableWAL:                  true,
		Logger:                      quiet{h},
		EventListener:               h.events(),
	}
}

// events are called while pebble holds its lock: they only take notes.
func (h *handle) events() *pebble.EventListener {
	return &pebble.EventListener{
		BackgroundError: func(err error) {
			h.trouble.Store(&err)
			if pebble.IsCorruptionError(err) {
				h.damage.CompareAndSwap(nil, &err)
			}
		},
		DataCorruption: func(info pebble.DataCorruptionInfo) {
			err := fmt.Errorf("%s: %w", info.Path, info.Details)
			h.damage.CompareAndSwap(nil, &err)
		},
		FlushEnd: func(info pebble.FlushInfo) {
			if info.Done && len(info.Output) > 0 && info.Err == nil {
				h.trouble.Store(nil)
			}
		},
	}
}

// quiet takes pebble's log: what it says is of no use to an operator, and what
// would end the process only ends the handle.
type quiet struct{ h *handle }

func (quiet) Infof(string, ...any)  {}
func (quiet) Errorf(string, ...any) {}

// Fatalf is called in place of an exit. Behind a closed fence it is called again
// and again, and the pause is what keeps that from taking a whole core.
func (q quiet) Fatalf(format string, args ...any) {
	if q.h.fence.reason() != nil {
		time.Sleep(q.h.fence.pause)
	}
	q.h.fence.close(fmt.Errorf(format, args...))
}

// unlocked is a file system without pebble's own lock: the instance's lock is
// held already, and two handles follow each other on one folder.
type unlocked struct{ vfs.FS }

func (unlocked) Lock(string) (io.Closer, error) { return nothing{}, nil }

type nothing struct{}

func (nothing) Close() error { return nil }

// apply makes a batch visible; it owns repr. It works behind a closed fence too,
// because it writes to memory alone. Pebble panics where it gives up; that ends
// the handle, not the process.
func (h *handle) apply(repr []byte) (err error) {
	defer func() {
		if r := recover(); r != nil {
			err = fmt.Errorf("%v", r)
		}
		if err != nil {
			h.fence.close(err)
		}
	}()
	b := h.db.NewBatch()
	if err := b.SetRepr(repr); err != nil {
		return err
	}
	if err := h.db.Apply(b, pebble.NoSync); err != nil {
		return err
	}
	return b.Close()
}

// flush begins to write tables of all that was applied before; the channel is
// closed when they are there.
func (h *handle) flush() (done <-chan struct{}, err error) {
	defer func() {
		if r := recover(); r != nil {
			err = fmt.Errorf("flush: %v", r)
		}
	}()
	h.trouble.Store(nil) // from here on it speaks of this flush
	return h.db.AsyncFlush()
}

// close ends pebble's goroutines and files.
func (h *handle) close() (err error) {
	defer func() {
		if r := recover(); r != nil {
			err = fmt.Errorf("close: %v", r)
		}
	}()
	return h.db.Close()
}

// why is the first reason why this handle does not write its tables, or nil.
func (h *handle) why() error {
	for _, p := range []*atomic.Pointer[error]{&h.fence.shut, &h.damage, &h.trouble} {
		if err := p.Load(); err != nil {
			return *err
		}
	}
	return nil
}
