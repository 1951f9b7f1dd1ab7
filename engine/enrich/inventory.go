package enrich

import (
	"fmt"
	"strings"

	"github.com/gaissmai/bart"

	"github.com/seed-843b225c/reflex/engine"
)

// inventory finds AI keys by the id that usage logs give, by SHA-256, or by how
// a key begins and ends.
type inventory struct {
	byID  map[string]*key // ID, and SHA-256 in lower case
	hints []*key          // keys with a suffix, in order
}

// key is one row with what its functions answer, made once.
type key struct {
	engine.AIKey
	id, owner, budget engine.Value
	networks          *bart.Lite // nil: none of its own
}

// minSuffix is how many last characters must agree before a leaked key is taken
// for one of the inventory: providers show four, some three.
const minSuffix = 3

func newInventory(rows []engine.AIKey) (*inventory, []error) {
	inv := &inventory{byID: map[string]*key{}}
	var errs []error
	problem := func(row engine.AIKey, format string, args ...any) {
		errs = append(errs, &Problem{File: row.File, Line: row.Line, Message: fmt.Sprintf(format, args...)})
	}
	for _, row := range rows {
		row.SHA256 = strings.ToLower(row.SHA256)
		k := &key{AIKey: row, id: engine.String(row.ID)}
		switch {
		case row.ID == "":
			problem(row, "a key of the inventory has no id")
			continue
		case inv.byID[row.ID] != nil:
			problem(row, "key %s is in the inventory twice", row.ID)
			continue
		case row.SHA256 != "" && !isSHA256(row.SHA256):
			problem(row, "key %s: sha256 is not 64 hex digits", row.ID)
			continue
		case row.SHA256 != "" && row.SHA256 != row.ID && inv.byID[row.SHA256] != nil:
			problem(row, "key %s has the sha256 of key %s", row.ID, inv.byID[row.SHA256].ID)
			continue
		case row.Budget < 0 || engine.Float(row.Budget).IsNil():
			problem(row, "key %s: a budget is a number and may not be negative", row.ID)
			continue
		}
		if row.Owner != "" {
			k.owner = engine.String(row.Owner)
		}
		if row.Budget > 0 {
			k.budget = engine.Float(row.Budget)
		}
		for _, p := range row.Networks {
			if p = canonical(p); !p.IsValid() {
				problem(row, "key %s: a network is invalid", row.ID)
				continue
			}
			if k.networks == nil {
				k.networks = new(bart.Lite)
			}
			k.networks.Insert(p)
		}
		inv.byID[row.ID] = k
		if row.SHA256 != "" {
			inv.byID[row.SHA256] = k
		}
		if len(row.Suffix) >= minSuffix {
			inv.hints = append(inv.hints, k)
		}
	}
	return inv, errs
}

func isSHA256(s string) bool {
	for i := 0; i < len(s); i++ {
		if c := s[i]; !(c >= '0' && c <= '9' || c >= 'a' && c <= 'f') {
			return false
		}
	}
	return len(s) == 64
}

// find gives the key a principal names, nil when the inventory has none.
func (inv *inventory) find(principal engine.Value) *key {
	if len(inv.byID) == 0 || principal.Kind() != engine.Keyword {
		return nil
	}
	return inv.byID[principal.Str()]
}

// recognise finds the one key that a hint ("sk-proj-ab...wxYZ") can be: prefix and
// suffix agree as far as both are known, and at least minSuffix last characters do.
// Two keys that fit are none, never a guess.
func (inv *inventory) recognise(provider, hint string) *key {
	begin, end, ok := splitHint(hint)
	if !ok || len(end) < minSuffix {
		return nil
	}
	var found *key
	for _, k := range inv.hints {
		if !sameEnd(k.Suffix, end) || !sameBegin(k.Prefix, begin) {
			continue
		}
		if provider != "" && k.Provider != "" && !strings.EqualFold(provider, k.Provider) {
			continue
		}
		if found != nil {
			return nil
		}
		found = k
	}
	return found
}

// splitHint takes a hint apart at its dots, its ellipsis or its stars.
func splitHint(hint string) (begin, end string, ok bool) {
	for _, gap := range [...]string{"...", "…", "***"} {
		if i := strings.Index(hint, gap); i >= 0 {
			return hint[:i], strings.TrimLeft(hint[i+len(gap):], ".*"), true
		}
	}
	return "", "", false
}

func sameBegin(a, b string) bool {
	n := min(len(a), len(b))
	return a[:n] == b[:n]
}

func sameEnd(a, b string) bool {
	n := min(len(a), len(b))
	return a[len(a)-n:] == b[len(b)-n:]
}

// Owner names who is responsible for a value that an alert is about: a key, by
// the inventory; anything else (a repository, a model) by the first list of type
// exact, by name, that has it with an owner. "" when nobody is named.
func (d *Data) Owner(value string) string {
	if k := d.keys.find(engine.String(value)); k != nil {
		return k.Owner
	}
	for _, name := range d.names {
		l := d.lists[name]
		if l.def.Type != "exact" {
			continue
		}
		for _, e := range l.def.Entries {
			if e.Owner != "" && e.Value == value {
				return e.Owner
			}
		}
	}
	return ""
}
