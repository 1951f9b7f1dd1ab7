package checkpoint

import (
	"errors"
	"os"
	"path/filepath"
	"strings"
	"sync/atomic"
	"time"

	"github.com/cockroachdb/pebble/v2/vfs"
)

// errFenced is what pebble gets once a handle may not write any more.
var errFenced = errors.New("this handle of the store writes no more")

// fence stands between pebble and the file system. Pebble treats an error of
// its MANIFEST as the end of the process, because nobody knows whether the
// write happened. So the first such error closes the fence: what is on disk
// stays as it was at that moment, the handle only reads, and a new handle finds
// out what was written. Other errors of writing pebble tries again by itself, at
// once and for ever; the pause keeps that from taking a whole core.
type fence struct {
	vfs.FS
	dir   string
	pause time.Duration
	shut  atomic.Pointer[error]
}

// close refuses every write from now on.
func (f *fence) close(err error) { f.shut.CompareAndSwap(nil, &err) }

// reason is why the fence was closed, or nil.
func (f *fence) reason() error {
	if err := f.shut.Load(); err != nil {
		return *err
	}
	return nil
}

// do runs one write.
func (f *fence) do(path string, write func() error) error {
	if f.reason() != nil {
		time.Sleep(f.pause)
		return errFenced
	}
	err := write()
	if err == nil {
		return nil
	}
	if f.vital(path) {
		f.close(err)
	}
	if isFull(err) {
		time.Sleep(f.pause)
	}
	return err
}

// vital says whether pebble knows no way back from an error of this file.
func (f *fence) vital(path string) bool {
	name := filepath.Base(path)
	return filepath.Clean(path) == f.dir ||
		filepath.Dir(path) == f.dir && (strings.HasPrefix(name, "MANIFEST") || strings.HasPrefix(name, "marker."))
}

func (f *fence) Unwrap() vfs.FS { return f.FS }

func (f *fence) Create(name string, c vfs.DiskWriteCategory) (file vfs.File, err error) {
	err = f.do(name, func() (err error) { file, err = f.FS.Create(name, c); return err })
	return f.wrap(file, name, err)
}

func (f *fence) OpenReadWrite(name string, c vfs.DiskWriteCategory, o ...vfs.OpenOption) (file vfs.File, err error) {
	err = f.do(name, func() (err error) { file, err = f.FS.OpenReadWrite(name, c, o...); return err })
	return f.wrap(file, name, err)
}

func (f *fence) ReuseForWrite(from, to string, c vfs.DiskWriteCategory) (file vfs.File, err error) {
	err = f.do(to, func() (err error) { file, err = f.FS.ReuseForWrite(from, to, c); return err })
	return f.wrap(file, to, err)
}

// OpenDir gives a folder that can be synced.
func (f *fence) OpenDir(name string) (vfs.File, error) {
	file, err := f.FS.OpenDir(name)
	return f.wrap(file, name, err)
}

func (f *fence) wrap(file vfs.File, name string, err error) (vfs.File, error) {
	if err != nil {
		return nil, err
	}
	return &fencedFile{File: file, fence: f, path: name}, nil
}

func (f *fence) Link(from, to string) error {
	return f.do(to, func() error { return f.FS.Link(from, to) })
}

func (f *fence) Rename(from, to string) error {
	return f.do(to, func() error { return f.FS.Rename(from, to) })
}

// A closed fence keeps what the old handle takes for garbage: the new one may
// need it.
func (f *fence) Remove(name string) error {
	if f.reason() != nil {
		return errFenced
	}
	return f.FS.Remove(name)
}

func (f *fence) RemoveAll(name string) error {
	if f.reason() != nil {
		return errFenced
	}
	return f.FS.RemoveAll(name)
}

func (f *fence) MkdirAll(dir string, perm os.FileMode) error {
	return f.do(dir, func() error { return f.FS.MkdirAll(dir, perm) })
}

type fencedFile struct {
	vfs.File
	fence *fence
	path  string
}

func (f *fencedFile) Write(b []byte) (n int, err error) {
	err = f.fence.do(f.path, func() (err error) { n, err = f.File.Write(b); return err })
	return n, err
}

func (f *fencedFile) WriteAt(b []byte, off int64) (n int, err error) {
	err = f.fence.do(f.path, func() (err error) { n, err = f.File.WriteAt(b, off); return err })
	return n, err
}

func (f *fencedFile) Sync() error { return f.fence.do(f.path, f.File.Sync) }

func (f *fencedFile) SyncData() error { return f.fence.do(f.path, f.File.SyncData) }

func (f *fencedFile) SyncTo(n int64) (full bool, err error) {
	err = f.fence.do(f.path, func() (err error) { full, err = f.File.SyncTo(n); return err })
	return full, err
}
