package enrich

import (
	"testing"

	"github.com/seed-843b225c/reflex/engine/rule"
	"github.com/seed-843b225c/reflex/rules"
)

// The lists that ship hold no mistake.
func TestShippedListsLoad(t *testing.T) {
	defs, keys, mistakes := rule.LoadLists(rules.FS, "lists")
	if len(mistakes) > 0 {
		t.Fatal(mistakes.Error())
	}
	if _, errs := New(Config{Lists: defs, Keys: keys}); len(errs) > 0 {
		t.Error(errs)
	}
	if len(defs) < 5 {
		t.Errorf("only %d lists", len(defs))
	}
}
