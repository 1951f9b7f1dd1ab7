package secret

import (
	"bytes"
	"strings"
)

// A view is a text to read: the one given, or a piece of a view's text decoded.
// It knows where each of its bytes came from, so that a finding can be carried
// back, view by view, to the text as given.
type view struct {
	parent int // index into Scan.views; -1: the text as given
	kind   kind
	off    int // where the piece begins in the parent's text
	text   []byte
	marks  []mark // of the kinds that copy most bytes
	depth  int
	enc    encoding
}

type kind uint8

const (
	given  kind = iota
	copied      // bytes as they are but at marks
	sixBit      // base64: 4 letters to 3 bytes
	hexPair
)

// mark says that n bytes from dec on came from m bytes from src on (in the
// parent's text). Between marks bytes are copied.
type mark struct{ dec, src, n, m int32 }

const (
	maxDepth   = 5
	maxEscape  = 3
	maxPercent = 2
	maxBase64  = 2
)

// encoding counts the layers of each kind that hide a view.
type encoding struct{ escape, percent, base64, hex, colour uint8 }

func (e encoding) String() string {
	if e == (encoding{}) {
		return "plain"
	}
	var parts []string
	add := func(n uint8, name string) {
		switch {
		case n == 1:
			parts = append(parts, name)
		case n == 2:
			parts = append(parts, name+" twice")
		case n > 2:
			parts = append(parts, name+" three times")
		}
	}
	add(e.percent, "percent")
	add(e.escape, "JSON")
	add(e.base64, "base64")
	add(e.hex, "hex")
	add(e.colour, "colour codes")
	return strings.Join(parts, ", ")
}

// span carries a span of v's text to its parent's.
func (c *Scan) span(v *view, from, to int) (int, int) {
	switch v.kind {
	case sixBit:
		return v.off + from/3*4 + from%3, v.off + (to-1)/3*4 + (to-1)%3 + 2
	case hexPair:
		return v.off + from*2, v.off + to*2
	}
	s, _ := v.source(from)
	_, e := v.source(to - 1)
	return s, e
}

// source gives the span in the parent's text of byte i of a copied view.
func (v *view) source(i int) (from, to int) {
	lo, hi := 0, len(v.marks) // the last mark at or before i is at lo-1
	for lo < hi {
		m := (lo + hi) / 2
		if int(v.marks[m].dec) <= i {
			lo = m + 1
		} else {
			hi = m
		}
	}
	if lo == 0 {
		return v.off + i, v.off + i + 1
	}
	m := v.marks[lo-1]
	if k := i - int(m.dec) - int(m.n); k >= 0 {
		at := int(m.src) + int(m.m) + k
		return at, at + 1
	}
	return int(m.src), int(m.src) + int(m.m)
}

// hidden decodes what view n hides and looks at it.
func (c *Scan) hidden(n int) {
	v := c.views[n]
	if v.enc.escape < maxEscape {
		c.each(n, '\\', escaped, unescape, encoding{escape: 1})
	}
	if v.enc.percent < maxPercent {
		c.each(n, '%', percented, unpercent, encoding{percent: 1})
	}
	if v.enc.colour < 1 {
		c.each(n, 0x1b, coloured, uncolour, encoding{colour: 1})
	}
	c.runs(n)
}

// each looks for sign in view n; where it begins something worth decoding, the
// line around it is decoded and looked at, for escapes together with the lines
// that a backslash at the end joins to it.
func (c *Scan) each(n int, sign byte, worth func(t []byte, i int) bool, decode func(c *Scan, t []byte, off int), add encoding) {
	t := c.views[n].text
	done := 0
	for i := 0; i < len(t); i++ {
		k := bytes.IndexByte(t[i:], sign)
		if k < 0 {
			return
		}
		i += k
		if !worth(t, i) {
			continue
		}
		from := max(done, bytes.LastIndexByte(t[done:i], '\n')+1+done)
		to := lineEnd(t, i)
		for add.escape > 0 && to < len(t) && continued(t[:to]) {
			to = lineEnd(t, to+1)
		}
		c.child(n, from, t[from:to], decode, add)
		done, i = to, to-1
	}
}

// continued says that a line ends in one backslash.
func continued(line []byte) bool {
	line = bytes.TrimSuffix(line, []byte("\r"))
	return len(line) > 0 && slashes(line, len(line)-1)%2 == 1
}

func lineEnd(t []byte, i int) int {
	if i >= len(t) {
		return len(t)
	}
	if k := bytes.IndexByte(t[i:], '\n'); k >= 0 {
		return i + k
	}
	return len(t)
}

// child decodes a piece of view n with a decoder that fills c.buf and c.marks,
// and looks at it.
func (c *Scan) child(n, off int, piece []byte, decode func(c *Scan, t []byte, off int), add encoding) {
	b, m := len(c.buf), len(c.marks)
	decode(c, piece, off)
	c.push(n, copied, off, b, m, add)
}

// push looks at c.buf[b:] as a view below n, and gives the scratch back.
func (c *Scan) push(n int, k kind, off, b, m int, add encoding) {
	p := &c.views[n]
	e := p.enc
	e.escape += add.escape
	e.percent += add.percent
	e.base64 += add.base64
	e.hex += add.hex
	e.colour += add.colour
	c.look(view{
		parent: n, kind: k, off: off, depth: p.depth + 1, enc: e,
		text: c.buf[b:len(c.buf):len(c.buf)], marks: c.marks[m:len(c.marks):len(c.marks)],
	})
	c.buf, c.marks = c.buf[:b], c.marks[:m]
}
