package secret

import (
	"bytes"
	"encoding/hex"
	"testing"
)

func TestSubkeysAreApartAndStay(t *testing.T) {
	a, b, public := New(Options{Key: []byte("one installation")}), New(Options{Key: []byte("another one")}), New(Options{})
	if !a.Private() || public.Private() {
		t.Error("only a key of one's own is private")
	}
	seen := map[string]bool{}
	for _, s := range []*Scanner{a, b, public} {
		for _, use := range []string{"", "x", "y"} {
			k := s.Subkey(use)
			if len(k) != 32 || seen[string(k)] || !bytes.Equal(k, s.Subkey(use)) {
				t.Errorf("subkey for %q: %x", use, k)
			}
			seen[string(k)] = true
		}
	}
	// It stands in stored state: another value would make that unreadable.
	if got := hex.EncodeToString(a.Subkey("x")); got != "0f36c7818fee0c5a1e2103c2fd3f5a1999e1c8b252acafccc072e68797216a13" {
		t.Errorf("subkey is %s", got)
	}
}
