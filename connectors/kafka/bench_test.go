package kafka

import (
	"context"
	"testing"

	"github.com/twmb/franz-go/pkg/kfake"
	"github.com/twmb/franz-go/pkg/kgo"
)

// One operation is one record of 1.5 KB, CloudTrail's average: fetched,
// decompressed, queued, polled and released, over four partitions. The broker
// runs in the same process and answers every fetch with a canned batch; its
// time and its few allocations are part of the figures.
func BenchmarkSource(b *testing.B) {
	for _, codec := range []struct {
		name  string
		codec kgo.CompressionCodec
	}{{"plain", kgo.NoCompression()}, {"zstd", kgo.ZstdCompression()}} {
		b.Run(codec.name, func(b *testing.B) {
			const size = 1500
			f := newFake(b, 4, kfake.SyntheticFetch(kfake.SyntheticBatch{Records: 500, RecordBytes: size, RandomFrac: 0.1, Compression: codec.codec}))
			s, err := NewSource(f.config(), Options{})
			if err != nil {
				b.Fatal(err)
			}
			defer s.Close()
			take(b, s, 1) // the group is joined
			b.SetBytes(size)
			b.ReportAllocs()
			b.ResetTimer()
			take(b, s, b.N)
			b.StopTimer()
			b.ReportMetric(float64(b.N)/b.Elapsed().Seconds(), "records/s")
		})
	}
}

// take polls until at least n records have come.
func take(b *testing.B, s *Source, n int) {
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
