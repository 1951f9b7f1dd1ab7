package secret

import (
	"bytes"
	"encoding/base64"
	"encoding/json"
)

const (
	maxHeader  = 640
	maxTail    = 1024
	maxPayload = 8192
)

// jsonWebToken matches header.payload.signature, where the header decodes to a
// JSON object that names an algorithm.
func jsonWebToken(c *Scan, t []byte, at, end int) (found, bool) {
	if string(t[at:end]) != "eyJ" || !free(t, at) {
		return found{}, false
	}
	dot := urlsafe.run(t, at, at+maxHeader)
	if dot == len(t) || t[dot] != '.' {
		return found{}, false
	}
	second := urlsafe.run(t, dot+1, dot+1+maxPayload)
	if second == len(t) || t[second] != '.' || second-dot < 9 {
		return found{}, false
	}
	stop := urlsafe.run(t, second+1, second+1+maxTail)
	if stop-second < 17 || sample(t[second+1:stop]) {
		return found{}, false
	}
	c.tmp = append(c.tmp[:0], make([]byte, maxHeader)...)
	n, err := base64.RawURLEncoding.Decode(c.tmp, t[at:dot])
	header := c.tmp[:n]
	if err != nil || !bytes.Contains(header, []byte(`"alg"`)) || !json.Valid(header) {
		return found{}, false
	}
	// The token every introduction to the format shows.
	n, _ = base64.RawURLEncoding.Decode(c.tmp, t[dot+1:min(second, dot+1+64)])
	if bytes.Contains(c.tmp[:n], []byte(`"1234567890","name":"John`)) {
		return found{}, false
	}
	return found{start: at, end: stop, head: 3}, true
}
