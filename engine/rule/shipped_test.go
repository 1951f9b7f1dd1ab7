package rule_test

import (
	"testing"

	"github.com/seed-843b225c/reflex/engine/enrich"
	"github.com/seed-843b225c/reflex/engine/rule"
	"github.com/seed-843b225c/reflex/rules"
)

// TestShippedRulesLoad compiles every shipped rule with the shipped lists:
// no mistakes, no warnings, no condition on the slow path; and every test of
// it with nothing but what the test brings.
func TestShippedRulesLoad(t *testing.T) {
	lists, keys, ms := rule.LoadLists(rules.FS)
	if len(ms) > 0 {
		t.Fatalf("lists:\n%v", ms)
	}
	pack, _ := rule.Load(rules.FS)
	set := compile(t, pack, enrich.Config{Lists: lists, Keys: keys})
	if set == nil || len(set.Rules) == 0 {
		t.Fatal("no rule came of it")
	}
	for _, p := range set.Probes {
		if !p.Cond.Compiled() {
			t.Errorf("rule %s runs on the VM", set.Rules[p.Rule].ID)
		}
	}
	for _, r := range pack.Rules {
		for _, test := range r.Tests {
			c := enrich.Config{Lists: test.ListDefs(lists), Keys: test.Keys, Known: test.Known}
			if compile(t, pack.Only(r.ID), c) == nil {
				t.Errorf("%s:%d: test %q", test.File, test.Line, test.Name)
			}
		}
	}
}

func compile(t *testing.T, pack *rule.Pack, c enrich.Config) *rule.Set {
	t.Helper()
	data, errs := enrich.New(c)
	if len(errs) > 0 {
		t.Errorf("lists: %v", errs)
	}
	set, ms := rule.Compile(pack, rule.Options{Functions: data.Functions(), Lists: data.Lists()})
	if len(ms) > 0 {
		t.Errorf("rules:\n%v", ms)
	}
	return set
}
