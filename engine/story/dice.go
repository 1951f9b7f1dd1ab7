package story

import (
	"encoding/binary"
	"math/rand/v2"
	"strconv"
	"time"
)

// dice are the random choices of one part of the day. Each part has its own, so
// that a change in one leaves the others as they were.
type dice struct{ *rand.Rand }

func newDice(seed int64, part string) dice {
	h := uint64(14695981039346656037)
	for i := range len(part) {
		h = (h ^ uint64(part[i])) * 1099511628211
	}
	return dice{rand.New(rand.NewPCG(uint64(seed), h))}
}

// between gives a number from lo up to hi, both included.
func (d dice) between(lo, hi int) int { return lo + d.IntN(hi-lo+1) }

// in gives an instant less than span after at.
func (d dice) in(at, span int64) int64 { return at + d.Int64N(span) }

func (d dice) chance(p float64) bool { return d.Float64() < p }

func pick[T any](d dice, list []T) T { return list[d.IntN(len(list))] }

const (
	hexDigits = "0123456789abcdef"
	base32    = "ABCDEFGHIJKLMNOPQRSTUVWXYZ234567"
	lowerNum  = "abcdefghijklmnopqrstuvwxyz0123456789"
	alphaNum  = "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789"
)

// text gives n characters of an alphabet.
func (d dice) text(alphabet string, n int) string {
	b := make([]byte, n)
	for i := range b {
		b[i] = alphabet[d.IntN(len(alphabet))]
	}
	return string(b)
}

func (d dice) hex(n int) string {
	b := make([]byte, 0, n+16)
	for len(b) < n {
		x := d.Uint64()
		for range 16 {
			b = append(b, hexDigits[x&15])
			x >>= 4
		}
	}
	return string(b[:n])
}

func (d dice) uuid() string {
	var raw [16]byte
	binary.LittleEndian.PutUint64(raw[:8], d.Uint64())
	binary.LittleEndian.PutUint64(raw[8:], d.Uint64())
	raw[6], raw[8] = raw[6]&0x0f|0x40, raw[8]&0x3f|0x80
	b := make([]byte, 0, 36)
	for i, c := range raw {
		if i == 4 || i == 6 || i == 8 || i == 10 {
			b = append(b, '-')
		}
		b = append(b, hexDigits[c>>4], hexDigits[c&15])
	}
	return string(b)
}

// addr gives prefix and a last octet from lo to hi.
func (d dice) addr(prefix string, lo, hi int) string {
	return prefix + strconv.Itoa(d.between(lo, hi))
}

const (
	second = int64(time.Second)
	minute = int64(time.Minute)
	hour   = int64(time.Hour)
)

// stamp writes an instant as RFC 3339 with so many fractional digits.
func stamp(ns int64, digits int) string {
	const layout = "2006-01-02T15:04:05.000000000"
	n := 19
	if digits > 0 {
		n += 1 + digits
	}
	var buf [40]byte
	b := time.Unix(0, ns).UTC().AppendFormat(buf[:0], layout)
	return string(append(b[:n], 'Z'))
}

// appendJSON writes a string as JSON.
func appendJSON(b []byte, s string) []byte {
	b = append(b, '"')
	from := 0
	for i := range len(s) {
		c := s[i]
		if c >= 0x20 && c != '"' && c != '\\' {
			continue
		}
		b = append(b, s[from:i]...)
		from = i + 1
		switch c {
		case '"', '\\':
			b = append(b, '\\', c)
		case '\n':
			b = append(b, `\n`...)
		case '\r':
			b = append(b, `\r`...)
		case '\t':
			b = append(b, `\t`...)
		default:
			b = append(b, `\u00`...)
			b = append(b, hexDigits[c>>4], hexDigits[c&15])
		}
	}
	b = append(b, s[from:]...)
	return append(b, '"')
}
