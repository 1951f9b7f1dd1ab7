package rule

import (
	"encoding/hex"
	"strings"

	"github.com/seed-843b225c/reflex/engine"
)

// listReader takes up lists and inventories.
type listReader struct {
	lists []engine.ListDef
	keys  []engine.AIKey
	names map[string]Text // of lists
	ids   map[string]Text // of keys
}

func (r *listReader) list(d document) {
	l := engine.ListDef{
		Name: d.get("name").str(), Type: d.get("type").str(),
		Description: d.get("description").str(), File: d.w.src.name,
	}
	name := d.get("name").text()
	if first, ok := r.names[l.Name]; ok && l.Name != "" {
		d.w.wrong(d.get("name").n, "", "list %s stands twice, first in %s:%d", l.Name, first.Pos.File(), first.Pos.Line)
	}
	r.names[l.Name] = name
	seen := map[string]int{}
	for _, v := range d.get("entries").list() {
		e := engine.ListEntry{Value: v.str(), Line: v.pos().Line}
		value := v
		if v.get("value").present() {
			value = v.get("value")
			e = engine.ListEntry{
				Value: value.str(), Note: v.get("note").str(), Owner: v.get("owner").str(),
				Expires: v.get("expires").date(), Line: value.pos().Line,
			}
		}
		if e.Value == "" {
			continue
		}
		if why := entryMistake(l.Type, e.Value); why != "" {
			d.w.wrong(value.n, "", "%s", why)
			continue
		}
		if line, twice := seen[e.Value]; twice {
			d.w.wrong(value.n, "", "%s stands twice, first in line %d", e.Value, line)
			continue
		}
		seen[e.Value] = e.Line
		l.Entries = append(l.Entries, e)
	}
	r.lists = append(r.lists, l)
}

// entryMistake says why a value is no entry of a list of this type.
func entryMistake(typ, value string) string {
	switch typ {
	case "cidr":
		if _, err := parseNetwork(value); err != nil {
			return value + " is no network"
		}
	case "domain":
		v := strings.TrimPrefix(strings.TrimPrefix(value, "*"), ".")
		if v == "" || strings.ContainsAny(v, "/:@*? \t") || strings.HasPrefix(v, ".") || strings.Contains(v, "..") {
			return value + " is no domain"
		}
	}
	return ""
}

func (r *listReader) inventory(d document) {
	for _, v := range d.get("ai_keys").list() {
		k, ok := readKey(v)
		if !ok {
			continue
		}
		if first, twice := r.ids[k.ID]; twice {
			d.w.wrong(v.get("id").n, "", "key %s stands twice, first in %s:%d", k.ID, first.Pos.File(), first.Pos.Line)
			continue
		}
		r.ids[k.ID] = v.get("id").text()
		r.keys = append(r.keys, k)
	}
}

// readKey takes up one key of an inventory.
func readKey(v node) (engine.AIKey, bool) {
	k := engine.AIKey{
		ID: v.get("id").str(), Provider: v.get("provider").str(), SHA256: strings.ToLower(v.get("sha256").str()),
		Prefix: v.get("prefix").str(), Suffix: v.get("suffix").str(), Owner: v.get("owner").str(),
		Budget: v.get("budget").float(), File: v.w.src.name, Line: v.pos().Line,
	}
	for _, t := range v.get("networks").texts() {
		if p, err := parseNetwork(t.Value); err == nil {
			k.Networks = append(k.Networks, p)
		}
	}
	if k.SHA256 != "" {
		if b, err := hex.DecodeString(k.SHA256); err != nil || len(b) != 32 {
			v.w.wrong(v.get("sha256").n, "", "sha256 must be 64 hex digits")
			return k, false
		}
	}
	if len(k.Prefix) > 20 || len(k.Suffix) > 8 {
		v.w.wrong(v.n, "at most 20 characters of prefix and 8 of suffix", "an inventory holds no keys, only how they begin and end")
		v.w.mistakes[len(v.w.mistakes)-1].Text = "" // it may hold a key
		return k, false
	}
	return k, k.ID != ""
}
