package decode

import (
	"fmt"
	"slices"
	"strings"

	"github.com/seed-843b225c/reflex/engine"
)

// format is one kind of JSON record: a table of fields and what else is
// peculiar to it. One file each; formats.go lists them.
type format struct {
	name    string
	dataset engine.Dataset
	// signs are the paths that sniff reads, separated by spaces.
	signs string
	// sniff reports whether a record can only be of this format. It reads the
	// signs by number.
	sniff func(r *reading) bool
	// table says where each field comes from. The rows for @timestamp and
	// event.id are always read.
	table []row
	// derived are events that a record gives besides its own.
	derived []derivation
	// skip reads the paths of skipFrom and names the reason when a record is
	// understood and is no event. Nil: every record is one.
	skip     func(r *reading) string
	skipFrom string
	// embedded are paths whose object may come as a string of JSON.
	embedded string
	dotted   bool // keys may be flattened with dots
	fold     bool // keys may be in another case than the table's
	// facts: the record's event.action may be the name of a derived event; then
	// Event.Derived says it too.
	facts bool
	dash  bool // "-" stands for a missing value
	// document adds to the document of a record what no field holds; base begins
	// it; both read the record with its secrets overwritten and may be nil.
	document func(m *Documents)
	base     func(m *Documents)
	// rawPath gives where else a path of raw may stand, "" for nowhere. May be nil.
	rawPath func(path string) string
	// late: sniff would take records of other formats and of wrappings too, so
	// it is asked after them.
	late bool
	// own lets the format choose the dataset of a record; nil: dataset.
	own     func(r *reading) engine.Dataset
	ownFrom string
}

// row says where one field comes from.
type row struct {
	field string
	// from are paths in the record, separated by spaces; the first that holds a
	// value wins. A path through a list gives all its elements to a field of
	// type list.
	from string
	// value computes the field instead from the cells of from. It is called
	// only when the field is demanded.
	value func(r *reading) engine.Value
	// is is a constant.
	is string
}

// derivation is an event that follows from a record.
type derivation struct {
	kind string // event.action; its id is the record's + "/" + kind
	from string // paths that when reads
	when func(r *reading) bool
	// table lists its fields; it has no others but the common ones.
	table []row
}

// reader is a format compiled for one Layout.
type reader struct {
	*format
	trie    *trie
	time    []int32
	timeFn  func(*reading) engine.Value
	id      []int32
	idFn    func(*reading) engine.Value
	signs   []int32
	skipAt  []int32
	ownAt   []int32
	slots   []slotReader
	actFn   *slotReader // event.action of a format of facts
	derived []derivedReader
}

// slotReader fills one slot.
type slotReader struct {
	slot   int
	typ    engine.Type
	at     []int32
	paths  []string
	value  func(*reading) engine.Value
	is     engine.Value
	raw    bool
	within []int32 // ancestors that may be lists
}

type derivedReader struct {
	kind  string
	at    []int32
	when  func(*reading) bool
	slots []slotReader
}

// pathRef is a path whose cell number is known once the trie is built.
type pathRef struct {
	at   *int32
	node *trieBuilder
}

// compiler collects the paths of one trie.
type compiler struct {
	root trieBuilder
	fold bool
	refs []pathRef
}

// cells gives room for the cells of some paths, filled in by build.
func (c *compiler) cells(paths []string) []int32 {
	out := make([]int32, len(paths))
	for i, p := range paths {
		if c.fold {
			p = strings.ToLower(p)
		}
		c.refs = append(c.refs, pathRef{&out[i], c.root.add(p)})
	}
	return out
}

func (c *compiler) build() *trie {
	t := c.root.build()
	for _, r := range c.refs {
		*r.at = r.node.number
	}
	t.fold = c.fold
	return t
}

// compile makes the reader of a format for a layout.
func (f *format) compile(l *engine.Layout) (*reader, error) {
	rd := &reader{format: f}
	c := compiler{fold: f.fold}
	rd.signs = c.cells(strings.Fields(f.signs))
	rd.skipAt = c.cells(strings.Fields(f.skipFrom))
	rd.ownAt = c.cells(strings.Fields(f.ownFrom))
	for _, r := range f.table {
		switch r.field {
		case "@timestamp":
			rd.time, rd.timeFn = c.cells(strings.Fields(r.from)), r.value
		case "event.id":
			rd.id, rd.idFn = c.cells(strings.Fields(r.from)), r.value
		case "event.action":
			if f.facts {
				sr, err := c.slot(r, -1)
				if err != nil {
					return nil, err
				}
				rd.actFn = &sr
			}
		}
	}
	var err error
	if rd.slots, err = c.table(f.table, l); err != nil {
		return nil, fmt.Errorf("format %s: %w", f.name, err)
	}
	for i, s := range l.Slots() {
		if s.Raw == "" {
			continue
		}
		if strings.HasPrefix(s.Raw, ".") || strings.HasSuffix(s.Raw, ".") || strings.Contains(s.Raw, "..") {
			return nil, fmt.Errorf("%s: empty key in the path", s.Name)
		}
		paths := []string{s.Raw}
		if f.rawPath != nil {
			if also := f.rawPath(s.Raw); also != "" {
				paths = append(paths, also)
			}
		}
		rd.slots = append(rd.slots, slotReader{slot: i, raw: true, typ: engine.Keyword, paths: paths, at: c.cells(paths)})
	}
	for _, d := range f.derived {
		dr := derivedReader{kind: d.kind, when: d.when, at: c.cells(strings.Fields(d.from))}
		if dr.slots, err = c.table(d.table, l); err != nil {
			return nil, fmt.Errorf("format %s: %s: %w", f.name, d.kind, err)
		}
		rd.derived = append(rd.derived, dr)
	}
	for _, p := range strings.Fields(f.embedded) {
		if c.fold {
			p = strings.ToLower(p)
		}
		c.root.add(p).embedded = true
	}
	rd.trie = c.build()
	rd.trie.dotted = f.dotted
	rd.trie.dropEmbedded()
	rd.lists(rd.slots)
	for i := range rd.derived {
		rd.lists(rd.derived[i].slots)
	}
	return rd, nil
}

// dropEmbedded forgets embedded nodes below which nobody looks.
func (t *trie) dropEmbedded() {
	t.embedded = slices.DeleteFunc(t.embedded, func(n int32) bool { return len(t.nodes[n].table) == 0 })
}

// table compiles the rows whose field has a slot.
func (c *compiler) table(rows []row, l *engine.Layout) ([]slotReader, error) {
	var out []slotReader
	for _, r := range rows {
		f, ok := engine.LookupField(r.field)
		if !ok {
			return nil, fmt.Errorf("no field is named %s", r.field)
		}
		if f == fieldTime || f == fieldID || f == fieldDataset || f == fieldKind {
			continue // every event has them
		}
		if s := l.Slot(f); s >= 0 {
			sr, err := c.slot(r, s)
			if err != nil {
				return nil, err
			}
			out = append(out, sr)
		}
	}
	return out, nil
}

func (c *compiler) slot(r row, slot int) (slotReader, error) {
	f, ok := engine.LookupField(r.field)
	if !ok {
		return slotReader{}, fmt.Errorf("no field is named %s", r.field)
	}
	sr := slotReader{slot: slot, typ: f.Type(), value: r.value, paths: strings.Fields(r.from)}
	if r.is != "" {
		switch f.Type() {
		case engine.List:
			sr.is = engine.Strings(r.is)
		case engine.Bool:
			sr.is = engine.Boolean(r.is == "true")
		default:
			sr.is = engine.String(r.is)
		}
	}
	sr.at = c.cells(sr.paths)
	return sr, nil
}

// lists finds, for slots that may hold lists, the cells above each path.
func (rd *reader) lists(slots []slotReader) {
	for i := range slots {
		s := &slots[i]
		if !s.raw && s.typ != engine.List || s.value != nil {
			continue
		}
		for _, n := range s.at {
			for up := rd.trie.nodes[n].up; up > 0; up = rd.trie.nodes[up].up {
				s.within = append(s.within, up)
			}
		}
	}
}
