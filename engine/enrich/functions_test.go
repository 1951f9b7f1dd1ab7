package enrich

import (
	"math"
	"net/netip"
	"strings"
	"testing"
	"time"

	"github.com/seed-843b225c/reflex/engine"
)

// monday is 2026-03-02 23:30 UTC.
var monday = time.Date(2026, 3, 2, 23, 30, 0, 0, time.UTC).UnixNano()

func sampleData(t testing.TB) *Data {
	t.Helper()
	d, errs := New(Config{
		Known: []netip.Prefix{netip.MustParsePrefix("198.51.100.0/25")},
		Lists: []engine.ListDef{
			makeList(KnownNetworks, "cidr", "192.0.2.0/24", "203.0.113.0/28 until 1000"),
			makeList("model_namespaces", "exact", "meta-llama", "mistralai", "openai", "google", "hf", "stabilityai", "OpenRail"),
			makeList("models_approved", "exact", "meta-llama/Llama-3-8B", "openai/privacy-filter", "google/gemma-2-9b", "acme/old until 50"),
			makeList("egress_allowed", "domain", "huggingface.co", "pypi.org", "*.example.com"),
			makeList("globs", "glob", "a*"),
		},
		Keys: []engine.AIKey{
			{ID: "key_one", Provider: "openai", Prefix: "sk-proj-aB", Suffix: "wxYZ", Owner: "ml-team", Budget: 25, Networks: []netip.Prefix{netip.MustParsePrefix("203.0.113.128/25")}},
			{ID: "apikey_01two", Provider: "anthropic", Prefix: "sk-ant-api03-ABC", Suffix: "9876", Owner: "research"},
			{ID: "gateway-three", Provider: "litellm", SHA256: strings.Repeat("AB", 32), Owner: "platform", Budget: 5},
		},
	})
	if len(errs) > 0 {
		t.Fatal(errs)
	}
	return d
}

// call binds a function; args that are Go strings starting with "=" are constants.
func bind(t testing.TB, d *Data, name string, args ...engine.Arg) (engine.Call, error) {
	t.Helper()
	for _, f := range d.Functions() {
		if f.Name == name {
			return f.Bind(args)
		}
	}
	t.Fatalf("no function %s", name)
	return nil, nil
}

func constant(s string) engine.Arg { return engine.Arg{Const: true, Value: engine.String(s)} }

func mustBind(t testing.TB, d *Data, name string, args ...engine.Arg) engine.Call {
	t.Helper()
	c, err := bind(t, d, name, args...)
	if err != nil {
		t.Fatal(err)
	}
	return c
}

func TestForeignAndKnown(t *testing.T) {
	d := sampleData(t)
	foreign := mustBind(t, d, "foreign", engine.Arg{})
	known := mustBind(t, d, "known", engine.Arg{})
	for _, c := range []struct {
		ip      string
		at      int64
		foreign bool
	}{
		{"203.0.113.57", 0, true},
		{"192.0.2.77", 0, false},
		{"::ffff:192.0.2.77", 0, false},
		{"198.51.100.3", 0, false},
		{"198.51.100.200", 0, true},
		{"203.0.113.7", 999, false},
		{"203.0.113.7", 1000, true}, // the entry expired
		{"10.0.0.1", 0, false}, {"172.16.5.5", 0, false}, {"192.168.1.1", 0, false}, {"fd00::1", 0, false},
		{"127.0.0.1", 0, false}, {"::1", 0, false}, {"169.254.169.254", 0, false}, {"fe80::1", 0, false},
		{"100.64.0.9", 0, false}, {"0.0.0.0", 0, false}, {"255.255.255.255", 0, false}, {"224.0.0.1", 0, false}, {"ff02::1", 0, false},
		{"172.32.0.1", 0, true}, {"100.128.0.1", 0, true}, {"2001:db8::1", 0, true},
	} {
		v := ipValue(c.ip)
		if got := foreign(c.at, v, engine.Value{}, engine.Value{}); got != engine.Boolean(c.foreign) {
			t.Errorf("foreign(%s) at %d = %v", c.ip, c.at, got.Bool())
		}
		if got := known(c.at, v, engine.Value{}, engine.Value{}); got != engine.Boolean(!c.foreign) {
			t.Errorf("known(%s) at %d = %v", c.ip, c.at, got.Bool())
		}
	}
	// Nobody's address is neither.
	for _, v := range []engine.Value{{}, engine.String("iam.amazonaws.com")} {
		if foreign(0, v, engine.Value{}, engine.Value{}).Bool() || known(0, v, engine.Value{}, engine.Value{}).Bool() {
			t.Errorf("%q is foreign or known", v.Text())
		}
	}
}

func TestForeignHonoursNetworksOfAKey(t *testing.T) {
	foreign := mustBind(t, sampleData(t), "foreign", engine.Arg{}, engine.Arg{})
	for _, c := range []struct {
		ip, key string
		want    bool
	}{
		{"203.0.113.200", "key_one", false},
		{"203.0.113.57", "key_one", true},
		{"203.0.113.200", "apikey_01two", true},
		{"203.0.113.200", "unheard-of", true},
		{"192.0.2.1", "unheard-of", false},
	} {
		if got := foreign(0, ipValue(c.ip), engine.String(c.key), engine.Value{}).Bool(); got != c.want {
			t.Errorf("foreign(%s, %s) = %v", c.ip, c.key, got)
		}
	}
	if !foreign(0, ipValue("203.0.113.200"), engine.Value{}, engine.Value{}).Bool() {
		t.Error("without a key the key's networks do not count")
	}
}

func TestCIDR(t *testing.T) {
	d := sampleData(t)
	c := mustBind(t, d, "cidr", engine.Arg{}, constant("10.0.0.0/8"), constant("2001:db8::/32"), constant("192.0.2.9"))
	for ip, want := range map[string]bool{"10.9.9.9": true, "::ffff:10.1.1.1": true, "2001:db8::5": true, "192.0.2.9": true, "192.0.2.10": false} {
		if got := c(0, ipValue(ip), engine.Value{}, engine.Value{}).Bool(); got != want {
			t.Errorf("cidr(%s) = %v", ip, got)
		}
	}
	for _, bad := range [][]engine.Arg{{{}}, {{}, {}}, {{}, constant("10.0.0.1/8")}, {{}, constant("x")}} {
		if _, err := bind(t, d, "cidr", bad...); err == nil {
			t.Errorf("cidr bound %v", bad)
		}
	}
}

func TestInventoryFunctions(t *testing.T) {
	d := sampleData(t)
	budget, owner := mustBind(t, d, "budget", engine.Arg{}), mustBind(t, d, "owner", engine.Arg{})
	hash := strings.Repeat("ab", 32)
	for _, c := range []struct {
		key           string
		budget, owner engine.Value
	}{
		{"key_one", engine.Float(25), engine.String("ml-team")},
		{"apikey_01two", engine.Value{}, engine.String("research")},
		{hash, engine.Float(5), engine.String("platform")},
		{"other", engine.Value{}, engine.Value{}},
	} {
		if got := budget(0, engine.String(c.key), engine.Value{}, engine.Value{}); got != c.budget {
			t.Errorf("budget(%s) = %v", c.key, got.Text())
		}
		if got := owner(0, engine.String(c.key), engine.Value{}, engine.Value{}); got != c.owner {
			t.Errorf("owner(%s) = %v", c.key, got.Text())
		}
	}
}

func TestClockFunctions(t *testing.T) {
	d := sampleData(t)
	for _, c := range []struct {
		name string
		args []engine.Arg
		want engine.Value
	}{
		{"hour", nil, engine.Int(23)},
		{"hour", []engine.Arg{constant("Europe/Berlin")}, engine.Int(0)},
		{"weekday", nil, engine.String("monday")},
		{"weekday", []engine.Arg{constant("Europe/Berlin")}, engine.String("tuesday")},
	} {
		if got := mustBind(t, d, c.name, c.args...)(monday, engine.Value{}, engine.Value{}, engine.Value{}); got != c.want {
			t.Errorf("%s(%v) = %s", c.name, c.args, got.Text())
		}
	}
	if got := mustBind(t, d, "age", engine.Arg{})(monday, engine.Instant(monday-int64(90*time.Second)), engine.Value{}, engine.Value{}); got != engine.Int(90) {
		t.Errorf("age = %s", got.Text())
	}
	for _, zone := range []string{"Mars/Olympus", "", "Local"} {
		if _, err := bind(t, d, "hour", constant(zone)); err == nil {
			t.Errorf("hour took the zone %q", zone)
		}
	}
}

func TestEntropy(t *testing.T) {
	for s, want := range map[string]float64{"": 0, "aaaa": 0, "abab": 1, "abcd": 2, "01234567": 3} {
		if got := entropy(s); math.Abs(got-want) > 1e-9 {
			t.Errorf("entropy(%q) = %v, want %v", s, got, want)
		}
	}
}

func TestRegisteredDomain(t *testing.T) {
	for in, want := range map[string]string{
		"":                               "",
		"localhost":                      "localhost",
		"example.com":                    "example.com",
		"a.b.c.d.example.com.":           "example.com",
		"a.example.co.uk":                "example.co.uk",
		"example.co.uk":                  "example.co.uk",
		"co.uk":                          "co.uk",
		"x.collect.example.net":          "example.net",
		"me.github.io":                   "me.github.io",
		"a.me.github.io":                 "me.github.io",
		"github.io":                      "github.io",
		"a.b.acct.blob.core.windows.net": "acct.blob.core.windows.net",
		"blob.core.windows.net":          "blob.core.windows.net",
		"192.0.2.1":                      "192.0.2.1",
		"com.example.org":                "example.org",
	} {
		if got := registeredDomain(in); got != want {
			t.Errorf("registeredDomain(%q) = %q, want %q", in, got, want)
		}
	}
}

func TestGlobFunction(t *testing.T) {
	d := sampleData(t)
	c := mustBind(t, d, "glob", engine.Arg{}, constant("ci-*"), constant("*-prod"))
	for s, want := range map[string]bool{"ci-build": true, "x-prod": true, "CI-x": false, "": false} {
		if got := c(0, engine.String(s), engine.Value{}, engine.Value{}).Bool(); got != want {
			t.Errorf("glob(%q) = %v", s, got)
		}
	}
	if _, err := bind(t, d, "glob", engine.Arg{}, constant("*")); err == nil {
		t.Error("glob took a pattern that matches everything")
	}
}

func TestFunctionsAreDocumentedAndFreeOfExprNames(t *testing.T) {
	taken := strings.Fields(`all none any one filter map find findIndex findLast findLastIndex count sum groupBy sortBy reduce len type
		abs ceil floor round int float string trim trimPrefix trimSuffix upper lower split splitAfter replace repeat join indexOf
		lastIndexOf hasPrefix hasSuffix max min mean median toJSON fromJSON toBase64 fromBase64 now duration date timezone first last
		get take keys values toPairs fromPairs reverse uniq concat flatten sort bitand bitor bitxor bitnand bitnot bitshl bitshr bitushr list`)
	seen := map[string]bool{}
	for _, name := range taken {
		seen[name] = true
	}
	for _, f := range sampleData(t).Functions() {
		if seen[f.Name] {
			t.Errorf("%s is taken", f.Name)
		}
		seen[f.Name] = true
		if f.Help == "" || f.Result == 0 || f.Bind == nil {
			t.Errorf("%s is not documented", f.Name)
		}
		for i, p := range f.Params {
			if p.Variadic && i != len(f.Params)-1 || p.Type == 0 || p.Name == "" {
				t.Errorf("%s: parameter %d", f.Name, i)
			}
		}
	}
}

func TestCallsDoNotAllocate(t *testing.T) {
	d := sampleData(t)
	stranger, key := ipValue("203.0.113.57"), engine.String("key_one")
	none := engine.Value{}
	for name, call := range map[string]func(){
		"foreign": func() func() {
			c := mustBind(t, d, "foreign", engine.Arg{}, engine.Arg{})
			return func() { c(0, stranger, key, none) }
		}(),
		"known": func() func() {
			c := mustBind(t, d, "known", engine.Arg{})
			return func() { c(0, stranger, none, none) }
		}(),
		"cidr": func() func() {
			c := mustBind(t, d, "cidr", engine.Arg{}, constant("10.0.0.0/8"))
			return func() { c(0, stranger, none, none) }
		}(),
		"budget": func() func() { c := mustBind(t, d, "budget", engine.Arg{}); return func() { c(0, key, none, none) } }(),
		"lookalike": func() func() {
			c := mustBind(t, d, "lookalike", engine.Arg{}, constant("models_approved"))
			v := engine.String("meta-IIama/Llama-3-8B")
			return func() { c(0, v, none, none) }
		}(),
		"entropy": func() func() { c := mustBind(t, d, "entropy", engine.Arg{}); return func() { c(0, key, none, none) } }(),
		"domain": func() func() {
			c := mustBind(t, d, "registered_domain", engine.Arg{})
			v := engine.String("a.b.example.com")
			return func() { c(0, v, none, none) }
		}(),
		"glob": func() func() {
			c := mustBind(t, d, "glob", engine.Arg{}, constant("k*e"))
			return func() { c(0, key, none, none) }
		}(),
		"weekday": func() func() {
			c := mustBind(t, d, "weekday", constant("Europe/Berlin"))
			return func() { c(monday, none, none, none) }
		}(),
		"exact list": func() func() {
			l, _ := d.Lists().List("model_namespaces")
			return func() { l.Contains(key, 0); l.Contains(stranger, 0) }
		}(),
		"domain list": func() func() {
			l, _ := d.Lists().List("egress_allowed")
			v := engine.String("CDN.huggingface.co.")
			return func() { l.Contains(v, 0) }
		}(),
		"cidr list": func() func() {
			l, _ := d.Lists().List(KnownNetworks)
			v := engine.String("sts.amazonaws.com")
			return func() { l.Contains(v, 0); l.Contains(stranger, 0) }
		}(),
	} {
		if n := testing.AllocsPerRun(100, call); n > 0 {
			t.Errorf("%s: %v allocations a call", name, n)
		}
	}
}

func TestVersionFollowsContentsOnly(t *testing.T) {
	a, b := makeList("a", "exact", "x", "y"), makeList("b", "exact", "z")
	version := func(lists ...engine.ListDef) string {
		d, _ := New(Config{Lists: lists})
		return d.Version()
	}
	swapped := makeList("a", "exact", "y", "x")
	swapped.File = "elsewhere.yml"
	if version(a, b) != version(b, swapped) {
		t.Error("order or file changed the version")
	}
	if version(a, b) == version(a) || version(a) == version(makeList("a", "exact", "x", "y until 5")) {
		t.Error("another content has the same version")
	}
}
