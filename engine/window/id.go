package window

import (
	"encoding/binary"
	"strings"
)

// Ids are kept short: most are UUIDs, or begin with one (an event derived from
// another has its id and a kind), and a UUID is 16 bytes.

// uuid is the length of a UUID as text.
const uuid = 36

// appendID appends an id with its length, of which the lowest bit says whether
// it begins with a UUID.
func appendID(b []byte, id string) []byte {
	raw, ok := parseUUID(id)
	if !ok {
		b = binary.AppendUvarint(b, uint64(len(id))<<1)
		return append(b, id...)
	}
	b = binary.AppendUvarint(b, uint64(len(raw)+len(id)-uuid)<<1|1)
	b = append(b, raw[:]...)
	return append(b, id[uuid:]...)
}

// splitID gives what appendID wrote, still packed, and the rest.
func splitID(s string) (id string, short bool, rest string) {
	n, w := uvarint(s)
	end := w + int(n>>1)
	return s[w:end], n&1 != 0, s[end:]
}

func skipID(s string) string {
	_, _, rest := splitID(s)
	return rest
}

// readID gives the id that appendID wrote.
func readID(s string) (id, rest string) {
	id, short, rest := splitID(s)
	if !short {
		return id, rest
	}
	var b strings.Builder
	b.Grow(len(id) + uuid - 16)
	for i := range 16 {
		switch i {
		case 4, 6, 8, 10:
			b.WriteByte('-')
		}
		b.WriteByte(digits[id[i]>>4])
		b.WriteByte(digits[id[i]&15])
	}
	b.WriteString(id[16:])
	return b.String(), rest
}

const digits = "0123456789abcdef"

// beforeID reports whether the first of two packed ids is before the other, as
// text. Two short ids compare as they are: the bytes have the order of their
// digits, and the dashes stand in the same places.
func beforeID(s, t string) bool {
	a, x, _ := splitID(s)
	b, y, _ := splitID(t)
	if x != y {
		a, _ = readID(s)
		b, _ = readID(t)
	}
	return a < b
}

// parseUUID reads the UUID an id begins with; ok is false for any other form
// than lower-case digits, which could not be given back as it was.
func parseUUID(id string) (raw [16]byte, ok bool) {
	if len(id) < uuid || id[8] != '-' || id[13] != '-' || id[18] != '-' || id[23] != '-' {
		return raw, false
	}
	for n, i := range pairs {
		hi, lo := digit(id[i]), digit(id[i+1])
		if hi|lo > 15 {
			return raw, false
		}
		raw[n] = hi<<4 | lo
	}
	return raw, true
}

// pairs is where the digits of each byte of a UUID stand.
var pairs = [16]int{0, 2, 4, 6, 9, 11, 14, 16, 19, 21, 24, 26, 28, 30, 32, 34}

func digit(c byte) byte {
	switch {
	case '0' <= c && c <= '9':
		return c - '0'
	case 'a' <= c && c <= 'f':
		return c - 'a' + 10
	}
	return 255
}
