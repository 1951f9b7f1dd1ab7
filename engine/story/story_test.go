package story

import (
	"bytes"
	"testing"
)

func TestFilesAreTheSameForASeed(t *testing.T) {
	a, b, c := New(3).Files(), New(3).Files(), New(4).Files()
	if len(a) != len(b) {
		t.Fatalf("%d files, then %d", len(a), len(b))
	}
	same := 0
	for i := range a {
		if a[i].Name != b[i].Name || !bytes.Equal(a[i].Data, b[i].Data) {
			t.Errorf("%s differs between two calls", a[i].Name)
		}
		if i < len(c) && bytes.Equal(a[i].Data, c[i].Data) {
			same++
		}
	}
	if same > 1 { // the digest says the same every day
		t.Errorf("%d files are the same for another seed", same)
	}
}

func BenchmarkFiles(b *testing.B) {
	b.ReportAllocs()
	for b.Loop() {
		n := 0
		for _, f := range New(1).Files() {
			n += len(f.Data)
		}
		b.ReportMetric(float64(n)/1e6, "MB")
	}
}
