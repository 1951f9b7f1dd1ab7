package checkpoint

import (
	"fmt"
	"io"
	"os"
	"path/filepath"
	"strconv"
	"strings"

	"github.com/cockroachdb/pebble/v2/vfs"
)

// lock keeps a second instance off the folder. The operating system gives it up
// with the process, so a killed one leaves nothing behind. PID only tells people
// who holds it.
func lock(dir string) (io.Closer, error) {
	l, err := vfs.Default.Lock(filepath.Join(dir, "LOCK"))
	if err != nil {
		if os.IsPermission(err) && !exists(filepath.Join(dir, "PID")) {
			return nil, diskError("lock", dir, err)
		}
		return nil, fatal("lock %s: another reflex works there%s: stop that one first, or give this one a folder of its own: %w", dir, holder(dir), err)
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
