package slack

import (
	"bytes"
	"context"
	"encoding/json"
	"io"
	"net/http"
	"strconv"
	"strings"
	"time"

	api "github.com/slack-go/slack"

	"github.com/seed-843b225c/reflex/engine"
)

// hook tells an incident through an incoming webhook: when it is new, and when
// its level was raised. Slack gives no reference back, so nothing is edited, and
// a crash between the post and its note repeats the message.
func (s *Sink) hook(ctx context.Context, t *engine.Transition, r *record) error {
	if t.Incident.Level <= r.Told.Level || t.Number <= r.Told.Number {
		return nil
	}
	m := Render(t.Incident, s.config.Links)
	err := s.call(ctx, "slack: post to the webhook", "webhook", "", postRate, func() error { return s.postHook(ctx, m, true) })
	if content[codeOf(err)] {
		s.log.Warn("slack refused a message, a plainer one follows", "call", "webhook", "err", err)
		err = s.call(ctx, "slack: post to the webhook", "webhook", "", postRate, func() error { return s.postHook(ctx, m, false) })
	}
	if err != nil {
		return err
	}
	r.Aim, r.Shown, r.Told = t.Number, t.Number, tells(t)
	return s.keep(t.Incident.ID, r)
}

// postHook makes the request itself: the client library drops the word with
// which a webhook says what is wrong.
func (s *Sink) postHook(ctx context.Context, m Message, blocks bool) error {
	no := false
	msg := api.WebhookMessage{Text: m.Text, UnfurlLinks: &no, UnfurlMedia: &no}
	if blocks {
		msg.Blocks = &api.Blocks{BlockSet: m.Blocks}
	}
	body, err := json.Marshal(&msg)
	if err != nil {
		return err
	}
	req, err := http.NewRequestWithContext(ctx, http.MethodPost, s.config.Webhook.Reveal(), bytes.NewReader(body))
	if err != nil {
		return err
	}
	req.Header.Set("Content-Type", "application/json")
	resp, err := s.http.Do(req)
	if err != nil {
		return err
	}
	defer resp.Body.Close()
	answer, _ := io.ReadAll(io.LimitReader(resp.Body, 200)) // only a word of it is used
	if resp.StatusCode == http.StatusOK {
		return nil
	}
	if n, err := strconv.Atoi(resp.Header.Get("Retry-After")); err == nil && resp.StatusCode == http.StatusTooManyRequests {
		return &api.RateLimitedError{RetryAfter: time.Duration(n) * time.Second}
	}
	word := strings.TrimSpace(string(answer))
	if advice[word] != "" || content[word] || passing[word] {
		return api.SlackErrorResponse{Err: word}
	}
	return api.StatusCodeError{Code: resp.StatusCode, Status: resp.Status}
}
