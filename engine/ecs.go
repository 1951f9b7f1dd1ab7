package engine

import (
	"bytes"
	"cmp"
	"encoding/json"
	"slices"
	"strings"
	"time"
)

// ECSVersion is the version of the Elastic Common Schema that documents name.
const ECSVersion = "9.1.0"

// kept are the roots of an event's document that stand at the root of its
// alert's document too, so that the fields of rules can be searched there.
var kept = []string{"source", "destination", "network", "user", "user_agent", "cloud", "gen_ai", "ci", "runner",
	"secret", "model", "image", "process", "host", "container", "orchestrator", "organization", "server", "related"}

type object = map[string]any

// AlertRoots lists the roots of an event's document that stand at the root of
// its alert's document too: what the mappings of alerts have to know. Read only.
func AlertRoots() []string { return kept }

// ECS gives the alert as an ECS document, the same for files and for
// Elasticsearch: Elastic's prebuilt "External Alerts" rule takes it as it is
// (event.kind alert, event.severity and risk_score of 21, 47, 73 or 99). Its
// keys are sorted, so equal alerts are equal bytes.
func (a *Alert) ECS() object {
	doc := object{}
	first := a.first()
	if first != nil {
		for _, root := range kept {
			if v, ok := fitting(root, first[root]); ok && v != nil {
				doc[root] = v
			}
		}
	} else {
		a.known(doc)
	}
	relate(doc, a.Key, a.Entities)
	for _, ev := range a.Evidence {
		relate(doc, ev.Fields)
	}
	doc["@timestamp"] = stamp(a.End)
	doc["ecs"] = object{"version": ECSVersion}
	doc["message"] = a.Title
	doc["event"] = object{
		"kind": "alert", "category": []string{"threat"}, "type": []string{"indicator"}, "module": "reflex",
		"dataset": "reflex." + stream(a.Mode), "action": "alert-final", "id": a.ID,
		"severity": a.Level.Risk(), "risk_score": a.Level.Risk(),
		"start": stamp(a.Start), "end": stamp(a.End), "duration": a.End - a.Start, "reason": a.Description,
	}
	doc["rule"] = object{"id": a.Rule, "name": cmp.Or(a.Name, a.Title), "version": a.RuleVersion, "ruleset": "reflex"}
	if t := threat(a.Tags); t != nil {
		doc["threat"] = t
	}
	doc["tags"] = a.Tags
	r := object{
		"severity": a.Level.String(), "mode": a.Mode, "kind": a.Kind, "final": a.Final,
		"count": a.Count, "events": a.Events, "key": flat(a.Key), "entities": entities(a.Entities),
		"show": flat(a.Show), "runbook": a.Runbook, "evidence": evidence(a.Evidence),
	}
	if a.Measure != 0 {
		r["measure"] = a.Measure
	}
	if a.Incomplete != "" {
		r["incomplete"] = a.Incomplete
	}
	if first != nil {
		r["document"] = whole(first)
	}
	doc["reflex"] = r
	return doc
}

// first reads the document of the alert's first event; nil when there is none.
// Numbers stay as they are written: an id of 19 digits is no float.
func (a *Alert) first() (doc object) {
	d := json.NewDecoder(bytes.NewReader(a.Document))
	d.UseNumber()
	if d.Decode(&doc) != nil {
		return nil
	}
	return doc
}

// known fills in what the alert itself knows of its events: for one whose first
// event was gone, before it turned out to be an alert, with its document.
func (a *Alert) known(doc object) {
	fields := slices.Concat(a.Key, a.Entities)
	for _, ev := range a.Evidence {
		fields = append(fields, ev.Fields...)
	}
	for _, f := range fields {
		root, _, _ := strings.Cut(f.Field, ".")
		if !slices.Contains(kept, root) || f.Value.IsNil() {
			continue
		}
		o, path := doc, strings.Split(f.Field, ".")
		for _, key := range path[:len(path)-1] {
			if _, ok := o[key].(object); !ok {
				o[key] = object{}
			}
			o = o[key].(object)
		}
		if last := path[len(path)-1]; o[last] == nil {
			o[last] = f.Value.Any()
		}
	}
}

// ECS gives the incident as a document of the incidents index.
func (in *Incident) ECS() object {
	timeline := make([]object, 0, len(in.Timeline))
	for _, m := range in.Timeline {
		o := object{"at": stamp(m.Time), "alert": m.Alert, "rule": m.Rule, "severity": m.Level.String(), "text": m.Text}
		if m.Step != "" {
			o["step"] = m.Step
		}
		if m.Event != "" {
			o["event"], o["origin"] = m.Event, m.Origin
		}
		timeline = append(timeline, o)
	}
	state := object{
		"id": in.ID, "state": in.State, "severity": in.Level.String(), "risk": in.Risk, "owner": in.Owner, "alerts": in.Alerts, "rules": in.Rules,
		"entities": entities(in.Entities), "first": in.First, "runbook": in.Runbook, "timeline": timeline,
		"mode": in.Mode, "final": in.Final, "count": in.Count,
	}
	if in.Into != "" {
		state["into"] = in.Into
	}
	if len(in.Merged) > 0 {
		state["merged"] = in.Merged
	}
	if in.Incomplete != "" {
		state["incomplete"] = in.Incomplete
	}
	doc := object{
		"@timestamp": stamp(in.End),
		"ecs":        object{"version": ECSVersion},
		"message":    in.Title,
		"event": object{"kind": "event", "module": "reflex", "dataset": "reflex.incidents", "id": in.ID,
			"severity": in.Level.Risk(), "risk_score": in.Risk, "start": stamp(in.Start), "end": stamp(in.End)},
		"tags":   in.Tags,
		"reflex": object{"incident": state},
	}
	relate(doc, in.Entities)
	if t := threat(in.Tags); t != nil {
		doc["threat"] = t
	}
	return doc
}

// stream names the data stream of a mode: alerts page, the rest does not, and
// what a rule on trial finds stands apart.
func stream(mode string) string {
	switch mode {
	case "alert":
		return "alerts"
	case "shadow":
		return "shadow"
	}
	return "signals"
}

func stamp(ns int64) string { return time.Unix(0, ns).UTC().Format(time.RFC3339Nano) }

func flat(list []Named) object {
	o := object{}
	for _, n := range list {
		if !n.Value.IsNil() {
			o[n.Name] = n.Value.Any()
		}
	}
	return o
}

func entities(list []Named) []object {
	out := make([]object, 0, len(list))
	for _, n := range list {
		out = append(out, object{"type": n.Name, "value": n.Value.Any()})
	}
	return out
}

func evidence(list []Evidence) []object {
	out := make([]object, 0, len(list))
	for _, ev := range list {
		o := object{"at": stamp(ev.Time), "event": ev.ID, "dataset": ev.Dataset.String(), "origin": ev.Origin.String()}
		if len(ev.Fields) > 0 {
			o["fields"] = flat(ev.Fields)
		}
		for name, v := range map[string]string{"step": ev.Step, "rule": ev.Rule, "alert": ev.Alert} {
			if v != "" {
				o[name] = v
			}
		}
		out = append(out, o)
	}
	return out
}

// threat reads the ATT&CK techniques out of tags like attack.t1078.004.
func threat(tags []string) object {
	var techniques, subs []string
	for _, tag := range tags {
		id, ok := strings.CutPrefix(tag, "attack.t")
		if !ok {
			continue
		}
		id = "T" + id
		parent, _, isSub := strings.Cut(id, ".")
		if !slices.Contains(techniques, parent) {
			techniques = append(techniques, parent)
		}
		if isSub {
			subs = append(subs, id)
		}
	}
	if techniques == nil {
		return nil
	}
	slices.Sort(techniques)
	technique := object{"id": techniques}
	if subs != nil {
		slices.Sort(subs)
		technique["subtechnique"] = object{"id": subs}
	}
	return object{"framework": "MITRE ATT&CK", "technique": technique}
}
