package kafka

import (
	"context"
	"net"
	"time"
)

const (
	narrow = 4 << 10  // what a connection begins with: most are asked little
	wide   = 64 << 10 // what one gets that has much to say; more is no faster
)

// wideConn reads from the network in large pieces. The library's buffer holds
// 4 KiB and cannot be made larger, so that a backlog would cost a system call
// for every two or three records. What a read brings is handed on at once:
// nothing waits for a buffer to fill. One goroutine at a time may read.
type wideConn struct {
	net.Conn
	buf  []byte
	rest []byte // of buf, not handed on yet
	err  error  // came with rest, or before
}

// widened gives connections of dial, or of the system for nil, that read so.
func widened(dial DialFunc) DialFunc {
	if dial == nil {
		dial = (&net.Dialer{KeepAlive: 30 * time.Second}).DialContext
	}
	return func(ctx context.Context, network, address string) (net.Conn, error) {
		conn, err := dial(ctx, network, address)
		if err != nil {
			return nil, err
		}
		return &wideConn{Conn: conn, buf: make([]byte, narrow)}, nil
	}
}

func (c *wideConn) Read(p []byte) (int, error) {
	if len(c.rest) == 0 {
		if err := c.err; err != nil {
			c.err = nil // a deadline that has passed may be set anew
			return 0, err
		}
		n, err := c.Conn.Read(c.buf)
		c.rest, c.err = c.buf[:n], err
		if n == narrow {
			c.buf = make([]byte, wide)
		}
	}
	n := copy(p, c.rest)
	if c.rest = c.rest[n:]; n > 0 || len(p) == 0 {
		return n, nil
	}
	err := c.err
	c.err = nil
	return 0, err
}
