package elastic

import (
	"bytes"
	"context"
	"encoding/json"
	"errors"
	"log/slog"
	"math"
	"net/http"
	"net/http/httptest"
	"strings"
	"testing"
	"time"

	"github.com/prometheus/client_golang/prometheus"

	"github.com/seed-843b225c/reflex/connectors/contract"
	"github.com/seed-843b225c/reflex/engine"
)

// ready gives a fake with its templates and an open sink.
func ready(t *testing.T) (*fake, *Sink) {
	f := newFake(t)
	setup(t, f.config())
	s := open(t, f.config())
	t.Cleanup(func() { _ = s.Close() })
	return f, s
}

func TestEachItemIsJudgedByItself(t *testing.T) {
	const rejected = "es_rejected_execution_exception"
	for _, c := range []struct {
		status   int
		fault    fault
		accepted int
		kind     engine.ErrorKind
		says     string
	}{
		{409, fault{"version_conflict_engine_exception", "document already exists"}, 6, 0, ""},
		{429, fault{rejected, "queue is full"}, 2, engine.Temporary, "queue is full"},
		{503, fault{"unavailable_shards_exception", "primary shard is not active"}, 2, engine.Temporary, "primary shard"},
		{500, fault{}, 2, engine.Temporary, "no reason given"},
		{403, fault{"cluster_block_exception", "index [x] blocked by: [FORBIDDEN/8/index write (api)]"}, 2, engine.Temporary, "blocked by"},
		{429, fault{"cluster_block_exception", "disk usage exceeded flood-stage watermark"}, 2, engine.Temporary, "flood-stage"},
		{400, fault{"index_closed_exception", "closed"}, 2, engine.Temporary, "closed"},
		{400, fault{"document_parsing_exception", "failed to parse field [a] of type [long]. Preview of field's value: 'private'"}, 2, engine.BadInput, "does not fit the mapping"},
		{400, fault{"illegal_argument_exception", "Document contains at least one immense term in field=\"a\""}, 2, engine.BadInput, "immense term"},
		{400, fault{"illegal_argument_exception", "Limit of total fields [500] has been exceeded"}, 2, engine.Fatal, "index or cluster"},
		{400, fault{"validation_exception", "this cluster currently has [1000]/[1000] maximum shards open"}, 2, engine.Fatal, "maximum shards"},
		{403, fault{"security_exception", "action is unauthorized"}, 2, engine.Fatal, "grant create_doc"},
		{401, fault{"security_exception", "token expired"}, 2, engine.Fatal, "key or user"},
		{404, fault{"index_not_found_exception", "require_data_stream"}, 2, engine.Fatal, "reflex setup elastic"},
	} {
		f, s := ready(t)
		ts := contract.Transitions(6)
		f.set(func() {
			f.item = func(_, id string, _ object) *refusal {
				if id != ts[2].DocumentID() {
					return nil
				}
				return &refusal{c.status, c.fault}
			}
		})
		n, err := s.Deliver(context.Background(), ts)
		if n != c.accepted || engine.KindOf(err) != c.kind || c.kind != 0 && !strings.Contains(err.Error(), c.says) {
			t.Errorf("%d %s: accepted %d, kind %q: %v", c.status, c.fault.Type, n, engine.KindOf(err), err)
		}
		if err != nil && strings.Contains(err.Error(), "private") {
			t.Errorf("the error shows the document: %v", err)
		}
		f.set(func() { f.item = nil })
		if n, err := s.Deliver(context.Background(), ts); n != 6 || err != nil || len(f.stored()) != 6 {
			t.Errorf("%d %s: healed: accepted %d, stored %d: %v", c.status, c.fault.Type, n, len(f.stored()), err)
		}
	}
}

func TestWholeRequestIsJudged(t *testing.T) {
	security := `{"error":{"type":"security_exception","reason":"missing authentication credentials"}}`
	for _, c := range []struct {
		answer func(http.ResponseWriter, *http.Request) bool
		kind   engine.ErrorKind
		after  time.Duration
		says   string
	}{
		{status(429, `{"error":{"type":"es_rejected_execution_exception","reason":"rejected execution of coordinating operation"}}`), engine.Temporary, 0, "coordinating"},
		{status(503, "<html>private words of a proxy</html>"), engine.Temporary, 0, "no reason given"},
		{status(401, security), engine.Fatal, 0, "set api_key"},
		{status(403, security), engine.Fatal, 0, "may not do that"},
		{status(403, `{"error":{"type":"cluster_block_exception","reason":"blocked by: [FORBIDDEN/5/index read-only]"}}`), engine.Temporary, 0, "lift the block"},
		{status(400, `{"error":{"type":"illegal_argument_exception","reason":"unknown parameter"}}`), engine.Fatal, 0, "unknown parameter"},
		{status(302, ""), engine.Fatal, 0, "urls lead to something else"},
		{status(405, `{"error":"Incorrect HTTP method"}`), engine.Fatal, 0, "Incorrect HTTP method"},
		{status(200, `{"items":[]}`), engine.Temporary, 0, "0 results for 9 actions"},
		{status(200, `{"items":[{"create":`), engine.Temporary, 0, "cannot be read"},
		{func(w http.ResponseWriter, r *http.Request) bool {
			w.Header().Set("Retry-After", "7")
			return status(429, "")(w, r)
		}, engine.Temporary, 7 * time.Second, "overloaded"},
		{func(w http.ResponseWriter, r *http.Request) bool {
			w.Header().Del("X-Elastic-Product")
			return status(200, `{"items":[]}`)(w, r)
		}, engine.Fatal, 0, "OpenSearch"},
		{func(http.ResponseWriter, *http.Request) bool { panic(http.ErrAbortHandler) }, engine.Temporary, 0, "it closed the connection"},
	} {
		f, s := ready(t)
		ts := contract.Transitions(6)
		if _, err := s.Deliver(context.Background(), nil); err != nil { // looks at the templates first
			t.Fatal(err)
		}
		f.set(func() { f.answer = c.answer })
		n, err := s.Deliver(context.Background(), ts)
		var e *engine.Error
		if n != 0 || !errors.As(err, &e) || e.Kind != c.kind || e.After != c.after || !strings.Contains(err.Error(), c.says) || strings.Contains(err.Error(), "private") {
			t.Errorf("%s: accepted %d: %v", c.says, n, err)
		}
		f.set(func() { f.answer = nil })
		if n, err := s.Deliver(context.Background(), ts); n != 6 || err != nil {
			t.Errorf("%s: healed: accepted %d: %v", c.says, n, err)
		}
	}
}

func TestTimeoutIsTemporaryAndTheCallersEndIsNot(t *testing.T) {
	f, s := ready(t)
	if _, err := s.Deliver(context.Background(), nil); err != nil {
		t.Fatal(err)
	}
	hang := make(chan struct{})
	arrived := make(chan struct{}, 2)
	slow := httptest.NewServer(http.HandlerFunc(func(http.ResponseWriter, *http.Request) {
		arrived <- struct{}{}
		<-hang
	}))
	defer slow.Close()
	defer close(hang)
	c := f.config()
	c.URLs, c.Timeout = []string{slow.URL}, 50*time.Millisecond
	s.client, _ = newClient(c, c.URLs)
	if _, err := s.Deliver(context.Background(), contract.Transitions(1)); engine.KindOf(err) != engine.Temporary || !strings.Contains(err.Error(), "no answer within 50ms") {
		t.Errorf("a server that hangs: %v", err)
	}
	<-arrived
	s.client.timeout = time.Hour
	ctx, cancel := context.WithCancel(context.Background())
	go func() { <-arrived; cancel() }()
	if _, err := s.Deliver(ctx, contract.Transitions(1)); !errors.Is(err, context.Canceled) || engine.KindOf(err) != 0 {
		t.Errorf("a caller that goes: %v", err)
	}
}

func TestTooLargeIsSplitOnce(t *testing.T) {
	f, s := ready(t)
	f.set(func() { f.largest = 16 << 10 })
	ts := contract.Transitions(60)
	for range 2 {
		contract.Drive(t, time.Minute, s, ts)
	}
	if got := len(f.stored()); got != len(ts) {
		t.Errorf("stored %d of %d", got, len(ts))
	}
	f.mu.Lock()
	defer f.mu.Unlock()
	for _, size := range f.bulks {
		if size > f.largest {
			t.Errorf("a request of %d bytes came through", size)
		}
	}
	if s.ceiling > f.largest || s.ceiling < f.largest/4 {
		t.Errorf("requests of %d bytes from now on, of %d possible", s.ceiling, f.largest)
	}
}

func TestOneTooLargeIsReducedThenRefused(t *testing.T) {
	f, s := ready(t)
	f.set(func() { f.largest = 16 << 10 })
	ts := contract.Transitions(4)
	ts[0].Alert.Document = json.RawMessage(`{"source":{"ip":"192.0.2.1"},"message":"` + strings.Repeat("x", 32<<10) + `"}`)
	ts[0].Alert.Incomplete = "quota"
	ts[2].Alert.Title = strings.Repeat("x", 32<<10)
	if refused := contract.Drive(t, time.Minute, s, ts); len(refused) != 1 || refused[0] != 2 {
		t.Fatalf("refused: %v", refused)
	}
	doc := f.doc("logs-reflex.alerts-default", ts[0].DocumentID())
	r := doc["reflex"].(object)
	if doc["source"] != nil || r["document"] != nil || r["evidence"] != nil || doc["message"] != ts[0].Alert.Title || r["entities"] == nil {
		t.Errorf("reduced: %v", doc)
	}
	if said := r["incomplete"].(string); !strings.HasPrefix(said, "quota; ") || !strings.Contains(said, "too large") {
		t.Errorf("incomplete: %q", said)
	}
}

// A cluster short of memory refuses a large request each time with 429.
func TestRequestsShrinkUnderPressureAndGrowAgain(t *testing.T) {
	f, s := ready(t)
	pressure := true
	f.set(func() {
		f.answer = func(w http.ResponseWriter, r *http.Request) bool {
			return pressure && r.ContentLength > 8<<10 && status(429, "")(w, r)
		}
	})
	ts := contract.Transitions(60)
	contract.Drive(t, time.Minute, s, ts)
	if len(f.stored()) != len(ts) {
		t.Fatalf("stored %d of %d", len(f.stored()), len(ts))
	}
	f.set(func() { pressure = false })
	for s.limit < s.ceiling {
		before := s.limit
		if contract.Drive(t, time.Minute, s, ts[:1]); s.limit <= before {
			t.Fatalf("the limit stays at %d", s.limit)
		}
	}
	if s.ceiling != defaultBatch {
		t.Errorf("ceiling %d", s.ceiling)
	}
}

func TestReducedDocumentIsStoredWhenTheFullOneIsRefused(t *testing.T) {
	f, s := ready(t)
	f.set(func() {
		f.item = func(_, _ string, doc object) *refusal {
			if doc["source"] == nil {
				return nil
			}
			return &refusal{400, fault{"document_parsing_exception", "object mapping for [source] tried to parse field [source] as object"}}
		}
	})
	var said bytes.Buffer
	now := time.Date(2026, 3, 2, 12, 0, 0, 0, time.UTC)
	s.log, s.now = slog.New(slog.NewTextHandler(&said, nil)), func() time.Time { return now }
	ts := contract.Transitions(6)
	if n, err := s.Deliver(context.Background(), ts); n != 6 || err != nil {
		t.Fatalf("accepted %d: %v", n, err)
	}
	if len(f.stored()) != 6 {
		t.Errorf("stored %d", len(f.stored()))
	}
	if got := said.String(); strings.Count(got, "\n") != 1 || !strings.Contains(got, "documents=1 ") || !strings.Contains(got, "[source]") {
		t.Errorf("the log says %s", got)
	}
	said.Reset()
	now = now.Add(time.Minute)
	if n, err := s.Deliver(context.Background(), ts[:1]); n != 1 || err != nil {
		t.Fatalf("accepted %d: %v", n, err)
	}
	if got := said.String(); strings.Count(got, "\n") != 1 || strings.Contains(got, "documents=1 ") {
		t.Errorf("a minute later the log says %s", got)
	}
}

// What the failure store took is not in the stream where people look.
func TestFailureStoreIsNoSuccess(t *testing.T) {
	f, s := ready(t)
	f.set(func() {
		f.answer = status(200, `{"items":[{"create":{"status":201,"failure_store":"used"}}]}`)
	})
	n, err := s.Deliver(context.Background(), contract.Transitions(1))
	if n != 0 || engine.KindOf(err) != engine.BadInput {
		t.Errorf("accepted %d: %v", n, err)
	}
}

func TestIncidentsKeepTheirNewestStateAndTheirHistory(t *testing.T) {
	f, s := ready(t)
	ts := contract.Transitions(6)
	contract.Drive(t, time.Minute, s, ts)
	contract.Drive(t, time.Minute, s, ts[:4])
	id := ts[1].Incident.ID
	newest := f.doc("reflex-incidents-default", id)
	if n := newest["reflex"].(object)["transition"].(object)["number"]; n != 3.0 {
		t.Errorf("newest state is transition %v", n)
	}
	if newest["data_stream"] != nil || newest["event"].(object)["dataset"] != incidentDataset {
		t.Errorf("newest state: %v", newest)
	}
	if first := f.doc("logs-reflex.audit-default", id+"-1"); first["event"].(object)["action"] != "incident-opened" || first["data_stream"].(object)["dataset"] != auditDataset {
		t.Errorf("history: %v", first)
	}
}

func TestAlertsGoWhereTheirModeSays(t *testing.T) {
	f, s := ready(t)
	for mode, index := range map[string]string{"alert": "logs-reflex.alerts-default", "signal": "logs-reflex.signals-default", "shadow": "logs-reflex.shadow-default"} {
		ts := contract.Transitions(1)
		ts[0].Alert.ID, ts[0].Alert.Mode = mode, mode
		contract.Drive(t, time.Minute, s, ts)
		doc := f.doc(index, mode+"-1")
		if doc == nil {
			t.Errorf("%s: not in %s", mode, index)
			continue
		}
		event, ds := doc["event"].(object), doc["data_stream"].(object)
		if (event["kind"] == "alert") != (mode == "alert") || event["dataset"] != ds["dataset"] || "logs-"+ds["dataset"].(string)+"-"+ds["namespace"].(string) != index {
			t.Errorf("%s: event %v, data_stream %v", mode, event, ds)
		}
	}
}

func TestDeliveryStampsTheDocument(t *testing.T) {
	f := newFake(t)
	setup(t, f.config())
	now := time.Date(2026, 3, 2, 12, 0, 0, 0, time.UTC)
	s, err := New(f.config(), Options{Now: func() time.Time { return now }})
	if err != nil {
		t.Fatal(err)
	}
	ts := contract.Transitions(3)
	ts[2].Seen = 0
	contract.Drive(t, time.Minute, s, ts)
	for i, created := range map[int]string{0: "2026-03-02T10:00:00.005Z", 2: "2026-03-02T12:00:00Z"} {
		event := f.doc("logs-reflex.alerts-default", ts[i].DocumentID())["event"].(object)
		if event["ingested"] != "2026-03-02T12:00:00Z" || event["created"] != created {
			t.Errorf("event: %v", event)
		}
	}
}

func TestDocumentThatIsNoJSONIsRefusedAlone(t *testing.T) {
	f, s := ready(t)
	ts := contract.Transitions(6)
	ts[2].Alert.Measure = math.Inf(1)
	if refused := contract.Drive(t, time.Minute, s, ts); len(refused) != 1 || refused[0] != 2 {
		t.Errorf("refused: %v", refused)
	}
	if len(f.stored()) != 5 {
		t.Errorf("stored: %v", f.stored())
	}
}

func TestNothingIsWrittenWithoutTemplates(t *testing.T) {
	f := newFake(t)
	s := open(t, f.config())
	defer s.Close()
	ts := contract.Transitions(2)
	n, err := s.Deliver(context.Background(), ts)
	if n != 0 || engine.KindOf(err) != engine.Fatal || !strings.Contains(err.Error(), "run `reflex setup elastic`") {
		t.Errorf("accepted %d: %v", n, err)
	}
	setup(t, f.config())
	contract.Drive(t, time.Minute, s, ts)
	f.set(func() { clear(f.templates); f.item = badStream })
	for range 2 { // the first learns it from the item, the second looks
		if n, err := s.Deliver(context.Background(), contract.Transitions(4)[3:]); n != 0 || engine.KindOf(err) != engine.Fatal || !strings.Contains(err.Error(), "reflex setup elastic") {
			t.Errorf("accepted %d: %v", n, err)
		}
	}
}

func badStream(string, string, object) *refusal {
	return &refusal{404, fault{"index_not_found_exception", "no such index"}}
}

func TestOldServerIsNotAskedForDataStreams(t *testing.T) {
	for version, want := range map[string]bool{"8.12.2": false, "8.13.0": true, "9.2.0": true} {
		f := newFake(t)
		f.version = version
		setup(t, f.config())
		s := open(t, f.config())
		if _, err := s.Deliver(context.Background(), nil); err != nil || s.writer.dataStream != want {
			t.Errorf("%s: %v %v", version, s.writer.dataStream, err)
		}
	}
	f := newFake(t)
	f.version = "8.10.4"
	if _, err := Setup(context.Background(), f.config()); engine.KindOf(err) != engine.Fatal || !strings.Contains(err.Error(), "8.11 or newer") {
		t.Errorf("an old server: %v", err)
	}
}

func TestMetricsCountOutcomes(t *testing.T) {
	f := newFake(t)
	setup(t, f.config())
	reg := prometheus.NewPedanticRegistry()
	s, err := New(f.config(), Options{Metrics: reg})
	if err != nil {
		t.Fatal(err)
	}
	ts := contract.Transitions(6)
	contract.Drive(t, time.Minute, s, ts)
	contract.Drive(t, time.Minute, s, ts[:2])
	families, err := reg.Gather()
	if err != nil {
		t.Fatal(err)
	}
	got := map[string]float64{}
	for _, family := range families {
		for _, m := range family.GetMetric() {
			name := family.GetName()
			for _, l := range m.GetLabel() {
				name += " " + l.GetValue()
			}
			got[name] = m.GetCounter().GetValue() + float64(m.GetHistogram().GetSampleCount())
		}
	}
	for name, want := range map[string]float64{"reflex_elastic_items_total stored": 9, "reflex_elastic_items_total known": 3,
		"reflex_elastic_requests_total 200": 2, "reflex_elastic_request_seconds": 2, "reflex_elastic_bytes_total": float64(f.bulks[0] + f.bulks[1])} {
		if got[name] != want {
			t.Errorf("%s is %v, want %v", name, got[name], want)
		}
	}
	if _, err := New(f.config(), Options{Metrics: reg}); err == nil {
		t.Error("the same metrics were registered twice")
	}
}
