package decode

import (
	"testing"
	"unicode/utf8"
)

// slowNoise is noise, a rune at a time.
func slowNoise(b []byte) int {
	n := 0
	for len(b) > 0 {
		r, w := utf8.DecodeRune(b)
		if r == utf8.RuneError && w == 1 || r < ' ' && r != 0 && r != '\n' && r != '\r' && r != '\t' && r != 0x1b {
			n++
		}
		b = b[w:]
	}
	return n
}

func FuzzNoiseIsCountedEightBytesAtATime(f *testing.F) {
	for c := range 256 { // every byte, at every place of a word
		b := []byte("a line of text that is long enough")
		b[c%16] = byte(c)
		f.Add(b)
	}
	f.Add([]byte("é\x80\x7f\x1f\x20\x00\x01\xff ok ok ok ok ü"))
	f.Fuzz(func(t *testing.T, b []byte) {
		if got, want := noise(b), slowNoise(b); got != want {
			t.Errorf("%q: noise %d, want %d", b, got, want)
		}
	})
}
