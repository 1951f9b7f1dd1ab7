package decode

import (
	"bytes"
	"encoding/json"
	"maps"
	"slices"
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
	derived: []derivation{ecsIssued},
	rawPath: func(path string) string {
		if in := inECS(path); in != path {
			return in
		}
		return ""
	},
	ownFrom: "event.dataset data_stream.dataset",
	own: func(r *reading) engine.Dataset {
		if d, ok := engine.LookupDataset(firstOf(r, 0, 1)); ok {
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
		case "event.action":
			out = append(out, row{field: f.Name, from: "event.action event.dataset network.direction source.ip destination.ip source.port destination.port", value: ecsAction})
		case "secret.principal":
			out = append(out, row{field: f.Name, from: f.Name + " aws.cloudtrail.user_identity.access_key_id"})
		default:
			out = append(out, row{field: f.Name, from: f.Name})
		}
	}
	return out
}

// ecsAction gives what happened in the words of the rules: to Elastic, the action of
// a flow is accept or reject.
func ecsAction(r *reading) engine.Value {
	action := r.str(0)
	if r.str(1) != "aws.vpcflow" || derivedKinds[action] {
		return text(action)
	}
	from, to := parseLong(r.str(5)).Int(), parseLong(r.str(6)).Int()
	if from != 0 && to != 0 && from < to && from < 32768 {
		return engine.String("flow") // as flowAnswers
	}
	src, ok := parseAddr(r.str(3))
	dst, ok2 := parseAddr(r.str(4))
	switch d := r.str(2); {
	case d == "egress", d == "outbound", d != "ingress" && d != "inbound" && ok && ok2 && !public(src.Unmap()) && public(dst.Unmap()):
		return engine.String("net.egress")
	}
	return engine.String("flow")
}

// dropped are the parts of a document that hold what people said to a model, and
// copies of the record as it was.
var dropped = []string{"event.original", "gen_ai.prompt", "gen_ai.completion", "gen_ai.input.messages", "gen_ai.output.messages",
	"gen_ai.system_instructions", "gen_ai.tool.call.arguments", "gen_ai.tool.call.result", "messages", "response", "prompt", "completion"}

// ecsDocument begins a document with all that the record has.
func ecsDocument(m *Documents) {
	var flat map[string]any
	dec := json.NewDecoder(bytes.NewReader(m.raw))
	dec.UseNumber()
	if dec.Decode(&flat) != nil {
		return
	}
	doc := map[string]any{}
	nest(doc, "", flat)
	for _, path := range dropped {
		dropPath(doc, path)
	}
	m.doc.fill(0, doc)
}

// nest copies an object, taking keys with dots apart. Of what stands in each
// other's way the last counts, in the order of the keys.
func nest(doc map[string]any, prefix string, from map[string]any) {
	for _, k := range slices.Sorted(maps.Keys(from)) {
		if m, ok := from[k].(map[string]any); ok {
			nest(doc, prefix+k+".", m)
			continue
		}
		setPath(doc, prefix+k, from[k])
	}
}

// setPath stores a value under a path with dots between keys; what is in the
// way and no object is replaced.
func setPath(doc map[string]any, path string, v any) {
	for {
		key, rest, more := strings.Cut(path, ".")
		if !more {
			doc[key] = v
			return
		}
		next, ok := doc[key].(map[string]any)
		if !ok {
			next = map[string]any{}
			doc[key] = next
		}
		doc, path = next, rest
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
