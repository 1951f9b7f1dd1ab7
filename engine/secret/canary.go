package secret

import (
	"encoding/base64"
	"encoding/hex"
	"fmt"
	"slices"
	"strings"
)

// Canary is a fake secret that a test plants in inputs; then no output may
// hold any part of it.
type Canary struct {
	Format string
	Value  string // the secret part: what must not be seen
	Text   string // the value with what it needs around it to be found
	Plants []Plant
}

// Plant is a canary's Text as it may stand in a log.
type Plant struct{ Encoding, Text string }

// Canaries makes one canary of every format. Tests only.
func Canaries(seed int64) []Canary {
	c := fakeScanner().NewScan()
	out := make([]Canary, 0, len(table))
	for i := range table {
		r := &table[i]
		text := surround(r.context, fakeOf(r, seed))
		f := c.Find([]byte(text))[0]
		can := Canary{Format: r.id, Text: text, Value: text[f.Start+len(f.Prefix) : f.End]}
		switch r.id {
		case "jwt": // header and payload are no secret
			can.Value = text[strings.LastIndexByte(text, '.')+1 : f.End]
		case "bedrock_key", "bedrock_short_key": // begins with what all have in common
			can.Value = text[f.Start+(f.End-f.Start)*2/3 : f.End]
		case "private_key":
			can.Value = text[f.Start:f.End]
		}
		b64 := base64.StdEncoding.EncodeToString
		can.Plants = []Plant{
			{"plain", text},
			{"base64", b64([]byte(text))},
			{"base64 twice", b64([]byte(b64([]byte(text))))},
			{"base64url", base64.RawURLEncoding.EncodeToString([]byte("key is " + text))},
			{"percent", percentEncode(text)},
			{"unicode escapes", unicodeEncode(text)},
		}
		out = append(out, can)
	}
	return out
}

func percentEncode(s string) string {
	var b strings.Builder
	for i := 0; i < len(s); i++ {
		fmt.Fprintf(&b, "%%%02X", s[i])
	}
	return b.String()
}

func unicodeEncode(s string) string {
	var b strings.Builder
	for i := 0; i < len(s); i++ {
		fmt.Fprintf(&b, `\u%04x`, s[i])
	}
	return b.String()
}

const gram = 12 // bytes of a value that are too many

// Watch looks for canaries in outputs: for any twelve bytes of a value, plain,
// or of its base64 (any alignment, either alphabet, once or twice), percent,
// \u or hex forms.
type Watch struct {
	grams map[string]string // what it is of
	sizes []int             // lengths of grams
	heads map[[8]byte]bool  // how grams begin
	first [1 << 16]bool
}

// NewWatch prepares to look for these canaries.
func NewWatch(cs []Canary) *Watch {
	w := &Watch{grams: map[string]string{}, heads: map[[8]byte]bool{}}
	for _, c := range cs {
		for _, v := range strings.Fields(c.Value) { // a key block's lines
			w.add(c.Format+", plain", v, gram)
			w.add(c.Format+", percent", percentEncode(v), 3*gram)
			w.add(c.Format+", percent in lower case", strings.ToLower(percentEncode(v)), 3*gram)
			w.add(c.Format+", escaped", unicodeEncode(v), 6*gram)
			w.add(c.Format+", hex", hex.EncodeToString([]byte(v)), 2*gram)
			for _, one := range alignments(v) {
				w.add(c.Format+", base64", one, 4*gram/3)
				for _, two := range alignments(one) {
					w.add(c.Format+", base64 twice", two, 16*gram/9)
				}
			}
		}
	}
	return w
}

// alignments gives the base64 letters that any text holding s has, for the
// three places that s can begin at and for both alphabets.
func alignments(s string) []string {
	var out []string
	for pad := range 3 {
		for _, enc := range []*base64.Encoding{base64.RawStdEncoding, base64.RawURLEncoding} {
			e := enc.EncodeToString([]byte(strings.Repeat("x", pad) + s))
			out = append(out, e[(pad*8+5)/6:len(e)-1])
		}
	}
	return out
}

// add remembers the pieces of s of n bytes.
func (w *Watch) add(what, s string, n int) {
	if !slices.Contains(w.sizes, n) {
		w.sizes = append(w.sizes, n)
	}
	for i := 0; i+n <= len(s); i++ {
		w.grams[s[i:i+n]] = what
		w.heads[[8]byte([]byte(s[i:i+8]))] = true
		w.first[int(s[i])<<8|int(s[i+1])] = true
	}
}

// Leak says which canary stands in an output, in which form, and shows what
// stands before it; "" if none does.
func (w *Watch) Leak(output []byte) string {
	for i := 0; i+gram <= len(output); i++ {
		if !w.first[int(output[i])<<8|int(output[i+1])] || !w.heads[[8]byte(output[i:])] {
			continue
		}
		for _, n := range w.sizes {
			if i+n > len(output) {
				continue
			}
			if what, ok := w.grams[string(output[i:i+n])]; ok {
				return fmt.Sprintf("%s at byte %d, between %q and %q", what, i, output[max(0, i-120):i], output[min(len(output), i+n):min(len(output), i+n+60)])
			}
		}
	}
	return ""
}
