package kafka

import (
	"fmt"
	"io"

	"github.com/segmentio/kafka-go/compress"
)

// mostUnpacked is the most that one compressed record batch may unpack to. The
// library unpacks a batch whole, and 1 MB can hold gigabytes of zeros: without a
// bound, whoever may write to an input could end the process.
const mostUnpacked = 64 << 20

// errUnpacks is the error of a batch that unpacks to more.
var errUnpacks = fmt.Errorf("its record batch unpacks to more than %d MiB", mostUnpacked>>20)

// The library takes its codecs from a table that is the process's.
func init() {
	for i, c := range compress.Codecs {
		if c != nil {
			compress.Codecs[i] = boundedCodec{c}
		}
	}
}

// boundedCodec is a codec whose readers end with an error behind mostUnpacked bytes.
type boundedCodec struct{ compress.Codec }

// NewReader bounds the codec's reader.
func (c boundedCodec) NewReader(r io.Reader) io.ReadCloser {
	return &boundedReader{ReadCloser: c.Codec.NewReader(r), left: mostUnpacked}
}

type boundedReader struct {
	io.ReadCloser
	left int
}

func (r *boundedReader) Read(p []byte) (int, error) {
	if len(p) > r.left+1 {
		p = p[:r.left+1]
	}
	n, err := r.ReadCloser.Read(p)
	if r.left -= n; r.left < 0 {
		return 0, errUnpacks
	}
	return n, err
}
