package enrich

// confusables maps letters of other scripts to the Latin letter they are read
// as. Lower-case letters map to lower, capitals to capitals, because which ones
// look alike depends on it (capital I and small l).
var confusables = map[rune]rune{
	// Cyrillic
	'а': 'a', 'в': 'b', 'с': 'c', 'ԁ': 'd', 'е': 'e', 'ё': 'e', 'һ': 'h', 'і': 'i', 'ї': 'i', 'ј': 'j', 'к': 'k', 'ӏ': 'l', 'м': 'm',
	'н': 'h', 'о': 'o', 'р': 'p', 'ԛ': 'q', 'г': 'r', 'ѕ': 's', 'т': 't', 'у': 'y', 'ѵ': 'v', 'ԝ': 'w', 'х': 'x', 'ь': 'b', 'п': 'n',
	'А': 'A', 'В': 'B', 'С': 'C', 'Е': 'E', 'Н': 'H', 'І': 'I', 'Ј': 'J', 'К': 'K', 'М': 'M', 'О': 'O', 'Р': 'P', 'Ѕ': 'S', 'Т': 'T',
	'У': 'Y', 'Х': 'X', 'З': '3', 'Ӏ': 'I',
	// Greek
	'α': 'a', 'β': 'b', 'γ': 'y', 'ε': 'e', 'η': 'n', 'ι': 'i', 'κ': 'k', 'ν': 'v', 'ο': 'o', 'ρ': 'p', 'σ': 'o', 'τ': 't', 'υ': 'u',
	'χ': 'x', 'ω': 'w', 'ϲ': 'c', 'ϳ': 'j',
	'Α': 'A', 'Β': 'B', 'Ε': 'E', 'Ζ': 'Z', 'Η': 'H', 'Ι': 'I', 'Κ': 'K', 'Μ': 'M', 'Ν': 'N', 'Ο': 'O', 'Ρ': 'P', 'Τ': 'T', 'Υ': 'Y', 'Χ': 'X',
	// Armenian, Hebrew, Latin letters with strokes and forms of their own
	'օ': 'o', 'ս': 'u', 'հ': 'h', 'ց': 'g', 'ո': 'n', 'ı': 'i', 'ɩ': 'i', 'ɡ': 'g', 'ɑ': 'a', 'ł': 'l', 'ø': 'o', 'đ': 'd', 'ħ': 'h', 'ŧ': 't', 'ƅ': 'b',
	'ǀ': 'l', 'ⅰ': 'i', 'ⅼ': 'l', 'ⅿ': 'm', 'ⅾ': 'd', 'ⅽ': 'c', 'ⅴ': 'v', 'ⅹ': 'x', '∣': 'l', '｜': 'l', '❘': 'l', 'ß': 'b', 'æ': 'a', 'œ': 'o',
	// separators in disguise
	'‐': '-', '‑': '-', '‒': '-', '–': '-', '—': '-', '−': '-', '․': '.', '·': '.', '﹣': '-', '－': '-',
}

// accents gives for the letters of Latin-1 and Latin Extended-A their letter
// without the accent; a dot stands where there is none to give.
const (
	latin1    = "AAAAAA.CEEEEIIIIDNOOOOO.OUUUUY..aaaaaa.ceeeeiiiidnooooo.ouuuuy.y"                                                                 // U+00C0 to U+00FF
	extendedA = "AaAaAaCcCcCcCcDdDdEeEeEeEeEeGgGgGgGgHhHhIiIiIiIiIi..JjKk.LlLlLlLlLlNnNnNn...OoOoOo..RrRrRrSsSsSsSsTtTtTtUuUuUuUuUuUuWwYyYZzZzZz." // U+0100 to U+017F
)

// latin gives the Latin letter a character is read as, or the character itself.
func latin(c rune) rune {
	if c < 0x80 {
		return c
	}
	if m, ok := confusables[c]; ok {
		return m
	}
	switch {
	case c >= 0xc0 && c <= 0xff:
		if m := latin1[c-0xc0]; m != '.' {
			return rune(m)
		}
	case c >= 0x100 && c <= 0x17f:
		if m := extendedA[c-0x100]; m != '.' {
			return rune(m)
		}
	case c >= 0xff01 && c <= 0xff5e: // full width
		return c - 0xff01 + '!'
	case c >= 0x1d400 && c <= 0x1d6a3: // mathematical alphabets: 26 capitals, 26 small, again and again
		if n := (c - 0x1d400) % 52; n < 26 {
			return 'A' + n
		} else {
			return 'a' + n - 26
		}
	case c >= 0x1d7ce && c <= 0x1d7ff: // their digits
		return '0' + (c-0x1d7ce)%10
	}
	return c
}
