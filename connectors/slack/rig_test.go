package slack

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"log/slog"
	"net/http/httptest"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/seed-843b225c/reflex/connectors/slack/slacktest"
	"github.com/seed-843b225c/reflex/engine"
)

const channel = "C0EXAMPLE1"

// rig is a stand-in for Slack, a memory that outlives sinks, and a clock that
// moves only when somebody sleeps.
type rig struct {
	t      testing.TB
	server *slacktest.Server
	url    string
	config Config
	memory *memory
	log    *logs
	mu     sync.Mutex
	now    time.Time
}

func newRig(t testing.TB, channels ...string) *rig {
	r := &rig{t: t, server: slacktest.New(append(channels, channel)...), memory: &memory{m: map[string][]byte{}}, log: &logs{},
		now: time.Date(2026, 3, 2, 12, 0, 0, 0, time.UTC)}
	r.server.Now = r.clock
	h := httptest.NewServer(r.server)
	h.Config.ErrorLog = slog.NewLogLogger(slog.DiscardHandler, slog.LevelError)
	t.Cleanup(h.Close)
	r.url = h.URL
	r.config = Config{Token: slacktest.Token, Channel: channel, API: h.URL + "/api"}
	return r
}

func (r *rig) clock() time.Time {
	r.mu.Lock()
	defer r.mu.Unlock()
	return r.now
}

func (r *rig) pass(d time.Duration) {
	r.mu.Lock()
	defer r.mu.Unlock()
	r.now = r.now.Add(d)
}

// open opens a sink, as after a start of the process.
func (r *rig) open() *Sink {
	r.t.Helper()
	s, err := New(r.config, Options{Memory: r.memory, Now: r.clock, Log: slog.New(slog.NewTextHandler(r.log, nil)), Sleep: func(ctx context.Context, d time.Duration) error {
		r.pass(d)
		return ctx.Err()
	}})
	if err != nil {
		r.t.Fatal(err)
	}
	r.t.Cleanup(func() { s.Close() })
	return s
}

// deliver wants everything accepted.
func (r *rig) deliver(s *Sink, ts ...engine.Transition) {
	r.t.Helper()
	if n, err := s.Deliver(context.Background(), ts); n != len(ts) || err != nil {
		r.t.Fatalf("Deliver accepted %d of %d: %v", n, len(ts), err)
	}
}

// refuse wants nothing accepted and gives the error.
func (r *rig) refuse(s *Sink, kind engine.ErrorKind, ts ...engine.Transition) *engine.Error {
	r.t.Helper()
	n, err := s.Deliver(context.Background(), ts)
	e, ok := errors.AsType[*engine.Error](err)
	if n != 0 || !ok || e.Kind != kind {
		r.t.Fatalf("Deliver accepted %d, error of kind %q: %v; want 0 and %q", n, engine.KindOf(err), err, kind)
	}
	return e
}

// one wants exactly one message in a channel.
func (r *rig) one(channel string) slacktest.Message {
	r.t.Helper()
	list := r.server.Messages(channel)
	if len(list) != 1 {
		r.t.Fatalf("%d messages in %s, want 1: %+v", len(list), channel, list)
	}
	return list[0]
}

func number(m slacktest.Message) int {
	n, _ := m.Metadata.Payload["number"].(float64)
	return int(n)
}

// memory is an engine.Memory that can break.
type memory struct {
	mu     sync.Mutex
	m      map[string][]byte
	broken func(key string, value []byte) (stored bool, err error)
}

func (m *memory) Get(key string) ([]byte, bool, error) {
	m.mu.Lock()
	defer m.mu.Unlock()
	b, ok := m.m[key]
	return b, ok, nil
}

func (m *memory) Put(key string, value []byte) error {
	m.mu.Lock()
	defer m.mu.Unlock()
	stored, err := true, error(nil)
	if m.broken != nil {
		stored, err = m.broken(key, value)
	}
	if stored {
		m.m[key] = bytes.Clone(value)
	}
	return err
}

func (m *memory) Each(f func(key string, value []byte) error) error {
	m.mu.Lock()
	defer m.mu.Unlock()
	for key, value := range m.m {
		if err := f(key, bytes.Clone(value)); err != nil {
			return err
		}
	}
	return nil
}

func (m *memory) Delete(key string) error {
	m.mu.Lock()
	defer m.mu.Unlock()
	delete(m.m, key)
	return nil
}

// logs gathers what was logged.
type logs struct {
	mu sync.Mutex
	b  bytes.Buffer
}

func (l *logs) Write(p []byte) (int, error) {
	l.mu.Lock()
	defer l.mu.Unlock()
	return l.b.Write(p)
}

func (l *logs) has(text string) bool {
	l.mu.Lock()
	defer l.mu.Unlock()
	return strings.Contains(l.b.String(), text)
}

func id(i int) string { return fmt.Sprintf("%016x", i) }
