package enrich

import (
	"fmt"
	"net/netip"
	"strings"
	"unicode/utf8"

	"github.com/gaissmai/bart"

	"github.com/seed-843b225c/reflex/engine"
)

// list is a list ready to search.
//
//	cidr    an address, or text that is one, lies in a network of the list
//	domain  a host name is an entry or below one; case and a final dot do not
//	        count. "*.example.com" covers the names below, not the name itself
//	exact   the value's text is an entry, letter for letter
//	glob    the text matches an entry; * is any run of characters, ? any one,
//	        \ takes the next as itself; case counts
//
// A list may be empty: an organisation that has none still names it.
type list struct {
	def   engine.ListDef
	match matcher
}

var _ engine.Set = (*list)(nil)

// matcher is the searchable form of one type of list.
type matcher interface {
	// add takes an entry. An error says what is wrong with it.
	add(value string, until int64) error
	// done is called after the last add.
	done()
	Contains(v engine.Value, at int64) bool
}

// newList makes a list searchable. What is wrong with entries comes back as
// problems; the list holds the others.
func newList(def engine.ListDef) (*list, []error) {
	l := &list{def: def, match: newMatcher(def.Type)}
	var errs []error
	if l.match == nil {
		errs = append(errs, &Problem{File: def.File, Message: fmt.Sprintf("list %s: no type is named %q; types are cidr, domain, exact and glob", def.Name, def.Type)})
		l.match = &exact{until: map[string]int64{}}
		l.def.Entries = nil
		return l, errs
	}
	l.def.Entries = nil
	for _, e := range def.Entries {
		until := int64(never)
		if e.Expires != 0 {
			until = e.Expires
		}
		err := errNoEntry
		if e.Value = strings.TrimSpace(e.Value); e.Value != "" {
			err = l.match.add(e.Value, until)
		}
		if err != nil {
			errs = append(errs, &Problem{File: def.File, Line: e.Line, Message: fmt.Sprintf("list %s: %v", def.Name, err)})
			continue
		}
		l.def.Entries = append(l.def.Entries, e)
	}
	l.match.done()
	return l, errs
}

func newMatcher(kind string) matcher {
	switch kind {
	case "cidr":
		return &cidrs{}
	case "domain":
		return &domains{until: map[string]reach{}}
	case "exact":
		return &exact{until: map[string]int64{}}
	case "glob":
		return &globs{seen: map[string]bool{}}
	}
	return nil
}

// Contains reports whether v is in the list at an event time.
func (l *list) Contains(v engine.Value, at int64) bool { return l.match.Contains(v, at) }

// Each calls f with every entry as written, in order.
func (l *list) Each(f func(string) bool) {
	for _, e := range l.def.Entries {
		if !f(e.Value) {
			return
		}
	}
}

func duplicate(value string) error { return fmt.Errorf("%q is in the list twice", value) }

// cidrs finds the networks an address lies in. A network's payload is when the
// last of itself and the networks around it expires, so one look-up of the most
// specific network answers for all.
type cidrs struct{ table bart.Table[int64] }

func (c *cidrs) add(value string, until int64) error {
	p, err := parseNetwork(value)
	if err != nil {
		return err
	}
	if _, dup := c.table.Get(p); dup {
		return duplicate(value)
	}
	c.table.Insert(p, until)
	return nil
}

func (c *cidrs) done() {
	var sorted []netip.Prefix // the wider before the narrower ones inside them
	for p := range c.table.AllSorted() {
		sorted = append(sorted, p)
	}
	for _, p := range sorted {
		if p.Bits() == 0 {
			continue
		}
		until, _ := c.table.Get(p)
		wider := netip.PrefixFrom(p.Addr(), p.Bits()-1).Masked()
		if outer, ok := c.table.LookupPrefix(wider); ok && outer > until {
			c.table.Modify(p, func(int64, bool) (int64, bool) { return outer, false })
		}
	}
}

func (c *cidrs) contains(a netip.Addr, at int64) bool {
	until, ok := c.table.Lookup(a)
	return ok && at < until
}

func (c *cidrs) Contains(v engine.Value, at int64) bool {
	switch v.Kind() {
	case engine.IP:
		return c.contains(v.Addr(), at)
	case engine.Keyword:
		a, ok := address(v.Str())
		return ok && c.contains(a, at)
	}
	return false
}

// address reads text that is an address. Host names are told apart first,
// because an error of netip costs an allocation.
func address(s string) (netip.Addr, bool) {
	if len(s) < 2 || len(s) > 45 {
		return netip.Addr{}, false
	}
	separated := false
	for i := 0; i < len(s); i++ {
		switch c := s[i]; {
		case c == '.' || c == ':':
			separated = true
		case c >= '0' && c <= '9', c >= 'a' && c <= 'f', c >= 'A' && c <= 'F':
		default:
			return netip.Addr{}, false
		}
	}
	if !separated {
		return netip.Addr{}, false
	}
	a, err := netip.ParseAddr(s)
	return a.Unmap(), err == nil
}

// exact finds text letter for letter. Numbers and addresses are compared as
// people write them.
type exact struct{ until map[string]int64 }

func (x *exact) add(value string, until int64) error {
	if a, ok := address(value); ok {
		value = a.String()
	}
	if _, dup := x.until[value]; dup {
		return duplicate(value)
	}
	x.until[value] = until
	return nil
}

func (x *exact) done() {}

func (x *exact) Contains(v engine.Value, at int64) bool {
	switch v.Kind() {
	case 0, engine.List:
		return false
	case engine.Keyword:
		s := v.Str()
		until, ok := x.until[s]
		if !ok {
			if a, isAddr := address(s); isAddr { // an address in another spelling
				var buf [64]byte
				until, ok = x.until[string(a.AppendTo(buf[:0]))]
			}
		}
		return ok && at < until
	}
	var buf [64]byte
	until, ok := x.until[string(v.AppendText(buf[:0]))]
	return ok && at < until
}

// domains finds host names at or below an entry.
type domains struct{ until map[string]reach }

// reach is until when a name itself and the names below it are in the list.
type reach struct{ self, below int64 }

func (d *domains) add(value string, until int64) error {
	name := strings.ToLower(strings.TrimSuffix(value, "."))
	r := reach{self: until, below: until}
	if rest, ok := strings.CutPrefix(name, "*."); ok {
		name, r.self = rest, 0
	}
	if err := hostName(name); err != nil {
		return fmt.Errorf("%q is no domain: %v", value, err)
	}
	if _, dup := d.until[name]; dup {
		return duplicate(value)
	}
	d.until[name] = r
	return nil
}

func (d *domains) done() {}

// hostName says what keeps a lower-case name from being a host name.
func hostName(s string) error {
	if len(s) > 253 {
		return fmt.Errorf("longer than 253 characters")
	}
	for label := range strings.SplitSeq(s, ".") {
		if label == "" {
			return fmt.Errorf("a part between dots is empty")
		}
		if i := strings.IndexAny(label, "*/:@ ?"); i >= 0 {
			return fmt.Errorf("%q may not stand in it", label[i:i+1])
		}
	}
	return nil
}

func (d *domains) Contains(v engine.Value, at int64) bool {
	s := strings.TrimSuffix(v.Str(), ".")
	if s == "" || len(s) > 253 || len(d.until) == 0 {
		return false
	}
	var buf [253]byte
	name := buf[:copy(buf[:], s)]
	for i, c := range name {
		if c >= 'A' && c <= 'Z' {
			name[i] = c + 'a' - 'A'
		} else if c >= utf8.RuneSelf {
			name = append(buf[:0], strings.ToLower(s)...)
			break
		}
	}
	if r, ok := d.until[string(name)]; ok && at < r.self {
		return true
	}
	for i, c := range name {
		if c != '.' {
			continue
		}
		if r, ok := d.until[string(name[i+1:])]; ok && at < r.below {
			return true
		}
	}
	return false
}

// globs tries its patterns one after the other.
type globs struct {
	seen map[string]bool
	list []globEntry
}

type globEntry struct {
	glob
	until int64
}

func (g *globs) add(value string, until int64) error {
	p, err := compileGlob(value)
	if err != nil {
		return err
	}
	if g.seen[value] {
		return duplicate(value)
	}
	g.seen[value] = true
	g.list = append(g.list, globEntry{p, until})
	return nil
}

func (g *globs) done() {}

func (g *globs) Contains(v engine.Value, at int64) bool {
	if v.Kind() != engine.Keyword {
		return false
	}
	s := v.Str()
	for i := range g.list {
		if e := &g.list[i]; at < e.until && e.matches(s) {
			return true
		}
	}
	return false
}
