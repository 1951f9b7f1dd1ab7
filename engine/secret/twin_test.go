package secret

import (
	"bytes"
	"crypto/hmac"
	"crypto/sha256"
	"encoding/base64"
	"encoding/hex"
	"encoding/json"
	"math/rand/v2"
	"os"
	"regexp"
	"slices"
	"strconv"
	"strings"
	"testing"
)

// The twin finds the same secrets slowly and plainly: a regular expression per
// format tried at every byte, decoders that build whole texts with two numbers
// a byte, and every pair of findings compared.

type twinText struct {
	s        []byte
	from, to []int // where each byte came from, in the text as given
	enc      encoding
	depth    int
}

type twinHit struct {
	Format, Fingerprint, Encoding string
	Start, End                    int
	row, depth                    int
}

func twin(key string, text []byte) []twinHit {
	t := twinText{s: text}
	for i := range text {
		t.from, t.to = append(t.from, i), append(t.to, i+1)
	}
	var all []twinHit
	twinLook(key, t, &all)
	// A weak one that meets a strong one is out; of the rest, one inside another.
	strong := slices.Clone(all)
	all = slices.DeleteFunc(all, func(a twinHit) bool {
		return table[a.row].weak && slices.ContainsFunc(strong, func(b twinHit) bool {
			return !table[b.row].weak && a.Start < b.End && b.Start < a.End
		})
	})
	var kept []twinHit
	for i, a := range all {
		drop := false
		for j, b := range all {
			switch {
			case i == j:
			case b.Start == a.Start && b.End == a.End:
				drop = drop || b.row < a.row || b.row == a.row && (b.depth < a.depth || b.depth == a.depth && j < i)
			default:
				drop = drop || b.Start <= a.Start && a.End <= b.End
			}
		}
		if !drop {
			kept = append(kept, a)
		}
	}
	slices.SortFunc(kept, func(a, b twinHit) int { return a.Start - b.Start })
	return kept
}

var twinREs = func() map[string]*regexp.Regexp {
	m := map[string]*regexp.Regexp{}
	for id, s := range shapes {
		m[id] = regexp.MustCompile(s.re)
	}
	return m
}()

func twinLook(key string, t twinText, all *[]twinHit) {
	add := func(row, from, to int, value []byte) {
		m := hmac.New(sha256.New, []byte(key))
		m.Write(value)
		*all = append(*all, twinHit{Format: table[row].id, Fingerprint: hex.EncodeToString(m.Sum(nil)[:16]),
			Encoding: t.enc.String(), Start: t.from[from], End: t.to[to-1], row: row, depth: t.depth})
	}
	for row := range table {
		r := &table[row]
		if r.id == "private_key" {
			for i := range t.s {
				if w := t.s[i:]; len(w) > 11 && strings.EqualFold(string(w[:10]), "-----BEGIN") && (w[10] == ' ' || w[10] == '+') {
					if f, ok := pem(&Scan{}, t.s, i, i+11); ok {
						add(row, f.start, f.end, f.value)
					}
				}
			}
			continue
		}
		re, ok := twinREs[r.id]
		if !ok {
			panic("no shape for " + r.id)
		}
		for i := range t.s {
			if m := re.FindSubmatchIndex(t.s[i:]); m != nil {
				if from, to, value := twinCheck(r.id, t.s, i, i+m[2], i+m[3]); value != nil {
					add(row, from, to, value)
				}
			}
		}
	}
	// secrets near an AWS access key id
	ids := regexp.MustCompile(`(?:AKIA|ASIA|ABIA|ACCA)[A-Z0-9]{16}`)
	forty := regexp.MustCompile(`[0-9A-Za-z+/]+`)
	for i := range t.s {
		m := ids.FindIndex(t.s[i:])
		if m == nil || m[0] != 0 || !free(t.s, i) || i+20 < len(t.s) && words[t.s[i+20]] || bytes.HasSuffix(t.s[i:i+20], []byte("EXAMPLE")) {
			continue
		}
		for _, f := range forty.FindAllIndex(t.s, -1) {
			lo, hi := min(f[1], i+20), max(f[0], i)
			gap := t.s[min(lo, hi):max(lo, hi)]
			if f[1]-f[0] == 40 && bytes.Count(gap, []byte("\n")) <= nearLines && len(gap) < 1500 && apart(t.s, f[0], f[1]) && awsSecret(t.s, f[0], f[1]) {
				add(awsSecretRow, f[0], f[1], t.s[f[0]:f[1]])
			}
		}
	}
	if t.depth == maxDepth {
		return
	}
	twinLines(key, t, true, all)
	twinLines(key, t, false, all)
	twinRuns(key, t, all)
}

// twinCheck makes the tests that no expression can. A nil value is no match.
func twinCheck(id string, t []byte, at, from, to int) (int, int, []byte) {
	s := shapes[id]
	v := t[from:to]
	body := func() []byte {
		if s.skip == "-" {
			return v[bytes.IndexByte(v, '-')+1:]
		}
		return v[len(s.skip):]
	}
	no := func() (int, int, []byte) { return 0, 0, nil }
	switch id {
	case "slack_token":
		b := regexp.MustCompile(`^(?:xoxe\.xoxp-|xox[baprse]-|xapp-)`).ReplaceAll(v, nil)
		if len(b) > s.most || sample(b) || !random(b, s.size) || !free(t, at) {
			return no()
		}
		return from, to, v
	case "tailscale_key":
		b := regexp.MustCompile(`^tskey-(?:auth|api|client)-`).ReplaceAll(v, nil)
		if len(b) < 20 || len(b) > s.most || sample(b) || !random(b, s.size) || !free(t, at) || !mixed(b) {
			return no()
		}
		return from, to, v
	case "aws_session_token":
		b := regexp.MustCompile(`^(?:IQoJb3JpZ2luX2Vj|FwoGZXIvYXdz)`).ReplaceAll(v, nil)
		if len(b) < 100 || len(b) > s.most || sample(b) || !random(b, s.size) || !free(t, at) {
			return no()
		}
		return from, to, v
	case "aws_secret_key":
		if !awsSecret(t, from, to) {
			return no()
		}
		return from, to, v
	case "azure_openai_key":
		name := regexp.MustCompile(`^[A-Za-z_-]+`).Find(t[at:])
		if at > 0 && len(name) == 7 && words[t[at-1]] || at > 1 && string(t[at-2:at]) == "x-" || sample(v) || !random(v, 16) {
			return no()
		}
		return from, to, v
	case "azure_ai_key":
		if !free(t, at) || sample(v[:52]) || !random(v[:52], 62) {
			return no()
		}
		return from, to, v
	case "azure_storage_key", "azure_shared_access_key":
		b := bytes.TrimRight(v, "=")
		if sample(b) || !random(b, 64) {
			return no()
		}
		return from, to, v
	case "bedrock_key":
		if !free(t, at) || bedrockUser(bytes.TrimRight(v, "=")) == "" {
			return no()
		}
		return from, to, v
	case "bedrock_short_key":
		b, _ := base64.RawStdEncoding.DecodeString(string(v[16:44]))
		if string(b) != "bedrock.amazonaws.com" || len(v) > 8192 {
			return no()
		}
		return from, to, v
	case "slack_webhook":
		b := v[bytes.LastIndexByte(v, '/')+1:]
		if sample(b) || !random(b, 62) {
			return no()
		}
		return from, to, v
	case "jwt":
		p := strings.Split(string(v), ".")
		h, err := base64.RawURLEncoding.DecodeString(p[0])
		if err != nil || !free(t, at) || len(p[0]) > maxHeader || !bytes.Contains(h, []byte(`"alg"`)) || !json.Valid(h) || sample([]byte(p[2])) {
			return no()
		}
		if b, _ := base64.RawURLEncoding.DecodeString(p[1][:min(len(p[1]), 64)]); bytes.Contains(b, []byte(`"1234567890","name":"John`)) {
			return no()
		}
		return from, to, v
	case "connection_string":
		f, ok := connectionString(&Scan{}, t, at, at+3) // the expression only proposes
		if !ok {
			return no()
		}
		s, err := strconv.Unquote(`"` + strings.ReplaceAll(string(t[f.start:f.end]), "%", `\x`) + `"`)
		if err != nil || strings.Contains(string(t[f.start:f.end]), `\`) {
			s = string(f.value)
		}
		return f.start, f.end, []byte(s)
	case "basic_auth":
		b, err := base64.RawStdEncoding.DecodeString(strings.NewReplacer("-", "+", "_", "/", "=", "").Replace(string(v)))
		user, pass, ok := bytes.Cut(b, []byte(":"))
		if err != nil || !ok || !free(t, at) || len(v) > maxAuthority || !password(user, pass) {
			return no()
		}
		for i, x := range b {
			if i < len(b)/3*3 && !textual[x] {
				return no()
			}
		}
		return from, to, pass
	case "bearer_token":
		v = bytes.TrimRight(v, ".")
		if len(v) < 20 || len(v) > 4096 || !free(t, at) || sample(v) || !random(v, 32) || !mixed(v) && !hexes.all(v) {
			return no()
		}
		return from, from + len(v), v
	}
	if s.crc {
		if !crcTail(body()) {
			return no()
		}
		return from, to, v
	}
	least := regexp.MustCompile(`\{(\d+),\}`).FindStringSubmatch(s.re)
	v = bytes.TrimRight(v, ".")
	to = from + len(v)
	b := body()
	if !free(t, at) || s.most > 0 && len(b) > s.most {
		return no()
	}
	if least != nil {
		if n, _ := strconv.Atoi(least[1]); len(b) < n {
			return no()
		}
	}
	if s.inner {
		if k := bytes.Index(b, []byte(openAIMark)); k < 16 || k+8+16 > len(b) {
			return no()
		}
	}
	if s.mixed && !mixed(b) || sample(b) || !random(b, s.size) {
		return no()
	}
	return from, to, v
}

// twinLines decodes what escapes stand in each line.
func twinLines(key string, t twinText, join bool, all *[]twinHit) {
	for lo := 0; lo < len(t.s); {
		hi := lo
		for hi < len(t.s) && (t.s[hi] != '\n' || join && continued(t.s[lo:hi])) {
			hi++
		}
		line := t.s[lo:hi]
		worth := func(sign byte, f func([]byte, int) bool) bool {
			for i := lo; i < hi; i++ {
				if t.s[i] == sign && f(t.s, i) {
					return true
				}
			}
			return false
		}
		sub := func(e encoding, re string, value func(string) string) {
			c := twinText{enc: t.enc, depth: t.depth + 1}
			c.enc.escape += e.escape
			c.enc.percent += e.percent
			c.enc.colour += e.colour
			last := 0
			for _, m := range append(regexp.MustCompile(re).FindAllIndex(line, -1), []int{len(line), len(line)}) {
				for ; last < m[0]; last++ {
					c.s, c.from, c.to = append(c.s, line[last]), append(c.from, t.from[lo+last]), append(c.to, t.to[lo+last])
				}
				if m[0] == m[1] {
					break
				}
				for _, b := range []byte(value(string(line[m[0]:m[1]]))) {
					c.s, c.from, c.to = append(c.s, b), append(c.from, t.from[lo+m[0]]), append(c.to, t.to[lo+m[1]-1])
				}
				last = m[1]
			}
			twinLook(key, c, all)
		}
		if join && t.enc.escape < maxEscape && worth('\\', escaped) {
			sub(encoding{escape: 1}, `(?i:\\u[dD][89abAB][0-9a-fA-F]{2}\\u[dD][c-fC-F][0-9a-fA-F]{2})|\\u[0-9a-fA-F]{4}|\\x[0-9a-fA-F]{2}|\\["\\/bfnrt]|\\\r?\n`, func(s string) string {
				switch s[1] {
				case '\r', '\n':
					return ""
				case '/':
					return "/"
				case 'x':
					n, _ := strconv.ParseUint(s[2:], 16, 8)
					return string(rune(n))
				}
				var out string
				json.Unmarshal([]byte(`"`+s+`"`), &out)
				return out
			})
		}
		if !join && t.enc.percent < maxPercent && worth('%', percented) {
			sub(encoding{percent: 1}, `%[0-9a-fA-F]{2}`, func(s string) string {
				b, _ := hex.DecodeString(s[1:])
				return string(b)
			})
		}
		if !join && t.enc.colour < 1 && worth(0x1b, coloured) {
			sub(encoding{colour: 1}, "\x1b\\[[0-9;]{0,17}[mK]", func(string) string { return "" })
		}
		lo = hi + 1
	}
}

// twinRuns decodes base64 and hex, in every run and from every offset.
func twinRuns(key string, t twinText, all *[]twinHit) {
	runs := regexp.MustCompile(`[0-9A-Za-z+/_-]+`).FindAllIndex(t.s, -1)
	for k := 0; k < len(runs); k++ {
		m := runs[k]
		size := m[1] - m[0]
		if size < shortRun {
			continue
		}
		r := twinText{enc: t.enc, depth: t.depth}
		take := func(m []int) {
			r.s, r.from, r.to = append(r.s, t.s[m[0]:m[1]]...), append(r.from, t.from[m[0]:m[1]]...), append(r.to, t.to[m[0]:m[1]]...)
		}
		take(m)
		for size >= 40 && size%4 == 0 && t.enc.base64 < maxBase64 && k+1 < len(runs) {
			between, next := string(t.s[runs[k][1]:runs[k+1][0]]), runs[k+1]
			if between != "\n" && between != "\r\n" || next[1]-next[0] > size {
				break
			}
			take(next)
			k++
			if next[1]-next[0] < size {
				break
			}
		}
		if t.enc.base64 < maxBase64 {
			for a := range 4 {
				twinQuads(key, r, a, all)
			}
		}
		if t.enc.hex == 0 && len(r.s) >= 2*fewPairs {
			twinHex(key, r, 0, all)
			twinHex(key, r, 1, all)
		}
	}
}

func allText(b []byte) bool {
	for _, x := range b {
		if x != '\n' && x != '\r' && x != '\t' && (x < ' ' || x > '~') {
			return false
		}
	}
	return true
}

func twinQuads(key string, r twinText, a int, all *[]twinHit) {
	plain := strings.NewReplacer("-", "+", "_", "/").Replace(string(r.s))
	c := twinText{enc: r.enc, depth: r.depth + 1}
	c.enc.base64++
	n := 0
	flush := func() {
		if n >= fewQuads {
			twinLook(key, c, all)
		}
		c.s, c.from, c.to, n = nil, nil, nil, 0
	}
	put := func(b byte, i int) {
		c.s, c.from, c.to = append(c.s, b), append(c.from, r.from[i]), append(c.to, r.to[i+1])
	}
	i := a
	for ; i+4 <= len(plain); i += 4 {
		b, _ := base64.StdEncoding.DecodeString(plain[i : i+4])
		if !allText(b) {
			flush()
			continue
		}
		n++
		for k, x := range b {
			put(x, i+k)
		}
	}
	if left := len(plain) - i; left >= 2 && n >= fewQuads {
		b, _ := base64.RawStdEncoding.DecodeString(plain[i:])
		for k, x := range b {
			if !allText([]byte{x}) {
				break
			}
			put(x, i+k)
		}
	}
	flush()
}

func twinHex(key string, r twinText, a int, all *[]twinHit) {
	c := twinText{enc: r.enc, depth: r.depth + 1}
	c.enc.hex++
	for i := a; ; i += 2 {
		if i+2 <= len(r.s) {
			if b, err := hex.DecodeString(string(r.s[i : i+2])); err == nil && allText(b) {
				c.s, c.from, c.to = append(c.s, b[0]), append(c.from, r.from[i]), append(c.to, r.to[i+1])
				continue
			}
		}
		if len(c.s) >= fewPairs {
			twinLook(key, c, all)
		}
		c.s, c.from, c.to = nil, nil, nil
		if i+2 > len(r.s) {
			return
		}
	}
}

// agree compares the two on a text.
func agree(t *testing.T, c *Scan, key string, text []byte) {
	t.Helper()
	var got []twinHit
	for _, f := range c.Find(text) {
		got = append(got, twinHit{Format: f.Format, Fingerprint: f.Fingerprint, Encoding: f.Encoding, Start: f.Start, End: f.End})
	}
	want := twin(key, text)
	for i := range want {
		want[i].row, want[i].depth = 0, 0
	}
	if !slices.Equal(got, want) {
		t.Fatalf("text %q\n got %+v\nwant %+v", text, got, want)
	}
}

// messy makes a text of secrets, near misses, encodings and noise.
func messy(r *rand.Rand) []byte {
	f := &faker{r}
	var b strings.Builder
	for range 1 + r.IntN(4) {
		var piece string
		switch r.IntN(8) {
		case 0:
			piece = f.text(base64s, r.IntN(60))
		case 1:
			piece = "ASIA" + f.text(upnum, 16)
		case 2:
			piece = f.text(slashed, 40)
		default:
			w := &table[r.IntN(len(table))]
			piece = surround(w.context, w.anyFake(f))
			if r.IntN(4) == 0 && len(w.in) > 0 {
				piece = surround(w.in[r.IntN(len(w.in))], w.anyFake(f))
			}
		}
		for range r.IntN(3) { // damage
			if i := r.IntN(len(piece) + 1); r.IntN(2) == 0 {
				piece = piece[:i] + []string{"", "x", "-", "=", "\\", "%", "\n", " ", ".", "A", "\x1b[0m", `\n`, `\u0041`, "%41"}[r.IntN(14)] + piece[min(len(piece), i+r.IntN(2)):]
			}
		}
		if len(piece) < 600 {
			for range r.IntN(3) {
				piece = encodings[r.IntN(len(encodings))].encode(piece)
			}
		}
		b.WriteString([]string{"", " ", "\n", "x", "_", `"`, "=", "\\", "%", "\x1b[31m", `\n`, "words and ", "/", "\\\n"}[r.IntN(14)])
		b.WriteString(piece)
		if b.Len() > 3000 {
			break
		}
	}
	return []byte(b.String())
}

// anyFake is a fake that need not match.
func (r *row) anyFake(f *faker) string { return f.plain(r) }

func TestFindAgreesWithTwin(t *testing.T) {
	n := 300
	if testing.Short() {
		n = 40
	}
	if s := os.Getenv("SECRET_TWIN_CASES"); s != "" {
		n, _ = strconv.Atoi(s)
	}
	seed := testSeed(t)
	c := New(Options{Key: []byte("k")}).NewScan()
	for i := range n {
		r := rand.New(rand.NewPCG(seed, uint64(i)))
		text := messy(r)
		agree(t, c, "k", text)
		overwritten(t, c, text)
		if t.Failed() {
			t.Fatalf("seed %d, case %d", seed, i)
		}
	}
}

// overwritten checks that nothing is left, that the length and line ends are
// kept and that JSON stays JSON.
func overwritten(t *testing.T, c *Scan, text []byte) {
	t.Helper()
	lines, _ := json.Marshal(strings.Split(string(text), "\n"))
	for _, form := range []string{string(text), string(lines), quote(string(text)), `{"a":` + quote(string(text)) + `,"b":[1,` + quote(quote(string(text))) + `]}`} {
		b := []byte(form)
		c.Overwrite(b)
		if left := c.Find(b); len(left) > 0 {
			t.Errorf("left %+v\n in %q\n of %q", left, b, form)
		}
		if json.Valid([]byte(form)) && !json.Valid(b) {
			t.Errorf("JSON broken: %q\n of %q", b, form)
		}
		if len(b) != len(form) || bytes.Count(b, []byte("\n")) != strings.Count(form, "\n") {
			t.Errorf("lines changed: %q", b)
		}
		if got := c.Redact(form); got != string(b) {
			t.Errorf("Redact gives %q, Overwrite %q", got, b)
		}
	}
}

func FuzzFindAgreesWithTwin(f *testing.F) {
	for i := range 40 {
		f.Add(messy(rand.New(rand.NewPCG(9, uint64(i)))))
	}
	c := New(Options{Key: []byte("k")}).NewScan()
	f.Fuzz(func(t *testing.T, text []byte) {
		if len(text) > 4000 {
			return
		}
		agree(t, c, "k", text)
		overwritten(t, c, text)
	})
}

// testSeed is the seed of a property test: the usual one, so that a run says
// the same tomorrow, or SECRET_SEED to try others.
func testSeed(t *testing.T) uint64 {
	if s := os.Getenv("SECRET_SEED"); s != "" {
		n, err := strconv.ParseUint(s, 10, 64)
		if err != nil {
			t.Fatal(err)
		}
		return n
	}
	return 20260302
}
