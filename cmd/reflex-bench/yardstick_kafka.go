package main

import (
	"context"
	"fmt"
	"net/netip"

	"github.com/oschwald/geoip2-golang/v2"
	"github.com/segmentio/kafka-go"

	"github.com/seed-843b225c/reflex/engine/story"
)

// plainSpec says what the yardstick reads from the broker.
type plainSpec struct {
	Broker     string
	Partitions int
	Rules      int // as for Reflex
	Events     int64
}

// plainKafka is the role of the yardstick beside a broker: kafka-go's Reader,
// GeoIP's two look-ups for each address, then the plain loop. It keeps no state
// and writes nothing.
func plainKafka(s plainSpec) (m measured, err error) {
	pack, err := loadPack(s.Rules, "")
	if err != nil {
		return m, err
	}
	loop, err := newPlainLoop(pack)
	if err != nil {
		return m, err
	}
	if loop.locate, err = locator(story.New(1).GeoIP()); err != nil {
		return m, err
	}
	var readers []*kafka.Reader
	for p := range s.Partitions {
		r := kafka.NewReader(kafka.ReaderConfig{Brokers: []string{s.Broker}, Topic: benchTopic, Partition: p, MinBytes: 1, MaxBytes: 10 << 20})
		defer r.Close()
		readers = append(readers, r)
	}
	var from usage
	for ; m.Events < s.Events; m.Events++ {
		msg, err := readers[m.Events%int64(len(readers))].ReadMessage(context.Background())
		if err != nil {
			return m, err
		}
		if m.Events == 0 {
			from = usageNow()
		}
		if err := loop.take(msg.Value); err != nil {
			return m, err
		}
	}
	to := usageNow()
	m.Matches, m.Wall, m.User, m.System = loop.matches, to.at.Sub(from.at), to.user-from.user, to.system-from.system
	return m, nil
}

// locator looks addresses up in City and ASN databases.
func locator(files map[string][]byte) (func(map[string]any), error) {
	open := func(name string) (*geoip2.Reader, error) {
		data, ok := files[name]
		if !ok {
			return nil, fmt.Errorf("the story has no %s", name)
		}
		return geoip2.OpenBytes(data)
	}
	city, err := open("GeoLite2-City.mmdb")
	if err != nil {
		return nil, err
	}
	asn, err := open("GeoLite2-ASN.mmdb")
	if err != nil {
		return nil, err
	}
	return func(source map[string]any) {
		text, _ := source["ip"].(string)
		a, err := netip.ParseAddr(text)
		if err != nil {
			return
		}
		if c, err := city.City(a); err == nil && c.Country.ISOCode != "" {
			source["geo"] = map[string]any{"country_iso_code": c.Country.ISOCode, "city_name": c.City.Names.English}
		}
		if n, err := asn.ASN(a); err == nil && n.AutonomousSystemNumber != 0 {
			source["as"] = map[string]any{"number": n.AutonomousSystemNumber, "organization": map[string]any{"name": n.AutonomousSystemOrganization}}
		}
	}, nil
}
