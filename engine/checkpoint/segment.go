package checkpoint

import (
	"bytes"
	"crypto/rand"
	"encoding/binary"
	"fmt"
	"hash/crc32"
	"io"
	"os"
	"path/filepath"
	"slices"
	"strconv"
	"strings"
)

// A segment is a file of the log, named after the position of its first
// record. It starts with a head that is written twice, so that one damaged
// byte in it does not cost 64 MiB of alerts:
//
//	magic 8, base 8, salt 8, zero 4, crc 4
const (
	halfHead    = 32
	segmentHead = 2 * halfHead
	suffix      = ".log"
)

var magic = []byte("RFXLOG2\n")

// segment is one file; its end is where the next one begins.
type segment struct {
	path string
	base int64
	codec
}

func segmentPath(dir string, base int64) string {
	return filepath.Join(dir, fmt.Sprintf("%020d%s", base, suffix))
}

func newSegment(dir string, base int64) segment {
	var salt [8]byte
	_, _ = rand.Read(salt[:]) // never fails
	return segment{path: segmentPath(dir, base), base: base, codec: codec{binary.LittleEndian.Uint64(salt[:])}}
}

func (s segment) head() []byte {
	b := make([]byte, halfHead)
	copy(b, magic)
	binary.LittleEndian.PutUint64(b[8:], uint64(s.base))
	binary.LittleEndian.PutUint64(b[16:], s.salt)
	binary.LittleEndian.PutUint32(b[28:], crc32.Checksum(b[:28], castagnoli))
	return append(b, b...)
}

// parseHead finds the salt in either half; whole says that both are good.
func (s segment) parseHead(b []byte) (salt uint64, whole, ok bool) {
	good := 0
	for half := range slices.Chunk(b, halfHead) {
		if len(half) == halfHead && bytes.Equal(half[:8], magic) &&
			int64(binary.LittleEndian.Uint64(half[8:])) == s.base &&
			binary.LittleEndian.Uint32(half[28:]) == crc32.Checksum(half[:28], castagnoli) {
			salt, ok = binary.LittleEndian.Uint64(half[16:]), true
			good++
		}
	}
	return salt, good == 2, ok
}

// offset is where a position stands in the file.
func (s segment) offset(pos int64) int64 { return pos - s.base + segmentHead }

// listSegments gives the segments of a folder in order; files that a crash left
// half made are removed.
func listSegments(dir string) ([]segment, error) {
	entries, err := os.ReadDir(dir)
	if err != nil {
		return nil, err
	}
	var segs []segment
	for _, e := range entries {
		name, ok := strings.CutSuffix(e.Name(), suffix)
		if strings.HasSuffix(e.Name(), ".tmp") {
			if err := os.Remove(filepath.Join(dir, e.Name())); err != nil {
				return nil, err
			}
		}
		base, err := strconv.ParseInt(name, 10, 64)
		if ok && err == nil && base >= 0 && segmentPath(dir, base) == filepath.Join(dir, e.Name()) {
			segs = append(segs, segment{path: segmentPath(dir, base), base: base})
		}
	}
	slices.SortFunc(segs, func(a, b segment) int { return int(min(max(a.base-b.base, -1), 1)) })
	return segs, nil
}

// window reads a file through one buffer that moves along.
type window struct {
	r    io.ReaderAt
	size int64 // bytes beyond are not looked at
	off  int64
	buf  []byte
	err  error // the first error of reading, but for the end of the file
}

const windowBytes = 1 << 18

// at gives n bytes from off, or fewer at the end. They are valid until the
// next call.
func (w *window) at(off int64, n int) []byte {
	n = int(min(int64(n), max(w.size-off, 0)))
	if off < w.off || off+int64(n) > w.off+int64(len(w.buf)) {
		w.load(off, max(n, int(min(windowBytes, w.size-off))))
	}
	from := off - w.off
	return w.buf[min(from, int64(len(w.buf))):min(from+int64(n), int64(len(w.buf)))]
}

func (w *window) load(off int64, n int) {
	w.off, w.buf = off, slices.Grow(w.buf[:0], n)[:n]
	got, err := w.r.ReadAt(w.buf, off)
	w.buf = w.buf[:got]
	if err != nil && err != io.EOF && w.err == nil {
		w.err = err
	}
}

// record reads the record at a position; the error is errDamaged, or one of
// reading the file.
func (s segment) record(w *window, pos int64) (record, error) {
	off := s.offset(pos)
	r, need, ok := s.codec.head(w.at(off, recordHead), pos)
	if !ok || s.offset(r.next) > w.size {
		return record{}, errOr(w.err)
	}
	r, err := s.decode(w.at(off, need), pos)
	if err != nil {
		return record{}, errOr(w.err)
	}
	return r, nil
}

func errOr(err error) error {
	if err != nil {
		return err
	}
	return errDamaged
}
