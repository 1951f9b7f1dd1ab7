package kafka

import (
	"sync/atomic"
	"testing"
	"time"

	"github.com/twmb/franz-go/pkg/kerr"
	"github.com/twmb/franz-go/pkg/kfake"
	"github.com/twmb/franz-go/pkg/kmsg"
)

// A member whose polite leave did not get through must not hold up the one
// that takes its place: its session is an hour here.
func TestSourceDoesNotWaitForItsOwnGhost(t *testing.T) {
	virtual(func(t *testing.T) {
		f := inMemory(t, 1, kfake.GroupMaxSessionTimeout(2*time.Hour))
		f.write(t, 0, numbered(0, 5)...)
		var leaves atomic.Int32
		f.ControlKey(int16(kmsg.LeaveGroup), func(r kmsg.Request) (kmsg.Response, error, bool) {
			f.KeepControl()
			if leaves.Add(1) > 3 {
				return nil, nil, false
			}
			res := r.ResponseKind().(*kmsg.LeaveGroupResponse) // as of a broker that has just come up
			res.ErrorCode = kerr.NotCoordinator.Code
			return res, nil, true
		})
		c := f.config()
		c.SessionTimeout = time.Hour
		s, got := f.open(t, c, Options{}), &seen{}
		s.timing.rebalance = time.Hour
		got.records(t, s, 5)
		// The generation ends, and the next join fails: the library forgets who it was.
		h := f.Fault(kfake.Fault{Keys: []kmsg.Key{kmsg.JoinGroup}, TopLevel: true, Err: kerr.CoordinatorNotAvailable, Count: 1})
		f.addPartition(t)
		got.until(t, s, "the fault", func() bool { return h.Hits() == 1 })
		got.until(t, s, "another generation with both partitions", func() bool { return len(got.opened) >= 3 })
		if n := leaves.Load(); n < 4 {
			t.Errorf("the broker was told %d times: the fault was not met", n)
		}
	})(t)
}
