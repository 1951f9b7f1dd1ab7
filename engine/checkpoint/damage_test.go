package checkpoint

import (
	"errors"
	"fmt"
	"io/fs"
	"math/rand/v2"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"

	"github.com/seed-843b225c/reflex/engine"
)

// stored makes a folder whose store has tables at two levels of age and two
// backups: state n is "n" under each key.
func stored(t *testing.T) string {
	t.Helper()
	dir := t.TempDir()
	d := open(t, dir, small())
	for n := 1; n <= 3; n++ {
		setState(t, d, n)
		if n < 3 {
			if err := d.Store.Backup(); err != nil {
				t.Fatal(err)
			}
		}
	}
	shut(t, d)
	return dir
}

func setState(t testing.TB, d *Dir, n int) {
	t.Helper()
	if _, err := d.Log.Append(fmt.Appendf(nil, "record %d", n)); err != nil {
		t.Fatal(err)
	}
	b := d.Store.NewBatch()
	for i := range 200 {
		b.Set(fmt.Appendf(nil, "k%03d", i), fmt.Appendf(nil, "%d", n))
	}
	if err := d.Store.Commit(b); err != nil {
		t.Fatal(err)
	}
}

// state gives n when all keys have it, 0 for an empty store.
func state(t testing.TB, s *Store) int {
	t.Helper()
	all := strings.Fields(dump(t, s))
	if len(all) == 0 {
		return 0
	}
	n := 0
	_, _ = fmt.Sscanf(all[0], "k000=%d", &n)
	for i, kv := range all {
		if kv != fmt.Sprintf("k%03d=%d", i, n) || len(all) != 200 {
			t.Fatalf("state is mixed: %q among %d keys", kv, len(all))
		}
	}
	return n
}

func TestDamagedStoreIsReplacedByBackup(t *testing.T) {
	remove := func(t *testing.T, paths []string) {
		for _, p := range paths {
			if err := os.RemoveAll(p); err != nil {
				t.Fatal(err)
			}
		}
	}
	flipAll := func(t *testing.T, paths []string) {
		var done []os.FileInfo
		for _, p := range paths {
			info, err := os.Stat(p)
			if err != nil {
				t.Fatal(err)
			}
			if !slices.ContainsFunc(done, func(d os.FileInfo) bool { return os.SameFile(d, info) }) {
				flip(t, p, 10)
			}
			done = append(done, info)
		}
	}
	for _, c := range []struct {
		name string
		harm func(t *testing.T, paths []string)
		path string // patterns, with spaces between
		want int
		note []string
	}{
		{"flipped bytes in tables", flipAll, "store/tables/*.sst", 2, []string{"damaged", "store.broken-", "restored from the backup", "backup/00000002"}},
		{"no MANIFEST", remove, "store/tables/MANIFEST-*", 2, []string{"store.broken-", "backup/00000002"}},
		{"no marker", remove, "store/tables/marker.manifest*", 2, []string{"store.broken-", "backup/00000002"}},
		{"no tables", remove, "store/tables/*.sst", 2, []string{"store.broken-", "backup/00000002"}},
		{"no folder of tables", remove, "store/tables", 2, []string{"store.broken-", "backup/00000002"}},
		{"store gone", remove, "store", 2, []string{"store is gone", "backup/00000002"}},
		{"store and newest backup", flipAll, "store/tables/*.sst backup/00000002/newest", 1, []string{"backup/00000002 is damaged too", "backup/00000001"}},
		{"all", flipAll, "store/tables/*.sst backup/*/*.sst", 0, []string{"NO GOOD BACKUP", "EMPTY", "sinks get the alert log again"}},
		{"write-ahead log gone", remove, "store/wal", 3, []string{"write-ahead log is gone"}},
	} {
		t.Run(c.name, func(t *testing.T) {
			dir := stored(t)
			var paths []string
			for _, pattern := range strings.Fields(c.path) {
				found := files(t, dir, pattern)
				if own, ok := strings.CutSuffix(pattern, "newest"); ok { // the table that only this backup holds
					found = files(t, dir, own+"*.sst")
					found = found[len(found)-1:]
				}
				if len(found) == 0 {
					t.Fatalf("no files match %s, there are %q", pattern, files(t, dir, filepath.Dir(pattern), "*"))
				}
				paths = append(paths, found...)
			}
			c.harm(t, paths)
			d := open(t, dir, small())
			noted(t, d.Notes, c.note...)
			if got := state(t, d.Store); got != c.want {
				t.Errorf("state %d, want %d", got, c.want)
			}
			if got := len(readAll(t, d.Log, 0)); got != 3 {
				t.Errorf("the log has %d records, want all 3", got)
			}
			setState(t, d, 7) // it goes on, over restarts and backups
			if err := d.Store.Backup(); err != nil {
				t.Fatal(err)
			}
			setState(t, d, 8)
			shut(t, d)
			if d = open(t, dir, small()); state(t, d.Store) != 8 || len(d.Notes) > 0 {
				t.Errorf("after a restart: state %d, notes %q", state(t, d.Store), d.Notes)
			}
		})
	}
}

// A store that is gone is not taken for a new instance while the log knows better.
func TestStoreGoneWithoutBackup(t *testing.T) {
	dir := t.TempDir()
	d := open(t, dir, small())
	setState(t, d, 1)
	shut(t, d)
	if err := os.RemoveAll(filepath.Join(dir, "store")); err != nil {
		t.Fatal(err)
	}
	d = open(t, dir, small())
	noted(t, d.Notes, "store is gone", "NO GOOD BACKUP", "EMPTY")
	if got := state(t, d.Store); got != 0 {
		t.Errorf("state %d", got)
	}
}

// Whatever byte of the store rots: the state is a whole one, and if it is not
// the newest, the notes say so.
func TestStoreWithAnyByteFlipped(t *testing.T) {
	master, rounds := stored(t), 40
	if testing.Short() {
		rounds = 8
	}
	d := open(t, master, small())
	setState(t, d, 4) // in the write-ahead log alone: a copy is as good as a kill
	image := filepath.Join(t.TempDir(), "image")
	if err := os.CopyFS(image, os.DirFS(master)); err != nil {
		t.Fatal(err)
	}
	shut(t, d)
	rng := rand.New(rand.NewPCG(1, 2))
	for range rounds {
		dir := filepath.Join(t.TempDir(), "copy")
		if err := os.CopyFS(dir, os.DirFS(image)); err != nil {
			t.Fatal(err)
		}
		path, at := anyByte(t, filepath.Join(dir, "store"), rng)
		flip(t, path, at)
		d, err := Open(dir, small())
		if err != nil {
			t.Fatalf("%s, byte %d: %v", path, at, err)
		}
		if got := state(t, d.Store); got != 4 && (len(d.Notes) == 0 || got < 2) {
			t.Errorf("%s, byte %d: state %d, notes %q", path, at, got, d.Notes)
		}
		setState(t, d, 5)
		shut(t, d)
		if d = open(t, dir, small()); state(t, d.Store) != 5 {
			t.Errorf("%s, byte %d: state %d after a restart, want 5", path, at, state(t, d.Store))
		}
		shut(t, d)
	}
}

func anyByte(t *testing.T, root string, rng *rand.Rand) (string, int) {
	t.Helper()
	var paths []string
	var sizes []int
	err := filepath.WalkDir(root, func(path string, e fs.DirEntry, err error) error {
		if err == nil && e.Type().IsRegular() {
			if info, _ := e.Info(); info.Size() > 0 {
				paths, sizes = append(paths, path), append(sizes, int(info.Size()))
			}
		}
		return err
	})
	if err != nil {
		t.Fatal(err)
	}
	i := rng.IntN(len(paths))
	return paths[i], rng.IntN(sizes[i])
}

// A block that rots while the store is open is an error of reading, not a
// wrong value and not the end of the process.
func TestDamageFoundWhileReading(t *testing.T) {
	dir := stored(t)
	d := open(t, dir, small())
	b := d.Store.NewBatch()
	rng := rand.New(rand.NewPCG(1, 2))
	for i := range 2000 {
		b.Set(fmt.Appendf(nil, "m%04d", i), fmt.Appendf(nil, "%x%x", rng.Uint64(), rng.Uint64()))
	}
	if err := d.Store.Commit(b); err != nil {
		t.Fatal(err)
	}
	shut(t, d)
	d = open(t, dir, small())
	settled(t, d.Store)
	for _, p := range files(t, dir, "store/tables/*.sst") {
		info, err := os.Stat(p)
		if err != nil {
			t.Fatal(err)
		}
		flip(t, p, int(info.Size()/2))
	}
	var err error
	for i := 0; i < 2000 && err == nil; i++ {
		_, _, err = d.Store.Get(fmt.Appendf(nil, "m%04d", i))
	}
	kindIs(t, err, engine.Fatal, "store", "damaged", "start again")
	kindIs(t, d.Store.Scan(nil, nil, func(_, _ []byte) error { return nil }), engine.Fatal, "start again")
	kindIs(t, d.Store.Commit(batch(d.Store, "a", "1")), engine.Fatal, "damaged")
	_ = d.Close()
	if d = open(t, dir, small()); state(t, d.Store) != 2 {
		t.Errorf("state %d, want that of the backup", state(t, d.Store))
	}
}

// A backup is not made of what is damaged.
func TestBackupOfDamagedTables(t *testing.T) {
	dir := stored(t)
	d := open(t, dir, small())
	settled(t, d.Store)
	for _, p := range files(t, dir, "store/tables/*.sst") {
		flip(t, p, 10)
	}
	kindIs(t, d.Store.Backup(), engine.Fatal, "damaged")
	if got := files(t, dir, "backup/*"); len(got) != 2 {
		t.Errorf("backups: %q", got)
	}
	_ = d.Close()
	if d = open(t, dir, small()); state(t, d.Store) != 2 {
		t.Errorf("state %d, want that of the backup", state(t, d.Store))
	}
}

func TestBackupsAreFewAndShareTables(t *testing.T) {
	dir := t.TempDir()
	d := open(t, dir, small())
	for n := 1; n <= 5; n++ {
		if n < 4 {
			setState(t, d, n)
		}
		if err := d.Store.Backup(); err != nil {
			t.Fatal(err)
		}
	}
	got := files(t, dir, "backup/*")
	if len(got) != 2 || filepath.Base(got[0]) != "00000004" || filepath.Base(got[1]) != "00000005" {
		t.Fatalf("backups: %q", got)
	}
	for _, p := range files(t, got[1], "*.sst") {
		a, errA := os.Stat(p)
		b, errB := os.Stat(filepath.Join(got[0], filepath.Base(p)))
		if err := errors.Join(errA, errB); err != nil || !os.SameFile(a, b) {
			t.Errorf("%s is not shared by both backups: %v", p, err)
		}
		if c, err := os.Stat(filepath.Join(dir, "store/tables", filepath.Base(p))); err == nil && os.SameFile(a, c) {
			t.Errorf("%s is shared with the store", p)
		}
	}
}
