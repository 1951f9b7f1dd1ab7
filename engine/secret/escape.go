package secret

import "unicode/utf8"

// escaped says that the backslash at i begins an escape that can stand inside
// a secret: a letter or slash written otherwise, a line end within base64, a
// backslash of a deeper level. Escaped quotes alone are no reason to decode.
func escaped(t []byte, i int) bool {
	if i+1 == len(t) {
		return false
	}
	switch t[i+1] {
	case '/', 'n', 'r', '\\', '\n':
		return true
	case '\r':
		return i+2 < len(t) && t[i+2] == '\n'
	case 'u':
		return i+6 <= len(t) && allHex.all(t[i+2:i+6])
	case 'x':
		return i+4 <= len(t) && allHex.all(t[i+2:i+4])
	}
	return false
}

// unescape resolves the escapes of JSON, \xHH and a backslash before a line
// end. What is no escape stays as it is.
func unescape(c *Scan, t []byte, off int) {
	base := len(c.buf)
	for i := 0; i < len(t); {
		b := t[i]
		if b != '\\' || i+1 == len(t) {
			c.buf = append(c.buf, b)
			i++
			continue
		}
		n := 2
		at := len(c.buf)
		switch b = t[i+1]; b {
		case '"', '\\', '/':
			c.buf = append(c.buf, b)
		case 'b':
			c.buf = append(c.buf, '\b')
		case 'f':
			c.buf = append(c.buf, '\f')
		case 'n':
			c.buf = append(c.buf, '\n')
		case 'r':
			c.buf = append(c.buf, '\r')
		case 't':
			c.buf = append(c.buf, '\t')
		case '\n':
		case 'u', 'x', '\r':
			r, k := number(t[i:])
			if n = k; n > 0 && r >= 0 {
				c.buf = utf8.AppendRune(c.buf, r)
			}
		default:
			n = 0
		}
		if n == 0 {
			c.buf = append(c.buf, t[i])
			i++
			continue
		}
		c.marks = append(c.marks, mark{int32(at - base), int32(off + i), int32(len(c.buf) - at), int32(n)})
		i += n
	}
}

// number reads \uXXXX (with its second half where it has one), \xHH, or a
// backslash before \r\n, which gives nothing (-1). n is 0 for none of them.
func number(t []byte) (r rune, n int) {
	switch {
	case t[1] == '\r':
		if len(t) > 2 && t[2] == '\n' {
			return -1, 3
		}
	case t[1] == 'x':
		if len(t) >= 4 && allHex.all(t[2:4]) {
			return unhex(t[2:4]), 4
		}
	case len(t) >= 6 && allHex.all(t[2:6]):
		r = unhex(t[2:6])
		if r&^0x3ff == 0xd800 && len(t) >= 12 && t[6] == '\\' && t[7] == 'u' && allHex.all(t[8:12]) {
			if lo := unhex(t[8:12]); lo&^0x3ff == 0xdc00 {
				return 0x10000 + (r-0xd800)<<10 + (lo - 0xdc00), 12
			}
		}
		return r, 6
	}
	return 0, 0
}

func unhex(t []byte) rune {
	r := rune(0)
	for _, b := range t {
		r = r<<4 | rune(hexValue[b])
	}
	return r
}

// percented says that an escape of two hex digits follows the sign at i.
func percented(t []byte, i int) bool {
	return i+3 <= len(t) && allHex[t[i+1]] && allHex[t[i+2]]
}

func unpercent(c *Scan, t []byte, off int) {
	base := len(c.buf)
	for i := 0; i < len(t); i++ {
		b := t[i]
		if b == '%' && percented(t, i) {
			c.marks = append(c.marks, mark{int32(len(c.buf) - base), int32(off + i), 1, 3})
			b = byte(unhex(t[i+1 : i+3]))
			i += 2
		}
		c.buf = append(c.buf, b)
	}
}

// colourLen is the length of the terminal sequence ESC [ digits ; .. letter at
// the head of t, 0 if there is none.
func colourLen(t []byte) int {
	if len(t) < 3 || t[0] != 0x1b || t[1] != '[' {
		return 0
	}
	for i := 2; i < min(len(t), 20); i++ {
		switch b := t[i]; {
		case b == ';' || '0' <= b && b <= '9':
		case b == 'm' || b == 'K':
			return i + 1
		default:
			return 0
		}
	}
	return 0
}

// coloured says that a colour code cuts a word at i.
func coloured(t []byte, i int) bool {
	if i == 0 || !base64s[t[i-1]] {
		return false
	}
	for {
		n := colourLen(t[i:])
		if n == 0 {
			return false
		}
		if i += n; i < len(t) && base64s[t[i]] {
			return true
		}
		if i == len(t) || t[i] != 0x1b {
			return false
		}
	}
}

func uncolour(c *Scan, t []byte, off int) {
	base := len(c.buf)
	for i := 0; i < len(t); i++ {
		if t[i] == 0x1b {
			if n := colourLen(t[i:]); n > 0 {
				c.marks = append(c.marks, mark{int32(len(c.buf) - base), int32(off + i), 0, int32(n)})
				i += n - 1
				continue
			}
		}
		c.buf = append(c.buf, t[i])
	}
}
