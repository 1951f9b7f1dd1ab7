package decode

import (
	"bytes"
	"encoding/json"
	"math/rand/v2"
	"os"
	"path/filepath"
	"regexp"
	"slices"
	"strings"
	"testing"

	"github.com/seed-843b225c/reflex/engine"
	"github.com/seed-843b225c/reflex/engine/secret"
	"github.com/seed-843b225c/reflex/engine/story"
)

// twins makes each event's document both ways.
type twins struct {
	t       *testing.T
	country int // slot that enrichment fills
	fast    *Documents
	slow    *plain
	n       int
}

func newTwins(t *testing.T) *twins {
	l := fourteen()
	country, err := l.Demand("source.geo.country_iso_code")
	if err != nil {
		t.Fatal(err)
	}
	p, err := NewPlan(l, Options{})
	if err != nil {
		t.Fatal(err)
	}
	return &twins{t: t, country: country, fast: p.NewDocuments(), slow: p.newPlain()}
}

func (w *twins) Event(ev *engine.Event) {
	w.n++
	ev.Set(w.country, engine.String("ZZ"))
	got, want := w.fast.Document(ev), w.slow.document(ev)
	if !bytes.Equal(got, want) {
		w.t.Errorf("document of %s\n%s\n%s", ev.Raw, firstDifference(lineByLine(want), lineByLine(got)), got)
	}
}
func (w *twins) Refuse(engine.Refusal)      {}
func (w *twins) Skip(engine.Origin, string) {}

func lineByLine(doc []byte) string {
	var b bytes.Buffer
	if json.Indent(&b, doc, "", " ") != nil {
		return string(doc)
	}
	return b.String()
}

func (w *twins) read(data []byte) {
	d := w.fast.plan.NewDecoder()
	d.Decode(engine.Record{Data: data, Chunk: true, Last: true, Origin: engine.Origin{Source: "f", Partition: -1}}, w)
}

// oddValues are what a record may hold where nobody expects it.
var oddValues = []string{`null`, `""`, `"x"`, `0`, `-1.5e-9`, `1e6`, `true`, `[]`, `[null,"",{"a":null}]`, `{}`, `{"a":{"b":[]}}`, `{"userName":"u","userName":"v","UserName":"w","newuserName":7}`,
	`{"b":1,"a":"\u00e4\u2028\ud800<&>\\\"\n\u0007","":2,"ARN":"x","arn":"y","accountId":null}`, `[{"ARN":"x","arn":"y","accountId":1},{"accountId":1,"arn":"x"},{"ARN":null,"arn":"z"},{"ARN":1,"ARN":null},3]`,
	`"{\"requestParameters\": {\"a\":[1, 2]}, \"userName\":\"t\"}"`, `"[{\"ARN\":\"q\"}]"`, `"{a=b, c=[d]}"`, "\"\xff\xfe\"", `"203.0.113.9, 10.0.0.1"`, `"2026-03-02T10:15:00.123Z"`, "{ \"k\" : [ 1 ,\t2 ] , \"l\" : { } }",
	`"Mozilla/5.0 (X11; Linux x86_64) Chrome/120.0.1"`, `{"a":1.0E+2,"aa":12345678.9,"bB":"\\u0041","BB":0.001,"AaAa":1,"BBBB":2,"AaBB":3,"AaAa":4,"c":1,"d":1,"e":1,"f":1,"g":1,"h":1,"i":1,"j":1,"k":1}`}

var keyOf = regexp.MustCompile(`"[A-Za-z@_.]+" ?: ?`)

// mangle puts odd values, keys twice and keys in another case into a record.
func mangle(r *rand.Rand, data []byte) []byte {
	for range 1 + r.IntN(3) {
		keys := keyOf.FindAllIndex(data, -1)
		if len(keys) == 0 {
			return data
		}
		at := keys[r.IntN(len(keys))]
		key := string(data[at[0]:at[1]])
		switch r.IntN(4) {
		case 0:
			key = strings.ToLower(key)
		case 1:
			key = strings.ToUpper(key)
		case 2:
			key = string(data[keys[0][0]:keys[0][1]])
		}
		odd := oddValues[r.IntN(len(oddValues))]
		end := valueEnd(data, at[1])
		if r.IntN(2) == 0 {
			data = slices.Concat(data[:at[0]], []byte(key+odd), data[end:])
		} else {
			data = slices.Concat(data[:end], []byte(","+key+odd), data[end:])
		}
	}
	return data
}

// oddRecords are records with odd values where documents have cases.
func oddRecords() (all []string) {
	lower := keyOf.ReplaceAllStringFunc(trail, strings.ToLower) // as copies in data lakes
	for _, key := range append(slices.Clone(trailKeys), "userAgent") {
		for _, as := range []string{key, strings.ToLower(key), strings.ToUpper(key)} {
			for _, v := range append(slices.Clone(oddValues), `{"n":[`+strings.Repeat("1e6,", 3700)+`0]}`, `{"s":"`+strings.Repeat("long ", 7000)+`"}`) {
				field := `"` + as + `":` + v + `,`
				all = append(all, "{"+field+trail[1:], trail[:len(trail)-1]+","+field[:len(field)-1]+"}", "{"+field+lower[1:], lower[:strings.Index(lower, `"requestparameters"`)]+field+`"eventid":"1"}`)
			}
		}
	}
	for _, source := range []string{`"y"`, `[{"ip":"203.0.113.1"}]`, `["a"]`, `null`, `{"geo":null}`, `{"geo":{"country_iso_code":null}}`, `{"geo":{"country_iso_code":"A"}}`, `{"geo":[]}`, `{}`, `{"ip":"no address"}`} {
		all = append(all, `{"@timestamp":"2026-03-02T10:13:23Z","event":{"kind":null,"action":"x"},"host.name":"h","source":`+source+`,"destination.ip":"203.0.113.9","user":{"name":"a","target.name":"a"},"ecs":3}`)
	}
	return all
}

// sampleRecords are the samples beside the golden files, whole and line by line.
func sampleRecords(t testing.TB) (all [][]byte) {
	files, _ := filepath.Glob("testdata/samples/*")
	for _, name := range files {
		if strings.HasSuffix(name, ".golden") {
			continue
		}
		data, err := os.ReadFile(name)
		if err != nil {
			t.Fatal(err)
		}
		all = append(all, data)
		all = append(all, bytes.SplitAfter(data, []byte("\n"))...)
	}
	var day bytes.Buffer
	if err := story.CloudTrailLines(7, 60, &day); err != nil {
		t.Fatal(err)
	}
	return append(all, bytes.SplitAfter(day.Bytes(), []byte("\n"))...)
}

// TestDocumentIsThePlainOne compares documents with those made the obvious way.
func TestDocumentIsThePlainOne(t *testing.T) {
	w, r := newTwins(t), rand.New(rand.NewPCG(1, 2))
	rounds := 50
	if testing.Short() {
		rounds = 20
	}
	for _, data := range oddRecords() {
		w.read([]byte(data))
	}
	for _, data := range sampleRecords(t) {
		w.read(data)
		for range rounds {
			w.read(mangle(r, data))
		}
	}
	if w.n < 100*rounds {
		t.Errorf("only %d documents", w.n)
	}
	t.Logf("%d documents", w.n)
}

// TestDocumentWithSecretsIsThePlainOne does so with secrets in every place and
// form: what is not looked at twice must not need it.
func TestDocumentWithSecretsIsThePlainOne(t *testing.T) {
	w := newTwins(t)
	for _, c := range secret.Canaries(3) {
		for i, plant := range c.Plants {
			if testing.Short() && i%5 > 0 {
				continue
			}
			for _, record := range leakRecords {
				for _, at := range []string{inJSON(plant.Text), inJSON(inJSON(plant.Text)), inJSON("x" + plant.Text + "/" + plant.Text)} {
					w.read([]byte(strings.ReplaceAll(strings.ReplaceAll(record, "##", inJSON(at)), "@@", at)))
				}
			}
		}
	}
	if w.n < 1000 {
		t.Errorf("only %d documents", w.n)
	}
	t.Logf("%d documents", w.n)
}

// TestWhatIsHarmlessHoldsNoSecret: whatever harmless says, the scan agrees.
func TestWhatIsHarmlessHoldsNoSecret(t *testing.T) {
	p, err := NewPlan(fourteen(), Options{})
	if err != nil {
		t.Fatal(err)
	}
	m := p.NewDocuments()
	var spared, looked int
	check := func(s string) {
		if !m.harmless(s) {
			looked++
		} else if spared++; m.scan.Redact(s) != s {
			t.Errorf("%q is no secret in %s", s, m.raw)
		}
	}
	for _, c := range secret.Canaries(4) {
		for _, plant := range c.Plants {
			for i := range plant.Text { // short texts
				check(plant.Text[i:min(len(plant.Text), i+11)])
			}
			m.raw = []byte(`{"a":"` + plant.Text + `","b":["` + inJSON(plant.Text) + `", "x` + inJSON(plant.Text[len(plant.Text)/2:]) + `"],"` + inJSON(plant.Text) + `":"` + inJSON(plant.Text[1:]) + `","plain text":"nothing to see here"}`)
			for range 2 {
				m.clean = m.scan.Overwrite(m.raw) == 0
				if last := m.raw[len(m.raw)-21 : len(m.raw)-2]; m.harmless(alias(last)) != m.clean {
					t.Errorf("%q in a record whose secrets are overwritten (%v): %v", last, !m.clean, !m.clean)
				}
				for i := range m.raw {
					for _, end := range []int{len(m.raw), i + bytes.IndexByte(m.raw[i:], '"'), i + bytes.IndexByte(m.raw[i:], '/')} {
						if end > i {
							check(alias(m.raw[i:end]))
						}
					}
				}
			}
		}
	}
	m.raw, m.clean = []byte(`{"a":"nothing\tto see here"}`), true
	if escaped := m.raw[len(`{"a":"`) : len(m.raw)-len(`"}`)]; m.harmless(alias(escaped)) {
		t.Errorf("%q is not looked at again", escaped)
	}
	if spared == 0 || looked == 0 {
		t.Errorf("%d spared, %d looked at: the test shows nothing", spared, looked)
	}
	t.Logf("%d spared, %d looked at", spared, looked)
}

// FuzzDocumentIsThePlainOne does the same with whatever decodes.
func FuzzDocumentIsThePlainOne(f *testing.F) {
	for _, data := range sampleRecords(f) {
		f.Add(data)
	}
	for _, record := range leakRecords {
		f.Add([]byte(record))
	}
	f.Fuzz(func(t *testing.T, b []byte) { newTwins(t).read(b) })
}

// FuzzOutline compares what an outline writes with what is written by the way.
func FuzzOutline(f *testing.F) {
	for _, v := range oddValues {
		f.Add([]byte(v))
	}
	f.Fuzz(func(t *testing.T, b []byte) {
		if b = bytes.TrimSpace(b); !json.Valid(b) {
			return
		}
		n := node(b)
		var o outline
		o.read(n)
		if o.hollow(0) != plainHollow(n) {
			t.Fatalf("%s: hollow %v", b, o.hollow(0))
		}
		java := o.appendJava(nil, 0)
		if want := plainJava(nil, n); !bytes.Equal(java, want) {
			t.Fatalf("%s\nas Java %s\nwant    %s", b, java, want)
		}
		if len(java) > 3*len(b) {
			t.Fatalf("%s\nas Java is longer than three times as long: %s", b, java)
		}
		if n.kind() == 'n' {
			return
		}
		if got, want := o.appendJSON(nil, 0), plainJSON(solid(n)); !bytes.Equal(got, want) {
			t.Fatalf("%s\nsolid %s\nwant  %s", b, got, want)
		}
	})
}

// TestQuotedIsAsEncodingJSON goes through all bytes.
func TestQuotedIsAsEncodingJSON(t *testing.T) {
	for b := range 256 {
		for _, s := range []string{string([]byte{byte(b)}), "a" + string(rune(b)) + "\"b", string([]byte{'\\', byte(b), 'x'})} {
			if got, want := appendQuoted([]byte("~"), s), plainJSON(s); string(got) != "~"+string(want) {
				t.Errorf("%q is written %s, not %s", s, got[1:], want)
			}
		}
	}
}
