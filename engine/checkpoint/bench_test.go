package checkpoint

import (
	"encoding/binary"
	"fmt"
	"math/rand/v2"
	"os"
	"runtime"
	"slices"
	"testing"
	"time"
)

// A store with a million keys of 24 bytes in random order and values of 100.
const million = 1_000_000

func fillBatch(b *Batch, rng *rand.Rand, n int) {
	var key [24]byte
	var value [100]byte
	for range n {
		// the same million keys every time
		k := rng.Uint64N(million) * 0x9E3779B97F4A7C15
		binary.BigEndian.PutUint64(key[:], k)
		binary.BigEndian.PutUint64(key[8:], k*31)
		for i := 0; i < len(value)-4; i += 8 { // does not compress to nothing
			binary.LittleEndian.PutUint32(value[i:], rng.Uint32())
		}
		b.Set(key[:], value[:])
	}
}

func benchStore(b *testing.B) (*Dir, *rand.Rand) {
	b.Helper()
	d := open(b, b.TempDir(), Options{})
	rng := rand.New(rand.NewPCG(1, 2))
	for range 300 { // reaches 95 % of the keys
		batch := d.Store.NewBatch()
		fillBatch(batch, rng, million/100)
		if err := d.Store.CommitLazy(batch); err != nil {
			b.Fatal(err)
		}
	}
	// at one commit a second tables are merged as they come
	for deadline := time.Now().Add(time.Minute); d.Store.h.db.Metrics().Compact.NumInProgress > 0 && time.Now().Before(deadline); {
		runtime.Gosched()
	}
	return d, rng
}

// BenchmarkCommit commits 10,000 keys of a million: 1 %.
func BenchmarkCommit(b *testing.B) {
	d, rng := benchStore(b)
	b.ReportAllocs()
	for b.Loop() {
		b.StopTimer()
		batch := d.Store.NewBatch()
		fillBatch(batch, rng, million/100)
		b.StartTimer()
		if err := d.Store.Commit(batch); err != nil {
			b.Fatal(err)
		}
	}
	b.ReportMetric(float64(d.Store.Size())/(1<<20), "disk-MiB")
}

func BenchmarkFillBatch(b *testing.B) {
	d, rng := open(b, b.TempDir(), Options{}), rand.New(rand.NewPCG(1, 2))
	b.ReportAllocs()
	for b.Loop() {
		fillBatch(d.Store.NewBatch(), rng, million/100)
	}
}

func BenchmarkCommitLazyOneKey(b *testing.B) {
	d := open(b, b.TempDir(), Options{})
	for b.Loop() {
		batch := d.Store.NewBatch()
		batch.Set([]byte("sink"), []byte("12345678"))
		if err := d.Store.CommitLazy(batch); err != nil {
			b.Fatal(err)
		}
	}
}

func BenchmarkScanMillion(b *testing.B) {
	d, _ := benchStore(b)
	for b.Loop() {
		n := 0
		if err := d.Store.Scan(nil, nil, func(_, _ []byte) error { n++; return nil }); err != nil || n < million*9/10 {
			b.Fatal(n, err)
		}
	}
}

// BenchmarkOpenMillion reads every block of the store and what is in its
// write-ahead log.
func BenchmarkOpenMillion(b *testing.B) {
	d, _ := benchStore(b)
	dir := d.Store.disk.path
	for b.Loop() {
		b.StopTimer()
		shut(b, d)
		b.StartTimer()
		d = open(b, dir, Options{})
	}
}

func BenchmarkBackupMillion(b *testing.B) {
	d, rng := benchStore(b)
	for b.Loop() {
		b.StopTimer()
		batch := d.Store.NewBatch()
		fillBatch(batch, rng, million/100)
		if err := d.Store.Commit(batch); err != nil {
			b.Fatal(err)
		}
		b.StartTimer()
		if err := d.Store.Backup(); err != nil {
			b.Fatal(err)
		}
	}
}

// BenchmarkCommitBesideBackup measures how long a commit of 10,000 keys waits
// while the first backup of a million is made: nothing is shared with another.
func BenchmarkCommitBesideBackup(b *testing.B) {
	d, rng := benchStore(b)
	var took []time.Duration
	backing := time.Duration(0)
	for b.Loop() {
		if err := os.RemoveAll(backupsDir(d.Store.disk.path)); err != nil {
			b.Fatal(err)
		}
		done := make(chan error, 1)
		began := time.Now()
		go func() { done <- d.Store.Backup() }()
		for tick, over := time.NewTicker(100*time.Millisecond), false; !over; {
			batch := d.Store.NewBatch()
			fillBatch(batch, rng, million/100)
			from := time.Now()
			if err := d.Store.Commit(batch); err != nil {
				b.Fatal(err)
			}
			took = append(took, time.Since(from))
			select {
			case err := <-done:
				if over = true; err != nil {
					b.Fatal(err)
				}
				backing += time.Since(began)
			case <-tick.C:
			}
		}
	}
	slices.Sort(took)
	ms := func(d time.Duration) float64 { return float64(d.Microseconds()) / 1000 }
	b.ReportMetric(ms(took[len(took)/2]), "commit-p50-ms")
	b.ReportMetric(ms(took[len(took)-1]), "commit-max-ms")
	b.ReportMetric(ms(backing)/float64(b.N), "backup-ms")
}

func BenchmarkAppend(b *testing.B) {
	for _, n := range []int{1, 100} {
		b.Run(fmt.Sprint(n), func(b *testing.B) {
			d := open(b, b.TempDir(), Options{})
			records := make([][]byte, n)
			for i := range records {
				records[i] = make([]byte, 4000)
			}
			b.ReportAllocs()
			b.SetBytes(int64(4000 * n))
			for b.Loop() {
				if _, err := d.Log.Append(records...); err != nil {
					b.Fatal(err)
				}
			}
		})
	}
}
