package decode

import (
	"encoding/json"
	"maps"
	"slices"
	"strings"

	"github.com/seed-843b225c/reflex/engine"
)

// tree is a document before it is written: objects whose fields stand in the
// order of their keys. It is emptied and filled again; what it holds may alias
// the record and must live until the document is written.
type tree struct{ nodes []branch } // the first is the document

// branch is one field: an object, or a leaf with its value or its JSON.
type branch struct {
	key               string
	value             engine.Value
	json              []byte
	object            bool
	first, last, next int32 // fields of an object, and the field behind this one; 0: none
}

func (t *tree) reset() { t.nodes = append(t.nodes[:0], branch{object: true}) }

// leaf gives the place of a path with dots between keys, emptied. What is in
// the way and no object is replaced by one. The place is good until the next
// call.
func (t *tree) leaf(path string) *branch {
	for at, more := int32(0), true; ; {
		b := &t.nodes[at]
		if !more || !b.object {
			*b = branch{key: b.key, next: b.next, object: more}
		}
		if !more {
			return b
		}
		var key string
		key, path, more = strings.Cut(path, ".")
		at = t.child(at, key)
	}
}

// child gives the field of an object, made if new. Most come in order.
func (t *tree) child(of int32, key string) int32 {
	before := t.nodes[of].last
	if before != 0 && t.nodes[before].key >= key {
		if t.nodes[before].key == key {
			return before
		}
		before = 0
		at := t.nodes[of].first
		for t.nodes[at].key < key {
			before, at = at, t.nodes[at].next
		}
		if t.nodes[at].key == key {
			return at
		}
	}
	at, link := int32(len(t.nodes)), &t.nodes[of].first
	if before != 0 {
		link = &t.nodes[before].next
	}
	b := branch{key: key, next: *link}
	if *link = at; b.next == 0 {
		t.nodes[of].last = at
	}
	t.nodes = append(t.nodes, b)
	return at
}

// look finds what a path leads to, or the leaf that ends the way; nil for
// nothing. rest is what is left of the path.
func (t *tree) look(path string) (b *branch, rest string) {
	b = &t.nodes[0]
	for path != "" && b.object {
		var key string
		key, path, _ = strings.Cut(path, ".")
		at := b.first
		for at != 0 && t.nodes[at].key < key {
			at = t.nodes[at].next
		}
		if at == 0 || t.nodes[at].key != key {
			return nil, ""
		}
		b = &t.nodes[at]
	}
	return b, path
}

// has reports whether a path holds something; a list of objects on the way
// holds it in its elements.
func (t *tree) has(path string) bool {
	b, rest := t.look(path)
	if b == nil || rest != "" {
		return b != nil && node(b.json).kind() == '['
	}
	return node(b.json).kind() != 'n'
}

// str gives the text that a path holds, "" for anything else.
func (t *tree) str(path string) string {
	b, rest := t.look(path)
	if b == nil || rest != "" || b.value.Kind() != engine.Keyword && b.value.Kind() != engine.IP && b.value.Kind() != engine.Date {
		return ""
	}
	return b.value.Text()
}

// fill gives a new object the fields of m.
func (t *tree) fill(of int32, m map[string]any) {
	for _, key := range slices.Sorted(maps.Keys(m)) {
		at := t.child(of, key)
		switch v := m[key].(type) {
		case map[string]any:
			t.nodes[at].object = true
			t.fill(at, v)
		case string:
			t.nodes[at].value = engine.String(v)
		default:
			t.nodes[at].json = plainJSON(v)
		}
	}
}

// append writes a field's value.
func (t *tree) append(dst []byte, at int32) []byte {
	switch b := &t.nodes[at]; {
	case b.object:
		dst = append(dst, '{')
		for kid := b.first; kid != 0; kid = t.nodes[kid].next {
			if kid != b.first {
				dst = append(dst, ',')
			}
			dst = append(appendQuoted(dst, t.nodes[kid].key), ':')
			dst = t.append(dst, kid)
		}
		return append(dst, '}')
	case b.json != nil:
		return append(dst, b.json...)
	default:
		return appendValue(dst, b.value)
	}
}

func appendValue(dst []byte, v engine.Value) []byte {
	switch v.Kind() {
	case engine.Keyword:
		return appendQuoted(dst, v.Str())
	case engine.Long, engine.Bool:
		return v.AppendText(dst)
	case engine.IP, engine.Date:
		return append(v.AppendText(append(dst, '"')), '"')
	}
	return append(dst, plainJSON(v.Any())...)
}

// plainJSON writes what is rare: it keeps to encoding/json, without escapes for
// HTML.
func plainJSON(v any) []byte {
	var b strings.Builder
	enc := json.NewEncoder(&b)
	enc.SetEscapeHTML(false)
	if err := enc.Encode(v); err != nil {
		panic(err) // plain values cannot fail
	}
	return bytesOf(strings.TrimSuffix(b.String(), "\n"))
}

// escapes says how encoding/json writes a byte in a string: 0 as it is, else with
// a backslash before this one. 1: ask encoding/json.
var escapes = func() (t [256]byte) {
	for b := range t {
		if b < ' ' || b >= 0x80 {
			t[b] = 1
		}
	}
	t['"'], t['\\'], t['\n'], t['\r'], t['\t'] = '"', '\\', 'n', 'r', 't'
	return
}()

// appendQuoted writes a text as a JSON string, as encoding/json does.
func appendQuoted(dst []byte, s string) []byte {
	from, clean := len(dst), 0
	dst = append(dst, '"')
	for i := 0; i < len(s); i++ {
		switch e := escapes[s[i]]; e {
		case 0:
		case 1:
			return append(dst[:from], plainJSON(s)...)
		default:
			dst = append(append(dst, s[clean:i]...), '\\', e)
			clean = i + 1
		}
	}
	return append(append(dst, s[clean:]...), '"')
}

// appendList writes texts as a JSON list.
func appendList(dst []byte, list []string) []byte {
	dst = append(dst, '[')
	for i, s := range list {
		if i > 0 {
			dst = append(dst, ',')
		}
		dst = appendQuoted(dst, s)
	}
	return append(dst, ']')
}
