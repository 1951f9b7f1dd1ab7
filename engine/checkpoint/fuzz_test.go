package checkpoint

import (
	"bytes"
	"encoding/binary"
	"hash/crc32"
	"os"
	"testing"
)

// FuzzRecord reads arbitrary bytes as a record: what is accepted has the
// checksum that a second, plain calculation gives, and encodes to the same bytes.
func FuzzRecord(f *testing.F) {
	c := codec{salt: 42}
	f.Add(c.encode(nil, 1000, [][]byte{[]byte("one"), nil, []byte("three")}), int64(1000))
	f.Add(c.append(nil, record{pos: 7, group: 7, next: 700, hole: true}), int64(7))
	f.Add(append(bytes.Clone(mark), 0xFF, 0xFF, 0xFF, 0xFF, 0, 0, 0, 0, 0, 0, 0, 0), int64(0))
	f.Fuzz(func(t *testing.T, b []byte, pos int64) {
		pos &= 1<<62 - 1
		// fix the checksum, so that more than one input in 2^32 is accepted
		if r, need, ok := c.head(b, pos); ok && need <= len(b) && len(b)%2 == 0 {
			data := b[recordHead:need]
			if r.hole {
				data = nil
			}
			b = bytes.Clone(b)
			binary.LittleEndian.PutUint32(b[12:], plainSum(c.salt, pos, b[4:12], data))
		}
		r, err := c.decode(b, pos)
		if err != nil {
			return
		}
		if r.pos != pos || r.next < pos+recordHead || r.group > pos || r.group < 0 {
			t.Fatalf("positions %+v", r)
		}
		if got := binary.LittleEndian.Uint32(b[12:]); got != plainSum(c.salt, pos, b[4:12], r.data) {
			t.Fatalf("accepted with the checksum %x", got)
		}
		if again := c.append(nil, r); !bytes.Equal(again, b[:len(again)]) {
			t.Fatalf("encodes to %x, was %x", again, b[:len(again)])
		}
	})
}

func plainSum(salt uint64, pos int64, words, data []byte) uint32 {
	all := binary.LittleEndian.AppendUint64(nil, salt)
	all = binary.LittleEndian.AppendUint64(all, uint64(pos))
	return crc32.Checksum(append(append(all, words...), data...), crc32.MakeTable(crc32.Castagnoli))
}

// FuzzSegment opens a log whose newest segment holds arbitrary bytes: opening
// repairs it or says why not, all positions lead to records or to the end, and
// a second opening has nothing to repair.
func FuzzSegment(f *testing.F) {
	s := newSegment("", 0)
	s.salt = 42
	good := s.encode(nil, 0, [][]byte{[]byte("one"), []byte("two")})
	good = s.encode(good, int64(len(good)), [][]byte{[]byte("three")})
	f.Add(good, uint(3), byte(1))
	f.Add(good[:len(good)-1], uint(30), byte(0))
	f.Add(append(bytes.Clone(good), mark...), uint(50), byte(9))
	f.Add([]byte{}, uint(0), byte(0))
	f.Fuzz(func(t *testing.T, body []byte, at uint, flip byte) {
		b := append(s.head(), body...)
		b[at%uint(len(b))] ^= flip
		dir := t.TempDir()
		if err := os.WriteFile(segmentPath(dir, 0), b, 0o600); err != nil {
			t.Fatal(err)
		}
		o := logOptions{dir: dir, aside: t.TempDir(), size: 1 << 20, room: func(int64) error { return nil }}
		l, _, err := openLog(o)
		if err != nil {
			t.Fatal(err)
		}
		end := l.End()
		for from := int64(0); from < end; {
			es, err := l.Read(from, 1)
			if err != nil {
				t.Fatalf("Read(%d) of %d: %v", from, end, err)
			}
			if len(es) == 0 {
				break
			}
			if es[0].Pos < from || es[0].Next > end {
				t.Fatalf("Read(%d) gave %d to %d of %d", from, es[0].Pos, es[0].Next, end)
			}
			from = es[0].Next
		}
		if _, err := l.Append([]byte("next")); err != nil {
			t.Fatal(err)
		}
		if err := l.close(); err != nil {
			t.Fatal(err)
		}
		l, notes, err := openLog(o)
		if err != nil || len(notes) > 0 {
			t.Fatalf("opened again: %v, %q", err, notes)
		}
		_ = l.close()
	})
}
