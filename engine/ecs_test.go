package engine

import (
	"encoding/json"
	"net/netip"
	"reflect"
	"testing"
)

// incidentOf gives what an incident's document says under reflex.incident.
func incidentOf(t *testing.T, doc map[string]any) map[string]any {
	t.Helper()
	b, err := json.Marshal(doc)
	if err != nil {
		t.Fatal(err)
	}
	var out struct {
		Reflex struct {
			Incident map[string]any `json:"incident"`
		} `json:"reflex"`
	}
	if err := json.Unmarshal(b, &out); err != nil {
		t.Fatal(err)
	}
	return out.Reflex.Incident
}

func TestIncidentSaysInECSWhatBecameOfIt(t *testing.T) {
	older := Incident{ID: "i1", State: "open", Mode: "alert", Level: High, Merged: []string{"i2"}, Count: 250, Incomplete: "100 of 250 alerts are listed"}
	younger := Incident{ID: "i2", State: "merged", Mode: "signal", Level: Low, Into: "i1", Count: 1, Final: true}
	for _, c := range []struct {
		in   Incident
		want map[string]any
	}{
		{older, map[string]any{"id": "i1", "state": "open", "mode": "alert", "final": false, "count": 250.0, "merged": []any{"i2"}, "into": nil, "incomplete": "100 of 250 alerts are listed"}},
		{younger, map[string]any{"id": "i2", "state": "merged", "mode": "signal", "final": true, "count": 1.0, "merged": nil, "into": "i1", "incomplete": nil}},
	} {
		got := incidentOf(t, c.in.ECS())
		for name, want := range c.want {
			if !reflect.DeepEqual(got[name], want) {
				t.Errorf("%s: %s is %v, want %v", c.in.ID, name, got[name], want)
			}
		}
	}
}

func TestMergedTransitionLinksInECS(t *testing.T) {
	in := Incident{ID: "i2", State: "merged", Level: Low, Into: "i1"}
	tr := Transition{Change: Merged, Number: 4, Incident: &in, Into: "i1"}
	doc := tr.ECS()
	event := doc["event"].(map[string]any)
	change := doc["reflex"].(map[string]any)["transition"].(map[string]any)
	if event["action"] != "incident-merged" || event["kind"] != "event" || change["into"] != "i1" || change["id"] != "i2-4" {
		t.Errorf("event %v, transition %v", event, change)
	}
}

func TestAlertWithoutDocumentShowsInECSWhatItKnows(t *testing.T) {
	ip := String("192.0.2.7")
	al := Alert{Level: High, Key: []Named{{Name: "user", Field: "user.name", Value: String("build")}},
		Evidence: []Evidence{
			{Fields: []Named{{Name: "source.ip", Field: "source.ip", Value: ip}, {Name: "event.action", Field: "event.action", Value: String("GetObject")}}},
			{Fields: []Named{{Name: "source.ip", Field: "source.ip", Value: String("192.0.2.8")}, {Name: "source.as.number", Field: "source.as.number", Value: Int(64500)}}}}}
	doc := al.ECS()
	want := object{"ip": ip.Any(), "as": object{"number": int64(64500)}}
	if !reflect.DeepEqual(doc["source"], want) || !reflect.DeepEqual(doc["user"], object{"name": "build"}) {
		t.Errorf("source %v, user %v", doc["source"], doc["user"])
	}
	if action := doc["event"].(object)["action"]; action != "alert-final" {
		t.Errorf("event.action is the alert's own, not %v", action)
	}
	al.Document = json.RawMessage(`{"source":{"ip":"192.0.2.9"}}`)
	if got := al.ECS(); got["user"] != nil || !reflect.DeepEqual(got["source"], object{"ip": "192.0.2.9"}) {
		t.Errorf("with a document: %v", got)
	}
}

func TestECSRelatesAllThatAnAlertNames(t *testing.T) {
	ip := func(s string) Value { return Address(netip.MustParseAddr(s)) }
	al := Alert{Level: High, Name: "the rule", Title: "what happened", Document: json.RawMessage(`{"related":{"ip":["192.0.2.1"],"user":"first"}}`),
		Entities: []Named{{Name: "ip", Field: "source.ip", Value: ip("192.0.2.1")}, {Name: "user", Field: "user.name", Value: String("second")}},
		Evidence: []Evidence{{Fields: []Named{{Field: "destination.ip", Value: ip("192.0.2.2")}, {Field: "user.name", Value: String("first")},
			{Field: "destination.domain", Value: String("a.example")}, {Field: "secret.fingerprint", Value: String("f")}, {Field: "event.action", Value: String("x")}}}}}
	doc := al.ECS()
	want := object{"ip": []any{"192.0.2.1", "192.0.2.2"}, "user": []any{"first", "second"}, "hosts": []any{"a.example"}, "hash": []any{"f"}}
	if !reflect.DeepEqual(doc["related"], want) {
		t.Errorf("alert: %v", doc["related"])
	}
	if r := doc["rule"].(object); r["name"] != "the rule" || doc["message"] != "what happened" {
		t.Errorf("rule %v, message %v", r, doc["message"])
	}
	in := Incident{Level: High, Entities: al.Entities}
	if got := in.ECS()["related"]; !reflect.DeepEqual(got, object{"ip": []any{"192.0.2.1"}, "user": []any{"second"}}) {
		t.Errorf("incident: %v", got)
	}
	if _, ok := (&Incident{Level: High}).ECS()["related"]; ok {
		t.Error("an incident that names nothing is related to something")
	}
}
