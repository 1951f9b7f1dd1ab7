package engine

import (
	"encoding/json"
	"math"
	"net/netip"
	"reflect"
	"testing"
)

func TestTransitionComesBackAsItWas(t *testing.T) {
	values := []Named{
		{Name: "key", Field: "secret.principal", Value: String("AKIAEXAMPLE \"quoted\"\n")},
		{Name: "ip", Value: Address(netip.MustParseAddr("2001:db8::1"))},
		{Name: "n", Value: Int(-7)}, {Name: "cost", Value: Float(0.1)}, {Name: "public", Value: Boolean(true)},
		{Name: "at", Value: Instant(1772446320123456789)}, {Name: "list", Value: Strings("a", "", "b")}, {Name: "missing"},
	}
	al := &Alert{ID: "a1", Rule: "r", Dedup: "00ff", Level: High, Mode: "alert", Key: values[:1], Entities: values, Show: values,
		Evidence: []Evidence{{Time: 3, ID: "e", Dataset: CloudTrail, Origin: Origin{Source: "t", Partition: 2, Offset: 9}, Fields: values}},
		Document: json.RawMessage(`{"a":1}`), Final: true}
	in := &Incident{ID: "i1", Level: Critical, State: "open", Entities: values, Timeline: []Moment{{Time: 1, Level: Low, Text: "x"}}}
	for _, want := range []Transition{
		{Change: Raised, Number: 3, Time: 5, Alert: al, Seen: 8},
		{Change: Opened, Number: 1, Alert: &Alert{ID: "without a document"}},
		{Change: Merged, Number: 2, Incident: in, Into: "i0"},
	} {
		b, err := want.Append(nil)
		if err != nil {
			t.Fatal(err)
		}
		got, err := ParseTransition(b)
		if err != nil {
			t.Fatal(err)
		}
		if !reflect.DeepEqual(got, want) {
			t.Errorf("got  %+v\nwant %+v", got, want)
		}
	}
	if _, err := ParseTransition([]byte(`{"change":"opened"}`)); err == nil {
		t.Error("a transition of nothing was taken")
	}
}

func TestOnlyWhatPagesIsAnAlertInECS(t *testing.T) {
	for _, c := range []struct {
		change Change
		mode   string
		kind   string
	}{{Opened, "alert", "alert"}, {Raised, "alert", "alert"}, {Joined, "alert", "event"}, {Closed, "alert", "event"}, {Opened, "signal", "event"}} {
		tr := Transition{Change: c.change, Number: 1, Alert: &Alert{ID: "x", Mode: c.mode, Level: High}}
		event := tr.ECS()["event"].(map[string]any)
		if event["kind"] != c.kind || event["action"] != "alert-"+c.change.String() {
			t.Errorf("%s %s: kind %v, action %v", c.change, c.mode, event["kind"], event["action"])
		}
	}
}

func TestNumbersThatJSONCannotHoldAreNoValues(t *testing.T) {
	for _, f := range []float64{math.NaN(), math.Inf(1), math.Inf(-1)} {
		if v := Float(f); !v.IsNil() {
			t.Errorf("%v became %v", f, v.Text())
		}
	}
	for _, f := range []float64{0, -1.5, math.MaxFloat64, math.SmallestNonzeroFloat64} {
		if v := Float(f); v.Float() != f {
			t.Errorf("%v became %q", f, v.Text())
		}
	}
}
