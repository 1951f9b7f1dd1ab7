package elastic

import (
	"context"
	"net/http"
	"testing"

	"github.com/seed-843b225c/reflex/connectors/contract"
	"github.com/seed-843b225c/reflex/engine"
)

func TestSinkKeepsTheContract(t *testing.T) {
	contract.Sink(t, func(t testing.TB) contract.SinkRig {
		f := newFake(t)
		setup(t, f.config())
		return contract.SinkRig{
			Open:   func(t testing.TB) engine.Sink { return open(t, f.config()) },
			Stored: func(testing.TB) []string { return f.stored() },
			Once:   true,
			Refuse: func(_ testing.TB, refused engine.Transition) {
				f.set(func() { f.item = badDocument(refused.DocumentID()) })
			},
			Trouble: func(testing.TB) func() {
				f.set(func() { f.answer = status(http.StatusServiceUnavailable, "") })
				return func() { f.set(func() { f.answer = nil }) }
			},
		}
	})
}

func setup(t testing.TB, c Config) {
	t.Helper()
	if _, err := Setup(context.Background(), c); err != nil {
		t.Fatal(err)
	}
}

// open makes a sink; the caller closes it.
func open(t testing.TB, c Config) *Sink {
	t.Helper()
	s, err := New(c, Options{})
	if err != nil {
		t.Fatal(err)
	}
	return s
}

// badDocument refuses one document, as a mapping does that cannot take it.
func badDocument(id string) func(string, string, object) *refusal {
	return func(_, got string, _ object) *refusal {
		if got != id {
			return nil
		}
		return &refusal{400, fault{"document_parsing_exception",
			"[1:20] failed to parse field [source.port] of type [long] in document with id 'x'. Preview of field's value: 'private words'"}}
	}
}

// status answers bulk requests with a status and a body; all else goes on.
func status(code int, body string) func(http.ResponseWriter, *http.Request) bool {
	return func(w http.ResponseWriter, r *http.Request) bool {
		if r.URL.Path != "/_bulk" {
			return false
		}
		w.WriteHeader(code)
		_, _ = w.Write([]byte(body))
		return true
	}
}
