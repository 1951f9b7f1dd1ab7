package story

import "embed"

//go:generate go run ./geoip/gen geoip

//go:embed geoip/*.mmdb
var geoip embed.FS

// GeoIP gives small databases (City, ASN, Anonymous-IP) in which the
// documentation networks of the story have places and owners: file name to bytes.
func (s *Story) GeoIP() map[string][]byte {
	out := map[string][]byte{}
	entries, err := geoip.ReadDir("geoip")
	if err != nil {
		panic(err) // embedded: cannot happen
	}
	for _, e := range entries {
		data, err := geoip.ReadFile("geoip/" + e.Name())
		if err != nil {
			panic(err)
		}
		out[e.Name()] = data
	}
	return out
}
