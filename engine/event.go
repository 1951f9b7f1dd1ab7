package engine

import (
	"strconv"
	"time"
)

// Origin says where a record came from, for people (errors, evidence) and for
// the identity of records that carry no id of their own.
type Origin struct {
	Source    string // file path as given, or Kafka topic
	Partition int32  // Kafka partition; -1 for a file
	Offset    int64  // Kafka offset; for a file the byte offset of the record after decompression
	Line      int64  // 1-based line in a file; 0 from Kafka
	Index     int32  // 0-based place inside an envelope or array
}

// String gives "path:line" or "topic[partition]@offset", with "#index" inside an envelope.
func (o Origin) String() string {
	var b []byte
	b = append(b, o.Source...)
	if o.Partition >= 0 {
		b = append(b, '[')
		b = strconv.AppendInt(b, int64(o.Partition), 10)
		b = append(b, "]@"...)
		b = strconv.AppendInt(b, o.Offset, 10)
	} else if o.Line > 0 {
		b = append(b, ':')
		b = strconv.AppendInt(b, o.Line, 10)
	}
	if o.Index > 0 {
		b = append(b, '#')
		b = strconv.AppendInt(b, int64(o.Index), 10)
	}
	return string(b)
}

// Header is a Kafka record header.
type Header struct{ Key, Value string }

// Record is what a Source hands over: bytes and where they stood.
//
// From Kafka a Record is one message. From a file it is the next chunk of the
// file's byte stream, in order and without regard to lines: the decoder of
// that partition finds the records in it. Data may be reused by the Source
// after the batch was released.
type Record struct {
	Data    []byte
	Origin  Origin
	Format  string   // a format's name, or "" or "auto"
	Key     string   // Kafka key
	Headers []Header // Kafka headers
	Time    int64    // Kafka timestamp, else when the file was last written, ns; 0 unknown. Last resort for text lines without a stamp
	Chunk   bool     // Data is a piece of a byte stream, not a whole record
	Last    bool     // with Chunk: the stream ends here
}

// Event is one fact with typed values. Its fields alias the record's bytes and
// live as long as the batch; Clone makes one that lives longer. Events do not
// change after detect has enriched them.
type Event struct {
	Dataset Dataset
	Time    int64  // event time, ns since 1970 UTC, from the record itself
	ID      string // from the record, else derived (see decode); derived events: parent's id + "/" + kind
	Hash    uint64 // 64-bit hash of Dataset and ID, the same on every machine
	Origin  Origin
	Derived string // kind of a derived event ("cred.issued"); "" for the record itself
	// Place is true when the record has no id and no line or offset that may
	// be part of one (a JSON record in a file): ID is then the hash of its
	// bytes, and the pipeline appends the occurrence number inside the file,
	// so that the order of the records in a file does not matter and two equal
	// records stay two facts.
	Place bool

	Values []Value // by slot of the Layout in force
	Raw    []byte  // the unwrapped record; evidence is made from it by decode.Document
	// Outer is the wrapper's bytes around Raw, where the context of a wrapped
	// record stands; nil without one.
	Outer []byte
	// All holds every field of an event that was not read from JSON on demand
	// (what build text showed), demanded or not: evidence is made from it.
	All []FieldValue
	// Document is the redacted ECS document when it was made ahead (hits that
	// wait for their run, synthetic events). Nil: ask decode.Document.
	Document []byte
}

// FieldValue is a field with its value.
type FieldValue struct {
	Field Field
	Value Value
}

// Get gives the value in a slot; slot -1 (not demanded) is nil.
func (e *Event) Get(slot int) Value {
	if slot < 0 {
		return Value{}
	}
	return e.Values[slot]
}

// Set stores a value; slot -1 is ignored. For decode, enrich and job only.
func (e *Event) Set(slot int, v Value) {
	if slot >= 0 {
		e.Values[slot] = v
	}
}

// When gives the event time as time.Time in UTC.
func (e *Event) When() time.Time { return time.Unix(0, e.Time).UTC() }

// Clone copies the event and every byte it aliases except Raw, Outer and All, which
// are dropped: they may hold secrets, and a kept event must not.
func (e *Event) Clone() *Event {
	c := *e
	c.ID = string(append([]byte(nil), e.ID...))
	c.Values = make([]Value, len(e.Values))
	for i, v := range e.Values {
		c.Values[i] = v.Clone()
	}
	c.Raw, c.Outer, c.All = nil, nil, nil
	return &c
}

// HashID gives the 64-bit identity of an event (FNV-1a with a final mix; the
// same on every machine and in every version, because it stands in checkpoints).
func HashID(d Dataset, id string) uint64 {
	h := uint64(14695981039346656037)
	name := d.String()
	for i := 0; i < len(name); i++ {
		h = (h ^ uint64(name[i])) * 1099511628211
	}
	h = (h ^ 0xff) * 1099511628211
	for i := 0; i < len(id); i++ {
		h = (h ^ uint64(id[i])) * 1099511628211
	}
	h ^= h >> 33
	h *= 0xff51afd7ed558ccd
	h ^= h >> 33
	return h
}
