package decode

import "encoding/json"

// Programs pass records on in objects of their own making: {"payload":{record}},
// {"value":"{record}"}, {"data":[records]}. No table can list those keys, so of an
// object that no format and no envelope takes, the value is looked for that one
// of them would take.

// maxHold is how many such objects may lie inside each other.
const maxHold = 3

// held decodes what an object of no known kind passes on. False: nothing in it
// is a record.
func (d *Decoder) held(raw []byte, c *context, s *stream) bool {
	found := d.holds(raw, c, maxHold)
	if found == nil {
		return false
	}
	inner := *c
	inner.outer, inner.parent = raw, c
	d.unpackInto(&holder, found, asJSON, &inner, s)
	return true
}

var holder = envelope{name: "object around a record"}

// holds finds the first value of an object that is a record, a list of records
// or an envelope, or passes one on itself; nil for none.
func (d *Decoder) holds(doc node, c *context, deep int) (found node) {
	if deep == 0 {
		return nil
	}
	doc.fields(func(_ string, v node) bool {
		if d.carries(v, c, deep) {
			found = v
		}
		return found == nil
	})
	return found
}

// carries reports whether a value, or the JSON or flow record in a text, can be
// decoded.
func (d *Decoder) carries(v node, c *context, deep int) bool {
	const shortest = 40 // no record is shorter
	if len(v) < shortest {
		return false
	}
	if v.kind() == '"' {
		text := node(v.text(nil))
		switch i := skipSpace(text, 0); {
		case i == len(text):
			return false
		case text[i] != '{' && text[i] != '[':
			return sniffFlow(firstLine(text))
		case !json.Valid(text):
			return false
		default:
			v = text[i:]
		}
	}
	switch v.kind() {
	case '[':
		var first node
		v.elements(func(e node) bool { first = e; return false })
		return (first.kind() == '{' || first.kind() == '"') && d.carries(first, c, deep)
	case '{':
		return d.known(v, c) || d.holds(v, c, deep-1) != nil
	}
	return false
}

// known reports whether a format that takes no others' records, or an envelope,
// takes an object.
func (d *Decoder) known(v node, c *context) bool {
	d.scan.scan(v, 0, d.plan.probe.trie)
	d.begin(d.plan.probe, v, c)
	for i, rd := range d.plan.readers {
		if d.read.at = d.plan.signs[i]; !rd.late && rd.sniff(&d.read) {
			return true
		}
	}
	for i, e := range envelopes {
		if d.read.at = d.plan.wraps[i]; e.name == "list of records" {
			continue // its names are too common: its elements are looked at
		}
		if _, _, _, ok := e.open(&d.read); ok {
			return true
		}
	}
	return false
}
