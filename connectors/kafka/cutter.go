package kafka

import (
	"context"
	"net"
	"sync"
	"time"
)

// cutter knows the group's open connections, to close them all at once.
type cutter struct {
	dial  DialFunc
	mu    sync.Mutex
	conns map[*cutConn]bool
	over  bool
}

type cutConn struct {
	net.Conn
	of *cutter
}

func (c *cutConn) Close() error {
	c.of.mu.Lock()
	delete(c.of.conns, c)
	c.of.mu.Unlock()
	return c.Conn.Close()
}

func (c *cutter) open(ctx context.Context, network, address string) (net.Conn, error) {
	dial := c.dial
	if dial == nil {
		dial = (&net.Dialer{KeepAlive: 30 * time.Second}).DialContext
	}
	conn, err := dial(ctx, network, address)
	if err != nil {
		return nil, err
	}
	c.mu.Lock()
	defer c.mu.Unlock()
	if c.over {
		conn.Close()
		return nil, temporary(errClosed)
	}
	if c.conns == nil {
		c.conns = map[*cutConn]bool{}
	}
	cc := &cutConn{Conn: conn, of: c}
	c.conns[cc] = true
	return cc, nil
}

func (c *cutter) cut() {
	c.mu.Lock()
	defer c.mu.Unlock()
	c.over = true
	for conn := range c.conns {
		conn.Conn.Close()
	}
	clear(c.conns)
}
