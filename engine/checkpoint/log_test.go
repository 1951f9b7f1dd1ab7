package checkpoint

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"sync"
	"testing"

	"github.com/seed-843b225c/reflex/engine"
)

// fillLog appends n records in groups of one to three; the i-th holds i and
// filling.
func fillLog(t testing.TB, l *Log, n int) {
	t.Helper()
	for i := 0; i < n; {
		var group [][]byte
		for range 1 + i%3 {
			if i < n {
				group = append(group, fmt.Appendf(nil, "record %d %s", i, strings.Repeat("x", i%90)))
				i++
			}
		}
		end, err := l.Append(group...)
		if err != nil || end != l.End() {
			t.Fatal(end, l.End(), err)
		}
	}
}

// numbers gives the numbers of the records that fillLog wrote.
func numbers(t testing.TB, es []Entry) []int {
	t.Helper()
	var out []int
	for _, e := range es {
		var i int
		if _, err := fmt.Sscanf(string(e.Data), "record %d", &i); err != nil || e.Next-e.Pos != recordHead+int64(len(e.Data)) {
			t.Fatalf("record at %d to %d: %q: %v", e.Pos, e.Next, e.Data, err)
		}
		out = append(out, i)
	}
	return out
}

func upTo(n int) []int {
	all := make([]int, n)
	for i := range all {
		all[i] = i
	}
	return all
}

func TestLogReadsWhatWasAppended(t *testing.T) {
	dir := t.TempDir()
	d := open(t, dir, small())
	fillLog(t, d.Log, 200)
	if n := len(files(t, dir, "log", "*.log")); n < 5 {
		t.Errorf("%d segments, want several", n)
	}
	for range 2 {
		all := readAll(t, d.Log, 0)
		if got := numbers(t, all); !slices.Equal(got, upTo(200)) {
			t.Fatalf("read %v", got)
		}
		for i, e := range all {
			es, err := d.Log.Read(e.Pos, 1)
			if err != nil || len(es) != 1 || es[0].Pos != e.Pos || es[0].Next != e.Next {
				t.Fatalf("Read(%d) gave %+v, %v", e.Pos, es, err)
			}
			if i > 0 && all[i-1].Next != e.Pos {
				t.Errorf("record %d does not follow", i)
			}
		}
		if es, err := d.Log.Read(d.Log.End(), 1); len(es) > 0 || err != nil {
			t.Errorf("behind the end: %v, %v", es, err)
		}
		_, err := d.Log.Read(all[3].Pos+1, 1)
		kindIs(t, err, engine.Fatal, fmt.Sprint(all[3].Pos+1))
		shut(t, d)
		if d = open(t, dir, small()); len(d.Notes) > 0 {
			t.Errorf("notes %q", d.Notes)
		}
	}
}

func TestLogTrimKeepsPositions(t *testing.T) {
	dir := t.TempDir()
	d := open(t, dir, small())
	fillLog(t, d.Log, 200)
	all := readAll(t, d.Log, 0)
	at := all[120]
	if err := d.Log.Trim(at.Pos); err != nil {
		t.Fatal(err)
	}
	first := d.Log.First()
	if first == 0 || first > at.Pos {
		t.Errorf("first is %d, trimmed before %d", first, at.Pos)
	}
	for range 2 {
		es, err := d.Log.Read(0, 1)
		if err != nil || len(es) != 1 || es[0].Pos != first {
			t.Errorf("Read(0) after trimming: %+v, %v, want position %d", es, err, first)
		}
		if got := numbers(t, readAll(t, d.Log, at.Pos)); !slices.Equal(got, upTo(200)[120:]) {
			t.Errorf("read %v", got)
		}
		shut(t, d)
		d = open(t, dir, small())
	}
	if err := d.Log.Trim(1 << 60); err != nil || d.Log.End() != all[199].Next {
		t.Errorf("trim all: %v, end %d, want %d", err, d.Log.End(), all[199].Next)
	}
	if end, err := d.Log.Append([]byte("next")); err != nil || end != all[199].Next+recordHead+4 {
		t.Errorf("append after trimming all: %d, %v", end, err)
	}
}

func TestLogWaitsForMore(t *testing.T) {
	d := open(t, t.TempDir(), small())
	ctx, cancel := context.WithCancel(t.Context())
	cancel()
	if err := d.Log.Wait(ctx, 0); !errors.Is(err, context.Canceled) {
		t.Errorf("after the context ended: %v", err)
	}
	done := make(chan error)
	go func() { done <- d.Log.Wait(t.Context(), 0) }()
	if _, err := d.Log.Append([]byte("x")); err != nil {
		t.Fatal(err)
	}
	if err := errors.Join(<-done, d.Log.Wait(t.Context(), 0), d.Log.Wait(t.Context(), -1)); err != nil {
		t.Error(err)
	}
	go func() { done <- d.Log.Wait(t.Context(), d.Log.End()) }()
	shut(t, d)
	kindIs(t, <-done, engine.Fatal, "closed")
}

func TestLogManyReadersWhileAppending(t *testing.T) {
	d := open(t, t.TempDir(), small())
	const n = 500
	var wg sync.WaitGroup
	for range 6 {
		wg.Go(func() {
			var got []int
			for from := int64(0); len(got) < n; {
				if err := d.Log.Wait(t.Context(), from); err != nil {
					t.Error(err)
					return
				}
				es, err := d.Log.Read(from, 300)
				if err != nil || len(es) == 0 {
					t.Errorf("Read(%d): %d records, %v", from, len(es), err)
					return
				}
				got = append(got, numbers(t, es)...)
				from = es[len(es)-1].Next
			}
			if !slices.Equal(got, upTo(n)) {
				t.Errorf("read %v", got)
			}
		})
	}
	fillLog(t, d.Log, n)
	wg.Wait()
}

func TestLogRefusesWhatIsTooLong(t *testing.T) {
	d := open(t, t.TempDir(), small())
	_, err := d.Log.Append(slices.Repeat([][]byte{make([]byte, 1<<20)}, 1025)...)
	kindIs(t, err, engine.BadInput, "512 MiB")
	if end := d.Log.End(); end != 0 {
		t.Errorf("end is %d", end)
	}
}

// Of every length that a crash may leave of the newest segment, exactly the
// whole groups before it are there, and appending goes on.
func TestLogCutAtEveryByte(t *testing.T) {
	o := Options{Reserve: -1}
	dir := t.TempDir()
	d := open(t, dir, o)
	ends := []int64{0}
	for i := range 3 {
		var group [][]byte
		for j := range i + 1 {
			group = append(group, fmt.Appendf(nil, "record %d", i*10+j))
		}
		end, err := d.Log.Append(group...)
		if err != nil {
			t.Fatal(err)
		}
		ends = append(ends, end)
	}
	shut(t, d)
	path := files(t, dir, "log", "*.log")[0]
	whole, err := os.ReadFile(path)
	if err != nil {
		t.Fatal(err)
	}
	for n := segmentHead; n < len(whole); n++ {
		for _, garbage := range []string{"", "\x00\x00\x00\x00\x00\x00\x00\x00\x00\x00\x00\x00\x00\x00\x00\x00\x00", string(mark) + "garbage that is longer than a head"} {
			l, notes := reopenLog(t, append(slices.Clone(whole[:n]), garbage...))
			want := int64(0)
			for _, e := range ends {
				if e <= int64(n-segmentHead) {
					want = e
				}
			}
			if l.End() != want {
				t.Fatalf("cut at %d: end %d, want %d", n, l.End(), want)
			}
			if last := readAll(t, l, 0); len(last) > 0 && last[len(last)-1].Next != want {
				t.Fatalf("cut at %d: last record ends at %d, want %d", n, last[len(last)-1].Next, want)
			}
			torn := int64(n-segmentHead+len(garbage)) != want
			if torn != (len(notes) == 1) {
				t.Fatalf("cut at %d: notes %q", n, notes)
			}
			if torn {
				noted(t, notes, fmt.Sprintf("positions %d to %d", want, n-segmentHead+len(garbage)))
			}
			if end, err := l.Append([]byte("after")); err != nil || end != want+recordHead+5 {
				t.Fatalf("cut at %d: append: %d, %v", n, end, err)
			}
		}
	}
}

// reopenLog opens a log of one segment with these bytes.
func reopenLog(t testing.TB, segment []byte) (*Log, []string) {
	t.Helper()
	dir, err := os.MkdirTemp(t.TempDir(), "log")
	if err == nil {
		err = os.WriteFile(segmentPath(dir, 0), segment, 0o600)
	}
	if err != nil {
		t.Fatal(err)
	}
	l, notes, err := openLog(logOptions{what: "alert log", dir: dir, aside: filepath.Join(dir, "damaged"), size: 1 << 20, room: func(int64) error { return nil }})
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { _ = l.close() })
	return l, notes
}

// A flipped byte anywhere is found, costs the records it is in and no others,
// and no position is named twice.
func TestLogFlippedAtEveryByte(t *testing.T) {
	dir := t.TempDir()
	d := open(t, dir, Options{Reserve: -1})
	for i := range 6 {
		if _, err := d.Log.Append(fmt.Appendf(nil, "record %d", i)); err != nil {
			t.Fatal(err)
		}
	}
	all := readAll(t, d.Log, 0)
	shut(t, d)
	whole, err := os.ReadFile(files(t, dir, "log", "*.log")[0])
	if err != nil {
		t.Fatal(err)
	}
	for at := range whole {
		b := slices.Clone(whole)
		b[at] ^= 0x10
		l, notes := reopenLog(t, b)
		var want []int
		for i, e := range all {
			if pos := int64(at - segmentHead); pos < e.Pos || pos >= e.Next {
				want = append(want, i)
			}
		}
		got := readAll(t, l, 0)
		if !slices.Equal(numbers(t, got), want) {
			t.Fatalf("byte %d flipped: read %v, want %v", at, numbers(t, got), want)
		}
		if at < segmentHead {
			continue // the other half of the head is good
		}
		lost := all[min((at-segmentHead)/int(all[0].Next), len(all)-1)]
		noted(t, notes, fmt.Sprintf("positions %d to %d", lost.Pos, lost.Next), "copy is in")
		// from within what is lost, reading goes on behind it
		es, err := l.Read(lost.Pos, 1)
		if err != nil || len(es) > 0 && es[0].Pos != lost.Next {
			t.Fatalf("byte %d flipped: Read(%d) gave %+v, %v", at, lost.Pos, es, err)
		}
		if err := l.close(); err != nil {
			t.Fatal(err)
		}
		// the repair holds
		again, notes, err := openLog(logOptions{dir: l.dir, size: 1 << 20, room: l.room})
		if err != nil || len(notes) > 0 || !slices.Equal(numbers(t, readAll(t, again, 0)), want) {
			t.Fatalf("byte %d flipped: opened again: %v, %q", at, err, notes)
		}
		_ = again.close()
	}
}

func TestLogDamagedHeadAndMissingSegment(t *testing.T) {
	dir := t.TempDir()
	d := open(t, dir, small())
	fillLog(t, d.Log, 200)
	all := readAll(t, d.Log, 0)
	commit(t, d.Store, "a", "1")
	shut(t, d)
	segs := files(t, dir, "log", "*.log")
	flip(t, segs[1], 5)
	flip(t, segs[1], halfHead+20) // both halves
	if err := os.Remove(segs[3]); err != nil {
		t.Fatal(err)
	}
	if err := os.Truncate(segs[5], 200); err != nil {
		t.Fatal(err)
	}
	f, err := os.OpenFile(segs[4], os.O_APPEND|os.O_WRONLY, 0)
	if err == nil {
		_, err = f.WriteString(strings.Repeat("garbage", 9))
		err = errors.Join(err, f.Close())
	}
	if err != nil {
		t.Fatal(err)
	}
	d = open(t, dir, small())
	noted(t, d.Notes, "head of "+segs[1], segs[1], segs[2], segs[5], segs[4]+" is 63 bytes longer")
	got := readAll(t, d.Log, 0)
	if len(got) < 100 || len(got) > 190 || got[len(got)-1].Next != all[199].Next {
		t.Fatalf("%d records are left, the last ends at %d", len(got), got[len(got)-1].Next)
	}
	byPos := map[int64]Entry{}
	for _, e := range all {
		byPos[e.Pos] = e
	}
	for _, e := range got {
		if !bytes.Equal(byPos[e.Pos].Data, e.Data) {
			t.Errorf("at %d: %q, was %q", e.Pos, e.Data, byPos[e.Pos].Data)
		}
	}
	for _, e := range all { // every position that a sink may have kept leads on
		if es, err := d.Log.Read(e.Pos, 1); err != nil || len(es) != 1 || es[0].Pos < e.Pos {
			t.Fatalf("Read(%d): %+v, %v", e.Pos, es, err)
		}
	}
	shut(t, d)
	if d = open(t, dir, small()); len(d.Notes) > 0 {
		t.Errorf("the repair does not hold: %q", d.Notes)
	}
}

// A log that lost its end, or all of it, goes on behind what the store saw.
func TestLogGoesOnBehindWhatTheStoreSaw(t *testing.T) {
	for name, harm := range map[string]func(t *testing.T, dir string){
		"end cut": func(t *testing.T, dir string) {
			segs := files(t, dir, "log", "*.log")
			if err := os.Truncate(segs[len(segs)-1], segmentHead+3); err != nil {
				t.Fatal(err)
			}
		},
		"last record damaged": func(t *testing.T, dir string) {
			segs := files(t, dir, "log", "*.log")
			info, err := os.Stat(segs[len(segs)-1])
			if err != nil {
				t.Fatal(err)
			}
			flip(t, segs[len(segs)-1], int(info.Size())-1)
		},
		"folder gone": func(t *testing.T, dir string) {
			if err := os.RemoveAll(filepath.Join(dir, "log")); err != nil {
				t.Fatal(err)
			}
		},
	} {
		t.Run(name, func(t *testing.T) {
			dir := t.TempDir()
			d := open(t, dir, small())
			fillLog(t, d.Log, 50)
			end := d.Log.End()
			commit(t, d.Store, "a", "1")
			shut(t, d)
			harm(t, dir)
			for range 2 {
				d = open(t, dir, small())
				if d.Log.End() != end {
					t.Fatalf("end is %d, the store saw %d", d.Log.End(), end)
				}
				shut(t, d)
			}
			d = open(t, dir, small())
			if len(d.Notes) > 0 {
				t.Errorf("notes again: %q", d.Notes)
			}
			for from := range end + 1 { // positions within what is lost: no error, no endless turn
				es, err := d.Log.Read(from, 1)
				if len(es) == 0 && err == nil {
					ctx, cancel := context.WithCancel(t.Context())
					cancel()
					if err := d.Log.Wait(ctx, from); !errors.Is(err, context.Canceled) {
						t.Fatalf("Wait(%d) returns %v, but there is nothing to read", from, err)
					}
				}
			}
			if _, err := d.Log.Append([]byte("record 50")); err != nil {
				t.Fatal(err)
			}
			if got := numbers(t, readAll(t, d.Log, end)); !slices.Equal(got, []int{50}) {
				t.Errorf("read %v from where the store was", got)
			}
		})
	}
}

// Data that looks like a record is never read as one, not even when the record
// around it is damaged.
func TestLogDataThatLooksLikeARecord(t *testing.T) {
	dir := t.TempDir()
	d := open(t, dir, Options{Reserve: -1})
	if _, err := d.Log.Append([]byte("first")); err != nil {
		t.Fatal(err)
	}
	at := d.Log.End()
	forged := codec{}.append(nil, record{pos: at + recordHead, group: at + recordHead, data: []byte("forged")})
	for _, b := range [][]byte{forged, []byte("last")} {
		if _, err := d.Log.Append(b); err != nil {
			t.Fatal(err)
		}
	}
	shut(t, d)
	flip(t, files(t, dir, "log", "*.log")[0], int(segmentHead+at+8))
	d = open(t, dir, Options{Reserve: -1})
	var got []string
	for _, e := range readAll(t, d.Log, 0) {
		got = append(got, string(e.Data))
	}
	if strings.Join(got, " ") != "first last" {
		t.Errorf("read %q", got)
	}
}
