package engine

import (
	"encoding/json"
	"fmt"
	"net/netip"
	"strconv"
)

// ID gives the id of the alert or incident that changed.
func (t *Transition) ID() string {
	if t.Alert != nil {
		return t.Alert.ID
	}
	return t.Incident.ID
}

// DocumentID names this one change: the id with the number. A repeat has the same.
func (t *Transition) DocumentID() string { return t.ID() + "-" + strconv.Itoa(t.Number) }

// Append appends the transition in the form of the alert log: one JSON object
// without a line break, from which ParseTransition makes an equal one.
func (t *Transition) Append(b []byte) ([]byte, error) {
	j, err := json.Marshal(t)
	return append(b, j...), err
}

// Bare gives the transition without what came out of logs and can be large: of
// an alert its document, evidence and shown fields, of an incident its
// timeline. Incomplete says why. What t points to is not changed.
func (t *Transition) Bare(why string) Transition {
	out := *t
	if t.Alert != nil {
		al := *t.Alert
		al.Document, al.Evidence, al.Show = nil, nil, nil
		if Float(al.Measure).IsNil() {
			al.Measure = 0
		}
		al.Incomplete = also(al.Incomplete, why)
		out.Alert = &al
	} else {
		in := *t.Incident
		in.Timeline = nil
		in.Incomplete = also(in.Incomplete, why)
		out.Incident = &in
	}
	return out
}

func also(said, why string) string {
	if said == "" {
		return why
	}
	return said + "; " + why
}

// ParseTransition reads what Append wrote.
func ParseTransition(b []byte) (Transition, error) {
	var t Transition
	if err := json.Unmarshal(b, &t); err != nil {
		return t, fmt.Errorf("transition: %w", err)
	}
	if (t.Alert == nil) == (t.Incident == nil) {
		return t, fmt.Errorf("transition: neither an alert nor an incident")
	}
	if t.Alert != nil && string(t.Alert.Document) == "null" {
		t.Alert.Document = nil // it has none
	}
	return t, nil
}

// named is the JSON form of a Named: its value with its type.
type named struct {
	Name  string          `json:"name"`
	Field string          `json:"field,omitempty"`
	Type  string          `json:"type,omitempty"`
	Value json.RawMessage `json:"value,omitempty"`
}

// MarshalJSON gives name, field, and the value with its type.
func (n Named) MarshalJSON() ([]byte, error) {
	out := named{Name: n.Name, Field: n.Field}
	if v := n.Value; !v.IsNil() {
		out.Type = v.Kind().String()
		var err error
		switch v.Kind() {
		case List:
			out.Value, err = json.Marshal(v.Elements())
		case Date:
			out.Value, err = json.Marshal(v.Int()) // ns, exact
		default:
			out.Value, err = json.Marshal(v.Text())
		}
		if err != nil {
			return nil, err
		}
	}
	return json.Marshal(out)
}

// UnmarshalJSON reads what MarshalJSON gave.
func (n *Named) UnmarshalJSON(b []byte) error {
	var in named
	if err := json.Unmarshal(b, &in); err != nil {
		return err
	}
	*n = Named{Name: in.Name, Field: in.Field}
	var err error
	switch in.Type {
	case "":
		return nil
	case List.String():
		var list []string
		if err = json.Unmarshal(in.Value, &list); err == nil {
			n.Value = Strings(list...)
		}
		return err
	case Date.String():
		var ns int64
		if err = json.Unmarshal(in.Value, &ns); err == nil {
			n.Value = Instant(ns)
		}
		return err
	}
	var text string
	if err := json.Unmarshal(in.Value, &text); err != nil {
		return err
	}
	switch in.Type {
	case Keyword.String():
		n.Value = String(text)
	case IP.String():
		var a netip.Addr
		if a, err = netip.ParseAddr(text); err == nil {
			n.Value = Address(a)
		}
	case Long.String():
		var i int64
		if i, err = strconv.ParseInt(text, 10, 64); err == nil {
			n.Value = Int(i)
		}
	case Double.String():
		var f float64
		if f, err = strconv.ParseFloat(text, 64); err == nil {
			n.Value = Float(f)
		}
	case Bool.String():
		var yes bool
		if yes, err = strconv.ParseBool(text); err == nil {
			n.Value = Boolean(yes)
		}
	default:
		err = fmt.Errorf("value of %s: no type is named %s", in.Name, in.Type)
	}
	return err
}

// MarshalText gives the level's word; the zero Level is "".
func (l Level) MarshalText() ([]byte, error) { return []byte(l.String()), nil }

// UnmarshalText reads a level's word.
func (l *Level) UnmarshalText(b []byte) (err error) {
	if *l = 0; len(b) > 0 {
		*l, err = ParseLevel(string(b))
	}
	return err
}

// MarshalText gives the change's word.
func (c Change) MarshalText() ([]byte, error) { return []byte(c.String()), nil }

// UnmarshalText reads a change's word.
func (c *Change) UnmarshalText(b []byte) error {
	for i, name := range changeNames {
		if name == string(b) {
			*c = Change(i)
			return nil
		}
	}
	return fmt.Errorf("no change is named %q", b)
}

// MarshalText gives the dataset's name, which outlives its number.
func (d Dataset) MarshalText() ([]byte, error) { return []byte(d.String()), nil }

// UnmarshalText reads a dataset's name; an unknown one is NoDataset.
func (d *Dataset) UnmarshalText(b []byte) error {
	*d, _ = LookupDataset(string(b))
	return nil
}

// ECS gives the change as the ECS document that sinks store. Elastic's prebuilt
// "External Alerts" rule promotes every event.kind "alert", so only what pages
// has it: the opening of an alert, and a raised level. The rest is kind "event".
func (t *Transition) ECS() map[string]any {
	if t.Alert == nil {
		doc := t.Incident.ECS()
		event := doc["event"].(object)
		event["action"] = "incident-" + t.Change.String()
		doc["@timestamp"] = stamp(t.Time)
		doc["reflex"].(object)["transition"] = t.transition()
		return doc
	}
	doc := t.Alert.ECS()
	event := doc["event"].(object)
	event["action"] = "alert-" + t.Change.String()
	if t.Alert.Mode != "alert" || t.Change != Opened && t.Change != Raised {
		event["kind"] = "event"
	}
	doc["@timestamp"] = stamp(t.Time)
	doc["reflex"].(object)["transition"] = t.transition()
	return doc
}

func (t *Transition) transition() object {
	o := object{"change": t.Change.String(), "number": t.Number, "id": t.DocumentID()}
	if t.Into != "" {
		o["into"] = t.Into
	}
	if t.Reason != "" {
		o["reason"] = t.Reason
	}
	return o
}
