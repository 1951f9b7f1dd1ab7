package kafka

import (
	"bytes"
	"context"
	"io"
	"math/rand/v2"
	"net"
	"os"
	"testing"
	"testing/iotest"
	"time"
)

// chattyConn reads from r and counts how often it is asked.
type chattyConn struct {
	net.Conn
	r     io.Reader
	reads int
}

func (c *chattyConn) Read(p []byte) (int, error) {
	c.reads++
	return c.r.Read(p)
}

func widen(t *testing.T, r io.Reader) (net.Conn, *chattyConn) {
	t.Helper()
	under := &chattyConn{r: r}
	conn, err := widened(func(context.Context, string, string) (net.Conn, error) { return under, nil })(t.Context(), "tcp", "")
	if err != nil {
		t.Fatal(err)
	}
	return conn, under
}

func TestWideConnKeepsEveryByte(t *testing.T) {
	rng := rand.New(rand.NewPCG(1, 2))
	want := make([]byte, 1<<20)
	for i := range want {
		want[i] = byte(rng.Uint32())
	}
	for name, r := range map[string]io.Reader{
		"whole": bytes.NewReader(want), "halves": iotest.HalfReader(bytes.NewReader(want)),
		"an error with the last bytes": iotest.DataErrReader(bytes.NewReader(want)),
	} {
		conn, under := widen(t, r)
		var got []byte
		for err := error(nil); err == nil; {
			p := make([]byte, rng.IntN(9000))
			var n int
			n, err = conn.Read(p)
			if got = append(got, p[:n]...); err != nil && err != io.EOF {
				t.Fatalf("%s: %v", name, err)
			}
		}
		if !bytes.Equal(got, want) {
			t.Errorf("%s: %d bytes came, want the same %d", name, len(got), len(want))
		}
		if most := len(want)/wide + 3; name == "whole" && under.reads > most {
			t.Errorf("%s: %d reads, want at most %d", name, under.reads, most)
		}
	}
}

// A read hands on what is there, even a single byte, and an error it met is
// told once: after a deadline the connection may be read again.
func TestWideConnWaitsForNothing(t *testing.T) {
	near, far := net.Pipe()
	defer far.Close()
	conn, err := widened(func(context.Context, string, string) (net.Conn, error) { return near, nil })(t.Context(), "tcp", "")
	if err != nil {
		t.Fatal(err)
	}
	defer conn.Close()
	say := func(b string) {
		go func() { _, _ = far.Write([]byte(b)) }()
		p := make([]byte, 100)
		if n, err := conn.Read(p); err != nil || string(p[:n]) != b {
			t.Errorf("read %q, %v; want %q", p[:n], err, b)
		}
	}
	say("x")
	_ = conn.SetReadDeadline(time.Unix(1, 0))
	if n, err := conn.Read(make([]byte, 1)); n != 0 || !os.IsTimeout(err) {
		t.Errorf("after the deadline: %d bytes, %v", n, err)
	}
	_ = conn.SetReadDeadline(time.Time{})
	say("y")
}
