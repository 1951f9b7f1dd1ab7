// Package slacktest is a stand-in for Slack's Web API and incoming webhooks, for
// tests: it keeps messages, refuses what Slack would refuse, and breaks when
// told to. Server is an http.Handler, safe for concurrent use.
package slacktest

import (
	"encoding/json"
	"fmt"
	"net/http"
	"path"
	"slices"
	"strconv"
	"strings"
	"sync"
	"time"
)

// Token is the only token that the stand-in takes.
const Token = "xoxb-example"

// Message is what stands in a channel.
type Message struct {
	TS        string
	Thread    string // of a reply: the TS of the message it belongs to
	Text      string
	Blocks    json.RawMessage
	Metadata  Metadata
	Broadcast bool // a reply that the channel sees too
	Edits     int
}

// Metadata is what an app hides in a message.
type Metadata struct {
	Type    string         `json:"event_type"`
	Payload map[string]any `json:"event_payload"`
}

// Fault says how the next call of a method goes wrong.
type Fault struct {
	Status     int    // answer with this status and do nothing
	RetryAfter int    // seconds, header of the answer
	Code       string // answer ok: false with this word, do nothing
	Lose       bool   // do what was asked, then cut the connection
	Cut        bool   // cut the connection and do nothing
}

// Call is one request.
type Call struct {
	Method string
	Form   map[string]string
	Fault  bool
}

// Server is the stand-in. Set the fields before it serves.
type Server struct {
	Scopes string           // X-OAuth-Scopes; default chat:write,channels:history
	Now    func() time.Time // time of messages; default time.Now

	mu       sync.Mutex
	channels map[string][]*Message
	states   map[string][]Message
	faults   map[string][]Fault
	calls    []Call
	last     int64 // microseconds of the newest message
}

// New makes a workspace whose bot is a member of these channels.
func New(channels ...string) *Server {
	s := &Server{Scopes: "chat:write,channels:history", Now: time.Now, channels: map[string][]*Message{}, states: map[string][]Message{}, faults: map[string][]Fault{}}
	for _, c := range channels {
		s.channels[c] = []*Message{}
	}
	return s
}

// Fail queues faults for the next calls of a method ("chat.postMessage";
// "webhook" for incoming webhooks).
func (s *Server) Fail(method string, faults ...Fault) {
	s.mu.Lock()
	defer s.mu.Unlock()
	s.faults[method] = append(s.faults[method], faults...)
}

// Heal takes back the faults that wait for a method.
func (s *Server) Heal(method string) {
	s.mu.Lock()
	defer s.mu.Unlock()
	delete(s.faults, method)
}

// History gives every state that messages of a channel had, replies too, in the
// order in which they were posted and edited.
func (s *Server) History(channel string) []Message {
	s.mu.Lock()
	defer s.mu.Unlock()
	return slices.Clone(s.states[channel])
}

// Messages gives the messages of a channel without replies, oldest first.
func (s *Server) Messages(channel string) []Message { return s.filter(channel, "") }

// Thread gives the replies to a message, oldest first.
func (s *Server) Thread(channel, ts string) []Message { return s.filter(channel, ts) }

func (s *Server) filter(channel, thread string) []Message {
	s.mu.Lock()
	defer s.mu.Unlock()
	var out []Message
	for _, m := range s.channels[channel] {
		if m.Thread == thread {
			out = append(out, *m)
		}
	}
	return out
}

// Delete takes a message away, as a person does.
func (s *Server) Delete(channel, ts string) {
	s.mu.Lock()
	defer s.mu.Unlock()
	s.channels[channel] = slices.DeleteFunc(s.channels[channel], func(m *Message) bool { return m.TS == ts })
}

// Calls gives the calls of a method so far; "" for all.
func (s *Server) Calls(method string) []Call {
	s.mu.Lock()
	defer s.mu.Unlock()
	var out []Call
	for _, c := range s.calls {
		if method == "" || c.Method == method {
			out = append(out, c)
		}
	}
	return out
}

// ServeHTTP answers as Slack does.
func (s *Server) ServeHTTP(w http.ResponseWriter, r *http.Request) {
	if strings.HasPrefix(r.URL.Path, "/services/") {
		s.webhook(w, r)
		return
	}
	method := path.Base(r.URL.Path)
	if err := r.ParseForm(); err != nil {
		http.Error(w, err.Error(), http.StatusBadRequest)
		return
	}
	form := map[string]string{}
	for k := range r.PostForm {
		form[k] = r.PostForm.Get(k)
	}
	if form["token"] == "" {
		form["token"] = strings.TrimPrefix(r.Header.Get("Authorization"), "Bearer ")
	}
	fault, broken := s.begin(method, form)
	if broken && s.fail(w, fault) {
		return
	}
	answer := s.answer(method, form)
	if fault.Lose {
		panic(http.ErrAbortHandler)
	}
	w.Header().Set("Content-Type", "application/json; charset=utf-8")
	w.Header().Set("X-OAuth-Scopes", s.Scopes)
	if err := json.NewEncoder(w).Encode(answer); err != nil {
		panic(http.ErrAbortHandler)
	}
}

// begin records a call and takes the fault that waits for it.
func (s *Server) begin(method string, form map[string]string) (Fault, bool) {
	s.mu.Lock()
	defer s.mu.Unlock()
	queue := s.faults[method]
	s.calls = append(s.calls, Call{Method: method, Form: form, Fault: len(queue) > 0})
	if len(queue) == 0 {
		return Fault{}, false
	}
	s.faults[method] = queue[1:]
	return queue[0], true
}

// fail answers with a fault; false when the call is to be done all the same.
func (s *Server) fail(w http.ResponseWriter, f Fault) bool {
	switch {
	case f.Cut:
		panic(http.ErrAbortHandler)
	case f.Status != 0:
		if f.RetryAfter > 0 {
			w.Header().Set("Retry-After", strconv.Itoa(f.RetryAfter))
		}
		http.Error(w, f.Code, f.Status)
	case f.Code != "":
		_ = json.NewEncoder(w).Encode(no(f.Code))
	default:
		return false
	}
	return true
}

type object = map[string]any

func no(code string, notes ...string) object {
	return object{"ok": false, "error": code, "response_metadata": object{"messages": notes}}
}

func (s *Server) answer(method string, form map[string]string) object {
	s.mu.Lock()
	defer s.mu.Unlock()
	if form["token"] != Token {
		return no("invalid_auth")
	}
	if method == "auth.test" {
		return object{"ok": true, "url": "https://example.slack.com/", "team": "Example", "user": "reflex", "team_id": "T0EXAMPLE", "user_id": "U0EXAMPLE", "bot_id": "B0EXAMPLE"}
	}
	if _, ok := s.channels[form["channel"]]; !ok {
		return no("channel_not_found")
	}
	switch method {
	case "chat.postMessage":
		return s.post(form)
	case "chat.update":
		return s.update(form)
	case "conversations.history":
		return s.history(form, "")
	case "conversations.replies":
		return s.history(form, form["ts"])
	}
	return no("unknown_method")
}

func (s *Server) post(form map[string]string) object {
	m := &Message{Text: form["text"], Thread: form["thread_ts"], Broadcast: form["reply_broadcast"] == "true"}
	if word, notes := m.fill(form, 40000); word != "" {
		return no(word, notes...)
	}
	if m.Thread != "" && s.message(form["channel"], m.Thread) == nil {
		return no("thread_not_found")
	}
	s.add(form["channel"], m)
	return object{"ok": true, "channel": form["channel"], "ts": m.TS, "message": m.wire(true)}
}

// add gives a message its timestamp, which no other has.
func (s *Server) add(channel string, m *Message) {
	s.last = max(s.last+1, s.Now().UnixMicro())
	m.TS = fmt.Sprintf("%d.%06d", s.last/1e6, s.last%1e6)
	s.channels[channel] = append(s.channels[channel], m)
	s.states[channel] = append(s.states[channel], *m)
}

func (s *Server) update(form map[string]string) object {
	m := s.message(form["channel"], form["ts"])
	if m == nil {
		return no("message_not_found")
	}
	next := *m
	next.Text = form["text"]
	if word, notes := next.fill(form, 4000); word != "" {
		return no(word, notes...)
	}
	next.Edits++
	*m = next
	s.states[form["channel"]] = append(s.states[form["channel"]], next)
	return object{"ok": true, "channel": form["channel"], "ts": m.TS, "text": m.Text, "message": m.wire(true)}
}

func (s *Server) message(channel, ts string) *Message {
	for _, m := range s.channels[channel] {
		if m.TS == ts {
			return m
		}
	}
	return nil
}

// history pages through a channel, newest first, or through a thread, oldest
// first and with the message itself at its head.
func (s *Server) history(form map[string]string, thread string) object {
	if thread != "" && s.message(form["channel"], thread) == nil {
		return no("thread_not_found")
	}
	var list []object
	for _, m := range s.channels[form["channel"]] {
		mine := m.Thread == "" || m.Broadcast
		if thread != "" {
			mine = m.Thread == thread || m.TS == thread
		}
		if mine && (m.TS > form["oldest"] || m.TS == thread) {
			list = append(list, m.wire(form["include_all_metadata"] == "1"))
		}
	}
	if thread == "" {
		slices.Reverse(list)
	}
	limit, _ := strconv.Atoi(form["limit"])
	if limit <= 0 {
		limit = 100
	}
	from, _ := strconv.Atoi(form["cursor"])
	from = min(from, len(list))
	to := min(from+limit, len(list))
	next := ""
	if to < len(list) {
		next = strconv.Itoa(to)
	}
	return object{"ok": true, "messages": list[from:to], "has_more": next != "", "response_metadata": object{"next_cursor": next}}
}

func (m *Message) wire(metadata bool) object {
	o := object{"type": "message", "ts": m.TS, "text": m.Text, "bot_id": "B0EXAMPLE"}
	if m.Thread != "" {
		o["thread_ts"] = m.Thread
	}
	if metadata && m.Metadata.Type != "" {
		o["metadata"] = m.Metadata
	}
	return o
}
