package decode

import (
	"bytes"
	"fmt"
)

// After broken bytes the stream looks for the next place where a record may
// begin, so that a torn line costs itself alone. In a list whose elements do not
// begin their lines, the brackets tell where the broken element ends.

// broken refuses the value at buf[i], which the scanner found bad or cut off,
// and everything up to the next beginning.
func (s *stream) broken(buf []byte, i int, last bool) int {
	at, short := s.d.scan.at, s.d.scan.st == scanShort
	c := s.here()
	reason, detail := "not JSON", fmt.Sprintf("%s (byte %d of the record)", s.d.scan.why, at-i+1)
	if s.d.scan.why == tooDeep && !short {
		reason, detail = tooDeep, fmt.Sprintf("objects and lists may nest %d deep", maxDepth)
	}
	if short {
		reason, detail = "truncated", "the input ends inside a record"
	}
	inList := s.mode == modeList
	enough := last || len(buf)-i > s.d.plan.opts.MaxRecord
	if inList && s.indent < 0 {
		end, over := matching(buf, i)
		k := skipSpace(buf, max(end, 0))
		if (end < 0 && !over || k == len(buf)) && !enough {
			return s.more()
		}
		if end > i && k < len(buf) && (buf[k] == ',' || buf[k] == ']') {
			s.d.out.refuse(c, reason, detail, buf[i:end])
			s.count, s.value, s.comma = s.count+1, false, true
			s.d.index++
			return s.drop(buf[i:end])
		}
	}
	nl := bytes.IndexByte(buf[i:], '\n')
	if nl < 0 && !enough {
		return s.more()
	}
	s.flush()
	s.back, s.want = s.mode, max(s.indent, 0)
	if inList {
		s.count, s.value, s.comma = s.count+1, true, true
		if s.indent < 0 {
			s.back = modeTop
		}
	}
	s.d.index++
	end := -1
	if nl >= 0 && !short && at <= i+nl && s.back == modeTop {
		end = i + nl + 1 // the break is on the record's first line
		if k := s.glued(buf, i+1, at, i+nl); k > 0 {
			end = k
		}
	} else if end = s.beginning(buf, i); end >= 0 && short {
		reason, detail = "not JSON", "the line breaks off inside the record"
	}
	if end < 0 {
		s.mode, end = modeResync, len(buf)
		if last {
			s.mode = modeTop
		} else if nl := bytes.LastIndexByte(buf[i+1:], '\n'); nl >= 0 {
			end = i + 1 + nl
		}
	} else {
		s.mode = s.back
	}
	s.d.out.refuse(c, reason, detail, buf[i:end])
	return s.drop(buf[i:end])
}

// glued finds the whole record that a torn line runs into: the writer stopped in
// the middle of a record, and what it wrote next stands behind it in the same
// line. Such a record begins where the torn one breaks (inside a string: two
// bytes before, its first quote ended the string) and ends with the line. 0: none.
func (s *stream) glued(buf []byte, from, at, nl int) int {
	for k := max(from, at-2); k <= min(at, nl-1); k++ {
		if buf[k] != '{' {
			continue
		}
		if end, st := s.d.scan.scan(buf, k, s.d.plan.probe.trie); st == scanOK && skipBlank(buf, end) == nl {
			return k
		}
	}
	return 0
}

// beginning finds the next line behind i that is indented like the broken
// record and begins like one; in a list the list's end counts too, and a record
// with less indent, which is outside it. -1: none.
func (s *stream) beginning(buf []byte, i int) int {
	for {
		nl := bytes.IndexByte(buf[i:], '\n')
		if nl < 0 {
			return -1
		}
		i += nl + 1
		k := i
		for k < len(buf) && (buf[k] == ' ' || buf[k] == '\t') {
			k++
		}
		if k == len(buf) {
			return -1
		}
		switch {
		case buf[k] == '{' && k-i == s.want, buf[k] == '[' && k-i == s.want && s.back == modeTop, buf[k] == ']' && k-i <= s.want && s.back == modeList:
			return i
		case buf[k] == '{' && k-i < s.want:
			s.back = modeTop
			return i
		}
	}
}

// resync drops bytes until a beginning.
func (s *stream) resync(buf []byte, i int, last bool) int {
	if end := s.beginning(buf, i); end >= 0 {
		s.mode = s.back
		return s.drop(buf[i:end])
	}
	end := len(buf)
	if !last {
		if nl := bytes.LastIndexByte(buf[i:], '\n'); nl >= 0 {
			if nl == 0 && len(buf)-i < s.d.plan.opts.MaxRecord {
				return s.more()
			}
			end = i + max(nl, 1)
		}
	}
	return s.drop(buf[i:end])
}

// matching gives the place behind the bracket that closes the one at i, going
// by brackets and quotes alone; -1 when there is none. over says that more bytes
// cannot change that.
func matching(buf []byte, i int) (end int, over bool) {
	var stack []byte
	for ; i < len(buf); i++ {
		switch b := buf[i]; b {
		case '"':
			for i++; i < len(buf) && buf[i] != '"'; i++ {
				if buf[i] == '\\' {
					i++
				}
				if i < len(buf) && buf[i] == '\n' {
					return -1, true
				}
			}
		case '{', '[':
			stack = append(stack, b+2)
		case '}', ']':
			if len(stack) == 0 {
				return i, true
			}
			if stack[len(stack)-1] != b {
				return -1, true
			}
			if stack = stack[:len(stack)-1]; len(stack) == 0 {
				return i + 1, true
			}
		case ',':
			if len(stack) == 0 {
				return i, true
			}
		}
	}
	return -1, false
}

// skipper follows the brackets of a value that is too large to keep.
type skipper struct {
	depth        int
	inString     bool
	escaped      bool
	newline      bool // the byte before was a line end
	startsAtLine bool
}

// tooLarge refuses the value at buf[i] and skips it.
func (s *stream) tooLarge(buf []byte, i int) int {
	s.flush()
	s.d.out.refuse(s.here(), "too large", s.d.limitText("record"), buf[i:])
	s.d.index++
	s.back, s.mode, s.skip = s.mode, modeSkip, skipper{startsAtLine: s.indent == 0}
	s.count, s.value, s.comma = s.count+1, false, true
	return 0
}

// skipValue consumes up to the end of the value that is skipped.
func (s *stream) skipValue(buf []byte, start int) int {
	k := &s.skip
	for i := start; i < len(buf); i++ {
		b := buf[i]
		if k.newline && k.startsAtLine && b == '{' && s.back == modeTop && k.depth > 0 {
			s.mode = s.back // a torn line ends where the next begins
			return s.drop(buf[start:i])
		}
		k.newline = b == '\n'
		switch {
		case k.inString && b == '\n':
			s.mode = s.back
			return s.drop(buf[start : i+1])
		case k.inString && k.escaped:
			k.escaped = false
		case k.inString && b == '\\':
			k.escaped = true
		case b == '"':
			k.inString = !k.inString
		case k.inString:
		case b == '{' || b == '[':
			k.depth++
		case b == '}' || b == ']':
			k.depth--
		}
		if k.depth == 0 && !k.inString {
			s.mode = s.back
			return s.drop(buf[start : i+1])
		}
	}
	return s.drop(buf[start:])
}

// skipLine consumes the rest of a line.
func (s *stream) skipLine(buf []byte, i int) int {
	nl := bytes.IndexByte(buf[i:], '\n')
	if nl < 0 {
		return s.drop(buf[i:])
	}
	s.mode = s.back
	return s.drop(buf[i : i+nl+1])
}
