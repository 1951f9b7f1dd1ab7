package decode

import (
	"encoding/binary"
	"net/netip"

	"github.com/seed-843b225c/reflex/engine"
)

// coder writes values one after the other, or reads them in the same order:
// one function for both directions names each field once, and what is written
// and what is read cannot drift apart. Numbers are varints, texts have their
// length before them.
type coder struct {
	b       []byte // written so far, or not read yet
	reading bool
	broken  bool   // reading: the bytes are not what this coder writes
	source  string // name of the last source read, kept once for all places
}

// fail ends the reading: everything after it reads as nothing.
func (c *coder) fail() { c.broken, c.b = true, nil }

// whole reports that reading came out even.
func (c *coder) whole() bool { return !c.broken && len(c.b) == 0 }

// number is for all whole numbers.
func number[T ~int | ~int8 | ~int32 | ~int64 | ~uint8 | ~uint32](c *coder, p *T) {
	if !c.reading {
		c.b = binary.AppendVarint(c.b, int64(*p))
		return
	}
	v, n := binary.Varint(c.b)
	if n <= 0 || int64(T(v)) != v {
		c.fail()
		return
	}
	*p, c.b = T(v), c.b[n:]
}

func (c *coder) flag(p *bool) {
	var n uint8
	if *p {
		n = 1
	}
	number(c, &n)
	*p = n == 1
	if n > 1 {
		c.fail()
	}
}

// fixed is for hashes, which varints would make longer.
func (c *coder) fixed(p *uint64) {
	if !c.reading {
		c.b = binary.BigEndian.AppendUint64(c.b, *p)
		return
	}
	if len(c.b) < 8 {
		c.fail()
		return
	}
	*p, c.b = binary.BigEndian.Uint64(c.b), c.b[8:]
}

// next reads a length and gives that many bytes, which alias the input.
func (c *coder) next() []byte {
	n := c.length(0)
	if n > len(c.b) {
		c.fail()
		return nil
	}
	b := c.b[:n]
	c.b = c.b[n:]
	return b
}

func (c *coder) str(p *string) {
	if !c.reading {
		c.length(len(*p))
		c.b = append(c.b, *p...)
		return
	}
	*p = string(c.next())
}

// bytes reads nil where nothing was written.
func (c *coder) bytes(p *[]byte) {
	if !c.reading {
		c.length(len(*p))
		c.b = append(c.b, *p...)
		return
	}
	*p = append([]byte(nil), c.next()...)
}

// length writes n, or reads a number of things of which each takes a byte at least.
func (c *coder) length(n int) int {
	number(c, &n)
	if n < 0 || c.reading && n > len(c.b) {
		c.fail()
		return 0
	}
	return n
}

// list is for what has no fixed number; each codes one element.
func list[T any](c *coder, p *[]T, each func(*coder, *T)) {
	n := c.length(len(*p))
	if c.reading {
		*p = nil
	}
	for i := 0; i < n && !c.broken; i++ {
		if c.reading {
			*p = append(*p, *new(T))
		}
		each(c, &(*p)[i])
	}
}

func (c *coder) addr(p *netip.Addr) {
	b, _ := p.MarshalBinary() // never fails
	c.bytes(&b)
	if c.reading && p.UnmarshalBinary(b) != nil {
		c.fail()
	}
}

func (c *coder) origin(p *engine.Origin) {
	c.str(&p.Source)
	if c.reading {
		if p.Source == c.source {
			p.Source = c.source
		}
		c.source = p.Source
	}
	number(c, &p.Partition)
	number(c, &p.Offset)
	number(c, &p.Line)
	number(c, &p.Index)
}
