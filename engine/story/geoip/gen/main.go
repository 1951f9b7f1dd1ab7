// Command gen writes the small GeoIP databases of the story: where the
// documentation networks lie in its made-up world, whose they are, and which of
// them hide their users. Run by `go generate ./engine/story`; the same input
// gives the same bytes.
package main

import (
	"fmt"
	"log"
	"net/netip"
	"os"
	"path/filepath"
	"time"

	"net"

	"github.com/maxmind/mmdbwriter"
	"github.com/maxmind/mmdbwriter/mmdbtype"
)

// network is one network of the made-up world.
type network struct {
	prefix string
	place  place
	asn    uint32 // RFC 5398 numbers, which belong to nobody
	owner  string
	guise  string // "", hosting, vpn, proxy, residential or tor
}

type place struct{ iso, country, continent, region, city string }

var (
	berlin    = place{"DE", "Germany", "EU", "Land Berlin", "Berlin"}
	frankfurt = place{"DE", "Germany", "EU", "Hesse", "Frankfurt am Main"}
	dublin    = place{"IE", "Ireland", "EU", "Leinster", "Dublin"}
	virginia  = place{"US", "United States", "NA", "Virginia", "Ashburn"}
	iowa      = place{"US", "United States", "NA", "Iowa", "Des Moines"}
	amsterdam = place{"NL", "Netherlands", "EU", "North Holland", "Amsterdam"}
	bucharest = place{"RO", "Romania", "EU", "Bucuresti", "Bucharest"}
	santiago  = place{"CL", "Chile", "SA", "", "Santiago"}
	hanoi     = place{"VN", "Vietnam", "AS", "Hanoi", "Hanoi"}
	jakarta   = place{"ID", "Indonesia", "AS", "", "Jakarta"}
	lagos     = place{"NG", "Nigeria", "AF", "", ""}
	montreal  = place{"CA", "Canada", "NA", "Quebec", "Montreal"}
	unknown   = place{}
)

// world lists the networks, the wider before the narrower inside it.
var world = []network{
	{"198.51.100.0/26", berlin, 64496, "Example Organisation", ""},
	{"198.51.100.24/29", dublin, 64497, "Example Cloud", "hosting"},
	{"198.51.100.64/27", frankfurt, 64496, "Example Organisation", ""},
	{"198.51.100.96/27", virginia, 64496, "Example Organisation", ""},
	{"198.51.100.128/25", dublin, 64497, "Example Cloud", "hosting"},
	{"192.0.2.0/25", iowa, 64500, "Example Build Machines", "hosting"},
	{"192.0.2.128/25", virginia, 64501, "Example Content Delivery", "hosting"},
	{"203.0.113.48/29", amsterdam, 64505, "Example Rented Servers", "hosting"},
	{"203.0.113.56/31", amsterdam, 64505, "Example Rented Servers", "hosting"},
	{"203.0.113.58/31", bucharest, 64506, "Example Cheap Hosting", "hosting"},
	{"203.0.113.72/29", montreal, 64507, "Example Object Storage", "hosting"},
	{"203.0.113.96/29", santiago, 64508, "Example Telecom South", "residential"},
	{"203.0.113.104/29", hanoi, 64509, "Example Telecom East", "residential"},
	{"203.0.113.112/29", jakarta, 64510, "", "proxy"},
	{"203.0.113.120/30", lagos, 64511, "Example Wireless", "residential"},
	{"203.0.113.124/30", unknown, 0, "", "tor"},
	{"203.0.113.128/28", amsterdam, 64505, "Example Rented Servers", "vpn"},
	{"203.0.113.192/26", virginia, 65536, "Example Internet Survey", "hosting"},
	{"2001:db8:1::/48", berlin, 64496, "Example Organisation", ""},
	{"2001:db8:2::/48", dublin, 64497, "Example Cloud", "hosting"},
	{"2001:db8:bad::/48", amsterdam, 64505, "Example Rented Servers", "hosting"},
}

// built is the build day of all three, so that the files never change by themselves.
var built = time.Date(2026, 2, 24, 0, 0, 0, 0, time.UTC)

func main() {
	log.SetFlags(0)
	if len(os.Args) != 2 {
		log.Fatal("usage: gen FOLDER")
	}
	for kind, record := range map[string]func(network) mmdbtype.Map{
		"GeoLite2-City": city, "GeoLite2-ASN": system, "GeoIP2-Anonymous-IP": guise,
	} {
		if err := write(filepath.Join(os.Args[1], kind+".mmdb"), kind, record); err != nil {
			log.Fatal(err)
		}
	}
}

func write(path, kind string, record func(network) mmdbtype.Map) error {
	w, err := mmdbwriter.New(mmdbwriter.Options{
		DatabaseType: kind, BuildEpoch: built.Unix(), RecordSize: 24,
		Description: map[string]string{"en": "made-up networks of the Reflex story"}, Languages: []string{"en"},
		IncludeReservedNetworks: true, // the documentation networks are reserved
	})
	if err != nil {
		return err
	}
	for _, n := range world {
		rec := record(n)
		if rec == nil {
			continue
		}
		p, err := netip.ParsePrefix(n.prefix)
		if err != nil {
			return err
		}
		ipnet := &net.IPNet{IP: p.Addr().AsSlice(), Mask: net.CIDRMask(p.Bits(), p.Addr().BitLen())}
		if err := w.Insert(ipnet, rec); err != nil {
			return fmt.Errorf("%s: %s: %w", kind, n.prefix, err)
		}
	}
	f, err := os.Create(path)
	if err != nil {
		return err
	}
	if _, err := w.WriteTo(f); err != nil {
		return err
	}
	return f.Close()
}

func names(s string) mmdbtype.Map { return mmdbtype.Map{"en": mmdbtype.String(s)} }

func city(n network) mmdbtype.Map {
	if n.place == unknown {
		return nil
	}
	m := mmdbtype.Map{
		"continent": mmdbtype.Map{"code": mmdbtype.String(n.place.continent)},
		"country":   mmdbtype.Map{"iso_code": mmdbtype.String(n.place.iso), "names": names(n.place.country)},
	}
	if n.place.city != "" {
		m["city"] = mmdbtype.Map{"names": names(n.place.city)}
	}
	if n.place.region != "" {
		m["subdivisions"] = mmdbtype.Slice{mmdbtype.Map{"names": names(n.place.region)}}
	}
	return m
}

func system(n network) mmdbtype.Map {
	if n.asn == 0 {
		return nil
	}
	m := mmdbtype.Map{"autonomous_system_number": mmdbtype.Uint32(n.asn)}
	if n.owner != "" {
		m["autonomous_system_organization"] = mmdbtype.String(n.owner)
	}
	return m
}

func guise(n network) mmdbtype.Map {
	flag := map[string]mmdbtype.String{
		"hosting": "is_hosting_provider", "vpn": "is_anonymous_vpn", "proxy": "is_public_proxy",
		"residential": "is_residential_proxy", "tor": "is_tor_exit_node",
	}[n.guise]
	if flag == "" {
		return nil
	}
	m := mmdbtype.Map{flag: mmdbtype.Bool(true)}
	if n.guise != "hosting" {
		m["is_anonymous"] = mmdbtype.Bool(true)
	}
	return m
}
