package engine

import (
	"crypto/sha256"
	"encoding/json"
	"fmt"
	"strings"
	"sync"
	"unicode/utf8"
)

// The documents of events that came as ECS hold whatever their senders wrote.
// Elasticsearch refuses a whole alert for a text where its mapping has an
// object, an object where it has a value, or a key that is empty; so both
// places where an alert shows its event's document take only what fits.

// fitting gives what of a value can stand at a path of the document's root: a
// value where the registry has a field, an object above fields, and anything
// where it has neither. What does not fit is left out: reflex.document has it.
func fitting(path string, v any) (any, bool) {
	place := places()[path]
	switch v := v.(type) {
	case object:
		if place == fieldPlace {
			return nil, false
		}
		out := object{}
		for k, x := range v {
			if strings.TrimSpace(k) == "" || strings.Contains(k, ".") || strings.HasPrefix(k, " ") {
				continue
			}
			if x, ok := fitting(path+"."+k, x); ok {
				out[key(k)] = x
			}
		}
		return out, len(out) > 0
	case []any:
		out := make([]any, 0, len(v))
		for _, x := range v {
			if x, ok := fitting(path, x); ok {
				out = append(out, x)
			}
		}
		return out, len(out) > 0
	case string:
		return cut(v, rootBytes), place != abovePlace
	case json.Number:
		return v, place != abovePlace && finite(v)
	}
	return v, v == nil || place != abovePlace
}

// rootBytes is the longest text at the root. Elasticsearch indexes none that is
// longer, and reflex.document has it all: twice a megabyte is more than a Kafka
// topic takes.
const rootBytes = 8 << 10

func cut(s string, most int) string {
	if len(s) <= most {
		return s
	}
	n := most - len("…")
	for !utf8.RuneStart(s[n]) {
		n--
	}
	return s[:n] + "…"
}

// whole gives an event's document for reflex.document, where every shape fits
// and only keys and numbers can be wrong.
func whole(v any) any {
	switch v := v.(type) {
	case object:
		out := make(object, len(v))
		for k, x := range v {
			out[key(k)] = whole(x)
		}
		return out
	case []any:
		out := make([]any, len(v))
		for i, x := range v {
			out[i] = whole(x)
		}
		return out
	case json.Number:
		if !finite(v) {
			return v.String()
		}
	}
	return v
}

// finite reports whether readers of JSON take a number: 1e999 is sound JSON, and
// most refuse the whole document for it.
func finite(n json.Number) bool {
	_, err := n.Float64()
	return err == nil
}

// keyBytes is the longest key. The keys above a value are part of its term,
// which may have 32,766 bytes, and records nest at most 64 deep.
const keyBytes = 200

// key makes a key one that Elasticsearch takes. Two long ones stay two.
func key(k string) string {
	k = strings.ReplaceAll(k, "\x00", "\uFFFD")
	if len(k) <= keyBytes {
		return k
	}
	sum := sha256.Sum256([]byte(k))
	return fmt.Sprintf("%s%x", cut(k, keyBytes-12), sum[:6])
}

// place says what the mapping has at a path.
type place uint8

const (
	fieldPlace place = iota + 1
	abovePlace       // an object, with fields below
)

var places = sync.OnceValue(func() map[string]place {
	m := map[string]place{}
	add := func(name string) {
		m[name] = fieldPlace
		for i := strings.LastIndexByte(name, '.'); i >= 0; i = strings.LastIndexByte(name, '.') {
			name = name[:i]
			m[name] = abovePlace
		}
	}
	for _, root := range kept {
		m[root] = abovePlace
	}
	for _, f := range fields {
		add(f.Name)
	}
	for _, name := range []string{"ip", "user", "hosts", "hash"} {
		add("related." + name)
	}
	return m
})
