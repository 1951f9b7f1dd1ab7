package decode

import (
	"flag"
	"os"
	"path/filepath"
	"regexp"
	"strings"
	"testing"

	"github.com/seed-843b225c/reflex/engine"
	"github.com/seed-843b225c/reflex/engine/secret"
)

var updateText = flag.Bool("update-text", false, "rewrite the golden files of build text")

var placeholder = regexp.MustCompile(`\{\{(\w+)(/[12])?\}\}`)

var aboutJob = regexp.MustCompile(`^(ci|runner|host|log|orchestrator|container)\.`)

// sampleText reads a sample and puts made-up secrets where it says {{format}}.
// A secret of several lines gets the stamp of its line before each; {{format/1}}
// and {{format/2}} are its halves.
func sampleText(t testing.TB, file string) (text string, values []string) {
	t.Helper()
	b, err := os.ReadFile(filepath.Join("testdata/text", file))
	if err != nil {
		t.Fatal(err)
	}
	var out strings.Builder
	for _, line := range strings.SplitAfter(string(b), "\n") {
		stamp := ""
		if i := strings.Index(line, "Z "); i > 0 && i < 40 {
			stamp = strings.TrimPrefix(line[:i+2], "\ufeff")
		}
		out.WriteString(placeholder.ReplaceAllStringFunc(line, func(m string) string {
			name, half, _ := strings.Cut(strings.Trim(m, "{}"), "/")
			v := fakeSecret(name)
			switch half {
			case "1":
				v = v[:len(v)/2]
			case "2":
				v = v[len(v)/2:]
			}
			for _, part := range strings.Split(v, "\n") {
				if len(part) > 16 && !strings.HasPrefix(v, "AKIA") && !strings.HasPrefix(part, "-----") {
					values = append(values, part)
				}
			}
			return strings.ReplaceAll(v, "\n", "\n"+stamp)
		}))
	}
	return out.String(), values
}

func fakeSecret(format string) string {
	switch format {
	case "aws_access_key_id":
		return "AKIA" + "EXAMPLEBUILDKEY1"
	default:
		return secret.Fake(format, 1)
	}
}

// goldenText is every field of every event, one to a line; what says the same
// of the job as in the event before is left out.
type goldenText struct {
	b    strings.Builder
	last map[string]string
	seen map[uint64]bool
	t    testing.TB
}

func (g *goldenText) Event(ev *engine.Event) {
	if g.seen[ev.Hash] {
		g.t.Errorf("id %s came twice", ev.ID)
	}
	g.seen[ev.Hash] = true
	g.b.WriteString(ev.When().Format("2006-01-02T15:04:05.0000000Z ") + ev.Derived + " " + ev.ID + "\n")
	last := map[string]string{}
	for _, f := range ev.All {
		name := f.Field.Name()
		last[name] = f.Value.Text()
		if old, same := g.last[name]; same && old == last[name] && aboutJob.MatchString(name) {
			continue
		}
		g.b.WriteString("    " + f.Field.Name() + ": " + strings.ReplaceAll(f.Value.Text(), "\n", "\\n") + "\n")
	}
	g.last = last
}
func (g *goldenText) Refuse(r engine.Refusal) { g.b.WriteString("refused " + r.Error() + "\n") }
func (g *goldenText) Skip(engine.Origin, string) {
}

// decodeChunks decodes a stream cut into chunks of n bytes.
func decodeChunks(t testing.TB, source string, data []byte, n int, h engine.Handler) {
	t.Helper()
	d := newDecoder(t, allFields())
	rec := engine.Record{Origin: engine.Origin{Source: source, Partition: -1}, Chunk: true}
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

var textSamples = []struct{ file, source string }{
	{"actions.log", "run-7002-attempt-1/job-9002.txt"}, {"gitlab.log", "gitlab.log"}, {"jenkins.log", "jenkins.log"},
}

func TestBuildTextSamples(t *testing.T) {
	for _, s := range textSamples {
		text, values := sampleText(t, s.file)
		g := &goldenText{seen: map[uint64]bool{}, t: t}
		decodeChunks(t, s.source, []byte(text), 1<<17, g)
		got := g.b.String()
		for _, v := range values {
			if strings.Contains(got, v) {
				t.Errorf("%s: a secret is in the events: %.12s...", s.file, v)
			}
		}
		golden := filepath.Join("testdata/text", strings.TrimSuffix(s.file, ".log")+".golden")
		if *updateText {
			if err := os.WriteFile(golden, []byte(got), 0o644); err != nil {
				t.Fatal(err)
			}
			continue
		}
		want, _ := os.ReadFile(golden)
		if got != string(want) {
			t.Errorf("%s: events differ from %s; run go test -update-text and read the diff\n%s", s.file, golden, got)
		}
		// the same bytes, cut anywhere, give the same
		for _, n := range []int{1, 7, 64, 1000} {
			g := &goldenText{seen: map[uint64]bool{}, t: t}
			decodeChunks(t, s.source, []byte(text), n, g)
			if g.b.String() != got {
				t.Errorf("%s: in chunks of %d bytes the events differ", s.file, n)
			}
		}
	}
}
