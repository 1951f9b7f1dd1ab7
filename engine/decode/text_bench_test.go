package decode

import (
	"fmt"
	"strings"
	"testing"

	"github.com/seed-843b225c/reflex/engine"
)

// ordinaryLog is a build log of about n bytes without a secret: set-up, package
// installs, a container build, tests, progress bars, some JSON.
func ordinaryLog(n int) []byte {
	var b strings.Builder
	at := 0
	line := func(s string) {
		at += 37
		fmt.Fprintf(&b, "2026-03-02T10:%02d:%02d.%07dZ %s\n", at/600000%60, at/10000%60, at%10000*1000, s)
	}
	line("Current runner version: '2.331.0'")
	for i := 0; b.Len() < n; i++ {
		line("##[group]Run pip install -r requirements.txt")
		line("\x1b[36;1mpip install -r requirements.txt\x1b[0m")
		line("##[endgroup]")
		for k := range 12 {
			line(fmt.Sprintf("Collecting package-%d==1.%d.%d", k, i%10, k))
			line(fmt.Sprintf("  Downloading https://files.pythonhosted.org/packages/ab/cd/%064x/package_%d-1.0-py3-none-any.whl (%d kB)", i*977+k, k, 100+k))
			line("     \x1b[90m━━━━━━━━━━━━━━━━━━━━━━━━━━━━━━━━━━━━━━━━\x1b[0m \x1b[32m9.1/9.1 MB\x1b[0m \x1b[31m104.3 MB/s\x1b[0m eta \x1b[36m0:00:00\x1b[0m")
		}
		for k := range 20 {
			line(fmt.Sprintf("tests/unit/test_module_%d.py::TestLoader::test_reads_batch[%d-float32] PASSED [ %d%%]", k, i, k*5))
			line(fmt.Sprintf("#%d %d.%03d gcc -O2 -Wall -Wextra -fPIC -Iinclude -I/usr/include/python3.12 -c src/module_%d.c -o build/temp.linux-x86_64/module_%d.o", k+3, k, i%1000, k, k))
		}
		for k := range 10 {
			line(fmt.Sprintf(`{"time":"2026-03-02T10:11:53Z","level":"info","msg":"step done","step":%d,"loss":%d.%04d,"lr":2e-05,"host":"build-%d.example.net"}`, i*10+k, k, i%10000, k))
			line(fmt.Sprintf("epoch %d step %d loss %d.%04d throughput %d samples/s", i, k, k, i%10000, 400+k))
		}
		line("remote: Counting objects:  25% (61/244)\rremote: Counting objects:  50% (122/244)\rremote: Counting objects: 100% (244/244)")
		line("")
	}
	return []byte(b.String())
}

type nobody struct{ n int }

func (h *nobody) Event(*engine.Event)        { h.n++ }
func (h *nobody) Refuse(engine.Refusal)      {}
func (h *nobody) Skip(engine.Origin, string) {}

// BenchmarkBuildText reads an ordinary log in chunks of 128 KiB, secret scan
// and all.
func BenchmarkBuildText(b *testing.B) {
	data := ordinaryLog(8 << 20)
	d := newDecoder(b, allFields())
	h := &nobody{}
	b.SetBytes(int64(len(data)))
	b.ReportAllocs()
	for b.Loop() {
		rec := engine.Record{Origin: engine.Origin{Source: "job-9001.txt", Partition: -1}, Chunk: true}
		for rest := data; len(rest) > 0; {
			k := min(128<<10, len(rest))
			rec.Data, rest = rest[:k], rest[k:]
			rec.Last = len(rest) == 0
			d.Decode(rec, h)
		}
	}
}

// BenchmarkBuildTextWrapped reads the same lines from a shipper's JSON.
func BenchmarkBuildTextWrapped(b *testing.B) {
	var data []byte
	for _, l := range strings.Split(string(ordinaryLog(2<<20)), "\n") {
		data = fmt.Appendf(data, `{"@timestamp":"2026-03-02T10:20:00.000Z","@metadata":{"beat":"filebeat","type":"_doc"},"message":%q,"log":{"offset":7,"file":{"path":"/var/log/ci/run-7001/job-9001.log"}},"input":{"type":"filestream"},"agent":{"type":"filebeat"},"host":{"name":"build-1"}}`+"\n", strings.ReplaceAll(l, "\x1b", ""))
	}
	d := newDecoder(b, allFields())
	b.SetBytes(int64(len(data)))
	b.ReportAllocs()
	for b.Loop() {
		d.Decode(engine.Record{Origin: engine.Origin{Source: "x.json", Partition: -1}, Chunk: true, Last: true, Data: data}, &nobody{})
	}
}
