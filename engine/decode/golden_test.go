package decode

import (
	"bytes"
	"encoding/json"
	"flag"
	"fmt"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"github.com/seed-843b225c/reflex/engine"
)

var update = flag.Bool("update", false, "rewrite golden files")

// goldener writes every event as its document, and what was refused or skipped.
type goldener struct {
	docs *Documents
	out  bytes.Buffer
	t    *testing.T
}

func (g *goldener) Event(ev *engine.Event) {
	fmt.Fprintf(&g.out, "event %s %s", ev.Origin, ev.Dataset)
	if ev.Derived != "" {
		fmt.Fprintf(&g.out, " derived %s", ev.Derived)
	}
	if ev.Place {
		g.out.WriteString(" (by place)")
	}
	g.out.WriteByte('\n')
	doc := g.docs.Document(ev)
	if err := json.Indent(&g.out, doc, "", "  "); err != nil {
		g.t.Fatalf("document is not JSON: %v: %s", err, doc)
	}
	g.out.WriteByte('\n')
}

func (g *goldener) Refuse(r engine.Refusal) { fmt.Fprintf(&g.out, "refused %s\n", r.Error()) }
func (g *goldener) Skip(o engine.Origin, why string) {
	fmt.Fprintf(&g.out, "skipped %s: %s\n", o, why)
}

// TestGolden compares the documents of each sample with the file beside it.
func TestGolden(t *testing.T) {
	files, _ := filepath.Glob("testdata/samples/*")
	for _, name := range files {
		if strings.HasSuffix(name, ".golden") {
			continue
		}
		t.Run(filepath.Base(name), func(t *testing.T) {
			data, err := os.ReadFile(name)
			if err != nil {
				t.Fatal(err)
			}
			p, err := NewPlan(fourteen(), Options{})
			if err != nil {
				t.Fatal(err)
			}
			g := &goldener{docs: p.NewDocuments(), t: t}
			d := p.NewDecoder()
			d.Decode(engine.Record{Data: data, Chunk: true, Last: true, Origin: engine.Origin{Source: filepath.Base(name), Partition: -1}}, g)
			golden := name + ".golden"
			if *update {
				if err := os.WriteFile(golden, g.out.Bytes(), 0o644); err != nil {
					t.Fatal(err)
				}
				return
			}
			want, err := os.ReadFile(golden)
			if err != nil {
				t.Fatal(err)
			}
			if got := g.out.String(); got != string(want) {
				t.Errorf("documents changed; run with -update and read the difference.\n%s", firstDifference(string(want), got))
			}
		})
	}
}

func firstDifference(want, got string) string {
	w, g := strings.Split(want, "\n"), strings.Split(got, "\n")
	for i := range max(len(w), len(g)) {
		a, b := "(end)", "(end)"
		if i < len(w) {
			a = w[i]
		}
		if i < len(g) {
			b = g[i]
		}
		if a != b {
			return fmt.Sprintf("line %d\nwant %s\ngot  %s", i+1, a, b)
		}
	}
	return ""
}
