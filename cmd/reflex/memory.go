package main

import (
	"os"
	"runtime/metrics"
	"strconv"
	"strings"
)

// memory gives the most memory the process ever had resident, in bytes, as
// Linux counts it (elsewhere what the Go runtime holds now), and how often it
// allocated.
func memory() (peak, mallocs int64) {
	s := []metrics.Sample{{Name: "/memory/classes/total:bytes"}, {Name: "/gc/heap/allocs:objects"}}
	metrics.Read(s)
	peak, mallocs = int64(s[0].Value.Uint64()), int64(s[1].Value.Uint64())
	if status, err := os.ReadFile("/proc/self/status"); err == nil {
		for line := range strings.Lines(string(status)) {
			if rest, ok := strings.CutPrefix(line, "VmHWM:"); ok {
				kb, _ := strconv.ParseInt(strings.Fields(rest)[0], 10, 64)
				peak = kb << 10
			}
		}
	}
	return peak, mallocs
}
