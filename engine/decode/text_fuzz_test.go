package decode

import (
	"bytes"
	"encoding/base64"
	"regexp"
	"strings"
	"testing"
	"unicode/utf8"

	"github.com/seed-843b225c/reflex/engine"
	"github.com/seed-843b225c/reflex/engine/secret"
)

func base64Of(s string) string { return base64.StdEncoding.EncodeToString([]byte(s)) }

func wrap(s string, n int) (out []string) {
	for len(s) > n {
		out, s = append(out, s[:n]), s[n:]
	}
	return append(out, s)
}

// FuzzBuildText: a log gives the same events however it is cut into chunks,
// with LF or CRLF, coloured or not; none of them holds what the secret scanner
// would still find; nothing panics.
func FuzzBuildText(f *testing.F) {
	for _, s := range textSamples {
		text, _ := sampleText(f, s.file)
		f.Add([]byte(text), uint16(100))
	}
	f.Add([]byte(stamped("PATH=/bin\x00HOME=/r\x00CI=1\x00A=2\x00B=3", "a\\", "b\\", "-----BEGIN PRIVATE KEY-----", "##[group]Run x\ry")), uint16(3))
	f.Add([]byte("2026-03-02T10:12:00Z stdout P a\n2026-03-02T10:12:00Z stdout F b\n2026-03-02T10:12:00Z 00O+c\n<1>1 2026-03-02T10:12:00Z a b c d [x] e\n"), uint16(9))
	scan := secret.New(secret.Options{}).NewScan()
	plan, err := NewPlan(engine.NewLayout(), Options{})
	if err != nil {
		f.Fatal(err)
	}
	stampOnly := regexp.MustCompile(`^\x{feff}?(2026-03-02T10:\d\d:\d\d\.\d{7}Z )`)
	f.Fuzz(func(t *testing.T, data []byte, n uint16) {
		if len(data) > 1<<15 {
			return
		}
		read := func(data []byte, n int) string {
			l := &goldenText{seen: map[uint64]bool{}, t: nil}
			decodeFormat(plan.NewDecoder(), "github.actions", data, n, l)
			return l.b.String()
		}
		want := read(data, 1<<16)
		if got := read(data, int(n)+1); got != want {
			t.Fatalf("in chunks of %d:\n%s\nwhole:\n%s", int(n)+1, got, want)
		}
		for _, line := range strings.Split(want, "\n") {
			if msg, ok := strings.CutPrefix(line, "    message: "); ok && len(msg) < messageLimit-16 {
				if found := scan.Find([]byte(strings.ReplaceAll(msg, "\\n", "\n"))); len(found) > 0 {
					t.Fatalf("a %s is in a message", found[0].Format)
				}
			}
		}
		// Bytes that are no text at all, or so nearly none that a few more bytes
		// decide it.
		if strings.Contains(want, "refused x:1: ") || !utf8.Valid(data) {
			return
		}
		if bytes.ContainsAny(data, "\x1b\r\x07") || bytes.Contains(data, []byte("\xef\xbb\xbf")) {
			return
		}
		// Whether bytes are text is judged by how many of the first 512 are noise:
		// with CRLF other bytes stand there, and a rune may be cut at their end.
		if noise(data[:min(len(data), 512)])+utf8.UTFMax > 64/5 {
			return
		}
		crlf := bytes.ReplaceAll(data, []byte("\n"), []byte("\r\n"))
		if got := read(crlf, 1<<16); got != want {
			t.Fatalf("CRLF:\n%s\nLF:\n%s", got, want)
		}
		var coloured []byte
		for _, line := range bytes.SplitAfter(data, []byte("\n")) {
			if m := stampOnly.Find(line); m != nil && len(line) > len(m)+1 && !bytes.HasPrefix(line[len(m):], []byte("std")) {
				coloured = append(append(coloured, m...), "\x1b[36;1m"...)
				rest := line[len(m):]
				k := len(rest) / 2
				coloured = append(append(append(coloured, rest[:k]...), "\x1b[0m"...), rest[k:]...)
				continue
			}
			coloured = append(coloured, line...)
		}
		if onlyStamped(data, stampOnly) {
			if got := read(coloured, 1<<16); got != want {
				t.Fatalf("coloured:\n%s\nplain:\n%s", got, want)
			}
		}
	})
}

// onlyStamped reports a log whose lines all begin with a stamp and with nothing
// behind it that is part of the head.
func onlyStamped(data []byte, stamp *regexp.Regexp) bool {
	for _, line := range bytes.Split(bytes.TrimSuffix(data, []byte("\n")), []byte("\n")) {
		m := stamp.Find(line)
		if m == nil {
			return false
		}
		if rest := line[len(m):]; len(rest) > 2 && (hexDigit(rest[0]) && hexDigit(rest[1]) && (rest[2] == 'O' || rest[2] == 'E') || bytes.HasPrefix(rest, []byte("std"))) {
			return false
		}
	}
	return true
}

func decodeFormat(d *Decoder, format string, data []byte, n int, h engine.Handler) {
	rec := engine.Record{Origin: engine.Origin{Source: "x", Partition: -1}, Chunk: true, Format: format}
	for {
		k := min(n, len(data))
		rec.Data, data = append([]byte(nil), data[:k]...), data[k:]
		rec.Last = len(data) == 0
		d.Decode(rec, h)
		if rec.Last {
			return
		}
	}
}
