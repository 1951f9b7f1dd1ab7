// Package enrich is what the organisation knows about a value: where an address
// lies, which lists name it, whose key it is, what it may cost.
//
// A Data is an immutable snapshot of lists, inventory and GeoIP databases. cmd
// builds one when files load, hands its functions and lists to rule.Compile and
// the whole to detect. A changed file means a new Data; a Data is never changed,
// so any number of goroutines may share it. An Enricher holds caches and belongs
// to one goroutine.
//
// Nothing here reads a clock: entries expire at event time, because alerts are
// recomputed from events and must come out the same.
package enrich

import (
	"crypto/sha256"
	"encoding/hex"
	"errors"
	"fmt"
	"io"
	"math"
	"net/netip"
	"slices"
	"sort"

	"github.com/gaissmai/bart"

	"github.com/seed-843b225c/reflex/engine"
)

// KnownNetworks is the list that, together with Config.Known, says which
// networks are the organisation's own.
const KnownNetworks = "known_networks"

// never is the expiry of an entry that has none.
const never = math.MaxInt64

// Config is what New turns into a snapshot. The zero Config is an organisation
// that knows nothing: every public address is foreign.
type Config struct {
	Lists []engine.ListDef
	Keys  []engine.AIKey
	Known []netip.Prefix // own networks beside the list known_networks
	GeoIP *Geo           // nil: no database
}

// Data is a snapshot. The zero Data is of no use; New makes one.
type Data struct {
	lists   map[string]*list
	names   []string
	keys    *inventory
	known   *networks
	geo     *Geo
	version string
}

// Problem is one mistake in a list or the inventory.
type Problem struct {
	File    string // as given when the file was read
	Line    int    // 1-based; 0 when the mistake is the whole file's
	Message string
}

// Error gives "file:line: message".
func (p *Problem) Error() string {
	switch {
	case p.File == "":
		return p.Message
	case p.Line == 0:
		return p.File + ": " + p.Message
	}
	return fmt.Sprintf("%s:%d: %s", p.File, p.Line, p.Message)
}

// New builds a snapshot. The errors are all mistakes of all lists and keys, each
// a *Problem, in the order of the input; the Data is usable whatever they are and
// lacks the entries they name. Whether to go on is the caller's choice.
func New(c Config) (*Data, []error) {
	d := &Data{lists: map[string]*list{}, geo: c.GeoIP}
	var errs []error
	for _, def := range c.Lists {
		if first, dup := d.lists[def.Name]; dup {
			errs = append(errs, &Problem{File: def.File, Message: fmt.Sprintf("list %s is already declared in %s", def.Name, first.def.File)})
			continue
		}
		l, problems := newList(def)
		errs = append(errs, problems...)
		d.lists[def.Name] = l
		d.names = append(d.names, def.Name)
	}
	sort.Strings(d.names)
	var err error
	if d.known, err = newNetworks(c.Known, d.lists[KnownNetworks]); err != nil {
		errs = append(errs, err)
	}
	var problems []error
	d.keys, problems = newInventory(c.Keys)
	errs = append(errs, problems...)
	d.version = version(c, d)
	return d, errs
}

// Version names the contents: a hash that is equal for equal lists, inventory,
// networks and databases, whatever files they stood in and in whatever order.
func (d *Data) Version() string { return d.version }

// Geo gives the databases in force, nil without any.
func (d *Data) Geo() *Geo { return d.geo }

// Lists gives the lists for `in list("name")`.
func (d *Data) Lists() engine.Lists { return lists{d} }

type lists struct{ d *Data }

var _ engine.Lists = lists{}

// List finds a list by name.
func (l lists) List(name string) (engine.Set, bool) {
	s, ok := l.d.lists[name]
	if !ok {
		return nil, false
	}
	return s, true
}

// Names lists all names, sorted.
func (l lists) Names() []string { return l.d.names }

// networks is the set of own networks: prefixes that never expire and a list
// whose entries may.
type networks struct {
	fixed bart.Lite
	list  *list
}

func newNetworks(known []netip.Prefix, l *list) (*networks, error) {
	n := &networks{}
	for _, p := range known {
		if p = canonical(p); p.IsValid() {
			n.fixed.Insert(p)
		}
	}
	if l == nil {
		return n, nil
	}
	if l.def.Type != "cidr" {
		return n, &Problem{File: l.def.File, Message: fmt.Sprintf("list %s must have type cidr, not %s", l.def.Name, l.def.Type)}
	}
	n.list = l
	return n, nil
}

// own reports whether a belongs to the organisation at an event time: it is in a
// known network, or it is not an address of the public internet.
func (n *networks) own(a netip.Addr, at int64) bool {
	if !public(a) || n.fixed.Contains(a) {
		return true
	}
	return n.list != nil && n.list.match.(*cidrs).contains(a, at)
}

// special holds the ranges that are no public addresses and that netip has no
// method for: "this network", shared address space of carriers, reserved space.
var special = [...]netip.Prefix{
	netip.MustParsePrefix("0.0.0.0/8"),
	netip.MustParsePrefix("100.64.0.0/10"),
	netip.MustParsePrefix("240.0.0.0/4"),
}

// public reports whether an address may belong to anybody. The documentation
// ranges (192.0.2.0/24 and so on) do: tests and examples use them as strangers.
func public(a netip.Addr) bool {
	if a.IsPrivate() || a.IsLoopback() || a.IsLinkLocalUnicast() || a.IsMulticast() || a.IsUnspecified() {
		return false
	}
	if a.Is4() {
		for _, p := range special {
			if p.Contains(a) {
				return false
			}
		}
	}
	return true
}

// canonical unmaps and masks a prefix, so that ::ffff:10.0.0.0/104 and
// 10.0.0.0/8 are one. An invalid prefix stays invalid.
func canonical(p netip.Prefix) netip.Prefix {
	if a := p.Addr(); a.Is4In6() && p.Bits() >= 96 {
		p = netip.PrefixFrom(a.Unmap(), p.Bits()-96)
	}
	return p.Masked()
}

// parseNetwork reads a CIDR or a single address. Bits behind the mask are an
// error: 10.1.2.3/8 is more often a slip of the mask than meant.
func parseNetwork(s string) (netip.Prefix, error) {
	if a, err := netip.ParseAddr(s); err == nil {
		if a.Zone() != "" {
			return netip.Prefix{}, fmt.Errorf("%q has a zone; an entry may not", s)
		}
		a = a.Unmap()
		return netip.PrefixFrom(a, a.BitLen()), nil
	}
	p, err := netip.ParsePrefix(s)
	if err != nil {
		return netip.Prefix{}, fmt.Errorf("%q is no network: want an address or a CIDR like 192.0.2.0/24", s)
	}
	if p.Masked() != p {
		return netip.Prefix{}, fmt.Errorf("%q has bits behind its mask: write %s, or %s for the one address", s, p.Masked(), p.Addr())
	}
	return canonical(p), nil
}

// version hashes the contents in an order of its own.
func version(c Config, d *Data) string {
	h := sha256.New()
	for _, name := range d.names {
		def := d.lists[name].def
		fmt.Fprintf(h, "list %q %q\n", def.Name, def.Type)
		writeSorted(h, def.Entries, func(e engine.ListEntry) string {
			return fmt.Sprintf("entry %q %q %q %d\n", e.Value, e.Note, e.Owner, e.Expires)
		})
	}
	writeSorted(h, c.Keys, func(k engine.AIKey) string {
		return fmt.Sprintf("key %q %q %q %q %q %q %v %v\n", k.ID, k.Provider, k.SHA256, k.Prefix, k.Suffix, k.Owner, k.Networks, k.Budget)
	})
	writeSorted(h, c.Known, func(p netip.Prefix) string { return "known " + canonical(p).String() + "\n" })
	if d.geo != nil {
		io.WriteString(h, d.geo.describe())
	}
	return hex.EncodeToString(h.Sum(nil))[:16]
}

func writeSorted[T any](w io.Writer, items []T, line func(T) string) {
	var lines []string
	for _, it := range items {
		lines = append(lines, line(it))
	}
	slices.Sort(lines)
	for _, l := range lines {
		io.WriteString(w, l)
	}
}

var errNoEntry = errors.New("an entry is empty")
