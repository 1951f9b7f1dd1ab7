package rule

import (
	"math"
	"strconv"
	"strings"
	"unicode/utf8"

	"github.com/seed-843b225c/reflex/engine"
)

// Unknown is what a template prints for a value that is missing.
const Unknown = "unknown"

// maxShown is how many characters of one value a template prints.
const maxShown = 200

// Render fills the template. lookup gives the value a reference points at; nil
// values print as "unknown". Control characters and line ends print as blanks,
// because values come from hostile logs.
func (t *Template) Render(lookup func(Ref) engine.Value) string {
	var b []byte
	for _, p := range t.Parts {
		if p.Ref == nil {
			b = append(b, p.Text...)
			continue
		}
		v := lookup(*p.Ref)
		if v.IsNil() {
			b = append(b, Unknown...)
			continue
		}
		b = appendShown(b, v)
	}
	return string(b)
}

// appendShown appends a value as a title may show it: 130.318758 is 130.32
// and 0.00412345 is 0.004123, because a title is read and not computed with.
func appendShown(b []byte, v engine.Value) []byte {
	if v.Kind() == engine.Double {
		if f := v.Float(); math.Abs(f) < 1 {
			v = engine.String(strconv.FormatFloat(f, 'g', 4, 64))
		} else if math.Abs(f) < 1e15 {
			v = engine.Float(math.Round(f*100) / 100)
		}
	}
	n := 0
	for _, r := range v.Text() {
		if n++; n > maxShown {
			return append(b, "..."...)
		}
		if r < ' ' || r == 0x7f || r >= 0x80 && r < 0xa0 || r == 0x2028 || r == 0x2029 || r >= 0x202a && r <= 0x202e || r >= 0x2066 && r <= 0x2069 {
			r = ' '
		}
		b = utf8.AppendRune(b, r)
	}
	return b
}

// Refs lists the template's references in order.
func (t *Template) Refs() []Ref {
	var out []Ref
	for _, p := range t.Parts {
		if p.Ref != nil {
			out = append(out, *p.Ref)
		}
	}
	return out
}

// resolver says what a reference means; a message when it means nothing.
type resolver func(name string) (r Ref, message, hint string)

// parseTemplate reads a text with {{ reference }} in it. Without a resolver it
// only checks the braces.
func parseTemplate(src string, pos Position, resolve resolver) (*Template, []Mistake) {
	t := &Template{Source: src}
	var wrong []Mistake
	at := 0 // bytes of src that are done
	report := func(offset int, hint, format string, args ...any) {
		wrong = append(wrong, pos.Mistake(utf8.RuneCountInString(src[:offset]), hint, format, args...))
	}
	for {
		open := strings.Index(src[at:], "{{")
		if open < 0 {
			if stray := strings.Index(src[at:], "}}"); stray >= 0 && resolve == nil {
				report(at+stray, "{{ field }}", "}} without {{")
			}
			if at < len(src) {
				t.Parts = append(t.Parts, Part{Text: src[at:]})
			}
			return t, wrong
		}
		open += at
		if open > at {
			t.Parts = append(t.Parts, Part{Text: src[at:open]})
		}
		end := strings.Index(src[open:], "}}")
		if end < 0 {
			if resolve == nil {
				report(open, "{{ field }}", "{{ without }}")
			}
			return t, wrong
		}
		end += open
		inner := src[open+2 : end]
		name := strings.TrimSpace(inner)
		nameAt := open + 2 + strings.Index(inner, name)
		at = end + 2
		switch {
		case name == "":
			if resolve == nil {
				report(open, "{{ field }}", "an empty reference")
			}
		case strings.ContainsAny(name, " \t\n|(){}"):
			if resolve == nil {
				report(nameAt, "a field, <step>.<field>, key.<name>, count or measure", "%q is no reference", name)
			}
		case resolve != nil:
			r, message, hint := resolve(name)
			if message != "" {
				report(nameAt, hint, "%s", message)
				continue
			}
			t.Parts = append(t.Parts, Part{Ref: &r})
		}
	}
}
