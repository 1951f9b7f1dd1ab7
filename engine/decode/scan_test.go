package decode

import (
	"bytes"
	"encoding/json"
	"fmt"
	"math/rand"
	"strings"
	"testing"
	"unicode/utf8"
)

// scanPaths are the paths of the tests' trie: short and long keys, keys equal
// in length and ends, parents and children both wanted.
var scanPaths = []string{
	"a", "a.b", "a.b.c", "b", "é", "",
	"eventName", "eventTime", "eventSource", "eventVersion", "sourceIPAddress", "awsRegion",
	"userIdentity.type", "userIdentity.arn", "userIdentity.accessKeyId",
	"userIdentity.sessionContext.sessionIssuer.userName", "userIdentity.sessionContext.attributes.mfaAuthenticated",
	"requestParameters", "requestParameters.modelId", "requestParameters.roleSessionName", "requestParameters.roleArn",
	"aVeryLongKeyThatDiffersInTheMiddleOnlyXXTail", "aVeryLongKeyThatDiffersInTheMiddleOnlyYYTail",
}

func testTrie() *trie {
	var b trieBuilder
	for _, p := range scanPaths {
		if p == "" {
			continue
		}
		b.add(p)
	}
	return b.build()
}

const trail = `{"eventVersion":"1.08","userIdentity":{"type":"AssumedRole","principalId":"AROAEXAMPLEROLE234567:gha-7001","arn":"arn:aws:sts::111122223333:assumed-role/ci-build/gha-7001","accountId":"111122223333","accessKeyId":"ASIAEXAMPLEBUILDKEY2","sessionContext":{"sessionIssuer":{"type":"Role","principalId":"AROAEXAMPLEROLE234567","arn":"arn:aws:iam::111122223333:role/ci-build","accountId":"111122223333","userName":"ci-build"},"webIdFederationData":{"federatedProvider":"arn:aws:iam::111122223333:oidc-provider/token.actions.githubusercontent.com","attributes":{}},"attributes":{"creationDate":"2026-03-02T10:12:04Z","mfaAuthenticated":"false"}}},"eventTime":"2026-03-02T10:15:00Z","eventSource":"s3.amazonaws.com","eventName":"ListBuckets","awsRegion":"eu-west-1","sourceIPAddress":"203.0.113.9","userAgent":"[aws-cli/2.15.0 Python/3.11.6 Linux/6.1.0 exe/x86_64.ubuntu.22 prompt/off command/s3api.list-buckets]","requestParameters":{"Host":"s3.eu-west-1.amazonaws.com","maxKeys":1000,"modelId":null,"deep":[1,2.5e3,{"x":[true,false,null]}]},"responseElements":null,"additionalEventData":{"SignatureVersion":"SigV4","CipherSuite":"TLS_AES_128_GCM_SHA256","bytesTransferredIn":0,"AuthenticationMethod":"AuthHeader","x-amz-id-2":"exampleexampleexampleexampleexample=","bytesTransferredOut":389},"requestID":"EXAMPLE1234567890","eventID":"1a1b1c1d-0000-4000-8000-000000000001","readOnly":true,"eventType":"AwsApiCall","managementEvent":true,"recipientAccountId":"111122223333","eventCategory":"Management","tlsDetails":{"tlsVersion":"TLSv1.3","cipherSuite":"TLS_AES_128_GCM_SHA256","clientProvidedHostHeader":"s3.eu-west-1.amazonaws.com"}}`

// checkScan compares a scan with encoding/json: validity, and every cell.
func checkScan(t *testing.T, tr *trie, b []byte) {
	t.Helper()
	var s scanner
	body := bytes.TrimSpace(b) // a scan begins at the brace and ends behind it
	end, st := s.scan(body, 0, tr)
	var want map[string]any
	dec := json.NewDecoder(bytes.NewReader(body))
	dec.UseNumber()
	err := dec.Decode(&want)
	valid := len(body) > 0 && body[0] == '{' && err == nil
	if st == scanBad && s.why == tooDeep {
		return
	}
	if (st == scanOK) != valid {
		t.Fatalf("scan says %v (%s at %d), encoding/json %v: %q", st, s.why, s.at, err, b)
	}
	if st != scanOK {
		return
	}
	if int64(end) != dec.InputOffset() {
		t.Fatalf("scan ends at %d, encoding/json at %d: %q", end, dec.InputOffset(), b)
	}
	for n := 1; n < len(tr.nodes); n++ {
		compareCell(t, tr.path(int32(n)), s.cells[n], want, b)
	}
}

func compareCell(t *testing.T, path string, c cell, doc map[string]any, b []byte) {
	t.Helper()
	var v any = doc
	ok := true
	for _, key := range strings.Split(path, ".") {
		m, isMap := v.(map[string]any)
		if v, ok = m[key]; !isMap || !ok {
			ok = false
			break
		}
	}
	if !ok {
		if c.kind != 0 {
			t.Fatalf("%s: scan found %q, encoding/json nothing: %q", path, c.text, b)
		}
		return
	}
	text := c.text
	if c.kind == '"' {
		text = string(unescape(nil, []byte(c.text)))
	}
	good := false
	switch v := v.(type) {
	case nil:
		good = c.kind == 'n'
	case bool:
		good = text == fmt.Sprint(v)
	case json.Number:
		good = c.kind == '0' && text == string(v)
	case string:
		good = c.kind == '"' && validUTF8(text) == v
	default:
		var got any
		d := json.NewDecoder(strings.NewReader(text))
		d.UseNumber()
		_ = d.Decode(&got)
		x, _ := json.Marshal(got)
		y, _ := json.Marshal(v)
		good = bytes.Equal(x, y)
	}
	if !good {
		t.Fatalf("%s: scan found %c %q, encoding/json %#v: %q", path, c.kind, c.text, v, b)
	}
}

// validUTF8 replaces each bad byte, as encoding/json does.
func validUTF8(s string) string {
	var b []byte
	for i := 0; i < len(s); {
		r, n := utf8.DecodeRuneInString(s[i:])
		b = utf8.AppendRune(b, r)
		i += n
	}
	return string(b)
}

var scanSeeds = []string{
	trail, `{}`, `{ }`, ` {"a" : {"b" : {"c" : 1 } } } `, `{"a":1,"a":2}`, `{"a":{"b":1},"a":{}}`,
	`{"a":{"b":{"c":1}},"a":3}`, `{"\u0061":"x"}`, `{"event\u004eame":"x"}`, `{"a":"\ud83d\ude00\ud83d"}`,
	`{"a":"\ud83dx"}`, `{"a":"\`, `{"a":"\u12`, `{"a":01}`, `{"a":-}`, `{"a":-0.0e+10}`, `{"a":1.}`, `{"a":1e}`,
	`{"a":tru}`, `{"a":truex}`, `{"a":"` + "\n" + `"}`, `{"a":"` + "\x7f\x80\xff" + `"}`, `{"a":1}}`, `{"a":1,}`, `{,}`,
	`{"a":[1,2,{"b":[[]]}]}`, `{"a":[1,]}`, `{"a":[}`, `{"a":{]}`, `{"é":1}`, `{"a"  :1}`, `{"a":1 "b":2}`, `{"a":[1 2]}`,
	`{"x":{"y":"z","a":[{}]},"b":"\/\b\f\n\r\t\\\""}`, "{\"a\":\"\x00\"}", `{"aVeryLongKeyThatDiffersInTheMiddleOnlyXXTail":1,"aVeryLongKeyThatDiffersInTheMiddleOnlyZZTail":2}`,
	strings.Repeat(`{"a":`, 80) + "1" + strings.Repeat("}", 80), strings.Repeat(`{"x":[`, 40),
	`{"requestParameters":{"modelId":"m","roleArn":5},"requestParameters":{"roleSessionName":"s"}}`,
}

func FuzzScan(f *testing.F) {
	for _, s := range scanSeeds {
		f.Add([]byte(s))
	}
	tr := testTrie()
	f.Fuzz(func(t *testing.T, b []byte) { checkScan(t, tr, b) })
}

// TestScanMutations cuts, swaps and repeats pieces of good records.
func TestScanMutations(t *testing.T) {
	tr := testTrie()
	r := rand.New(rand.NewSource(1))
	pieces := []string{`"`, `\`, `{`, `}`, `[`, `]`, `:`, `,`, ` `, "\n", "\x01", `\u0041`, `"a":1`, `"eventName":"x"`, "\xc3", `\ud800`, "0", "-", "e", "null"}
	rounds := 30000
	if testing.Short() {
		rounds = 3000
	}
	for range rounds {
		b := []byte(scanSeeds[r.Intn(len(scanSeeds))])
		for range 1 + r.Intn(3) {
			i := r.Intn(len(b) + 1)
			switch r.Intn(4) {
			case 0:
				b = b[:i]
			case 1:
				j := i + r.Intn(len(b)-i+1)
				b = append(b[:i:i], b[j:]...)
			case 2:
				b = append(b[:i:i], append([]byte(pieces[r.Intn(len(pieces))]), b[i:]...)...)
			default:
				if i < len(b) {
					b[i] = byte(r.Intn(256))
				}
			}
		}
		checkScan(t, tr, b)
	}
}

// TestScanShort: every cut of a good record is short, never bad: more may come.
func TestScanShort(t *testing.T) {
	tr := testTrie()
	var s scanner
	for i := range len(trail) {
		if _, st := s.scan([]byte(trail[:i]), 0, tr); st != scanShort {
			t.Fatalf("cut at %d: %v %s", i, st, s.why)
		}
	}
}

func TestScanCountsDuplicates(t *testing.T) {
	var s scanner
	tr := testTrie()
	s.scan([]byte(`{"a":{"b":1},"x":1,"x":2,"\u0061":{"c":2}}`), 0, tr)
	if s.dups != 1 {
		t.Errorf("%d duplicates, want 1", s.dups)
	}
}

func TestScanDottedAndFolded(t *testing.T) {
	var b trieBuilder
	n := []*trieBuilder{b.add("source.ip"), b.add("source.as.number"), b.add(`a\.b.c`)}
	tr := b.build()
	tr.dotted = true
	var s scanner
	if _, st := s.scan([]byte(`{"source":{"as.number":5},"source.ip":"x","a.b":{"c":1}}`), 0, tr); st != scanOK {
		t.Fatal(s.why)
	}
	for i, want := range []string{"x", "5", "1"} {
		if got := s.cells[n[i].number].text; got != want {
			t.Errorf("cell %d is %q, want %q", i, got, want)
		}
	}
	var lower trieBuilder
	m := lower.add("useridentity.accesskeyid")
	tr = lower.build()
	tr.fold = true
	s.scan([]byte(`{"userIdentity":{"accessKeyID":"k"}}`), 0, tr)
	if s.cells[m.number].text != "k" {
		t.Errorf("folded key not found")
	}
}

func BenchmarkScan(b *testing.B) {
	tr := func() *trie {
		var t trieBuilder
		for _, p := range strings.Fields("eventTime eventID eventName eventSource awsRegion sourceIPAddress userAgent errorCode userIdentity.type userIdentity.arn userIdentity.accessKeyId userIdentity.sessionContext.sessionIssuer.userName requestParameters.modelId recipientAccountId") {
			t.add(p)
		}
		return t.build()
	}()
	rec := []byte(trail)
	var s scanner
	b.SetBytes(int64(len(rec)))
	b.ReportAllocs()
	for b.Loop() {
		if _, st := s.scan(rec, 0, tr); st != scanOK {
			b.Fatal(s.why)
		}
	}
}
