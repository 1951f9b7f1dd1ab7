package correlate

import (
	"crypto/sha256"
	"fmt"
	"unicode/utf8"

	"github.com/seed-843b225c/reflex/engine"
)

// A record may be a megabyte and one value nearly all of it. An alert repeats
// values: as entity, in its key, in up to 40 events of evidence, and again in
// its incident. So it carries long ones cut, here and nowhere else; the whole
// value stands in the alert's document.
const (
	entityBytes = 1 << 10 // of a value that is searched for and compared: an entity, a part of the key, an event's id
	shownBytes  = 4 << 10 // of a value that is read, and of all elements of a list
	cutBytes    = 64      // what saying so takes, at most
)

// shorten gives a value of at most the given bytes. What is cut off is said,
// with a hash of the whole, so that two long values with one beginning stay two.
func shorten(v engine.Value, most int) engine.Value {
	switch v.Kind() {
	case engine.Keyword:
		if s := v.Str(); len(s) > most {
			return engine.String(shortenText(s, most))
		}
	case engine.List:
		return shortenList(v, most)
	}
	return v
}

func shortenText(s string, most int) string {
	if len(s) <= most {
		return s
	}
	n := most - cutBytes
	for n > 0 && !utf8.RuneStart(s[n]) {
		n--
	}
	return fmt.Sprintf("%s… (%d bytes, sha256 %s)", s[:n], len(s), brief(s))
}

func brief(s string) string {
	sum := sha256.Sum256([]byte(s))
	return fmt.Sprintf("%x", sum[:6])
}

// shortenList keeps the elements that fit, at least the first.
func shortenList(v engine.Value, most int) engine.Value {
	size := 0
	v.Each(func(s string) bool {
		size += len(s)
		return size <= most
	})
	if size <= most {
		return v
	}
	var kept []string
	room := most - cutBytes
	v.Each(func(s string) bool {
		s = shortenText(s, most/2)
		if room -= len(s); room < 0 {
			return false
		}
		kept = append(kept, s)
		return true
	})
	return engine.Strings(append(kept, fmt.Sprintf("… and %d more (sha256 %s)", v.Len()-len(kept), brief(v.Text())))...)
}
