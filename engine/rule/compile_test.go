package rule

import (
	"fmt"
	"os"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/seed-843b225c/reflex/engine"
)

// testOptions gives what conditions of the samples call.
func testOptions() Options {
	return Options{
		Functions: testFunctions(),
		Lists:     fakeLists{"known_networks": {"192.0.2.0/24"}, "model_namespaces": {"example"}, "sanctioned": {"ZZ"}},
	}
}

func goodSet(t *testing.T) *Set {
	t.Helper()
	p, _ := Load(os.DirFS("testdata/good"))
	set, ms := Compile(p, testOptions())
	if err := ms.Err(); err != nil {
		t.Fatal(err)
	}
	return set
}

// slotNames gives the names behind slots, joined.
func (s *Set) slotNames(slots []int) string {
	var out []string
	for _, i := range slots {
		out = append(out, s.Layout.Slots()[i].Name)
	}
	slices.Sort(out)
	return strings.Join(out, " ")
}

func (s *Set) refNames(refs []Ref) string {
	var out []string
	for _, r := range refs {
		out = append(out, r.Name)
	}
	return strings.Join(out, " ")
}

func TestDefaultDedup(t *testing.T) {
	set := goodSet(t)
	for id, want := range map[string]string{
		"ai-key-foreign-use":   "secret.principal source.as.number",
		"env-dumped":           "ci.run.id",
		"ai-key-many-networks": "secret.principal",
		"ai-key-new-network":   "secret.principal source.as.number",
		"chain-model-to-cloud": "key.run",
	} {
		r := set.rule(t, id)
		if got := set.refNames(r.Alert.DedupBy); got != want {
			t.Errorf("%s: dedup by %q, want %q", id, got, want)
		}
		if r.Alert.Within != int64(time.Hour) {
			t.Errorf("%s: dedup within %v", id, time.Duration(r.Alert.Within))
		}
	}
}

// TestKeepHoldsWhatChainsRead: a rule's kept hit carries what the chains that
// take its points read of it.
func TestKeepHoldsWhatChainsRead(t *testing.T) {
	set := goodSet(t)
	for id, want := range map[string]string{
		"ai-key-foreign-use":    "gen_ai.request.model secret.hint secret.owner secret.principal source.as.number source.as.organization.name source.geo.country_iso_code source.ip",
		"ai-key-many-networks":  "secret.principal source.as.number",
		"model-untrusted":       "ci.run.id model.ref",
		"env-dumped":            "ci.run.id",
		"runner-egress-unknown": "ci.run.id destination.domain source.ip", // out is reached: it may complete, and show holds source.ip
		"ci-key-foreign-use":    "secret.principal source.ip",
	} {
		got := set.slotNames(set.rule(t, id).Keep)
		for _, w := range strings.Fields(want) {
			if !slices.Contains(strings.Fields(got), w) {
				t.Errorf("%s keeps %q, and not %s", id, got, w)
			}
		}
	}
}

func TestFeedsAndRuns(t *testing.T) {
	set := goodSet(t)
	chain := set.rule(t, "chain-model-to-cloud")
	for i, id := range []string{"model-untrusted", "env-dumped", "runner-egress-unknown", "ci-key-foreign-use"} {
		r := set.rule(t, id)
		if len(r.Feeds) != 1 || r.Feeds[0].Rule != chain.Index || r.Feeds[0].Step != i {
			t.Errorf("%s feeds %+v", id, r.Feeds)
		}
		for _, p := range set.Probes {
			if p.Rule == r.Index && p.NeedsRun != (i < 3) {
				t.Errorf("%s: needs its run: %v", id, p.NeedsRun)
			}
		}
	}
	s := chain.Sequence
	if got := strings.Join(s.Keys, " "); got != "run key" {
		t.Errorf("keys %q", got)
	}
	if len(s.Links) != 1 || !set.Probes[s.Links[0].Probe].NeedsRun || s.Links[0].From.Key != 0 || s.Links[0].To.Key != 1 {
		t.Errorf("links %+v", s.Links)
	}
	if s.Steps[2].Reached != engine.High || !s.Steps[1].Optional || s.Steps[1].Within != int64(15*time.Minute) {
		t.Errorf("steps %+v", s.Steps)
	}
	if s.Slack != int64(2*time.Second) || !s.Ordered {
		t.Errorf("slack %v, ordered %v", s.Slack, s.Ordered)
	}
}

const rule1 = "id: a\ntitle: A\nlevel: low\nwhen: user.name != nil\n"

// TestExceptionsGoToTheirStep covers steps with conditions, steps made of
// rules, and tags.
func TestExceptionsGoToTheirStep(t *testing.T) {
	except := func(to string) string {
		return "---\nkind: exception\nid: e\n" + to + "\nwhen: source.port == 22\nreason: r\nowner: o\ncreated: 2026-01-01\nexpires: 2026-02-01\n"
	}
	chain := "---\nid: c\ntitle: C\nlevel: low\nsequence:\n  within: 1h\n  steps:\n" +
		"    - {id: one, rule: a, by: {u: user.name}}\n" +
		"    - {id: two, when: user.id != nil, by: {u: user.name}}\n" +
		"    - {id: three, when: user.email != nil, by: {u: user.name}, negated: true, within: 1m}\n"
	where := func(text string) string {
		set := compileText(t, text)
		var out []string
		for _, p := range set.Probes {
			if len(p.Except) > 0 {
				out = append(out, fmt.Sprintf("%s %d %d", set.Rules[p.Rule].ID, p.Role, p.Part))
			}
		}
		for _, r := range set.Rules {
			for _, f := range r.Feeds {
				if len(f.Except) > 0 {
					out = append(out, fmt.Sprintf("%s to %d", r.ID, f.Step))
					if !slices.Contains(r.Keep, set.Layout.SlotOf("source.port")) {
						t.Errorf("%s does not keep what the exception reads", r.ID)
					}
				}
			}
		}
		return strings.Join(out, ", ")
	}
	for _, c := range []struct{ to, want string }{
		{"rules: [a]", "a 0 0"},
		{"rules: [c]", "c 1 1, a to 0"},
		{"rules: [c]\nstep: one", "a to 0"},
		{"rules: [c]\nstep: two", "c 1 1"},
		{"rules: [c]\nstep: three", "c 1 2"},
		{"tags: [reflex.expose]", "a 0 0"},
	} {
		if got := where(rule1 + "tags: [reflex.expose]\n" + chain + except(c.to)); got != c.want {
			t.Errorf("%s: got %q, want %q", c.to, got, c.want)
		}
	}
}

func TestModes(t *testing.T) {
	chain := "---\nid: c\ntitle: C\nmode: MODE\nlevel: low\nsequence:\n  within: 1h\n  steps:\n" +
		"    - {id: one, rule: [a, b], by: {u: user.name}}\n    - {id: two, when: user.id != nil, by: {u: user.name}}\n"
	rules := func(a, b, c string) string {
		second := strings.NewReplacer("id: a", "id: b", "title: A", "title: B").Replace(rule1)
		return rule1 + "mode: " + a + "\n---\n" + second + "mode: " + b + "\n" + strings.Replace(chain, "MODE", c, 1)
	}
	for _, c := range []struct {
		a, b, c          string
		errors, warnings int
	}{
		{"alert", "signal", "alert", 0, 0},
		{"off", "alert", "alert", 0, 1},
		{"off", "off", "alert", 2, 0},
		{"off", "off", "off", 0, 0},
		{"shadow", "alert", "alert", 0, 1},
		{"shadow", "shadow", "signal", 2, 0},
		{"shadow", "shadow", "shadow", 0, 0},
		{"shadow", "alert", "shadow", 0, 0},
	} {
		p, _ := loadText(rules(c.a, c.b, c.c))
		set, ms := Compile(p, testOptions())
		if len(ms.Errors()) != c.errors || len(ms.Warnings()) != c.warnings {
			t.Errorf("%s, %s feed %s: %v", c.a, c.b, c.c, ms)
		}
		if set == nil {
			continue
		}
		for _, r := range set.Rules {
			if r.Mode == ModeOff {
				t.Errorf("%s is off and runs", r.ID)
			}
		}
	}
}

func TestChainsOfChains(t *testing.T) {
	seq := func(id, rule string) string {
		return "---\nid: " + id + "\ntitle: T\nlevel: low\nsequence:\n  within: 1h\n  steps:\n    - {id: one, when: user.id != nil, by: {u: user.name}}\n    - {id: two, rule: " + rule + ", by: {run: ci.run.id, u: user.name}}\n"
	}
	set := compileText(t, rule1+seq("b", "a")+seq("c", "b"))
	a := set.rule(t, "a")
	if !slices.Contains(a.Keep, set.Layout.SlotOf("ci.run.id")) {
		t.Error("a does not keep the key that the chain of the chain needs")
	}
	p, _ := loadText(rule1 + seq("b", "c") + seq("c", "d") + seq("d", "b"))
	_, ms := Compile(p, testOptions())
	if !strings.Contains(ms.Error(), "chains need each other: b -> c -> d -> b") {
		t.Errorf("got %v", ms)
	}
}

// TestKeysInLevelWhen: key.<name> has a slot of its own that correlate fills.
func TestKeysInLevelWhen(t *testing.T) {
	set := compileText(t, "id: c\ntitle: C\nlevel: low\nlevel_when: [{if: 'key.u == \"root\"', then: high}]\nsequence:\n  within: 1h\n  steps:\n    - {id: one, when: user.id != nil, by: {u: user.name, v: user.id}}\n    - {id: two, when: user.id != nil, by: {u: user.name, v: user.id}}\n")
	s := set.Rules[0].Sequence
	if s.KeySlots[0] < 0 || s.KeySlots[1] >= 0 {
		t.Fatalf("slots %v", s.KeySlots)
	}
	if slices.Contains(set.Rules[0].Keep, s.KeySlots[0]) || slices.Contains(s.Steps[1].Keep, s.KeySlots[0]) {
		t.Error("the slot of a key is kept, though no event has it")
	}
	if got := set.Layout.Slots()[s.KeySlots[0]]; got.Name != "key.u" || got.Type != engine.Keyword {
		t.Errorf("slot %+v", got)
	}
}

func TestDemand(t *testing.T) {
	p, _ := loadText(rule1)
	o := testOptions()
	o.Demand = []string{"runner.name", "no.such"}
	_, ms := Compile(p, o)
	if !strings.Contains(ms.Error(), "no field is named no.such") {
		t.Errorf("got %v", ms)
	}
	o.Demand = o.Demand[:1]
	set, _ := Compile(p, o)
	if set == nil || set.Layout.SlotOf("runner.name") < 0 {
		t.Error("the station's field has no slot")
	}
}

func TestListsArePartOfTheVersion(t *testing.T) {
	p, _ := loadText("id: a\ntitle: A\nlevel: low\nwhen: model.namespace in list(\"model_namespaces\")\n---\nid: b\ntitle: B\nlevel: low\nwhen: user.name != nil\n")
	o := testOptions()
	before, ms := Compile(p, o)
	if before == nil {
		t.Fatal(ms)
	}
	o.Lists.(fakeLists)["model_namespaces"] = []string{"example", "more"}
	after, _ := Compile(p, o)
	if before.Rules[0].Version == after.Rules[0].Version || before.Version == after.Version {
		t.Error("an entry of a list does not change the version of the rule that names it")
	}
	if before.Rules[0].Text != after.Rules[0].Text || before.Rules[0].Text == before.Rules[1].Text {
		t.Error("Text is not the hash of the rule's own text")
	}
	if before.Rules[1].Version != after.Rules[1].Version {
		t.Error("it changes the version of a rule that does not")
	}
}
