package checkpoint

import (
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"time"

	"github.com/cockroachdb/pebble/v2/vfs"
)

// keeper opens the store of a folder and puts another in its place when it is
// damaged.
type keeper struct {
	dir    string // the instance's
	disk   disk
	fs     vfs.FS
	log    *Log
	keep   int
	limits limits
	notes  []string
}

func (k *keeper) note(format string, args ...any) {
	k.notes = append(k.notes, "store: "+fmt.Sprintf(format, args...))
}

func (k *keeper) store() string { return filepath.Join(k.dir, "store") }

// open gives the store, repaired. The stamp is that of the tables.
func (k *keeper) open() (*Store, stamp, error) {
	at, err := k.sound()
	if err != nil {
		return nil, at, err
	}
	if segs, _ := listSegments(walDir(k.store())); len(segs) == 0 {
		k.note("its write-ahead log is gone from %s: commits since the tables were written last are lost, and the work since then is done again", walDir(k.store()))
	}
	wal, notes, err := openLog(logOptions{what: "store: write-ahead log", dir: walDir(k.store()), aside: filepath.Join(k.dir, "damaged"),
		size: k.limits.segment, base: at.wal, room: func(int64) error { return nil }})
	k.notes = append(k.notes, notes...)
	if err != nil {
		return nil, at, err
	}
	s := &Store{dir: k.store(), disk: k.disk, fs: k.fs, log: k.log, keep: k.keep, limits: k.limits, wal: wal}
	if err := k.start(s); err != nil {
		if s.h != nil {
			s.h.fence.close(err)
			_ = s.h.close()
		}
		return nil, at, diskError("open", s.dir, errors.Join(err, wal.close()))
	}
	at, err = s.h.stamp()
	return s, at, err
}

// start opens the tables and applies the write-ahead log.
func (k *keeper) start(s *Store) (err error) {
	if s.h, err = openHandle(tablesDir(s.dir), k.fs, false); err != nil {
		return err
	}
	s.flushed = s.wal.First()
	lost, err := replay(s.h, s.wal)
	if err != nil {
		return err
	}
	if lost.from == lost.to && lost.to == s.wal.End() {
		return nil
	}
	k.note("its write-ahead log does not continue its tables: commits after position %d of it are lost (%d bytes); the store is whole as of then, and the work since then is done again", lost.from, lost.to-lost.from)
	return s.bridge(s.h, lost)
}

// sound makes sure that there is a store whose tables can be read whole.
func (k *keeper) sound() (stamp, error) {
	_ = os.RemoveAll(k.store() + ".new") // a crash while one was made
	earlier, err := listBackups(backupsDir(k.dir))
	if err != nil {
		return stamp{}, diskError("list", backupsDir(k.dir), err)
	}
	if !exists(k.store()) {
		if len(earlier) == 0 && k.log.End() == 0 {
			return stamp{}, k.empty() // a new instance
		}
		k.note("%s is gone", k.store())
		return k.restore(earlier)
	}
	at, err := check(tablesDir(k.store()), k.fs)
	if err == nil || !isDamage(err) {
		return at, diskError("open", k.store(), err)
	}
	broken := filepath.Join(k.dir, "store.broken-"+time.Now().UTC().Format("20060102T150405.000Z"))
	if err := errors.Join(os.Rename(k.store(), broken), syncDir(k.dir)); err != nil {
		return stamp{}, diskError("set aside", k.store(), err)
	}
	k.note("damaged: %v; it was set aside as %s", tidy{err}, broken)
	if err := prune(k.dir, 3, "store.broken-"); err != nil {
		k.note("older damaged stores could not be removed: %v", err)
	}
	return k.restore(earlier)
}

// restore puts the newest good backup in the store's place, or an empty store.
func (k *keeper) restore(earlier []int) (stamp, error) {
	for _, n := range earlier {
		from := backupPath(backupsDir(k.dir), n)
		at, err := k.copyOf(from)
		if err == nil {
			k.note("restored from the backup %s: state and source positions are as of then, and the work since then is done again from the sources; what a source no longer has stays undetected", from)
			return at, nil
		}
		if !isDamage(err) {
			return stamp{}, diskError("restore", from, err)
		}
		// its numbers would be given again, to other tables
		bad := fmt.Sprintf("%s.broken-%08d", backupsDir(k.dir), n)
		k.note("the backup %s is damaged too: %v; it was set aside as %s", from, tidy{err}, bad)
		if err := errors.Join(os.RemoveAll(bad), os.Rename(from, bad)); err != nil {
			return stamp{}, diskError("set aside", from, err)
		}
	}
	k.note("NO GOOD BACKUP: the store starts EMPTY: windows, baselines, incidents and all positions are gone; sources are read from where their own commits or the `start` setting say, " +
		"sinks get the alert log again from its first record, and what spans the loss is not detected")
	return stamp{}, k.empty()
}

// empty makes a store without keys.
func (k *keeper) empty() error {
	made := k.store() + ".new"
	if err := os.RemoveAll(made); err != nil {
		return diskError("remove", made, err)
	}
	h, err := openHandle(tablesDir(made), k.fs, false)
	if err == nil {
		err = h.close()
	}
	if err != nil {
		return diskError("make", made, err)
	}
	return k.place(made, 0)
}

// copyOf makes a store from a backup; both are whole afterwards.
func (k *keeper) copyOf(backup string) (stamp, error) {
	made := k.store() + ".new"
	if err := os.RemoveAll(made); err != nil {
		return stamp{}, err
	}
	if err := os.MkdirAll(tablesDir(made), 0o750); err != nil {
		return stamp{}, err
	}
	entries, err := os.ReadDir(backup)
	if err != nil {
		return stamp{}, err
	}
	for _, e := range entries {
		if err := copyFile(filepath.Join(backup, e.Name()), filepath.Join(tablesDir(made), e.Name())); err != nil {
			return stamp{}, err
		}
	}
	at, err := check(tablesDir(made), k.fs)
	if err != nil {
		return stamp{}, err
	}
	return at, k.place(made, at.wal)
}

// place gives a new store its write-ahead log and its name.
func (k *keeper) place(made string, wal int64) error {
	l, _, err := openLog(logOptions{dir: walDir(made), size: k.limits.segment, base: wal, room: func(int64) error { return nil }})
	if err != nil {
		return err
	}
	err = errors.Join(l.close(), syncDir(tablesDir(made)), syncDir(made), os.Rename(made, k.store()), syncDir(k.dir))
	return diskError("place", k.store(), err)
}
