package secret

import "bytes"

const (
	maxPEM   = 16 << 10
	minPEM   = 64 // letters of base64 in a body
	fullLine = 40 // letters of any line but the last
)

// pem matches the body of a private key block. Line ends may be real or
// escaped, once or more, or blanks, or the lines elements of a list; each may
// have a stamp before it; the block may be cut off.
func pem(c *Scan, t []byte, at, end int) (found, bool) {
	dashes := []byte("-----")
	label := t[end:min(len(t), end+48)]
	k := bytes.Index(label, dashes)
	if k < 0 {
		return found{}, false
	}
	label = bytes.ReplaceAll(label[:k], []byte("+"), []byte(" ")) // of a form
	if !bytes.Contains(label, []byte("PRIVATE KEY")) {
		return found{}, false
	}
	body := c.tmp[:0]
	from, to, last := -1, 0, 0
	line := 0 // where the letters of the line at hand begin
	over := false
	drop := func() {
		if body = body[:line]; line == 0 {
			from = -1
		}
	}
	endLine := func() {
		switch n := len(body) - line; {
		case n == 0 || over:
		case n >= fullLine && (line > 0 || mixed(body)):
			line, to = len(body), last
		case line == 0: // of a header
			drop()
		default:
			line, to, over = len(body), last, true
		}
	}
	i := end + k + len(dashes)
	for limit := min(len(t), i+maxPEM); i < limit; {
		b := t[i]
		switch {
		case b == '\\': // an escaped line end, or a line that goes on
			for i < limit && t[i] == '\\' {
				i++
			}
			if i < limit && (t[i] == 'n' || t[i] == 'r' || t[i] == 't') {
				i++
			}
			endLine()
			continue
		case pemBody[b]:
			if over {
				limit = i
				continue
			}
			if from < 0 {
				from = i
			}
			body = append(body, b)
			last = i + 1
		case b == '"' && i+1 < limit && t[i+1] == ':': // the next key of an object
			limit = i
			continue
		case b == '\n' || b == '\r' || b == '"' || b == '\'' || b == ',':
			endLine()
		case bytes.HasPrefix(t[i:], dashes) || !pemExtra[b]:
			limit = i
			continue
		case len(body)-line >= fullLine || b == ' ' && bytes.HasPrefix(t[i+1:], dashes):
			endLine() // lines joined by blanks
		default: // what stood before is a stamp or a header
			drop()
		}
		i++
	}
	endLine()
	c.tmp = body
	if len(body) < minPEM || from < 0 || !random(body[:minPEM], 32) {
		return found{}, false
	}
	return found{start: from, end: to, value: body, prefix: string(label), hint: string(label) + " ..."}, true
}
