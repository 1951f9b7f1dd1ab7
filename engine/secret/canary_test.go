package secret

import (
	"fmt"
	"strings"
	"testing"
)

func TestWatchSeesEveryPlant(t *testing.T) {
	cs := Canaries(5)
	w := NewWatch(cs)
	c := New(Options{}).NewScan()
	for _, can := range cs {
		if len(can.Value) < gram {
			t.Errorf("%s: value of %d bytes", can.Format, len(can.Value))
		}
		for _, p := range can.Plants {
			if w.Leak([]byte("some log: "+p.Text+".")) == "" {
				t.Errorf("%s, %s: not seen in %q", can.Format, p.Encoding, p.Text)
			}
			if got := w.Leak([]byte(c.Redact("some log: " + p.Text + "."))); got != "" {
				t.Errorf("%s, %s: after Redact still %s: %s", can.Format, p.Encoding, got, c.Redact(p.Text))
			}
			for _, f := range c.Find([]byte(p.Text)) {
				if got := w.Leak([]byte(fmt.Sprintf("%+v", f))); got != "" {
					t.Errorf("%s, %s: finding shows %s: %+v", can.Format, p.Encoding, got, f)
				}
			}
		}
		if w.Leak([]byte(can.Value[:gram])) == "" && !strings.Contains(can.Value[:gram], "\n") {
			t.Errorf("%s: a piece is not seen", can.Format)
		}
	}
	if got := w.Leak(buildLog(1<<20, 4)); got != "" {
		t.Errorf("a clean log shows %s", got)
	}
}
