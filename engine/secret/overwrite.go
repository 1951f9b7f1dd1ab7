package secret

import (
	"bytes"
	"unsafe"
)

// rounds bounds how often a text is read again after overwriting: a star can
// set free a token that stood glued to another one.
const rounds = 8

// Overwrite replaces every secret in b by stars, in place and at the same
// length, and says how many it found. Line ends stay, and a JSON text stays
// valid: no quote is touched and no escape is cut.
func (c *Scan) Overwrite(b []byte) int {
	n := 0
	for range rounds {
		c.find(b)
		if len(c.found) == 0 {
			break
		}
		n += len(c.found)
		for i := range c.found {
			stars(b, c.found[i].start, c.found[i].end)
		}
	}
	return n
}

// Redact is Overwrite for a string; it returns s itself when nothing is found.
func (c *Scan) Redact(s string) string {
	if len(s) == 0 {
		return s
	}
	c.find(unsafe.Slice(unsafe.StringData(s), len(s))) // read only
	if len(c.found) == 0 {
		return s
	}
	b := []byte(s)
	c.Overwrite(b)
	return string(b)
}

// stars overwrites t[from:to] but for line ends, quotes, escapes that reach over
// either end of the span, and what stands between two strings when the span
// goes over several (a key block as a list of lines). Digits alone, which may
// be a JSON number that is hex for a secret, become ones.
func stars(t []byte, from, to int) {
	from = escapeEnd(t, from)
	star := byte('*')
	if onlyDigits.run(t, from, to) == to {
		star = '1'
	}
	outside := false
	for i := from; i < to; i++ {
		switch b := t[i]; {
		case b == '\n' || b == '\r':
		case b == '"':
			outside = !outside
		case outside && !alnum[b]:
		case outside:
			end := base64s.run(t, i, to)
			for ; end-i >= shortRun && i < end; i++ {
				t[i] = star
			}
			i = end - 1
		case b == '\\':
			n := escapeLen(t[i:])
			if i+n <= to && (n == 1 || t[i+1] != '"') {
				for k := range n {
					t[i+k] = star
				}
			}
			i += n - 1
		default:
			t[i] = star
		}
	}
}

// escapeLen is the length of the escape at the head of t; a backslash before
// a line end stands for itself.
func escapeLen(t []byte) int {
	if len(t) > 1 && (t[1] == '\n' || t[1] == '\r') {
		return 1
	}
	if len(t) >= 6 && t[1] == 'u' && allHex.all(t[2:6]) {
		return 6
	}
	return min(2, len(t))
}

// escapeEnd gives i, or the end of the JSON escape that i stands in.
func escapeEnd(t []byte, i int) int {
	back := bytes.LastIndexByte(t[max(0, i-5):i], '\\')
	if back < 0 {
		return i
	}
	back += max(0, i-5)
	if slashes(t, back)%2 == 0 {
		return i // itself escaped
	}
	if n := escapeLen(t[back:]); back+n > i {
		return back + n
	}
	return i
}

// slashes counts the backslashes up to and with i.
func slashes(t []byte, i int) int {
	n := 0
	for i >= 0 && t[i] == '\\' {
		n++
		i--
	}
	return n
}
