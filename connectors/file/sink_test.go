package file

import (
	"bytes"
	"context"
	"encoding/json"
	"errors"
	"io"
	"log/slog"
	"math"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"syscall"
	"testing"

	"github.com/seed-843b225c/reflex/connectors/contract"
	"github.com/seed-843b225c/reflex/engine"
)

func openSink(t testing.TB, c SinkConfig) *Sink {
	t.Helper()
	s, err := NewSink(c, SinkOptions{})
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { s.Close() })
	return s
}

// idsOf reads a file as a consumer does: every line must parse.
func idsOf(t testing.TB, path string) []string {
	t.Helper()
	b, err := os.ReadFile(path)
	if errors.Is(err, os.ErrNotExist) {
		return nil
	}
	if err != nil {
		t.Fatal(err)
	}
	if len(b) > 0 && b[len(b)-1] != '\n' {
		t.Errorf("%s ends in half a line: %q", path, b[max(0, len(b)-40):])
	}
	var ids []string
	for line := range bytes.Lines(b) {
		if !json.Valid(line) || bytes.Count(line, []byte{'\n'}) != 1 {
			t.Errorf("not a line of JSON: %.200q", line)
		}
		ids = append(ids, lineID(line))
	}
	return ids
}

func accept(t testing.TB, s *Sink, ts []engine.Transition) {
	t.Helper()
	if n, err := s.Deliver(context.Background(), ts); n != len(ts) || err != nil {
		t.Fatalf("accepted %d of %d: %v", n, len(ts), err)
	}
}

func TestSinkKeepsTheContract(t *testing.T) {
	contract.Sink(t, func(t testing.TB) contract.SinkRig {
		path := filepath.Join(t.TempDir(), "alerts.ndjson")
		var last *Sink
		return contract.SinkRig{
			Open:   func(t testing.TB) engine.Sink { last = openSink(t, SinkConfig{Path: path}); return last },
			Stored: func(t testing.TB) []string { return idsOf(t, path) },
			Once:   true,
			Trouble: func(t testing.TB) func() {
				last.out.w = &full{to: last.out.file, room: 100}
				return func() {} // the sink opens the file anew
			},
		}
	})
}

// full is a disk with room for some bytes more.
type full struct {
	to   io.Writer
	room int
}

func (f *full) Write(b []byte) (int, error) {
	if len(b) <= f.room {
		f.room -= len(b)
		return f.to.Write(b)
	}
	n, _ := f.to.Write(b[:f.room])
	f.room = 0
	return n, syscall.ENOSPC
}

func TestSinkLeavesNothingOfALineOnAFullDisk(t *testing.T) {
	path := filepath.Join(t.TempDir(), "alerts.ndjson")
	s, ts := openSink(t, SinkConfig{Path: path}), contract.Transitions(8)
	accept(t, s, ts[:2])
	for room := 0; ; room += 97 { // up to the end of the fourth line
		s.out.w = &full{to: s.out.file, room: room}
		n, err := s.Deliver(context.Background(), ts[2:4])
		e, ok := errors.AsType[*engine.Error](err)
		if n != 0 || !ok || e.Kind != engine.Temporary || e.After == 0 || !strings.Contains(e.Error(), "make room") {
			if err == nil {
				break // all of it fitted
			}
			t.Fatalf("room %d: accepted %d: %v", room, n, err)
		}
		if got := idsOf(t, path); len(got) != 2 {
			t.Fatalf("room %d: %d lines stand", room, len(got))
		}
		if err := s.ready(); err != nil {
			t.Fatal(err)
		}
	}
	s.out.w = s.out.file
	accept(t, s, ts[2:])
	if got := idsOf(t, path); !slices.Equal(got, contract.DocumentIDs(ts)) {
		t.Errorf("stand %v", got)
	}
}

func TestSinkSaysWhatTheSystemSays(t *testing.T) {
	folder := t.TempDir()
	pipe := filepath.Join(folder, "pipe")
	if err := syscall.Mkfifo(pipe, 0o600); err != nil {
		t.Fatal(err)
	}
	for path, want := range map[string]engine.ErrorKind{"/dev/full": engine.Temporary, filepath.Join(folder, "no", "such.ndjson"): engine.Fatal,
		folder: engine.Fatal, pipe: engine.Fatal} {
		n, err := openSink(t, SinkConfig{Path: path}).Deliver(context.Background(), contract.Transitions(1))
		if n != 0 || engine.KindOf(err) != want || !strings.Contains(err.Error(), path) {
			t.Errorf("%s: accepted %d, kind %q: %v", path, n, engine.KindOf(err), err)
		}
	}
	accept(t, openSink(t, SinkConfig{Path: "/dev/null"}), contract.Transitions(2))
}

// A crash may cut the file anywhere; whatever stands, the same transitions
// again leave one line of each.
func TestSinkMendsAFileCutAnywhere(t *testing.T) {
	ts := contract.Transitions(4)
	whole := filepath.Join(t.TempDir(), "whole.ndjson")
	accept(t, openSink(t, SinkConfig{Path: whole}), ts)
	b, err := os.ReadFile(whole)
	if err != nil {
		t.Fatal(err)
	}
	path := filepath.Join(t.TempDir(), "cut.ndjson")
	for cut := 0; cut <= len(b); cut += 23 {
		if err := os.WriteFile(path, b[:cut], 0o600); err != nil {
			t.Fatal(err)
		}
		s := openSink(t, SinkConfig{Path: path})
		accept(t, s, ts)
		s.Close()
		got, err := os.ReadFile(path)
		if err != nil || !bytes.Equal(got, b) {
			t.Fatalf("cut at %d of %d: %d bytes stand, want the same file", cut, len(b), len(got))
		}
	}
}

func TestSinkCutsHalfALineThatIsVeryLong(t *testing.T) {
	path := filepath.Join(t.TempDir(), "alerts.ndjson")
	b := append([]byte("{}\n"), bytes.Repeat([]byte("x"), newest+3<<20)...)
	if err := os.WriteFile(path, b, 0o600); err != nil {
		t.Fatal(err)
	}
	ts := contract.Transitions(1)
	accept(t, openSink(t, SinkConfig{Path: path}), ts)
	if got := idsOf(t, path); !slices.Equal(got, []string{"", ts[0].DocumentID()}) {
		t.Errorf("stand %v", got)
	}
}

func TestSinkFollowsAFileThatWasMoved(t *testing.T) {
	path := filepath.Join(t.TempDir(), "alerts.ndjson")
	var log bytes.Buffer
	s, err := NewSink(SinkConfig{Path: path}, SinkOptions{Log: slog.New(slog.NewTextHandler(&log, nil))})
	if err != nil {
		t.Fatal(err)
	}
	defer s.Close()
	ts := contract.Transitions(6)
	accept(t, s, ts[:2])
	if err := os.Rename(path, path+".old"); err != nil { // as logrotate does
		t.Fatal(err)
	}
	accept(t, s, ts[1:4]) // the second comes again
	if err := os.Remove(path); err != nil {
		t.Fatal(err)
	}
	accept(t, s, ts[4:])
	if got := append(idsOf(t, path+".old"), idsOf(t, path)...); !slices.Equal(got, contract.DocumentIDs(slices.Concat(ts[:2], ts[4:]))) {
		t.Errorf("stand %v", got)
	}
	if !strings.Contains(log.String(), "was moved") {
		t.Error("nothing was logged")
	}
}

func TestSinkRotates(t *testing.T) {
	path := filepath.Join(t.TempDir(), "alerts.ndjson")
	s, ts := openSink(t, SinkConfig{Path: path, Rotate: 1, Keep: 2}), contract.Transitions(5)
	for i := range ts {
		accept(t, s, ts[i:i+1])
	}
	for name, want := range map[string]int{path: 4, path + ".1": 3, path + ".2": 2} {
		if got := idsOf(t, name); !slices.Equal(got, contract.DocumentIDs(ts[want:want+1])) {
			t.Errorf("%s holds %v, want transition %d", filepath.Base(name), got, want)
		}
	}
	if _, err := os.Stat(path + ".3"); err == nil {
		t.Error("more files are kept than asked for")
	}
}

func TestSinkStopsBeforeWhatCannotBeEncoded(t *testing.T) {
	path := filepath.Join(t.TempDir(), "alerts.ndjson")
	s, ts := openSink(t, SinkConfig{Path: path}), contract.Transitions(5)
	ts[2].Alert.Measure = math.NaN()
	if n, err := s.Deliver(context.Background(), ts); n != 2 || engine.KindOf(err) != engine.BadInput {
		t.Errorf("accepted %d: %v", n, err)
	}
	accept(t, s, ts[3:])
	if got := idsOf(t, path); len(got) != 4 {
		t.Errorf("stand %v", got)
	}
}

func TestSinkWritesToStandardOutput(t *testing.T) {
	var out bytes.Buffer
	s, err := NewSink(SinkConfig{Path: "-"}, SinkOptions{Stdout: &out})
	if err != nil {
		t.Fatal(err)
	}
	accept(t, s, contract.Transitions(3))
	if got := bytes.Count(out.Bytes(), []byte{'\n'}); got != 3 {
		t.Errorf("%d lines", got)
	}
	if err := s.Close(); err != nil {
		t.Error(err)
	}
}

func TestSinkConfigJoinsEveryMistake(t *testing.T) {
	for _, c := range []struct {
		config SinkConfig
		want   []string
	}{{SinkConfig{Path: "x"}, nil}, {SinkConfig{Path: "-"}, nil}, {SinkConfig{Rotate: -1}, []string{"path is not set", "rotate -1"}},
		{SinkConfig{Path: "-", Rotate: 5}, []string{"cannot be rotated"}}} {
		err := c.config.Validate()
		if (err == nil) != (c.want == nil) {
			t.Errorf("%+v: %v", c.config, err)
		}
		for _, want := range c.want {
			if !strings.Contains(err.Error(), want) {
				t.Errorf("%v does not say %q", err, want)
			}
		}
	}
}

func TestRecentForgetsTheOldest(t *testing.T) {
	var r recent
	for i := range 3 * maxRecent {
		r.add(string(rune(i)))
	}
	if r.has(string(rune(0))) || !r.has(string(rune(3*maxRecent-1))) || !r.has(string(rune(2*maxRecent))) {
		t.Error("remembers the wrong ones")
	}
	if n := len(r.young) + len(r.old); n > 2*maxRecent {
		t.Errorf("remembers %d", n)
	}
}

func TestSinkChecksItsPath(t *testing.T) {
	dir := t.TempDir()
	for path, want := range map[string]string{
		"-":                                  "",
		filepath.Join(dir, "new.ndjson"):     "",
		filepath.Join(dir, "none", "x.json"): "make its folder, or set another path",
		dir:                                  "is a directory: make its folder, or set another path",
	} {
		s, err := NewSink(SinkConfig{Path: path}, SinkOptions{})
		if err != nil {
			t.Fatal(err)
		}
		found := s.Check(t.Context())
		if len(found) != 1 || (found[0].Err == nil) != (want == "") || want != "" && !strings.HasSuffix(found[0].Err.Error(), want) {
			t.Errorf("%s: %+v", path, found)
		}
	}
	if left, err := os.ReadDir(dir); err != nil || len(left) > 0 {
		t.Errorf("the check left %v, %v", left, err)
	}
}
