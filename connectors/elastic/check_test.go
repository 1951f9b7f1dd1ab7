package elastic

import (
	"context"
	"crypto/tls"
	"encoding/pem"
	"io"
	"log"
	"net/http"
	"net/http/httptest"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"github.com/seed-843b225c/reflex/engine"
)

// answerPath answers one path and leaves the rest.
func answerPath(path string, code int, body string) func(http.ResponseWriter, *http.Request) bool {
	return func(w http.ResponseWriter, r *http.Request) bool {
		if !strings.HasSuffix(r.URL.Path, path) {
			return false
		}
		w.WriteHeader(code)
		_, _ = io.WriteString(w, body)
		return true
	}
}

// Each trouble gives one line that names it and says what to do.
func TestCheckFindsTrouble(t *testing.T) {
	for _, c := range []struct {
		trouble      func(f *fake)
		what, advice string
	}{
		{func(f *fake) { f.answer = answerPath("/_cat/health", 401, `{"error":{"type":"security_exception"}}`) }, "does not know this key", "correct the configuration"},
		{func(f *fake) { f.answer = answerPath("/_cat/health", 503, "") }, "503", "none is lost"},
		{func(f *fake) {
			f.answer = answerPath("/_cat/health", 200, `[{"epoch":"1","status":"green","cluster":"example"}]`)
		}, "clocks differ", "NTP"},
		{func(f *fake) {
			f.answer = answerPath("/_cat/health", 200, `[{"epoch":"1","status":"red","cluster":"example"}]`)
		}, "is red", "allocation/explain"},
		{func(f *fake) {
			f.answer = func(w http.ResponseWriter, r *http.Request) bool {
				w.Header().Del("X-Elastic-Product")
				return false
			}
		}, "OpenSearch", "correct the configuration"},
		{func(f *fake) { f.version = "7.17.0" }, "version 7.17", "correct the configuration"},
		{func(f *fake) { delete(f.templates, "reflex.audit") }, "missing: reflex.audit", "reflex setup elastic"},
		{func(f *fake) {
			f.templates["reflex.audit"] = []byte(`{"version":1,"priority":200,"index_patterns":["logs-reflex.audit-*"],"_meta":{"reflex":"0"}}`)
		}, "not those of this Reflex", "reflex setup elastic"},
		{func(f *fake) {
			f.templates["example"] = []byte(`{"priority":500,"index_patterns":["x","logs-*.alerts-*"]}`)
		}, "logs-reflex.alerts-default by example", "other template"},
		{func(f *fake) {
			f.mappings["logs-reflex.alerts-default"] = object{"properties": object{"message": object{"type": "keyword"}, "tags": object{"type": "keyword"}}}
		}, "message is keyword, not text", "_rollover"},
		{func(f *fake) { f.mappings["reflex-incidents-default"] = object{} }, "fields of the template are not in its mapping", "reflex setup elastic"},
		{func(f *fake) {
			f.answer = answerPath("/_has_privileges", 200, `{"index":{"reflex-incidents-default":{"index":false,"auto_configure":true}}}`)
		}, "lacks index on reflex-incidents-default", "role"},
	} {
		f := newFake(t)
		setup(t, f.config())
		s := open(t, f.config())
		for _, found := range s.Check(context.Background()) {
			if found.Err != nil {
				t.Errorf("before %s: %+v", c.what, found)
			}
		}
		f.set(func() { c.trouble(f) })
		var bad []engine.Finding
		for _, found := range s.Check(context.Background()) {
			if found.Err != nil {
				bad = append(bad, found)
			}
		}
		if len(bad) != 1 || !strings.Contains(bad[0].Err.Error(), c.what) || !strings.Contains(bad[0].Advice, c.advice) || bad[0].Note != "" || strings.Contains(bad[0].Err.Error(), "\n") {
			t.Errorf("want %q: %+v", c.what, bad)
		}
	}
}

// A key that may only write is no trouble.
func TestCheckLivesWithoutPrivileges(t *testing.T) {
	f := newFake(t)
	setup(t, f.config())
	f.set(func() {
		f.answer = func(w http.ResponseWriter, r *http.Request) bool {
			return r.URL.Path != "/_bulk" && answerPath("", 403, `{"error":{"type":"security_exception","reason":"unauthorized"}}`)(w, r)
		}
	})
	s := open(t, f.config())
	found := s.Check(context.Background())
	for _, fd := range found {
		if fd.What != "elasticsearch "+s.client.where+": privileges" && (fd.Err != nil || !strings.Contains(fd.Note, "unknown")) {
			t.Errorf("%+v", fd)
		}
	}
	if n, err := s.Deliver(context.Background(), nil); n != 0 || err != nil {
		t.Error(err)
	}
}

func TestCheckAsksEveryNode(t *testing.T) {
	f := newFake(t)
	setup(t, f.config())
	down := httptest.NewServer(nil)
	down.Close()
	c := f.config()
	c.URLs = append(c.URLs, down.URL)
	s := open(t, c)
	bad := 0
	for _, found := range s.Check(context.Background())[:2] {
		if found.Err != nil {
			bad++
		}
	}
	if bad != 1 {
		t.Errorf("%d nodes of two are down, want 1", bad)
	}
}

func TestConnectionTroubleSaysWhatToDo(t *testing.T) {
	secure := httptest.NewUnstartedServer(nil)
	secure.Config.ErrorLog = log.New(io.Discard, "", 0)
	secure.StartTLS()
	defer secure.Close()
	strict := httptest.NewUnstartedServer(nil)
	strict.Config.ErrorLog = secure.Config.ErrorLog
	strict.TLS = &tls.Config{ClientAuth: tls.RequireAnyClientCert}
	strict.StartTLS()
	defer strict.Close()
	plain := httptest.NewServer(nil)
	down := httptest.NewServer(nil)
	down.Close()
	defer plain.Close()
	ca := filepath.Join(t.TempDir(), "ca.pem")
	if err := os.WriteFile(ca, pem.EncodeToMemory(&pem.Block{Type: "CERTIFICATE", Bytes: secure.Certificate().Raw}), 0o600); err != nil {
		t.Fatal(err)
	}
	for _, c := range []struct {
		url, ca string
		kind    engine.ErrorKind
		says    string
	}{
		{secure.URL, "", engine.Fatal, "set ca to the file"},
		{strings.Replace(secure.URL, "127.0.0.1", "localhost", 1), ca, engine.Fatal, "for other names"},
		{strings.Replace(plain.URL, "http:", "https:", 1), "", engine.Fatal, "write http://"},
		{strict.URL, ca, engine.Fatal, "client certificate"},
		{down.URL, "", engine.Temporary, "is it running"},
		{"http://elastic.invalid:9200", "", engine.Temporary, "elastic.invalid"},
		{plain.URL, "", engine.Fatal, "404"},
	} {
		s := open(t, Config{URLs: []string{c.url}, CA: c.ca, User: "writer", Password: "example-password", Timeout: 5 * time.Second})
		_, err := s.Deliver(context.Background(), nil)
		if engine.KindOf(err) != c.kind || !strings.Contains(err.Error(), c.says) || strings.Contains(err.Error(), "example-password") {
			t.Errorf("%s: kind %q: %v", c.url, engine.KindOf(err), err)
		}
		_ = s.Close()
	}
}

func TestRequestsCarryTheKeyAndThePath(t *testing.T) {
	f := newFake(t)
	seen := map[string]bool{}
	f.answer = func(_ http.ResponseWriter, r *http.Request) bool {
		seen[r.Header.Get("Authorization")+" "+r.URL.Path[:4]] = true
		r.URL.Path = strings.TrimPrefix(r.URL.Path, "/es")
		return false
	}
	c := f.config()
	c.URLs[0] += "/es/"
	c.APIKey = "ZXhhbXBsZTpleGFtcGxl"
	setup(t, c)
	if len(seen) != 1 || !seen["APIKey ZXhhbXBsZTpleGFtcGxl /es/"] {
		t.Errorf("requests: %v", seen)
	}
}
