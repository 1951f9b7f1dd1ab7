package file

import (
	"os"
	"runtime"
	"syscall"
	"testing"
)

// asNobody takes root's right to read everything from this test. Linux gives
// each thread its own file user; the locked thread ends with the test.
func asNobody(t *testing.T) {
	if os.Getuid() != 0 {
		return
	}
	runtime.LockOSThread()
	if err := syscall.Setfsuid(65534); err != nil {
		t.Fatal(err)
	}
}
