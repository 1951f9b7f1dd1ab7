package checkpoint

import (
	"errors"
	"fmt"
	"io"
	"os"
	"path/filepath"
	"time"

	"github.com/cockroachdb/pebble/v2/vfs"
)

// Options say how an instance keeps its state; the zero value is good.
type Options struct {
	Segment int64                             // bytes after which the alert log starts a new file; 0: 64 MiB
	Reserve int64                             // free bytes on the disk below which writing stops; 0: 64 MiB, less than 0: none
	Free    func(path string) (uint64, error) // free bytes on the disk of a path; nil: ask the system
	Backups int                               // how many are kept; 0: 2

	fs     vfs.FS                          // what pebble writes to
	open   func(path string) (file, error) // what the alert log writes to
	limits limits

	lockWait time.Duration // for the lock of another process
	held     func()        // told, once, when it is held
}

func (o Options) withDefaults() Options {
	if o.Segment <= 0 {
		o.Segment = 64 << 20
	}
	if o.Reserve == 0 {
		o.Reserve = reserve
	}
	o.Reserve = max(o.Reserve, 0)
	if o.Free == nil {
		o.Free = freeBytes
	}
	if o.Backups <= 0 {
		o.Backups = 2
	}
	if o.fs == nil {
		o.fs = vfs.Default
	}
	if o.limits == (limits{}) {
		o.limits = usualLimits
	}
	if o.lockWait == 0 {
		o.lockWait = lockWait
	}
	return o
}

// Dir is an opened folder.
type Dir struct {
	Log   *Log
	Store *Store
	Notes []string // what was upgraded, repaired or recovered, a sentence each, for the operator's log

	lock io.Closer
}

// Open takes the folder for this process, makes it when it is not there,
// upgrades and repairs what is in it, and starts the goroutines of the store,
// which Close ends. Errors are *engine.Error: Temporary for a full disk, else
// Fatal. When it fails after a repair, the error says what was repaired.
func Open(dir string, o Options) (*Dir, error) {
	o = o.withDefaults()
	dir, err := filepath.Abs(dir)
	if err != nil {
		return nil, fatal("open %s: %w", dir, err)
	}
	if err := os.MkdirAll(dir, 0o750); err != nil {
		return nil, diskError("make", dir, err)
	}
	l, note, err := lock(dir, o)
	if err != nil {
		return nil, err
	}
	d := &Dir{lock: l}
	if note != "" {
		d.Notes = append(d.Notes, note)
	}
	if err := d.open(dir, o); err != nil {
		for _, n := range d.Notes {
			err = fmt.Errorf("%w; before that: %s", err, n)
		}
		return nil, errors.Join(err, d.Close())
	}
	return d, nil
}

func (d *Dir) open(dir string, o Options) (err error) {
	notes, err := upgrade(dir)
	if d.Notes = append(d.Notes, notes...); err != nil {
		return err
	}
	space := disk{path: dir, reserve: o.Reserve, free: o.Free}
	d.Log, notes, err = openLog(logOptions{what: "alert log", dir: logDir(dir), aside: filepath.Join(dir, "damaged"),
		size: o.Segment, room: space.room, open: o.open})
	d.Notes = append(d.Notes, notes...)
	if err != nil {
		return err
	}
	k := &keeper{dir: dir, disk: space, fs: o.fs, log: d.Log, keep: o.Backups, limits: o.limits}
	s, at, err := k.open()
	d.Notes = append(d.Notes, k.notes...)
	if err != nil {
		return err
	}
	d.Store = s
	end := d.Log.End()
	if end >= at.log {
		return nil
	}
	d.Notes = append(d.Notes, fmt.Sprintf("alert log: it ends at position %d, but the store saw it end at %d: the alerts between are lost to sinks that had not passed them; it goes on at %d", end, at.log, at.log))
	if end == d.Log.First() {
		return d.Log.restart(at.log)
	}
	return d.Log.skipTo(at.log)
}

// Close syncs and closes store and log and gives the folder free. Sinks that
// wait in Log.Wait are told; cursors should have been closed before.
func (d *Dir) Close() error {
	var errs []error
	if d.Store != nil {
		errs = append(errs, d.Store.close())
	}
	if d.Log != nil {
		errs = append(errs, d.Log.close())
	}
	if d.lock != nil {
		errs = append(errs, d.lock.Close())
		d.lock = nil
	}
	return errors.Join(errs...)
}
