package elastic

import (
	"slices"
	"strings"

	"github.com/seed-843b225c/reflex/engine"
)

type object = map[string]any

// The lengths beyond which a value is stored but cannot be searched. Lucene
// refuses a term over 32,766 bytes and the document with it, so no field is
// without one; UTF-8 takes up to 4 bytes a character.
const (
	longestKeyword = 1024
	longestText    = 8191 // free text as a keyword
	longestOpen    = 4096 // a value inside an open shape, whose keys are part of the term
	deepestOpen    = 100  // of an open shape; records nest at most 64 deep
)

var (
	keyword = object{"type": "keyword", "ignore_above": longestKeyword}
	date    = object{"type": "date"}
	number  = object{"type": "long"}
	boolean = object{"type": "boolean"}
	// text is searched by word; ECS has these two as text, and a keyword beside it sorts and groups.
	text = object{"type": "text", "fields": object{"keyword": object{"type": "keyword", "ignore_above": longestText}}}
	// anyShape holds what has any shape: one field to Elasticsearch, however many
	// keys a log line brings, so that logs cannot blow up the mapping.
	anyShape = object{"type": "flattened", "ignore_above": longestOpen, "depth_limit": deepestOpen}
)

// own are the fields that documents have beside those of the registry.
var own = map[string]object{
	"@timestamp":                       {"type": "date", "ignore_malformed": false}, // data streams insist
	"data_stream.type":                 keyword,
	"data_stream.dataset":              keyword,
	"data_stream.namespace":            keyword,
	"ecs.version":                      keyword,
	"tags":                             keyword,
	"event.module":                     keyword,
	"event.ingested":                   date,
	"event.severity":                   number,
	"event.risk_score":                 {"type": "float"},
	"rule.id":                          keyword,
	"rule.name":                        keyword,
	"rule.version":                     keyword,
	"rule.ruleset":                     keyword,
	"threat.framework":                 keyword,
	"threat.technique.id":              keyword,
	"threat.technique.subtechnique.id": keyword,
	"related.ip":                       {"type": "ip"},
	"related.user":                     keyword,
	"related.hosts":                    keyword,
	"related.hash":                     keyword,

	"reflex.severity":          keyword,
	"reflex.mode":              keyword,
	"reflex.kind":              keyword,
	"reflex.final":             boolean,
	"reflex.count":             number,
	"reflex.events":            number,
	"reflex.measure":           {"type": "double"},
	"reflex.incomplete":        keyword,
	"reflex.runbook":           keyword,
	"reflex.entities.type":     keyword,
	"reflex.entities.value":    keyword,
	"reflex.key":               anyShape,
	"reflex.show":              anyShape,
	"reflex.evidence":          anyShape,
	"reflex.document":          anyShape,
	"reflex.transition.change": keyword,
	"reflex.transition.number": number,
	"reflex.transition.id":     keyword,
	"reflex.transition.into":   keyword,
	"reflex.transition.reason": keyword,

	"reflex.incident.id":             keyword,
	"reflex.incident.state":          keyword,
	"reflex.incident.into":           keyword,
	"reflex.incident.merged":         keyword,
	"reflex.incident.mode":           keyword,
	"reflex.incident.final":          boolean,
	"reflex.incident.count":          number,
	"reflex.incident.incomplete":     keyword,
	"reflex.incident.severity":       keyword,
	"reflex.incident.risk":           number,
	"reflex.incident.owner":          keyword,
	"reflex.incident.alerts":         keyword,
	"reflex.incident.rules":          keyword,
	"reflex.incident.entities.type":  keyword,
	"reflex.incident.entities.value": keyword,
	"reflex.incident.first":          keyword,
	"reflex.incident.runbook":        keyword,
	"reflex.incident.timeline":       anyShape,
}

// mappings gives the mapping of every document: the registry's fields as far
// as an alert can have them, and our own. What is in neither is kept in the
// source and not indexed (dynamic false): a log must not decide the mapping.
func mappings() object {
	properties := object{}
	for _, f := range engine.Fields() {
		if root, _, _ := strings.Cut(f.Name, "."); root == "event" || root == "message" || slices.Contains(engine.AlertRoots(), root) {
			setField(properties, f.Name, fieldMapping(f))
		}
	}
	for name, m := range own {
		setField(properties, name, m)
	}
	return object{"dynamic": false, "date_detection": false, "properties": properties}
}

// fieldMapping gives the mapping of a registered field. Dates are date, not
// date_nanos: all of logs-* is, the two do not sort together, and date_nanos
// refuses years that a broken clock writes. The source keeps the nanoseconds,
// reflex.transition.number the order.
func fieldMapping(f engine.FieldDef) object {
	switch {
	case f.Name == "message":
		return text
	case f.Text:
		return object{"type": "keyword", "ignore_above": longestText}
	case f.Type == engine.Keyword || f.Type == engine.List:
		return keyword
	}
	return object{"type": f.Type.String()} // the registry's names are Elasticsearch's
}

// setField puts a field's mapping at its dotted name.
func setField(properties object, name string, m object) {
	head, rest, nested := strings.Cut(name, ".")
	if !nested {
		properties[head] = m
		return
	}
	parent, ok := properties[head].(object)
	if !ok {
		parent = object{"properties": object{}}
		properties[head] = parent
	}
	setField(parent["properties"].(object), rest, m)
}

// flatFields gives the type of each field of a mapping by dotted name; what it
// cannot read it leaves out. Objects have no type.
func flatFields(mapping object) map[string]string {
	out := map[string]string{}
	var walk func(prefix string, m object)
	walk = func(prefix string, m object) {
		properties, _ := m["properties"].(object)
		for name, v := range properties {
			if child, ok := v.(object); ok {
				if t, ok := child["type"].(string); ok && t != "object" {
					out[prefix+name] = t
				}
				walk(prefix+name+".", child)
			}
		}
	}
	walk("", mapping)
	return out
}
