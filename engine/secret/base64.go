package secret

// A run is a stretch of base64 letters (either alphabet). Text that was encoded
// shows in it as quads that decode to text bytes only; few quads of anything
// else do, and five in a row next to never.

const (
	shortRun = 20 // letters
	fewQuads = 5  // 15 bytes of text
	fewPairs = 16 // of hex digits
)

var sextet, hexValue, textual = func() (s, h [256]byte, x [256]bool) {
	for i := range s {
		s[i], h[i] = 0xff, 0xff
	}
	for i, b := range []byte(uppers + lowers + digits + "+/") {
		s[b] = byte(i)
	}
	s['-'], s['_'] = s['+'], s['/']
	for i, b := range []byte(digits + "abcdef") {
		h[b] = byte(i)
	}
	for b := byte('A'); b <= 'F'; b++ {
		h[b] = h[b+'a'-'A']
	}
	for b := 0x20; b < 0x7f; b++ {
		x[b] = true
	}
	x['\t'], x['\n'], x['\r'] = true, true, true
	return
}()

// runs finds the runs of view n and decodes what they hide.
func (c *Scan) runs(n int) {
	t := c.views[n].text
	if c.views[n].enc.base64 >= maxBase64 && c.views[n].enc.hex > 0 {
		return
	}
	low := 0 // no run reaches behind it
	for i := shortRun - 1; i < len(t); i += shortRun {
		if sextet[t[i]] == 0xff {
			low = i + 1
			continue
		}
		lo, hi := i, i+1
		for lo > low && sextet[t[lo-1]] != 0xff {
			lo--
		}
		for hi < len(t) && sextet[t[hi]] != 0xff {
			hi++
		}
		if hi-lo >= shortRun {
			if end := c.wrapped(n, lo, hi); end > hi {
				hi = end
			} else {
				c.run(n, lo, hi)
			}
		}
		low, i = hi, hi
	}
}

// run decodes what the run [lo, hi) of view n hides.
func (c *Scan) run(n, lo, hi int) {
	if c.views[n].enc.base64 < maxBase64 {
		for a := lo; a < lo+4; a++ {
			c.quads(n, a, hi)
		}
	}
	if hi-lo >= 2*fewPairs && c.views[n].enc.hex == 0 {
		c.pairsOfHex(n, lo, hi)
		c.pairsOfHex(n, lo+1, hi)
	}
}

// quad decodes four letters; ok says that they give text.
func quad(t []byte) (b [3]byte, ok bool) {
	_ = t[3]
	v0, v1 := sextet[t[0]], sextet[t[1]]
	if v0 >= 32 || v1&8 != 0 {
		return b, false
	}
	v2, v3 := sextet[t[2]], sextet[t[3]]
	b = [3]byte{v0<<2 | v1>>4, v1<<4 | v2>>2, v2<<6 | v3}
	return b, textual[b[0]] && textual[b[1]] && textual[b[2]]
}

// quads looks for text in the quads that begin at lo: it tests every fifth and
// only where that one is text looks around.
func (c *Scan) quads(n, lo, hi int) {
	t := c.views[n].text
	all := (hi - lo) / 4
	low := 0
	for q := fewQuads - 1; q < all; q += fewQuads {
		if _, ok := quad(t[lo+4*q:]); !ok {
			low = q + 1
			continue
		}
		from, to := q, q+1
		for from > low {
			if _, ok := quad(t[lo+4*(from-1):]); !ok {
				break
			}
			from--
		}
		for to < all {
			if _, ok := quad(t[lo+4*to:]); !ok {
				break
			}
			to++
		}
		if to-from >= fewQuads {
			c.base64(n, lo+4*from, lo+4*to, hi)
		}
		low, q = to, to
	}
}

// base64 decodes whole quads of view n, and the letters left before hi when
// they end the run, and looks at the text.
func (c *Scan) base64(n, from, to, hi int) {
	t := c.views[n].text
	b := len(c.buf)
	for i := from; i < to; i += 4 {
		q, _ := quad(t[i:])
		c.buf = append(c.buf, q[0], q[1], q[2])
	}
	if left := hi - to; left == 2 || left == 3 {
		if x := sextet[t[to]]<<2 | sextet[t[to+1]]>>4; textual[x] {
			c.buf = append(c.buf, x)
			if left == 3 {
				if x := sextet[t[to+1]]<<4 | sextet[t[to+2]]>>2; textual[x] {
					c.buf = append(c.buf, x)
				}
			}
		}
	}
	c.push(n, sixBit, from, b, len(c.marks), encoding{base64: 1})
}

// pairsOfHex is quads for hex digits.
func (c *Scan) pairsOfHex(n, lo, hi int) {
	t := c.views[n].text
	text := func(i int) bool {
		h, l := hexValue[t[lo+2*i]], hexValue[t[lo+2*i+1]]
		return h < 8 && l < 16 && textual[h<<4|l]
	}
	all := (hi - lo) / 2
	low := 0
	for p := fewPairs - 1; p < all; p += fewPairs {
		if !text(p) {
			low = p + 1
			continue
		}
		from, to := p, p+1
		for from > low && text(from-1) {
			from--
		}
		for to < all && text(to) {
			to++
		}
		if to-from >= fewPairs {
			b := len(c.buf)
			for i := from; i < to; i++ {
				c.buf = append(c.buf, hexValue[t[lo+2*i]]<<4|hexValue[t[lo+2*i+1]])
			}
			c.push(n, hexPair, lo+2*from, b, len(c.marks), encoding{hex: 1})
		}
		low, p = to, to
	}
}

// wrapped joins a run that base64 tools broke into lines: every line but the
// last has the same number of letters, whole quads. It gives the end of the
// last line, or hi when the run is one line.
func (c *Scan) wrapped(n, lo, hi int) int {
	t := c.views[n].text
	const shortLine = 40
	size := hi - lo
	if size < shortLine || size%4 != 0 || c.views[n].enc.base64 >= maxBase64 {
		return hi
	}
	next := func(i int) (int, int) { // the run of the following line
		nl := 1
		if i < len(t) && t[i] == '\r' {
			i, nl = i+1, 2
		}
		if i >= len(t) || t[i] != '\n' {
			return 0, 0
		}
		from := i + 1
		to := from
		for to < len(t) && to-from <= size && sextet[t[to]] != 0xff {
			to++
		}
		return to - from, nl
	}
	k, nl := next(hi)
	if k == 0 || k > size {
		return hi
	}
	b, m := len(c.buf), len(c.marks)
	c.buf = append(c.buf, t[lo:hi]...)
	end := hi
	for k > 0 && k <= size {
		c.marks = append(c.marks, mark{int32(len(c.buf) - b), int32(end), 0, int32(nl)})
		c.buf = append(c.buf, t[end+nl:end+nl+k]...)
		end += nl + k
		if k < size {
			break
		}
		k, nl = next(end)
	}
	p := c.views[n]
	v := view{parent: n, kind: copied, off: lo, depth: p.depth, enc: p.enc,
		text: c.buf[b:len(c.buf):len(c.buf)], marks: c.marks[m:len(c.marks):len(c.marks)]}
	first := len(c.found)
	c.views = append(c.views, v)
	c.run(len(c.views)-1, 0, len(v.text))
	c.views = c.views[:len(c.views)-1]
	for i := first; i < len(c.found); i++ {
		c.found[i].start, c.found[i].end = c.span(&v, c.found[i].start, c.found[i].end)
	}
	c.buf, c.marks = c.buf[:b], c.marks[:m]
	return end
}
