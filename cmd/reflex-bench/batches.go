package main

import (
	"bytes"
	"encoding/binary"
	"fmt"
	"hash/crc32"
	"sort"

	"github.com/twmb/franz-go/pkg/kgo"
	"github.com/twmb/franz-go/pkg/kmsg"
)

// batchRecords is how many records one batch of the canned broker holds: what a
// producer that fills its batches makes of records of 1.5 KB.
const batchRecords = 500

// shelf is a partition as a broker would send it: record batches end to end,
// made once, so that serving them costs nothing but the copy to the socket.
type shelf struct {
	data  []byte
	start []int   // where each batch begins in data
	base  []int64 // its first offset
	end   int64   // the offset behind the last record
}

// shelves cuts a file's lines into batches and lays them out in turn.
func shelves(path string, partitions int, codec kgo.CompressionCodec, stamp int64) ([]shelf, error) {
	pack, err := kgo.DefaultCompressor(codec)
	if err != nil {
		return nil, err
	}
	out := make([]shelf, partitions)
	var recs []byte
	turn, n := 0, int32(0)
	flush := func() error {
		if n == 0 {
			return nil
		}
		if err := out[turn%partitions].add(recs, n, pack, stamp); err != nil {
			return err
		}
		turn, n, recs = turn+1, 0, recs[:0]
		return nil
	}
	err = lines(path, func(line []byte) error {
		r := kmsg.Record{OffsetDelta: n, Value: line}
		r.Length = int32(len(r.AppendTo(nil)) - 1) // without the length itself, which is one byte for 0
		recs = r.AppendTo(recs)
		if n++; n == batchRecords {
			return flush()
		}
		return nil
	})
	if err != nil {
		return nil, err
	}
	return out, flush()
}

// add seals records as the partition's next batch.
func (s *shelf) add(recs []byte, n int32, pack kgo.Compressor, stamp int64) error {
	attrs := int16(0)
	if pack != nil {
		var dst bytes.Buffer
		packed, used := pack.Compress(&dst, recs)
		if used == kgo.CodecError {
			return fmt.Errorf("a batch cannot be compressed")
		}
		recs, attrs = packed, int16(used)
	}
	b := kmsg.RecordBatch{FirstOffset: s.end, Magic: 2, Attributes: attrs, LastOffsetDelta: n - 1, FirstTimestamp: stamp, MaxTimestamp: stamp,
		ProducerID: -1, ProducerEpoch: -1, FirstSequence: -1, NumRecords: n, Records: recs}
	at := len(s.data)
	s.start, s.base = append(s.start, at), append(s.base, s.end)
	s.data = b.AppendTo(s.data)
	raw := s.data[at:]
	binary.BigEndian.PutUint32(raw[8:], uint32(len(raw)-12))
	binary.BigEndian.PutUint32(raw[17:], crc32.Checksum(raw[21:], crc32.MakeTable(crc32.Castagnoli)))
	s.end += int64(n)
	return nil
}

// from gives the batches from the one that holds offset on, at most so many
// bytes but at least one batch; nil at the end.
func (s *shelf) from(offset int64, most int) []byte {
	if offset >= s.end {
		return nil
	}
	first := sort.Search(len(s.base), func(i int) bool { return s.base[i] > offset }) - 1
	last := first + 1
	for last < len(s.start) && s.stop(last)-s.start[first] <= most {
		last++
	}
	return s.data[s.start[first]:s.stop(last-1)]
}

// stop is where batch i ends in data.
func (s *shelf) stop(i int) int {
	if i+1 < len(s.start) {
		return s.start[i+1]
	}
	return len(s.data)
}

// cutLine cuts the first line off.
func cutLine(data []byte) (line, rest []byte, found bool) {
	return bytes.Cut(data, []byte("\n"))
}
