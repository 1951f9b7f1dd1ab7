package slack

import (
	"context"
	"errors"
	"strings"

	api "github.com/slack-go/slack"

	"github.com/seed-843b225c/reflex/engine"
)

// Check asks whether the token works, whether it has the scopes that are
// needed, and whether each channel can be read. It posts nothing, so of a
// webhook nothing can be checked.
func (s *Sink) Check(ctx context.Context) []engine.Finding {
	if s.client == nil {
		return []engine.Finding{{What: "slack: webhook", Note: "cannot be checked without posting; messages cannot be edited"}}
	}
	auth, err := s.client.AuthTestContext(ctx)
	if err != nil {
		return []engine.Finding{finding("slack: token", judge(ctx, "slack: auth.test", err))}
	}
	out := []engine.Finding{{What: "slack: token", Note: "bot " + auth.User + " of " + auth.Team}, scopes(auth.Header.Get("X-OAuth-Scopes"))}
	for _, id := range s.config.channels() {
		_, _, err := s.page1(ctx, id)
		f := finding("slack: channel "+id, judge(ctx, "slack: read channel "+id, err))
		if err == nil {
			f.Note = "the bot can read it"
		}
		out = append(out, f)
	}
	return out
}

func (s *Sink) page1(ctx context.Context, channel string) ([]api.Message, string, error) {
	h, err := s.client.GetConversationHistoryContext(ctx, &api.GetConversationHistoryParameters{ChannelID: channel, Limit: 1})
	if err != nil {
		return nil, "", err
	}
	return h.Messages, "", nil
}

// finding parts an error from its advice.
func finding(what string, err error) engine.Finding {
	f := engine.Finding{What: what, Err: err}
	if a := advice[codeOf(err)]; a != "" {
		f.Err, f.Advice = errors.New(strings.TrimSuffix(err.Error(), ": "+a)), a
	}
	return f
}

// scopes judges what the token may do, from the header Slack sends.
func scopes(header string) engine.Finding {
	f := engine.Finding{What: "slack: scopes"}
	have := map[string]bool{}
	for scope := range strings.SplitSeq(header, ",") {
		have[strings.TrimSpace(scope)] = true
	}
	var missing []string
	if !have["chat:write"] {
		missing = append(missing, "chat:write (to post and edit)")
	}
	if !have["channels:history"] && !have["groups:history"] {
		missing = append(missing, "channels:history, for private channels groups:history (to find a message again after a crash)")
	}
	if header == "" {
		f.Note = "Slack did not say which the token has"
	} else if len(missing) > 0 {
		f.Err = errors.New("the token lacks " + strings.Join(missing, " and "))
		f.Advice = advice["missing_scope"]
	} else {
		f.Note = "chat:write and history"
	}
	return f
}
