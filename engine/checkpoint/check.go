package checkpoint

import (
	"context"
	"encoding/binary"
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"syscall"

	"github.com/cockroachdb/pebble/v2"
	"github.com/cockroachdb/pebble/v2/sstable"
	"github.com/cockroachdb/pebble/v2/vfs"

	"github.com/seed-843b225c/reflex/engine"
)

// isDamage tells files that are not as they were written, which another copy
// may mend, from a disk or a process that is short of something. A store is
// never set aside because of a full disk or a missing permission.
func isDamage(err error) bool {
	if err == nil || engine.KindOf(err) != 0 || errors.Is(err, errFenced) || isFull(err) || errors.Is(err, os.ErrPermission) {
		return false
	}
	for _, no := range []syscall.Errno{syscall.EMFILE, syscall.ENFILE, syscall.ENOMEM, syscall.EIO, syscall.EROFS} {
		if errors.Is(err, no) {
			return false
		}
	}
	return true
}

// stamp is what the last commit in the tables says of the two logs.
type stamp struct{ wal, log int64 }

// check reads every block of every live table and gives the stamp. Pebble
// itself reads a block only when a key in it is asked for.
func check(dir string, fs vfs.FS) (stamp, error) {
	h, err := openHandle(dir, fs, true)
	if err != nil {
		return stamp{}, err
	}
	defer h.close()
	levels, err := h.db.SSTables()
	if err != nil {
		return stamp{}, err
	}
	for _, level := range levels {
		for _, t := range level {
			if err := checkTable(filepath.Join(dir, tableName(uint64(t.BackingSSTNum)))); err != nil {
				return stamp{}, err
			}
		}
	}
	return h.stamp()
}

func tableName(n uint64) string { return fmt.Sprintf("%06d.sst", n) }

// checkTable reads every block of one table.
func checkTable(path string) (err error) {
	defer func() {
		if r := recover(); r != nil {
			err = fmt.Errorf("%v", r)
		}
		if err != nil {
			err = fmt.Errorf("%s: %w", path, err)
		}
	}()
	f, err := vfs.Default.Open(path)
	if err != nil {
		return err
	}
	in, err := sstable.NewSimpleReadable(f)
	if err != nil {
		return errors.Join(err, f.Close())
	}
	o := new(pebble.Options)
	o.EnsureDefaults()
	r, err := sstable.NewReader(context.Background(), in, o.MakeReaderOptions())
	if err != nil {
		return errors.Join(err, in.Close())
	}
	return errors.Join(r.ValidateBlockChecksums(), r.Close())
}

// stamp reads the store's own key; a store without commits has the zero stamp.
func (h *handle) stamp() (stamp, error) {
	v, closer, err := h.db.Get([]byte{ownSpace, stampKey})
	if errors.Is(err, pebble.ErrNotFound) {
		return stamp{}, nil
	}
	if err != nil {
		return stamp{}, err
	}
	defer closer.Close()
	if len(v) != stampBytes {
		return stamp{}, fmt.Errorf("the store's own key has %d bytes, not %d", len(v), stampBytes)
	}
	return stamp{int64(binary.BigEndian.Uint64(v)), int64(binary.BigEndian.Uint64(v[8:]))}, nil
}
