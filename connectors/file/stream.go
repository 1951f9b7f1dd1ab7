package file

import (
	"bytes"
	"compress/bzip2"
	"errors"
	"fmt"
	"io"
	"io/fs"
	"os"

	"github.com/klauspost/compress/zstd"

	"github.com/seed-843b225c/reflex/engine"
)

// Chunk sizes: two passes over a chunk stay in the second-level cache; the
// spare bytes behind a chunk let the scanner load whole words at its end.
const (
	ChunkSize = 128 << 10
	Spare     = 128
)

// maxWindow bounds what a zstd frame may make us allocate.
const maxWindow = 64 << 20

// Stream reads one input. It is not safe for concurrent use.
type Stream struct {
	name   string
	file   *os.File
	count  *counter
	reader io.Reader
	zstd   *zstd.Decoder
	offset int64
	time   int64 // when the file was last written, ns; 0 unknown
	done   bool
}

// Open opens an input. What is compressed is recognised by its first bytes.
func (in Input) Open() (*Stream, error) {
	s := &Stream{name: in.Path}
	var src io.Reader
	switch {
	case in.data != nil:
		src = bytes.NewReader(in.data)
	default:
		f, err := os.Open(in.Path)
		if err != nil {
			return nil, explain(in.Path, err)
		}
		s.file, src = f, f
		if info, err := f.Stat(); err == nil && info.Mode().IsRegular() {
			s.time = info.ModTime().UnixNano()
		}
	}
	s.count = &counter{r: src}
	if err := s.unwrap(); err != nil {
		s.Close()
		return nil, err
	}
	return s, nil
}

// unwrap looks at the first bytes and puts the right decompressor in front.
func (s *Stream) unwrap() error {
	var head [6]byte
	n, err := io.ReadFull(s.count, head[:])
	if err != nil && !errors.Is(err, io.EOF) && !errors.Is(err, io.ErrUnexpectedEOF) {
		return explain(s.name, err)
	}
	s.reader = io.MultiReader(bytes.NewReader(head[:n]), s.count)
	h := head[:n]
	switch {
	case bytes.HasPrefix(h, []byte{0x1f, 0x8b}):
		z, err := newMembers(s.reader)
		if err != nil {
			return fmt.Errorf("%s: begins like gzip but is not: %w", s.name, err)
		}
		s.reader = z
	case bytes.HasPrefix(h, []byte{0x28, 0xb5, 0x2f, 0xfd}):
		z, err := zstd.NewReader(s.reader, zstd.WithDecoderConcurrency(1), zstd.WithDecoderLowmem(true), zstd.WithDecoderMaxMemory(maxWindow))
		if err != nil {
			return fmt.Errorf("%s: begins like zstd but is not: %w", s.name, err)
		}
		s.zstd, s.reader = z, z
	case bytes.HasPrefix(h, []byte("BZh")):
		s.reader = bzip2.NewReader(s.reader)
	case bytes.HasPrefix(h, []byte("PK\x03\x04")):
		return fmt.Errorf("%s: is a ZIP archive: unpack it first, then give the folder", s.name)
	case bytes.HasPrefix(h, []byte("PAR1")):
		return fmt.Errorf("%s: is Parquet: export it as JSON lines", s.name)
	case bytes.HasPrefix(h, []byte{0xfd, '7', 'z', 'X', 'Z'}):
		return fmt.Errorf("%s: is xz: decompress it first", s.name)
	}
	s.reader = fromUTF16(s.reader)
	return nil
}

// Next reads the next chunk into buf, which must have Spare bytes beyond the
// part to fill. The record's Data aliases buf. After the record with Last set
// it returns io.EOF. A broken compressed stream gives what was readable and
// then an error that names the place.
func (s *Stream) Next(buf []byte) (engine.Record, error) {
	if s.done {
		return engine.Record{}, io.EOF
	}
	n, err := io.ReadFull(s.reader, buf[:len(buf)-Spare])
	rec := engine.Record{Data: buf[:n], Chunk: true, Time: s.time, Origin: engine.Origin{Source: s.name, Partition: -1, Offset: s.offset}}
	s.offset += int64(n)
	switch {
	case err == nil:
		return rec, nil
	case errors.Is(err, io.EOF) || err == io.ErrUnexpectedEOF && !s.broken():
		rec.Last, s.done = true, true
		return rec, nil
	}
	rec.Last, s.done = true, true
	if errors.Is(err, errTrailing) {
		return rec, fmt.Errorf("%s: %w: those are left out; the %d bytes before (decompressed) count", s.name, err, s.offset)
	}
	var pe *fs.PathError
	if errors.As(err, &pe) {
		return rec, explain(s.name, err)
	}
	return rec, fmt.Errorf("%s: breaks off after %d bytes (decompressed): %w: the file is cut or damaged; what came before counts", s.name, s.offset, err)
}

// broken tells a decompressor's "unexpected EOF" from a plain short last chunk.
func (s *Stream) broken() bool {
	// io.ReadFull turns the reader's io.EOF after some bytes into
	// io.ErrUnexpectedEOF; ask the reader itself which it was.
	var b [1]byte
	_, err := s.reader.Read(b[:])
	return err != nil && !errors.Is(err, io.EOF)
}

// Read gives how many bytes of the input, as stored, have been read: for progress.
func (s *Stream) Read() int64 { return s.count.n }

// Close gives back what the stream holds.
func (s *Stream) Close() error {
	if s.zstd != nil {
		s.zstd.Close()
		s.zstd = nil
	}
	if s.file != nil {
		err := s.file.Close()
		s.file = nil
		return err
	}
	return nil
}

type counter struct {
	r io.Reader
	n int64
}

func (c *counter) Read(p []byte) (int, error) {
	n, err := c.r.Read(p)
	c.n += int64(n)
	return n, err
}

// Reader makes a stream of a reader that is there already: standard input.
func Reader(r io.Reader) (*Stream, error) {
	s := &Stream{name: "-", count: &counter{r: r}}
	return s, s.unwrap()
}
