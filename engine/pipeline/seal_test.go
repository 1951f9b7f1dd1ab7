package pipeline

import (
	"bytes"
	"testing"
)

func TestSealedValuesOpenUnderTheirKeyAlone(t *testing.T) {
	v := newVault(bytes.Repeat([]byte{7}, 32))
	m := &memory{}
	for i := range 100 {
		key := []byte{'c', byte(i)}
		m.Set(key, v.seal(key, bytes.Repeat([]byte("secret"), i)))
	}
	m.commit()
	back := unsealed(m, newVault(bytes.Repeat([]byte{7}, 32))) // another process
	n := 0
	err := back.Scan([]byte("c"), []byte("d"), func(key, value []byte) error {
		if want := bytes.Repeat([]byte("secret"), int(key[1])); !bytes.Equal(value, want) {
			t.Errorf("%q gives %q", key, value)
		}
		n++
		return nil
	})
	if err != nil || n != 100 {
		t.Fatalf("%d values, %v", n, err)
	}
	for _, r := range m.rows {
		if bytes.Contains(r.value, []byte("secret")) {
			t.Fatalf("%q is readable", r.value)
		}
	}
	sealed, _, _ := m.Get([]byte("c\x09"))
	for name, c := range map[string]struct {
		key   string
		value []byte
		with  byte
	}{
		"under another store key": {"c\x0a", sealed, 7},
		"under another key":       {"c\x09", sealed, 8},
		"cut":                     {"c\x09", sealed[:len(sealed)-1], 7},
		"cut to its head":         {"c\x09", sealed[:5], 7},
		"flipped":                 {"c\x09", append(bytes.Clone(sealed[:len(sealed)-1]), sealed[len(sealed)-1]^1), 7},
		"of a newer format":       {"c\x09", append([]byte{sealVersion + 1}, sealed[1:]...), 7},
		"empty":                   {"c\x09", nil, 7},
	} {
		m := &memory{rows: []row{{[]byte(c.key), c.value}}}
		if value, ok, err := unsealed(m, newVault(bytes.Repeat([]byte{c.with}, 32))).Get([]byte(c.key)); err == nil {
			t.Errorf("%s: opened to %q, %v", name, value, ok)
		}
	}
}

func BenchmarkSeal(b *testing.B) {
	v := newVault(bytes.Repeat([]byte{7}, 32))
	key, value := make([]byte, 28), make([]byte, 130)
	b.ReportAllocs()
	for b.Loop() {
		v.seal(key, value)
	}
}
