package decode

import (
	"bytes"
	"compress/gzip"
	"crypto/sha256"
	"encoding/binary"
	"encoding/hex"
	"errors"
	"hash"
	"io"

	"github.com/seed-843b225c/reflex/engine"
)

// maxWrap is how many streams may lie inside each other: four wrappings, each
// of which may be a list whose elements wrap the next.
const maxWrap = 8

// Decoder turns the records of one partition or file into events. It belongs
// to one goroutine and holds what is unfinished: the bytes of a record cut by
// a chunk's end, and the memory of text formats per job.
type Decoder struct {
	plan    *Plan
	out     emitter
	scan    scanner
	read    reading
	streams [maxWrap]*stream
	scratch [maxWrap][]byte // unescaped payloads, one for each wrapping
	opened  []*openedFormat // by line format
	line    []byte          // copy of the line a text format works on
	index   int32           // place of the next record inside a message or envelope
	open    bool            // a stream of chunks is under way
	sum     hash.Hash
	digest  [sha256.Size]byte
	id      []byte
	child   []byte // id of a derived event
	dups    int64
	kept    *keeper // made by the first Save or Restore
}

// openedFormat is a format of lines with its decoder.
type openedFormat struct {
	*lineFormat
	lineDecoder
}

// NewDecoder makes a decoder for one partition or file.
func (p *Plan) NewDecoder() *Decoder {
	return &Decoder{plan: p, out: emitter{plan: p}, opened: make([]*openedFormat, len(p.lines)), sum: sha256.New()}
}

// Duplicates counts the keys that came twice in one object among those read so
// far; the last one counted. Many of them are a sign of somebody trying to
// show different readers different records.
func (d *Decoder) Duplicates() int64 { return d.dups }

// Decode finds the records in rec and hands their events to h, which must be
// done with each before it returns. Chunks of a stream must come in order, the
// last one marked.
func (d *Decoder) Decode(rec engine.Record, h engine.Handler) {
	d.out.h = h
	s := d.streamAt(0)
	if !d.open || !rec.Chunk {
		c := context{origin: rec.Origin, headers: rec.Headers, key: rec.Key, shipped: rec.Time, stream: rec.Chunk}
		if rec.Origin.Partition < 0 {
			c.file, c.shipped, c.written = rec.Origin.Source, 0, rec.Time
		}
		s.reset(c, 0)
		s.whole, s.offset, s.line = !rec.Chunk, rec.Origin.Offset, max(rec.Origin.Line, 1)
		d.index = 0
		d.name(s, rec.Format)
	}
	d.open = rec.Chunk && !rec.Last
	if !rec.Chunk {
		d.feed(s, rec.Data)
		return
	}
	s.feed(rec.Data, rec.Last)
	if rec.Last {
		for _, l := range d.opened {
			if l != nil {
				l.end(s.here(), &d.out)
			}
		}
	}
}

// name applies a named format to a stream.
func (d *Decoder) name(s *stream, name string) {
	if name == "" || name == "auto" {
		return
	}
	s.forced = d.plan.named(name)
	for i, f := range d.plan.lines {
		if f.name == name {
			s.lines, s.named = d.openLines(i), true
		}
	}
}

func (d *Decoder) streamAt(deep int) *stream {
	if d.streams[deep] == nil {
		d.streams[deep] = &stream{d: d}
	}
	return d.streams[deep]
}

func (d *Decoder) scratchAt(deep int) *[]byte { return &d.scratch[deep] }

func (d *Decoder) openLines(i int) *openedFormat {
	if d.opened[i] == nil {
		d.opened[i] = &openedFormat{d.plan.lines[i], d.plan.lines[i].open(d.plan)}
	}
	return d.opened[i]
}

// recogniseLine finds the format that a line of text can only be of, or that
// its surroundings name; nil for none.
func (d *Decoder) recogniseLine(line []byte, c *context) *openedFormat {
	for i, f := range d.plan.lines {
		if f.sniff(line) || f.claims != nil && f.claims(c) {
			return d.openLines(i)
		}
	}
	return nil
}

// feed gives a whole message to a stream; a packed one is unpacked piece by piece.
func (d *Decoder) feed(s *stream, data []byte) {
	if !bytes.HasPrefix(data, []byte{0x1f, 0x8b}) {
		s.feed(data, true)
		return
	}
	if err := d.unpack(s, bytes.NewReader(data)); err != nil {
		reason := "compressed"
		if errors.Is(err, io.ErrUnexpectedEOF) {
			reason = "truncated"
		}
		d.out.refuse(s.here(), reason, "gzip: "+err.Error(), nil)
	}
}

// unpackLimit is how much one packed message may grow to, in records of the
// largest size.
const unpackLimit = 256

func (d *Decoder) unpack(s *stream, data io.Reader) error {
	gz, err := gzip.NewReader(data)
	if err != nil {
		return err
	}
	buf := make([]byte, 64<<10)
	for total := 0; ; {
		n, err := gz.Read(buf)
		s.feed(buf[:n], err != nil)
		if err == io.EOF {
			return nil
		}
		if err != nil {
			return err
		}
		if total += n; total > unpackLimit*d.plan.opts.MaxRecord {
			s.feed(nil, true)
			return errors.New("grows beyond the limit when unpacked")
		}
	}
}

// event makes the event of the record whose cells rd's trie has filled.
func (d *Decoder) event(rd *reader, raw []byte, c *context) {
	r := &d.read
	if len(raw) > d.plan.opts.MaxRecord {
		d.out.refuse(c, "too large", d.limitText("record"), raw)
		return
	}
	d.dups += int64(d.scan.dups)
	if rd.skip != nil {
		r.at = rd.skipAt
		if reason := rd.skip(r); reason != "" {
			d.out.skip(c, reason)
			return
		}
	}
	ev := &d.out.ev
	ev.Dataset = rd.dataset
	if rd.own != nil {
		r.at = rd.ownAt
		ev.Dataset = rd.own(r)
	}
	var ok bool
	if ev.Time, ok = r.time(rd); !ok {
		d.out.refuse(c, "no time", "the record holds no time that can be read", raw)
		return
	}
	r.dataset = ev.Dataset
	ev.ID, ev.Place = r.ident(rd), false
	if ev.ID == "" || d.out.secretID(ev.ID) {
		ev.ID = d.hashID(ev.Dataset, raw, c)
		ev.Place = c.stream && !c.byLine
	}
	ev.Hash = engine.HashID(ev.Dataset, ev.ID)
	ev.Origin, ev.Raw, ev.Outer = c.origin, raw, c.outer
	ev.All, ev.Document, ev.Derived = nil, nil, ""
	d.out.clear()
	d.out.common("")
	if rd.actFn != nil {
		if v := r.read(rd.actFn); derivedKinds[v.Str()] {
			ev.Derived = v.Str()
		}
	}
	r.fill(rd.slots, ev)
	d.out.h.Event(ev)
	for i := range rd.derived {
		d.derive(&rd.derived[i], c)
	}
}

// embed looks into an object that came as text.
func (d *Decoder) embed(rd *reader, text []byte, n int32) {
	if d.scan.embed(text, n) || !rd.fold || text[0] != '{' {
		return
	}
	r := &d.read
	from := len(r.arena)
	if out, ok := structText(r.arena, text); ok {
		r.arena = out
		d.scan.embed(out[from:], n)
	}
}

// derivedKinds are the names of derived events.
var derivedKinds = map[string]bool{
	"secret.exposed": true, "env.dumped": true, "model.pulled": true, "model.code_executed": true, "image.pulled": true, "action.used": true,
	"job.started": true, "job.finished": true, "step.finished": true, "net.egress": true, "cred.issued": true,
}

// derive makes one derived event of the record that was just handed on.
func (d *Decoder) derive(dr *derivedReader, c *context) {
	r := &d.read
	if r.at = dr.at; !dr.when(r) {
		return
	}
	ev := &d.out.ev
	parent := ev.ID
	d.child = append(append(append(d.child[:0], parent...), '/'), dr.kind...)
	ev.ID, ev.Derived = alias(d.child), dr.kind
	ev.Hash = engine.HashID(ev.Dataset, ev.ID)
	d.out.clear()
	d.out.common(dr.kind)
	r.fill(dr.slots, ev)
	d.out.h.Event(ev)
	ev.ID = parent
}

// hashID identifies a record that has no id: dataset, bytes, and the place in
// Kafka. In a file the pipeline adds the occurrence number (Event.Place).
func (d *Decoder) hashID(ds engine.Dataset, raw []byte, c *context) string {
	d.sum.Reset()
	d.id = append(append(d.id[:0], ds.String()...), 0)
	d.sum.Write(d.id)
	d.sum.Write(raw)
	switch {
	case c.byLine:
		d.id = binary.BigEndian.AppendUint64(d.id[:0], uint64(c.origin.Line))
		d.id = binary.BigEndian.AppendUint32(d.id, uint32(c.origin.Index))
		d.sum.Write(d.id)
	case !c.stream:
		b := binary.BigEndian.AppendUint32(append(d.id[:0], 0), uint32(c.origin.Partition))
		b = binary.BigEndian.AppendUint64(b, uint64(c.origin.Offset))
		d.id = binary.BigEndian.AppendUint32(b, uint32(c.origin.Index))
		d.sum.Write(d.id)
	}
	d.id = hex.AppendEncode(d.id[:0], d.sum.Sum(d.digest[:0])[:16])
	return alias(d.id)
}

// time reads the record's time.
func (r *reading) time(rd *reader) (int64, bool) {
	if rd.timeFn != nil {
		r.at = rd.time
		if v := rd.timeFn(r); !v.IsNil() {
			return v.Int(), true
		}
		return 0, false
	}
	for _, n := range rd.time {
		if ns, ok := parseTime(r.text(&r.cells[n])); ok {
			return ns, true
		}
	}
	return 0, false
}

// ident reads the record's own id, "" when it has none.
func (r *reading) ident(rd *reader) string {
	if rd.idFn != nil {
		r.at = rd.id
		return rd.idFn(r).Str()
	}
	for _, n := range rd.id {
		if s := r.text(&r.cells[n]); s != "" {
			return s
		}
	}
	return ""
}

// begin points the reading at a scanned record and looks into embedded JSON.
func (d *Decoder) begin(rd *reader, raw []byte, c *context) {
	r := &d.read
	r.rd, r.cells, r.c, r.raw, r.arena, r.out = rd, d.scan.cells, c, raw, r.arena[:0], &d.out
	r.agentOf, r.agent = "", agent{} // they alias the record before
	for _, n := range rd.trie.embedded {
		if cl := &r.cells[n]; cl.kind == '"' && len(cl.text) > 1 {
			d.embed(rd, bytesOf(r.text(cl)), n)
		}
	}
	if rd.format != nil && rd.dash {
		for i := range r.cells {
			if r.cells[i].text == "-" {
				r.cells[i] = cell{}
			}
		}
	}
}
