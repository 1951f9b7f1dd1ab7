package enrich

import (
	"fmt"
	"math/rand/v2"
	"net/netip"
	"strings"
	"testing"

	"github.com/seed-843b225c/reflex/engine"
)

// makeList builds a list from lines "value" or "value expires".
func makeList(name, kind string, entries ...string) engine.ListDef {
	def := engine.ListDef{Name: name, Type: kind, File: name + ".yml"}
	for i, e := range entries {
		entry := engine.ListEntry{Value: e, Line: i + 3}
		if v, until, ok := strings.Cut(e, " until "); ok {
			entry.Value = v
			fmt.Sscan(until, &entry.Expires)
		}
		def.Entries = append(def.Entries, entry)
	}
	return def
}

func mustList(t *testing.T, kind string, entries ...string) *list {
	t.Helper()
	l, errs := newList(makeList("l", kind, entries...))
	if len(errs) > 0 {
		t.Fatal(errs)
	}
	return l
}

func ipValue(s string) engine.Value { return engine.Address(netip.MustParseAddr(s)) }

func TestListContains(t *testing.T) {
	const at = 100
	for _, c := range []struct {
		kind    string
		entries []string
		value   engine.Value
		want    bool
	}{
		{"cidr", []string{"192.0.2.0/24"}, ipValue("192.0.2.9"), true},
		{"cidr", []string{"192.0.2.0/24"}, ipValue("::ffff:192.0.2.9"), true},
		{"cidr", []string{"::ffff:192.0.2.0/120"}, ipValue("192.0.2.9"), true},
		{"cidr", []string{"192.0.2.0/24"}, ipValue("192.0.3.9"), false},
		{"cidr", []string{"192.0.2.7"}, ipValue("192.0.2.7"), true},
		{"cidr", []string{"192.0.2.7"}, ipValue("192.0.2.8"), false},
		{"cidr", []string{"2001:db8::/32"}, ipValue("2001:db8::1"), true},
		{"cidr", []string{"2001:db8::/32"}, engine.String("2001:DB8::1"), true},
		{"cidr", []string{"192.0.2.0/24"}, engine.String("192.0.2.1"), true},
		{"cidr", []string{"192.0.2.0/24"}, engine.String("host.example.com"), false},
		{"cidr", []string{"192.0.2.0/24"}, engine.Int(5), false},
		{"cidr", []string{"192.0.2.0/24"}, engine.Value{}, false},
		{"cidr", []string{"0.0.0.0/0"}, ipValue("2001:db8::1"), false},
		// expiry: at the instant itself it is over
		{"cidr", []string{"192.0.2.0/24 until 101"}, ipValue("192.0.2.9"), true},
		{"cidr", []string{"192.0.2.0/24 until 100"}, ipValue("192.0.2.9"), false},
		// the narrower network expired, the wider one around it has not, and the other way round
		{"cidr", []string{"192.0.2.0/24 until 50", "192.0.0.0/16"}, ipValue("192.0.2.9"), true},
		{"cidr", []string{"192.0.2.0/24", "192.0.0.0/16 until 50"}, ipValue("192.0.2.9"), true},
		{"cidr", []string{"192.0.2.0/24", "192.0.0.0/16 until 50"}, ipValue("192.0.3.9"), false},
		{"cidr", []string{"192.0.2.9/32 until 50", "192.0.2.0/24 until 60", "0.0.0.0/0 until 101"}, ipValue("192.0.2.9"), true},

		{"domain", []string{"example.com"}, engine.String("example.com"), true},
		{"domain", []string{"example.com"}, engine.String("a.b.Example.COM."), true},
		{"domain", []string{"Example.com."}, engine.String("example.com"), true},
		{"domain", []string{"example.com"}, engine.String("notexample.com"), false},
		{"domain", []string{"example.com"}, engine.String("example.com.evil.example"), false},
		{"domain", []string{"*.example.com"}, engine.String("example.com"), false},
		{"domain", []string{"*.example.com"}, engine.String("a.example.com"), true},
		{"domain", []string{"example.com until 100"}, engine.String("a.example.com"), false},
		{"domain", []string{"a.example.com until 50", "example.com"}, engine.String("a.example.com"), true},
		{"domain", []string{"bücher.example"}, engine.String("BÜCHER.example"), true},
		{"domain", []string{"example.com"}, engine.String(""), false},
		{"domain", []string{"example.com"}, engine.String(strings.Repeat("a.", 130) + "example.com"), false},

		{"exact", []string{"meta-llama"}, engine.String("meta-llama"), true},
		{"exact", []string{"meta-llama"}, engine.String("Meta-Llama"), false},
		{"exact", []string{"meta-llama until 99"}, engine.String("meta-llama"), false},
		{"exact", []string{"64500"}, engine.Int(64500), true},
		{"exact", []string{"2001:DB8::1"}, ipValue("2001:db8::1"), true},
		{"exact", []string{"2001:db8::1"}, engine.String("2001:DB8:0::1"), true},
		{"exact", []string{"a"}, engine.Strings("a"), false},

		{"glob", []string{"arn:aws:iam::*:role/ci-*"}, engine.String("arn:aws:iam::111122223333:role/ci-build"), true},
		{"glob", []string{"arn:aws:iam::*:role/ci-*"}, engine.String("arn:aws:iam::111122223333:role/admin"), false},
		{"glob", []string{"a?c"}, engine.String("aüc"), true},
		{"glob", []string{"a?c"}, engine.String("ac"), false},
		{"glob", []string{`a\*c`}, engine.String("a*c"), true},
		{"glob", []string{`a\*c`}, engine.String("abc"), false},
		{"glob", []string{"ci-*"}, engine.String("CI-x"), false},
		{"glob", []string{"ci-* until 100"}, engine.String("ci-x"), false},
		{"glob", []string{"ci-*"}, engine.Int(1), false},
	} {
		l := mustList(t, c.kind, c.entries...)
		if got := l.Contains(c.value, at); got != c.want {
			t.Errorf("%s %q: Contains(%q) = %v, want %v", c.kind, c.entries, c.value.Text(), got, c.want)
		}
	}
}

func TestListProblemsNameFileAndLine(t *testing.T) {
	_, errs := New(Config{Lists: []engine.ListDef{
		makeList("nets", "cidr", "192.0.2.0/24", "192.0.2.0/33", "10.1.2.3/8", "192.0.2.0/24", "", "host", "::ffff:192.0.2.0/120"),
		makeList("hosts", "domain", "example.com", "EXAMPLE.com.", "http://example.com", "a..b", "*.example.com"),
		makeList("names", "exact", "a", "a", " "),
		makeList("globs", "glob", "*", "a*", "a*", `x\`),
		makeList("odd", "regex", "a"),
		makeList("nets", "cidr"),
		makeList(KnownNetworks, "exact"),
		makeList("may-be-empty", "exact"),
	}})
	want := []string{
		`nets.yml:4: list nets: "192.0.2.0/33" is no network`,
		`nets.yml:5: list nets: "10.1.2.3/8" has bits behind its mask: write 10.0.0.0/8, or 10.1.2.3`,
		`nets.yml:6: list nets: "192.0.2.0/24" is in the list twice`,
		`nets.yml:7: list nets: an entry is empty`,
		`nets.yml:8: list nets: "host" is no network`,
		`nets.yml:9: list nets: "::ffff:192.0.2.0/120" is in the list twice`,
		`hosts.yml:4: list hosts: "EXAMPLE.com." is in the list twice`,
		`hosts.yml:5: list hosts: "http://example.com" is no domain`,
		`hosts.yml:6: list hosts: "a..b" is no domain`,
		`hosts.yml:7: list hosts: "*.example.com" is in the list twice`,
		`names.yml:4: list names: "a" is in the list twice`,
		`names.yml:5: list names: an entry is empty`,
		`globs.yml:3: list globs: "*" matches everything`,
		`globs.yml:5: list globs: "a*" is in the list twice`,
		`globs.yml:6: list globs: "x\\" ends with a lone \`,
		`odd.yml: list odd: no type is named "regex"`,
		`nets.yml: list nets is already declared in nets.yml`,
		`known_networks.yml: list known_networks must have type cidr, not exact`,
	}
	if len(errs) != len(want) {
		t.Errorf("%d problems, want %d: %v", len(errs), len(want), errs)
	}
	for i, w := range want {
		if i < len(errs) && !strings.HasPrefix(errs[i].Error(), w) {
			t.Errorf("problem %d: %s\nwant %s", i, errs[i], w)
		}
	}
}

// Networks against a loop over all entries, with random nesting and expiry.
func TestCIDRListAgainstLoop(t *testing.T) {
	rng := rand.New(rand.NewPCG(1, 2))
	for round := range 200 {
		type entry struct {
			p     netip.Prefix
			until int64
		}
		var entries []entry
		var def engine.ListDef
		def.Type = "cidr"
		seen := map[netip.Prefix]bool{}
		for range 1 + rng.IntN(30) {
			a := netip.AddrFrom4([4]byte{10, byte(rng.IntN(2)), byte(rng.IntN(4)), byte(rng.IntN(4))})
			p := netip.PrefixFrom(a, rng.IntN(33)).Masked()
			if seen[p] {
				continue
			}
			seen[p] = true
			until := int64(rng.IntN(5) * 10)
			def.Entries = append(def.Entries, engine.ListEntry{Value: p.String(), Expires: until})
			if until == 0 {
				until = never
			}
			entries = append(entries, entry{p, until})
		}
		l, errs := newList(def)
		if len(errs) > 0 {
			t.Fatal(errs)
		}
		for range 100 {
			a := netip.AddrFrom4([4]byte{10, byte(rng.IntN(3)), byte(rng.IntN(5)), byte(rng.IntN(5))})
			at := int64(rng.IntN(60))
			want := false
			for _, e := range entries {
				want = want || e.p.Contains(a) && at < e.until
			}
			if got := l.Contains(engine.Address(a), at); got != want {
				t.Fatalf("round %d: %v at %d in %v: got %v, want %v", round, a, at, entries, got, want)
			}
		}
	}
}

func TestListEachKeepsOrder(t *testing.T) {
	l := mustList(t, "exact", "b", "a", "c")
	var got []string
	l.Each(func(e string) bool { got = append(got, e); return len(got) < 2 })
	if fmt.Sprint(got) != "[b a]" {
		t.Error(got)
	}
}

// slowGlob is the textbook recursion.
func slowGlob(p, s []rune) bool {
	switch {
	case len(p) == 0:
		return len(s) == 0
	case p[0] == '*':
		return slowGlob(p[1:], s) || len(s) > 0 && slowGlob(p, s[1:])
	case len(s) == 0:
		return false
	case p[0] == '?':
		return slowGlob(p[1:], s[1:])
	case p[0] == '\\':
		return p[1] == s[0] && slowGlob(p[2:], s[1:])
	}
	return p[0] == s[0] && slowGlob(p[1:], s[1:])
}

func FuzzGlob(f *testing.F) {
	for _, c := range [][2]string{{"a*b?c", "axxbyc"}, {"*a?", "baü"}, {`\**`, "*x"}, {"a*a", "a"}, {"*ab*ab", "abab"}, {"?*?", "ab"}} {
		f.Add(c[0], c[1])
	}
	f.Fuzz(func(t *testing.T, pattern, text string) {
		if len(pattern) > 12 || len(text) > 16 || strings.ToValidUTF8(pattern, "") != pattern || strings.ToValidUTF8(text, "") != text {
			return
		}
		g, err := compileGlob(pattern)
		if err != nil {
			return
		}
		if want := slowGlob([]rune(pattern), []rune(text)); g.matches(text) != want {
			t.Fatalf("glob %q on %q: want %v", pattern, text, want)
		}
	})
}

func TestGlobAgainstRecursion(t *testing.T) {
	rng := rand.New(rand.NewPCG(3, 4))
	random := func(letters string, n int) string {
		var b strings.Builder
		for range rng.IntN(n) {
			b.WriteByte(letters[rng.IntN(len(letters))])
		}
		return b.String()
	}
	for range 100_000 {
		pattern, text := random("ab*?", 8), random("ab", 9)
		g, err := compileGlob(pattern)
		if err != nil {
			continue
		}
		if want := slowGlob([]rune(pattern), []rune(text)); g.matches(text) != want {
			t.Fatalf("glob %q on %q: want %v", pattern, text, want)
		}
	}
}
