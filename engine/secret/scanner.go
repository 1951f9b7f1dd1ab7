package secret

import (
	"crypto/hmac"
	"crypto/sha256"
	"encoding/hex"
	"hash"
	"slices"
)

// Options configures a Scanner. The zero value works.
type Options struct {
	Key []byte // HMAC key of the installation; nil: a fixed public key
}

// PublicKey makes fingerprints comparable between installations that have no
// key of their own. It protects nothing: as a key of one's own it is for tests
// that store nothing.
const PublicKey = "reflex public fingerprint key, not a secret"

// Scanner is the compiled table of formats. It is immutable and safe to share.
type Scanner struct {
	rows    []row
	auto    *automaton
	key     []byte
	private bool // the key is the installation's own
}

// New builds a scanner over all formats.
func New(o Options) *Scanner {
	s := &Scanner{rows: table, key: o.Key, private: o.Key != nil}
	if !s.private {
		s.key = []byte(PublicKey)
	}
	var kw []keyword
	for i := range s.rows {
		for _, w := range s.rows[i].words() {
			kw = append(kw, keyword{w, i})
		}
	}
	for _, w := range accessKeyIDs {
		kw = append(kw, keyword{w, -1})
	}
	s.auto = newAutomaton(kw)
	return s
}

// Finding is a secret in a text. It holds no value and no part of one beyond
// what providers themselves show.
type Finding struct {
	Kind        string // ai_key, cloud_key, token, private_key, jwt or connection_string
	Format      string // id of the format
	Provider    string // who issued it; "" when the format does not tell
	Hint        string // first and last characters, as providers show keys
	Encoding    string // plain, base64, base64 twice, percent, JSON, hex, colour codes, or several with commas
	Fingerprint string // 32 hex digits, see the package comment
	Principal   string // id by which usage logs know it; "" if only an inventory can tell
	Prefix      string // the format's prefix and up to three characters more
	Suffix      string // last four characters
	Start, End  int    // span of the (encoded) value in the text
	Test        bool   // a key of the provider's own test mode, which moves no money
}

// found is a finding on its way: first in the bytes of a view, then in the
// text's. What depends on the value is taken while the view lives.
type found struct {
	start, end int
	row        int
	head       int    // length of the format's prefix in the value
	value      []byte // what the fingerprint is taken of, in scratch; nil: the span itself
	hint       string // instead of one made from the value

	depth     int
	enc       encoding
	sum       [16]byte
	principal string
	prefix    string
	suffix    string
}

// Scan is the scratch of one goroutine. The zero value does not work; see
// Scanner.NewScan.
type Scan struct {
	s      *Scanner
	mac    hash.Hash
	digest []byte
	views  []view
	buf    []byte
	marks  []mark
	ids    []accessKeyID
	found  []found
	out    []Finding
	tmp    []byte
	last   [idLen]byte // the latest access key id, if seen
	seen   bool
}

// NewScan makes the scratch for one goroutine.
func (s *Scanner) NewScan() *Scan {
	return &Scan{s: s, mac: hmac.New(sha256.New, s.key)}
}

// Find gives the secrets in text, by position, none inside another. The slice
// is valid until the next call of any method.
func (c *Scan) Find(text []byte) []Finding {
	c.out = c.out[:0]
	c.find(text)
	for i := range c.found {
		f := &c.found[i]
		r := &c.s.rows[f.row]
		c.out = append(c.out, Finding{
			Kind: r.kind, Format: r.id, Provider: r.provider, Test: r.test,
			Hint: f.hint, Prefix: f.prefix, Suffix: f.suffix, Principal: f.principal,
			Encoding: f.enc.String(), Fingerprint: hex.EncodeToString(f.sum[:]),
			Start: f.start, End: f.end,
		})
	}
	return c.out
}

// find leaves the secrets of text in c.found.
func (c *Scan) find(text []byte) {
	c.views, c.buf, c.marks = c.views[:0], c.buf[:0], c.marks[:0]
	c.ids, c.found, c.seen = c.ids[:0], c.found[:0], false
	c.look(view{parent: -1, text: text})
	if len(c.found) > 1 {
		c.found = settle(c.found, c.s.rows)
	}
	// One oversized text must not keep its memory for ever.
	if cap(c.buf) > 4<<20 {
		c.buf, c.marks = nil, nil
	}
}

// look reads one view: keywords first, then what it hides.
func (c *Scan) look(v view) {
	first := len(c.found)
	firstID := len(c.ids)
	c.keywords(v.text)
	if len(c.ids) > firstID {
		c.pairs(v.text, first, firstID)
		c.ids = c.ids[:firstID]
	}
	for i := first; i < len(c.found); i++ {
		c.found[i].depth, c.found[i].enc = v.depth, v.enc
	}
	if v.depth < maxDepth {
		n := len(c.views)
		c.views = append(c.views, v)
		c.hidden(n)
		v = c.views[n]
		c.views = c.views[:n]
	}
	if v.parent >= 0 {
		for i := first; i < len(c.found); i++ {
			c.found[i].start, c.found[i].end = c.span(&v, c.found[i].start, c.found[i].end)
		}
	}
}

// keywords walks the automaton over a text and lets the formats look at its
// hits.
func (c *Scan) keywords(t []byte) {
	a := c.s.auto
	s := uint16(0)
	for i, b := range t {
		s = a.next[s+a.class[b]]
		if s >= a.accept {
			for _, e := range a.ends[(s-a.accept)/width] {
				c.hit(t, i+1-e.n, i+1, e.row)
			}
		}
	}
}

func (c *Scan) hit(t []byte, at, end, n int) {
	if n < 0 {
		c.accessKeyID(t, at, end)
		return
	}
	r := &c.s.rows[n]
	var f found
	var ok bool
	if r.match != nil {
		f, ok = r.match(c, t, at, end)
	} else {
		f, ok = r.token(t, at, end)
	}
	if ok {
		f.row = n
		c.identify(t, &f)
		c.found = append(c.found, f)
	}
}

// settle orders findings and keeps one where several meet: the longer, else
// the format that stands first in the table, else the one less deeply hidden.
// A weak format gives way to any other.
func settle(all []found, rows []row) []found {
	slices.SortFunc(all, func(a, b found) int {
		if d := a.start - b.start; d != 0 {
			return d
		}
		if d := b.end - a.end; d != 0 {
			return d
		}
		if d := a.row - b.row; d != 0 {
			return d
		}
		return a.depth - b.depth
	})
	strong := 0 // all[:strong]: kept strong ones; weak ones follow in a second list
	var weak []found
	reach := -1
	for _, f := range all {
		if rows[f.row].weak {
			weak = append(weak, f)
			continue
		}
		if f.end <= reach {
			continue
		}
		reach = f.end
		all[strong] = f
		strong++
	}
	kept := all[:strong]
	if len(weak) == 0 {
		return kept
	}
	k := 0
	reach = -1
	n := len(kept)
	for _, f := range weak {
		for k < n && kept[k].end <= f.start {
			k++
		}
		if k < n && kept[k].start < f.end || f.end <= reach {
			continue
		}
		reach = f.end
		kept = append(kept, f)
	}
	slices.SortFunc(kept, func(a, b found) int { return a.start - b.start })
	return kept
}
