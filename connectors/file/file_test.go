package file

import (
	"bytes"
	"encoding/binary"
	"errors"
	"io"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"
	"unicode/utf16"

	"github.com/klauspost/compress/gzip"
	"github.com/klauspost/compress/zstd"
)

func readAll(t *testing.T, in Input) (string, error) {
	t.Helper()
	s, err := in.Open()
	if err != nil {
		return "", err
	}
	defer s.Close()
	var out bytes.Buffer
	buf := make([]byte, 1000+Spare)
	lasts := 0
	var broke error
	for {
		rec, err := s.Next(buf)
		if errors.Is(err, io.EOF) {
			break
		}
		if err != nil {
			broke = err
		}
		if rec.Origin.Offset != int64(out.Len()) {
			t.Fatalf("offset %d after %d bytes", rec.Origin.Offset, out.Len())
		}
		out.Write(rec.Data)
		if rec.Last {
			lasts++
		}
	}
	if lasts != 1 {
		t.Fatalf("%d chunks said they are the last", lasts)
	}
	return out.String(), broke
}

func gz(s string) []byte {
	var b bytes.Buffer
	w := gzip.NewWriter(&b)
	w.Write([]byte(s))
	w.Close()
	return b.Bytes()
}

func zs(s string) []byte {
	w, _ := zstd.NewWriter(nil)
	return w.EncodeAll([]byte(s), nil)
}

func TestStreamReadsWhatTheBytesAre(t *testing.T) {
	for _, size := range []int{0, 1, 5, 999, 1000, 1001, 5000} {
		want := strings.Repeat("0123456789", size/10+1)[:size]
		for name, data := range map[string][]byte{"plain": []byte(want), "gzip": gz(want), "two gzip members": append(gz(want[:size/2]), gz(want[size/2:])...), "zstd": zs(want)} {
			if data == nil {
				data = []byte{}
			}
			got, err := readAll(t, Memory(name, data))
			if err != nil || got != want {
				t.Errorf("%s of %d bytes: got %d bytes, error %v", name, size, len(got), err)
			}
		}
	}
}

func TestStreamTellsWhenAFileWasWritten(t *testing.T) {
	path := filepath.Join(t.TempDir(), "build.log")
	written := time.Date(2026, 3, 2, 10, 0, 0, 0, time.UTC)
	if err := os.WriteFile(path, []byte("x\n"), 0o600); err != nil {
		t.Fatal(err)
	}
	if err := os.Chtimes(path, written, written); err != nil {
		t.Fatal(err)
	}
	for want, in := range map[int64]Input{written.UnixNano(): {Path: path}, 0: Memory("m", []byte("x\n"))} {
		s, err := in.Open()
		if err != nil {
			t.Fatal(err)
		}
		rec, err := s.Next(make([]byte, ChunkSize+Spare))
		if err != nil || rec.Time != want {
			t.Errorf("%s: time %d, error %v, want %d", in.Path, rec.Time, err, want)
		}
		s.Close()
	}
}

func TestStreamOfACutFileGivesWhatWasReadable(t *testing.T) {
	want := strings.Repeat("a line that was written\n", 40000)
	data := gz(want)
	got, err := readAll(t, Memory("cut.gz", data[:len(data)-20]))
	if err == nil || !strings.Contains(err.Error(), "cut.gz: breaks off after") {
		t.Errorf("error: %v", err)
	}
	if len(got) == 0 || !strings.HasPrefix(want, got) {
		t.Errorf("got %d bytes that are not the beginning", len(got))
	}
}

func TestStreamSaysWhatFollowsGzip(t *testing.T) {
	want := "a line that was written\n"
	for name, c := range map[string]struct {
		tail, err string
	}{
		"nothing":       {"", ""},
		"padding":       {strings.Repeat("\x00", 1000), ""},
		"garbage":       {"garbage", "garbage: bytes that are not gzip follow the compressed data"},
		"one byte":      {"\x1f", "one byte: bytes that are not gzip follow the compressed data"},
		"half a header": {"\x1f\x8b\x08", "half a header: breaks off after 24 bytes"},
	} {
		got, err := readAll(t, Memory(name, append(gz(want), c.tail...)))
		if got != want {
			t.Errorf("%s: got %q", name, got)
		}
		if c.err == "" && err != nil || c.err != "" && (err == nil || !strings.HasPrefix(err.Error(), c.err)) {
			t.Errorf("%s: error %v, want %q", name, err, c.err)
		}
	}
}

// TestStreamConvertsUTF16 holds the converter to the standard library's own.
func TestStreamConvertsUTF16(t *testing.T) {
	for _, want := range []string{"{\"a\": 1}\r\n", "{\"name\": \"Z\u00fcrich \u6771\u4eac \U0001f511\"}", strings.Repeat("many lines, \U0001f511 too\n", 3000)} {
		for _, order := range []binary.AppendByteOrder{binary.LittleEndian, binary.BigEndian} {
			var plain []byte
			for _, u := range utf16.Encode([]rune(want)) {
				plain = order.AppendUint16(plain, u)
			}
			marked := append(order.AppendUint16(nil, 0xfeff), plain...)
			for name, data := range map[string][]byte{"marked": marked, "plain": plain, "half a character more": append(marked[:len(marked):len(marked)], 'x'), "packed": gz(string(marked))} {
				got, err := readAll(t, Memory(name, data))
				if err != nil || strings.TrimSuffix(got, "\ufffd") != want {
					t.Errorf("%s %v: got %.60q, error %v", name, order, got, err)
				}
			}
		}
	}
	for _, data := range []string{"\xff\xfe\x00\x00", "ab", "\x00\x00\x00\x01", "a\x00b\x01"} {
		if got, err := readAll(t, Memory("other", []byte(data))); err != nil || got != data {
			t.Errorf("%q became %q, error %v", data, got, err)
		}
	}
}

func TestExpandFollowsLinksOnce(t *testing.T) {
	dir := t.TempDir()
	os.MkdirAll(filepath.Join(dir, "real/deep"), 0o755)
	os.WriteFile(filepath.Join(dir, "real/deep/x.log"), []byte("x"), 0o644)
	other := t.TempDir()
	os.WriteFile(filepath.Join(other, "y.log"), []byte("y"), 0o644)
	for name, to := range map[string]string{"real/deep/up": "../..", "latest": "real/deep", "elsewhere": other, "gone": "nowhere", "self": "self"} {
		if err := os.Symlink(to, filepath.Join(dir, name)); err != nil {
			t.Skip("no links here: ", err)
		}
	}
	ins, errs := Expand([]string{dir})
	if len(ins) != 2 || ins[0].Path != filepath.Join(dir, "elsewhere/y.log") || ins[1].Path != filepath.Join(dir, "real/deep/x.log") {
		t.Errorf("got %v", ins)
	}
	if len(errs) != 2 || !strings.Contains(errs[0].Error(), "gone: is a link to nowhere, which does not exist") {
		t.Errorf("got errors %v", errs)
	}
	// a link named by the user is entered too
	if ins, errs := Expand([]string{filepath.Join(dir, "elsewhere")}); len(ins) != 1 || len(errs) != 0 {
		t.Errorf("a link as argument: %v %v", ins, errs)
	}
}

func TestExpandKnowsHiddenFilesAndEmptyPaths(t *testing.T) {
	dir := t.TempDir()
	for _, name := range []string{".env", ".git/config", ".config/x", "a"} {
		os.MkdirAll(filepath.Dir(filepath.Join(dir, name)), 0o755)
		os.WriteFile(filepath.Join(dir, name), []byte("x"), 0o644)
	}
	if ins, _ := Expand([]string{dir}); len(ins) != 1 {
		t.Errorf("got %v", ins)
	}
	if ins, _ := ExpandHidden([]string{dir, dir + "/./a"}); len(ins) != 3 {
		t.Errorf("got %v", ins)
	}
	if _, errs := Expand([]string{""}); len(errs) != 1 || !strings.Contains(errs[0].Error(), "an empty path") {
		t.Errorf("got %v", errs)
	}
}

func TestExpandNamesWhatItMayNotRead(t *testing.T) {
	asNobody(t)
	dir := t.TempDir()
	os.MkdirAll(filepath.Join(dir, "closed"), 0)
	os.WriteFile(filepath.Join(dir, "open"), nil, 0o644)
	ins, errs := Expand([]string{dir})
	if len(ins) != 1 || len(errs) != 1 || !strings.Contains(errs[0].Error(), "closed: no permission to read it") {
		t.Errorf("got %v, errors %v", ins, errs)
	}
}

func TestExpandWalksFoldersAndNamesWhatItCannotRead(t *testing.T) {
	dir := t.TempDir()
	for _, name := range []string{"b.json", "a/x.log", "a/.hidden", ".git/config"} {
		p := filepath.Join(dir, name)
		os.MkdirAll(filepath.Dir(p), 0o755)
		os.WriteFile(p, []byte("x"), 0o644)
	}
	ins, errs := Expand([]string{dir, filepath.Join(dir, "b.json"), filepath.Join(dir, "missing")})
	if len(ins) != 2 || !strings.HasSuffix(ins[0].Path, "a/x.log") || !strings.HasSuffix(ins[1].Path, "b.json") {
		t.Errorf("got %v", ins)
	}
	if len(errs) != 1 || !strings.Contains(errs[0].Error(), "missing: there is no such file or folder") {
		t.Errorf("got errors %v", errs)
	}
}
