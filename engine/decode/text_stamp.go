package decode

import "bytes"

// Stamps of build text. Every line of a log may begin with its own time, and
// a container runtime may have put another in front of it.

// textHead is what stands before the text of a physical line.
type textHead struct {
	time    int64 // ns; 0 when the line has no stamp
	digits  int   // fractional digits of the stamp; Actions writes exactly 7
	cri     byte  // 'P' or 'F' when a container runtime prefixed the line
	section bool  // GitLab's stream mark stood behind the stamp
	stream  [3]byte
	joins   bool   // GitLab: the line continues the one before
	size    int    // of the whole physical line
	job     []byte // its name, where gh run view wrote it before the stamp
}

// splitHead takes byte order mark, container runtime prefix, syslog header,
// stamp and GitLab stream mark off a line.
func splitHead(b []byte) (h textHead, text []byte) {
	if len(b) >= 3 && b[0] == 0xef && b[1] == 0xbb && b[2] == 0xbf {
		b = b[3:]
	}
	if len(b) > 2 && b[0] == '<' {
		var ns int64
		if ns, b = splitSyslog(b); ns != 0 {
			h.time = ns
		}
	}
	if len(b) > 7 && b[0] == 0x1b {
		var ns int64
		if ns, b = splitBuildkite(b); ns != 0 {
			h.time = ns
		}
	}
	if job, rest := splitRunView(b); job != nil {
		h.job, b = job, rest
	}
	for range 2 { // a runtime's prefix, then the log's own stamp
		ns, digits, n := leadingStamp(b)
		if n == 0 {
			break
		}
		h.time, h.digits, b = ns, digits, b[n:]
		if flag := criFlag(b); flag != 0 && h.cri == 0 {
			h.cri, b = flag, b[min(9, len(b)):]
			continue
		}
		if len(b) >= 3 && hexDigit(b[0]) && hexDigit(b[1]) && (b[2] == 'O' || b[2] == 'E') &&
			(len(b) == 3 || b[3] == ' ' || b[3] == '+') {
			h.section, h.stream = true, [3]byte(b[:3])
			h.joins = len(b) > 3 && b[3] == '+'
			b = b[min(4, len(b)):]
		}
		break
	}
	return h, b
}

// splitRunView takes "JOB TAB STEP TAB" off a line, as gh run view --log writes it
// before the stamp; the step is often not known there.
func splitRunView(b []byte) (job, rest []byte) {
	const longest = 512
	if len(b) == 0 || b[0] == '2' && len(b) > 4 && b[4] == '-' {
		return nil, b
	}
	i := indexByte(b[:min(len(b), longest)], '\t')
	if i <= 0 {
		return nil, b
	}
	rest = b[i+1:]
	k := indexByte(rest[:min(len(rest), longest)], '\t')
	if k < 0 {
		return nil, b
	}
	rest = bytes.TrimPrefix(rest[k+1:], []byte("\xef\xbb\xbf"))
	if _, digits, n := textStamp(rest); n == 0 || digits != 7 {
		return nil, b
	}
	return b[:i], rest
}

// leadingStamp reads "STAMP " or "[STAMP] " and gives how many bytes it took.
func leadingStamp(b []byte) (ns int64, digits, n int) {
	off := 0
	if len(b) > 0 && b[0] == '[' {
		off = 1
	}
	ns, digits, n = textStamp(b[off:])
	if n == 0 {
		return 0, 0, 0
	}
	n += off
	if off == 1 {
		if n >= len(b) || b[n] != ']' {
			return 0, 0, 0
		}
		n++
	}
	if n < len(b) {
		if b[n] != ' ' {
			return 0, 0, 0
		}
		n++
	}
	return ns, digits, n
}

// criFlag recognises "stdout F " behind a stamp.
func criFlag(b []byte) byte {
	if len(b) < 8 || (string(b[:7]) != "stdout " && string(b[:7]) != "stderr ") {
		return 0
	}
	if (b[7] == 'P' || b[7] == 'F') && (len(b) == 8 || b[8] == ' ') {
		return b[7]
	}
	return 0
}

// textStamp reads an RFC 3339 time with any number of fractional digits and Z
// or an offset with or without colon, and gives how many bytes it took; 0 when
// b does not begin with one.
func textStamp(b []byte) (ns int64, digits, n int) {
	if len(b) < 20 || b[4] != '-' || b[7] != '-' || b[10] != 'T' || b[13] != ':' || b[16] != ':' {
		return 0, 0, 0
	}
	year, month, day := num(b[0:4]), num(b[5:7]), num(b[8:10])
	hour, minute, second := num(b[11:13]), num(b[14:16]), num(b[17:19])
	if year < 1971 || year > 2261 || month < 1 || month > 12 || day < 1 || day > 31 ||
		hour < 0 || hour > 23 || minute < 0 || minute > 59 || second < 0 || second > 60 {
		return 0, 0, 0
	}
	ns = (daysFromCivil(year, month, day)*86400 + int64(hour*3600+minute*60+second)) * 1e9
	i := 19
	if b[i] == '.' || b[i] == ',' {
		i++
		scale := int64(100_000_000)
		for ; i < len(b) && b[i] >= '0' && b[i] <= '9'; i++ {
			ns += int64(b[i]-'0') * scale
			scale /= 10
			digits++
		}
		if digits == 0 {
			return 0, 0, 0
		}
	}
	if i >= len(b) {
		return 0, 0, 0
	}
	switch b[i] {
	case 'Z':
		return ns, digits, i + 1
	case '+', '-':
		if i+5 > len(b) {
			return 0, 0, 0
		}
		sign := int64(1)
		if b[i] == '-' {
			sign = -1
		}
		h, m, w := num(b[i+1:i+3]), num(b[i+3:i+5]), 5
		if b[i+3] == ':' {
			if i+6 > len(b) {
				return 0, 0, 0
			}
			m, w = num(b[i+4:i+6]), 6
		}
		if h < 0 || h > 23 || m < 0 || m > 59 {
			return 0, 0, 0
		}
		return ns - sign*int64(h*3600+m*60)*1e9, digits, i + w
	}
	return 0, 0, 0
}

// num reads decimal digits, -1 when there is anything else.
func num(b []byte) int {
	n := 0
	for _, c := range b {
		if c < '0' || c > '9' {
			return -1
		}
		n = n*10 + int(c-'0')
	}
	return n
}

// daysFromCivil counts days since 1970-01-01 of the proleptic Gregorian calendar.
func daysFromCivil(y, m, d int) int64 {
	if m <= 2 {
		y--
	}
	era := y / 400
	yoe := y - era*400
	mp := (m + 9) % 12
	doy := (153*mp+2)/5 + d - 1
	doe := yoe*365 + yoe/4 - yoe/100 + doy
	return int64(era*146097 + doe - 719468)
}

// splitSyslog takes an RFC 5424 or RFC 3164 header off a line. Only the first
// has a time with a year; ns is 0 for the other.
func splitSyslog(b []byte) (ns int64, text []byte) {
	i := 1
	for i < len(b) && i < 5 && b[i] >= '0' && b[i] <= '9' {
		i++
	}
	if i == 1 || i >= len(b) || b[i] != '>' {
		return 0, b
	}
	rest := b[i+1:]
	if len(rest) > 2 && rest[0] == '1' && rest[1] == ' ' {
		s := rest[2:]
		ns, _, n := textStamp(s)
		if n == 0 {
			return 0, b
		}
		s = s[n:]
		for range 4 { // host, application, process, message id
			if len(s) == 0 || s[0] != ' ' {
				return 0, b
			}
			s = s[1:]
			j := indexByte(s, ' ')
			if j < 0 {
				return 0, b
			}
			s = s[j:]
		}
		return ns, skipStructured(s)
	}
	// "Mar  2 10:11:53 host tag: text"
	if len(rest) > 16 && rest[3] == ' ' && rest[9] == ':' && rest[12] == ':' && rest[15] == ' ' {
		s := rest[16:]
		for j := 0; j+1 < len(s) && j < 256; j++ {
			if s[j] == ':' && s[j+1] == ' ' {
				return 0, s[j+2:]
			}
		}
	}
	return 0, b
}

// skipStructured takes " -" or " [..]" and one space off.
func skipStructured(s []byte) []byte {
	if len(s) > 1 && s[0] == ' ' {
		s = s[1:]
	}
	if len(s) > 0 && s[0] == '-' {
		s = s[1:]
	}
	for len(s) > 0 && s[0] == '[' {
		j := 1
		for j < len(s) && s[j] != ']' {
			if s[j] == '\\' {
				j++
			}
			j++
		}
		if j >= len(s) {
			return nil
		}
		s = s[j+1:]
	}
	if len(s) > 0 && s[0] == ' ' {
		s = s[1:]
	}
	return s
}

// splitBuildkite takes "ESC _bk;t=MILLISECONDS BEL" off a line.
func splitBuildkite(b []byte) (ns int64, text []byte) {
	const mark = "\x1b_bk;t="
	if len(b) < len(mark)+2 || string(b[:len(mark)]) != mark {
		return 0, b
	}
	end := indexByte(b, 0x07)
	if end < 0 || end > len(mark)+16 {
		return 0, b
	}
	ms := num(b[len(mark):end])
	if ms < 1e11 {
		return 0, b
	}
	return int64(ms) * 1e6, b[end+1:]
}

func hexDigit(c byte) bool {
	return c >= '0' && c <= '9' || c >= 'a' && c <= 'f' || c >= 'A' && c <= 'F'
}
