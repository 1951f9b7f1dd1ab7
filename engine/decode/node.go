package decode

import (
	"encoding/binary"
	"math/bits"
	"strings"
	"unicode/utf16"
	"unicode/utf8"
)

// node is the bytes of one JSON value that the scanner has found valid. Its
// methods walk it lazily: for wrappings, lists and evidence, not for the fields
// of every event. The nil node is a missing value and every method takes it.
type node []byte

// kind gives the value's first byte, with '0' for every number and 0 for a
// missing value: { [ " 0 t f n.
func (n node) kind() byte {
	if len(n) == 0 {
		return 0
	}
	if b := n[0]; b != '-' && (b < '0' || b > '9') {
		return b
	}
	return '0'
}

// get walks down by exact keys; a key met twice counts with its last value.
func (n node) get(keys ...string) node {
	for _, key := range keys {
		var found node
		n.fields(func(k string, v node) bool {
			if k == key {
				found = v
			}
			return true
		})
		if n = found; n == nil {
			return nil
		}
	}
	return n
}

// likes is get for several keys of an object in one walk, in any case; a key as
// it is written is preferred. What it finds goes to the places of the keys.
func (n node) likes(keys []string, found []node) {
	exact := 0
	n.fields(func(k string, v node) bool {
		for i, key := range keys {
			switch {
			case k == key:
				found[i], exact = v, exact|1<<i
			case exact&(1<<i) == 0 && strings.EqualFold(k, key):
				found[i] = v
			}
		}
		return true
	})
}

// at walks down by a path with dots between keys; keys may hold dots
// themselves ("fields": {"ci.run_id": ...}), the shortest key is tried first.
func (n node) at(path string) node {
	for i := 0; i <= len(path); i++ {
		if i < len(path) && path[i] != '.' {
			continue
		}
		v := n.get(path[:i])
		if v == nil {
			continue
		}
		if i == len(path) {
			return v
		}
		if v = v.at(path[i+1:]); v != nil {
			return v
		}
	}
	return nil
}

// str gives a string unescaped, a number or boolean as it is written, and "" for
// everything else. It may alias the node.
func (n node) str() string {
	switch n.kind() {
	case '"':
		s := n[1 : len(n)-1]
		if !escaped(s) {
			return alias(s)
		}
		return alias(unescape(nil, s))
	case '0', 't', 'f':
		return alias(n)
	}
	return ""
}

// text is str as bytes that do not alias n, appended to dst.
func (n node) text(dst []byte) []byte {
	if n.kind() == '"' {
		return unescape(dst, n[1:len(n)-1])
	}
	return append(dst, n.str()...)
}

// fields calls f with each key (unescaped) and value of an object until f
// returns false. Other values have no fields.
func (n node) fields(f func(key string, value node) bool) {
	if n.kind() != '{' {
		return
	}
	for i := skipSpace(n, 1); i < len(n) && n[i] == '"'; {
		end := stringEnd(n, i)
		key := node(n[i:end]).str()
		i = skipSpace(n, end)
		i = skipSpace(n, i+1) // the colon
		end = valueEnd(n, i)
		if !f(key, n[i:end]) {
			return
		}
		if i = skipSpace(n, end); i < len(n) && n[i] == ',' {
			i = skipSpace(n, i+1)
		}
	}
}

// elements calls f with each element of a list until f returns false.
func (n node) elements(f func(value node) bool) {
	if n.kind() != '[' {
		return
	}
	for i := skipSpace(n, 1); i < len(n) && n[i] != ']'; {
		end := valueEnd(n, i)
		if !f(n[i:end]) {
			return
		}
		if i = skipSpace(n, end); i < len(n) && n[i] == ',' {
			i = skipSpace(n, i+1)
		}
	}
}

func skipSpace(b []byte, i int) int {
	for i < len(b) && (b[i] == ' ' || b[i] == '\n' || b[i] == '\r' || b[i] == '\t') {
		i++
	}
	return i
}

// stringEnd gives the place behind the closing quote of the string at i.
func stringEnd(b []byte, i int) int {
	for i++; i < len(b); i++ {
		for i+8 <= len(b) { // as scanner.str
			w := binary.LittleEndian.Uint64(b[i:])
			q, s := w^quote, w^slash
			if m := ((q-low)&^q | (s-low)&^s) & high; m != 0 {
				i += bits.TrailingZeros64(m) >> 3
				break
			}
			i += 8
		}
		if i >= len(b) {
			break
		}
		switch b[i] {
		case '\\':
			i++
		case '"':
			return i + 1
		}
	}
	return len(b)
}

// valueEnd gives the place behind the value at i of valid JSON.
func valueEnd(b []byte, i int) int {
	if i >= len(b) {
		return len(b)
	}
	switch b[i] {
	case '"':
		return stringEnd(b, i)
	case '{', '[':
		for depth := 0; i < len(b); i++ {
			switch b[i] {
			case '"':
				i = stringEnd(b, i) - 1
			case '{', '[':
				depth++
			case '}', ']':
				if depth--; depth == 0 {
					return i + 1
				}
			}
		}
		return len(b)
	}
	for i < len(b) && !strings.ContainsRune(",]} \n\r\t", rune(b[i])) {
		i++
	}
	return i
}

// escaped reports whether the content of a JSON string needs unescaping.
func escaped(s []byte) bool { return indexByte(s, '\\') >= 0 }

// unescape appends the content of a JSON string (without its quotes) to dst.
// Half surrogates become U+FFFD, as in encoding/json; raw bytes pass.
func unescape(dst, s []byte) []byte {
	for {
		i := indexByte(s, '\\')
		if i < 0 || i+1 >= len(s) {
			return append(dst, s...)
		}
		dst = append(dst, s[:i]...)
		c := s[i+1]
		s = s[i+2:]
		switch c {
		case 'b':
			dst = append(dst, '\b')
		case 'f':
			dst = append(dst, '\f')
		case 'n':
			dst = append(dst, '\n')
		case 'r':
			dst = append(dst, '\r')
		case 't':
			dst = append(dst, '\t')
		case 'u':
			r := hex4(s)
			if r < 0 {
				return dst
			}
			s = s[4:]
			if utf16.IsSurrogate(r) {
				low := rune(-1)
				if len(s) >= 6 && s[0] == '\\' && s[1] == 'u' {
					low = hex4(s[2:])
				}
				if r = utf16.DecodeRune(r, low); r != utf8.RuneError {
					s = s[6:]
				}
			}
			dst = utf8.AppendRune(dst, r)
		default:
			dst = append(dst, c)
		}
	}
}

// hex4 reads four hex digits, -1 when there are none.
func hex4(s []byte) rune {
	if len(s) < 4 {
		return -1
	}
	var r rune
	for _, c := range s[:4] {
		switch {
		case c >= '0' && c <= '9':
			c -= '0'
		case c >= 'a' && c <= 'f':
			c -= 'a' - 10
		case c >= 'A' && c <= 'F':
			c -= 'A' - 10
		default:
			return -1
		}
		r = r<<4 | rune(c)
	}
	return r
}
