package checkpoint

import (
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"runtime"
	"strings"
	"testing"
	"time"

	"github.com/seed-843b225c/reflex/engine"
)

// TestMain is also the child process of the tests that kill one.
func TestMain(m *testing.M) {
	if dir := os.Getenv("CHECKPOINT_CHILD"); dir != "" {
		child(dir)
		os.Exit(3)
	}
	os.Exit(m.Run())
}

// small options keep tests fast and make every kind of rotation happen.
func small() Options {
	return Options{Segment: 2000, Reserve: -1, limits: limits{segment: 5_000, flush: 20_000, stop: 1 << 20, wait: usualLimits.wait}}
}

func open(t testing.TB, dir string, o Options) *Dir {
	t.Helper()
	d, err := Open(dir, o)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { _ = d.Close() })
	return d
}

func shut(t testing.TB, d *Dir) {
	t.Helper()
	if err := d.Close(); err != nil {
		t.Fatal(err)
	}
}

func commit(t testing.TB, s *Store, pairs ...string) {
	t.Helper()
	if err := s.Commit(batch(s, pairs...)); err != nil {
		t.Fatal(err)
	}
}

func batch(s *Store, pairs ...string) *Batch {
	b := s.NewBatch()
	for i := 0; i < len(pairs); i += 2 {
		b.Set([]byte(pairs[i]), []byte(pairs[i+1]))
	}
	return b
}

// dump gives all keys and values as "k=v k=v".
func dump(t testing.TB, s *Store) string {
	t.Helper()
	var b strings.Builder
	err := s.Scan(nil, nil, func(k, v []byte) error {
		fmt.Fprintf(&b, "%s=%s ", k, v)
		return nil
	})
	if err != nil {
		t.Fatal(err)
	}
	return strings.TrimSpace(b.String())
}

func readAll(t testing.TB, l *Log, from int64) []Entry {
	t.Helper()
	var all []Entry
	for {
		es, err := l.Read(from, 700)
		if err != nil {
			t.Fatal(err)
		}
		if len(es) == 0 {
			return all
		}
		all = append(all, es...)
		from = es[len(es)-1].Next
	}
}

func kindIs(t testing.TB, err error, want engine.ErrorKind, words ...string) {
	t.Helper()
	if engine.KindOf(err) != want {
		t.Fatalf("error %v is %v, want %v", err, engine.KindOf(err), want)
	}
	for _, w := range words {
		if !strings.Contains(err.Error(), w) {
			t.Errorf("error %q does not say %q", err, w)
		}
	}
}

func noted(t testing.TB, notes []string, words ...string) {
	t.Helper()
	all := strings.Join(notes, "\n")
	for _, w := range words {
		if !strings.Contains(all, w) {
			t.Errorf("notes do not say %q:\n%s", w, all)
		}
	}
}

func files(t testing.TB, pattern ...string) []string {
	t.Helper()
	names, err := filepath.Glob(filepath.Join(pattern...))
	if err != nil {
		t.Fatal(err)
	}
	return names
}

// settled returns when no tables are being merged: the files stay what they are.
func settled(t testing.TB, s *Store) {
	t.Helper()
	for deadline := time.Now().Add(time.Minute); s.h.db.Metrics().Compact.NumInProgress > 0; runtime.Gosched() {
		if time.Now().After(deadline) {
			t.Fatal("tables are still merged after a minute")
		}
	}
}

func flip(t testing.TB, path string, at int) {
	t.Helper()
	b, err := os.ReadFile(path)
	if err != nil {
		t.Fatal(err)
	}
	b[at] ^= 0x55
	// in place: hard links share what rots
	f, err := os.OpenFile(path, os.O_RDWR, 0)
	if err == nil {
		_, err = f.WriteAt(b[at:at+1], int64(at))
		err = errors.Join(err, f.Close())
	}
	if err != nil {
		t.Fatal(err)
	}
}
