package kafka

import (
	"errors"
	"runtime"
	"strings"
	"testing"
	"time"

	kafkago "github.com/segmentio/kafka-go"
	"github.com/segmentio/kafka-go/compress"

	"github.com/seed-843b225c/reflex/engine"
)

// bomb gives values of n MiB each that compress to next to nothing.
func bomb(records, n int) (values []string) {
	value := strings.Repeat("0", n<<20)
	for range records {
		values = append(values, value)
	}
	return values
}

// TestABatchThatUnpacksToTooMuchIsNotUnpacked: reading waits there and says so,
// memory stays bounded, and the other partitions go on.
func TestABatchThatUnpacksToTooMuchIsNotUnpacked(t *testing.T) {
	f := newFake(t, 2)
	f.writeAs(t, kafkago.Zstd, 0, bomb(512, 1)...)
	runtime.GC()
	var before runtime.MemStats
	runtime.ReadMemStats(&before)
	s, got := open(t, f.config(), Options{}), &seen{}
	var most uint64
	got.until(t, s, "an error", func() bool {
		runtime.GC() // what earlier tries left is garbage
		var m runtime.MemStats
		runtime.ReadMemStats(&m)
		most = max(most, m.HeapAlloc)
		return len(got.errs) > 0
	})
	if err := got.errs[0]; engine.KindOf(err) != engine.Temporary || !errors.Is(err, errUnpacks) || !strings.Contains(err.Error(), "[0]: cannot be read at offset 0, and 511 more") || strings.Contains(err.Error(), "compacted") {
		t.Errorf("kind %q: %v", engine.KindOf(err), err)
	}
	f.write(t, 1, "the others go on")
	got.records(t, s, 1)
	expect(t, got.values[1], []string{"the others go on"})
	if most > before.HeapAlloc+5*mostUnpacked && !testing.Short() { // the race detector slows the collector down
		t.Errorf("%d MiB were in use, %d before", most>>20, before.HeapAlloc>>20)
	}
}

func TestABatchThatUnpacksToMuchIsRead(t *testing.T) {
	for _, codec := range []compress.Compression{compress.Gzip, compress.Lz4, compress.Zstd} {
		t.Run(codec.String(), func(t *testing.T) {
			f := newFake(t, 1)
			values := bomb(mostUnpacked>>20-1, 1)
			f.writeAs(t, codec, 0, values...)
			s, got := open(t, f.config(), Options{}), &seen{}
			got.records(t, s, len(values))
		})
	}
}

// TestSkipStuckStepsOverABomb from its first offset to its last.
func TestSkipStuckStepsOverABomb(t *testing.T) {
	f := newFake(t, 1)
	f.writeAs(t, kafkago.Zstd, 0, bomb(3, 40)...)
	f.write(t, 0, numbered(0, 3)...)
	c := f.config()
	c.SkipStuck, c.SessionTimeout = true, 10*time.Second // a slow machine must not lose its turn meanwhile
	s, got := open(t, c, Options{}), &seen{}
	got.records(t, s, 3)
	expect(t, got.values[0], numbered(0, 3))
}
