package main

import (
	"bytes"
	"encoding/json"
	"fmt"
	"io"
	"net/http"
	"net/http/httptest"
	"os"
	"path/filepath"
	"strings"
	"sync"
	"testing"
	"time"
	"unicode/utf8"
)

// hostileEvents are records that try to leave the program as something that
// JSON, Elasticsearch or Slack does not take: %s is an id.
func hostileEvents() (out []string) {
	at := time.Date(2026, 3, 2, 8, 0, 0, 0, time.UTC)
	add := func(fields string) {
		n := len(out)
		out = append(out, fmt.Sprintf(`{"@timestamp":%q,"event.id":"h%d","event.dataset":"aws.cloudtrail","event.action":"denied",%s}`,
			at.Add(time.Duration(n)*time.Second).Format(time.RFC3339Nano), n, fields))
	}
	user := func(name string) string { return `"user.name":"` + name + `"` }
	add(user(`ok`))
	add(user("invalid \xff\xfe\xc3 bytes"))
	add(user(`half \ud800 and \udc00 surrogates`))
	add(user(`nul \u0000 and bell \u0007`))
	add(user(strings.Repeat("k", 100_000)))
	add(user(strings.Repeat("k", 100_000) + "x"))
	add(user(strings.Repeat(`\u0001`, 100_000)))
	add(user(`<!channel> <@U123> <http://evil.example|ok> *b* :bomb: \u202e\u200b\n\n\n` + strings.Repeat("&", 9000)))
	add(user("costs") + `,"gen_ai":{"usage":{"cost":1e999,"input_tokens":-1e400}},"network":{"bytes":99999999999999999999}`)
	add(user("cost") + `,"gen_ai":{"usage":{"cost":1.7976931348623157e308}}`)
	add(user("shapes") + `,"source":{"ip":{"a":1},"port":[{"x":1}],"geo":{"location":"nowhere"}},"cloud":"aws","host":[1,2],"related":"x"`)
	add(user("names") + `,"":1,".":2,"a..b":{"":{}},"__proto__":{"x":1},"labels":` + strings.Repeat(`{"d":`, 50) + "1" + strings.Repeat("}", 50))
	add(user("keys") + `,"labels":{"` + strings.Repeat("k", 40_000) + `":1,"n\u0000l":1},"source":{"":1," ":{},"a..b":2,"x":{"":3}}`)
	add(user("many") + `,"labels":{` + manyKeys(10_000) + `},"user_agent":{` + manyKeys(2000) + `}`)
	add(user("lists") + `,"source":[1,{"ip":"192.0.2.1"},"x"],"process":{"args":[1,"a",{"b":2},null,[3,[4]],1.5,true]},"network":[]`)
	add(user("long") + `,"process":{"command_line":"` + strings.Repeat("<&> ", 100_000) + `"}`)
	return out
}

func manyKeys(n int) string {
	var list []string
	for i := range n {
		list = append(list, fmt.Sprintf(`"key %d":%d`, i, i))
	}
	return strings.Join(list, ",")
}

// TestHostileEventsLeaveAsSoundAlerts: whatever stands in a record, its alert
// reaches the log and every sink in a form that they take, and the service goes on.
func TestHostileEventsLeaveAsSoundAlerts(t *testing.T) {
	if testing.Short() {
		t.Skip("runs the process")
	}
	r := newCrashRig(t)
	var mu sync.Mutex
	var posted [][]byte
	hook := httptest.NewServer(http.HandlerFunc(func(_ http.ResponseWriter, req *http.Request) {
		b, err := io.ReadAll(req.Body)
		if err != nil {
			panic(http.ErrAbortHandler)
		}
		mu.Lock()
		defer mu.Unlock()
		if req.Method == http.MethodPost { // a start only looks whether it answers
			posted = append(posted, b)
		}
	}))
	t.Cleanup(hook.Close)
	text, err := os.ReadFile(r.config)
	must(t, err)
	text = bytes.Replace(text, []byte("min_level: critical"), []byte("min_level: high"), 1)
	must(t, os.WriteFile(r.config, fmt.Appendf(text, "  - {name: hook, type: webhook, url: %q}\n", hook.URL), 0o644))
	r.launch()
	events := hostileEvents()
	for _, e := range events { // one by one: the broker takes about a megabyte at once
		r.produce([]message{{"cloudtrail", 0, e}})
	}

	file := filepath.Join(r.folder, "alerts.ndjson")
	alerts := func() map[string]int { // by title, of the file
		found := map[string]int{}
		b, err := os.ReadFile(file)
		if err != nil {
			return found
		}
		lines := bytes.Split(b, []byte("\n"))
		for _, line := range lines[:len(lines)-1] {
			doc := sounds(t, line)
			if event := doc["event"].(map[string]any); event["kind"] == "alert" {
				found[doc["message"].(string)+event["id"].(string)]++
			}
		}
		return found
	}
	r.until("an alert for each event", func() bool { return len(alerts()) == len(events) })
	r.until("a message for each", func() bool { return len(r.slack.Messages("C0EXAMPLE1")) == len(events) })
	for _, m := range r.slack.Messages("C0EXAMPLE1") {
		if m.Blocks == nil || strings.Contains(string(m.Blocks)+m.Text, "<!") || strings.Contains(m.Text, "<@") {
			t.Errorf("message %.300s", m.Text)
		}
	}
	hooked := map[string]bool{}
	r.until("all posted", func() bool {
		mu.Lock()
		defer mu.Unlock()
		for _, b := range posted {
			var docs []json.RawMessage
			must(t, json.Unmarshal(b, &docs))
			for _, d := range docs {
				if event := sounds(t, d)["event"].(map[string]any); event["kind"] == "alert" {
					hooked[event["id"].(string)] = true
				}
			}
		}
		return len(hooked) == len(events)
	})
	r.settled(time.Minute) // Elasticsearch too, where there is one
	if strings.Contains(r.said(), "refuses an alert for good") || strings.Contains(r.said(), "does not fit the alert log") || strings.Contains(r.said(), "without their evidence") {
		t.Error(r.said())
	}
	r.stop() // in order: nothing ended it before
}

// sounds reads a sink's document, which is valid and bounded.
func sounds(t *testing.T, b []byte) (doc map[string]any) {
	t.Helper()
	if !utf8.Valid(b) || len(b) > 3<<20 {
		t.Fatalf("%d bytes, valid UTF-8: %v: %.100s", len(b), utf8.Valid(b), b)
	}
	must(t, json.Unmarshal(b, &doc))
	return doc
}
