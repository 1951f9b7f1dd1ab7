package file

import (
	"bufio"
	"encoding/binary"
	"errors"
	"io"
	"unicode/utf16"
	"unicode/utf8"
)

// fromUTF16 puts a converter in front of text that is UTF-16, as PowerShell's
// redirection and Windows exports write it: told by the byte order mark, or by
// zeros in every second place of the first characters. Other bytes pass.
func fromUTF16(r io.Reader) io.Reader {
	buf := bufio.NewReaderSize(r, 4<<10)
	head, _ := buf.Peek(4)
	order, skip := utf16Order(head)
	if order == nil {
		return buf
	}
	buf.Discard(skip)
	return &utf16Reader{buf: buf, order: order}
}

// utf16Order tells the byte order of UTF-16 text by its first four bytes and
// how long its mark is; nil when it is something else.
func utf16Order(head []byte) (binary.ByteOrder, int) {
	if len(head) < 4 {
		return nil, 0
	}
	ascii := func(b byte) bool { return b >= ' ' && b < 0x7f || b == '\n' || b == '\r' || b == '\t' }
	switch {
	case head[0] == 0xff && head[1] == 0xfe && (head[2] != 0 || head[3] != 0): // with zeros it is UTF-32
		return binary.LittleEndian, 2
	case head[0] == 0xfe && head[1] == 0xff:
		return binary.BigEndian, 2
	case ascii(head[0]) && head[1] == 0 && ascii(head[2]) && head[3] == 0:
		return binary.LittleEndian, 0
	case head[0] == 0 && ascii(head[1]) && head[2] == 0 && ascii(head[3]):
		return binary.BigEndian, 0
	}
	return nil, 0
}

// utf16Reader gives UTF-8. Offsets of records then count converted bytes, lines
// stay what they are.
type utf16Reader struct {
	buf   *bufio.Reader
	order binary.ByteOrder
	rest  []byte // converted, not read yet
	back  [8 << 10]byte
	err   error
}

func (u *utf16Reader) Read(p []byte) (int, error) {
	if len(u.rest) == 0 && u.err == nil {
		u.fill()
	}
	if len(u.rest) == 0 {
		return 0, u.err
	}
	n := copy(p, u.rest)
	u.rest = u.rest[n:]
	return n, nil
}

// fill converts what is buffered.
func (u *utf16Reader) fill() {
	out := u.back[:0]
	for len(out) <= len(u.back)-utf8.UTFMax {
		r, err := u.unit()
		if err != nil {
			u.err = err
			break
		}
		if utf16.IsSurrogate(r) {
			next, _ := u.buf.Peek(2)
			second := rune(-1)
			if len(next) == 2 {
				second = rune(u.order.Uint16(next))
			}
			if r = utf16.DecodeRune(r, second); r != utf8.RuneError {
				u.buf.Discard(2)
			}
		}
		out = utf8.AppendRune(out, r)
	}
	u.rest = out
}

func (u *utf16Reader) unit() (rune, error) {
	var b [2]byte
	if _, err := io.ReadFull(u.buf, b[:]); err != nil {
		if errors.Is(err, io.ErrUnexpectedEOF) {
			return utf8.RuneError, io.EOF // half a character at the end
		}
		return 0, err
	}
	return rune(u.order.Uint16(b[:])), nil
}
