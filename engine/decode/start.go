package decode

import (
	"bytes"
	"encoding/binary"
	"fmt"
	"unicode/utf8"
)

// magics are the first bytes of files that are no logs, with what to do.
var magics = []struct{ magic, reason, detail string }{
	{"\xff\xfe", "UTF-16", "the text is UTF-16; convert it to UTF-8, for example with iconv -f UTF-16 -t UTF-8"},
	{"\xfe\xff", "UTF-16", "the text is UTF-16; convert it to UTF-8, for example with iconv -f UTF-16 -t UTF-8"},
	{"\x1f\x8b", "compressed", "gzip inside; unpack it once more"},
	{"\x28\xb5\x2f\xfd", "compressed", "zstd inside; unpack it first"},
	{"PK\x03\x04", "archive", "a ZIP archive; unpack it first"},
	{"BZh", "compressed", "bzip2; unpack it first"},
	{"\xfd7zXZ", "compressed", "xz; unpack it first"},
	{"PAR1", "Parquet", "Parquet is not read; export the log as text or JSON"},
	{"Obj\x01", "Avro", "Avro is not read; export the log as JSON"},
}

// start looks at the first bytes: a byte order mark is dropped, what is no
// text is refused as a whole, once.
func (s *stream) start(buf []byte, last bool) int {
	if len(buf) < 512 && !last {
		return s.more()
	}
	if zeros := len(buf) - len(bytes.TrimLeft(buf, "\x00")); zeros > 1 || zeros == 1 && s.zeros { // see blank; UTF-16 begins with one
		s.zero()
		return s.advance(zeros, 0)
	}
	if s.mode = modeTop; s.lines != nil && !(s.forced != nil && opensJSON(buf)) { // flow records come as text and as JSON
		s.mode = modeText
	}
	if bytes.HasPrefix(buf, []byte(`{"`)) { // as nearly every record of Kafka: what is wrong with it is said on the way
		return 0
	}
	if bytes.HasPrefix(buf, []byte("\xef\xbb\xbf")) {
		n := s.advance(3, 0)
		s.indent = 0
		return n
	}
	for _, m := range magics {
		if bytes.HasPrefix(buf, []byte(m.magic)) {
			return s.dead(m.reason, m.detail, buf)
		}
	}
	head := buf[:min(len(buf), 512)]
	switch {
	case halfEmpty(head):
		return s.dead("UTF-16", magics[0].detail, buf)
	case len(head) > 64 && noise(head)*5 > len(head):
		return s.dead("binary", "the bytes are no text", buf)
	case bytes.IndexByte(head, 0) >= 0 && head[0] != '{' && head[0] != '[' && s.lines == nil && s.d.recogniseLine(firstLine(head), s.here()) == nil:
		return s.dead("binary", "the bytes are no text", buf)
	}
	return 0
}

// opensJSON reports whether the first thing is an object or a list.
func opensJSON(b []byte) bool {
	b = bytes.TrimLeft(bytes.TrimPrefix(b, []byte("\xef\xbb\xbf")), " \t\r\n")
	return len(b) > 0 && (b[0] == '{' || b[0] == '[')
}

// halfEmpty recognises UTF-16 without a byte order mark.
func halfEmpty(b []byte) bool {
	return len(b) >= 4 && (b[1] == 0 && b[3] == 0 && b[0] != 0 || b[0] == 0 && b[2] == 0 && b[1] != 0)
}

// noise counts the bytes that text does not have. NULs do not count: logs that
// were being written at a crash are full of them.
func noise(b []byte) int {
	n := 0
	for i := 0; i < len(b); {
		if len(b)-i >= 8 && printable(binary.LittleEndian.Uint64(b[i:])) { // a Kafka record is a beginning each
			i += 8
			continue
		}
		r, w := utf8.DecodeRune(b[i:])
		if r == utf8.RuneError && w == 1 || r < ' ' && r != 0 && r != '\n' && r != '\r' && r != '\t' && r != 0x1b {
			n++
		}
		i += w
	}
	return n
}

// printable reports eight bytes of ASCII without control characters.
func printable(x uint64) bool {
	const low, high = 0x0101010101010101, 0x8080808080808080
	return (x|(x-' '*low))&high == 0 // a byte below ' ' borrows: its high bit is set, or that of the one above
}

func firstLine(b []byte) []byte {
	line, _, _ := bytes.Cut(b, []byte{'\n'})
	return bytes.TrimSuffix(line, []byte{'\r'})
}

// dead refuses everything.
func (s *stream) dead(reason, detail string, buf []byte) int {
	s.d.out.refuse(s.here(), reason, detail, nil)
	s.mode = modeDead
	return len(buf)
}

// words names why nobody takes a run of lines.
func (r *lineRun) words(forced *reader) (reason, detail string) {
	lines := "the line is"
	if r.n > 1 {
		lines = fmt.Sprintf("%d lines are", r.n)
	}
	if forced != nil {
		return "not JSON", fmt.Sprintf("%s no JSON, as %s must be", lines, forced.name)
	}
	return "unknown format", lines + " neither JSON nor text of a known format; name the format if it is one"
}

func (d *Decoder) limitText(what string) string {
	return fmt.Sprintf("one %s is larger than %d bytes, the limit", what, d.plan.opts.MaxRecord)
}
