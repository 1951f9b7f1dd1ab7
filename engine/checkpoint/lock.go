package checkpoint

import (
	"errors"
	"fmt"
	"io"
	"os"
	"path/filepath"
	"strconv"
	"strings"
	"syscall"
	"time"

	"github.com/cockroachdb/pebble/v2/vfs"
)

// lockWait is how long a start waits for the lock: the operating system frees
// that of a killed process a moment after the kill, when its memory is gone.
const lockWait = 2 * time.Second

// lock keeps a second instance off the folder. The operating system gives it up
// with the process, so a killed one leaves nothing behind. PID only tells people
// who holds it. The note, if any, says that there was something to wait for.
func lock(dir string, o Options) (l io.Closer, note string, err error) {
	began, by := time.Now(), holder(dir)
	l, err = vfs.Default.Lock(filepath.Join(dir, "LOCK"))
	if held(err) && o.held != nil {
		o.held()
	}
	for held(err) && time.Since(began) < o.lockWait {
		time.Sleep(20 * time.Millisecond)
		l, err = vfs.Default.Lock(filepath.Join(dir, "LOCK"))
		note = fmt.Sprintf("lock: %s was held by another process%s that was ending; it was free after %v", dir, by, time.Since(began).Round(time.Millisecond))
	}
	l, err = locked(dir, l, err)
	return l, note, err
}

// held reports that another process has the lock; this one has another error
// for its own.
func held(err error) bool { return errors.Is(err, syscall.EAGAIN) }

// locked says who works here, or why this process cannot.
func locked(dir string, l io.Closer, err error) (io.Closer, error) {
	if err != nil {
		if _, ok := errors.AsType[syscall.Errno](err); ok && !held(err) { // the system has no lock to give
			return nil, diskError("lock", dir, err)
		}
		return nil, fatal("lock %s: another reflex works there%s: stop that one first, or give this one a folder of its own", dir, holder(dir))
	}
	if err := writeFile(filepath.Join(dir, "PID"), fmt.Appendln(nil, os.Getpid())); err != nil && !isFull(err) {
		_ = l.Close()
		return nil, diskError("write", filepath.Join(dir, "PID"), err)
	}
	return l, nil
}

func holder(dir string) string {
	b, _ := os.ReadFile(filepath.Join(dir, "PID"))
	if pid, err := strconv.Atoi(strings.TrimSpace(string(b))); err == nil {
		return fmt.Sprintf(" (process %d)", pid)
	}
	return ""
}
