package main

import (
	"context"
	"errors"
	"log/slog"
	"net/http"
	"net/http/httptest"
	"strings"
	"sync/atomic"
	"testing"
	"testing/synctest"

	"github.com/seed-843b225c/reflex/engine"
)

// TestWrongOutputIsToldBeforeTheFirstAlert, and no longer once it is mended.
func TestWrongOutputIsToldBeforeTheFirstAlert(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		var answers atomic.Bool
		outputs := []part{{"sink pager", func() (any, error) { return checked(answers.Load), nil }}}
		d := &daemon{log: slog.New(slog.DiscardHandler)}
		ended := make(chan struct{})
		go func() { defer close(ended); d.lookAhead(t.Context(), outputs) }()
		synctest.Wait()
		page := httptest.NewRecorder()
		d.ready(page, httptest.NewRequest(http.MethodGet, "/readyz", nil))
		if !strings.Contains(page.Body.String(), "not as it should be: pager: no answer & no sign: call someone") {
			t.Errorf("got %s", page.Body)
		}
		answers.Store(true)
		<-ended // after checkAgain, which a bubble does not wait for
		page = httptest.NewRecorder()
		d.ready(page, httptest.NewRequest(http.MethodGet, "/readyz", nil))
		if strings.Contains(page.Body.String(), "pager") {
			t.Errorf("got %s", page.Body)
		}
	})
}

// checked is an output that finds itself well or not.
type checked func() bool

func (c checked) Check(context.Context) []engine.Finding {
	if c() {
		return []engine.Finding{{What: "pager"}}
	}
	return []engine.Finding{{What: "pager", Err: errors.New("no answer & no sign"), Advice: "call someone"}}
}
