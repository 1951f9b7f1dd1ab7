package rule

import (
	"encoding/json"
	"os"
	"strings"
	"testing"
	"testing/fstest"
)

func mustJSON(t *testing.T, v any) []byte {
	t.Helper()
	b, err := json.Marshal(v)
	if err != nil {
		t.Fatal(err)
	}
	return b
}

// loadText loads one file.
func loadText(text string) (*Pack, Mistakes) {
	return Load(fstest.MapFS{"rules.yml": {Data: []byte(text)}})
}

// compileText loads and compiles one file that must be right.
func compileText(t *testing.T, text string) *Set {
	t.Helper()
	p, _ := loadText(text)
	set, ms := Compile(p, testOptions())
	if err := ms.Err(); err != nil {
		t.Fatalf("compile:\n%v", err)
	}
	return set
}

// rule gives a compiled rule by id.
func (s *Set) rule(t *testing.T, id string) *Compiled {
	t.Helper()
	for _, r := range s.Rules {
		if r.ID == id {
			return r
		}
	}
	t.Fatalf("no rule %s", id)
	return nil
}

func TestGoodRulesCompile(t *testing.T) {
	p, ms := Load(os.DirFS("testdata/good"))
	if len(ms) > 0 {
		t.Fatalf("load:\n%v", ms)
	}
	set, ms := Compile(p, testOptions())
	if len(ms) > 0 {
		t.Fatalf("compile:\n%v", ms)
	}
	if len(set.Rules) != len(p.Rules) {
		t.Errorf("%d rules compiled of %d", len(set.Rules), len(p.Rules))
	}
}

// TestEveryMistakeOfEveryFile holds the whole output for files full of
// mistakes against a golden file.
func TestEveryMistakeOfEveryFile(t *testing.T) {
	p, _ := Load(os.DirFS("testdata/bad"))
	set, ms := Compile(p, testOptions())
	if set != nil {
		t.Error("a set came of it")
	}
	_, _, lists := LoadLists(os.DirFS("testdata/badlists"))
	got := ms.Error() + "\n" + lists.Error() + "\n"
	const golden = "testdata/mistakes.golden"
	if *update {
		if err := os.WriteFile(golden, []byte(got), 0o644); err != nil {
			t.Fatal(err)
		}
	}
	want, err := os.ReadFile(golden)
	if err != nil {
		t.Fatal(err)
	}
	if got != string(want) {
		t.Errorf("mistakes differ from %s (run with -update and read the diff); got\n%s", golden, got)
	}
}

func TestMissingPathIsReported(t *testing.T) {
	_, ms := Load(fstest.MapFS{}, "nowhere")
	if len(ms) != 1 || !strings.Contains(ms.Error(), "nowhere: cannot be read: file does not exist") {
		t.Errorf("got %v", ms)
	}
}

func TestHiddenFilesAndListsAreNoRules(t *testing.T) {
	files := fstest.MapFS{
		"a.yml":             {Data: []byte("id: a\ntitle: A\nlevel: low\nwhen: user.name != nil\n")},
		".hidden/b.yml":     {Data: []byte("nonsense")},
		"lists/c.yml":       {Data: []byte("name: c\ntype: exact\nentries: [x]\n")},
		"lists/keys.yaml":   {Data: []byte("ai_keys: [{id: k1, budget: 5}]\n")},
		"readme.md":         {Data: []byte("nonsense")},
		"more/nested/d.yml": {Data: []byte("# nothing but a comment\n")},
	}
	p, ms := Load(files)
	if len(ms) != 0 || len(p.Rules) != 1 {
		t.Errorf("rules %v, mistakes %v", p.Rules, ms)
	}
	lists, keys, ms := LoadLists(files)
	if len(ms) != 0 || len(lists) != 1 || len(keys) != 1 || keys[0].Budget != 5 {
		t.Errorf("lists %v, keys %v, mistakes %v", lists, keys, ms)
	}
}

func TestBrokenDocumentLeavesItsNeighboursReadable(t *testing.T) {
	p, ms := loadText("id: a\ntitle: {{ x }}\n  bad: [\n---\nid: b\ntitle: B\nlevel: low\nwhen: true\n...\nid: c\ntitle: C\nlevel: low\nwhen: true\n")
	if len(p.Rules) != 2 || len(ms) != 1 || ms[0].Hint != "put a text with {{ }} in quotes" {
		t.Errorf("rules %d, mistakes %v", len(p.Rules), ms)
	}
}

// TestAliasBombIsRefused: a few lines that would unfold to gigabytes.
func TestAliasBombIsRefused(t *testing.T) {
	bomb := "a: &a [x,x,x,x,x,x,x,x,x]\n"
	for c := 'b'; c < 'k'; c++ {
		bomb += string(c) + ": &" + string(c) + " [" + strings.Repeat("*"+string(c-1)+",", 8) + "*" + string(c-1) + "]\n"
	}
	_, ms := loadText(bomb)
	if len(ms.Errors()) == 0 {
		t.Error("it was taken")
	}
}

func TestVersionFollowsMeaningOnly(t *testing.T) {
	version := func(text string) string {
		set := compileText(t, text)
		return set.Rules[0].Version
	}
	base := "id: a\ntitle: A\nlevel: low\nwhen: user.name != nil\n"
	if version(base) != version("# comment\nid: 'a'\ntitle: A # more\nlevel: low\nwhen: |-\n  user.name != nil\ntests: [{name: t, events: [{dataset: ecs, set: {user.name: x}}], alerts: 1}]\n") {
		t.Error("comments, quotes or tests change the version")
	}
	if version(base) == version(strings.Replace(base, "low", "high", 1)) {
		t.Error("the level does not change the version")
	}
	except := "---\nkind: exception\nid: e\nrules: [a]\nwhen: source.ip != nil\nreason: r\nowner: o\ncreated: 2026-01-01\nexpires: 2026-02-01\n"
	if version(base) == version(base+except) {
		t.Error("an exception does not change the version")
	}
}

func TestDiskNamesFilesAsGiven(t *testing.T) {
	file := t.TempDir() + "/bad.yml"
	if err := os.WriteFile(file, []byte("id: A\n"), 0o600); err != nil {
		t.Fatal(err)
	}
	_, ms := Load(Disk, file)
	if len(ms) == 0 || ms[0].File != file {
		t.Errorf("got %v", ms)
	}
	p, ms := Load(Disk, "testdata/good")
	if len(ms) > 0 || len(p.Rules) == 0 || p.Rules[0].File != "testdata/good/rules.yml" {
		t.Errorf("got %v", ms)
	}
}

func TestMistakesOfOneFileAreBounded(t *testing.T) {
	_, _, ms := LoadLists(fstest.MapFS{"l.yml": {Data: []byte("name: l\ntype: cidr\nentries:\n" + strings.Repeat("  - nonsense\n", 1000))}})
	if len(ms) != maxMistakes+1 || !strings.Contains(ms.Error(), "holds 800 mistakes more") {
		t.Errorf("%d mistakes", len(ms))
	}
}

func TestInfo(t *testing.T) {
	p, _ := Load(os.DirFS("testdata/good"))
	if in := p.Rule("ai-key-foreign-use").Info(); strings.Join(in.From, " ") != "aws.cloudtrail litellm" || in.Kind != "match" || in.Tests != 2 {
		t.Errorf("%+v", in)
	}
	if in := p.Rule("chain-model-to-cloud").Info(); len(in.Rules) != 4 || in.Kind != "sequence" || len(in.From) != 0 {
		t.Errorf("%+v", in)
	}
	if p.Rule("nobody") != nil {
		t.Error("a rule of no name")
	}
}
