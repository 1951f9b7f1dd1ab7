package enrich

import (
	"unicode"
	"unicode/utf8"
)

// maxReading is the longest text, in bytes, that is compared for likeness:
// longer ones imitate nothing a person reads.
const maxReading = 128

// reading is a name in the three ways it is compared. It stands on the caller's
// stack: reading a name does not allocate.
type reading struct {
	low   [2 * maxReading]byte // lower case, as written
	plain [2 * maxReading]byte // lower case without separators, foreign letters as the Latin ones they look like
	shape [2 * maxReading]byte // plain with all that looks alike as one: i 1 | as l, 0 as o, rn as m, vv as w
	words [2 * maxReading]byte // plain with every number as #: equal words mean versions of one thing
	n     [4]int               // lengths of the four
}

func (r *reading) lower() []byte     { return r.low[:r.n[0]] }
func (r *reading) plainText() []byte { return r.plain[:r.n[1]] }
func (r *reading) shapeText() []byte { return r.shape[:r.n[2]] }
func (r *reading) wordsText() []byte { return r.words[:r.n[3]] }
func separator(c rune) bool          { return c == '-' || c == '_' || c == '.' || c == ' ' }
func digit(c byte) bool              { return c >= '0' && c <= '9' }
func invisible(c rune) bool {
	return c == 0xad || c >= 0x200b && c <= 0x200f || c == 0x2060 || c == 0xfeff
}

// read fills r. Text beyond maxReading bytes is cut.
func (r *reading) read(s string) {
	if len(s) > maxReading {
		s = s[:maxReading]
	}
	low, plain, shape, words := r.low[:0], r.plain[:0], r.shape[:0], r.words[:0]
	var before rune
	for _, c := range s {
		// Lower case may be longer than upper by a byte, never more than double.
		if len(low) <= len(r.low)-utf8.UTFMax {
			low = utf8.AppendRune(low, unicode.ToLower(c))
		}
		if separator(c) {
			if digitRune(before) && c == '.' {
				continue // 3.1 is one number
			}
			before = c
			continue
		}
		if invisible(c) || unicode.Is(unicode.Mn, c) {
			continue
		}
		c = latin(c)
		l := unicode.ToLower(c)
		if len(plain) > len(r.plain)-utf8.UTFMax {
			break
		}
		plain = utf8.AppendRune(plain, l)
		shape = appendShape(shape, l)
		switch {
		case !digitRune(l):
			words = utf8.AppendRune(words, l)
		case !digitRune(before):
			words = append(words, '#')
		}
		before = l
	}
	r.n = [4]int{len(low), len(plain), len(shape), len(words)}
}

func digitRune(c rune) bool { return c >= '0' && c <= '9' }

// appendShape adds a plain letter to a shape, joining pairs that read as one.
func appendShape(b []byte, c rune) []byte {
	last := byte(0)
	if len(b) > 0 {
		last = b[len(b)-1]
	}
	switch c {
	case 'i', '1', '|', '!':
		c = 'l'
	case '0':
		c = 'o'
	case '$':
		c = 's'
	case '@':
		c = 'a'
	case 'n':
		if last == 'r' {
			b[len(b)-1] = 'm'
			return b
		}
	case 'v':
		if last == 'v' {
			b[len(b)-1] = 'w'
			return b
		}
	}
	return utf8.AppendRune(b, c)
}

// same reports whether two names are one up to case, separators and letters
// that look alike.
func (r *reading) same(x *reading) bool {
	return string(r.shapeText()) == string(x.shapeText()) && len(r.shapeText()) > 0
}

// imitates reports whether r looks like x without being it.
func (r *reading) imitates(x *reading) bool {
	if string(r.lower()) == string(x.lower()) {
		return false
	}
	a, b := r.shapeText(), x.shapeText()
	if len(b) < 3 || len(a) < 3 {
		return false
	}
	if string(a) == string(b) {
		return true
	}
	if string(r.wordsText()) == string(x.wordsText()) {
		return false // another version
	}
	return added(r.plainText(), a, b) || near(a, b)
}

// begins reports whether r is a beginning of x and no more.
func (r *reading) begins(x *reading) bool {
	a, b := r.shapeText(), x.shapeText()
	return len(a) < len(b) && string(a) == string(b[:len(a)])
}

// variant reports whether one name is the other with a word more behind it, no
// word that imitations add.
func (r *reading) variant(x *reading) bool {
	long, short := r.lower(), x.lower()
	if len(long) < len(short) {
		long, short = short, long
	}
	return len(long) > len(short) && string(long[:len(short)]) == string(short) && separator(rune(long[len(short)])) &&
		!added(r.plainText(), r.shapeText(), x.shapeText())
}

// added reports whether the name is the entry and one of the words imitations
// add. plain and shape are the name's, entry is the entry's shape.
func added(plain, shape, entry []byte) bool {
	if len(shape) <= len(entry) || len(entry) < 4 {
		return false
	}
	if string(shape[:len(entry)]) == string(entry) {
		rest := len(shape) - len(entry)
		for _, w := range suffixes {
			if len(w) <= len(plain) && len(shapes[w]) == rest && string(plain[len(plain)-len(w):]) == w {
				return true
			}
		}
		return versionSuffix(plain, rest)
	}
	if string(shape[len(shape)-len(entry):]) == string(entry) {
		for _, w := range prefixes {
			if len(w) <= len(plain) && len(shapes[w]) == len(shape)-len(entry) && string(plain[:len(w)]) == w {
				return true
			}
		}
	}
	return false
}

// shapes gives the shape of each word in suffixes and prefixes.
var shapes = func() map[string]string {
	m := map[string]string{}
	for _, list := range [][]string{suffixes, prefixes} {
		for _, w := range list {
			var r reading
			r.read(w)
			m[w] = string(r.shapeText())
		}
	}
	return m
}()

// versionSuffix reports whether the last n characters are v and a number.
func versionSuffix(plain []byte, n int) bool {
	if n < 2 || n > 4 || n > len(plain) || plain[len(plain)-n] != 'v' {
		return false
	}
	for _, c := range plain[len(plain)-n+1:] {
		if !digit(c) {
			return false
		}
	}
	return true
}

// near reports whether a is few enough edits from b for b's length.
func near(a, b []byte) bool {
	limit := 0
	switch n := utf8.RuneCount(b); {
	case n >= 8:
		limit = 2
	case n >= 5:
		limit = 1
	default:
		return false
	}
	return distance(a, b, limit) <= limit
}

// distance counts the insertions, deletions, replacements and swaps of
// neighbours (each place edited once) between two texts, in bytes: a letter
// outside ASCII counts as often as it has bytes. Beyond limit it gives limit+1.
func distance(a, b []byte, limit int) int {
	if len(a)-len(b) > limit || len(b)-len(a) > limit {
		return limit + 1
	}
	var rows [3][2*maxReading + 1]int16
	before, last, now := &rows[0], &rows[1], &rows[2]
	for j := 0; j <= len(b); j++ {
		last[j] = int16(j)
	}
	for i := 1; i <= len(a); i++ {
		now[0] = int16(i)
		least := now[0]
		for j := 1; j <= len(b); j++ {
			cost := int16(1)
			if a[i-1] == b[j-1] {
				cost = 0
			}
			d := min(last[j]+1, now[j-1]+1, last[j-1]+cost)
			if i > 1 && j > 1 && a[i-1] == b[j-2] && a[i-2] == b[j-1] {
				d = min(d, before[j-2]+1)
			}
			now[j] = d
			least = min(least, d)
		}
		if int(least) > limit {
			return limit + 1
		}
		before, last, now = last, now, before
	}
	return min(int(last[len(b)]), limit+1)
}
