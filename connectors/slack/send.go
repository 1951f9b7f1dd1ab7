package slack

import (
	"context"
	"fmt"
	"strings"
	"time"

	api "github.com/slack-go/slack"

	"github.com/seed-843b225c/reflex/engine"
)

// Event types of the metadata that messages carry.
const (
	eventIncident = "reflex_incident"
	eventNews     = "reflex_news"
)

// stamp is the metadata by which a message is recognised in history.
func stamp(event, incident string, number int) api.SlackMetadata {
	return api.SlackMetadata{EventType: event, EventPayload: map[string]any{"incident": incident, "number": number}}
}

// read gives the incident and the number that a message's metadata holds.
func read(m api.SlackMetadata) (incident string, number int) {
	incident, _ = m.EventPayload["incident"].(string)
	n, _ := m.EventPayload["number"].(float64) // JSON's numbers
	return incident, int(n)
}

// post sends a message or, with a thread, a reply, and gives its timestamp.
func (s *Sink) post(ctx context.Context, channel string, m Message, meta api.SlackMetadata, more ...api.MsgOption) (string, error) {
	what := "slack: post to " + channel
	ts := ""
	err := s.speak(what, m, func(m Message) error {
		options := append([]api.MsgOption{api.MsgOptionMetadata(meta), api.MsgOptionDisableLinkUnfurl(), api.MsgOptionDisableMediaUnfurl()}, options(m)...)
		if len(m.Blocks) > 0 {
			options = append(options, api.MsgOptionBlocks(m.Blocks...))
		}
		return s.call(ctx, what, "chat.postMessage", channel, postRate, func() (err error) {
			_, ts, err = s.client.PostMessageContext(ctx, channel, append(options, more...)...)
			return err
		})
	})
	return ts, err
}

// edit replaces a message; blocks that are not sent are taken away.
func (s *Sink) edit(ctx context.Context, at place, m Message, meta api.SlackMetadata) error {
	what := "slack: edit a message in " + at.Channel
	return s.speak(what, m, func(m Message) error {
		options := append(options(m), api.MsgOptionMetadata(meta), api.MsgOptionBlocks(m.Blocks...))
		return s.call(ctx, what, "chat.update", "", editRate, func() error {
			_, _, _, err := s.client.UpdateMessageContext(ctx, at.Channel, at.TS, options...)
			return err
		})
	})
}

// options are what every message has: nothing in its text is looked for.
func options(m Message) []api.MsgOption {
	return []api.MsgOption{api.MsgOptionText(m.Text, false), api.MsgOptionParse(false), api.MsgOptionLinkNames(false)}
}

// speak sends a message as it is; when Slack refuses what it says, as its text
// alone; and when that is refused too, as the text's first lines. A mistake in
// a layout must not lose a page.
func (s *Sink) speak(what string, m Message, send func(Message) error) error {
	err := send(m)
	for _, text := range []string{m.Text, firstLines(m.Text, 600)} {
		if !content[codeOf(err)] {
			return err
		}
		s.log.Warn("slack refused a message, a plainer one follows", "call", what, "err", err)
		err = send(Message{Text: text})
	}
	return err
}

// firstLines keeps whole lines up to a size, so that no code span and no escape
// is cut. The first is always kept: it is the claim, and short.
func firstLines(s string, n int) string {
	lines := strings.Split(s, "\n")
	keep := 1
	for used := size(lines[0]); keep < len(lines) && used+size(lines[keep])+1 <= n; keep++ {
		used += size(lines[keep]) + 1
	}
	return strings.Join(lines[:keep], "\n")
}

// call makes one call in its turn, counts it and judges its error.
func (s *Sink) call(ctx context.Context, what, method, channel string, r rate, f func() error) error {
	if err := s.await(ctx, method, channel, r); err != nil {
		return err
	}
	err := judge(ctx, what, f())
	if e, ok := asError(err); ok && e.Kind == engine.Temporary && e.After > 0 {
		s.close(method, channel, e.After)
	}
	s.stats.called(method, err)
	return err
}

// Looking up: how far back, against clocks that differ, and how far at most.
const (
	clockSkew = 10 * time.Minute
	pageSize  = 200
	maxPages  = 20
)

// find looks for a message with this metadata in a channel's history, or in a
// thread, not older than since. "" when there is none.
func (s *Sink) find(ctx context.Context, channel, thread string, since int64, event, incident string, number int) (ts string, found int, err error) {
	oldest := fmt.Sprint(time.Unix(since, 0).Add(-clockSkew).Unix())
	method, cursor := "conversations.history", ""
	if thread != "" {
		method = "conversations.replies"
	}
	for range maxPages {
		var list []api.Message
		what := "slack: look for a message in " + channel
		err := s.call(ctx, what, method, channel, postRate, func() (err error) {
			list, cursor, err = s.page(ctx, channel, thread, oldest, cursor)
			return err
		})
		if err != nil {
			return "", 0, err
		}
		for _, m := range list {
			if id, n := read(m.Metadata); m.Metadata.EventType == event && id == incident && (number == 0 || n == number) {
				return m.Timestamp, n, nil
			}
		}
		if cursor == "" {
			return "", 0, nil
		}
	}
	s.log.Warn("slack: a message that may have been sent was not found among the newest: it is sent again", "channel", channel, "incident", incident, "looked_at", maxPages*pageSize)
	return "", 0, nil
}

func (s *Sink) page(ctx context.Context, channel, thread, oldest, cursor string) ([]api.Message, string, error) {
	if thread != "" {
		list, _, next, err := s.client.GetConversationRepliesContext(ctx, &api.GetConversationRepliesParameters{
			ChannelID: channel, Timestamp: thread, Oldest: oldest, Cursor: cursor, Limit: pageSize, IncludeAllMetadata: true})
		return list, next, err
	}
	h, err := s.client.GetConversationHistoryContext(ctx, &api.GetConversationHistoryParameters{
		ChannelID: channel, Oldest: oldest, Cursor: cursor, Limit: pageSize, IncludeAllMetadata: true})
	if err != nil {
		return nil, "", err
	}
	return h.Messages, h.ResponseMetaData.NextCursor, nil
}
