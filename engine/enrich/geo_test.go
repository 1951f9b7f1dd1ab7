package enrich

import (
	"bytes"
	"net"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"github.com/maxmind/mmdbwriter"
	"github.com/maxmind/mmdbwriter/mmdbtype"

	"github.com/seed-843b225c/reflex/engine"
)

// writeDB makes a database of a type from networks.
func writeDB(t testing.TB, kind string, epoch int64, rows map[string]mmdbtype.Map) []byte {
	t.Helper()
	w, err := mmdbwriter.New(mmdbwriter.Options{DatabaseType: kind, BuildEpoch: epoch, RecordSize: 24, IncludeReservedNetworks: true, Languages: []string{"en"}})
	if err != nil {
		t.Fatal(err)
	}
	for network, row := range rows {
		_, n, err := net.ParseCIDR(network)
		if err != nil {
			t.Fatal(err)
		}
		if err := w.Insert(n, row); err != nil {
			t.Fatal(err)
		}
	}
	var b bytes.Buffer
	if _, err := w.WriteTo(&b); err != nil {
		t.Fatal(err)
	}
	return b.Bytes()
}

func names(s string) mmdbtype.Map {
	return mmdbtype.Map{"en": mmdbtype.String(s), "de": mmdbtype.String("anders")}
}

func cityDB(t testing.TB, kind string, epoch int64, country string) []byte {
	return writeDB(t, kind, epoch, map[string]mmdbtype.Map{
		"203.0.113.0/24": {
			"city":         mmdbtype.Map{"names": names("Example City")},
			"continent":    mmdbtype.Map{"code": mmdbtype.String("EU")},
			"country":      mmdbtype.Map{"iso_code": mmdbtype.String(country), "names": names("Exampleland")},
			"subdivisions": mmdbtype.Slice{mmdbtype.Map{"names": names("North")}, mmdbtype.Map{"names": names("Inner North")}},
		},
		"198.51.100.0/24": {"country": mmdbtype.Map{"iso_code": mmdbtype.String("SE")}}, // no city, no names
		"2001:db8::/32":   {"country": mmdbtype.Map{"iso_code": mmdbtype.String("NO")}},
	})
}

func asnDB(t testing.TB) []byte {
	return writeDB(t, "GeoLite2-ASN", 1, map[string]mmdbtype.Map{
		"203.0.113.0/24":  {"autonomous_system_number": mmdbtype.Uint32(64500), "autonomous_system_organization": mmdbtype.String("Example Hosting")},
		"198.51.100.0/24": {"autonomous_system_number": mmdbtype.Uint32(64501)}, // no organisation
	})
}

func anonDB(t testing.TB) []byte {
	return writeDB(t, "GeoIP2-Anonymous-IP", 1, map[string]mmdbtype.Map{
		"203.0.113.0/28": {"is_anonymous": mmdbtype.Bool(true), "is_tor_exit_node": mmdbtype.Bool(true)},
	})
}

func sampleGeo(t testing.TB) *Geo {
	t.Helper()
	g, warnings := OpenGeoBytes(map[string][]byte{"city.mmdb": cityDB(t, "GeoLite2-City", 1, "XA"), "asn.mmdb": asnDB(t), "anon.mmdb": anonDB(t)})
	if len(warnings) > 0 {
		t.Fatal(warnings)
	}
	return g
}

// enricherFor makes an enricher whose layout has the named fields.
func enricherFor(t testing.TB, d *Data, fields ...string) (*Enricher, *engine.Layout) {
	t.Helper()
	l := engine.NewLayout()
	for _, f := range fields {
		if _, err := l.Demand(f); err != nil {
			t.Fatal(err)
		}
	}
	return d.NewEnricher(l), l
}

// enriched sets fields on an event, enriches it and gives all its slots as text.
func enriched(e *Enricher, l *engine.Layout, set map[string]engine.Value) map[string]string {
	ev := &engine.Event{Values: make([]engine.Value, l.Len())}
	for name, v := range set {
		ev.Values[l.SlotOf(name)] = v
	}
	e.Enrich(ev)
	out := map[string]string{}
	for i, s := range l.Slots() {
		if !ev.Values[i].IsNil() {
			out[s.Name] = ev.Values[i].Text()
		}
	}
	return out
}

func wantFields(t *testing.T, got map[string]string, want ...string) {
	t.Helper()
	for _, w := range want {
		name, value, _ := strings.Cut(w, "=")
		if got[name] != value {
			t.Errorf("%s = %q, want %q", name, got[name], value)
		}
		delete(got, name)
	}
	if len(got) > 0 {
		t.Errorf("also set: %v", got)
	}
}

var everyField = append(Demand(), "source.geo.country_iso_code", "source.geo.country_name", "source.geo.continent_code", "source.geo.region_name",
	"source.geo.city_name", "source.as.number", "source.as.organization.name", "source.anonymity.tor", "source.anonymity.vpn", "source.anonymity.proxy",
	"source.anonymity.hosting", "source.anonymity.residential", "destination.geo.country_iso_code", "destination.as.number",
	"destination.as.organization.name", "secret.owner")

func TestEnricherLocatesBothEnds(t *testing.T) {
	d, _ := New(Config{GeoIP: sampleGeo(t)})
	e, l := enricherFor(t, d, everyField...)
	got := enriched(e, l, map[string]engine.Value{"source.ip": ipValue("203.0.113.5"), "destination.ip": ipValue("::ffff:198.51.100.7")})
	wantFields(t, got, "source.ip=203.0.113.5", "destination.ip=198.51.100.7",
		"source.geo.country_iso_code=XA", "source.geo.country_name=Exampleland", "source.geo.continent_code=EU", "source.geo.region_name=North", "source.geo.city_name=Example City",
		"source.as.number=64500", "source.as.organization.name=Example Hosting",
		"source.anonymity.tor=true", "source.anonymity.vpn=false", "source.anonymity.proxy=false", "source.anonymity.hosting=false", "source.anonymity.residential=false",
		"destination.geo.country_iso_code=SE", "destination.as.number=64501")
	// What no database has stays missing: not "", not 0, not false.
	for range 2 { // the second time from the cache
		wantFields(t, enriched(e, l, map[string]engine.Value{"source.ip": ipValue("192.0.2.1"), "destination.ip": ipValue("2001:db8::9")}),
			"source.ip=192.0.2.1", "destination.ip=2001:db8::9", "destination.geo.country_iso_code=NO")
	}
	wantFields(t, enriched(e, l, nil))
}

func TestEnricherFillsDemandedSlotsOnly(t *testing.T) {
	d, _ := New(Config{GeoIP: sampleGeo(t)})
	e, l := enricherFor(t, d, "source.as.number", "source.ip")
	wantFields(t, enriched(e, l, map[string]engine.Value{"source.ip": ipValue("203.0.113.5")}), "source.ip=203.0.113.5", "source.as.number=64500")
	// Without a slot for the address there is nothing to look up.
	e, l = enricherFor(t, d, "source.as.number")
	wantFields(t, enriched(e, l, nil))
}

func TestEnricherKeepsWhatTheRecordBrought(t *testing.T) {
	d, _ := New(Config{GeoIP: sampleGeo(t)})
	e, l := enricherFor(t, d, "source.ip", "source.geo.country_iso_code", "source.geo.city_name", "source.as.number")
	got := enriched(e, l, map[string]engine.Value{"source.ip": ipValue("203.0.113.5"), "source.geo.country_iso_code": engine.String("DE")})
	wantFields(t, got, "source.ip=203.0.113.5", "source.geo.country_iso_code=DE", "source.as.number=64500")
}

func TestEnricherResolvesSecrets(t *testing.T) {
	d := sampleData(t)
	e, l := enricherFor(t, d, everyField...)
	hash := strings.Repeat("ab", 32)
	for _, c := range []struct {
		name      string
		set       map[string]engine.Value
		principal string
		owner     string
	}{
		{"by id", map[string]engine.Value{"secret.principal": engine.String("key_one")}, "key_one", "ml-team"},
		{"by hash", map[string]engine.Value{"secret.principal": engine.String(hash)}, "gateway-three", "platform"},
		{"unknown id", map[string]engine.Value{"secret.principal": engine.String("other")}, "other", ""},
		{"by a shorter hint", map[string]engine.Value{"secret.hint": engine.String("sk-proj-...wxYZ"), "secret.provider": engine.String("openai")}, "key_one", "ml-team"},
		{"by a longer hint", map[string]engine.Value{"secret.hint": engine.String("sk-proj-aBcDeF...uvwxYZ")}, "key_one", "ml-team"},
		{"ellipsis", map[string]engine.Value{"secret.hint": engine.String("sk-ant-api03-ABC…9876")}, "apikey_01two", "research"},
		{"another beginning", map[string]engine.Value{"secret.hint": engine.String("sk-proj-xx...wxYZ")}, "", ""},
		{"another end", map[string]engine.Value{"secret.hint": engine.String("sk-proj-aB...wxYA")}, "", ""},
		{"another provider", map[string]engine.Value{"secret.hint": engine.String("sk-proj-aB...wxYZ"), "secret.provider": engine.String("azure")}, "", ""},
		{"too little", map[string]engine.Value{"secret.hint": engine.String("sk-proj-aB...YZ")}, "", ""},
		{"no hint at all", map[string]engine.Value{"secret.hint": engine.String("key_one")}, "", ""},
		{"the record's owner stays", map[string]engine.Value{"secret.principal": engine.String("key_one"), "secret.owner": engine.String("me")}, "key_one", "me"},
	} {
		got := enriched(e, l, c.set)
		if got["secret.principal"] != c.principal || got["secret.owner"] != c.owner {
			t.Errorf("%s: %q owned by %q, want %q and %q", c.name, got["secret.principal"], got["secret.owner"], c.principal, c.owner)
		}
	}
}

func TestTwoKeysThatFitAHintAreNone(t *testing.T) {
	d, errs := New(Config{Keys: []engine.AIKey{{ID: "a", Prefix: "sk-", Suffix: "wxYZ"}, {ID: "b", Prefix: "sk-", Suffix: "xYZ"}}})
	if len(errs) > 0 {
		t.Fatal(errs)
	}
	e, l := enricherFor(t, d, "secret.principal", "secret.hint")
	if got := enriched(e, l, map[string]engine.Value{"secret.hint": engine.String("sk-...wxYZ")}); got["secret.principal"] != "" {
		t.Errorf("guessed %s", got["secret.principal"])
	}
	if got := enriched(e, l, map[string]engine.Value{"secret.hint": engine.String("sk-...axYZ")}); got["secret.principal"] != "b" {
		t.Errorf("missed the one that fits: %v", got)
	}
}

func TestInventoryProblems(t *testing.T) {
	hash := strings.Repeat("0", 64)
	_, errs := New(Config{Keys: []engine.AIKey{
		{File: "k.yml", Line: 1}, {ID: "a", SHA256: hash}, {ID: "a", File: "k.yml", Line: 3}, {ID: "b", SHA256: "zz", File: "k.yml", Line: 4},
		{ID: "c", SHA256: hash, File: "k.yml", Line: 5}, {ID: "d", Budget: -1, File: "k.yml", Line: 6},
	}})
	for i, want := range []string{"k.yml:1: a key of the inventory has no id", "k.yml:3: key a is in the inventory twice", "k.yml:4: key b: sha256",
		"k.yml:5: key c has the sha256 of key a", "k.yml:6: key d: a budget"} {
		if i >= len(errs) || !strings.HasPrefix(errs[i].Error(), want) {
			t.Errorf("problem %d of %v, want %s", i, errs, want)
		}
	}
}

func TestOpenGeoWarnsOnceAndGoesOn(t *testing.T) {
	dir := t.TempDir()
	write := func(name string, data []byte, age time.Duration) {
		t.Helper()
		path := filepath.Join(dir, name)
		if err := os.WriteFile(path+".new", data, 0o600); err != nil {
			t.Fatal(err)
		}
		when := time.Date(2026, 3, 2, 0, 0, 0, 0, time.UTC).Add(age)
		if err := os.Chtimes(path+".new", when, when); err != nil {
			t.Fatal(err)
		}
		if err := os.Rename(path+".new", path); err != nil {
			t.Fatal(err)
		}
	}
	write("any-name.mmdb", cityDB(t, "GeoLite2-City", 1, "XA"), 0)
	write("garbage.mmdb", []byte("not a database"), 0)
	write("domain.mmdb", writeDB(t, "GeoIP2-Domain", 1, map[string]mmdbtype.Map{"203.0.113.0/24": {"domain": mmdbtype.String("example.com")}}), 0)
	write("notes.txt", []byte("x"), 0)
	g, warnings := OpenGeo(dir)
	wantWarnings(t, warnings, "domain.mmdb: a database of type GeoIP2-Domain answers nothing", "garbage.mmdb:", "no ASN or ISP database in "+dir, "no Anonymous-IP database")

	country := func(g *Geo) string {
		d, _ := New(Config{GeoIP: g})
		e, l := enricherFor(t, d, everyField...)
		return enriched(e, l, map[string]engine.Value{"source.ip": ipValue("203.0.113.5")})["source.geo.country_iso_code"]
	}
	if got := country(g); got != "XA" {
		t.Errorf("country %q", got)
	}
	if same, changed, warnings := g.Reload(); changed || same != g || len(warnings) > 0 {
		t.Error("reloaded though nothing changed", warnings)
	}

	write("any-name.mmdb", cityDB(t, "GeoLite2-City", 2, "XB"), time.Hour)
	g2, changed, warnings := g.Reload()
	if !changed || country(g2) != "XB" || country(g) != "XA" {
		t.Errorf("after replacement: changed %v, new says %s, old says %s", changed, country(g2), country(g))
	}
	wantWarnings(t, warnings) // all were said

	write("any-name.mmdb", []byte("half written"), 2*time.Hour)
	g3, changed, warnings := g2.Reload()
	if !changed || country(g3) != "XB" {
		t.Error("a broken file took away what was in force")
	}
	wantWarnings(t, warnings, "any-name.mmdb:")

	if err := os.Remove(filepath.Join(dir, "any-name.mmdb")); err != nil {
		t.Fatal(err)
	}
	g4, changed, warnings := g3.Reload()
	if !changed || country(g4) != "" {
		t.Error("a removed file is still used")
	}
	wantWarnings(t, warnings, "no City, Country or Enterprise database")
	v := func(g *Geo) string { d, _ := New(Config{GeoIP: g}); return d.Version() }
	if v(g) == v(g2) {
		t.Error("another database, the same version")
	}
}

func wantWarnings(t *testing.T, got []error, want ...string) {
	t.Helper()
	if len(got) != len(want) {
		t.Errorf("%d warnings, want %d: %v", len(got), len(want), got)
		return
	}
	for i, w := range want {
		if !strings.Contains(got[i].Error(), w) {
			t.Errorf("warning %q, want %q", got[i], w)
		}
	}
}

func TestOpenGeoChoosesTheRicherDatabase(t *testing.T) {
	country := writeDB(t, "GeoLite2-Country", 9, map[string]mmdbtype.Map{"203.0.113.0/24": {"country": mmdbtype.Map{"iso_code": mmdbtype.String("XC")}}})
	g, warnings := OpenGeoBytes(map[string][]byte{"a.mmdb": country, "b.mmdb": cityDB(t, "GeoIP2-City", 1, "XA"), "c.mmdb": cityDB(t, "GeoIP2-City", 2, "XB"), "d.mmdb": asnDB(t), "e.mmdb": anonDB(t)})
	wantWarnings(t, warnings, "a.mmdb (GeoLite2-Country) is not used", "b.mmdb (GeoIP2-City) is not used")
	if got := strings.Join(g.Databases(), ", "); !strings.HasPrefix(got, "c.mmdb (GeoIP2-City, 1970-01-01), d.mmdb") {
		t.Error(got)
	}
}

func TestOpenGeoWithoutAFolder(t *testing.T) {
	if _, warnings := OpenGeo(""); len(warnings) > 0 {
		t.Error(warnings)
	}
	g, warnings := OpenGeo(filepath.Join(t.TempDir(), "none"))
	if len(warnings) != 1 {
		t.Error(warnings)
	}
	if _, _, again := g.Reload(); len(again) > 0 {
		t.Error("said twice", again)
	}
	// An empty Geo and no Geo are the same to an enricher.
	for _, c := range []Config{{GeoIP: g}, {}} {
		d, _ := New(c)
		e, l := enricherFor(t, d, everyField...)
		wantFields(t, enriched(e, l, map[string]engine.Value{"source.ip": ipValue("203.0.113.5")}), "source.ip=203.0.113.5")
	}
}

func TestDamagedRecordIsCountedNotFatal(t *testing.T) {
	data := cityDB(t, "GeoLite2-City", 1, "XA")
	i := bytes.Index(data, []byte("Example City"))
	data[i-1] = 0x9f // the length of the string now points beyond the file
	g, _ := OpenGeoBytes(map[string][]byte{"city.mmdb": data, "asn.mmdb": asnDB(t), "anon.mmdb": anonDB(t)})
	d, _ := New(Config{GeoIP: g})
	e, l := enricherFor(t, d, everyField...)
	got := enriched(e, l, map[string]engine.Value{"source.ip": ipValue("203.0.113.5")})
	if got["source.as.number"] != "64500" || e.Broken() != 1 {
		t.Errorf("AS %q, %d broken", got["source.as.number"], e.Broken())
	}
}

func TestEnrichDoesNotAllocate(t *testing.T) {
	e, ev := benchEvent(t)
	if n := testing.AllocsPerRun(100, func() { clear(ev.Values[5:]); e.Enrich(ev) }); n > 0 {
		t.Errorf("%v allocations an event", n)
	}
}

func benchEvent(t testing.TB) (*Enricher, *engine.Event) {
	data := sampleData(t)
	data.geo = sampleGeo(t)
	e, l := enricherFor(t, data, everyField...)
	ev := &engine.Event{Values: make([]engine.Value, l.Len())}
	ev.Set(l.SlotOf("source.ip"), ipValue("203.0.113.5"))
	ev.Set(l.SlotOf("destination.ip"), ipValue("198.51.100.7"))
	ev.Set(l.SlotOf("secret.principal"), engine.String("key_one"))
	return e, ev
}
