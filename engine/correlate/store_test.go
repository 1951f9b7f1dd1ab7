package correlate

import (
	"maps"
	"slices"
	"strings"

	"github.com/seed-843b225c/reflex/engine"
)

// store is a Saver and a Loader in memory. What it was given becomes durable
// with commit; a crash loses the rest.
type store struct {
	durable map[string]string
	sorted  []string // keys of durable in order; nil: not known
	ops     []storeOp
	written int64 // bytes
}

type storeOp struct {
	kind     byte // set, delete, range
	from, to string
}

func newStore() *store { return &store{durable: map[string]string{}} }

func (s *store) Set(k, v []byte) {
	s.ops = append(s.ops, storeOp{'s', string(k), string(v)})
	s.written += int64(len(k) + len(v))
}
func (s *store) Delete(k []byte) { s.ops = append(s.ops, storeOp{'d', string(k), ""}) }
func (s *store) DeleteRange(from, to []byte) {
	s.ops = append(s.ops, storeOp{'r', string(from), string(to)})
}

func (s *store) commit() {
	for _, o := range s.ops {
		switch o.kind {
		case 's':
			s.durable[o.from] = o.to
		case 'd':
			delete(s.durable, o.from)
		case 'r':
			for k := range s.durable {
				if k >= o.from && k < o.to {
					delete(s.durable, k)
				}
			}
		}
	}
	s.ops, s.sorted = nil, nil
}

func (s *store) crash() { s.ops = nil }

// keys gives the keys of a range in order.
func (s *store) keys(from, to []byte) []string {
	if s.sorted == nil {
		s.sorted = slices.Sorted(maps.Keys(s.durable))
	}
	lo, _ := slices.BinarySearch(s.sorted, string(from))
	hi := len(s.sorted)
	if to != nil {
		hi, _ = slices.BinarySearch(s.sorted, string(to))
	}
	return s.sorted[lo:max(lo, hi)]
}

func (s *store) Get(k []byte) ([]byte, bool, error) {
	v, ok := s.durable[string(k)]
	return []byte(v), ok, nil
}

func (s *store) Scan(from, to []byte, f func(k, v []byte) error) error {
	for _, k := range s.keys(from, to) {
		if err := f([]byte(k), []byte(s.durable[k])); err != nil {
			return err
		}
	}
	return nil
}

func (s *store) Cursor(from, to []byte) (engine.Cursor, error) {
	return &storeCursor{s: s, keys: s.keys(from, to), at: -1}, nil
}

type storeCursor struct {
	s    *store
	keys []string
	at   int
}

func (c *storeCursor) Next() bool    { c.at++; return c.at < len(c.keys) }
func (c *storeCursor) Key() []byte   { return []byte(c.keys[c.at]) }
func (c *storeCursor) Value() []byte { return []byte(c.s.durable[c.keys[c.at]]) }
func (c *storeCursor) Close() error  { return nil }

// count counts what is stored whose key holds a kind of state.
func (s *store) count(kind byte) (n int) {
	for k := range s.durable {
		if strings.HasPrefix(k, "c\x01") && k[4] == kind {
			n++
		}
	}
	return n
}
