package file

import (
	"bytes"
	"errors"
	"io"
	"os"
	"path/filepath"
	"strings"
	"testing"

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
