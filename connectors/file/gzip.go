package file

import (
	"bufio"
	"errors"
	"fmt"
	"io"

	"github.com/klauspost/compress/gzip"
)

// members reads the members of a gzip file one after the other. Behind the
// last one, zero bytes are padding (tape blocks, preallocated files); anything
// else is said, as gzip itself does, but costs nothing that came before.
type members struct {
	buf  *bufio.Reader
	gzip *gzip.Reader
}

// errTrailing tells bytes behind the compressed data from damage in it.
var errTrailing = errors.New("bytes that are not gzip follow the compressed data")

func newMembers(r io.Reader) (*members, error) {
	m := &members{buf: bufio.NewReaderSize(r, 16<<10)}
	var err error
	if m.gzip, err = gzip.NewReader(m.buf); err != nil {
		return nil, err
	}
	m.gzip.Multistream(false)
	return m, nil
}

func (m *members) Read(p []byte) (int, error) {
	for {
		n, err := m.gzip.Read(p)
		if n > 0 || !errors.Is(err, io.EOF) {
			if errors.Is(err, io.EOF) {
				err = nil
			}
			return n, err
		}
		if err := m.next(); err != nil {
			return 0, err
		}
	}
}

// next begins the next member; io.EOF when there is none.
func (m *members) next() error {
	for {
		head, err := m.buf.Peek(2)
		switch {
		case len(head) == 0:
			return err
		case head[0] == 0:
			m.buf.Discard(1)
			continue
		case len(head) < 2 || head[0] != 0x1f || head[1] != 0x8b:
			return errTrailing
		}
		if err := m.gzip.Reset(m.buf); err != nil {
			return fmt.Errorf("member: %w", err)
		}
		m.gzip.Multistream(false)
		return nil
	}
}
