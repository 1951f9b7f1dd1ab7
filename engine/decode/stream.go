package decode

import (
	"bytes"

	"github.com/seed-843b225c/reflex/engine"
)

// A stream finds the records in a flow of bytes: JSON objects on lines of their
// own, over many lines, side by side, in a list, or in the list of an envelope
// ({"Records":[...]}), which is streamed element by element so that a file of one
// line costs no memory; and lines of text. It reads records in place where the
// chunk holds them whole and carries over only what a chunk's end cut.
type stream struct {
	d     *Decoder
	c     context // of the bytes themselves; origin is the next record's
	inner context // of an element of an envelope's list
	deep  int     // how many wrappings are around these bytes

	carry []byte // bytes not consumed yet
	need  int    // with that many bytes in carry it is worth trying again
	wait  bool   // the next step needs more bytes

	mode   mode
	back   mode          // where to go on after modeSkip and modeResync
	rd     *reader       // format of the last record, tried first
	forced *reader       // the format that was named
	lines  *openedFormat // takes the lines of text
	named  bool          // lines was named, not recognised
	csv    *csvRows      // a line named the columns of what follows
	bare   bool          // a line of bare text was seen
	zeros  bool          // inside a run of zero bytes

	whole  bool  // a whole message: offset and line do not move
	offset int64 // of the next byte
	line   int64 // of the next byte, from 1
	indent int   // blanks since the line began; -1: something else stands before
	want   int   // modeResync: indent of the next beginning

	value    bool   // modeList: a value may come
	comma    bool   // modeList: a comma or the end may come
	count    int64  // modeList: elements so far
	inObject bool   // modeList: the list belongs to an object
	outer    []byte // modeList: that object as far as the list, closed

	strange lineRun // lines that nobody takes
	skip    skipper
}

// mode is what a stream expects next.
type mode uint8

const (
	modeStart  mode = iota // the first bytes
	modeTop                // a record, an envelope, a list, a line
	modeList               // elements of a list
	modeTail               // the rest of the envelope behind its list
	modeText               // lines of text
	modeSkip               // the rest of a value too large
	modeResync             // bytes up to the next line that looks like a beginning
	modeLine               // the rest of a line too long
	modeDead               // nothing here can be read
)

// reset makes the stream ready for new bytes. The format of the last record
// stays as a guess.
func (s *stream) reset(c context, deep int) {
	*s = stream{d: s.d, rd: s.rd, carry: s.carry[:0], outer: s.outer[:0], c: c, deep: deep, line: 1}
	s.strange.data = s.strange.data[:0]
}

// feed takes the next bytes; last says that none follow.
func (s *stream) feed(data []byte, last bool) {
	if len(s.carry) > 0 {
		nl := bytes.IndexByte(data, '\n') + 1
		s.carry = append(s.carry, data[:nl]...)
		data = data[nl:]
		if nl > 0 {
			s.consume(last && len(data) == 0)
		}
		if len(s.carry) > 0 {
			s.carry = append(s.carry, data...)
			data = nil
			if len(s.carry) >= s.need || last {
				s.consume(last)
			}
		}
	}
	if len(data) > 0 {
		n := s.run(data, last)
		s.carry = append(s.carry[:0], data[n:]...)
		s.need = len(s.carry) + len(s.carry)/2
	}
	if last {
		s.finish()
	}
}

// consume runs over the carried bytes and keeps the rest.
func (s *stream) consume(last bool) {
	n := s.run(s.carry, last)
	s.carry = s.carry[:copy(s.carry, s.carry[n:])]
	s.need = len(s.carry) + len(s.carry)/2
}

// finish is the end of the bytes.
func (s *stream) finish() {
	switch {
	case s.mode == modeStart:
		s.d.out.skip(s.here(), "empty")
	case s.mode == modeList, s.mode == modeTail:
		s.d.out.refuse(s.here(), "truncated", "the input ends inside a list of records; those before the break were read", nil)
	}
	s.csvEnd()
	if s.strange.open {
		hideCut(bytes.TrimSuffix(s.strange.data, []byte{'\n'}))
	}
	s.flush()
}

// run consumes what it can of buf and returns how much; all of it when last.
func (s *stream) run(buf []byte, last bool) int {
	i := 0
	for s.wait = false; i < len(buf) && !s.wait; {
		switch s.mode {
		case modeStart:
			i += s.start(buf[i:], last)
		case modeTop:
			i += s.top(buf, i, last)
		case modeList:
			i += s.element(buf, i, last)
		case modeTail:
			i += s.tail(buf, i, last)
		case modeText:
			i += s.textLine(buf, i, last)
		case modeSkip:
			i += s.skipValue(buf, i)
		case modeResync:
			i += s.resync(buf, i, last)
		case modeLine:
			i += s.skipLine(buf, i)
		default:
			i = len(buf)
		}
	}
	return i
}

// more asks for more bytes.
func (s *stream) more() int { s.wait = true; return 0 }

// advance consumes bytes that hold the given number of line ends.
func (s *stream) advance(n, lines int) int {
	if !s.whole {
		s.offset += int64(n)
		s.line += int64(lines)
	}
	s.indent = -1
	return n
}

// drop is advance for bytes whose line ends were not counted.
func (s *stream) drop(b []byte) int {
	s.advance(len(b), bytes.Count(b, []byte{'\n'}))
	if len(b) > 0 && b[len(b)-1] == '\n' {
		s.indent = 0
	}
	return len(b)
}

// skipBlank gives the place of the next byte of a line that is no white space.
func skipBlank(buf []byte, i int) int {
	for i < len(buf) && (buf[i] == ' ' || buf[i] == '\t' || buf[i] == '\r') {
		i++
	}
	return i
}

// zero notes a run of zero bytes, once.
func (s *stream) zero() {
	if !s.zeros {
		s.zeros = true
		s.d.out.skip(s.here(), "zero bytes")
	}
}

// blank consumes white space, and between records zero bytes: a log that was
// cut while its writer went on begins with as many as were cut.
func (s *stream) blank(buf []byte, i int) int {
	start := i
	for ; i < len(buf); i++ {
		switch buf[i] {
		case '\n':
			s.indent = 0
			if !s.whole {
				s.line++
			}
			continue
		case ' ', '\t':
			if s.indent >= 0 {
				s.indent++
			}
			continue
		case '\r':
			continue
		case 0:
			if s.mode == modeTop {
				s.zero()
				continue
			}
		}
		break
	}
	if !s.whole {
		s.offset += int64(i - start)
	}
	return i - start
}

// here gives the context of the next byte.
func (s *stream) here() *context {
	if !s.whole {
		s.c.origin.Offset, s.c.origin.Line = s.offset, s.line
	}
	s.c.origin.Index = s.d.index
	return &s.c
}

// top handles the next value or line at the top level.
func (s *stream) top(buf []byte, i int, last bool) int {
	n := s.blank(buf, i)
	if i += n; i >= len(buf) {
		return n
	}
	s.zeros = false
	if !s.whole && s.deep == 0 {
		s.d.index = 0
	}
	switch buf[i] {
	case '{':
		return n + s.object(buf, i, last)
	case '[':
		next := skipSpace(buf, i+1)
		if next == len(buf) && !last {
			s.wait = true
			return n
		}
		if next == len(buf) || bytes.IndexByte([]byte(`{["]`), buf[next]) >= 0 {
			s.openList(nil, false)
			return n + s.advance(1, 0)
		}
	}
	return n + s.textLine(buf, i, last)
}

// openList begins a list of records. outer is what stands before it in its
// object, up to and with the bracket.
func (s *stream) openList(outer []byte, inObject bool) {
	s.mode, s.value, s.comma, s.count, s.inObject = modeList, true, true, 0, inObject
	s.outer = s.outer[:0]
	if inObject && len(outer) <= s.d.plan.opts.MaxRecord {
		s.outer = append(append(s.outer, outer...), "]}"...)
	}
}

// object handles the object at buf[i] of the top level.
func (s *stream) object(buf []byte, i int, last bool) int {
	if n := recordsPrefix(buf[i:]); n > 0 {
		return s.enter(buf, i, i+n)
	}
	rd := s.guess()
	end, st := s.d.scan.scan(buf, i, rd.trie)
	if st == scanOK {
		lines := s.d.scan.lines
		next := skipBlank(buf, end)
		through := end
		if next < len(buf) && buf[next] == ',' { // part of a list whose brackets were cut off
			through = next + 1
			next = skipBlank(buf, through)
		}
		if next == len(buf) && !last {
			return s.more()
		}
		if next < len(buf) && buf[next] != '\n' && buf[next] != '{' && buf[next] != '[' && buf[next] != 0 {
			s.d.scan.bad(next, "bytes follow the record")
			return s.broken(buf, i, last)
		}
		s.record(rd, buf[i:end], s.here())
		return s.advance(through-i, lines)
	}
	if st == scanShort && !last && len(buf)-i <= s.d.plan.opts.MaxRecord {
		return s.more()
	}
	at, why := s.d.scan.at, s.d.scan.why
	if open := s.d.scan.envelopeList(buf, i); open > 0 {
		return s.enter(buf, i, open)
	}
	s.d.scan.st, s.d.scan.at, s.d.scan.why = st, at, why
	if st == scanShort && !last {
		return s.tooLarge(buf, i)
	}
	return s.broken(buf, i, last)
}

// enter goes into the list of the envelope at buf[i]; list is the place behind
// its bracket.
func (s *stream) enter(buf []byte, i, list int) int {
	s.openList(buf[i:list], true)
	return s.drop(buf[i:list])
}

// guess gives the format to try first.
func (s *stream) guess() *reader {
	switch {
	case s.forced != nil:
		return s.forced
	case s.rd != nil:
		return s.rd
	}
	return s.d.plan.probe
}

// element handles what comes next in a list.
func (s *stream) element(buf []byte, i int, last bool) int {
	n := s.blank(buf, i)
	if i += n; i >= len(buf) {
		return n
	}
	switch b := buf[i]; {
	case b == ',' && s.comma && s.count > 0:
		s.comma, s.value = false, true
		return n + s.advance(1, 0)
	case b == ']' && s.comma:
		if s.mode = modeTop; s.inObject {
			s.mode = modeTail
		}
		return n + s.advance(1, 0)
	case !s.value || b == ',' || b == ']' || b == '}':
		s.d.scan.bad(i, "a comma or the end of the list must follow")
		return n + s.broken(buf, i, last)
	}
	var end int
	var st status
	rd := s.guess()
	if buf[i] == '{' {
		end, st = s.d.scan.scan(buf, i, rd.trie)
	} else {
		end, st = s.d.scan.any(buf, i)
	}
	switch {
	case st == scanOK:
		lines := s.d.scan.lines
		if buf[i] == '{' {
			s.record(rd, buf[i:end], s.within())
		} else {
			s.other(node(buf[i:end]), s.within())
		}
		s.count++
		s.value, s.comma = false, true
		return n + s.advance(end-i, lines)
	case st == scanShort && !last && len(buf)-i <= s.d.plan.opts.MaxRecord:
		s.wait = true
		return n
	case st == scanShort && !last:
		return n + s.tooLarge(buf, i)
	}
	return n + s.broken(buf, i, last)
}

// within gives the context of an element of the list.
func (s *stream) within() *context {
	c := s.here()
	if !s.inObject {
		return c
	}
	s.inner = *c
	s.inner.outer, s.inner.parent = s.outer, c
	return &s.inner
}

// other handles an element that is no object: a list or JSON in a string goes
// on as a payload.
func (s *stream) other(v node, c *context) {
	switch v.kind() {
	case '[':
		if row := rowOf(v); row != nil {
			s.d.payload(row, c, s, -1)
			return
		}
		s.d.payload(v, c, s, 0)
	case '"':
		scratch := s.d.scratchAt(s.deep)
		*scratch = v.text((*scratch)[:0])
		s.d.payload(*scratch, c, s, -1)
	default:
		s.d.out.refuse(c, "not a record", "an element of the list is neither an object nor text", v)
		s.d.index++
	}
}

// tail reads what follows the list of an envelope.
func (s *stream) tail(buf []byte, i int, last bool) int {
	end, st := s.d.scan.tail(buf, i)
	switch {
	case st == scanOK:
		s.mode = modeTop
		return s.advance(end-i, s.d.scan.lines)
	case st == scanShort && len(buf)-i <= s.d.plan.opts.MaxRecord:
		if last {
			return s.drop(buf[i:]) // finish says so
		}
		return s.more()
	}
	s.mode = modeTop
	return s.broken(buf, i, last)
}

// record handles one complete object that was scanned with rd.
func (s *stream) record(rd *reader, raw []byte, c *context) {
	s.flush()
	s.rd = s.d.record(rd, raw, c, s)
	s.d.index++
}

// textLine hands the line at buf[i] to whoever takes lines.
func (s *stream) textLine(buf []byte, i int, last bool) int {
	nl := bytes.IndexByte(buf[i:], '\n')
	if nl < 0 {
		if !last && len(buf)-i <= s.d.plan.opts.MaxRecord {
			return s.more()
		}
		nl = len(buf) - i
		if !last {
			s.d.out.refuse(s.here(), "too large", s.d.limitText("line"), buf[i:])
			s.back, s.mode = s.mode, modeLine
			return s.drop(buf[i:])
		}
	} else {
		nl++
	}
	line := bytes.TrimSuffix(bytes.TrimSuffix(buf[i:i+nl], []byte{'\n'}), []byte{'\r'})
	line = bytes.TrimLeft(line, "\x00") // as in blank
	if s.csv != nil {
		s.csvLine(line, s.here())
		return s.drop(buf[i : i+nl])
	}
	if s.mode == modeText && !s.bare && len(line) > 0 && line[0] == '{' && s.wrapped(line) {
		return s.drop(buf[i : i+nl])
	}
	if s.lines == nil {
		s.lines = s.d.recogniseLine(line, s.here())
	}
	c := s.here()
	if s.lines == nil && (s.stamped(line, c) || s.csvHeader(line, c)) {
		if s.csv != nil {
			s.flush()
			s.mode = modeText
		}
		return s.drop(buf[i : i+nl])
	}
	if s.lines == nil {
		s.strange.add(c.origin, line, !s.whole && buf[i+nl-1] != '\n')
		return s.drop(buf[i : i+nl])
	}
	s.flush()
	s.mode, s.bare = modeText, true
	s.d.line = append(s.d.line[:0], line...)
	s.lines.line(s.d.line, c, &s.d.out)
	if s.whole || s.deep > 0 {
		s.d.index++
	}
	return s.drop(buf[i : i+nl])
}

// stamped decodes JSON behind a time, as CloudWatch Logs exports it.
func (s *stream) stamped(line []byte, c *context) bool {
	ns, _, n := leadingStamp(line)
	if n == 0 || n >= len(line) || line[n] != '{' {
		return false
	}
	s.flush()
	inner := *c
	inner.shipped = ns
	scratch := s.d.scratchAt(s.deep)
	*scratch = append((*scratch)[:0], line[n:]...)
	s.d.payload(*scratch, &inner, s, -1)
	s.d.index++
	return true
}

// wrapped tries a line of a named text format as a shipper's document or an
// envelope around text.
func (s *stream) wrapped(line []byte) bool {
	rd := s.d.plan.probe
	end, st := s.d.scan.scan(line, 0, rd.trie)
	if st != scanOK || skipSpace(line, end) != len(line) {
		return false
	}
	return s.d.unwrap(line[:end], s.here(), s)
}

// flush reports the lines that nobody took, once for all of them.
func (s *stream) flush() {
	if s.strange.n == 0 {
		return
	}
	c := s.c
	c.origin = s.strange.origin
	reason, detail := s.strange.words(s.forced)
	s.d.out.refuse(&c, reason, detail, s.strange.data)
	s.strange.n, s.strange.data, s.strange.open = 0, s.strange.data[:0], false
}

// lineRun is a run of lines that nobody takes: one refusal.
type lineRun struct {
	n      int64
	origin engine.Origin
	data   []byte
	open   bool // the last line has no end: it may be cut, and with it a secret
}

func (r *lineRun) add(o engine.Origin, line []byte, open bool) {
	r.open = open
	if r.n == 0 {
		r.origin = o
	}
	r.n++
	if len(r.data)+len(line) < deadLetterLimit {
		r.data = append(append(r.data, line...), '\n')
	}
}
