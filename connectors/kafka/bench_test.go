package kafka

import (
	"context"
	"strings"
	"testing"

	kafkago "github.com/segmentio/kafka-go"
)

// The source alone: fetch, decompress, queue, poll, release. The broker, in the
// same process, is part of the time and not of the allocations' meaning.
func BenchmarkSource(b *testing.B) {
	value := strings.Repeat(`{"eventName":"GetObject","sourceIPAddress":"198.51.100.7"},`, 25) // 1.5 KB, CloudTrail's average
	for name, codec := range map[string]kafkago.Compression{"plain": 0, "zstd": kafkago.Zstd} {
		b.Run(name, func(b *testing.B) {
			const records = 20000
			f := newFake(b, 4)
			values := make([]string, 500)
			for i := range values {
				values[i] = value
			}
			for i := 0; i < records; i += len(values) {
				f.writeAs(b, codec, int32(i/len(values)%4), values...)
			}
			b.SetBytes(int64(records * len(value)))
			b.ReportAllocs()
			for b.Loop() {
				readThrough(b, f, records)
			}
			b.ReportMetric(float64(records)*float64(b.N)/b.Elapsed().Seconds(), "records/s")
		})
	}
}

func readThrough(b *testing.B, f *fake, n int) {
	c := f.config()
	c.Group = fresh("group")
	s, err := NewSource(c, Options{})
	if err != nil {
		b.Fatal(err)
	}
	defer s.Close()
	for n > 0 {
		batch, err := s.Poll(context.Background())
		if err != nil {
			b.Fatal(err)
		}
		n -= len(batch.Records)
		if batch.Release != nil {
			batch.Release()
		}
	}
}
