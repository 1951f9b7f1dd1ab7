package decode

import (
	"bytes"
	"fmt"
	"testing"

	"github.com/seed-843b225c/reflex/engine"
)

// discard is a Saver that counts.
type discard struct{ n, size int }

func (s *discard) Set(key, value []byte)       { s.n, s.size = s.n+1, s.size+len(key)+len(value) }
func (s *discard) Delete([]byte)               {}
func (s *discard) DeleteRange(from, to []byte) {}

// jobLines are an ordinary log's lines as records of n jobs in turn.
func jobLines(n int) (recs []engine.Record) {
	for i, line := range bytes.Split(ordinaryLog(2<<20), []byte("\n")) {
		recs = append(recs, engine.Record{Key: fmt.Sprint(9000 + i%n), Data: line, Origin: engine.Origin{Source: "logs", Partition: 3, Offset: int64(i)}})
	}
	return recs
}

// BenchmarkSave saves 1,000 jobs that a line came for, of 10,000 with some
// twenty lines each.
func BenchmarkSave(b *testing.B) {
	d, h := keptPlan(b, allFields()).NewDecoder(), &nobody{}
	line := []byte("2026-03-02T10:20:00.0000000Z epoch 1 loss 0.1")
	offset := int64(0)
	send := func(job int, data []byte) {
		d.Decode(engine.Record{Key: fmt.Sprint(100000 + job), Data: data, Origin: engine.Origin{Source: "logs", Partition: 3, Offset: offset}}, h)
		offset++
	}
	for _, r := range jobLines(1)[:20] {
		for job := range textJobs {
			send(job, r.Data)
		}
	}
	d.Save(&discard{}, prefix)
	s := &discard{}
	b.ReportAllocs()
	for b.Loop() {
		b.StopTimer()
		for job := range 1000 {
			send(job, line)
		}
		b.StartTimer()
		d.Save(s, prefix)
	}
	b.ReportMetric(float64(s.size)/float64(s.n), "bytes/entry")
	b.ReportMetric(float64(b.Elapsed().Nanoseconds())/float64(s.n), "ns/entry")
}

// BenchmarkRestore reads 1,000 jobs.
func BenchmarkRestore(b *testing.B) {
	p, s := keptPlan(b, allFields()), store{}
	d := p.NewDecoder()
	for _, r := range jobLines(1000) {
		d.Decode(r, &nobody{})
	}
	d.Save(s, prefix)
	b.ReportAllocs()
	for b.Loop() {
		if err := p.NewDecoder().Restore(s, prefix); err != nil {
			b.Fatal(err)
		}
	}
}

// BenchmarkBuildTextKafka reads lines of 100 jobs, each a record of its own,
// when nobody saves and when everything that changed is saved every 1,000 lines.
func BenchmarkBuildTextKafka(b *testing.B) {
	recs := jobLines(100)
	size := 0
	for _, r := range recs {
		size += len(r.Data)
	}
	for name, every := range map[string]int{"never saved": 1 << 30, "saved": 1000} {
		b.Run(name, func(b *testing.B) {
			d, h, s := keptPlan(b, allFields()).NewDecoder(), &nobody{}, &discard{}
			b.SetBytes(int64(size))
			b.ReportAllocs()
			offset := int64(0)
			for b.Loop() {
				for i, r := range recs {
					r.Origin.Offset = offset
					offset++
					d.Decode(r, h)
					if i%every == every-1 {
						d.Save(s, prefix)
					}
				}
			}
		})
	}
}
