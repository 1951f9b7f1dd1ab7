package elastic

import (
	"crypto/sha256"
	"encoding/hex"
	"encoding/json"
	"strconv"
	"strings"
)

//go:generate go test -run TestTemplatesAreAsInTestdata -update .

// The templates' names and numbers.
const (
	// templateVersion is raised when a change of the templates must replace
	// what an older Reflex installed. A newer one is never replaced.
	templateVersion = 1
	// templatePriority beats Elasticsearch's own template for logs-*-*, which has 100.
	templatePriority = 200
	// fieldLimit stops a mapping that someone made dynamic in the custom template.
	fieldLimit = 500

	settingsComponent = "reflex@settings"
	mappingsComponent = "reflex@mappings"
	customComponent   = "reflex@custom" // the users' own; never written by Reflex
)

const shortRetentionDays = 30 // of signals and shadow

// Template is one thing to install.
type Template struct {
	Component bool            `json:"component"` // a component template; else an index template
	Name      string          `json:"name"`
	Body      json.RawMessage `json:"body"`
}

// Templates gives what Setup installs, in that order: the parts before the
// wholes. The mappings follow the field registry of package engine. They hold
// for every namespace.
func Templates(c Config) []Template {
	c = c.withDefaults()
	m, settings, mark := mappings(), settings(), mark(c)
	m["_meta"] = object{"reflex": mark}
	list := []Template{
		{true, settingsComponent, body(object{"template": object{"settings": settings}}, mark)},
		{true, mappingsComponent, body(object{"template": object{"mappings": m}}, mark)},
	}
	for _, s := range streams {
		list = append(list, Template{false, s.template(), body(indexTemplate(s, c.Retention), mark)})
	}
	return list
}

func settings() object {
	return object{"index": object{
		"number_of_shards":     1, // alerts are few
		"auto_expand_replicas": "0-1",
		"codec":                "best_compression",
		"mapping": object{
			"total_fields": object{"limit": fieldLimit},
			// A field of a log with a value of the wrong form (an address
			// that is none) is left out of the index, and named in _ignored,
			// rather than the alert refused with it.
			"ignore_malformed": true,
		},
	}}
}

func indexTemplate(s stream, retention string) object {
	t := object{
		"index_patterns": []string{s.name("*")},
		"priority":       templatePriority,
		"composed_of":    []string{settingsComponent, mappingsComponent, customComponent},
		// absent until somebody writes it
		"ignore_missing_component_templates": []string{customComponent},
	}
	if !s.index {
		t["data_stream"] = object{}
		t["template"] = object{"lifecycle": object{"data_retention": keep(s, retention)}}
	}
	return t
}

// keep gives a stream's retention.
func keep(s stream, retention string) string {
	if s.short && hours(retention) > 24*shortRetentionDays {
		return strconv.Itoa(shortRetentionDays) + "d"
	}
	return retention
}

// hours reads a retention that Validate accepted.
func hours(retention string) int {
	n, _ := strconv.Atoi(strings.TrimRight(retention, "dh"))
	if strings.HasSuffix(retention, "d") {
		return n * 24
	}
	return n
}

// mark is a hash of what Templates gives. It is installed with them, so that
// another content shows without a comparison with what Elasticsearch made of it.
func mark(c Config) string {
	parts := []any{mappings(), settings()}
	for _, s := range streams {
		parts = append(parts, indexTemplate(s, c.Retention))
	}
	b, err := json.Marshal(parts) // sorts the keys
	if err != nil {
		panic(err) // plain values cannot fail
	}
	sum := sha256.Sum256(b)
	return hex.EncodeToString(sum[:6])
}

func body(o object, mark string) json.RawMessage {
	o["version"] = templateVersion
	o["_meta"] = object{"managed_by": "reflex", "reflex": mark}
	b, err := json.MarshalIndent(o, "", "  ")
	if err != nil {
		panic(err) // plain values cannot fail
	}
	return b
}
