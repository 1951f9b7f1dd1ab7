package engine

import "net/netip"

// ListDef is one list as written in a file under rules/lists: package rule
// reads the YAML, package enrich makes it searchable.
type ListDef struct {
	Name        string
	Type        string // cidr, domain, exact or glob
	Description string
	Entries     []ListEntry
	File        string
}

// ListEntry is one entry of a list.
type ListEntry struct {
	Value   string
	Note    string
	Owner   string
	Expires int64 // ns; the entry no longer counts at or after this event time; 0: never
	Line    int
}

// AIKey is one row of the inventory of AI keys. The value of a key is never in
// it: a key is recognised by its SHA-256 or by how it begins and ends.
type AIKey struct {
	ID       string // the provider's id of the key: what secret.principal holds
	Provider string
	SHA256   string // hex of the whole key; "" when unknown
	Prefix   string // first characters, as the provider shows them
	Suffix   string // last characters
	Owner    string
	Networks []netip.Prefix // where it may be used from, beside the known networks
	Budget   float64        // US dollars a day; 0: none set
	File     string
	Line     int
}
