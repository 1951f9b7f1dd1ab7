package enrich

import (
	"encoding/binary"
	"math/bits"
	"net/netip"

	"github.com/oschwald/maxminddb-golang/v2"

	"github.com/seed-843b225c/reflex/engine"
)

// facts is all that the databases say of one address, as values ready to be
// set. Nil values are missing.
type facts struct {
	place  place
	system system
	guise  guise
}

type place struct{ country, countryName, continent, region, city engine.Value }

type system struct{ number, organization engine.Value }

type guise struct{ tor, vpn, proxy, hosting, residential engine.Value }

// The records as they stand in the databases, reduced to what events carry.
type (
	english struct {
		EN string `maxminddb:"en"`
	}
	placeRecord struct {
		City struct {
			Names english `maxminddb:"names"`
		} `maxminddb:"city"`
		Continent struct {
			Code string `maxminddb:"code"`
		} `maxminddb:"continent"`
		Country struct {
			ISO   string  `maxminddb:"iso_code"`
			Names english `maxminddb:"names"`
		} `maxminddb:"country"`
		Subdivisions []struct {
			Names english `maxminddb:"names"`
		} `maxminddb:"subdivisions"`
	}
	systemRecord struct {
		Number       uint64 `maxminddb:"autonomous_system_number"`
		Organization string `maxminddb:"autonomous_system_organization"`
	}
	guiseRecord struct {
		Tor         bool `maxminddb:"is_tor_exit_node"`
		VPN         bool `maxminddb:"is_anonymous_vpn"`
		Proxy       bool `maxminddb:"is_public_proxy"`
		Hosting     bool `maxminddb:"is_hosting_provider"`
		Residential bool `maxminddb:"is_residential_proxy"`
	}
)

// text is nil for an empty string: a database that has no name says nothing.
func text(s string) engine.Value {
	if s == "" {
		return engine.Value{}
	}
	return engine.String(s)
}

func readPlace(r maxminddb.Result) (p place, err error) {
	var rec placeRecord
	if err := r.Decode(&rec); err != nil {
		return p, err
	}
	p = place{country: text(rec.Country.ISO), countryName: text(rec.Country.Names.EN), continent: text(rec.Continent.Code), city: text(rec.City.Names.EN)}
	if len(rec.Subdivisions) > 0 {
		p.region = text(rec.Subdivisions[0].Names.EN)
	}
	return p, nil
}

func readSystem(r maxminddb.Result) (s system, err error) {
	var rec systemRecord
	if err := r.Decode(&rec); err != nil {
		return s, err
	}
	if rec.Number != 0 {
		s.number = engine.Int(int64(rec.Number))
	}
	s.organization = text(rec.Organization)
	return s, nil
}

func readGuise(r maxminddb.Result) (g guise, err error) {
	var rec guiseRecord
	if err := r.Decode(&rec); err != nil {
		return g, err
	}
	return guise{engine.Boolean(rec.Tor), engine.Boolean(rec.VPN), engine.Boolean(rec.Proxy),
		engine.Boolean(rec.Hosting), engine.Boolean(rec.Residential)}, nil
}

// maxRecords bounds each cache of decoded records; a full one starts afresh.
const maxRecords = 1 << 15

// records finds the record of an address and decodes each record once: many
// addresses share one, and its place in the file names it.
type records[T any] struct {
	db    *database
	read  func(maxminddb.Result) (T, error)
	cache map[uintptr]T
}

// find gives the record of a, the zero T when the database has none. An error
// means that the file is damaged there.
func (c *records[T]) find(a netip.Addr) (T, error) {
	var none T
	if c.db == nil {
		return none, nil
	}
	r := c.db.reader.Lookup(a)
	if !r.Found() {
		return none, nil // an IPv6 address in a database of IPv4 too
	}
	at := r.Offset()
	if t, ok := c.cache[at]; ok {
		return t, nil
	}
	t, err := c.read(r)
	if c.cache == nil || len(c.cache) >= maxRecords {
		c.cache = make(map[uintptr]T)
	}
	c.cache[at] = t
	return t, err
}

// recent is how many addresses a resolver remembers beside the records.
const recent = 1 << 10 // the ten highest bits of a hash

// resolver answers for addresses, most of them without touching a database: the
// same few callers make most events. It belongs to one goroutine.
type resolver struct {
	places  records[place]
	systems records[system]
	guises  records[guise]
	broken  int64
	recent  []struct {
		addr netip.Addr
		facts
	}
}

func newResolver(g *Geo) *resolver {
	r := &resolver{places: records[place]{read: readPlace}, systems: records[system]{read: readSystem}, guises: records[guise]{read: readGuise}}
	if g == nil || g.dbs == [numRoles]*database{} {
		return nil
	}
	r.places.db, r.systems.db, r.guises.db = g.dbs[places], g.dbs[systems], g.dbs[guises]
	r.recent = make([]struct {
		addr netip.Addr
		facts
	}, recent)
	return r
}

// resolve gives what is known of a. The result is valid until the next call.
func (r *resolver) resolve(a netip.Addr) *facts {
	b := a.As16()
	h := (binary.NativeEndian.Uint64(b[:8]) ^ bits.RotateLeft64(binary.NativeEndian.Uint64(b[8:]), 29)) * 0x9e3779b97f4a7c15
	e := &r.recent[h>>(64-10)]
	if e.addr == a {
		return &e.facts
	}
	var errs [numRoles]error
	e.addr = a
	e.place, errs[places] = r.places.find(a)
	e.system, errs[systems] = r.systems.find(a)
	e.guise, errs[guises] = r.guises.find(a)
	for _, err := range errs {
		if err != nil {
			r.broken++
		}
	}
	return &e.facts
}
