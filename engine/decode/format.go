package decode

import (
	"bytes"
	"crypto/sha256"
	"encoding/binary"
	"encoding/hex"
	"strings"
	"unsafe"

	"github.com/seed-843b225c/reflex/engine"
	"github.com/seed-843b225c/reflex/engine/secret"
)

// context is what is known about the surroundings of a record or line: where
// it stood and what was wrapped around it. It lives as long as the call it is
// passed to.
type context struct {
	origin  engine.Origin
	outer   node     // the JSON object around the payload; nil for a bare one
	parent  *context // the wrapping around that one; nil at the outermost
	headers []engine.Header
	key     string // Kafka key
	file    string // path of the log file as the shipper names it, else the source's own
	shipped int64  // when the shipper read it, ns, else the Kafka timestamp; 0 unknown. Last resort, never better than the payload's own time
	written int64  // when the file was last written, ns; 0 unknown. Worse than shipped
	stream  bool   // the bytes come from a file: no Kafka offset identifies them
	byLine  bool   // a line of text in a file: its number identifies it
}

// label finds a value that travels beside the payload: for each name in turn a
// Kafka header of that name (any case), then the path (dots between keys, or a
// key with dots) in the objects around the payload, innermost first. Nothing: "".
func (c *context) label(names ...string) string {
	for _, name := range names {
		for i := range c.headers {
			if strings.EqualFold(c.headers[i].Key, name) && c.headers[i].Value != "" {
				return c.headers[i].Value
			}
		}
		for at := c; at != nil; at = at.parent {
			if at.outer == nil {
				continue
			}
			if s := at.outer.at(name).str(); s != "" {
				return s
			}
		}
	}
	return ""
}

// lineFormat is a format made of lines of text.
type lineFormat struct {
	name    string
	dataset engine.Dataset
	// sniff reports whether a line can only be of this format. It sees lines
	// without their end and without a byte order mark.
	sniff func(line []byte) bool
	// claims reports whether the surroundings of a line (headers, labels, file
	// name) say that it is of this format. May be nil.
	claims func(c *context) bool
	// open makes the decoder of one partition or file.
	open func(p *Plan) lineDecoder
}

// lineDecoder turns lines into events. Each Decoder opens at most one for each
// format and calls it from one goroutine; it may keep memory per job.
type lineDecoder interface {
	// line takes one line without its end (LF or CRLF). The text may be
	// changed in place (secrets overwritten) and is valid during the call only.
	line(text []byte, c *context, out *emitter)
	// end tells that the stream is over: what is still open is finished.
	end(c *context, out *emitter)
	// state writes or reads what outlives a line and has no entry of its own in
	// the saved state.
	state(c *coder)
}

// fact is one event that a lineDecoder found in text.
type fact struct {
	dataset engine.Dataset
	kind    string // "secret.exposed": event.action and Event.Derived; "" for an event that is a line itself
	action  string // event.action where it is not kind
	time    int64  // ns; 0: the fact is refused with "no time"
	id      string // see emitter.lineID; a derived fact's id is its line's + "/" + kind (+ "/" + number when a line holds several)
	raw     []byte // the line, secrets overwritten
	// fields holds every field of the event but those above, demanded or not,
	// in any order. The caller may reuse it after emit returned.
	fields []engine.FieldValue
	place  bool
}

// emitter hands events to the handler. It owns the one Event of a Decoder.
type emitter struct {
	plan    *Plan
	h       engine.Handler
	ev      engine.Event
	id      []byte       // backing of ids made here
	secrets *secret.Scan // made when first needed
	// keyLines is how many refused lines may still belong to a private key.
	keyLines int
}

var (
	fieldTime    = engine.MustField("@timestamp")
	fieldID      = engine.MustField("event.id")
	fieldDataset = engine.MustField("event.dataset")
	fieldKind    = engine.MustField("event.kind")
	fieldAction  = engine.MustField("event.action")
)

// emit makes an event of a fact: demanded fields go to their slots, all of
// them to Event.All. Secrets must be overwritten before.
func (out *emitter) emit(f *fact, c *context) {
	if f.time == 0 {
		out.refuse(c, "no time", "the line has no time stamp and nothing around it tells one", f.raw)
		return
	}
	l, ev := out.plan.layout, &out.ev
	out.clear()
	ev.Dataset, ev.Time, ev.ID, ev.Hash = f.dataset, f.time, f.id, engine.HashID(f.dataset, f.id)
	ev.Origin, ev.Derived, ev.Place = c.origin, f.kind, f.place
	ev.Raw, ev.Outer, ev.All, ev.Document = f.raw, c.outer, f.fields, nil
	action := f.kind
	if f.action != "" {
		action = f.action
	}
	out.common(action)
	for i := range f.fields {
		if s := l.Slot(f.fields[i].Field); s >= 0 {
			ev.Values[s] = f.fields[i].Value
		}
	}
	out.h.Event(ev)
}

// clear empties the slots.
func (out *emitter) clear() {
	if ev := &out.ev; ev.Values == nil {
		ev.Values = make([]engine.Value, out.plan.layout.Len())
	}
	clear(out.ev.Values)
}

// common sets the slots that every event has.
func (out *emitter) common(action string) {
	l, ev := out.plan.layout, &out.ev
	ev.Set(l.Slot(fieldTime), engine.Instant(ev.Time))
	ev.Set(l.Slot(fieldID), engine.String(ev.ID))
	ev.Set(l.Slot(fieldDataset), engine.String(ev.Dataset.String()))
	ev.Set(l.Slot(fieldKind), engine.String("event"))
	if action != "" {
		ev.Set(l.Slot(fieldAction), engine.String(action))
	}
}

// lineID gives the id of a line of text: a hash of dataset, job (or stream,
// where one is known), bytes and place, the place being partition and offset in Kafka
// and the line number in a file. It aliases scratch of the emitter and is valid
// until the next call; facts may keep it during one line call by cloning.
func (out *emitter) lineID(d engine.Dataset, job string, text []byte, c *context) string {
	h := sha256.New()
	h.Write([]byte(d.String()))
	h.Write([]byte{0})
	h.Write([]byte(job))
	h.Write([]byte{0})
	h.Write(text)
	var place [24]byte
	if c.origin.Partition >= 0 {
		binary.BigEndian.PutUint32(place[:], uint32(c.origin.Partition))
		binary.BigEndian.PutUint64(place[4:], uint64(c.origin.Offset))
	} else {
		binary.BigEndian.PutUint64(place[4:], uint64(c.origin.Line))
	}
	binary.BigEndian.PutUint32(place[12:], uint32(c.origin.Index))
	h.Write(place[:])
	var sum [sha256.Size]byte
	h.Sum(sum[:0])
	out.id = hex.AppendEncode(out.id[:0], sum[:16])
	return alias(out.id)
}

// refuse reports input that cannot be decoded. The data is copied, cut to 64
// KiB and its secrets overwritten; the caller's bytes stay as they are.
func (out *emitter) refuse(c *context, reason, detail string, data []byte) {
	kept := out.deadLetter(data)
	if reason == "too large" || reason == "truncated" {
		hideCut(kept)
	}
	out.h.Refuse(engine.Refusal{Origin: c.origin, Reason: reason, Detail: detail, Data: kept})
}

// hideCut overwrites the last word of bytes that were cut: it may be the first
// half of a secret, which no format matches.
func hideCut(b []byte) {
	const longest = 4 << 10
	for i := len(b) - 1; i >= max(0, len(b)-longest); i-- {
		switch b[i] {
		case ' ', '\t', '\n', '\r', '"', '\'', '<', '>':
			return
		}
		b[i] = '*'
	}
}

// secretID says that a record's own id holds a secret: ids are kept and shown,
// so it cannot serve as one. Hex and dashes, which most ids are, hold none.
func (out *emitter) secretID(id string) bool {
	for i := 0; i < len(id); i++ {
		if b := id[i]; (b < '0' || b > '9') && (b < 'a' || b > 'f') && b != '-' {
			return out.redact(id) != id
		}
	}
	return false
}

// redact overwrites the secrets in s.
func (out *emitter) redact(s string) string {
	if out.secrets == nil {
		out.secrets = out.plan.opts.Secrets.NewScan()
	}
	return out.secrets.Redact(s)
}

// deadLetter copies what may be kept of refused bytes. Some bytes beyond the
// limit are looked at too, so that the cut leaves no half of a secret readable.
func (out *emitter) deadLetter(data []byte) []byte {
	if len(data) == 0 {
		return nil
	}
	if out.secrets == nil {
		out.secrets = out.plan.opts.Secrets.NewScan()
	}
	b := append([]byte(nil), data[:min(len(data), deadLetterLimit+8<<10)]...)
	out.secrets.Overwrite(b)
	out.keyLine(b)
	return b[:min(len(b), deadLetterLimit)]
}

// keyLine overwrites the lines of a private key whose first line was refused
// before: each is refused for itself, and alone no format knows it.
func (out *emitter) keyLine(b []byte) {
	const most, shortest = 200, 16 // lines of a key, letters of a line
	if begin := bytes.LastIndex(b, pemBegin); begin >= 0 && bytes.Contains(b[begin:], []byte("PRIVATE KEY-----")) {
		if out.keyLines = most; bytes.Contains(b[begin:], pemEnd) {
			out.keyLines = 0
		}
		return
	}
	if out.keyLines == 0 {
		return
	}
	if out.keyLines--; bytes.Contains(b, pemEnd) {
		out.keyLines = 0
	}
	for i := 0; i < len(b); i++ {
		end := i
		for end < len(b) && (b[end] == '+' || b[end] == '/' || b[end] == '=' || '0' <= b[end] && b[end] <= '9' || 'A' <= b[end]&^0x20 && b[end]&^0x20 <= 'Z') {
			end++
		}
		if end-i >= shortest || end-i >= 4 && b[end-1] == '=' {
			for k := i; k < end; k++ {
				b[k] = '*'
			}
		}
		i = end
	}
}

// skip counts input that is understood and is no event.
func (out *emitter) skip(c *context, reason string) { out.h.Skip(c.origin, reason) }

// alias makes a string of bytes without copying.
func alias(b []byte) string { return unsafe.String(unsafe.SliceData(b), len(b)) }

// bytesOf gives the bytes of a string without copying. Read only.
func bytesOf(s string) []byte { return unsafe.Slice(unsafe.StringData(s), len(s)) }
