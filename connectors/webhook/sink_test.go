package webhook

import (
	"context"
	"encoding/json"
	"encoding/pem"
	"errors"
	"fmt"
	"io"
	"log/slog"
	"math"
	"net/http"
	"net/http/httptest"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/seed-843b225c/reflex/connectors/contract"
	"github.com/seed-843b225c/reflex/engine"
)

const secret = "example-secret"

// receiver keeps what it is sent, by the id of each change.
type receiver struct {
	mu       sync.Mutex
	ids      []string
	requests int
	refuse   string                                                      // id of a change that is answered 422
	answer   func(w http.ResponseWriter, n int, body []byte) (done bool) // nil: takes it
	errs     []error
}

func (r *receiver) ServeHTTP(w http.ResponseWriter, req *http.Request) {
	if req.Method == http.MethodHead {
		return
	}
	body, err := io.ReadAll(req.Body)
	if err != nil {
		panic(http.ErrAbortHandler)
	}
	r.mu.Lock()
	defer r.mu.Unlock()
	r.requests++
	if err := Verify(secret, req.Header, body, time.Now(), time.Minute); err != nil {
		r.errs = append(r.errs, err)
	}
	ids, err := read(body)
	if err != nil {
		r.errs = append(r.errs, err)
	}
	if r.answer != nil && r.answer(w, len(ids), body) {
		return
	}
	if r.refuse != "" && slices.Contains(ids, r.refuse) {
		http.Error(w, "one of these I do not take", http.StatusUnprocessableEntity)
		return
	}
	for _, id := range ids {
		if !slices.Contains(r.ids, id) { // as receivers are told to
			r.ids = append(r.ids, id)
		}
	}
	w.WriteHeader(http.StatusAccepted)
}

func read(body []byte) ([]string, error) {
	var docs []struct {
		Reflex struct {
			Transition struct {
				ID string `json:"id"`
			} `json:"transition"`
		} `json:"reflex"`
	}
	if err := json.Unmarshal(body, &docs); err != nil {
		return nil, err
	}
	var ids []string
	for _, d := range docs {
		ids = append(ids, d.Reflex.Transition.ID)
	}
	return ids, nil
}

func (r *receiver) stored(t testing.TB) []string {
	r.mu.Lock()
	defer r.mu.Unlock()
	for _, err := range r.errs {
		t.Error(err)
	}
	return slices.Clone(r.ids)
}

func (r *receiver) set(f func(w http.ResponseWriter, n int, body []byte) bool) {
	r.mu.Lock()
	defer r.mu.Unlock()
	r.answer = f
}

func start(t testing.TB) (*receiver, Config) {
	r := &receiver{}
	h := httptest.NewServer(r)
	h.Config.ErrorLog = slog.NewLogLogger(slog.DiscardHandler, slog.LevelError)
	t.Cleanup(h.Close)
	return r, Config{URL: engine.Hidden(h.URL + "/in?token=example-token"), Secret: secret}
}

func open(t testing.TB, c Config) *Sink {
	t.Helper()
	s, err := New(c, Options{})
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { s.Close() })
	return s
}

func TestSinkKeepsTheContract(t *testing.T) {
	contract.Sink(t, func(t testing.TB) contract.SinkRig {
		r, c := start(t)
		return contract.SinkRig{
			Open:   func(t testing.TB) engine.Sink { return open(t, c) },
			Stored: r.stored,
			Once:   true,
			Refuse: func(_ testing.TB, refused engine.Transition) {
				r.mu.Lock()
				defer r.mu.Unlock()
				r.refuse = refused.DocumentID()
			},
			Trouble: func(testing.TB) func() {
				r.set(func(w http.ResponseWriter, _ int, _ []byte) bool { w.WriteHeader(http.StatusBadGateway); return true })
				return func() { r.set(nil) }
			},
		}
	})
}

func TestSinkJudgesAnswers(t *testing.T) {
	for _, c := range []struct {
		status int
		after  string
		kind   engine.ErrorKind
		min    time.Duration
	}{
		{200, "", 0, 0}, {204, "", 0, 0}, {301, "", engine.Fatal, 0}, {307, "", engine.Fatal, 0}, {304, "", engine.Fatal, 0},
		{400, "", engine.BadInput, 0}, {413, "", engine.BadInput, 0}, {422, "", engine.BadInput, 0}, {418, "", engine.BadInput, 0},
		{401, "", engine.Fatal, 0}, {403, "", engine.Fatal, 0}, {404, "", engine.Fatal, 0}, {410, "", engine.Fatal, 0},
		{408, "", engine.Temporary, time.Second}, {425, "", engine.Temporary, time.Second}, {429, "17", engine.Temporary, 17 * time.Second},
		{503, "999999999999", engine.Temporary, time.Second}, {503, "86400", engine.Temporary, maxWait}, {500, "-4", engine.Temporary, time.Second},
		{503, time.Now().Add(100 * time.Second).UTC().Format(http.TimeFormat), engine.Temporary, 90 * time.Second},
	} {
		r, conf := start(t)
		r.set(func(w http.ResponseWriter, _ int, _ []byte) bool {
			w.Header().Set("Location", "http://127.0.0.1:1/")
			if c.after != "" {
				w.Header().Set("Retry-After", c.after)
			}
			w.WriteHeader(c.status)
			return true
		})
		n, err := open(t, conf).Deliver(context.Background(), contract.Transitions(1))
		if engine.KindOf(err) != c.kind || (err == nil) != (n == 1) {
			t.Errorf("%d: accepted %d, kind %q: %v", c.status, n, engine.KindOf(err), err)
		}
		if e, ok := errors.AsType[*engine.Error](err); ok && (e.After < c.min || e.After > maxWait) {
			t.Errorf("%d %q: After is %s, want at least %s", c.status, c.after, e.After, c.min)
		}
		if err != nil && strings.Contains(err.Error(), "example-token") {
			t.Errorf("the address is in the error: %v", err)
		}
	}
}

func TestSinkSplitsWhatIsTooLarge(t *testing.T) {
	r, c := start(t)
	r.set(func(w http.ResponseWriter, n int, _ []byte) bool {
		if n > 3 {
			w.WriteHeader(http.StatusRequestEntityTooLarge)
		}
		return n > 3
	})
	ts := contract.Transitions(250)
	if n, err := open(t, c).Deliver(context.Background(), ts); n != len(ts) || err != nil {
		t.Fatalf("accepted %d: %v", n, err)
	}
	if got := r.stored(t); !slices.Equal(got, contract.DocumentIDs(ts)) {
		t.Errorf("%d arrived, or in another order", len(got))
	}
}

func TestSinkKeepsRequestsSmall(t *testing.T) {
	r, c := start(t)
	most := 0
	r.set(func(_ http.ResponseWriter, n int, body []byte) bool {
		if n > maxCount || len(body) > maxBytes && n > 1 {
			most = n
		}
		return false
	})
	ts := contract.Transitions(300)
	for i := range ts[:12] {
		if ts[i].Alert != nil {
			ts[i].Alert.Description = strings.Repeat("x", 400_000)
		}
	}
	if n, err := open(t, c).Deliver(context.Background(), ts); n != len(ts) || err != nil {
		t.Fatalf("accepted %d: %v", n, err)
	}
	if most != 0 || r.requests < 5 {
		t.Errorf("%d requests, one of %d transitions", r.requests, most)
	}
}

func TestSinkStopsBeforeWhatCannotBeEncoded(t *testing.T) {
	r, c := start(t)
	ts := contract.Transitions(5)
	ts[2].Alert.Measure = math.NaN()
	n, err := open(t, c).Deliver(context.Background(), ts)
	if n != 2 || engine.KindOf(err) != engine.BadInput || len(r.stored(t)) != 2 {
		t.Errorf("accepted %d, stored %d: %v", n, len(r.stored(t)), err)
	}
}

func TestSinkKeepsBackWhatIsBelowItsLevel(t *testing.T) {
	r, c := start(t)
	c.MinLevel = "high"
	ts := contract.Transitions(6) // medium, medium, then high
	if n, err := open(t, c).Deliver(context.Background(), ts); n != 6 || err != nil {
		t.Fatalf("accepted %d: %v", n, err)
	}
	if got := r.stored(t); !slices.Equal(got, contract.DocumentIDs(ts[2:])) {
		t.Errorf("stored %v", got)
	}
}

func TestSinkSendsHeadersAndGivesUpOnSilence(t *testing.T) {
	seen, hang := make(chan string, 1), make(chan struct{})
	h := httptest.NewServer(http.HandlerFunc(func(_ http.ResponseWriter, req *http.Request) {
		seen <- req.Header.Get("X-Example")
		<-hang
	}))
	defer h.Close()
	defer close(hang)
	s := open(t, Config{URL: engine.Hidden(h.URL), Headers: map[string]engine.Hidden{"X-Example": "example-value"}, Timeout: 50 * time.Millisecond})
	_, err := s.Deliver(context.Background(), contract.Transitions(1))
	if engine.KindOf(err) != engine.Temporary {
		t.Errorf("no answer in time: kind %q: %v", engine.KindOf(err), err)
	}
	if got := <-seen; got != "example-value" {
		t.Errorf("header %q", got)
	}
}

func TestSinkTrustsOnlyWhatItIsTold(t *testing.T) {
	r := &receiver{}
	h := httptest.NewTLSServer(r)
	defer h.Close()
	h.Config.ErrorLog = slog.NewLogLogger(slog.DiscardHandler, slog.LevelError)
	c := Config{URL: engine.Hidden(h.URL), Secret: secret}
	s := open(t, c)
	if _, err := s.Deliver(context.Background(), contract.Transitions(1)); engine.KindOf(err) != engine.Fatal || !strings.Contains(err.Error(), "set ca") {
		t.Errorf("an unknown authority: %v", err)
	}
	if f := s.Check(context.Background()); f[0].Err == nil {
		t.Error("check finds an unknown authority well")
	}
	c.CA = filepath.Join(t.TempDir(), "ca.pem")
	if err := os.WriteFile(c.CA, pem.EncodeToMemory(&pem.Block{Type: "CERTIFICATE", Bytes: h.Certificate().Raw}), 0o600); err != nil {
		t.Fatal(err)
	}
	if n, err := open(t, c).Deliver(context.Background(), contract.Transitions(1)); n != 1 || err != nil {
		t.Errorf("accepted %d: %v", n, err)
	}
}

func TestNewSaysWhichFileIsWrong(t *testing.T) {
	empty := filepath.Join(t.TempDir(), "empty.pem")
	if err := os.WriteFile(empty, nil, 0o600); err != nil {
		t.Fatal(err)
	}
	for _, c := range []Config{{CA: "missing.pem"}, {CA: empty}, {Cert: empty, Key: empty}} {
		c.URL = "https://example.org/"
		if _, err := New(c, Options{}); engine.KindOf(err) != engine.Fatal || !strings.Contains(err.Error(), ".pem") {
			t.Errorf("%+v: %v", c, err)
		}
	}
}

func TestVerifyRefusesWhatIsNotAsItWasSent(t *testing.T) {
	now, body := time.Unix(1772445600, 0), []byte("[]")
	stamp := fmt.Sprint(now.Unix())
	good := http.Header{}
	good.Set(HeaderTimestamp, stamp)
	good.Set(HeaderSignature, sign(secret, stamp, body))
	late := good.Clone()
	late.Set(HeaderTimestamp, fmt.Sprint(now.Unix()+1))
	for name, c := range map[string]struct {
		secret string
		header http.Header
		body   string
		now    time.Time
		ok     bool
	}{
		"as sent":      {secret, good, "[]", now.Add(30 * time.Second), true},
		"other secret": {"other", good, "[]", now, false},
		"other body":   {secret, good, "[1]", now, false},
		"other time":   {secret, late, "[]", now, false},
		"sent again":   {secret, good, "[]", now.Add(2 * time.Minute), false},
		"from ahead":   {secret, good, "[]", now.Add(-2 * time.Minute), false},
		"not signed":   {secret, http.Header{}, "[]", now, false},
	} {
		if err := Verify(c.secret, c.header, []byte(c.body), c.now, time.Minute); (err == nil) != c.ok {
			t.Errorf("%s: %v", name, err)
		}
	}
}

func TestConfigJoinsEveryMistake(t *testing.T) {
	c := Config{URL: "ftp://example-token@example.org", Headers: map[string]engine.Hidden{"Bad Name": "x", "content-type": "x", "X-Ok": "a\r\nb"}, Cert: "c.pem", Timeout: -1, MinLevel: "loud"}
	err := c.Validate()
	for _, want := range []string{"url:", `"Bad Name"`, "content-type is set", `"X-Ok"`, "belong together", "timeout", `min_level "loud"`} {
		if err == nil || !strings.Contains(err.Error(), want) {
			t.Errorf("%v does not say %q", err, want)
		}
	}
	if strings.Contains(err.Error(), "example-token") {
		t.Errorf("holds the address: %v", err)
	}
	if err := (&Config{URL: "https://example.org/in"}).Validate(); err != nil {
		t.Error(err)
	}
}
