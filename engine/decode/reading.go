package decode

import (
	"math"
	"net/netip"
	"strconv"
	"strings"
	"unsafe"

	"github.com/seed-843b225c/reflex/engine"
)

// reading is one scanned record while its fields are read. Values alias the
// record, or the arena that the next record overwrites.
type reading struct {
	rd      *reader
	cells   []cell
	at      []int32 // cells of the row that is being read
	c       *context
	raw     []byte
	dataset engine.Dataset
	arena   []byte // unescaped text
	out     *emitter
	list    []string
	outline outline
	agentOf string // user agent that was parsed last in this record
	agent   agent
}

// str gives the i-th path of the row as text: a string unescaped, a number or
// boolean as written, else "".
func (r *reading) str(i int) string { return r.text(&r.cells[r.at[i]]) }

// lower gives s in lower case. A secret in it would be one that no format knows
// afterwards, so it is overwritten before.
func (r *reading) lower(s string) string {
	const shortest = 20
	low := strings.ToLower(s)
	if len(s) < shortest || low == s {
		return low
	}
	return strings.ToLower(r.out.redact(s))
}

// has reports whether the i-th path holds anything but null and the empty string.
func (r *reading) has(i int) bool {
	c := &r.cells[r.at[i]]
	return c.kind != 0 && c.kind != 'n' && c.text != ""
}

// kind gives the first byte of the i-th path's value, as node.kind.
func (r *reading) kind(i int) byte { return r.cells[r.at[i]].kind }

// node gives the i-th path's value for a closer look.
func (r *reading) node(i int) node {
	c := &r.cells[r.at[i]]
	if c.kind == 0 {
		return nil
	}
	if c.kind == '"' && c.text == "" {
		return node(`""`) // an empty text may point anywhere
	}
	if c.kind == '"' {
		// the quotes stand around it, wherever the scanner read it
		return unsafe.Slice((*byte)(unsafe.Add(unsafe.Pointer(unsafe.StringData(c.text)), -1)), len(c.text)+2)
	}
	return bytesOf(c.text)
}

func (r *reading) text(c *cell) string {
	switch c.kind {
	case '"':
		if !c.esc {
			return c.text
		}
		return r.unescape(c.text)
	case '0', 't', 'f':
		return c.text
	}
	return ""
}

func (r *reading) unescape(s string) string {
	from := len(r.arena)
	r.arena = unescape(r.arena, bytesOf(s))
	return alias(r.arena[from:])
}

// keep copies bytes to where an event's values may point.
func (r *reading) keep(b []byte) string {
	from := len(r.arena)
	r.arena = append(r.arena, b...)
	return alias(r.arena[from:])
}

// join is a + sep + b without garbage.
func (r *reading) join(a, sep, b string) string {
	from := len(r.arena)
	r.arena = append(append(append(r.arena, a...), sep...), b...)
	return alias(r.arena[from:])
}

// fill sets the slots of ev.
func (r *reading) fill(slots []slotReader, ev *engine.Event) {
	for i := range slots {
		s := &slots[i]
		ev.Values[s.slot] = r.read(s)
	}
}

// read gives the value of one slot.
func (r *reading) read(s *slotReader) engine.Value {
	if s.value != nil {
		r.at = s.at
		return s.value(r)
	}
	for _, n := range s.at {
		c := &r.cells[n]
		if c.kind == 0 || c.kind == 'n' {
			continue
		}
		var v engine.Value
		if s.raw {
			v = r.plain(c)
		} else {
			v = r.convert(c, s.typ)
		}
		if !v.IsNil() {
			return v
		}
	}
	for _, up := range s.within {
		if r.cells[up].kind == '[' {
			return r.gather(s)
		}
	}
	return s.is
}

// gather collects what a path finds in the lists on its way.
func (r *reading) gather(s *slotReader) engine.Value {
	r.list = r.list[:0]
	for _, p := range s.paths {
		r.collect(node(r.raw), p)
		if len(r.list) > 0 {
			break
		}
	}
	return engine.Strings(r.list...)
}

func (r *reading) collect(n node, path string) {
	switch n.kind() {
	case '[':
		n.elements(func(v node) bool { r.collect(v, path); return true })
	case '{':
		if path != "" {
			key, rest := cutKey(path)
			r.collect(n.get(key), rest)
		}
	default:
		if s := n.str(); path == "" && s != "" {
			r.list = append(r.list, s)
		}
	}
}

// plain gives a value with the type it has in the record; an object as JSON text.
func (r *reading) plain(c *cell) engine.Value {
	switch c.kind {
	case '"':
		return engine.String(r.text(c))
	case '0':
		if n, err := strconv.ParseInt(c.text, 10, 64); err == nil {
			return engine.Int(n)
		}
		if f, err := strconv.ParseFloat(c.text, 64); err == nil {
			return engine.Float(f)
		}
		return engine.String(c.text)
	case 't', 'f':
		return engine.Boolean(c.kind == 't')
	case '[':
		return r.scalars(c)
	case '{':
		return engine.String(c.text)
	}
	return engine.Value{}
}

// scalars gives a list of the scalars in a JSON list; an empty one is nil. One
// that holds anything else comes as JSON text.
func (r *reading) scalars(c *cell) engine.Value {
	r.list = r.list[:0]
	other := false
	node(bytesOf(c.text)).elements(func(v node) bool {
		switch v.kind() {
		case '{', '[':
			other = true
		case 'n':
		default:
			r.list = append(r.list, v.str())
		}
		return true
	})
	if other {
		return engine.String(c.text)
	}
	return engine.Strings(r.list...)
}

// convert reads a cell as a field's type; what does not fit is nil.
func (r *reading) convert(c *cell, t engine.Type) engine.Value {
	switch t {
	case engine.Keyword:
		if c.kind == '{' || c.kind == '[' {
			return engine.String(c.text)
		}
		if s := r.text(c); s != "" {
			return engine.String(s)
		}
	case engine.IP:
		if a, ok := parseAddr(r.text(c)); ok {
			return engine.Address(a)
		}
	case engine.Long:
		return parseLong(r.text(c))
	case engine.Double:
		if f, err := strconv.ParseFloat(r.text(c), 64); err == nil {
			return engine.Float(f)
		}
	case engine.Bool:
		return parseBool(r.text(c))
	case engine.Date:
		if ns, ok := parseTime(r.text(c)); ok {
			return engine.Instant(ns)
		}
	case engine.List:
		if c.kind == '[' {
			if v := r.scalars(c); v.Kind() == engine.List {
				return v
			}
			return engine.Value{}
		}
		if s := r.text(c); s != "" {
			return engine.Strings(s)
		}
	}
	return engine.Value{}
}

// parseAddr is netip.ParseAddr that does not allocate an error for the names of
// services, which often stand where addresses do.
func parseAddr(s string) (netip.Addr, bool) {
	if s == "" || (s[0] < '0' || s[0] > '9') && strings.IndexByte(s, ':') < 0 {
		return netip.Addr{}, false
	}
	a, err := netip.ParseAddr(s)
	return a, err == nil
}

// parseLong reads an integer; a whole number written as a float counts.
func parseLong(s string) engine.Value {
	if s == "" || s[0] > '9' {
		return engine.Value{}
	}
	if n, err := strconv.ParseInt(s, 10, 64); err == nil {
		return engine.Int(n)
	}
	if f, err := strconv.ParseFloat(s, 64); err == nil && f == math.Trunc(f) && math.Abs(f) < 1<<63 {
		return engine.Int(int64(f))
	}
	return engine.Value{}
}

// parseBool reads true and false, also as the words other programs write.
func parseBool(s string) engine.Value {
	switch {
	case strings.EqualFold(s, "true"), strings.EqualFold(s, "yes"), s == "1":
		return engine.Boolean(true)
	case strings.EqualFold(s, "false"), strings.EqualFold(s, "no"), s == "0":
		return engine.Boolean(false)
	}
	return engine.Value{}
}

// text makes a keyword, nil when empty.
func text(s string) engine.Value {
	if s == "" {
		return engine.Value{}
	}
	return engine.String(s)
}

// label is context.label as a value.
func (r *reading) label(names ...string) engine.Value { return text(r.c.label(names...)) }
