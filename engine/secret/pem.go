package secret

import "bytes"

const (
	maxPEM = 16 << 10
	minPEM = 64 // letters of base64 in a body
)

// pem matches the body of a private key block. Line ends may be real or
// escaped, once or more, or the lines elements of a list; the block may be cut
// off.
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
	from, to := -1, 0
	line := len(body) // where the line's letters begin
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
			line = len(body)
			continue
		case pemBody[b]:
			if from < 0 {
				from = i
			}
			body = append(body, b)
			to = i + 1
		case b == '\n' || b == '"' || b == '\'' || b == ',':
			line = len(body)
		case b == ' ' || b == ':': // what stood before is a stamp or a header
			body = body[:line]
			if len(body) == 0 {
				from = -1
			}
		case bytes.HasPrefix(t[i:], dashes) || !pemExtra[b]:
			limit = i
			continue
		}
		i++
	}
	c.tmp = body
	if len(body) < minPEM || from < 0 || !random(body[:minPEM], 32) {
		return found{}, false
	}
	return found{start: from, end: to, value: body, prefix: string(label), hint: string(label) + " ..."}, true
}
