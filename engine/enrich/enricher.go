package enrich

import (
	"github.com/seed-843b225c/reflex/engine"
)

// Enricher adds to events what the organisation knows about them. It fills the
// slots of its layout alone, and only those the record left empty; a group (place,
// system, guise of one end) that the record brought in part stays the record's.
// It holds caches and belongs to one goroutine.
type Enricher struct {
	data     *Data
	resolver *resolver
	source   end
	dest     end
	keys     keySlots
}

// end is one end of a connection: the slot of its address and the slots to fill.
type end struct {
	ip     int
	place  [5]int
	system [2]int
	guise  [5]int
	// wanted groups have a slot.
	wantPlace, wantSystem, wantGuise bool
}

type keySlots struct{ principal, owner, hint, provider int }

// Demand lists the fields that enrichment reads: they need slots whether or not a
// rule names them.
func Demand() []string {
	return []string{"source.ip", "destination.ip", "secret.principal", "secret.hint", "secret.provider"}
}

// NewEnricher makes an Enricher for events of a layout. It must be made anew when
// the layout or the Data changes.
func (d *Data) NewEnricher(l *engine.Layout) *Enricher {
	return &Enricher{
		data:     d,
		resolver: newResolver(d.geo),
		source: newEnd(l, "source.ip",
			[5]string{"source.geo.country_iso_code", "source.geo.country_name", "source.geo.continent_code", "source.geo.region_name", "source.geo.city_name"},
			[2]string{"source.as.number", "source.as.organization.name"},
			[5]string{"source.anonymity.tor", "source.anonymity.vpn", "source.anonymity.proxy", "source.anonymity.hosting", "source.anonymity.residential"}),
		dest: newEnd(l, "destination.ip",
			[5]string{"destination.geo.country_iso_code"},
			[2]string{"destination.as.number", "destination.as.organization.name"},
			[5]string{}),
		keys: keySlots{l.SlotOf("secret.principal"), l.SlotOf("secret.owner"), l.SlotOf("secret.hint"), l.SlotOf("secret.provider")},
	}
}

func newEnd(l *engine.Layout, ip string, place [5]string, system [2]string, guise [5]string) end {
	e := end{ip: l.SlotOf(ip)}
	e.wantPlace = slots(l, e.place[:], place[:])
	e.wantSystem = slots(l, e.system[:], system[:])
	e.wantGuise = slots(l, e.guise[:], guise[:])
	return e
}

// slots looks names up; it reports whether one of them has a slot.
func slots(l *engine.Layout, out []int, names []string) bool {
	some := false
	for i, name := range names {
		out[i] = -1
		if name != "" {
			out[i] = l.SlotOf(name)
		}
		some = some || out[i] >= 0
	}
	return some
}

// Enrich fills what is demanded and known. It does not allocate once the
// addresses and records it meets are cached.
func (e *Enricher) Enrich(ev *engine.Event) {
	if e.resolver != nil {
		e.locate(ev, &e.source)
		e.locate(ev, &e.dest)
	}
	if e.keys.principal >= 0 || e.keys.owner >= 0 {
		e.identify(ev)
	}
}

// locate fills what the databases say of one end's address.
func (e *Enricher) locate(ev *engine.Event, x *end) {
	if x.ip < 0 || !(x.wantPlace || x.wantSystem || x.wantGuise) {
		return
	}
	v := ev.Values[x.ip]
	if v.Kind() != engine.IP {
		return
	}
	f := e.resolver.resolve(v.Addr())
	if x.wantPlace {
		fill(ev, x.place[:], f.place.country, f.place.countryName, f.place.continent, f.place.region, f.place.city)
	}
	if x.wantSystem {
		fill(ev, x.system[:], f.system.number, f.system.organization)
	}
	if x.wantGuise {
		fill(ev, x.guise[:], f.guise.tor, f.guise.vpn, f.guise.proxy, f.guise.hosting, f.guise.residential)
	}
}

// fill sets a group of slots unless the record brought one of them.
func fill(ev *engine.Event, slots []int, values ...engine.Value) {
	for _, s := range slots {
		if s >= 0 && !ev.Values[s].IsNil() {
			return
		}
	}
	for i, s := range slots {
		ev.Set(s, values[i])
	}
}

// identify gives a secret the id under which usage logs know it, and its owner.
//
// A principal that is the SHA-256 of a key of the inventory becomes that key's
// id, in every dataset alike, so that a hash printed by one log and an id in
// another are one key. A secret without a principal is recognised by its hint.
func (e *Enricher) identify(ev *engine.Event) {
	if len(e.data.keys.byID) == 0 {
		return
	}
	principal := ev.Get(e.keys.principal)
	var k *key
	if !principal.IsNil() {
		k = e.data.keys.find(principal)
	} else if hint := ev.Get(e.keys.hint).Str(); hint != "" {
		k = e.data.keys.recognise(ev.Get(e.keys.provider).Str(), hint)
	}
	if k == nil {
		return
	}
	if principal != k.id {
		ev.Set(e.keys.principal, k.id)
	}
	if e.keys.owner >= 0 && ev.Values[e.keys.owner].IsNil() {
		ev.Values[e.keys.owner] = k.owner
	}
}

// Broken counts look-ups that met a damaged record of a database, for status.
func (e *Enricher) Broken() int64 {
	if e.resolver == nil {
		return 0
	}
	return e.resolver.broken
}
