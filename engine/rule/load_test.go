package rule

import (
	"os"
	"testing"
)

func TestCompileGoodRules(t *testing.T) {
	p, ms := Load(os.DirFS("testdata/good"))
	if len(ms) > 0 {
		t.Fatalf("load:\n%v", ms)
	}
	set, ms := Compile(p, Options{})
	if err := ms.Err(); err != nil {
		t.Fatalf("compile:\n%v", err)
	}
	for _, r := range set.Rules {
		t.Logf("%+v", *r)
	}
	t.Logf("%+v", set.Probes)
}
