package engine

import "slices"

// relatedMost is how many values one related field takes.
const relatedMost = 100

// relatedTo says which related field a field's values also stand in.
var relatedTo = map[string]string{
	"source.ip": "ip", "destination.ip": "ip", "runner.ip": "ip",
	"user.name": "user", "user.target.name": "user",
	"host.name": "hosts", "destination.domain": "hosts", "runner.name": "hosts",
	"secret.fingerprint": "hash",
}

// relate adds the named values to related.*, after those that the first event's
// document has: a search for an address finds every alert and incident that it
// is part of, not only those it began.
func relate(doc object, lists ...[]Named) {
	all := object{}
	if have, ok := doc["related"].(object); ok {
		all = have
	}
	for _, list := range lists {
		for _, n := range list {
			name := relatedTo[n.Field]
			if n.Value.Kind() == IP {
				name = "ip"
			}
			if name == "" || n.Value.IsNil() {
				continue
			}
			have, ok := all[name].([]any)
			if !ok && all[name] != nil {
				have = []any{all[name]}
			}
			for _, v := range texts(n.Value) {
				if len(have) < relatedMost && !slices.Contains(have, any(v)) {
					have = append(have, v)
				}
			}
			all[name] = have
		}
	}
	if len(all) > 0 {
		doc["related"] = all
	}
}

func texts(v Value) []string {
	if v.Kind() == List {
		return v.Elements()
	}
	return []string{v.Text()}
}
