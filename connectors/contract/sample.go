package contract

import (
	"bytes"
	"encoding/json"
	"fmt"
	"net/netip"
	"strings"

	"github.com/seed-843b225c/reflex/engine"
)

// start is the event time of the first sample, ns: 2 March 2026, 10:00 UTC.
const start = int64(1772445600_000000000)

// Transitions gives n transitions as they stand in the alert log: alerts that
// open, rise and become final, each followed by its incident's. Two calls give
// equal ones.
func Transitions(n int) []engine.Transition {
	changes := []engine.Change{engine.Opened, engine.Raised, engine.Closed}
	ts := make([]engine.Transition, 0, n)
	for story := 0; len(ts) < n; story++ {
		for step, change := range changes {
			at := start + int64(story)*60e9 + int64(step)*1e9
			al := alert(story, step, at)
			ts = append(ts,
				engine.Transition{Change: change, Number: step + 1, Time: at, Alert: al, Seen: at + 5e6},
				engine.Transition{Change: change, Number: step + 1, Time: at, Incident: incident(story, al), Seen: at + 5e6})
		}
	}
	return ts[:n]
}

func alert(story, step int, at int64) *engine.Alert {
	id := fmt.Sprintf("%031x%x", story+1, 0xa)
	key := engine.Named{Name: "key", Field: "secret.principal", Value: engine.String("example-key-" + id[28:])}
	ip := engine.Named{Name: "ip", Field: "source.ip", Value: engine.Address(netip.MustParseAddr("198.51.100.7"))}
	return &engine.Alert{
		ID: id, Rule: "example-foreign-use", RuleVersion: "0000000000000001", Level: engine.Medium + engine.Level(min(step, 1)),
		Title: "example key used from 198.51.100.7", Description: "A key was used from a network that is not ours.",
		Mode: "alert", Kind: "match", Tags: []string{"attack.t1078.004"}, Runbook: []string{"Revoke the key."},
		Start: start + int64(story)*60e9, End: at, Highest: at, Count: int64(step + 1),
		Key: []engine.Named{key}, Dedup: fmt.Sprintf("%032x", story+1), Entities: []engine.Named{key, ip},
		Evidence: []engine.Evidence{{Time: at, ID: "event-" + id[28:], Dataset: engine.CloudTrail,
			Origin: engine.Origin{Source: "reflex.cloudtrail", Partition: 1, Offset: at % 1000}, Fields: []engine.Named{ip}}},
		Events: int64(step + 1), Document: json.RawMessage(`{"event":{"action":"GetObject"},"source":{"ip":"198.51.100.7"}}`),
		Final: step == 2,
	}
}

func incident(story int, al *engine.Alert) *engine.Incident {
	return &engine.Incident{
		ID: fmt.Sprintf("%031x%x", story+1, 0xb), State: "open", Title: al.Title, Level: al.Level, Risk: 47,
		Start: al.Start, End: al.End, Alerts: []string{al.ID}, Rules: []string{al.Rule}, Tags: al.Tags, Entities: al.Entities,
		Owner: "team-example", First: al.Runbook[0], Runbook: al.Runbook,
		Timeline: []engine.Moment{{Time: al.Start, Alert: al.ID, Rule: al.Rule, Level: al.Level, Text: al.Title, Event: al.Evidence[0].ID, Origin: al.Evidence[0].Origin.String()}},
	}
}

// hostile are texts that an attacker may bring into a log line.
var hostile = []string{
	"<!channel> <@U00000000> <https://example.com|click> *bold* `code`",
	`"}],"query":{"match_all":{}} {{constructor}} ${jndi:x} {{ .Rule }}`,
	"line one\nline two\r\nFORGED: \x1b[31mred\x1b[0m \x00 nul \t tab",
	"<script>alert(1)</script><img src=x onerror=alert(1)> '; DROP TABLE alerts; --",
	"\u202egnp.exe\u202c \u200b\u2066 \ufeff \U0001f4a5 \u0301\u0301\u0301",
	"broken utf-8: \xff\xfe\xc0\x80 \xed\xa0\x80 end",
	strings.Repeat("long ", 4000),
	"",
}

// Hostile gives transitions whose every text is what an attacker may write.
func Hostile() []engine.Transition {
	ts := Transitions(6 * len(hostile))
	for i := range ts {
		poison(&ts[i], hostile[i/6])
	}
	return ts
}

// poison puts a text everywhere a log's text can come out.
func poison(t *engine.Transition, text string) {
	value := []engine.Named{{Name: "key", Field: "secret.principal", Value: engine.String(text)}}
	if al := t.Alert; al != nil {
		al.Title, al.Description, al.Key, al.Entities, al.Show = text, text, value, value, value
		al.Evidence[0].ID, al.Evidence[0].Fields = text, value
		al.Document, _ = json.Marshal(map[string]any{"message": text}) // a map of strings always marshals
		return
	}
	in := t.Incident
	in.Title, in.Entities, in.Owner, in.First, in.Timeline[0].Text = text, value, text, text, text
}

// enlarge fills a transition up to about size bytes.
func enlarge(t *engine.Transition, size int) {
	filler := string(bytes.Repeat([]byte("0123456789abcde "), size/16))
	if t.Alert != nil {
		t.Alert.Document, _ = json.Marshal(map[string]any{"message": filler}) // a map of strings always marshals
		return
	}
	t.Incident.Timeline[0].Text = filler
}
