package enrich

import (
	"fmt"
	"net/netip"
	"testing"

	"github.com/seed-843b225c/reflex/engine"
)

func BenchmarkEnrich(b *testing.B) {
	e, ev := benchEvent(b)
	source := 0
	many := make([]engine.Value, 1<<16)
	for i := range many {
		many[i] = engine.Address(netip.AddrFrom4([4]byte{203, 0, byte(i >> 8), byte(i)}))
	}
	b.Run("same callers", func(b *testing.B) {
		b.ReportAllocs()
		for b.Loop() {
			clear(ev.Values[5:])
			e.Enrich(ev)
		}
	})
	b.Run("65536 callers", func(b *testing.B) {
		b.ReportAllocs()
		for i := 0; b.Loop(); i++ {
			clear(ev.Values[5:])
			ev.Values[source] = many[i&(1<<16-1)]
			e.Enrich(ev)
		}
	})
}

func BenchmarkLists(b *testing.B) {
	var cidr, domain, exact, glob []string
	for i := range 5000 {
		cidr = append(cidr, fmt.Sprintf("10.%d.%d.0/24", i>>8, i&255))
		domain = append(domain, fmt.Sprintf("d%d.example", i))
		exact = append(exact, fmt.Sprintf("e%d", i))
		if i < 50 {
			glob = append(glob, fmt.Sprintf("arn:aws:iam::*:role/ci-%d-*", i))
		}
	}
	for _, c := range []struct {
		kind    string
		entries []string
		value   engine.Value
	}{
		{"cidr", cidr, ipValue("10.9.9.9")},
		{"domain", domain, engine.String("a.b.d77.example")},
		{"exact", exact, engine.String("e4000")},
		{"glob", glob, engine.String("arn:aws:iam::111122223333:role/ci-49-x")},
	} {
		l, _ := newList(makeList("l", c.kind, c.entries...))
		b.Run(c.kind, func(b *testing.B) {
			b.ReportAllocs()
			for b.Loop() {
				if !l.Contains(c.value, 0) {
					b.Fatal("not found")
				}
			}
		})
	}
}

func BenchmarkFunctions(b *testing.B) {
	d := sampleData(b)
	none := engine.Value{}
	for _, c := range []struct {
		name string
		call engine.Call
		a, b engine.Value
	}{
		{"foreign", mustBind(b, d, "foreign", engine.Arg{}, engine.Arg{}), ipValue("203.0.113.57"), engine.String("key_one")},
		{"lookalike", mustBind(b, d, "lookalike", engine.Arg{}, constant("model_namespaces")), engine.String("meta-IIama/Llama-3-8B"), none},
		{"lookalike none", mustBind(b, d, "lookalike", engine.Arg{}, constant("model_namespaces")), engine.String("somebody/some-model"), none},
		{"entropy", mustBind(b, d, "entropy", engine.Arg{}), engine.String("0f9a8b7c6d5e4f3a2b1c0d9e8f7a6b5c"), none},
	} {
		b.Run(c.name, func(b *testing.B) {
			b.ReportAllocs()
			for b.Loop() {
				c.call(0, c.a, c.b, none)
			}
		})
	}
}
