package engine

import (
	"encoding/binary"
	"math"
	"net/netip"
	"strconv"
	"time"
)

// Type is what a field holds. The zero Type means "no field".
type Type uint8

// The types of the registry. Names (Type.String) are those of Elasticsearch
// where it has one.
const (
	Keyword Type = iota + 1 // text compared as a whole
	IP                      // one address, unmapped
	Long                    // signed 64-bit integer
	Double                  // 64-bit float
	Bool                    // true or false
	Date                    // instant, nanoseconds since 1970 UTC
	List                    // list of keywords
)

var typeNames = [...]string{"", "keyword", "ip", "long", "double", "boolean", "date", "list"}

// String gives the type's name in FIELDS.md and in error messages.
func (t Type) String() string { return typeNames[t] }

// Value is one typed value without interface or allocation. The zero Value is
// nil: "the field is missing". Values are comparable with == and usable as map
// keys. A keyword may alias the bytes it was read from: whoever keeps a Value
// beyond its batch calls Clone.
type Value struct {
	s    string // keyword; or the packed elements of a list
	n, m uint64 // number bits; for an address its 16 bytes
	kind Type
}

// String makes a keyword. The string is not copied.
func String(s string) Value { return Value{s: s, kind: Keyword} }

// Int makes a long.
func Int(n int64) Value { return Value{n: uint64(n), kind: Long} }

// Float makes a double. What is no finite number becomes nil: NaN is not equal
// to itself, and neither NaN nor an infinity can be written as JSON, so neither
// may come near an alert.
func Float(f float64) Value {
	if f-f != 0 {
		return Value{}
	}
	if f == 0 {
		f = 0 // one zero: -0 and 0 are equal as Values too
	}
	return Value{n: math.Float64bits(f), kind: Double}
}

// Boolean makes a boolean.
func Boolean(b bool) Value {
	if b {
		return Value{n: 1, kind: Bool}
	}
	return Value{kind: Bool}
}

// Instant makes a date from nanoseconds since 1970 UTC.
func Instant(ns int64) Value { return Value{n: uint64(ns), kind: Date} }

// Address makes an address. IPv4-mapped IPv6 is unmapped and a zone dropped,
// so that ::ffff:10.1.2.3 cannot walk around a list that names 10.0.0.0/8. An
// invalid address is nil.
func Address(a netip.Addr) Value {
	if !a.IsValid() {
		return Value{}
	}
	a = a.Unmap().WithZone("")
	b := a.As16()
	return Value{n: binary.BigEndian.Uint64(b[:8]), m: binary.BigEndian.Uint64(b[8:]), kind: IP}
}

// Strings makes a list. The elements are copied into one packed string, so a
// list is as cheap to compare and to keep as a keyword. No elements: nil.
func Strings(list ...string) Value {
	if len(list) == 0 {
		return Value{}
	}
	var b []byte
	for _, s := range list {
		b = binary.AppendUvarint(b, uint64(len(s)))
		b = append(b, s...)
	}
	return Value{s: string(b), n: uint64(len(list)), kind: List}
}

// Kind gives the type, 0 for nil.
func (v Value) Kind() Type { return v.kind }

// IsNil reports whether the value is missing.
func (v Value) IsNil() bool { return v.kind == 0 }

// Str gives the text of a keyword, "" for every other kind.
func (v Value) Str() string {
	if v.kind != Keyword {
		return ""
	}
	return v.s
}

// Int gives the number of a long, the nanoseconds of a date, 0 or 1 of a
// boolean, the truncated value of a double; 0 otherwise.
func (v Value) Int() int64 {
	switch v.kind {
	case Long, Date, Bool:
		return int64(v.n)
	case Double:
		return int64(math.Float64frombits(v.n))
	}
	return 0
}

// Float gives the number of a long or double as a float; 0 otherwise.
func (v Value) Float() float64 {
	switch v.kind {
	case Long:
		return float64(int64(v.n))
	case Double:
		return math.Float64frombits(v.n)
	}
	return 0
}

// Bool gives the truth of a boolean; false otherwise.
func (v Value) Bool() bool { return v.kind == Bool && v.n == 1 }

// Addr gives the address; the zero Addr otherwise.
func (v Value) Addr() netip.Addr {
	if v.kind != IP {
		return netip.Addr{}
	}
	var b [16]byte
	binary.BigEndian.PutUint64(b[:8], v.n)
	binary.BigEndian.PutUint64(b[8:], v.m)
	return netip.AddrFrom16(b).Unmap()
}

// Len gives the number of elements of a list; 0 otherwise.
func (v Value) Len() int {
	if v.kind != List {
		return 0
	}
	return int(v.n)
}

// Each calls f with every element of a list until f returns false.
func (v Value) Each(f func(string) bool) {
	if v.kind != List {
		return
	}
	for s := v.s; len(s) > 0; {
		n, w := uvarint(s)
		if !f(s[w : w+int(n)]) {
			return
		}
		s = s[w+int(n):]
	}
}

// Elements gives the elements of a list as a slice.
func (v Value) Elements() []string {
	var out []string
	v.Each(func(s string) bool { out = append(out, s); return true })
	return out
}

// uvarint is binary.Uvarint on a string.
func uvarint(s string) (n uint64, width int) {
	var shift uint
	for i := 0; i < len(s); i++ {
		b := s[i]
		n |= uint64(b&0x7f) << shift
		if b < 0x80 {
			return n, i + 1
		}
		shift += 7
	}
	return 0, len(s)
}

// Clone copies the bytes a Value may alias.
func (v Value) Clone() Value {
	if v.s != "" {
		v.s = string(append([]byte(nil), v.s...))
	}
	return v
}

// AppendText appends the value as people read it: addresses and numbers plain,
// dates as RFC 3339 in UTC, lists joined by ", ". Nil appends nothing.
func (v Value) AppendText(b []byte) []byte {
	switch v.kind {
	case Keyword:
		return append(b, v.s...)
	case IP:
		return v.Addr().AppendTo(b)
	case Long:
		return strconv.AppendInt(b, int64(v.n), 10)
	case Double:
		return strconv.AppendFloat(b, math.Float64frombits(v.n), 'f', -1, 64)
	case Bool:
		return strconv.AppendBool(b, v.n == 1)
	case Date:
		return time.Unix(0, int64(v.n)).UTC().AppendFormat(b, time.RFC3339Nano)
	case List:
		first := true
		v.Each(func(s string) bool {
			if !first {
				b = append(b, ", "...)
			}
			first = false
			b = append(b, s...)
			return true
		})
	}
	return b
}

// Text is AppendText as a string.
func (v Value) Text() string {
	if v.kind == Keyword {
		return v.s
	}
	return string(v.AppendText(nil))
}

// Any gives the value as a plain Go value for JSON: string, int64, float64,
// bool, []string or nil. Dates and addresses become text.
func (v Value) Any() any {
	switch v.kind {
	case 0:
		return nil
	case Long:
		return int64(v.n)
	case Double:
		return math.Float64frombits(v.n)
	case Bool:
		return v.n == 1
	case List:
		return v.Elements()
	}
	return v.Text()
}

// AppendBinary appends a form that is equal exactly when two Values are equal:
// the input of key hashes and of stored state. ReadValue reads it back.
func (v Value) AppendBinary(b []byte) []byte {
	b = append(b, byte(v.kind))
	switch v.kind {
	case Keyword:
		b = binary.AppendUvarint(b, uint64(len(v.s)))
		b = append(b, v.s...)
	case List:
		b = binary.AppendUvarint(b, v.n)
		b = binary.AppendUvarint(b, uint64(len(v.s)))
		b = append(b, v.s...)
	case IP:
		b = binary.BigEndian.AppendUint64(b, v.n)
		b = binary.BigEndian.AppendUint64(b, v.m)
	case Long, Double, Date, Bool:
		b = binary.BigEndian.AppendUint64(b, v.n)
	}
	return b
}

// ReadValue reads what AppendBinary wrote and gives the rest. ok is false when
// the bytes are not of that form.
func ReadValue(b []byte) (v Value, rest []byte, ok bool) {
	if len(b) == 0 || b[0] > byte(List) {
		return Value{}, b, false
	}
	v.kind, b = Type(b[0]), b[1:]
	text := func() bool {
		n, w := binary.Uvarint(b)
		if w <= 0 || n > uint64(len(b)-w) {
			return false
		}
		v.s, b = string(b[w:w+int(n)]), b[w+int(n):]
		return true
	}
	word := func(p *uint64) bool {
		if len(b) < 8 {
			return false
		}
		*p, b = binary.BigEndian.Uint64(b), b[8:]
		return true
	}
	ok = true
	switch v.kind {
	case Keyword:
		ok = text()
	case List:
		n, w := binary.Uvarint(b)
		if w <= 0 {
			return Value{}, b, false
		}
		v.n, b = n, b[w:]
		ok = text()
	case IP:
		ok = word(&v.n) && word(&v.m)
	case Long, Double, Date, Bool:
		ok = word(&v.n)
	}
	return v, b, ok
}
