package secret

import (
	"encoding/base64"
	"encoding/hex"
	"encoding/json"
	"net/url"
	"strings"
	"testing"
)

func escapeAll(s string) string {
	const x = "0123456789abcdef"
	var b strings.Builder
	for i := 0; i < len(s); i++ {
		b.WriteString(`\u00`)
		b.WriteByte(x[s[i]>>4])
		b.WriteByte(x[s[i]&15])
	}
	return b.String()
}

func percentAll(s string) string {
	return "%" + strings.Join(strings.Fields(strings.TrimSpace(spaced(hex.EncodeToString([]byte(s))))), "%")
}

func spaced(h string) string {
	var b strings.Builder
	for i := 0; i < len(h); i += 2 {
		b.WriteString(h[i:i+2] + " ")
	}
	return b.String()
}

func quote(s string) string {
	b, _ := json.Marshal(s)
	return string(b)
}

func wrapLines(s string, n int, end string) string {
	var b strings.Builder
	for len(s) > n {
		b.WriteString(s[:n] + end)
		s = s[n:]
	}
	return b.String() + s
}

var std = base64.StdEncoding

// encodings are ways to hide a text. The second value is what Finding.Encoding
// must say; "" when that depends on the text.
var encodings = []struct {
	name, want string
	encode     func(s string) string
}{
	{"plain", "", func(s string) string { return s }},
	{"quoted", "", quote},
	{"quoted twice", "", func(s string) string { return quote(quote(s)) }},
	{"quoted three times", "", func(s string) string { return quote(quote(quote(s))) }},
	{"unicode escapes", "JSON", escapeAll},
	{"percent", "percent", percentAll},
	{"percent twice", "percent twice", func(s string) string { return strings.ReplaceAll(percentAll(s), "%", "%25") }},
	{"query", "", url.QueryEscape},
	{"base64", "base64", func(s string) string { return std.EncodeToString([]byte(s)) }},
	{"base64 unpadded url", "base64", func(s string) string { return base64.RawURLEncoding.EncodeToString([]byte(s)) }},
	{"base64 off by one", "base64", func(s string) string { return "x" + std.EncodeToString([]byte(s)) }},
	{"base64 off by two", "base64", func(s string) string { return "ab/" + std.EncodeToString([]byte("key="+s)) + "/xyz" }},
	{"base64 inside text", "base64", func(s string) string { return std.EncodeToString([]byte("export A=1\nexport B='" + s + "'\nC=3\n")) }},
	{"base64 twice", "base64 twice", func(s string) string { return std.EncodeToString([]byte(std.EncodeToString([]byte(s)))) }},
	{"base64 wrapped", "base64", func(s string) string {
		return wrapLines(std.EncodeToString([]byte("some words before the value "+s)), 76, "\n")
	}},
	{"base64 wrapped CRLF", "base64", func(s string) string {
		return wrapLines(std.EncodeToString([]byte("some words before the value "+s)), 64, "\r\n")
	}},
	{"base64 wrapped in JSON", "JSON, base64", func(s string) string {
		return quote(wrapLines(std.EncodeToString([]byte("some words before the value "+s)), 40, "\n"))
	}},
	{"base64 in percent", "percent, base64", func(s string) string { return percentAll(std.EncodeToString([]byte(s))) }},
	{"JSON in base64", "", func(s string) string { return std.EncodeToString([]byte(quote(s))) }},
	{"hex", "hex", func(s string) string { return hex.EncodeToString([]byte(s)) }},
	{"hex in base64", "base64, hex", func(s string) string { return std.EncodeToString([]byte(hex.EncodeToString([]byte(s)))) }},
	{"C escapes", "JSON", func(s string) string { return strings.ReplaceAll(percentAll(s), "%", `\x`) }},
	{"after a colour", "", func(s string) string { return "\x1b[1;31m" + s + "\x1b[0m" }},
	{"after an escaped colour", "", func(s string) string { return `\u001b[31m` + s + `\u001b[0m` }},
	{"after an escaped line end", "", func(s string) string { return `{"log":"first\n` + s + `\n"}` }},
}

func TestEncodedFormsHaveOneFingerprint(t *testing.T) {
	c := New(Options{Key: []byte("k")}).NewScan()
	for i := range table {
		r := &table[i]
		text := surround(r.context, fakeOf(r, 7))
		want := ""
		for _, e := range encodings {
			enc := e.encode(text)
			line := "2026 step: " + enc + " done"
			var hits []Finding
			for _, f := range c.Find([]byte(line)) {
				if f.Format == r.id {
					hits = append(hits, f)
				}
			}
			if len(hits) != 1 {
				t.Errorf("%s, %s: %d findings in %q: %+v", r.id, e.name, len(hits), line, c.Find([]byte(line)))
				continue
			}
			if want == "" {
				want = hits[0].Fingerprint
			}
			if hits[0].Fingerprint != want {
				t.Errorf("%s, %s: another fingerprint", r.id, e.name)
			}
			if e.want != "" && hits[0].Encoding != e.want {
				t.Errorf("%s, %s: encoding %q, want %q", r.id, e.name, hits[0].Encoding, e.want)
			}
			b := []byte(line)
			if n := c.Overwrite(b); n == 0 || len(c.Find(b)) > 0 {
				t.Errorf("%s, %s: after overwriting %d: %q", r.id, e.name, n, b)
			}
			if len(b) != len(line) || !strings.HasPrefix(string(b), "2026 step: ") || !strings.HasSuffix(string(b), " done") {
				t.Errorf("%s, %s: overwrote too much: %q", r.id, e.name, b)
			}
			if b = []byte(enc); json.Valid(b) {
				c.Overwrite(b)
				if !json.Valid(b) {
					t.Errorf("%s, %s: JSON broken: %s", r.id, e.name, b)
				}
			}
		}
	}
}

func TestKeyBlockAsList(t *testing.T) {
	c := New(Options{}).NewScan()
	key := Fake("private_key", 2)
	want := c.Find([]byte(key))[0].Fingerprint
	lines, _ := json.Marshal(map[string]any{"key": strings.Split(key, "\n"), "n": 12345678901234567890.0, "z": []any{true, "x"}})
	for _, text := range []string{
		string(lines),
		strings.ReplaceAll(string(lines), `","`, `", "`),
		strings.ReplaceAll(string(lines), `","`, "\",\n  \""),
		"['" + strings.ReplaceAll(key, "\n", "', '") + "']",
		strings.ReplaceAll(key, "\n", " "),
		strings.Replace(key, "\n", "\nProc-Type: 4,ENCRYPTED\nDEK-Info: AES-256-CBC,00112233445566778899AABBCCDDEEFF\n\n", 1),
		"key: |\n    " + strings.ReplaceAll(key, "\n", "\n    "),
		strings.ReplaceAll(key, "\n", "\r\n"),
		strings.ReplaceAll(key, "\n", `\n`), strings.ReplaceAll(key, "\n", `\\n`),
		"2026-03-02T10:11:53.4400000Z " + strings.ReplaceAll(key, "\n", "\n2026-03-02T10:11:53.4500000Z "),
	} {
		got := c.Find([]byte(text))
		if len(got) != 1 || got[0].Fingerprint != want {
			t.Errorf("found %+v in %q", got, text)
			continue
		}
		b := []byte(text)
		c.Overwrite(b)
		for _, line := range strings.Split(key, "\n") {
			if !strings.HasPrefix(line, "-----") && strings.Contains(string(b), line) {
				t.Errorf("left %q in %q", line, b)
			}
		}
		if json.Valid([]byte(text)) && !json.Valid(b) {
			t.Errorf("JSON broken: %s", b)
		}
	}
}

func TestCleanTextAllocatesNothing(t *testing.T) {
	c := New(Options{}).NewScan()
	text := []byte(strings.Repeat(`Downloading https://files.example/packages/ab/cd/lib-1.2.3.whl (12.3 MB) sha256:9f86d081884c7d659a2feaa0c55ad015a3bf4f1b2b0b822cd15d6c15b0f00a08
{"msg":"a\/b \u0041 \n","p":"%41%42"} aGVsbG8gd29ybGQgaGVsbG8gd29ybGQgaGVsbG8= key ASIA`+`EXAMPLEBUILDKEY2
`, 5))
	s := string(text)
	c.Find(text)
	if n := testing.AllocsPerRun(50, func() { c.Find(text); c.Overwrite(text); c.Redact(s) }); n != 0 {
		t.Errorf("%v allocations", n)
	}
}
