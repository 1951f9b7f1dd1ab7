package pipeline

import (
	"bytes"
	"slices"

	"github.com/seed-843b225c/reflex/engine"
)

var (
	_ engine.Saver  = (*memory)(nil)
	_ engine.Loader = (*memory)(nil)
)

// memory is a store that lives as long as a test of a rule. As in the store on
// disk, what it is given counts from the next commit on, all of it at once, and
// a crash forgets what was not committed. The zero value is an empty store.
type memory struct {
	rows  []row // committed, by key
	given []change
}

type row struct{ key, value []byte }

// change is one call of a Saver.
type change struct {
	from, to []byte // to: of a range
	value    []byte
	kind     changeKind
}

type changeKind uint8

const (
	rowSet changeKind = iota
	rowGone
	rangeGone
)

func (m *memory) Set(key, value []byte) {
	m.given = append(m.given, change{kind: rowSet, from: bytes.Clone(key), value: bytes.Clone(value)})
}

func (m *memory) Delete(key []byte) {
	m.given = append(m.given, change{kind: rowGone, from: bytes.Clone(key)})
}

func (m *memory) DeleteRange(from, to []byte) {
	m.given = append(m.given, change{kind: rangeGone, from: bytes.Clone(from), to: bytes.Clone(to)})
}

func (m *memory) commit() {
	for _, c := range m.given {
		at, found := m.find(c.from)
		switch {
		case c.kind == rangeGone:
			m.rows = slices.Delete(m.rows, at, max(at, m.until(c.to)))
		case c.kind == rowSet && found:
			m.rows[at].value = c.value
		case c.kind == rowSet:
			m.rows = slices.Insert(m.rows, at, row{c.from, c.value})
		case found:
			m.rows = slices.Delete(m.rows, at, at+1)
		}
	}
	m.given = nil
}

func (m *memory) crash() { m.given = nil }

func (m *memory) find(key []byte) (int, bool) {
	return slices.BinarySearchFunc(m.rows, key, func(r row, key []byte) int { return bytes.Compare(r.key, key) })
}

// until gives where a range ends; nil is the end of all keys.
func (m *memory) until(to []byte) int {
	if to == nil {
		return len(m.rows)
	}
	at, _ := m.find(to)
	return at
}

func (m *memory) Get(key []byte) ([]byte, bool, error) {
	at, found := m.find(key)
	if !found {
		return nil, false, nil
	}
	return m.rows[at].value, true, nil
}

func (m *memory) Scan(from, to []byte, f func(key, value []byte) error) error {
	at, _ := m.find(from)
	for _, r := range m.rows[at:max(at, m.until(to))] {
		if err := f(r.key, r.value); err != nil {
			return err
		}
	}
	return nil
}

func (m *memory) Cursor(from, to []byte) (engine.Cursor, error) {
	at, _ := m.find(from)
	return &rowCursor{rows: m.rows[at:max(at, m.until(to))], at: -1}, nil
}

// rowCursor walks rows; nothing is committed meanwhile.
type rowCursor struct {
	rows []row
	at   int
}

func (c *rowCursor) Next() bool    { c.at++; return c.at < len(c.rows) }
func (c *rowCursor) Key() []byte   { return c.rows[c.at].key }
func (c *rowCursor) Value() []byte { return c.rows[c.at].value }
func (c *rowCursor) Close() error  { return nil }
