package decode

// appendClean appends text without terminal escapes to dst: colours and cursor
// moves (CSI), titles and links (OSC), application strings (APC, DCS, PM) and
// two-byte escapes. A sequence that is not closed ends with the line. NUL and
// other control bytes stay; they part the variables of a printed environ.
func appendClean(dst, text []byte) []byte {
	for len(text) > 0 {
		i := indexByte(text, 0x1b)
		if i < 0 {
			return append(dst, text...)
		}
		dst = append(dst, text[:i]...)
		text = text[i+1:]
		if len(text) == 0 {
			return dst
		}
		switch c := text[0]; c {
		case '[':
			text = skipCSI(text[1:])
		case ']', '_', 'P', '^', 'X':
			text = skipString(text[1:])
		default:
			if c >= 0x20 && c <= 0x2f && len(text) > 1 { // ESC ( B
				text = text[2:]
			} else if c >= 0x30 && c <= 0x7e {
				text = text[1:]
			}
		}
	}
	return dst
}

// skipCSI skips parameters and the final byte. A byte that belongs to neither
// ends the sequence and stays, so that nothing readable is swallowed.
func skipCSI(b []byte) []byte {
	for i, c := range b {
		if c >= 0x40 && c <= 0x7e {
			return b[i+1:]
		}
		if c < 0x20 || c > 0x3f {
			return b[i:]
		}
	}
	return nil
}

// skipString skips to BEL or ESC \. Without an end only the introducer goes:
// a stray byte must not hide the rest of the line.
func skipString(b []byte) []byte {
	for i, c := range b {
		if c == 0x07 {
			return b[i+1:]
		}
		if c == 0x1b {
			if i+1 < len(b) && b[i+1] == '\\' {
				return b[i+2:]
			}
			return b[i:]
		}
	}
	return b
}
