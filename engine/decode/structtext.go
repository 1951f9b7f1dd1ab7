package decode

// structText turns a struct as query engines print it,
//
//	{type=AssumedRole, sessioncontext={attributes={mfaauthenticated=false}}, tags=[a, b]}
//
// into JSON, appended to dst. Such text has no quotes, so a comma counts as the
// end of a value only where a key and an equals sign follow. ok is false when the
// text is no struct.
func structText(dst, s []byte) (out []byte, ok bool) {
	p := structParser{s: s, out: dst}
	ok = p.object(0) && p.i == len(s)
	return p.out, ok
}

type structParser struct {
	s   []byte
	i   int
	out []byte
}

func (p *structParser) object(depth int) bool {
	if p.i >= len(p.s) || p.s[p.i] != '{' || depth > 16 {
		return false
	}
	p.i++
	p.out = append(p.out, '{')
	for first := true; ; first = false {
		if p.i < len(p.s) && p.s[p.i] == '}' && first {
			break
		}
		n := keyLength(p.s[p.i:])
		if n == 0 {
			return false
		}
		if !first {
			p.out = append(p.out, ',')
		}
		p.out = append(appendJSON(p.out, p.s[p.i:p.i+n]), ':')
		p.i += n + 1
		if !p.value(depth) || p.i >= len(p.s) {
			return false
		}
		if p.s[p.i] == '}' {
			break
		}
		if p.s[p.i] != ',' || p.i+2 >= len(p.s) {
			return false
		}
		p.i += 2 // comma and blank
	}
	p.i++
	p.out = append(p.out, '}')
	return true
}

// value reads up to the comma before the next key, or the closing brace.
func (p *structParser) value(depth int) bool {
	if p.i < len(p.s) && p.s[p.i] == '{' {
		return p.object(depth + 1)
	}
	start, open := p.i, 0
	for ; p.i < len(p.s); p.i++ {
		switch p.s[p.i] {
		case '{', '[':
			open++
		case ']':
			open--
		case '}':
			if open <= 0 {
				p.text(p.s[start:p.i])
				return true
			}
			open--
		case ',':
			if open <= 0 && p.i+2 < len(p.s) && p.s[p.i+1] == ' ' && keyLength(p.s[p.i+2:]) > 0 {
				p.text(p.s[start:p.i])
				return true
			}
		}
	}
	return false
}

func (p *structParser) text(v []byte) {
	if string(v) == "null" || len(v) == 0 {
		p.out = append(p.out, "null"...)
		return
	}
	p.out = appendJSON(p.out, v)
}

// keyLength gives the length of a key that an equals sign follows, else 0.
func keyLength(s []byte) int {
	for i, c := range s {
		switch {
		case c == '=':
			return i
		case c >= 'a' && c <= 'z', c >= 'A' && c <= 'Z', c >= '0' && c <= '9' && i > 0, c == '_':
		default:
			return 0
		}
	}
	return 0
}
