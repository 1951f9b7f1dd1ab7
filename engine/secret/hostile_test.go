package secret

import (
	"math/rand/v2"
	"strings"
	"testing"
	"time"
)

// hostile lines repeat whatever makes some part of the scanner work.
var hostile = map[string]string{
	"keyword after keyword":     "sk-",
	"tokens of hyphens":         "sk-ant-api03-",
	"headers in one run":        "-eyJ",
	"headers of tokens":         "eyJ.",
	"headers that decode":       "eyJhbGciOiJub25lIn0.",
	"halves of tokens":          "eyJhbGciOiJub25lIn0.eyJhbGciOiJub25lIn0.",
	"key blocks never ended":    "-----BEGIN PRIVATE KEY-----",
	"key block of letters":      "-----BEGIN PRIVATE KEY-----\nabcd",
	"URLs":                      "://a:",
	"URLs with hosts":           "x://a:b@c",
	"access key ids":            "AKIAABCDEFGHIJKLMNOP ",
	"ids glued":                 "AKIA",
	"secret names":              "secret_key=",
	"backslashes":               `\`,
	"escapes":                   `\u0041`,
	"escaped escapes":           `\\\\u005c`,
	"percent signs":             "%",
	"percent escapes":           "%25",
	"colour codes":              "a\x1b[0m",
	"broken colour codes":       "a\x1b[0;0;0;0;0;0;0",
	"base64 from any offset":    "UUUU",
	"base64 of base64":          "VVVV",
	"base64 of escapes":         "XHUwMDQx",
	"hex":                       "41",
	"hex of base64":             "5555",
	"lines of base64":           strings.Repeat("U", 64) + "\n",
	"lines of base64, CRLF":     strings.Repeat("U", 64) + "\r\n",
	"lines that continue":       "\\\n",
	"blanks":                    " ",
	"one letter":                "A",
	"zero bytes":                "\x00",
	"tokens":                    "ghp_" + "EXAMPLE",
	"basic":                     "basic YTph",
	"bearer":                    "bearer abcdefghijklmnopqrstuvwxyzABC0123456789",
	"webhooks":                  "hooks.slack.com/services/T0000000A/B",
	"everything":                `\\\\u0055%2555UUUU` + "a\x1b[0mb",
	"Azure":                     "JQQJ99",
	"quotes escaped many times": `\\\\\\\"`,
}

func TestHostileLinesStayLinear(t *testing.T) {
	if testing.Short() {
		t.Skip("measures time")
	}
	for name, piece := range hostile {
		took := func(size int) time.Duration {
			c := New(Options{}).NewScan()
			text := []byte(strings.Repeat(piece, size/len(piece)))
			best := time.Hour
			for range 4 {
				start := time.Now()
				c.Find(text)
				best = min(best, time.Since(start))
			}
			return best
		}
		small, large := took(1<<17), took(1<<20)
		t.Logf("%-28s %6.1f ms a megabyte, %.1f times the eighth", name, large.Seconds()*1000, large.Seconds()/small.Seconds())
		if large > 40*small && large > 200*time.Millisecond { // eight times is linear, sixty-four quadratic
			t.Errorf("%s: %v for 128 KB, %v for 1 MB", name, small, large)
		}
	}
}

func TestHostileMixesStayFast(t *testing.T) {
	if testing.Short() {
		t.Skip("measures time")
	}
	var pieces []string
	for _, p := range hostile {
		pieces = append(pieces, p)
	}
	seed := testSeed(t)
	r := rand.New(rand.NewPCG(seed, 2))
	c := New(Options{}).NewScan()
	for range 20 {
		var b strings.Builder
		a := []string{pieces[r.IntN(len(pieces))], pieces[r.IntN(len(pieces))], pieces[r.IntN(len(pieces))]}
		for b.Len() < 1<<18 {
			b.WriteString(a[r.IntN(3)])
		}
		start := time.Now()
		c.Find([]byte(b.String()))
		if d := time.Since(start); d > 20*time.Second { // some milliseconds are usual
			t.Errorf("seed %d: %v for a quarter of a megabyte of %q", seed, d, a)
		}
	}
}
