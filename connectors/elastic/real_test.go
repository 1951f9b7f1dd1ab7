package elastic

import (
	"bytes"
	"context"
	"encoding/json"
	"fmt"
	"io"
	"log"
	"net/http"
	"net/http/httptest"
	"net/http/httputil"
	"net/url"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"sync/atomic"
	"testing"
	"time"

	"github.com/elastic/go-elasticsearch/v8/esapi"

	"github.com/seed-843b225c/reflex/connectors/contract"
	"github.com/seed-843b225c/reflex/engine"
)

// real gives the configuration of a real server and a namespace of its own, or
// skips. The secured one refuses requests over 1 MB.
func real(t testing.TB, secured bool) Config {
	t.Helper()
	c := Config{Namespace: fmt.Sprintf("t%d", time.Now().UnixNano()), Timeout: 20 * time.Second}
	if !secured {
		c.URLs = []string{env(t, "REFLEX_TEST_ELASTIC")}
		return c
	}
	c.URLs = []string{env(t, "REFLEX_TEST_ELASTIC_TLS")}
	c.User, c.Password = "admin", engine.Hidden(env(t, "REFLEX_TEST_ELASTIC_PASSWORD"))
	c.CA = filepath.Join(env(t, "REFLEX_TEST_CERTS"), "ca.pem")
	return c
}

func env(t testing.TB, name string) string {
	t.Helper()
	v := os.Getenv(name)
	if v == "" {
		t.Skipf("%s is not set: no real Elasticsearch to test with (testdata/services/start gives one)", name)
	}
	return v
}

// eachReal runs a test on the plain and on the secured server.
func eachReal(t *testing.T, f func(t *testing.T, c Config)) {
	t.Run("plain", func(t *testing.T) { f(t, real(t, false)) })
	t.Run("secured", func(t *testing.T) { f(t, real(t, true)) })
}

// admin asks the server directly.
type admin struct {
	t testing.TB
	*client
}

func adminOf(t testing.TB, c Config) admin {
	t.Helper()
	cl, err := newClient(c, c.URLs)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { _ = cl.close() })
	return admin{t, cl}
}

func (a admin) call(r esapi.Request, out any) {
	a.t.Helper()
	if err := a.client.call(context.Background(), "test", r, out); err != nil {
		a.t.Fatal(err)
	}
}

// ids gives the ids in the data streams of a namespace.
func (a admin) ids(namespace string) []string {
	a.t.Helper()
	var ids []string
	for _, h := range a.search("logs-reflex.*-" + namespace) {
		ids = append(ids, h.ID)
	}
	return ids
}

type hit struct {
	Index   string `json:"_index"`
	ID      string `json:"_id"`
	Source  object `json:"_source"`
	Version int    `json:"_version"`
}

func (a admin) search(index string) []hit {
	a.t.Helper()
	yes, size := true, 1000
	a.call(esapi.IndicesRefreshRequest{Index: []string{index}, IgnoreUnavailable: &yes}, nil)
	var out struct {
		Hits struct {
			Hits []hit `json:"hits"`
		} `json:"hits"`
	}
	a.call(esapi.SearchRequest{Index: []string{index}, Size: &size, IgnoreUnavailable: &yes, AllowNoIndices: &yes, Version: &yes}, &out)
	return out.Hits.Hits
}

// block makes the streams of a namespace refuse writes, or lets them again.
func (a admin) block(namespace string, on bool) {
	a.t.Helper()
	a.call(esapi.IndicesPutSettingsRequest{Index: []string{"logs-reflex.*-" + namespace, "reflex-incidents-" + namespace},
		Body: reader(object{"index.blocks.write": on})}, nil)
}

func TestRealSinkKeepsTheContract(t *testing.T) {
	setup(t, real(t, false))
	contract.Sink(t, func(t testing.TB) contract.SinkRig {
		c := real(t, false)
		a := adminOf(t, c)
		breaker := newBreaker(t, c.URLs[0])
		c.URLs = []string{breaker.URL}
		return contract.SinkRig{
			Open:   func(t testing.TB) engine.Sink { return open(t, c) },
			Stored: func(testing.TB) []string { return a.ids(c.Namespace) },
			Once:   true, Unordered: true,
			Refuse: func(_ testing.TB, refused engine.Transition) { breaker.id.Store(refused.DocumentID()) },
			Trouble: func(testing.TB) func() {
				a.block(c.Namespace, true)
				return func() { a.block(c.Namespace, false) }
			},
		}
	})
}

// breaker is a proxy that spoils the time of one document on its way, so that
// the real server refuses that one: its own mapping takes no such document.
type breaker struct {
	*httptest.Server
	id atomic.Value
}

func newBreaker(t testing.TB, target string) *breaker {
	u, err := url.Parse(target)
	if err != nil {
		t.Fatal(err)
	}
	b := &breaker{}
	b.id.Store("")
	b.Server = httptest.NewServer(&httputil.ReverseProxy{
		Rewrite: func(r *httputil.ProxyRequest) {
			r.SetURL(u)
			if id := b.id.Load().(string); id != "" && r.In.URL.Path == "/_bulk" {
				b.spoil(r.Out, id)
			}
		},
		ErrorLog: log.New(io.Discard, "", 0), // a cancelled request is no news
	})
	t.Cleanup(b.Close)
	return b
}

func (b *breaker) spoil(r *http.Request, id string) {
	body, err := io.ReadAll(r.Body)
	if err != nil {
		return // the sink went away
	}
	lines := bytes.SplitAfter(body, []byte("\n"))
	for i := 0; i+1 < len(lines); i += 2 {
		if bytes.Contains(lines[i], []byte(`"_id":"`+id+`"`)) {
			lines[i+1] = bytes.Replace(lines[i+1], []byte(`"@timestamp":"`), []byte(`"@timestamp":"broken `), 1)
		}
	}
	body = bytes.Join(lines, nil)
	r.Body, r.ContentLength = io.NopCloser(bytes.NewReader(body)), int64(len(body))
}

func TestRealSetupIsRepeatable(t *testing.T) {
	eachReal(t, func(t *testing.T, c Config) {
		a := adminOf(t, c)
		setup(t, c)
		first := a.installed()
		setup(t, c)
		if second := a.installed(); first != second || !strings.Contains(first, `"priority":200`) {
			t.Errorf("templates after the second time:\n%s\nafter the first:\n%s", second, first)
		}
		s := open(t, c)
		defer s.Close()
		contract.Drive(t, time.Minute, s, contract.Transitions(6))
		fs, err := Setup(context.Background(), c)
		if err != nil {
			t.Fatal(err)
		}
		for _, f := range append(fs, s.Check(context.Background())...) {
			if f.Err != nil {
				t.Errorf("%+v", f)
			}
		}
		if streams := a.streams(c.Namespace); streams != fmt.Sprintf("[logs-reflex.alerts-%[1]s logs-reflex.audit-%[1]s]", c.Namespace) {
			t.Errorf("data streams: %s", streams)
		}
	})
}

func (a admin) installed() string {
	a.t.Helper()
	res, err := a.do(context.Background(), "test", esapi.IndicesGetIndexTemplateRequest{Name: "reflex.*"})
	if err != nil || res.status != http.StatusOK {
		a.t.Fatal(res.status, err)
	}
	return string(res.body)
}

func (a admin) streams(namespace string) string {
	a.t.Helper()
	var out struct {
		Streams []struct {
			Name string `json:"name"`
		} `json:"data_streams"`
	}
	a.call(esapi.IndicesResolveIndexRequest{Name: []string{"*-" + namespace}}, &out)
	names := []string{}
	for _, s := range out.Streams {
		names = append(names, s.Name)
	}
	return fmt.Sprint(names)
}

// outrank puts a template of higher priority over one stream or index of this
// test's namespace; lift takes it away again.
func (a admin) outrank(stream string, properties object) (lift func()) {
	a.t.Helper()
	name := "example-" + stream[strings.LastIndex(stream, "-")+1:]
	body := object{"index_patterns": []string{stream}, "priority": 999, "template": object{"mappings": object{"dynamic": false, "properties": properties}}}
	if strings.HasPrefix(stream, "logs-") {
		body["data_stream"] = object{}
	}
	a.call(esapi.IndicesPutIndexTemplateRequest{Name: name, Body: reader(body)}, nil)
	return func() { a.call(esapi.IndicesDeleteIndexTemplateRequest{Name: name}, nil) }
}

// What Elastic's External Alerts rule and our own pages ask for is found by
// search, not only kept.
func TestRealDocumentsAreSearchable(t *testing.T) {
	c := real(t, false)
	setup(t, c)
	s := open(t, c)
	defer s.Close()
	ts := contract.Transitions(6)
	contract.Drive(t, time.Minute, s, ts)
	a := adminOf(t, c)
	a.search("logs-reflex.*-" + c.Namespace) // refreshes
	for query, want := range map[string]int{
		`event.kind:alert AND event.module:reflex`:                          2, // opened and raised, not final
		`event.kind:alert AND event.severity:47 AND event.risk_score:47`:    1,
		`message:"example key" AND event.dataset:reflex.alerts`:             3,
		`event.ingested:[now-1h TO now+1h]`:                                 6,
		`reflex.entities.value:"198.51.100.7"`:                              3,
		`source.ip:"198.51.100.0/24"`:                                       3,
		`reflex.key.key:example-key-*`:                                      3,
		`reflex.document.event.action:GetObject`:                            3,
		`reflex.evidence.event:event-*`:                                     3,
		`threat.technique.subtechnique.id:T1078.004`:                        6,
		`reflex.transition.change:final AND reflex.final:true`:              1,
		`reflex.incident.state:open AND reflex.incident.owner:team-example`: 3,
		`data_stream.dataset:reflex.audit`:                                  3,
	} {
		var out struct {
			Count int `json:"count"`
		}
		a.call(esapi.CountRequest{Index: []string{"logs-reflex.*-" + c.Namespace}, Query: query}, &out)
		if out.Count != want {
			t.Errorf("%s: %d documents, want %d", query, out.Count, want)
		}
	}
}

func TestRealNewestStateOfAnIncidentWins(t *testing.T) {
	c := real(t, false)
	setup(t, c)
	s := open(t, c)
	defer s.Close()
	ts := contract.Transitions(6)
	contract.Drive(t, time.Minute, s, ts)
	contract.Drive(t, time.Minute, s, ts[:2]) // the oldest comes again
	hits := adminOf(t, c).search("reflex-incidents-" + c.Namespace)
	if len(hits) != 1 || hits[0].Version != 3 || hits[0].ID != ts[5].Incident.ID {
		t.Fatalf("incidents: %+v", hits)
	}
	if r := hits[0].Source["reflex"].(object)["transition"].(object); r["number"] != 3.0 {
		t.Errorf("the newest state is %v", r)
	}
}

func TestRealBadDocumentIsRefusedAlone(t *testing.T) {
	c := real(t, false)
	a := adminOf(t, c)
	a.call(esapi.ClusterPutComponentTemplateRequest{Name: customComponent, Body: reader(object{"template": object{"mappings": object{"properties": object{
		"event": object{"properties": object{"duration": object{"type": "byte", "ignore_malformed": false}}}}}}})}, nil)
	t.Cleanup(func() {
		a.call(esapi.ClusterPutComponentTemplateRequest{Name: customComponent, Body: reader(object{"template": object{}})}, nil)
	})
	setup(t, c)
	s := open(t, c)
	defer s.Close()
	ts := contract.Transitions(6)
	for i := range ts {
		if ts[i].Alert != nil {
			ts[i].Alert.Start = ts[i].Alert.End // a duration of 0 is a byte
		}
	}
	ts[2].Alert.Start -= int64(time.Hour)
	n, err := s.Deliver(context.Background(), ts)
	if n != 2 || engine.KindOf(err) != engine.BadInput || !strings.Contains(err.Error(), "event.duration") {
		t.Fatalf("accepted %d: %v", n, err)
	}
	if strings.Contains(err.Error(), "3600000000000") {
		t.Errorf("the error shows the document: %v", err)
	}
	if n, err := s.Deliver(context.Background(), ts[3:]); n != 3 || err != nil {
		t.Errorf("the rest: accepted %d: %v", n, err)
	}
}

func TestRealMappingConflictIsFound(t *testing.T) {
	c := real(t, false)
	setup(t, c)
	a := adminOf(t, c)
	index := "reflex-incidents-" + c.Namespace
	a.call(esapi.IndicesCreateRequest{Index: index, Body: reader(object{"mappings": object{"properties": object{"message": object{"type": "keyword"}}}})}, nil)
	s := open(t, c)
	defer s.Close()
	fs, err := Setup(context.Background(), c)
	if err != nil {
		t.Fatal(err)
	}
	for _, list := range [][]engine.Finding{fs, s.Check(context.Background())} {
		last := list[len(list)-1]
		if last.Err == nil || !strings.Contains(last.Err.Error(), "message is keyword, not text") || !strings.Contains(last.Advice, index) {
			t.Errorf("finding %+v", last)
		}
	}
}

// An index made before a field was added gets it, without a rollover.
func TestRealSetupAddsFields(t *testing.T) {
	c := real(t, false)
	setup(t, c)
	a := adminOf(t, c)
	index := "reflex-incidents-" + c.Namespace
	lift := a.outrank(index, object{})
	a.call(esapi.IndicesCreateRequest{Index: index}, nil)
	lift()
	found, err := Setup(context.Background(), c)
	if err != nil || !strings.HasSuffix(found[len(found)-1].Note, "fields added") {
		t.Fatalf("%+v: %v", found, err)
	}
	s := open(t, c)
	defer s.Close()
	for _, f := range s.Check(context.Background()) {
		if f.Err != nil {
			t.Errorf("%+v", f)
		}
	}
}

func TestRealOutrankedTemplateIsFound(t *testing.T) {
	c := real(t, false)
	setup(t, c)
	a := adminOf(t, c)
	lift := a.outrank("logs-reflex.alerts-"+c.Namespace, object{})
	s := open(t, c)
	defer s.Close()
	if _, err := s.Deliver(context.Background(), contract.Transitions(1)); engine.KindOf(err) != engine.Fatal || !strings.Contains(err.Error(), "by example-"+c.Namespace) {
		t.Errorf("another template holds: %v", err)
	}
	lift()
	if n, err := s.Deliver(context.Background(), contract.Transitions(1)); n != 1 || err != nil {
		t.Errorf("the other template is gone: accepted %d: %v", n, err)
	}
}

func TestRealTooLargeIsSplitAndReduced(t *testing.T) {
	c := real(t, true)
	setup(t, c)
	s := open(t, c)
	defer s.Close()
	ts := contract.Transitions(40)
	for i := range ts {
		if ts[i].Alert != nil {
			ts[i].Alert.Document, _ = json.Marshal(object{"message": strings.Repeat("example ", 20_000)}) // 160 kB, 3.2 MB in all
		}
	}
	ts[4].Alert.Document, _ = json.Marshal(object{"message": strings.Repeat("example ", 500_000)})
	if n, err := s.Deliver(context.Background(), ts); n != len(ts) || err != nil {
		t.Fatalf("accepted %d: %v", n, err)
	}
	a := adminOf(t, c)
	reduced := 0
	for _, h := range a.search("logs-reflex.alerts-" + c.Namespace) {
		if h.Source["reflex"].(object)["incomplete"] != nil {
			reduced++
			if h.ID != ts[4].DocumentID() {
				t.Errorf("%s was reduced", h.ID)
			}
		}
	}
	if got := len(a.ids(c.Namespace)); got != len(ts) || reduced != 1 {
		t.Errorf("stored %d of %d, reduced %d", got, len(ts), reduced)
	}
}

func TestRealLeastPrivileges(t *testing.T) {
	c := real(t, true)
	setup(t, c)
	c.User = "reflex"
	s := open(t, c)
	defer s.Close()
	ts := contract.Transitions(6)
	for range 2 {
		contract.Drive(t, time.Minute, s, ts)
	}
	for _, f := range s.Check(context.Background()) {
		if f.Err != nil {
			t.Errorf("%+v", f)
		}
	}
	if _, err := Setup(context.Background(), c); engine.KindOf(err) != engine.Fatal || !strings.Contains(err.Error(), "403") {
		t.Errorf("setup by the writer: %v", err)
	}
	c.Namespace = "other.ns" // its role holds for any
	if _, err := open(t, c).Deliver(context.Background(), nil); err != nil {
		t.Error(err)
	}
}

func TestRealWrongCredentialsAndAuthorities(t *testing.T) {
	c := real(t, true)
	for name, c := range map[string]Config{
		"401":            {URLs: c.URLs, User: "admin", Password: "wrong-example", CA: c.CA},
		"401: ":          {URLs: c.URLs, CA: c.CA},
		"authority":      {URLs: c.URLs, User: "admin", Password: c.Password, CA: filepath.Join(env(t, "REFLEX_TEST_CERTS"), "other-ca.pem")},
		"does not know":  {URLs: c.URLs, APIKey: "ZXhhbXBsZTpleGFtcGxl", CA: c.CA},
		"the node hangs": {URLs: []string{strings.Replace(c.URLs[0], "https", "http", 1)}, Timeout: time.Nanosecond},
	} {
		s := open(t, c)
		n, err := s.Deliver(context.Background(), contract.Transitions(1))
		if n != 0 || err == nil || !strings.Contains(err.Error(), name) {
			t.Errorf("%s: %v", name, err)
		}
		if err != nil && strings.Contains(err.Error(), "wrong-example") {
			t.Errorf("the password is in the text: %v", err)
		}
		f := s.Check(context.Background())[0]
		if f.Err == nil || f.Advice == "" {
			t.Errorf("%s: finding %+v", name, f)
		}
		_ = s.Close()
	}
}

// service runs a verb of the secured server's helper.
func service(t testing.TB, verb string) {
	t.Helper()
	var out bytes.Buffer
	cmd := exec.Command(filepath.Join(env(t, "REFLEX_TEST_SERVICES"), "elastic-tls"), verb)
	cmd.Stdout, cmd.Stderr = &out, &out
	if err := cmd.Run(); err != nil {
		t.Fatalf("elastic-tls %s: %v\n%s", verb, err, out.String())
	}
}

func TestRealHangIsTemporary(t *testing.T) {
	env(t, "REFLEX_TEST_SERVICES")
	c := real(t, true)
	setup(t, c)
	s := open(t, c)
	defer s.Close()
	ts := contract.Transitions(12)
	contract.Drive(t, time.Minute, s, ts[:4])
	s.client.timeout = time.Second
	service(t, "pause")
	t.Cleanup(func() { service(t, "resume") }) // whatever happens; twice does no harm
	n, err := s.Deliver(context.Background(), ts[4:])
	service(t, "resume")
	if n != 0 || engine.KindOf(err) != engine.Temporary || !strings.Contains(err.Error(), "no answer within 1s") {
		t.Fatalf("accepted %d: %v", n, err)
	}
	s.client.timeout = c.Timeout
	contract.Drive(t, time.Minute, s, ts[4:])
	if got := len(adminOf(t, c).ids(c.Namespace)); got != len(ts) {
		t.Errorf("stored %d of %d", got, len(ts))
	}
}

func TestRealCrashLosesNothingAccepted(t *testing.T) {
	env(t, "REFLEX_TEST_SERVICES")
	c := real(t, true)
	setup(t, c)
	s := open(t, c)
	defer s.Close()
	ts := contract.Transitions(60)
	contract.Drive(t, time.Minute, s, ts[:30])
	service(t, "kill")
	n, err := s.Deliver(context.Background(), ts[30:])
	if n != 0 || engine.KindOf(err) != engine.Temporary {
		t.Errorf("accepted %d by a dead server: %v", n, err)
	}
	if f := s.Check(context.Background()); len(f) != 1 || f[0].Err == nil {
		t.Errorf("findings about a dead server: %+v", f)
	}
	service(t, "start")
	contract.Drive(t, 2*time.Minute, s, ts[30:])
	if got := len(adminOf(t, c).ids(c.Namespace)); got != len(ts) {
		t.Errorf("stored %d of %d", got, len(ts))
	}
}
