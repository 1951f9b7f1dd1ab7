package checkpoint

import (
	"bytes"
	"encoding/binary"
	"errors"
	"hash/crc32"
)

// A record on disk is a head of 16 bytes and the data:
//
//	mark   4  bytes that are never valid UTF-8, by which reading finds its way again after damage
//	length 4  of the data; the two highest bits are moreFollow and isHole
//	back   4  bytes from the start of the record's group to this record
//	crc    4  CRC-32C over the segment's salt, the position, length, back and data (of a hole: not its data)
//
// The position in the checksum keeps a record from being taken for another
// one; the salt, which nobody outside knows, keeps data that looks like a
// record from being read as one. Integers are little endian.
const (
	recordHead = 16
	moreFollow = 1 << 31 // the group goes on with the next record
	isHole     = 1 << 30 // the data could not be read and was kept aside
	maxData    = 1 << 29 // bytes of one record
)

var (
	mark       = []byte{0xFD, 0xF6, 0xFC, 0xF7}
	castagnoli = crc32.MakeTable(crc32.Castagnoli)

	errDamaged = errors.New("checksum does not fit")
)

// record is one decoded record; data aliases what it was decoded from.
type record struct {
	pos, next int64 // where it starts, and the next one
	group     int64 // where its group starts
	more      bool  // its group goes on
	hole      bool
	data      []byte
}

// codec reads and writes the records of one segment.
type codec struct{ salt uint64 }

func (c codec) sum(pos int64, head, data []byte) uint32 {
	var b [24]byte
	binary.LittleEndian.PutUint64(b[:], c.salt)
	binary.LittleEndian.PutUint64(b[8:], uint64(pos))
	copy(b[16:], head[4:12])
	return crc32.Update(crc32.Checksum(b[:], castagnoli), castagnoli, data)
}

// append adds the encoded record to dst. Of a hole only the head is written.
func (c codec) append(dst []byte, r record) []byte {
	length := uint32(len(r.data))
	if r.more {
		length |= moreFollow
	}
	data := r.data
	if r.hole {
		length, data = uint32(r.next-r.pos-recordHead)|isHole, nil
	}
	var head [recordHead]byte
	copy(head[:], mark)
	binary.LittleEndian.PutUint32(head[4:], length)
	binary.LittleEndian.PutUint32(head[8:], uint32(r.pos-r.group))
	binary.LittleEndian.PutUint32(head[12:], c.sum(r.pos, head[:], data))
	return append(append(dst, head[:]...), data...)
}

// encode gives one group of records that starts at pos.
func (c codec) encode(dst []byte, pos int64, datas [][]byte) []byte {
	group := pos
	for i, d := range datas {
		dst = c.append(dst, record{pos: pos, group: group, more: i < len(datas)-1, data: d})
		pos += recordHead + int64(len(d))
	}
	return dst
}

// head reads the first 16 bytes of a record and says how long all of it is, and
// how much of that must be at hand to check it. ok is false for bytes that
// cannot be a record.
func (c codec) head(b []byte, pos int64) (r record, need int, ok bool) {
	if len(b) < recordHead || !bytes.Equal(b[:4], mark) {
		return record{}, 0, false
	}
	length := binary.LittleEndian.Uint32(b[4:])
	back := int64(binary.LittleEndian.Uint32(b[8:]))
	r = record{pos: pos, group: pos - back, more: length&moreFollow != 0, hole: length&isHole != 0}
	n := int64(length &^ (moreFollow | isHole))
	r.next = pos + recordHead + n
	if n > maxData || r.group < 0 || r.hole && (r.more || back != 0) {
		return record{}, 0, false
	}
	if r.hole {
		return r, recordHead, true
	}
	return r, recordHead + int(n), true
}

// decode reads the record at the start of b, which stands at pos. Bytes after
// it do not matter.
func (c codec) decode(b []byte, pos int64) (record, error) {
	r, need, ok := c.head(b, pos)
	if !ok || len(b) < need {
		return record{}, errDamaged
	}
	if !r.hole {
		r.data = b[recordHead:need]
	}
	if c.sum(pos, b, r.data) != binary.LittleEndian.Uint32(b[12:]) {
		return record{}, errDamaged
	}
	return r, nil
}
