package pipeline_test

import (
	"bytes"
	"fmt"
	"io"
	"testing"
	"testing/fstest"

	"github.com/seed-843b225c/reflex/engine"
	"github.com/seed-843b225c/reflex/engine/decode"
	"github.com/seed-843b225c/reflex/engine/detect"
	"github.com/seed-843b225c/reflex/engine/enrich"
	"github.com/seed-843b225c/reflex/engine/pipeline"
	"github.com/seed-843b225c/reflex/engine/rule"
	"github.com/seed-843b225c/reflex/engine/secret"
	"github.com/seed-843b225c/reflex/engine/story"
)

// BenchmarkLine plays CloudTrail-like events from memory through the whole
// line: decode, detect, correlate. One operation is one event.
func BenchmarkLine(b *testing.B) {
	var log bytes.Buffer
	const events = 20000
	if err := story.CloudTrailLines(1, events, &log); err != nil {
		b.Fatal(err)
	}
	for _, n := range []int{10, 100, 1000} {
		b.Run(fmt.Sprintf("%d rules", n), func(b *testing.B) {
			parts := lineOf(b, story.BenchRules(n))
			b.ReportAllocs()
			b.SetBytes(int64(log.Len() / events))
			b.ResetTimer()
			for done := 0; done < b.N; done += events {
				r := pipeline.Replay{Parts: parts, Inputs: []pipeline.Input{memory{"events.ndjson", log.Bytes()}}}
				res, err := r.Run(b.Context())
				if err != nil || res.Stats.Events() != events {
					b.Fatal(err, res.Stats.Events())
				}
			}
			b.ReportMetric(float64(b.N)/b.Elapsed().Seconds(), "events/s")
		})
	}
}

// lineOf makes the parts of a line that runs these rules, with nothing known.
func lineOf(tb testing.TB, rules []byte) pipeline.Parts {
	tb.Helper()
	data, errs := enrich.New(enrich.Config{})
	if len(errs) > 0 {
		tb.Fatal(errs)
	}
	pack, _ := rule.Load(fstest.MapFS{"rules.yml": {Data: rules}}, "rules.yml")
	set, mistakes := rule.Compile(pack, rule.Options{Functions: data.Functions(), Lists: data.Lists()})
	if err := mistakes.Err(); err != nil {
		tb.Fatal(err)
	}
	secrets := secret.New(secret.Options{Key: []byte("a key of tests")})
	plan, err := decode.NewPlan(set.Layout, decode.Options{Secrets: secrets})
	if err != nil {
		tb.Fatal(err)
	}
	index := detect.NewIndex(set)
	return pipeline.Parts{Set: set, Plan: plan, Redact: secrets.NewScan().Redact, Key: secrets.Subkey("tests"),
		Detector: func() *detect.Detector { return index.NewDetector(data) }}
}

// memory is an input of bytes that are already there.
type memory struct {
	name string
	data []byte
}

func (m memory) Name() string                   { return m.name }
func (m memory) Size() int64                    { return int64(len(m.data)) }
func (m memory) Rewind() bool                   { return true }
func (m memory) Open() (pipeline.Stream, error) { return &bytesStream{name: m.name, data: m.data}, nil }

type bytesStream struct {
	name string
	data []byte
	at   int
	done bool
}

func (s *bytesStream) Next(buf []byte) (engine.Record, error) {
	if s.done {
		return engine.Record{}, io.EOF
	}
	n := copy(buf[:len(buf)-128], s.data[s.at:])
	rec := engine.Record{Data: buf[:n], Chunk: true, Origin: engine.Origin{Source: s.name, Partition: -1, Offset: int64(s.at)}}
	s.at += n
	rec.Last = s.at == len(s.data)
	s.done = rec.Last
	return rec, nil
}

func (s *bytesStream) Read() int64  { return int64(s.at) }
func (s *bytesStream) Close() error { return nil }
