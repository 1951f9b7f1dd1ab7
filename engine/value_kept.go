package engine

// ReadKept is ReadValue from a string. The Value aliases it.
func ReadKept(s string) (v Value, rest string, ok bool) {
	if len(s) == 0 || s[0] > byte(List) {
		return Value{}, s, false
	}
	v.kind, s = Type(s[0]), s[1:]
	if v.kind == List {
		n, w := length(s)
		if w == 0 {
			return Value{}, s, false
		}
		v.n, s = n, s[w:]
	}
	switch v.kind {
	case Keyword, List:
		n, w := length(s)
		if w == 0 || n > uint64(len(s)-w) {
			return Value{}, s, false
		}
		v.s, s = s[w:w+int(n)], s[w+int(n):]
	case Long, Double, Date, Bool, IP:
		if len(s) < 8 {
			return Value{}, s, false
		}
		v.n, s = word(s), s[8:]
		if v.kind == IP {
			if len(s) < 8 {
				return Value{}, s, false
			}
			v.m, s = word(s), s[8:]
		}
	}
	return v, s, true
}

func word(s string) uint64 {
	_ = s[7]
	return uint64(s[0])<<56 | uint64(s[1])<<48 | uint64(s[2])<<40 | uint64(s[3])<<32 |
		uint64(s[4])<<24 | uint64(s[5])<<16 | uint64(s[6])<<8 | uint64(s[7])
}

// length is binary.Uvarint on a string: width 0 when s holds none.
func length(s string) (n uint64, width int) {
	for i := 0; i < len(s) && i < 10; i++ {
		b := s[i]
		if b < 0x80 {
			if i == 9 && b > 1 {
				return 0, 0
			}
			return n | uint64(b)<<(7*i), i + 1
		}
		n |= uint64(b&0x7f) << (7 * i)
	}
	return 0, 0
}
