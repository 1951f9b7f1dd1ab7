package decode

import (
	"bytes"
	"encoding/base64"
	"strings"
	"unsafe"

	"github.com/seed-843b225c/reflex/engine"
)

// Envelopes are opened here and nowhere else, in this order: transport (gzip,
// byte order mark, several documents, lists: stream.go), what the format itself
// recognises, cloud envelopes, log shippers (shipper.go), the generic format.

// envelope is one kind of wrapping around records.
type envelope struct {
	name  string // for people who read the list below; part of the message when a payload is no base64
	signs string
	// open finds the payload. It reports false when the object is none of these;
	// a payload of nil with a reason is understood and holds no records.
	open func(r *reading) (payload node, encoding wrapping, skip string, ok bool)
}

// wrapping says how a payload is written in its envelope.
type wrapping uint8

const (
	asJSON   wrapping = iota // a JSON value: object, list, or text in a string
	asBase64                 // bytes in base64 in a string
)

// envelopes lists the wrappings, the most specific first.
var envelopes = []*envelope{
	{"CloudTrail digest", "digestStartTime digestS3Bucket", func(r *reading) (node, wrapping, string, bool) {
		return nil, 0, "CloudTrail digest", r.has(0) && r.has(1)
	}},
	{"CloudWatch Logs subscription", "messageType logEvents", func(r *reading) (node, wrapping, string, bool) {
		if r.str(0) == "CONTROL_MESSAGE" {
			return nil, 0, "CloudWatch control message", true
		}
		return r.node(1), asJSON, "", r.has(0) && r.kind(1) == '['
	}},
	{"CloudWatch Logs event", "id timestamp message", func(r *reading) (node, wrapping, string, bool) {
		if !r.has(0) || r.kind(1) != '0' || r.kind(2) != '"' || r.c.outer.get("logEvents") == nil {
			return nil, 0, "", false
		}
		return r.node(2), asJSON, "", true
	}},
	{"Lambda log event", "awslogs.data", func(r *reading) (node, wrapping, string, bool) {
		return r.node(0), asBase64, "", r.kind(0) == '"'
	}},
	{"Kinesis record", "kinesis.data", func(r *reading) (node, wrapping, string, bool) {
		return r.node(0), asBase64, "", r.kind(0) == '"'
	}},
	{"Firehose record", "recordId data result", func(r *reading) (node, wrapping, string, bool) {
		return r.node(1), asBase64, "", r.kind(1) == '"' && (r.has(0) || r.has(2) || r.c.outer.get("records") != nil)
	}},
	{"LookupEvents entry", "CloudTrailEvent", func(r *reading) (node, wrapping, string, bool) {
		return r.node(0), asJSON, "", r.has(0)
	}},
	{"EventBridge event", "detail-type detail", func(r *reading) (node, wrapping, string, bool) {
		return r.node(1), asJSON, "", r.has(0) && r.kind(1) == '{'
	}},
	{"SNS notification", "Type Message", func(r *reading) (node, wrapping, string, bool) {
		return r.node(1), asJSON, "", r.str(0) == "Notification" && r.kind(1) == '"'
	}},
	{"Pub/Sub message", "message.data", func(r *reading) (node, wrapping, string, bool) {
		return r.node(0), asBase64, "", r.kind(0) == '"'
	}},
	{"webhook relay", "headers body", func(r *reading) (node, wrapping, string, bool) {
		return r.node(1), asJSON, "", r.kind(0) == '{' && (r.kind(1) == '{' || r.kind(1) == '"')
	}},
	{"indexed document with its original", "event.original event.dataset", func(r *reading) (node, wrapping, string, bool) {
		o := r.str(0)
		_, known := engine.LookupDataset(r.str(1))
		return r.node(0), asJSON, "", known && o != "" && o[0] == '{'
	}},
	{"search export", "_source", func(r *reading) (node, wrapping, string, bool) {
		return r.node(0), asJSON, "", r.kind(0) == '{'
	}},
	{"search export of fields", "_index fields", func(r *reading) (node, wrapping, string, bool) {
		if !r.has(0) || r.kind(1) != '{' {
			return nil, 0, "", false
		}
		return withoutLists(r.node(1)), asJSON, "", true
	}},
	{"list of search hits", "hits.hits", func(r *reading) (node, wrapping, string, bool) {
		return r.node(0), asJSON, "", r.kind(0) == '['
	}},
	{"Splunk export", "result._raw _raw", func(r *reading) (node, wrapping, string, bool) {
		for i := range r.at {
			if r.kind(i) == '"' {
				return r.node(i), asJSON, "", true
			}
		}
		return nil, 0, "", false
	}},
	{"Splunk event", "sourcetype event", func(r *reading) (node, wrapping, string, bool) {
		return r.node(1), asJSON, "", r.has(0) && (r.kind(1) == '{' || r.kind(1) == '"')
	}},
	{"CloudTrail Lake result", "eventJson", func(r *reading) (node, wrapping, string, bool) {
		return r.node(0), asJSON, "", r.has(0)
	}},
	{"list of records", "Records records logEvents Events events value items logs results expected QueryResultRows", func(r *reading) (node, wrapping, string, bool) {
		for i := range r.at {
			if r.kind(i) == '[' {
				return r.node(i), asJSON, "", true
			}
		}
		return nil, 0, "", false
	}},
}

// record handles one complete object whose cells were filled by rd, the format
// to try first. It returns the format to try first on the next.
func (d *Decoder) record(rd *reader, raw []byte, c *context, s *stream) *reader {
	if rd != d.plan.probe {
		d.begin(rd, raw, c)
		if d.read.at = rd.signs; rd.sniff(&d.read) {
			d.event(rd, raw, c)
			return rd
		}
		d.scan.scan(raw, 0, d.plan.probe.trie)
	}
	if s.forced != nil && s.forced.late {
		d.readAs(s.forced, raw, c)
		return s.rd
	}
	d.begin(d.plan.probe, raw, c)
	for i, rd := range d.plan.readers {
		if s.forced != nil && rd.name != s.forced.name || rd.late {
			continue
		}
		if d.read.at = d.plan.signs[i]; rd.sniff(&d.read) {
			d.readAs(rd, raw, c)
			return rd
		}
	}
	if d.unwrap(raw, c, s) {
		return s.rd
	}
	if c.outer != nil && d.printed(raw, c) || d.held(raw, c, s) {
		return s.rd
	}
	if s.forced != nil {
		d.readAs(s.forced, raw, c)
		return s.rd
	}
	d.scan.scan(raw, 0, d.plan.probe.trie) // unwrapping may have used the cells
	d.begin(d.plan.probe, raw, c)
	for i, rd := range d.plan.readers {
		if d.read.at = d.plan.signs[i]; rd.late && rd.sniff(&d.read) {
			d.readAs(rd, raw, c)
			return nil // such a format would take others' records too: look again next time
		}
	}
	d.out.refuse(c, "unknown format", "JSON, but no known format has these keys; name the format if it is one", raw)
	return s.rd
}

// printed hands an object of no known format to the text format that its
// surroundings name: programs print JSON into their logs.
func (d *Decoder) printed(raw []byte, c *context) bool {
	for i, f := range lineFormats {
		if f.claims != nil && f.claims(c) {
			d.line = append(d.line[:0], raw...)
			d.openLines(i).line(d.line, c, &d.out)
			return true
		}
	}
	return false
}

// readAs reads a whole object as a record of a format.
func (d *Decoder) readAs(rd *reader, raw []byte, c *context) {
	d.scan.scan(raw, 0, rd.trie)
	d.begin(rd, raw, c)
	d.event(rd, raw, c)
}

// unwrap opens an envelope whose signs the probe has read, or a shipper's
// document, and decodes what is inside. False: the object is no wrapping.
func (d *Decoder) unwrap(raw []byte, c *context, s *stream) bool {
	d.begin(d.plan.probe, raw, c)
	for i, e := range envelopes {
		d.read.at = d.plan.wraps[i]
		payload, encoding, skip, ok := e.open(&d.read)
		if !ok {
			continue
		}
		if skip != "" {
			d.out.skip(c, skip)
			return true
		}
		inner := *c
		inner.outer, inner.parent = raw, c
		d.unpackInto(e, payload, encoding, &inner, s)
		return true
	}
	taken, left := false, false
	shipped := d.unship(raw, c, func(payload []byte, inner *context) {
		if !d.takes(payload, inner, s) {
			left = true
			return
		}
		taken = true
		d.payload(payload, inner, s, -1)
	})
	if shipped && left && taken {
		d.out.refuse(c, "unknown format", "some lines in this shipper's document are of no known format", raw)
	}
	return taken
}

// takes reports whether a payload is JSON or text of a known format.
func (d *Decoder) takes(payload []byte, c *context, s *stream) bool {
	if i := skipSpace(payload, 0); i < len(payload) && (payload[i] == '{' || payload[i] == '[' && i+1 < len(payload) && strings.IndexByte(`{["`, payload[i+1]) >= 0) {
		return true
	}
	return s.named || d.recogniseLine(firstLine(payload), c) != nil
}

// unpackInto decodes a payload as it is written in its envelope.
func (d *Decoder) unpackInto(e *envelope, n node, encoding wrapping, c *context, s *stream) {
	scratch := d.scratchAt(s.deep)
	if n.kind() != '"' {
		d.payload(n, c, s, offsetIn(c.outer, n))
		return
	}
	*scratch = n.text((*scratch)[:0])
	if encoding == asBase64 {
		m, err := base64.StdEncoding.Decode(*scratch, *scratch)
		if err != nil {
			d.out.refuse(c, "not base64", "the payload of a "+e.name+" must be base64: "+err.Error(), c.outer)
			d.index++
			return
		}
		*scratch = (*scratch)[:m]
	}
	d.payload(*scratch, c, s, -1)
}

// payload decodes what was inside a wrapping: it may be anything again. at is
// where in the record at c.origin it stands as it is, -1 when it was unpacked.
func (d *Decoder) payload(data []byte, c *context, from *stream, at int) {
	deep := from.deep + 1
	if deep >= maxWrap {
		d.out.refuse(c, "wrapped too deep", "more envelopes around each other than are opened", data)
		return
	}
	s := d.streamAt(deep)
	s.reset(*c, deep)
	s.whole, s.forced = true, from.forced
	if at >= 0 && !from.whole {
		// the payload stands in the file as it is: places stay exact
		s.whole, s.offset = false, c.origin.Offset+int64(at)
		s.line = c.origin.Line + int64(bytes.Count(c.outer[:min(at, len(c.outer))], []byte{'\n'}))
	}
	if from.named {
		s.lines, s.named = from.lines, true
	}
	d.feed(s, data)
}

// offsetIn gives the place of a part inside the bytes it is a slice of, -1 when
// it is none of them.
func offsetIn(whole, part []byte) int {
	if len(part) == 0 || len(part) > len(whole) {
		return -1
	}
	at := uintptr(unsafe.Pointer(&part[0])) - uintptr(unsafe.Pointer(&whole[0]))
	if at > uintptr(len(whole)-len(part)) {
		return -1
	}
	return int(at)
}

// recordsPrefix gives the length of {"Records":[ at the start of b, 0 when b
// begins otherwise. A CloudTrail file is one such object of any size.
func recordsPrefix(b []byte) int {
	i := 0
	for _, part := range []string{"{", `"Records"`, ":", "["} {
		if i = skipSpace(b, i); len(b)-i < len(part) || string(b[i:i+len(part)]) != part {
			return 0
		}
		i += len(part)
	}
	return i
}

// envelopeList finds the list of records in an envelope that is cut off, too
// large or broken: the place behind the list's bracket, 0 for none.
func (s *scanner) envelopeList(buf []byte, i int) int {
	s.buf, s.src, s.st, s.depth = buf, alias(buf), scanOK, 1
	for i++; ; {
		from, to, value := s.member(s.space(i))
		if value < 0 || value >= len(buf) {
			return 0
		}
		switch string(buf[from:to]) {
		case "Records", "records", "logEvents", "Events", "events", "data", "results", "items", "QueryResultRows":
			if buf[value] == '[' {
				return value + 1
			}
		}
		if i = s.skip(value); i < 0 {
			return 0
		}
		if i = s.space(i); i >= len(buf) || buf[i] != ',' {
			return 0
		}
		i++
	}
}
