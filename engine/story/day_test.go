package story_test

import (
	"bytes"
	"io/fs"
	"testing"
	"testing/fstest"

	"github.com/seed-843b225c/reflex/engine/enrich"
	"github.com/seed-843b225c/reflex/engine/rule"
	"github.com/seed-843b225c/reflex/engine/secret"
	"github.com/seed-843b225c/reflex/engine/story"
)

// TestScannerFindsTheLeak: the one key that the day prints is found, with the
// identity by which the gateway logs it, and nothing else that stands in build
// logs is taken for a secret.
func TestScannerFindsTheLeak(t *testing.T) {
	scan := secret.New(secret.Options{}).NewScan()
	for seed := range int64(3) {
		s := story.New(seed)
		value, found := s.Secrets()[0], 0
		for _, f := range s.Files() {
			if !bytes.HasPrefix([]byte(f.Name), []byte("actions/")) {
				continue
			}
			for _, hit := range scan.Find(f.Data) {
				if got := string(f.Data[hit.Start:hit.End]); got != value || hit.Kind != "ai_key" || hit.Principal == "" {
					t.Errorf("seed %d: %s: unexpected %s at %d", seed, f.Name, hit.Format, hit.Start)
				}
				found++
			}
		}
		if found != 1 {
			t.Errorf("seed %d: the leaked key was found %d times", seed, found)
		}
	}
}

func TestListsAndExceptionsLoad(t *testing.T) {
	s := story.New(1)
	lists, keys, mistakes := rule.LoadLists(s.Lists(), ".")
	if len(mistakes) > 0 || len(lists) < 9 || len(keys) != 9 {
		t.Errorf("%d lists, %d keys: %v", len(lists), len(keys), mistakes)
	}
	if _, err := fs.Stat(s.Exceptions(), "load-test.yml"); err != nil {
		t.Error(err)
	}
}

func TestBenchRulesCompile(t *testing.T) {
	data, errs := enrich.New(enrich.Config{})
	if len(errs) > 0 {
		t.Fatal(errs)
	}
	for _, n := range []int{10, 100, 1000} {
		pack, _ := rule.Load(fstest.MapFS{"rules.yml": &fstest.MapFile{Data: story.BenchRules(n)}}, ".")
		set, mistakes := rule.Compile(pack, rule.Options{Functions: data.Functions(), Lists: data.Lists()})
		if len(mistakes) > 0 {
			t.Fatalf("%d rules: %v", n, mistakes)
		}
		if len(set.Rules) != n {
			t.Errorf("%d rules: %d compiled", n, len(set.Rules))
		}
	}
}

func TestCloudTrailLinesHaveTheSizeOfRealOnes(t *testing.T) {
	var b bytes.Buffer
	if err := story.CloudTrailLines(1, 5000, &b); err != nil {
		t.Fatal(err)
	}
	if n := bytes.Count(b.Bytes(), []byte("\n")); n != 5000 {
		t.Errorf("%d lines", n)
	}
	if mean := b.Len() / 5000; mean < 1350 || mean > 1700 {
		t.Errorf("records have %d bytes on average", mean)
	}
}
