package decode

import (
	"encoding/json"
	"strings"

	"github.com/seed-843b225c/reflex/engine"
)

// ecs reads documents that are in ECS already, nested or flattened with dots:
// every field of the registry has its own name. It is also how rule tests make
// events. A document whose event.dataset Reflex knows is of that dataset.
var ecs = format{
	name:    "ecs",
	dataset: engine.ECS,
	signs:   "@timestamp event.dataset event.kind event.action event.category event.module ecs.version event.id",
	sniff: func(r *reading) bool {
		for i := 1; i < len(r.at); i++ {
			if r.has(i) {
				return r.has(0)
			}
		}
		return false
	},
	late:    true,
	dotted:  true,
	facts:   true,
	table:   ecsTable(),
	ownFrom: "event.dataset",
	own: func(r *reading) engine.Dataset {
		if d, ok := engine.LookupDataset(r.str(0)); ok {
			return d
		}
		return engine.ECS
	},
	base: ecsDocument,
}

// ecsEvent takes documents that say what happened before anybody looks for a line
// of text in their message: a shipper's raw line has no action or kind yet.
var ecsEvent = func() format {
	f := ecs
	f.late = false
	f.signs = "@timestamp event.kind event.action event.dataset ecs.version event.category event.original"
	f.sniff = func(r *reading) bool {
		if o := r.str(6); o != "" && o[0] == '{' && r.has(3) {
			return false // the record as it was says more
		}
		return r.has(0) && (r.has(1) || r.has(2)) && (r.has(3) || r.has(4) || r.has(5))
	}
	return f
}()

func ecsTable() []row {
	var out []row
	for _, f := range engine.Fields() {
		switch f.Name {
		case "measure":
		case "secret.principal":
			out = append(out, row{field: f.Name, from: f.Name + " aws.cloudtrail.user_identity.access_key_id"})
		default:
			out = append(out, row{field: f.Name, from: f.Name})
		}
	}
	return out
}

// dropped are the parts of a document that hold what people said to a model, and
// copies of the record as it was.
var dropped = []string{"event.original", "gen_ai.prompt", "gen_ai.completion", "gen_ai.input.messages", "gen_ai.output.messages",
	"gen_ai.system_instructions", "gen_ai.tool.call.arguments", "gen_ai.tool.call.result", "messages", "response", "prompt", "completion"}

// ecsDocument begins a document with all that the record has.
func ecsDocument(doc map[string]any, raw []byte) {
	var flat map[string]any
	dec := json.NewDecoder(strings.NewReader(string(raw)))
	dec.UseNumber()
	if dec.Decode(&flat) != nil {
		return
	}
	nest(doc, "", flat)
	for _, path := range dropped {
		dropPath(doc, path)
	}
}

// nest copies an object, taking keys with dots apart.
func nest(doc map[string]any, prefix string, from map[string]any) {
	for k, v := range from {
		if m, ok := v.(map[string]any); ok {
			nest(doc, prefix+k+".", m)
			continue
		}
		setPath(doc, prefix+k, v)
	}
}

func dropPath(doc map[string]any, path string) {
	for {
		key, rest, more := strings.Cut(path, ".")
		if !more {
			delete(doc, key)
			return
		}
		next, ok := doc[key].(map[string]any)
		if !ok {
			return
		}
		doc, path = next, rest
	}
}
