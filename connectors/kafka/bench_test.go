package kafka

import (
	"bufio"
	"context"
	"fmt"
	"io"
	"os"
	"os/exec"
	"strings"
	"syscall"
	"testing"
	"time"

	"github.com/twmb/franz-go/pkg/kfake"
	"github.com/twmb/franz-go/pkg/kgo"
)

// benchRecord is CloudTrail's average, in bytes.
const benchRecord = 1500

var benchCodecs = []string{"plain", "zstd"}

// brokerFor, set in the environment to one of benchCodecs, makes this test
// program a broker for a benchmark.
const brokerFor = "KAFKA_BENCH_BROKER"

func TestMain(m *testing.M) {
	if codec := os.Getenv(brokerFor); codec != "" {
		if err := benchBroker(codec); err != nil {
			fmt.Fprintln(os.Stderr, err)
			os.Exit(1)
		}
		return
	}
	os.Exit(m.Run())
}

// benchBroker answers every fetch with a canned batch until its standard input ends.
func benchBroker(codec string) error {
	compression := kgo.NoCompression()
	if codec == "zstd" {
		compression = kgo.ZstdCompression()
	}
	c, err := kfake.NewCluster(kfake.NumBrokers(1), kfake.SeedTopics(4, topic),
		kfake.SyntheticFetch(kfake.SyntheticBatch{Records: 500, RecordBytes: benchRecord, RandomFrac: 0.1, Compression: compression}))
	if err != nil {
		return err
	}
	defer c.Close()
	fmt.Println(strings.Join(c.ListenAddrs(), ","))
	_, err = io.Copy(io.Discard, os.Stdin)
	return err
}

// One operation is one record: fetched, decompressed, queued, polled and
// released, over four partitions. The broker is another process, so that
// cpu-ns/op and the allocations are the source's own; records/s is bounded by
// the machine that both share. What Poll gave is released 64 batches later, as
// a pipeline that is slower than the network would.
func BenchmarkSource(b *testing.B) {
	for _, codec := range benchCodecs {
		b.Run(codec, func(b *testing.B) {
			s, err := NewSource(SourceConfig{Config: Config{Brokers: startBenchBroker(b, codec)}, Group: "bench", Topics: []Topic{{Name: topic}}}, Options{})
			if err != nil {
				b.Fatal(err)
			}
			defer s.Close()
			var h held
			h.take(b, s, 40_000) // the group is joined, and all that is kept for reuse is there
			b.SetBytes(benchRecord)
			b.ReportAllocs()
			b.ResetTimer()
			before := cpuTime(b)
			h.take(b, s, b.N)
			b.StopTimer()
			b.ReportMetric(float64(cpuTime(b)-before)/float64(b.N), "cpu-ns/op")
			b.ReportMetric(float64(b.N)/b.Elapsed().Seconds(), "records/s")
		})
	}
}

func startBenchBroker(b *testing.B, codec string) []string {
	cmd := exec.Command(os.Args[0])
	cmd.Env = append(os.Environ(), brokerFor+"="+codec)
	cmd.Stderr = os.Stderr
	in, err := cmd.StdinPipe()
	if err != nil {
		b.Fatal(err)
	}
	out, err := cmd.StdoutPipe()
	if err != nil {
		b.Fatal(err)
	}
	if err := cmd.Start(); err != nil {
		b.Fatal(err)
	}
	b.Cleanup(func() {
		in.Close()
		if err := cmd.Wait(); err != nil {
			b.Error(err)
		}
	})
	line, err := bufio.NewReader(out).ReadString('\n')
	if err != nil {
		b.Fatal(err)
	}
	return strings.Split(strings.TrimSpace(line), ",")
}

// held are the releases of the last batches.
type held struct {
	release [64]func()
	n       int
}

// take polls until at least n records have come.
func (h *held) take(b *testing.B, s *Source, n int) {
	for n > 0 {
		batch, err := s.Poll(context.Background())
		if err != nil {
			b.Fatal(err)
		}
		n -= len(batch.Records)
		if batch.Release == nil {
			continue
		}
		slot := &h.release[h.n%len(h.release)]
		if h.n++; *slot != nil {
			(*slot)()
		}
		*slot = batch.Release
	}
}

// cpuTime is what this process has used.
func cpuTime(b *testing.B) time.Duration {
	var r syscall.Rusage
	if err := syscall.Getrusage(syscall.RUSAGE_SELF, &r); err != nil {
		b.Fatal(err)
	}
	return time.Duration(r.Utime.Nano() + r.Stime.Nano())
}
