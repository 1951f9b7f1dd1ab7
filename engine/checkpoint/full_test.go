package checkpoint

import (
	"errors"
	"fmt"
	"math/rand/v2"
	"os"
	"os/exec"
	"path/filepath"
	"slices"
	"strings"
	"sync"
	"sync/atomic"
	"syscall"
	"testing"
	"time"

	"github.com/cockroachdb/pebble/v2/vfs"
	"github.com/cockroachdb/pebble/v2/vfs/errorfs"

	"github.com/seed-843b225c/reflex/engine"
)

func TestReserveStopsWritingBeforeTheDiskIsFull(t *testing.T) {
	var free atomic.Uint64
	free.Store(1 << 30)
	o := small()
	o.Reserve = 1 << 20
	o.Free = func(string) (uint64, error) { return free.Load(), nil }
	dir := t.TempDir()
	d := open(t, dir, o)
	setState(t, d, 1)
	free.Store(1<<20 + 500)
	end := d.Log.End()
	_, err := d.Log.Append(make([]byte, 501))
	kindIs(t, err, engine.Temporary, dir, "1.0 MiB free", "free space")
	if _, err := d.Log.Append(make([]byte, 400)); err != nil {
		t.Errorf("an append that fits: %v", err)
	}
	b := batch(d.Store, "a", strings.Repeat("x", 1000))
	for range 3 {
		kindIs(t, d.Store.Commit(b), engine.Temporary, dir, "free space")
	}
	kindIs(t, d.Store.CommitLazy(b), engine.Temporary, "free space")
	if d.Log.End() != end+recordHead+400 || state(t, d.Store) != 1 {
		t.Errorf("end %d, state %d", d.Log.End(), state(t, d.Store))
	}
	free.Store(1)
	kindIs(t, d.Store.Backup(), engine.Temporary, "free space")
	free.Store(1 << 30)
	if err := d.Store.Commit(b); err != nil {
		t.Error(err)
	}
	if v, ok, err := d.Store.Get([]byte("a")); !ok || len(v) != 1000 || err != nil {
		t.Errorf("Get: %d bytes, %v, %v", len(v), ok, err)
	}
}

// fullDisk is a disk on which writes of files that match give an error.
type fullDisk struct {
	match atomic.Pointer[string]
	hits  atomic.Int64
}

func (f *fullDisk) fill(match string) { f.match.Store(&match) }
func (f *fullDisk) drain()            { f.match.Store(nil) }

func (f *fullDisk) MaybeError(op errorfs.Op) error {
	m := f.match.Load()
	if m == nil || op.Kind.ReadOrWrite() != errorfs.OpIsWrite || op.Kind == errorfs.OpRemove || op.Kind == errorfs.OpRemoveAll || op.Kind == errorfs.OpFileClose {
		return nil
	}
	if ok, _ := filepath.Match(*m, filepath.Base(op.Path)); !ok {
		return nil
	}
	f.hits.Add(1)
	return &os.PathError{Op: "write", Path: op.Path, Err: syscall.ENOSPC}
}

func (f *fullDisk) String() string { return "full disk" }

// With the disk full under pebble, commits go on until the write-ahead log is
// as long as it may be, then give Temporary errors; nothing is lost, nobody
// exits, and with space again the same batch commits and writing goes on.
func TestFullDiskUnderTheTables(t *testing.T) {
	for _, c := range []struct {
		match  string
		reopen bool // just before the disk is full: the first tables need a new MANIFEST
	}{{"*.sst", false}, {"*.sst", true}, {"MANIFEST-*", false}, {"MANIFEST-*", true}, {"marker.*", true}, {"*", false}, {"*", true}} {
		t.Run(fmt.Sprint(c.match, c.reopen), func(t *testing.T) {
			full := new(fullDisk)
			o := small()
			o.fs = errorfs.Wrap(vfs.Default, full)
			o.limits.stop, o.limits.wait = 200_000, 200*time.Millisecond
			dir := t.TempDir()
			d := open(t, dir, o)
			want := map[string]string{}
			put := func(i int) error {
				k, v := fmt.Sprintf("key%04d", i%50), strings.Repeat(fmt.Sprintf("%d,", i), 500)
				err := d.Store.Commit(batch(d.Store, k, v))
				if err == nil {
					want[k] = v
				}
				return err
			}
			i := 0
			for round := range 3 {
				for n := range 30 {
					i++
					if err := put(i); err != nil {
						t.Fatalf("round %d, commit %d: %v", round, n, err)
					}
				}
				if c.reopen {
					shut(t, d)
					d = open(t, dir, o)
				}
				full.fill(c.match)
				var err error
				for n := 0; err == nil && n < 300; n++ {
					i++
					err = put(i)
				}
				kindIs(t, err, engine.Temporary, dir, "free space")
				again := batch(d.Store, "again", fmt.Sprint(round))
				for range 2 {
					kindIs(t, d.Store.Commit(again), engine.Temporary)
				}
				kindIs(t, d.Store.Backup(), engine.Temporary)
				compareAll(t, d.Store, want)
				full.drain()
				if err := eventually(t, func() error { return d.Store.Commit(again) }); err != nil {
					t.Fatal(err)
				}
				want["again"] = fmt.Sprint(round)
				compareAll(t, d.Store, want)
			}
			if full.hits.Load() == 0 {
				t.Error("no write met the full disk")
			}
			full.fill(c.match)
			_ = d.Close() // may not be able to write tables; loses nothing
			full.drain()
			d = open(t, dir, small())
			compareAll(t, d.Store, want)
			if len(d.Notes) > 0 {
				t.Errorf("notes %q", d.Notes)
			}
		})
	}
}

// A full disk at the start is an error to wait out, and no damage.
func TestOpenOnAFullDisk(t *testing.T) {
	full := new(fullDisk)
	o := small()
	o.fs = errorfs.Wrap(vfs.Default, full)
	dir := t.TempDir()
	d := open(t, dir, o)
	setState(t, d, 1)
	if err := d.Store.Backup(); err != nil {
		t.Fatal(err)
	}
	setState(t, d, 2)
	shut(t, d)
	for range 3 {
		full.fill("*")
		_, err := Open(dir, o)
		kindIs(t, err, engine.Temporary, "store", "free space")
		full.drain()
		d = open(t, dir, o)
		if got := state(t, d.Store); got != 2 || len(d.Notes) > 0 {
			t.Errorf("state %d, notes %q", got, d.Notes)
		}
		shut(t, d)
	}
}

// eventually tries for ten seconds, as the pipeline does.
func eventually(t testing.TB, try func() error) error {
	t.Helper()
	deadline := time.Now().Add(10 * time.Second)
	for {
		err := try()
		if err == nil || time.Now().After(deadline) {
			return err
		}
		kindIs(t, err, engine.Temporary)
	}
}

func compareAll(t testing.TB, s *Store, want map[string]string) {
	t.Helper()
	n := 0
	err := s.Scan(nil, nil, func(k, v []byte) error {
		if n++; want[string(k)] != string(v) {
			t.Errorf("%s has %.20q, want %.20q", k, v, want[string(k)])
		}
		return nil
	})
	if err != nil || n != len(want) {
		t.Errorf("%d keys, %v, want %d", n, err, len(want))
	}
}

// Readers are not disturbed while handles fail and are replaced.
func TestReadersWhileHandlesAreReplaced(t *testing.T) {
	full := new(fullDisk)
	o := small()
	o.fs = errorfs.Wrap(vfs.Default, full)
	o.limits.flush = 2000
	d := open(t, t.TempDir(), o)
	setState(t, d, 1)
	stop := make(chan struct{})
	var wg sync.WaitGroup
	for range 3 {
		wg.Go(func() {
			for {
				select {
				case <-stop:
					return
				default:
				}
				err := scanOnce(d.Store)
				if err != nil && engine.KindOf(err) != engine.Temporary {
					t.Errorf("scan: %v", err)
					return
				}
			}
		})
	}
	first := d.Store.h
	for n := 2; n < 40; n++ {
		if n%6 == 0 {
			full.fill("MANIFEST-*")
			kindIs(t, d.Store.Backup(), engine.Temporary) // it writes tables first
		}
		b := d.Store.NewBatch()
		for i := range 200 {
			b.Set(fmt.Appendf(nil, "k%03d", i), fmt.Appendf(nil, "%d", n))
		}
		err := d.Store.Commit(b)
		full.drain()
		if err != nil {
			err = eventually(t, func() error { return d.Store.Commit(b) })
		}
		if err != nil {
			t.Fatal(err)
		}
	}
	close(stop)
	wg.Wait()
	if d.Store.h == first {
		t.Error("no handle was replaced")
	}
	if got := state(t, d.Store); got != 39 {
		t.Errorf("state %d, want 39", got)
	}
}

// scanOnce fails when a scan sees two states at once.
func scanOnce(s *Store) error {
	seen := ""
	return s.Scan(nil, nil, func(k, v []byte) error {
		if seen == "" {
			seen = string(v)
		}
		if seen != string(v) {
			return fmt.Errorf("%s has %s, the keys before it %s", k, v, seen)
		}
		return nil
	})
}

// badFile is a file whose writes, syncs and cuts fail when they are told to,
// a write after half of it.
type badFile struct {
	file
	bad *badDisk
}

type badDisk struct{ write, sync, cut, open error }

func (d *badDisk) openFile(path string) (file, error) {
	if d.open != nil {
		return nil, d.open
	}
	f, err := openFile(path)
	return &badFile{f, d}, err
}

func (f *badFile) WriteAt(b []byte, off int64) (int, error) {
	if f.bad.write != nil {
		n, _ := f.file.WriteAt(b[:len(b)/2], off)
		return n, f.bad.write
	}
	return f.file.WriteAt(b, off)
}

func (f *badFile) Sync() error {
	if f.bad.sync != nil {
		return f.bad.sync
	}
	return f.file.Sync()
}

func (f *badFile) Truncate(n int64) error {
	if f.bad.cut != nil {
		return f.bad.cut
	}
	return f.file.Truncate(n)
}

// Whatever fails, and as often as it likes: what was acknowledged is there,
// what was not is not, positions are as if nothing had been.
func TestLogAfterFailedWrites(t *testing.T) {
	bad := new(badDisk)
	o := small()
	o.Segment, o.open = 600, bad.openFile
	dir := t.TempDir()
	d := open(t, dir, o)
	rng := rand.New(rand.NewPCG(3, 4))
	var want []string
	full := &os.PathError{Op: "write", Path: "log", Err: syscall.ENOSPC}
	for i := range 600 {
		*bad = badDisk{}
		for _, e := range []*error{&bad.write, &bad.sync, &bad.cut, &bad.open} {
			if rng.IntN(5) == 0 {
				*e = full
			}
		}
		text := fmt.Sprintf("record %d %s", i, strings.Repeat("z", rng.IntN(50)))
		end := d.Log.End()
		_, err := d.Log.append(rng.IntN(3) > 0, [][]byte{[]byte(text)})
		if err != nil {
			kindIs(t, err, engine.Temporary, "free space", dir)
			if d.Log.End() != end {
				t.Fatalf("end moved from %d to %d by an append that failed", end, d.Log.End())
			}
			continue
		}
		want = append(want, text)
	}
	*bad = badDisk{}
	if _, err := d.Log.Append(); err != nil {
		t.Fatal(err)
	}
	for range 2 {
		var got []string
		for _, e := range readAll(t, d.Log, 0) {
			got = append(got, string(e.Data))
		}
		if !slices.Equal(got, want) || len(want) < 100 {
			t.Fatalf("%d records, want %d", len(got), len(want))
		}
		shut(t, d)
		if d = open(t, dir, o); len(d.Notes) > 0 {
			t.Errorf("notes %q", d.Notes)
		}
	}
	bad.write = &os.PathError{Op: "write", Path: "log", Err: syscall.EIO}
	_, err := d.Log.Append([]byte("x"))
	kindIs(t, err, engine.Fatal, "check the disk")
	bad.write = nil
}

// A disk of 8 MiB, filled to the brim by somebody else and by the instance
// itself, without any reserve.
func TestReallyFullDisk(t *testing.T) {
	dir := t.TempDir()
	if out, err := exec.Command("mount", "-t", "tmpfs", "-o", "size=8m", "tmpfs", dir).CombinedOutput(); err != nil {
		t.Skipf("needs the right to mount a tmpfs: %v: %s", err, out)
	}
	t.Cleanup(func() {
		if out, err := exec.Command("umount", dir).CombinedOutput(); err != nil {
			t.Errorf("umount: %v: %s", err, out)
		}
	})
	plenty := func(string) (uint64, error) { return 1 << 40, nil }
	o := Options{Segment: 1 << 20, Reserve: -1, Free: plenty, limits: limits{segment: 256 << 10, flush: 512 << 10, stop: 2 << 20, wait: 300 * time.Millisecond}}
	state := filepath.Join(dir, "state")
	d := open(t, state, o)
	rng := rand.New(rand.NewPCG(5, 6))
	want := map[string]string{}
	for round := range 4 {
		var err error
		for i := 0; err == nil && i < 5000; i++ {
			err = turn(d, want, rng)
			if i == 20 {
				stuff(t, dir)
			}
		}
		kindIs(t, err, engine.Temporary)
		t.Logf("round %d: %v", round, err)
		compareAll(t, d.Store, want)
		_ = os.Remove(filepath.Join(dir, "other"))
		if err := d.Log.Trim(d.Log.End()); err != nil {
			t.Fatal(err)
		}
		if err := eventually(t, func() error { return turn(d, want, rng) }); err != nil {
			t.Fatalf("round %d, with space again: %v", round, err)
		}
		if round == 1 { // and over a restart
			shut(t, d)
			d = open(t, state, o)
		}
		compareAll(t, d.Store, want)
	}
	_ = d.Close()
	d = open(t, state, o)
	compareAll(t, d.Store, want)
	shut(t, d)
}

func turn(d *Dir, want map[string]string, rng *rand.Rand) error {
	k, v := fmt.Sprintf("key%d", rng.IntN(20)), make([]byte, 20000)
	for i := range v {
		v[i] = byte(rng.Uint32())
	}
	if _, err := d.Log.Append(v[:5000]); err != nil {
		return err
	}
	err := d.Store.Commit(batch(d.Store, k, string(v)))
	if err == nil {
		want[k] = string(v)
	}
	return err
}

// stuff fills the rest of the disk.
func stuff(t *testing.T, dir string) {
	t.Helper()
	f, err := os.Create(filepath.Join(dir, "other"))
	if err != nil {
		return
	}
	defer f.Close()
	for err == nil {
		_, err = f.Write(make([]byte, 4096))
	}
	if !errors.Is(err, syscall.ENOSPC) {
		t.Fatal(err)
	}
}
