package secret

// class is a set of bytes.
type class [256]bool

func bytesIn(sets ...string) *class {
	var c class
	for _, s := range sets {
		for i := 0; i < len(s); i++ {
			c[s[i]] = true
		}
	}
	return &c
}

const (
	lowers = "abcdefghijklmnopqrstuvwxyz"
	uppers = "ABCDEFGHIJKLMNOPQRSTUVWXYZ"
	digits = "0123456789"
)

// The alphabets of token bodies.
var (
	letters    = bytesIn(lowers, uppers)
	alnum      = bytesIn(lowers, uppers, digits)
	words      = bytesIn(lowers, uppers, digits, "_")
	urlsafe    = bytesIn(lowers, uppers, digits, "-_")
	dotted     = bytesIn(lowers, uppers, digits, "-_.")
	slashed    = bytesIn(lowers, uppers, digits, "+/")
	bearers    = bytesIn(lowers, uppers, digits, "-._~+/")
	upnum      = bytesIn(uppers, digits)
	hexes      = bytesIn("abcdef", digits)
	onlyDigits = bytesIn(digits)
	allHex     = bytesIn("abcdefABCDEF", digits)
	base64s    = bytesIn(lowers, uppers, digits, "+/-_")
	schemes    = bytesIn(lowers, uppers, digits, "+-.")
	between    = bytesIn(" \t\r\n\"'`\\:=>,([{|") // between a name and its value
	pemBody    = bytesIn(lowers, uppers, digits, "+/=")
	pemExtra   = bytesIn(" \t\r\n\\:,.()-\"'")
)

// run gives the end of the longest stretch of c from i on, at most to limit.
func (c *class) run(t []byte, i, limit int) int {
	limit = min(limit, len(t))
	for i < limit && c[t[i]] {
		i++
	}
	return i
}

func (c *class) all(t []byte) bool { return c.run(t, 0, len(t)) == len(t) }

// free says that a token may begin at i: what stands before is no letter or
// digit, or is the end of an escape or of a colour code.
func free(t []byte, i int) bool {
	if i == 0 || !alnum[t[i-1]] {
		return true
	}
	switch b := t[i-1]; {
	case i >= 2 && t[i-2] == '\\' && (b == 'n' || b == 't' || b == 'r' || b == 'b' || b == 'f'):
		return true
	case i >= 6 && t[i-6] == '\\' && t[i-5] == 'u' && allHex.all(t[i-4:i]):
		return true
	case i >= 4 && t[i-4] == '\\' && t[i-3] == 'x' && allHex.all(t[i-2:i]):
		return true
	case b == 'm' || b == 'K':
		j := i - 2
		for j >= 0 && i-j < 16 && (t[j] == ';' || '0' <= t[j] && t[j] <= '9') {
			j--
		}
		return j >= 1 && t[j] == '[' && (t[j-1] == 0x1b || t[j-1] == 'b' || t[j-1] == 'B' || t[j-1] == '3')
	}
	return false
}
