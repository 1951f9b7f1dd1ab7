package slacktest

import (
	"encoding/json"
	"net/http"
	"net/http/httptest"
	"net/url"
	"strings"
	"testing"
)

// call makes one call and gives the word Slack would answer with, "" for ok.
func call(t *testing.T, s *Server, method string, form url.Values) string {
	t.Helper()
	form.Set("token", Token)
	form.Set("channel", "C0EXAMPLE1")
	req := httptest.NewRequest(http.MethodPost, "/api/"+method, strings.NewReader(form.Encode()))
	req.Header.Set("Content-Type", "application/x-www-form-urlencoded")
	w := httptest.NewRecorder()
	s.ServeHTTP(w, req)
	var answer struct {
		OK    bool
		Error string
	}
	if err := json.NewDecoder(w.Body).Decode(&answer); err != nil || answer.OK != (answer.Error == "") {
		t.Fatalf("%s answers %+v: %v", method, answer, err)
	}
	return answer.Error
}

func TestServerRefusesWhatSlackRefuses(t *testing.T) {
	section := func(n int) string {
		return `{"type":"section","text":{"type":"mrkdwn","text":"` + strings.Repeat("x", n) + `"}}`
	}
	fields := func(n, size int) string {
		f := `{"type":"mrkdwn","text":"` + strings.Repeat("x", size) + `"}`
		return `{"type":"section","fields":[` + strings.TrimSuffix(strings.Repeat(f+",", n), ",") + `]}`
	}
	many := func(n int, block string) string { return strings.TrimSuffix(strings.Repeat(block+",", n), ",") }
	for name, c := range map[string]struct{ blocks, want string }{
		"small":             {section(3000), ""},
		"long section":      {section(3001), "invalid_blocks"},
		"empty section":     {section(0), "invalid_blocks"},
		"50 blocks":         {many(50, section(1)), ""},
		"51 blocks":         {many(51, section(1)), "invalid_blocks"},
		"too much in all":   {many(5, section(2900)), "msg_blocks_too_long"},
		"10 fields":         {fields(10, 100), ""},
		"11 fields":         {fields(11, 100), "invalid_blocks"},
		"long field":        {fields(1, 2001), "invalid_blocks"},
		"long header":       {`{"type":"header","text":{"type":"plain_text","text":"` + strings.Repeat("x", 151) + `"}}`, "invalid_blocks"},
		"header in mrkdwn":  {`{"type":"header","text":{"type":"mrkdwn","text":"x"}}`, "invalid_blocks"},
		"unknown block":     {`{"type":"example"}`, "invalid_blocks"},
		"not JSON at all":   {`{`, "invalid_blocks_format"},
		"counted in UTF-16": {`{"type":"header","text":{"type":"plain_text","text":"` + strings.Repeat("🔴", 76) + `"}}`, "invalid_blocks"},
	} {
		if got := call(t, New("C0EXAMPLE1"), "chat.postMessage", url.Values{"text": {"x"}, "blocks": {"[" + c.blocks + "]"}}); got != c.want {
			t.Errorf("%s: %q, want %q", name, got, c.want)
		}
	}
}

func TestServerRefusesCalls(t *testing.T) {
	s := New("C0EXAMPLE1")
	for want, c := range map[string]struct {
		method string
		form   url.Values
	}{
		"no_text":                 {"chat.postMessage", url.Values{}},
		"msg_too_long":            {"chat.postMessage", url.Values{"text": {strings.Repeat("x", 40001)}}},
		"thread_not_found":        {"chat.postMessage", url.Values{"text": {"x"}, "thread_ts": {"1.2"}}},
		"message_not_found":       {"chat.update", url.Values{"text": {"x"}, "ts": {"1.2"}}},
		"invalid_metadata_format": {"chat.postMessage", url.Values{"text": {"x"}, "metadata": {"{}"}}},
		"unknown_method":          {"chat.example", url.Values{}},
	} {
		if got := call(t, s, c.method, c.form); got != want {
			t.Errorf("%s: %q, want %q", c.method, got, want)
		}
	}
	if list := s.Messages("C0EXAMPLE1"); len(list) != 0 {
		t.Errorf("a refused call left %+v", list)
	}
}
