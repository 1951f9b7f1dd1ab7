package secret

import "bytes"

// Format describes one format of secrets, for lists and for tests of others.
// The examples are made at run time: whole texts around a made-up value that
// give at least one finding, and texts that give none.
type Format struct {
	ID, Kind, Provider string
	Positive, Negative []string
}

// Kinds of secrets.
const (
	aiKey      = "ai_key"
	cloudKey   = "cloud_key"
	token      = "token"
	privateKey = "private_key"
	jwt        = "jwt"
	connection = "connection_string"
)

// row is a line of the table of formats. Most are plain tokens: a prefix, then
// a body. The others bring a matcher of their own.
type row struct {
	id, kind, provider string

	// a plain token
	prefix   []string // as written, case matters
	body     *class
	min, max int    // length of the body; max 0: exactly min
	inner    string // stands inside the body, at least 16 bytes from either end
	tail     string // ends the body
	checksum bool   // the body ends in its CRC-32; then it may stand anywhere
	mixed    bool   // both cases and digits; for prefixes that words have too
	alone    bool   // no - or _ may follow, as it may behind a token of exact length
	size     int    // letters in the random part's alphabet, for entropy; 0: by body
	usual    int    // length of the body of a fake; 0: min

	// another shape: called at a hit of keyword, gives span and value
	keyword []string
	match   func(c *Scan, t []byte, at, end int) (found, bool)

	principal func(v []byte) string // taken of the span's bytes
	test      bool                  // the provider's own test mode
	weak      bool                  // gives way to any other finding it meets

	fake    func(f *faker) string // nil: by prefix and body
	context string                // what a value needs around it, which stands for {}; "": nothing
	in      []string              // more texts with a finding
	not     []string              // texts without one
}

// words are what the automaton looks for on the row's behalf.
func (r *row) words() []string {
	if r.match != nil {
		return r.keyword
	}
	return r.prefix
}

// token matches a plain token whose prefix begins at at.
func (r *row) token(t []byte, at, end int) (found, bool) {
	ok := false
	for _, p := range r.prefix {
		ok = ok || len(p) == end-at && string(t[at:end]) == p
	}
	if !ok {
		return found{}, false
	}
	if r.checksum {
		stop := r.body.run(t, end, end+r.min)
		if stop != end+r.min || !crcTail(t[end:stop]) {
			return found{}, false
		}
		return found{start: at, end: stop, head: end - at}, true
	}
	most := max(r.max, r.min)
	stop := r.body.run(t, end, end+most+4)
	for stop > end && t[stop-1] == '.' { // the end of a sentence
		stop--
	}
	if stop-end > most && r.max == 0 && !r.alone && (t[end+most] == '-' || t[end+most] == '_' || t[end+most] == '.') {
		stop = end + most // of exact length, and part of a longer name
	}
	if stop-end > most || !free(t, at) {
		return found{}, false
	}
	b := t[end:stop]
	if len(b) < r.min || !bytes.HasSuffix(b, []byte(r.tail)) {
		return found{}, false
	}
	if r.inner != "" {
		if k := bytes.Index(b, []byte(r.inner)); k < 16 || k+len(r.inner)+16 > len(b) {
			return found{}, false
		}
	}
	size := r.size
	if size == 0 {
		size = r.body.count()
	}
	if r.mixed && !mixed(b) || sample(b) || !random(b, size) {
		return found{}, false
	}
	return found{start: at, end: stop, head: end - at}, true
}

func (c *class) count() int {
	n := 0
	for _, in := range c {
		if in {
			n++
		}
	}
	return n
}
