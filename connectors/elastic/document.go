package elastic

import (
	"bytes"
	"encoding/json"
	"time"

	"github.com/seed-843b225c/reflex/engine"
)

// action is the line before a document in a bulk request: exactly one is set.
type action struct {
	Create *target `json:"create,omitempty"`
	Index  *target `json:"index,omitempty"`
}

type target struct {
	Index       string `json:"_index"`
	ID          string `json:"_id"`
	DataStream  bool   `json:"require_data_stream,omitempty"`
	Version     int    `json:"version,omitempty"`
	VersionType string `json:"version_type,omitempty"`
}

// writer makes the lines of a bulk request out of transitions.
type writer struct {
	namespace  string
	dataStream bool // the server knows require_data_stream
	now        func() time.Time
}

// append adds a transition's lines and says how many actions they are. Of a
// document that cannot be written the buffer is left as it was.
func (w writer) append(b *bytes.Buffer, t *engine.Transition, incomplete string) (actions int, err error) {
	doc := t.ECS()
	if incomplete != "" {
		reduce(doc, incomplete)
	}
	event := doc["event"].(object)
	now := w.now()
	event["ingested"] = stamp(now)
	event["created"] = stamp(now)
	if t.Seen != 0 {
		event["created"] = stamp(time.Unix(0, t.Seen)) // the difference to ingested is the delivery's latency
	}
	before := b.Len()
	defer func() {
		if err != nil {
			b.Truncate(before)
		}
	}()
	if t.Incident == nil {
		return 1, w.create(b, t, doc)
	}
	event["dataset"] = auditDataset
	if err := w.create(b, t, doc); err != nil {
		return 0, err
	}
	event["dataset"] = incidentDataset
	delete(doc, "data_stream")
	newest := &target{Index: stream{index: true}.name(w.namespace), ID: t.Incident.ID, Version: t.Number, VersionType: "external_gte"}
	return 2, write(b, action{Index: newest}, doc)
}

// create appends a document to the data stream that its event.dataset names.
func (w writer) create(b *bytes.Buffer, t *engine.Transition, doc object) error {
	dataset := doc["event"].(object)["dataset"].(string)
	doc["data_stream"] = object{"type": "logs", "dataset": dataset, "namespace": w.namespace}
	to := &target{Index: stream{dataset: dataset}.name(w.namespace), ID: t.DocumentID(), DataStream: w.dataStream}
	return write(b, action{Create: to}, doc)
}

// reduce takes away what came out of logs and can be large or of a form that
// the mapping does not take, and says so. What remains is Reflex's own words:
// an alert without its evidence is better than none.
func reduce(doc object, why string) {
	for _, root := range engine.AlertRoots() {
		delete(doc, root)
	}
	r := doc["reflex"].(object)
	for _, name := range []string{"document", "evidence", "show"} {
		delete(r, name)
	}
	if in, ok := r["incident"].(object); ok {
		delete(in, "timeline")
	}
	if said, _ := r["incomplete"].(string); said != "" {
		why = said + "; " + why
	}
	r["incomplete"] = why
}

func write(b *bytes.Buffer, lines ...any) error {
	enc := json.NewEncoder(b) // ends each with the line break that bulk wants
	enc.SetEscapeHTML(false)
	for _, l := range lines {
		if err := enc.Encode(l); err != nil {
			return err
		}
	}
	return nil
}

func stamp(t time.Time) string { return t.UTC().Format(time.RFC3339Nano) }
