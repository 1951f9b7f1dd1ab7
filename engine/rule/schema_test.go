package rule

import (
	"bytes"
	"flag"
	"io/fs"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"github.com/santhosh-tekuri/jsonschema/v6"
	"go.yaml.in/yaml/v3"
)

var update = flag.Bool("update", false, "write generated and golden files anew")

const schemaFile = "../../rules/schema.json"

func TestSchemaIsCurrent(t *testing.T) {
	want := SchemaJSON()
	if *update {
		if err := os.WriteFile(schemaFile, want, 0o644); err != nil {
			t.Fatal(err)
		}
	}
	got, err := os.ReadFile(schemaFile)
	if err != nil {
		t.Fatal(err)
	}
	if !bytes.Equal(got, want) {
		t.Error("rules/schema.json is stale: run go generate ./engine/rule")
	}
}

func compiledSchema(t *testing.T) *jsonschema.Schema {
	t.Helper()
	doc, err := jsonschema.UnmarshalJSON(bytes.NewReader(SchemaJSON()))
	if err != nil {
		t.Fatal(err)
	}
	c := jsonschema.NewCompiler()
	if err := c.AddResource("schema.json", doc); err != nil {
		t.Fatal(err)
	}
	s, err := c.Compile("schema.json")
	if err != nil {
		t.Fatal(err)
	}
	return s
}

// documents gives every document of a file as JSON would hold it.
func documents(t *testing.T, file string) []any {
	t.Helper()
	data, err := os.ReadFile(file)
	if err != nil {
		t.Fatal(err)
	}
	var out []any
	for _, p := range split(string(data)) {
		var n yaml.Node
		if err := yaml.Unmarshal([]byte(p.text), &n); err != nil || len(n.Content) == 0 || n.Content[0].Tag == "!!null" {
			continue
		}
		v, err := jsonschema.UnmarshalJSON(bytes.NewReader(mustJSON(t, plainNode(n.Content[0], 0))))
		if err != nil {
			t.Fatal(err)
		}
		out = append(out, v)
	}
	return out
}

// TestSchemaTakesWhatTheWalkerTakes validates every shipped rule and list, and
// the samples of this package.
func TestSchemaTakesWhatTheWalkerTakes(t *testing.T) {
	schema := compiledSchema(t)
	n := 0
	for _, root := range []string{"../../rules", "testdata/good"} {
		filepath.WalkDir(root, func(path string, e fs.DirEntry, err error) error {
			if err != nil || e.IsDir() || !strings.HasSuffix(path, ".yml") && !strings.HasSuffix(path, ".yaml") {
				return err
			}
			for i, doc := range documents(t, path) {
				n++
				if err := schema.Validate(doc); err != nil {
					t.Errorf("%s, document %d: %v", path, i+1, err)
				}
			}
			return nil
		})
	}
	if n < 10 {
		t.Errorf("only %d documents were found", n)
	}
}

// TestSchemaRefusesWhatTheWalkerRefuses: each of these the schema can see.
func TestSchemaRefusesWhatTheWalkerRefuses(t *testing.T) {
	schema := compiledSchema(t)
	const head = "id: a\ntitle: A\nlevel: low\n"
	for _, bad := range []string{
		"id: a\ntitle: A\nwhen: true\n",
		head,
		head + "when: true\nlevl: low\n",
		head + "when: true\ncount: {by: user.name, within: 10, at_least: 1}\n",
		head + "when: true\ncount: {by: user.nam, within: 10m, at_least: 1}\n",
		head + "when: true\nfrom: nowhere\n",
		head + "when: true\nmode: loud\n",
		head + "when: true\nsequence: {within: 1h, steps: [{id: a, when: true, by: {k: user.name}}]}\n",
		"kind: exception\nid: a\nrules: [b]\nwhen: true\nreason: r\nowner: o\ncreated: 2026-01-01\n",
		"name: a\ntype: sorted\nentries: []\n",
		"ai_keys: [{provider: x}]\n",
	} {
		l := &loader{}
		w := &walker{src: newSource("bad.yml", bad)}
		var n yaml.Node
		if err := yaml.Unmarshal([]byte(bad), &n); err != nil {
			t.Fatal(err)
		}
		root := n.Content[0]
		w.check(root, docSpecs[w.kindOf(root)], "it")
		if kind := w.kindOf(root); kind == docRule {
			readRule(document{node{w, root}, kind, false})
		}
		if len(l.mistakes)+len(w.mistakes) == 0 {
			t.Errorf("the walker takes\n%s", bad)
		}
		v, err := jsonschema.UnmarshalJSON(bytes.NewReader(mustJSON(t, plainNode(root, 0))))
		if err != nil {
			t.Fatal(err)
		}
		if schema.Validate(v) == nil {
			t.Errorf("the schema takes\n%s", bad)
		}
	}
}
