package rule

import (
	"strings"
	"testing"
	"unicode/utf8"

	"go.yaml.in/yaml/v3"
)

// checkPositions loads "key: <scalar>" and asserts, for every character of the
// scalar that is written as itself, that its place in the file holds it.
func checkPositions(t *testing.T, text string) {
	t.Helper()
	var n yaml.Node
	if yaml.Unmarshal([]byte(text), &n) != nil || len(n.Content) == 0 || n.Content[0].Kind != yaml.MappingNode {
		return
	}
	w := &walker{src: newSource("x.yml", text)}
	for i := 1; i < len(n.Content[0].Content); i += 2 {
		v := n.Content[0].Content[i]
		if v.Kind != yaml.ScalarNode || v.Anchor != "" || v.Style&yaml.TaggedStyle != 0 {
			continue
		}
		p := w.at(v)
		if p.style == styleDouble && strings.Contains(text, `\`) {
			continue
		}
		offset := 0
		for _, r := range v.Value {
			if r != ' ' && r != '\n' && r != '\t' {
				line, col := p.At(offset)
				runes := []rune(w.src.line(line))
				if col < 1 || col > len(runes) || runes[col-1] != r {
					t.Fatalf("character %d (%q) of %q is placed at %d:%d of\n%s", offset, r, v.Value, line, col, text)
				}
			}
			offset++
		}
		p.At(utf8.RuneCountInString(v.Value)) // the end is a place too
	}
}

var scalars = []string{
	"when: a == b\n",
	"when: 'a == ''b'' and c'\n",
	"when: \"a == b and c\"\n",
	"when: a == b\n  and c\n\n  or d\n",
	"when: 'a ==\n  b and ''x''\n\n  c'\n",
	"when: \"a ==\n  b and c\n\n\n  d\"\n",
	"when: |\n  a == b\n  and c\n",
	"when: |-\n    a == b\n      and c\n\n    or d\n",
	"when: >\n  a == b\n  and c\n\n  or d\n",
	"when: >-\n\n  a == b\n    and c\n  or d\n",
	"when: |2\n    a == b\n   and c\n",
	"when: äöü == 'ß' and é\nnext: >\n   ünter der\n   Zeile\n",
	"# c\nlong: {when: 'x == y'}\nwhen:\n  a ==\n  b # no\nlast: 'q'\n",
	"when: |  # note\n\n\n  a\n\n\n  b\n",
	"when:   >+\n  a\n\n\n  b\n\n",
}

func TestPlacesInsideScalars(t *testing.T) {
	for _, s := range scalars {
		checkPositions(t, s)
	}
	// escapes: the place after them is right again
	w := &walker{src: newSource("x.yml", `when: "a\t\"b\u00e9\x41 == c"`)}
	var n yaml.Node
	if err := yaml.Unmarshal([]byte(w.src.lines[0]), &n); err != nil {
		t.Fatal(err)
	}
	v := n.Content[0].Content[1]
	at := strings.Index(v.Value, "c")
	at = utf8.RuneCountInString(v.Value[:at])
	if _, col := w.at(v).At(at); []rune(w.src.lines[0])[col-1] != 'c' {
		t.Errorf("c is placed at column %d", col)
	}
}

func FuzzPlaces(f *testing.F) {
	for _, s := range scalars {
		f.Add(s)
	}
	f.Fuzz(func(t *testing.T, text string) {
		if len(text) > 400 || !utf8.ValidString(text) || strings.ContainsAny(text, "\r\u0085\u2028\u2029\ufeff\ufffd") || strings.ContainsAny(text, "#!&") {
			return
		}
		checkPositions(t, text)
	})
}
