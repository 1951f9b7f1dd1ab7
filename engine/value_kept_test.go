package engine

import (
	"net/netip"
	"testing"
)

// ReadKept and ReadValue read the same from the same bytes, whole or broken.
func FuzzReadKeptIsReadValue(f *testing.F) {
	for _, v := range []Value{{}, String("text"), Int(-7), Float(1.5), Boolean(true), Instant(9),
		Address(netip.MustParseAddr("2001:db8::1")), Strings("a", "b")} {
		f.Add(v.AppendBinary(nil))
		f.Add(append(v.AppendBinary(nil), "rest"...))
		f.Add(v.AppendBinary(nil)[:1])
	}
	f.Fuzz(func(t *testing.T, b []byte) {
		want, rest, ok := ReadValue(b)
		got, kept, fine := ReadKept(string(b))
		if ok != fine {
			t.Fatalf("%x: ok %v, want %v", b, fine, ok)
		}
		if ok && (got != want || kept != string(rest)) {
			t.Fatalf("%x: got %v and %q, want %v and %q", b, got, kept, want, rest)
		}
	})
}
