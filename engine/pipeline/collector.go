package pipeline

import (
	"runtime/debug"
	"runtime/metrics"
)

// HeapRoom is what commands allow: with the usual collector, a service with
// little state spent an eighth of its CPU on marking the same small heap again.
const HeapRoom = 128 << 20

// makeRoom lets at least so many bytes be allocated between two collections of
// garbage, however little is alive. A large heap is collected as always, when as
// much as is alive was allocated.
func makeRoom(room uint64) {
	live := []metrics.Sample{{Name: "/gc/heap/live:bytes"}}
	metrics.Read(live)
	debug.SetGCPercent(percentFor(live[0].Value.Uint64(), room))
}

// percentFor gives the collector's percentage for a heap.
func percentFor(live, room uint64) int {
	const least, most = 100, 1000
	if live == 0 {
		return most
	}
	return int(min(max(room*100/live, least), most))
}
