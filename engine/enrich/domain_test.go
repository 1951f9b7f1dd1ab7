package enrich

import (
	"strings"
	"testing"

	"github.com/seed-843b225c/reflex/engine"
)

// A list of domains against the words of its rule.
func FuzzDomainList(f *testing.F) {
	f.Add("example.com", "a.example.com")
	f.Add("*.example.com", "example.com")
	f.Add("EXAMPLE.com.", "notexample.com")
	f.Add("bücher.example", "x.BÜCHER.example.")
	f.Fuzz(func(t *testing.T, entry, host string) {
		l, errs := newList(engine.ListDef{Type: "domain", Entries: []engine.ListEntry{{Value: entry}}})
		if len(errs) > 0 || len(host) > 253 || strings.ToValidUTF8(host, "") != host || strings.ToValidUTF8(entry, "") != entry {
			return
		}
		name := strings.ToLower(strings.TrimSuffix(strings.TrimSpace(entry), "."))
		below, wild := strings.CutPrefix(name, "*.")
		h := strings.ToLower(strings.TrimSuffix(host, "."))
		if len(h) > 253 {
			return
		}
		want := strings.HasSuffix(h, "."+below) || !wild && h == name
		if got := l.Contains(engine.String(host), 0); got != want {
			t.Fatalf("entry %q, host %q: got %v", entry, host, got)
		}
	})
}

func FuzzRegisteredDomain(f *testing.F) {
	for _, s := range []string{"a.b.example.co.uk", "x.github.io", "192.0.2.1", "...", "a..b.c.d.e.f"} {
		f.Add(s)
	}
	f.Fuzz(func(t *testing.T, s string) {
		d := registeredDomain(s)
		if !strings.HasSuffix(strings.TrimSuffix(s, "."), d) {
			t.Fatalf("registeredDomain(%q) = %q is no end of it", s, d)
		}
	})
}
