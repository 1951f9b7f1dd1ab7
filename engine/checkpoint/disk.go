package checkpoint

import (
	"errors"
	"fmt"
	"io"
	"os"
	"path/filepath"
	"strings"
	"syscall"

	"github.com/cockroachdb/pebble/v2/vfs"

	"github.com/seed-843b225c/reflex/engine"
)

// reserve is what stays free on the disk unless Options say otherwise.
const reserve = 64 << 20

// disk knows how much space is left where the instance keeps its state.
type disk struct {
	path    string
	reserve int64
	free    func(path string) (uint64, error)
}

func freeBytes(path string) (uint64, error) {
	u, err := vfs.Default.GetDiskUsage(path)
	return u.AvailBytes, err
}

// room says whether n more bytes leave the reserve untouched. It is asked
// before a write, because afterwards there is something to undo. When the free
// space cannot be told, the write itself is the test.
func (d disk) room(n int64) error {
	free, err := d.free(d.path)
	if err != nil || free >= uint64(d.reserve+n) {
		return nil
	}
	return temporary("write to %s: %s free, and %s are kept in reserve: free space on this disk; nothing is lost, writing goes on by itself", d.path, megabytes(int64(free)), megabytes(d.reserve))
}

// Room says why nothing would be written to an existing folder for want of
// space; nil when there is some.
func Room(path string) error {
	return disk{path: path, reserve: reserve, free: freeBytes}.room(0)
}

func megabytes(n int64) string { return fmt.Sprintf("%.1f MiB", float64(n)/(1<<20)) }

func isFull(err error) bool {
	return errors.Is(err, syscall.ENOSPC) || errors.Is(err, syscall.EDQUOT)
}

func temporary(format string, args ...any) error {
	return &engine.Error{Kind: engine.Temporary, Err: fmt.Errorf(format, args...)}
}

func fatal(format string, args ...any) error {
	return &engine.Error{Kind: engine.Fatal, Err: fmt.Errorf(format, args...)}
}

// diskError gives an error of the file system its kind and its advice. An
// error that already has a kind stays.
func diskError(doing, path string, err error) error {
	switch {
	case err == nil || engine.KindOf(err) != 0:
		return err
	case isFull(err):
		return temporary("%s %s: the disk is full: free space on it; nothing is lost, writing goes on by itself: %w", doing, path, tidy{err})
	case errors.Is(err, os.ErrPermission):
		return fatal("%s %s: give the user that runs reflex the right to write there: %w", doing, path, err)
	}
	return fatal("%s %s: check the disk and its mount, then start again: %w", doing, path, tidy{err})
}

// tidy shows the first line of an error; pebble's have more.
type tidy struct{ error }

func (t tidy) Error() string {
	line, _, _ := strings.Cut(t.error.Error(), "\n")
	return line
}

func (t tidy) Unwrap() error { return t.error }

// syncDir makes names in a folder durable: new, renamed and removed files.
func syncDir(path string) error {
	d, err := os.Open(path)
	if err != nil {
		return err
	}
	return errors.Join(d.Sync(), d.Close())
}

// writeFile writes a file that is there whole or not at all after a crash.
func writeFile(path string, data []byte) error {
	tmp := path + ".tmp"
	f, err := os.Create(tmp)
	if err == nil {
		_, err = f.Write(data)
		err = errors.Join(err, f.Sync(), f.Close())
	}
	if err == nil {
		err = os.Rename(tmp, path)
	}
	if err != nil {
		_ = os.Remove(tmp)
		return err
	}
	return syncDir(filepath.Dir(path))
}

// copyFile copies a file and syncs the copy.
func copyFile(from, to string) error {
	in, err := os.Open(from)
	if err != nil {
		return err
	}
	defer in.Close()
	out, err := os.Create(to)
	if err != nil {
		return err
	}
	_, err = io.Copy(out, in)
	return errors.Join(err, out.Sync(), out.Close())
}

// exists says whether there is a file or folder of this name.
func exists(path string) bool {
	_, err := os.Lstat(path)
	return err == nil
}
