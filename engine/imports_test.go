package engine_test

import (
	"encoding/json"
	"io"
	"os"
	"os/exec"
	"path/filepath"
	"regexp"
	"slices"
	"sort"
	"strings"
	"testing"
)

const module = "github.com/seed-843b225c/reflex/"

// allowed says which of our own packages a package may import (STYLE: who may
// import whom). Tests may import more; this is about what is shipped.
var allowed = map[string][]string{
	"engine":            {},
	"engine/secret":     {},
	"rules":             {},
	"engine/window":     {"engine"},
	"engine/decode":     {"engine", "engine/secret"},
	"engine/enrich":     {"engine"},
	"engine/rule":       {"engine"},
	"engine/job":        {"engine"},
	"engine/story":      {"engine"},
	"engine/checkpoint": {"engine"},
	"engine/detect":     {"engine", "engine/enrich", "engine/rule"},
	"engine/correlate":  {"engine", "engine/rule", "engine/window"},
	"engine/incident":   {"engine"},
	"engine/pipeline": {"engine", "engine/decode", "engine/detect", "engine/job", "engine/correlate",
		"engine/incident", "engine/checkpoint", "engine/rule"},
	"connectors/file":            {"engine"},
	"connectors/kafka":           {"engine"},
	"connectors/elastic":         {"engine"},
	"connectors/slack":           {"engine"},
	"connectors/webhook":         {"engine"},
	"connectors/contract":        {"engine"},
	"connectors/slack/slacktest": {},
}

// homes says which package alone may import a third-party module; the standard
// library is free except where onlyStd says otherwise.
var homes = map[string][]string{
	"github.com/expr-lang/expr":               {"engine/rule"},
	"go.yaml.in/yaml/v3":                      {"engine/rule", "cmd/reflex"},
	"github.com/gaissmai/bart":                {"engine/enrich"},
	"github.com/oschwald/geoip2-golang/v2":    {"engine/enrich"},
	"github.com/oschwald/maxminddb-golang/v2": {"engine/enrich"},
	"github.com/klauspost/compress":           {"connectors/file", "engine/decode"},
	"github.com/spf13/cobra":                  {"cmd/reflex"},
	"github.com/segmentio/kafka-go":           {"connectors/kafka"},
	"github.com/elastic/go-elasticsearch/v8":  {"connectors/elastic"},
	"github.com/elastic/elastic-transport-go": {"connectors/elastic"},
	"github.com/slack-go/slack":               {"connectors/slack"},
	"github.com/cockroachdb/pebble/v2":        {"engine/checkpoint"},
	"github.com/prometheus/client_golang":     {"engine/pipeline", "cmd/reflex", "connectors/kafka", "connectors/elastic", "connectors/slack", "connectors/webhook"},
	"github.com/fsnotify/fsnotify":            {"cmd/reflex"},
	"golang.org/x/term":                       {"cmd/reflex"},
}

// forbidden are standard packages with clocks of their own, networks or logs,
// which the still centre must not touch.
var forbidden = []string{"net/http", "log", "log/slog", "os/exec"}

type pkg struct {
	ImportPath string
	Imports    []string
}

func TestImportsFollowTheLine(t *testing.T) {
	out, err := exec.Command("go", "list", "-json=ImportPath,Imports", module+"...").Output()
	if err != nil {
		t.Fatalf("go list: %v", err)
	}
	seen := 0
	for dec := json.NewDecoder(strings.NewReader(string(out))); ; {
		var p pkg
		if err := dec.Decode(&p); err == io.EOF {
			break
		} else if err != nil {
			t.Fatal(err)
		}
		seen++
		checkImports(t, p)
	}
	if seen < 2 {
		t.Fatalf("go list found only %d packages", seen)
	}
}

func checkImports(t *testing.T, p pkg) {
	name := strings.TrimPrefix(p.ImportPath, module)
	ok, known := allowed[name]
	isCmd := strings.HasPrefix(name, "cmd/")
	// a generator or a benchmark program is a command of its own
	if !known && !isCmd && !strings.Contains(name, "/gen") && !strings.HasPrefix(name, "testdata/") {
		t.Errorf("%s: package is not in the table of imports", name)
		return
	}
	for _, imp := range p.Imports {
		if own := strings.TrimPrefix(imp, module); own != imp {
			if strings.HasPrefix(own, "cmd/") {
				t.Errorf("%s imports %s: nothing imports cmd", name, own)
			}
			if known && !contains(ok, own) {
				t.Errorf("%s imports %s: allowed are %v", name, own, ok)
			}
			continue
		}
		if known && name != "engine/pipeline" && !strings.HasPrefix(name, "connectors/") && contains(forbidden, imp) {
			t.Errorf("%s imports %s: the stations have no clock, log or network", name, imp)
		}
		if strings.Contains(strings.Split(imp, "/")[0], ".") && known && !atHome(name, imp) {
			t.Errorf("%s imports %s: that module has another home, or none yet", name, imp)
		}
	}
}

func atHome(name, imp string) bool {
	mods := make([]string, 0, len(homes))
	for m := range homes {
		mods = append(mods, m)
	}
	sort.Strings(mods)
	for _, m := range mods {
		if imp == m || strings.HasPrefix(imp, m+"/") {
			return contains(homes[m], name)
		}
	}
	return false
}

func contains(list []string, s string) bool {
	for _, e := range list {
		if e == s {
			return true
		}
	}
	return false
}

// goroutine matches code that starts one.
var goroutine = regexp.MustCompile(`(?m)^\s*go (func\b|[\w.]+\()|\.Go\(`)

// TestGoroutinesAreRaced: a package outside the Makefile's RACED starts none.
func TestGoroutinesAreRaced(t *testing.T) {
	makefile, err := os.ReadFile("../Makefile")
	if err != nil {
		t.Fatal(err)
	}
	raced := regexp.MustCompile(`(?m)^RACED = (.*)$`).FindSubmatch(makefile)
	if raced == nil {
		t.Fatal("the Makefile has no RACED")
	}
	started := 0
	for _, glob := range []string{"*/*.go", "*/*/*.go", "*/*/*/*.go"} {
		files, err := filepath.Glob("../" + glob)
		if err != nil {
			t.Fatal(err)
		}
		for _, file := range files {
			code, err := os.ReadFile(file)
			if err != nil {
				t.Fatal(err)
			}
			if strings.HasSuffix(file, "_test.go") || strings.HasPrefix(file, "../testdata/") || !goroutine.Match(code) {
				continue
			}
			started++
			dir := filepath.ToSlash(filepath.Dir(strings.TrimPrefix(file, "../")))
			if !slices.ContainsFunc(strings.Fields(string(raced[1])), func(p string) bool {
				p, all := strings.CutSuffix(strings.TrimPrefix(p, "./"), "/...")
				return dir == p || all && strings.HasPrefix(dir, p+"/")
			}) {
				t.Errorf("%s starts a goroutine: put its package into RACED of the Makefile", file)
			}
		}
	}
	if started == 0 {
		t.Error("no goroutine was found anywhere")
	}
}
