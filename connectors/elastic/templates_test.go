package elastic

import (
	"bytes"
	"context"
	"encoding/json"
	"flag"
	"os"
	"os/exec"
	"strings"
	"testing"
	"time"

	"github.com/seed-843b225c/reflex/connectors/contract"
	"github.com/seed-843b225c/reflex/engine"
)

var update = flag.Bool("update", false, "rewrite testdata/templates.json")

// A change of the registry or of a template is seen in a diff of this file.
func TestTemplatesAreAsInTestdata(t *testing.T) {
	const path = "testdata/templates.json"
	got, err := json.MarshalIndent(Templates(Config{}), "", "  ")
	if err != nil {
		t.Fatal(err)
	}
	got = append(got, '\n')
	if *update {
		if err := os.WriteFile(path, got, 0o644); err != nil {
			t.Fatal(err)
		}
	}
	want, err := os.ReadFile(path)
	if err != nil || !bytes.Equal(got, want) {
		t.Errorf("%s is stale (%v): run `go generate ./connectors/elastic`, look at the diff, and raise templateVersion when an older Reflex must not replace it", path, err)
	}
}

// Every field that a document can have is either mapped or inside an open shape.
func TestDocumentsHaveNoUnmappedFields(t *testing.T) {
	types := flatFields(mappings())
	for _, f := range engine.Fields() {
		root, _, _ := strings.Cut(f.Name, ".")
		if _, ok := types[f.Name]; !ok && (root == "event" || root == "source" || root == "secret" || root == "gen_ai") {
			t.Errorf("%s has no mapping", f.Name)
		}
	}
	w := writer{namespace: "x", now: time.Now}
	ts := contract.Transitions(6)
	ts[0].Alert.Measure, ts[0].Alert.Incomplete, ts[0].Into = 2, "quota", "other"
	ts[1].Incident.Into, ts[1].Incident.Merged, ts[1].Incident.Incomplete = "other", []string{"another"}, "timeline cut"
	var b bytes.Buffer
	for i := range ts {
		if _, err := w.append(&b, &ts[i], ""); err != nil {
			t.Fatal(err)
		}
	}
	lines := strings.Split(strings.TrimSpace(b.String()), "\n")
	for i := 1; i < len(lines); i += 2 {
		var doc object
		if err := json.Unmarshal([]byte(lines[i]), &doc); err != nil {
			t.Fatal(err)
		}
		unmapped(t, "", doc, types)
	}
	if n := len(types); n > fieldLimit/2 {
		t.Errorf("%d fields: leave room for the users' own below %d", n, fieldLimit)
	}
}

func unmapped(t *testing.T, prefix string, v any, types map[string]string) {
	switch v := v.(type) {
	case object:
		for name, child := range v {
			if types[prefix+name] != "flattened" {
				unmapped(t, strings.TrimPrefix(prefix+name+".", "."), child, types)
			}
		}
	case []any:
		for _, child := range v {
			unmapped(t, prefix, child, types)
		}
	default:
		if name := strings.TrimSuffix(prefix, "."); types[name] == "" {
			t.Errorf("%s has no mapping", name)
		}
	}
}

func TestRetentionOfSignalsIsShort(t *testing.T) {
	for retention, want := range map[string][2]string{"": {"400d", "30d"}, "7d": {"7d", "7d"}, "900h": {"900h", "30d"}, "48h": {"48h", "48h"}} {
		for _, tm := range Templates(Config{Retention: retention}) {
			for i, name := range []string{"reflex.alerts", "reflex.signals"} {
				if tm.Name == name && !strings.Contains(string(tm.Body), `"data_retention": "`+want[i]+`"`) {
					t.Errorf("%q: %s", retention, tm.Body)
				}
			}
		}
	}
}

func TestSetupLeavesWhatANewerReflexInstalled(t *testing.T) {
	f := newFake(t)
	setup(t, f.config())
	f.set(func() {
		f.templates["reflex.alerts"] = []byte(`{"version":2,"priority":200,"_meta":{"reflex":"new"}}`)
	})
	found, err := Setup(context.Background(), f.config())
	if err != nil || len(found) != 1 || !strings.Contains(found[0].Note, "newer Reflex") {
		t.Errorf("%+v: %v", found, err)
	}
	if !strings.Contains(string(f.templates["reflex.alerts"]), `"version":2`) {
		t.Error("the newer template was replaced")
	}
}

func TestPatternsMatchAsInElasticsearch(t *testing.T) {
	for _, c := range []struct {
		pattern, name string
		want          bool
	}{{"*", "a", true}, {"logs-*-*", "logs-reflex.alerts-x", true}, {"logs-*", "reflex-incidents-x", false}, {"a", "a", true}, {"a", "ab", false},
		{"*a*b", "xaxb", true}, {"*a*b", "xaxbc", false}, {"a*", "a", true}, {"", "a", false}} {
		if got := matches(c.pattern, c.name); got != c.want {
			t.Errorf("%q matches %q: %v", c.pattern, c.name, got)
		}
	}
}

// The client's root package and esutil compile the typed client: minutes of
// building for whoever tries Reflex the first time.
func TestOnlyTheSmallPartsOfTheClientAreShipped(t *testing.T) {
	const client = "github.com/elastic/go-elasticsearch/v8"
	out, err := exec.Command("go", "list", "-deps", "github.com/seed-843b225c/reflex/...").Output()
	if err != nil {
		t.Fatal(err)
	}
	seen := false
	for line := range strings.Lines(string(out)) {
		switch p := strings.TrimSpace(line); {
		case p == client+"/esapi":
			seen = true
		case p == client, strings.HasPrefix(p, client+"/esutil"), strings.HasPrefix(p, client+"/typedapi"):
			t.Errorf("%s is among what is built", p)
		}
	}
	if !seen {
		t.Error("esapi is not among what is built: this test looks at the wrong place")
	}
}
