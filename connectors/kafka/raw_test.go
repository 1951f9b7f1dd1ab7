package kafka

import (
	"encoding/binary"
	"io"
	"net"
	"testing"
	"time"

	"github.com/twmb/franz-go/pkg/kerr"
	"github.com/twmb/franz-go/pkg/kfake"
	"github.com/twmb/franz-go/pkg/kmsg"
)

// ask sends one request that the client library has no call for.
func ask(t testing.TB, conn net.Conn, req kmsg.Request) kmsg.Response {
	t.Helper()
	if err := conn.SetDeadline(time.Now().Add(5 * time.Second)); err != nil {
		t.Fatal(err)
	}
	frame := kmsg.NewRequestFormatter(kmsg.FormatterClientID("test")).AppendRequest(nil, req, 1)
	if _, err := conn.Write(frame); err != nil {
		t.Fatal(err)
	}
	var size [4]byte
	if _, err := io.ReadFull(conn, size[:]); err != nil {
		t.Fatal(err)
	}
	body := make([]byte, binary.BigEndian.Uint32(size[:]))
	if _, err := io.ReadFull(conn, body); err != nil {
		t.Fatal(err)
	}
	res := req.ResponseKind()
	res.SetVersion(req.GetVersion())
	if err := res.ReadFrom(body[4:]); err != nil {
		t.Fatal(err)
	}
	return res
}

// evict makes the next heartbeat end the generation; the function says whether
// that has happened.
func (f *fake) evict(testing.TB) func() bool {
	h := f.Fault(kfake.Fault{Keys: []kmsg.Key{kmsg.Heartbeat}, Err: kerr.UnknownMemberID, Count: 1})
	return func() bool { return h.Hits() > 0 }
}
