package decode

import (
	"bytes"
	"fmt"
	"go/ast"
	"go/parser"
	"go/token"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"

	"github.com/seed-843b225c/reflex/engine"
)

// enriched are the fields that no record holds: what the organisation or the
// engine itself knows.
var enriched = map[string]string{
	"source.geo.": "enrichment", "source.as.": "enrichment", "source.anonymity.": "enrichment",
	"destination.geo.": "enrichment", "destination.as.": "enrichment", "secret.owner": "enrichment", "measure": "the rule's count",
}

// everywhere are the fields that every event has.
var everywhere = []string{"@timestamp", "event.id", "event.dataset", "event.kind", "event.action"}

// sources says for each field which datasets fill it, in the order of the table
// of datasets.
func sources(t *testing.T) map[string][]string {
	out := map[string][]string{}
	add := func(field, dataset string) {
		if !slices.Contains(out[field], dataset) {
			out[field] = append(out[field], dataset)
		}
	}
	for _, d := range engine.Datasets() {
		for _, f := range formats {
			if f.dataset != d || d == engine.ECS {
				continue
			}
			for _, r := range f.table {
				add(r.field, d.String())
			}
			for _, dr := range f.derived {
				for _, r := range dr.table {
					add(r.field, d.String())
				}
			}
		}
		if d == engine.GitHubActions {
			for _, f := range textFields(t) {
				add(f, d.String())
			}
		}
	}
	for _, f := range everywhere {
		out[f] = []string{"every dataset"}
	}
	for _, f := range engine.Fields() {
		for prefix, by := range enriched {
			if strings.HasPrefix(f.Name, prefix) {
				add(f.Name, by)
			}
		}
	}
	return out
}

// textFields are the fields that the text decoders name.
func textFields(t *testing.T) []string {
	files, err := filepath.Glob("text*.go")
	if err != nil {
		t.Fatal(err)
	}
	var out []string
	for _, name := range files {
		if strings.HasSuffix(name, "_test.go") {
			continue
		}
		f, err := parser.ParseFile(token.NewFileSet(), name, nil, 0)
		if err != nil {
			t.Fatal(err)
		}
		ast.Inspect(f, func(n ast.Node) bool {
			if c, ok := n.(*ast.CallExpr); ok && len(c.Args) == 1 {
				if s, ok := c.Fun.(*ast.SelectorExpr); ok && s.Sel.Name == "MustField" {
					out = append(out, strings.Trim(c.Args[0].(*ast.BasicLit).Value, `"`))
				}
			}
			return true
		})
	}
	slices.Sort(out)
	return out
}

// TestFieldsPage keeps engine/FIELDS.md in step with the registry and the
// tables; `go generate ./engine/...` rewrites it.
func TestFieldsPage(t *testing.T) {
	from := sources(t)
	var b bytes.Buffer
	b.WriteString("# Fields\n\nMade from the registry (engine/fields.go) and the tables of the formats (engine/decode) by `go generate ./engine/...`; do not edit.\n\n" +
		"A rule may use every field here, and `raw.<path>` for anything else in a JSON record. A document that is already in ECS\n" +
		"(dataset `ecs`, or the dataset that its `event.dataset` names) can fill all of them but `measure`.\n" +
		"Text marked *free text* comes from outside and is scanned for secrets before it is kept.\n\n" +
		"| Field | Type | Meaning | Filled by |\n|---|---|---|---|\n")
	for _, f := range engine.Fields() {
		meaning := f.Meaning
		if f.Text {
			meaning += " (*free text*)"
		}
		fmt.Fprintf(&b, "| `%s` | %s | %s | %s |\n", f.Name, f.Type, meaning, strings.Join(from[f.Name], ", "))
		if len(from[f.Name]) == 0 {
			t.Errorf("no format fills %s", f.Name)
		}
		delete(from, f.Name)
	}
	for f := range from {
		t.Errorf("a table names %s, which the registry does not", f)
	}
	const page = "../FIELDS.md"
	if *update {
		if err := os.WriteFile(page, b.Bytes(), 0o644); err != nil {
			t.Fatal(err)
		}
		return
	}
	have, err := os.ReadFile(page)
	if err != nil {
		t.Fatal(err)
	}
	if !bytes.Equal(have, b.Bytes()) {
		t.Errorf("%s is stale: go generate ./engine/...\n%s", page, firstDifference(string(have), b.String()))
	}
}
