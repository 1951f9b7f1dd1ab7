package decode

import "bytes"

// Lines that only mean something together: a command continued by backslashes,
// a private key, a block of base64. They are read as one line once complete.

// Limits of a job's memory: textPartLimit and textHoldLimit bytes of unfinished
// lines, and the small tables of textJob, stay under 64 KB together.
const (
	textPartLimit = 36 << 10
	textHoldLimit = 16 << 10
	textHoldLines = 200
	textNameLimit = 512     // of what a line or a label calls something
	textKeyLimit  = 2 << 10 // of what tells one job from another; a longer key is hashed
)

// heldText is a line that is not complete.
type heldText struct {
	text   []byte
	at     textPlace
	lines  int
	kind   holdKind
	width  int     // of the lines of a base64 block
	stream [3]byte // GitLab's stream mark
	cuts   []int   // where the physical lines end, of a command with backslashes
}

type holdKind uint8

const (
	holdNone holdKind = iota
	holdBackslash
	holdPEM
	holdBase64
)

func (h *heldText) add(text []byte, p *textPlace) {
	if h.lines == 0 {
		h.at = *p
	}
	h.text = append(h.text, text...)
	h.lines++
}

var pemBegin, pemEnd = []byte("-----BEGIN "), []byte("-----END ")

// hold reads the line, or keeps it until it is complete.
func (t *textDecoder) hold(j *textJob, text []byte, p *textPlace) {
	if j.hold.kind != holdNone && t.joins(j, text, p) {
		return
	}
	switch kind := opens(text); {
	case kind == holdNone, len(text) > textHoldLimit:
		t.read(j, text, p)
	default:
		j.hold.kind, j.hold.width = kind, len(text)
		if kind == holdBackslash {
			text = text[:len(text)-1]
		}
		j.hold.add(text, p)
		j.hold.cuts = append(j.hold.cuts, len(j.hold.text))
	}
}

// opens tells whether a line waits for more.
func opens(text []byte) holdKind {
	if len(text) == 0 {
		return holdNone
	}
	if text[len(text)-1] == '\\' {
		if byRunner(text) { // the heading of a step shows one line of its script
			return holdNone
		}
		return holdBackslash
	}
	if len(text) >= 60 && len(text) <= 80 && base64Line(text) {
		return holdBase64
	}
	if i := dashes(text); i >= 0 && bytes.Contains(text[i:], pemBegin) && !bytes.Contains(text[i:], pemEnd) {
		return holdPEM
	}
	return holdNone
}

// dashes finds "-----", stepping five bytes at a time.
func dashes(text []byte) int {
	for i := 4; i < len(text); i += 5 {
		if text[i] != '-' {
			continue
		}
		from := i
		for from > 0 && text[from-1] == '-' {
			from--
		}
		to := i
		for to+1 < len(text) && text[to+1] == '-' {
			to++
		}
		if to-from >= 4 {
			return from
		}
	}
	return -1
}

// joins adds a line to what is held. False: the line does not belong to it;
// what was held has been read.
func (t *textDecoder) joins(j *textJob, text []byte, p *textPlace) bool {
	h := &j.hold
	full := h.lines >= textHoldLines || len(h.text)+len(text) > textHoldLimit
	switch h.kind {
	case holdBackslash:
		if full || byRunner(text) {
			break
		}
		n := len(text)
		more := n > 0 && text[n-1] == '\\'
		if more {
			text = text[:n-1]
		}
		h.add(text, p)
		h.cuts = append(h.cuts, len(h.text))
		if !more {
			t.release(j)
		}
		return true
	case holdPEM:
		body := bytes.TrimSpace(text)
		end := bytes.Contains(body, pemEnd)
		if full || !end && !pemLine(body) {
			break
		}
		h.text = append(h.text, '\n')
		h.add(body, p)
		if end {
			t.release(j)
		}
		return true
	case holdBase64:
		if full || len(text) > h.width || len(text) == 0 || !base64Line(text) {
			break
		}
		h.add(text, p)
		if len(text) < h.width {
			t.release(j)
		}
		return true
	}
	t.release(j)
	return false
}

// release reads what is held: as one line, and a command with backslashes line
// by line too, because what ended in a backslash may have been no command.
func (t *textDecoder) release(j *textJob) {
	h, at := j.hold, j.hold.at
	j.hold = heldText{}
	if h.kind != holdBackslash {
		t.read(j, h.text, &at)
		return
	}
	t.begins(h.text, &at)
	secrets, keyID := t.scan.clean(h.text)
	t.secrets(j, secrets, keyID)
	t.look(j, h.text)
	from := 0
	for _, to := range h.cuts {
		at.segment++
		t.begins(h.text[from:to], &at)
		t.marks(j, t.text)
		body := trimBuildKit(t.text)
		t.environ(j, body)
		t.look(j, body)
		from = to
	}
}

// byRunner reports lines that the build system itself writes: they continue
// nothing and nothing continues them.
func byRunner(text []byte) bool {
	if len(text) == 0 {
		return false
	}
	for _, p := range [...]string{
		"##[", "section_", "Post job cleanup.", "Cleaning up orphan processes", "[Pipeline] ", "Finished: ", "Job succeeded",
		"ERROR: Job failed", "Current runner version: '", "Download action repository '",
	} {
		if p[0] == text[0] && hasPrefix(text, p) {
			return true
		}
	}
	return false
}

// pemLine reports what stands between the first and the last line of a key: base64,
// old headers, nothing.
func pemLine(body []byte) bool {
	if hasPrefix(body, "Proc-Type:") || hasPrefix(body, "DEK-Info:") {
		return true
	}
	for _, c := range body {
		if !nameByte(c) && c != '+' && c != '/' && c != '=' && c != '-' && c != '\\' && c != '"' && c != '\'' {
			return false
		}
	}
	return len(body) <= 200
}

// base64Line reports whether a line is nothing but base64 of either alphabet.
// Hexadecimal digests and ruler lines are not taken for it.
func base64Line(text []byte) bool {
	var upper, lower, other bool
	end := len(text)
	for end > 0 && text[end-1] == '=' && len(text)-end < 2 {
		end--
	}
	for _, c := range text[:end] {
		switch {
		case c >= 'A' && c <= 'Z':
			upper = true
		case c >= 'a' && c <= 'z':
			lower = true
		case c >= '0' && c <= '9' || c == '+' || c == '/' || c == '-' || c == '_':
			other = true
		default:
			return false
		}
	}
	return upper && lower && other || end < len(text) && (upper || lower) || len(text) < 60 && (upper || lower || other)
}

func hasPrefix(b []byte, s string) bool { return len(b) >= len(s) && string(b[:len(s)]) == s }
