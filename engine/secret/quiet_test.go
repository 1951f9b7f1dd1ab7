package secret

import (
	"bytes"
	"encoding/base64"
	"encoding/hex"
	"fmt"
	"math/rand/v2"
	"strings"
	"testing"
)

// quiet makes the texts of an ordinary day that look like secrets and are none.
func quiet(r *rand.Rand) map[string]string {
	f := &faker{r}
	raw := func(n int) []byte {
		b := make([]byte, n)
		for i := range b {
			b[i] = byte(r.Uint32())
		}
		return b
	}
	id := func() string {
		h := hex.EncodeToString(raw(16))
		return h[:8] + "-" + h[8:12] + "-4" + h[13:16] + "-a" + h[17:20] + "-" + h[20:]
	}
	return map[string]string{
		"commit":            "commit " + hex.EncodeToString(raw(20)),
		"digest":            "sha256:" + hex.EncodeToString(raw(32)) + " sha512 " + hex.EncodeToString(raw(64)),
		"UUID":              "request " + id() + " trace " + id(),
		"picture":           "data:image/png;base64," + base64.StdEncoding.EncodeToString(append([]byte("\x89PNG\r\n\x1a\n\x00\x00\x00\rIHDR"), raw(3000)...)),
		"wrapped picture":   wrapLines(base64.StdEncoding.EncodeToString(raw(3000)), 76, "\n"),
		"package lock":      `"integrity": "sha512-` + base64.StdEncoding.EncodeToString(raw(64)) + `",` + "\n" + `"resolved": "https://registry.npmjs.org/@scope/name/-/name-1.2.3.tgz#` + hex.EncodeToString(raw(20)) + `"`,
		"go.sum":            "example.org/mod v1.2.3/go.mod h1:" + base64.StdEncoding.EncodeToString(raw(32)),
		"certificate":       "-----BEGIN CERTIFICATE-----\n" + wrapLines(base64.StdEncoding.EncodeToString(raw(900)), 64, "\n") + "\n-----END CERTIFICATE-----",
		"public key":        "ssh-ed25519 AAAAC3NzaC1lZDI1NTE5AAAA" + base64.StdEncoding.EncodeToString(raw(33)) + " runner@example",
		"minified script":   `!function(e,t){"object"==typeof exports?module.exports=t():e.` + f.text(letters, 3) + `=t()}(this,(function(){var e={` + f.text(alnum, 900) + `:function(e){return e.basic }};var sk=1,eyJ=2;` + f.text(bearers, 900) + `}));`,
		"source map":        "//# sourceMappingURL=data:application/json;base64," + base64.StdEncoding.EncodeToString([]byte(`{"version":3,"sources":["webpack://`+f.text(bytesIn(lowers), 12)+`/./src/index.js"],"mappings":"`+f.text(letters, 900)+`"}`)),
		"ids near a key id": "AKIA" + f.text(upnum, 16) + " " + hex.EncodeToString(raw(20)) + " /usr/lib/python3/dist-packages/nvidia/cublas " + id(),
		"etag":              `etag: W/"` + base64.RawURLEncoding.EncodeToString(raw(16)) + `"`,
		"cache key":         "Cache restored from key: Linux-pip-" + hex.EncodeToString(raw(32)),
		"hostnames":         "disk-" + f.text(lowersOnly, 22) + " task-" + f.text(lowersOnly, 32) + " risk-ant-api03-" + f.text(urlsafe, 95),
		"presigned":         "https://bucket.s3.amazonaws.com/x?X-Amz-Algorithm=AWS4-HMAC-SHA256&X-Amz-Credential=ASIA" + f.text(upnum, 16) + "%2F20260302%2Fus-east-1%2Fs3%2Faws4_request&X-Amz-Signature=" + hex.EncodeToString(raw(32)),
	}
}

var lowersOnly = bytesIn(lowers)

func TestOrdinaryTextIsQuiet(t *testing.T) {
	seed := testSeed(t)
	c := New(Options{}).NewScan()
	for i := range 300 {
		for name, text := range quiet(rand.New(rand.NewPCG(seed, uint64(i)))) {
			for _, form := range []string{text, quote(text)} {
				if got := c.Find([]byte(form)); len(got) > 0 {
					t.Errorf("seed %d, %s: %+v in %q", seed, name, got[0], form[got[0].Start:got[0].End])
				}
			}
		}
	}
	log := buildLog(4<<20, seed)
	for _, f := range c.Find(log) {
		t.Errorf("seed %d: %+v in %q", seed, f, log[f.Start:f.End])
	}
}

func TestSamplesAndMasksAreQuiet(t *testing.T) {
	c := New(Options{}).NewScan()
	x := func(n int) string { return strings.Repeat("x", n) }
	for _, text := range []string{
		"AWS_ACCESS_KEY_ID=AKIAIOSFODNN7" + "EXAMPLE\nAWS_SECRET_ACCESS_KEY=wJalrXUtnFEMI/K7MDENG/" + "bPxRfiCYEXAMPLEKEY",
		"aws_access_key_id = AKIAI44QH8DHB" + "EXAMPLE\naws_secret_access_key = je7MtGbClwBF/2Zp9Utk/" + "h3yCo8nvbEXAMPLEKEY",
		"AWS_ACCESS_KEY_ID: ***\nAWS_SECRET_ACCESS_KEY: ***\nAWS_SESSION_TOKEN: ***",
		"OPENAI_API_KEY=sk-" + x(48), "sk-" + x(22), "export OPENAI_API_KEY='sk-...'",
		"Authorization: Bearer sk-" + "****************abcd",
		"ANTHROPIC_API_KEY=<your key>", "ANTHROPIC_API_KEY=${ANTHROPIC_API_KEY}", "HF_TOKEN=$HF_TOKEN", "HF_TOKEN={{ secrets.HF_TOKEN }}", "${{ secrets.GITHUB_TOKEN }}",
		"sk-ant-api03-" + x(93) + "AA", "hf_" + strings.Repeat("ab", 17), "ghp_" + strings.Repeat("0", 36), "glpat-" + strings.Repeat("a1", 10),
		"https://hooks.slack.com/services/T00000000/" + "B00000000/XXXXXXXXXXXXXXXXXXXXXXXX",
		"DefaultEndpointsProtocol=https;AccountName=x;AccountKey=" + strings.Repeat("A", 86) + "==",
		"postgres://user:password@db.example.net/app", "postgres://$USER:$PASS@db.example.net/app", "redis://:***@cache.example.net", "mongodb://<user>:<password>@mongo.example.net", "http://user:%s@proxy.example.net",
		"-----BEGIN RSA PRIVATE KEY-----\n***\n-----END RSA PRIVATE KEY-----",
		"AIza" + strings.Repeat("Sy", 17) + "A", "xoxb-" + "123456789012-1234567890123-" + x(24),
	} {
		if got := c.Find([]byte(text)); len(got) > 0 {
			t.Errorf("%+v in %q", got, text)
		}
		if got := c.Redact(text); got != text {
			t.Errorf("redacted to %q", got)
		}
	}
}

func TestFindingHoldsNoValue(t *testing.T) {
	c := New(Options{}).NewScan()
	for i := range table {
		r := &table[i]
		v := fakeOf(r, 3)
		for _, f := range c.Find([]byte(surround(r.context, v))) {
			shown := fmt.Sprintf("%+v", f)
			for k := 0; k+12 <= len(v); k++ {
				part := v[k : k+12]
				if strings.Contains(shown, part) && !openPart(r, v, k+12) {
					t.Errorf("%s: %q shows %q of the value", r.id, shown, part)
					break
				}
			}
		}
	}
}

// openPart says that the first n bytes of a value are the format's own and no
// secret, but for three.
func openPart(r *row, v string, n int) bool {
	for _, p := range r.prefix {
		if strings.HasPrefix(v, p) && n <= len(p)+3 {
			return true
		}
	}
	switch r.id {
	case "slack_webhook":
		return n <= len("hooks.slack.com/services/")+3
	case "bedrock_short_key":
		return n <= len("bedrock-api-key-")+3
	case "private_key":
		return n <= len("-----BEGIN PRIVATE KEY-----") || bytes.HasPrefix([]byte(v[n-12:]), []byte("PRIVATE KEY"))
	case "connection_string":
		return n <= len("postgres://app:") || strings.Contains("@db.example.net:5432/ml", v[n-12:n])
	}
	return false
}

func TestIdentity(t *testing.T) {
	one, other := New(Options{Key: []byte("one")}).NewScan(), New(Options{Key: []byte("other")}).NewScan()
	get := func(c *Scan, text string) Finding {
		t.Helper()
		f := c.Find([]byte(text))
		if len(f) != 1 {
			t.Fatalf("%d findings in %q", len(f), text)
		}
		return f[0]
	}
	key := Fake("anthropic_api_key", 1)
	a, b := get(one, key), get(other, key)
	if a.Fingerprint == b.Fingerprint || len(a.Fingerprint) != 32 {
		t.Errorf("fingerprints %q and %q under two keys", a.Fingerprint, b.Fingerprint)
	}
	if a.Hint != "sk-ant-api03-EXA..."+key[len(key)-4:] || a.Prefix != "sk-ant-api03-EXA" || a.Suffix != key[len(key)-4:] {
		t.Errorf("hint %q, prefix %q, suffix %q", a.Hint, a.Prefix, a.Suffix)
	}
	gh := Fake("github_token", 1)
	if got := get(one, gh).Principal; got != sha256Base64([]byte(gh)) || len(got) != 44 {
		t.Errorf("principal of a GitHub token: %q", got)
	}
	lite := Fake("litellm_key", 1)
	if got := get(one, lite).Principal; got != sha256Hex([]byte(lite)) || len(got) != 64 {
		t.Errorf("principal of a LiteLLM key: %q", got)
	}
	if got := get(one, Fake("bedrock_key", 1)).Principal; !strings.HasPrefix(got, "BedrockAPIKey-") || len(got) != 18 {
		t.Errorf("principal of a Bedrock key: %q", got)
	}
	if got := get(one, Fake("bedrock_short_key", 1)).Principal; !strings.HasPrefix(got, "ASIAEXAMPLE") || len(got) != 20 {
		t.Errorf("principal of a short-term Bedrock key: %q", got)
	}
	const id = "ASIA" + "EXAMPLEBUILDKEY2"
	secret := Fake("aws_secret_key", 1)
	for _, text := range []string{
		"AWS_ACCESS_KEY_ID=" + id + "\nAWS_SECRET_ACCESS_KEY=" + secret,
		"AWS_SECRET_ACCESS_KEY=" + secret + "\n1\n2\n3\n4\nAWS_ACCESS_KEY_ID=" + id,
		base64.StdEncoding.EncodeToString([]byte(`{"id":"` + id + `","key":"` + secret + `"}`)),
		"AKIA" + "ANOTHERKEYOFPAST\n1\n2\n" + id + "\n" + secret,
	} {
		if f := get(one, text); f.Principal != id || f.Format != "aws_secret_key" {
			t.Errorf("principal %q of %s in %q", f.Principal, f.Format, text)
		}
		if one.AccessKeyID() != id {
			t.Errorf("last id %q", one.AccessKeyID())
		}
	}
	if f := get(one, "AWS_SECRET_ACCESS_KEY="+secret+"\n1\n2\n3\n4\n5\n6\n"+id); f.Principal != "" {
		t.Errorf("principal %q from seven lines away", f.Principal)
	}
	if got := one.Find([]byte(id + "\n1\n2\n3\n4\n5\n6\n" + secret)); len(got) != 0 {
		t.Errorf("%+v: forty letters far from any id", got)
	}
	if !get(one, Fake("stripe_test_key", 1)).Test || get(one, Fake("stripe_key", 1)).Test {
		t.Error("test mode")
	}
}
