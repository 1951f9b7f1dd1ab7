package decode

import (
	"encoding/binary"
	"math/bits"
)

// The grammar is RFC 8259 to the letter, for what is taken and for what is
// skipped alike, because a record that one reader refuses and another accepts
// is a way around detection. Bytes that are no UTF-8 pass through.
//
// A vector pass that lists structural positions will come between the chunk
// and this scanner; its walker fills the same cells from the same trie and may
// only say "certainly valid" or "ask the scanner". So scanner.scan stays the one
// grammar and the oracle:
//
//	type index func(chunk []byte, list []uint32, escapes []uint64, c *carry) (n int)

// maxDepth is how deep a record may nest.
const maxDepth = 64

const tooDeep = "nested too deep"

// cell is one value a scan took. It aliases the record.
type cell struct {
	text string // a string without its quotes; everything else as written
	kind byte   // as node.kind; 0: not in the record
	esc  bool   // a string that holds escapes
}

// status says how a scan ended.
type status uint8

const (
	scanOK    status = iota
	scanShort        // the bytes end inside the value: more may come
	scanBad          // not JSON; see scanner.at and why
)

// scanner reads one JSON object at a time. It belongs to one goroutine.
type scanner struct {
	buf   []byte
	src   string // buf as a string
	trie  *trie
	cells []cell
	depth int
	dups  int // demanded keys that came twice in this record
	lines int // line ends met; strings have none, so all of them
	st    status
	at    int    // where it ended badly
	why   string // what was wrong there
	key   [64]byte
}

// scan reads the object at buf[i] and fills the cells of t. end is the place
// behind it when the status is scanOK.
func (s *scanner) scan(buf []byte, i int, t *trie) (end int, st status) {
	s.buf, s.src, s.trie = buf, alias(buf), t
	if cap(s.cells) < len(t.nodes) {
		s.cells = make([]cell, len(t.nodes))
	}
	s.cells = s.cells[:len(t.nodes)]
	clear(s.cells)
	s.depth, s.st, s.dups, s.lines = 0, scanOK, 0, 0
	if i >= len(buf) {
		return s.short(), scanShort
	}
	if buf[i] != '{' {
		return s.bad(i, "a record must be an object"), scanBad
	}
	end = s.object(i+1, 0)
	if end < 0 {
		return end, s.st
	}
	s.cells[0] = cell{text: s.src[i:end], kind: '{'}
	return end, scanOK
}

// embed scans the JSON object in text, the unescaped content of the string in
// cell n, into the cells below n. It reports whether it was one.
func (s *scanner) embed(text []byte, n int32) bool {
	i := skipSpace(text, 0)
	if i >= len(text) || text[i] != '{' {
		return false
	}
	buf, src := s.buf, s.src
	s.buf, s.src, s.depth, s.st = text, alias(text), 0, scanOK
	end := s.object(i+1, n)
	ok := end >= 0 && skipSpace(text, end) == len(text)
	if !ok {
		clear(s.cells[n+1 : s.trie.nodes[n].end])
	}
	s.buf, s.src, s.st = buf, src, scanOK
	return ok
}

func (s *scanner) short() int { s.st, s.at = scanShort, len(s.buf); return -1 }

func (s *scanner) bad(i int, why string) int { s.st, s.at, s.why = scanBad, i, why; return -1 }

// space skips white space; the result may be len(buf).
func (s *scanner) space(i int) int {
	for i < len(s.buf) {
		switch s.buf[i] {
		case '\n':
			s.lines++
		case ' ', '\r', '\t':
		default:
			return i
		}
		i++
	}
	return i
}

// object reads a demanded object from behind its brace.
func (s *scanner) object(i int, n int32) int {
	if s.depth++; s.depth > maxDepth {
		return s.bad(i, tooDeep)
	}
	buf, node := s.buf, &s.trie.nodes[n]
	if i < len(buf) && buf[i] <= ' ' {
		i = s.space(i)
	}
	if i < len(buf) && buf[i] == '}' {
		s.depth--
		return i + 1
	}
	for {
		if i >= len(buf) {
			return s.short()
		}
		if buf[i] != '"' {
			return s.bad(i, "a key must follow")
		}
		j, esc := s.str(i + 1)
		if j < 0 {
			return j
		}
		var child int32
		if !esc {
			child = node.lookup(buf, i+1, j)
		}
		if child == 0 && (esc || s.trie.dotted || s.trie.fold) {
			child = s.trie.find(n, buf[i+1:j], esc, s.key[:])
		}
		if i = j + 1; i >= len(buf) || buf[i] != ':' {
			if i = s.space(i); i >= len(buf) {
				return s.short()
			}
			if buf[i] != ':' {
				return s.bad(i, "a colon must follow a key")
			}
		}
		if i++; i < len(buf) && buf[i] <= ' ' {
			i = s.space(i)
		}
		if child == 0 {
			i = s.skip(i)
		} else {
			i = s.take(i, child)
		}
		if i < 0 {
			return i
		}
		if i < len(buf) && buf[i] == ',' {
			if i++; i < len(buf) && buf[i] <= ' ' {
				i = s.space(i)
			}
			continue
		}
		if i = s.space(i); i >= len(buf) {
			return s.short()
		}
		switch buf[i] {
		case ',':
			i = s.space(i + 1)
		case '}':
			s.depth--
			return i + 1
		default:
			return s.bad(i, "a comma or closing brace must follow a value")
		}
	}
}

// tail reads the rest of an object from behind one of its values.
func (s *scanner) tail(buf []byte, i int) (end int, st status) {
	s.buf, s.src, s.st, s.lines, s.depth = buf, alias(buf), scanOK, 0, 1
	for {
		if i = s.space(i); i >= len(buf) {
			return s.short(), scanShort
		}
		if buf[i] == '}' {
			return i + 1, scanOK
		}
		if buf[i] != ',' {
			return s.bad(i, "a comma or closing brace must follow a value"), scanBad
		}
		_, _, i = s.member(s.space(i + 1))
		if i >= 0 {
			i = s.skip(i)
		}
		if i < 0 {
			return i, s.st
		}
	}
}

// member reads a key and its colon and gives the key's bounds and the place of
// the value.
func (s *scanner) member(i int) (from, to, value int) {
	if i >= len(s.buf) {
		return 0, 0, s.short()
	}
	if s.buf[i] != '"' {
		return 0, 0, s.bad(i, "a key must follow")
	}
	j, _ := s.str(i + 1)
	if j < 0 {
		return 0, 0, j
	}
	k := s.space(j + 1)
	if k >= len(s.buf) {
		return 0, 0, s.short()
	}
	if s.buf[k] != ':' {
		return 0, 0, s.bad(k, "a colon must follow a key")
	}
	return i + 1, j, s.space(k + 1)
}

// any reads one value of any kind at buf[i].
func (s *scanner) any(buf []byte, i int) (end int, st status) {
	s.buf, s.src, s.st, s.lines, s.depth = buf, alias(buf), scanOK, 0, 0
	end = s.skip(i)
	return end, s.st
}

// take reads a demanded value into its cell.
func (s *scanner) take(i int, n int32) int {
	if i >= len(s.buf) {
		return s.short()
	}
	c := &s.cells[n]
	if c.kind != 0 {
		s.dups++
		clear(s.cells[n:s.trie.nodes[n].end])
	}
	start := i
	switch b := s.buf[i]; b {
	case '"':
		j, esc := s.str(i + 1)
		if j < 0 {
			return j
		}
		c.text, c.kind, c.esc = s.src[i+1:j], '"', esc
		return j + 1
	case '{':
		if len(s.trie.nodes[n].table) > 0 {
			i = s.object(i+1, n)
		} else {
			i = s.container(i)
		}
		c.kind = b
	case '[':
		i = s.container(i)
		c.kind = b
	case 't', 'f', 'n':
		i = s.literal(i)
		c.kind = b
	default:
		i = s.number(i)
		c.kind = '0'
	}
	if i < 0 {
		return i
	}
	c.text = s.src[start:i]
	return i
}

// skip reads a value that nobody wants.
func (s *scanner) skip(i int) int {
	if i >= len(s.buf) {
		return s.short()
	}
	switch s.buf[i] {
	case '"':
		j, _ := s.str(i + 1)
		if j < 0 {
			return j
		}
		return j + 1
	case '{', '[':
		return s.container(i)
	case 't', 'f', 'n':
		return s.literal(i)
	}
	return s.number(i)
}

// container reads an object or list that nobody looks into. The bits of stack
// say what is open: 1 an object.
func (s *scanner) container(i int) int {
	buf := s.buf
	var stack uint64
	depth := 0
value:
	if i >= len(buf) {
		return s.short()
	}
	switch buf[i] {
	case '{':
		if depth++; s.depth+depth > maxDepth {
			return s.bad(i, tooDeep)
		}
		stack = stack<<1 | 1
		if i++; i < len(buf) && buf[i] <= ' ' {
			i = s.space(i)
		}
		if i < len(buf) && buf[i] == '}' {
			i++
			goto closed
		}
		goto key
	case '[':
		if depth++; s.depth+depth > maxDepth {
			return s.bad(i, tooDeep)
		}
		stack <<= 1
		if i++; i < len(buf) && buf[i] <= ' ' {
			i = s.space(i)
		}
		if i < len(buf) && buf[i] == ']' {
			i++
			goto closed
		}
		goto value
	case '"':
		j, _ := s.str(i + 1)
		if j < 0 {
			return j
		}
		i = j + 1
	case 't', 'f', 'n':
		if i = s.literal(i); i < 0 {
			return i
		}
	default:
		if i = s.number(i); i < 0 {
			return i
		}
	}
after:
	if i < len(buf) && buf[i] <= ' ' {
		i = s.space(i)
	}
	if i >= len(buf) {
		return s.short()
	}
	switch b := buf[i]; {
	case b == ',':
		if i++; i < len(buf) && buf[i] <= ' ' {
			i = s.space(i)
		}
		if stack&1 == 0 {
			goto value
		}
	case b == '}' && stack&1 == 1, b == ']' && stack&1 == 0:
		i++
		goto closed
	default:
		return s.bad(i, "a comma or closing bracket must follow a value")
	}
key:
	if i >= len(buf) {
		return s.short()
	}
	if buf[i] != '"' {
		return s.bad(i, "a key must follow")
	}
	{
		j, _ := s.str(i + 1)
		if j < 0 {
			return j
		}
		if i = j + 1; i >= len(buf) || buf[i] != ':' {
			if i = s.space(i); i >= len(buf) {
				return s.short()
			}
			if buf[i] != ':' {
				return s.bad(i, "a colon must follow a key")
			}
		}
		if i++; i < len(buf) && buf[i] <= ' ' {
			i = s.space(i)
		}
	}
	goto value
closed:
	stack >>= 1
	if depth--; depth == 0 {
		return i
	}
	goto after
}

const (
	low   = 0x0101010101010101
	high  = 0x8080808080808080
	quote = low * '"'
	slash = low * '\\'
	space = low * ' '
)

// str finds the closing quote of a string from behind its opening one, eight
// bytes at a time, checking escapes and control characters on the way.
func (s *scanner) str(i int) (end int, esc bool) {
	buf := s.buf
	for {
		for {
			if i+8 > len(buf) {
				for i < len(buf) && buf[i] != '"' && buf[i] != '\\' && buf[i] >= ' ' {
					i++
				}
				if i >= len(buf) {
					return s.short(), esc
				}
				break
			}
			w := binary.LittleEndian.Uint64(buf[i:])
			q, b := w^quote, w^slash
			// the lowest bit of each is exact; borrows only reach higher ones
			if m := ((q-low)&^q | (b-low)&^b | (w-space)&^w) & high; m != 0 {
				i += bits.TrailingZeros64(m) >> 3
				break
			}
			i += 8
		}
		switch buf[i] {
		case '"':
			return i, esc
		case '\\':
			esc = true
			if i = s.escape(i); i < 0 {
				return i, esc
			}
		default:
			return s.bad(i, "a control character must be escaped in a string"), esc
		}
	}
}

// escape checks the escape at i and gives the place behind it.
func (s *scanner) escape(i int) int {
	if i+1 >= len(s.buf) {
		return s.short()
	}
	switch s.buf[i+1] {
	case '"', '\\', '/', 'b', 'f', 'n', 'r', 't':
		return i + 2
	case 'u':
		for k := i + 2; k < i+6; k++ {
			if k >= len(s.buf) {
				return s.short()
			}
			c := s.buf[k]
			if (c < '0' || c > '9') && (c|0x20 < 'a' || c|0x20 > 'f') {
				return s.bad(k, "four hex digits must follow \\u")
			}
		}
		return i + 6
	}
	return s.bad(i, "unknown escape in a string")
}

// literal checks true, false or null.
func (s *scanner) literal(i int) int {
	word := "null"
	switch s.buf[i] {
	case 't':
		word = "true"
	case 'f':
		word = "false"
	}
	for k := 0; k < len(word); k++ {
		if i+k >= len(s.buf) {
			return s.short()
		}
		if s.buf[i+k] != word[k] {
			return s.bad(i+k, "not true, false or null")
		}
	}
	return i + len(word)
}

// number checks a number. One that reaches the end of the bytes may go on, and
// since a record is an object more must follow it anyway.
func (s *scanner) number(i int) int {
	buf, start := s.buf, i
	digits := func() bool {
		k := i
		for i < len(buf) && buf[i]-'0' <= 9 {
			i++
		}
		return i > k
	}
	if buf[i] == '-' {
		i++
	}
	zero := i < len(buf) && buf[i] == '0'
	if k := i; !digits() {
		if i >= len(buf) {
			return s.short()
		}
		if i == start {
			return s.bad(i, "a value must follow")
		}
		return s.bad(i, "a digit must follow")
	} else if zero && i > k+1 {
		return s.bad(k, "a number must not begin with zero")
	}
	if i < len(buf) && buf[i] == '.' {
		if i++; !digits() {
			return s.digit(i)
		}
	}
	if i < len(buf) && buf[i]|0x20 == 'e' {
		if i++; i < len(buf) && (buf[i] == '+' || buf[i] == '-') {
			i++
		}
		if !digits() {
			return s.digit(i)
		}
	}
	if i >= len(buf) {
		return s.short()
	}
	return i
}

func (s *scanner) digit(i int) int {
	if i >= len(s.buf) {
		return s.short()
	}
	return s.bad(i, "a digit must follow")
}
