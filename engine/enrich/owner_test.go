package enrich

import (
	"testing"

	"github.com/seed-843b225c/reflex/engine"
)

func TestOwnerAsksInventoryThenLists(t *testing.T) {
	d, errs := New(Config{
		Keys: []engine.AIKey{{ID: "k1", Owner: "key owner"}, {ID: "k2"}},
		Lists: []engine.ListDef{
			{Name: "b_repos", Type: "exact", Entries: []engine.ListEntry{{Value: "org/app", Owner: "b owner"}}},
			{Name: "a_repos", Type: "exact", Entries: []engine.ListEntry{{Value: "org/app"}, {Value: "org/lib", Owner: "a owner"}, {Value: "k1", Owner: "no"}}},
			{Name: "globs", Type: "glob", Entries: []engine.ListEntry{{Value: "org/*", Owner: "no"}}},
		},
	})
	if len(errs) > 0 {
		t.Fatal(errs)
	}
	for value, want := range map[string]string{"k1": "key owner", "k2": "", "org/app": "b owner", "org/lib": "a owner", "org/other": "", "": ""} {
		if got := d.Owner(value); got != want {
			t.Errorf("owner of %q is %q, want %q", value, got, want)
		}
	}
}
