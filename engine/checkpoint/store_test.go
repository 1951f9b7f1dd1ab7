package checkpoint

import (
	"errors"
	"fmt"
	"os"
	"strings"
	"testing"

	"github.com/seed-843b225c/reflex/engine"
)

func TestStoreKeepsCommitsOverRestart(t *testing.T) {
	dir := t.TempDir()
	d := open(t, dir, small())
	commit(t, d.Store, "a", "1", "b", "2", "c", "3", "", "empty key")
	b := d.Store.NewBatch()
	b.Set([]byte("d"), []byte("4"))
	b.DeleteRange([]byte("b"), []byte("e"))
	b.Set([]byte("c"), nil)
	b.Delete([]byte("a"))
	if b.Len() != 4 || b.Size() < 10 {
		t.Errorf("batch says %d changes, %d bytes", b.Len(), b.Size())
	}
	if err := d.Store.Commit(b); err != nil {
		t.Fatal(err)
	}
	kindIs(t, d.Store.Commit(b), engine.Fatal, "committed before")
	lazy := batch(d.Store, "z", "9")
	if err := d.Store.CommitLazy(lazy); err != nil {
		t.Fatal(err)
	}
	const want = "=empty key c= z=9"
	if got := dump(t, d.Store); got != want {
		t.Errorf("got %q, want %q", got, want)
	}
	for range 3 {
		shut(t, d)
		d = open(t, dir, small())
		if got := dump(t, d.Store); got != want || len(d.Notes) > 0 {
			t.Errorf("after a restart: %q, notes %q", got, d.Notes)
		}
	}
	if v, ok, err := d.Store.Get([]byte("z")); string(v) != "9" || !ok || err != nil {
		t.Errorf("Get(z) = %q, %v, %v", v, ok, err)
	}
	if _, ok, err := d.Store.Get([]byte("a")); ok || err != nil {
		t.Errorf("Get(a) = %v, %v", ok, err)
	}
}

func TestStoreBounds(t *testing.T) {
	d := open(t, t.TempDir(), small())
	commit(t, d.Store, "a", "1", "b", "2", "c", "3")
	for _, c := range []struct{ from, to, want string }{
		{"", "", "a b c"}, {"a", "c", "a b"}, {"b", "", "b c"}, {"b", "b", ""}, {"c", "a", ""}, {"aa", "bb", "b"},
	} {
		var got []string
		var to []byte
		if c.to != "" {
			to = []byte(c.to)
		}
		err := d.Store.Scan([]byte(c.from), to, func(k, _ []byte) error { got = append(got, string(k)); return nil })
		if err != nil || strings.Join(got, " ") != c.want {
			t.Errorf("scan %q to %q: %q, %v, want %q", c.from, c.to, got, err, c.want)
		}
	}
	stop := errors.New("stop")
	if err := d.Store.Scan(nil, nil, func(_, _ []byte) error { return stop }); !errors.Is(err, stop) {
		t.Errorf("scan gives %v, not the function's error", err)
	}
	b := d.Store.NewBatch()
	b.DeleteRange([]byte("c"), []byte("a"))
	b.DeleteRange(nil, nil)
	if err := d.Store.Commit(b); err != nil || dump(t, d.Store) != "" {
		t.Errorf("delete all: %v, left %q", err, dump(t, d.Store))
	}
}

func TestStoreCursorKeepsItsState(t *testing.T) {
	d := open(t, t.TempDir(), small())
	commit(t, d.Store, "a", "1", "b", "2")
	c, err := d.Store.Cursor(nil, nil)
	if err != nil {
		t.Fatal(err)
	}
	commit(t, d.Store, "a", "new", "c", "3")
	var got []string
	for c.Next() {
		got = append(got, fmt.Sprintf("%s=%s", c.Key(), c.Value()))
	}
	if err := c.Close(); err != nil || strings.Join(got, " ") != "a=1 b=2" {
		t.Errorf("cursor saw %q, %v", got, err)
	}
	if err := c.Close(); err != nil {
		t.Error(err)
	}
}

// Tables, write-ahead log segments and replays all happen many times here.
func TestStoreWritesTablesAndTrimsItsLog(t *testing.T) {
	dir := t.TempDir()
	o := small()
	d := open(t, dir, o)
	want := map[string]string{}
	for i := range 300 {
		k, v := fmt.Sprintf("key%03d", i%70), strings.Repeat(fmt.Sprintf("%d,", i), 100)
		commit(t, d.Store, k, v)
		want[k] = v
		if i%60 == 30 {
			shut(t, d)
			d = open(t, dir, o)
		}
	}
	n := 0
	err := d.Store.Scan(nil, nil, func(k, v []byte) error {
		if n++; want[string(k)] != string(v) {
			t.Errorf("%s has %.20q, want %.20q", k, v, want[string(k)])
		}
		return nil
	})
	if err != nil || n != len(want) {
		t.Errorf("%d keys, %v, want %d", n, err, len(want))
	}
	if d.Store.wal.First() == 0 {
		t.Error("the write-ahead log was never trimmed")
	}
	if size := d.Store.Size(); size < 1000 || size > 64<<20 {
		t.Errorf("size %d", size)
	}
}

func TestStoreClosed(t *testing.T) {
	d := open(t, t.TempDir(), small())
	b := batch(d.Store, "a", "1")
	shut(t, d)
	kindIs(t, d.Store.Commit(b), engine.Fatal, "closed")
	_, _, err := d.Store.Get([]byte("a"))
	kindIs(t, err, engine.Fatal, "closed")
	kindIs(t, d.Store.Backup(), engine.Fatal, "closed")
	_, err = d.Log.Append([]byte("x"))
	kindIs(t, err, engine.Fatal, "closed")
	kindIs(t, d.Log.Wait(t.Context(), 0), engine.Fatal, "closed")
	if err := d.Close(); err != nil {
		t.Errorf("closing again: %v", err)
	}
}

func TestOpenRefusesWhereItMayNotWrite(t *testing.T) {
	file := t.TempDir() + "/file"
	if err := os.WriteFile(file, nil, 0o600); err != nil {
		t.Fatal(err)
	}
	_, err := Open(file, small())
	kindIs(t, err, engine.Fatal, file)
}
