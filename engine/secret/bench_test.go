package secret

import (
	"bytes"
	"encoding/base64"
	"fmt"
	"math/rand/v2"
	"testing"
)

// buildLog makes an ordinary build log of about size bytes: what installers,
// compilers, test runners and shippers print, with digests, long paths, URLs,
// colour codes and now and then a piece of base64.
func buildLog(size int, seed uint64) []byte {
	r := rand.New(rand.NewPCG(seed, 1))
	word := func(n int) string { return (&faker{r}).text(bytesIn(lowers), n) }
	hex := func(n int) string { return (&faker{r}).text(hexes, n) }
	raw := make([]byte, 48)
	kinds := []func() string{
		func() string {
			return fmt.Sprintf("Collecting %s==%d.%d.%d", word(8), r.IntN(9), r.IntN(20), r.IntN(9))
		},
		func() string {
			return fmt.Sprintf("  Downloading https://files.example/packages/%s/%s/%s/%s-%d.%d-cp312-cp312-manylinux_2_17_x86_64.whl (%d.%d MB)", hex(2), hex(2), hex(60), word(9), r.IntN(9), r.IntN(30), r.IntN(90), r.IntN(9))
		},
		func() string {
			return fmt.Sprintf("     ---------------------------------------- %d.%d/%d.%d MB %d.%d MB/s eta 0:00:0%d", r.IntN(90), r.IntN(9), r.IntN(90), r.IntN(9), r.IntN(50), r.IntN(9), r.IntN(9))
		},
		func() string {
			return fmt.Sprintf("tests/unit/test_%s.py::Test%s::test_%s_%s PASSED [ %d%%]", word(7), word(6), word(5), word(9), r.IntN(100))
		},
		func() string {
			return fmt.Sprintf("#%d sha256:%s %dMB / 128MB 1.2s done", r.IntN(40), hex(64), r.IntN(128))
		},
		func() string {
			return fmt.Sprintf("/home/runner/work/ml-app/ml-app/node_modules/%s/dist/%s/index.js:%d:%d: warning: '%s' is declared but never used", word(9), word(6), r.IntN(900), r.IntN(80), word(7))
		},
		func() string {
			return fmt.Sprintf("\x1b[32m✓\x1b[0m %s %s \x1b[2m(%d ms)\x1b[22m", word(9), word(5), r.IntN(900))
		},
		func() string {
			return fmt.Sprintf("[%d/%d] Building CXX object src/CMakeFiles/%s.dir/%s.cpp.o", r.IntN(900), 900, word(6), word(11))
		},
		func() string {
			return fmt.Sprintf("epoch %d step %d loss=%.5f lr=%.2e tokens/s=%d gpu_mem=%.1fGiB", r.IntN(9), r.IntN(9000), r.Float64(), r.Float64()/1000, r.IntN(90000), r.Float64()*80)
		},
		func() string {
			return fmt.Sprintf(`{"level":"info","ts":17724465%02d.%03d,"logger":"%s","msg":"request served","path":"/v1/%s/%s","status":200,"trace_id":"%s"}`, r.IntN(99), r.IntN(999), word(6), word(5), word(8), hex(32))
		},
		func() string {
			for i := range raw {
				raw[i] = byte(r.Uint32())
			}
			return fmt.Sprintf(`      "integrity": "sha512-%s=="`, base64.StdEncoding.EncodeToString(append(raw, raw[:16]...)))
		},
		func() string {
			return "##[group]Run " + word(6) + " --" + word(5) + " " + word(8) + " && " + word(4) + " -x"
		},
		func() string {
			return "added " + fmt.Sprint(r.IntN(900)) + " packages, and audited 1,204 packages in 12s"
		},
		func() string {
			return "  AI_KEY: ***\n  GITHUB_SHA: " + hex(40) + "\n  HF_HOME: /opt/cache/huggingface"
		},
		func() string {
			return "event payload " + base64.StdEncoding.EncodeToString([]byte(`{"action":"`+word(6)+`","number":12,"ref":"refs/heads/`+word(8)+`","after":"`+hex(40)+`"}`))
		},
	}
	var b bytes.Buffer
	for b.Len() < size {
		k := r.IntN(len(kinds) * 3)
		if k >= len(kinds) { // the plain ones are the common ones
			k %= 10
		}
		b.WriteString(kinds[k]())
		b.WriteByte('\n')
	}
	return b.Bytes()
}

func BenchmarkFindBuildLog(b *testing.B) {
	text := buildLog(1<<20, 1)
	c := New(Options{}).NewScan()
	if got := c.Find(text); len(got) > 0 {
		b.Fatalf("a clean log gives %+v", got)
	}
	b.Run("whole", func(b *testing.B) {
		b.SetBytes(int64(len(text)))
		b.ReportAllocs()
		for b.Loop() {
			c.Find(text)
		}
	})
	b.Run("by line", func(b *testing.B) {
		lines := bytes.Split(text, []byte("\n"))
		b.SetBytes(int64(len(text)))
		b.ReportAllocs()
		for b.Loop() {
			for _, l := range lines {
				c.Find(l)
			}
		}
	})
}
