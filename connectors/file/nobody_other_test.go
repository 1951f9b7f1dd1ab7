//go:build !linux

package file

import (
	"os"
	"testing"
)

func asNobody(t *testing.T) {
	if os.Getuid() == 0 {
		t.Skip("root may read everything")
	}
}
