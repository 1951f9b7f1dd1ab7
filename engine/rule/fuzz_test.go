package rule

import (
	"os"
	"strings"
	"testing"

	"go.yaml.in/yaml/v3"
)

// FuzzLoad: no input makes the loader panic; every mistake lies inside the
// file; and a file without mistakes, printed anew by the YAML library, means
// the same: it loads, to the same versions.
func FuzzLoad(f *testing.F) {
	for _, name := range []string{"testdata/good/rules.yml", "testdata/bad/rules.yml", "testdata/badlists/lists.yml"} {
		data, err := os.ReadFile(name)
		if err != nil {
			f.Fatal(err)
		}
		f.Add(string(data))
		for _, p := range split(string(data)) {
			f.Add(p.text)
		}
	}
	f.Add(New("a"))
	f.Fuzz(func(t *testing.T, text string) {
		p, ms := loadText(text)
		lines := strings.Count(lineEnds.Replace(text), "\n") + 1
		for _, m := range ms {
			if m.Line < 0 || m.Line > lines {
				t.Fatalf("%d lines, and a mistake in line %d: %s", lines, m.Line, m.Message)
			}
			if m.Col > 0 && m.Line == 0 {
				t.Fatalf("a column without a line: %+v", m)
			}
		}
		set, all := Compile(p, testOptions())
		if len(all) < len(ms) {
			t.Fatalf("Compile dropped mistakes of Load:\n%v\n%v", ms, all)
		}
		if set == nil || len(set.Rules) == 0 {
			return
		}
		again, _ := loadText(reprint(t, text))
		set2, ms2 := Compile(again, testOptions())
		if set2 == nil {
			t.Fatalf("printed anew it does not load: %v\n%s", ms2, reprint(t, text))
		}
		for i, r := range set.Rules {
			if set2.Rules[i].Version != r.Version {
				t.Fatalf("printed anew, rule %s has another version", r.ID)
			}
		}
	})
}

// reprint prints every document anew.
func reprint(t *testing.T, text string) string {
	var b strings.Builder
	for _, p := range split(lineEnds.Replace(strings.TrimPrefix(text, "\ufeff"))) {
		var n yaml.Node
		if yaml.Unmarshal([]byte(p.text), &n) != nil || n.Kind == 0 {
			continue
		}
		plainStyle(&n)
		out, err := yaml.Marshal(&n)
		if err != nil {
			t.Fatal(err)
		}
		b.WriteString("---\n")
		b.Write(out)
	}
	return b.String()
}

// plainStyle drops comments and quotes where they mean nothing.
func plainStyle(n *yaml.Node) {
	n.HeadComment, n.LineComment, n.FootComment = "", "", ""
	n.Style &^= yaml.FlowStyle | yaml.LiteralStyle | yaml.FoldedStyle
	if n.Kind == yaml.ScalarNode && n.Tag == "!!str" {
		n.Style = yaml.DoubleQuotedStyle
	}
	for _, c := range n.Content {
		plainStyle(c)
	}
}
