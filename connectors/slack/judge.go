package slack

import (
	"context"
	"crypto/x509"
	"errors"
	"fmt"
	"net/http"
	"net/url"
	"time"

	api "github.com/slack-go/slack"

	"github.com/seed-843b225c/reflex/engine"
)

// advice says what a person does about what Slack refuses; these end only when
// somebody acts.
var advice = map[string]string{
	"invalid_auth":                             "the token is wrong: copy the bot token (xoxb-...) from the app's page, OAuth & Permissions",
	"not_authed":                               "no token reached Slack: set token",
	"account_inactive":                         "the app's bot was deactivated: install the app again and set the new token",
	"token_revoked":                            "the token was revoked: install the app again and set the new token",
	"token_expired":                            "the token has expired: set a new one",
	"not_allowed_token_type":                   "this is not a bot token: set the one that begins with xoxb-",
	"missing_scope":                            "the bot lacks a scope: add it on the app's page, OAuth & Permissions, and install the app again",
	"no_permission":                            "the bot may not do this in the workspace: ask an administrator",
	"access_denied":                            "the workspace denies it: ask an administrator",
	"ekm_access_denied":                        "the workspace's keys are locked: ask an administrator",
	"team_access_not_granted":                  "the app is not installed in this workspace: install it",
	"restricted_action":                        "the workspace or channel forbids the bot to post: ask an administrator",
	"not_in_channel":                           "the bot is no member: write /invite @its-name in the channel",
	"channel_not_found":                        "there is no such channel for the bot: check the id, and invite the bot if the channel is private",
	"is_archived":                              "the channel is archived: unarchive it or set another",
	"restricted_action_read_only_channel":      "the channel is read-only for the bot: allow it to post, or set another channel",
	"restricted_action_thread_only_channel":    "the channel takes threads only: set another channel",
	"restricted_action_non_threadable_channel": "the channel takes no threads: set another channel",
	// of an incoming webhook
	"invalid_token":                     "the webhook's URL is wrong or was revoked: make a new one on the app's page, Incoming Webhooks",
	"no_service":                        "the webhook was removed or disabled: make a new one on the app's page, Incoming Webhooks",
	"no_team":                           "the webhook's workspace is gone: make a new one",
	"no_active_hooks":                   "the webhook is disabled: make a new one on the app's page, Incoming Webhooks",
	"action_prohibited":                 "an administrator forbids this webhook: ask them",
	"posting_to_general_channel_denied": "the webhook may not post to this channel: set another",
	"channel_is_archived":               "the webhook's channel is archived: unarchive it, or make a webhook for another",
	"user_not_found":                    "the webhook's user is gone: make a new one",
}

// ofChannel are refusals that concern one channel; other channels go on.
var ofChannel = map[string]bool{"not_in_channel": true, "channel_not_found": true, "is_archived": true,
	"restricted_action_read_only_channel": true, "restricted_action_thread_only_channel": true, "restricted_action_non_threadable_channel": true}

// gone are refusals of an edit that mean: this message is not ours to edit any more.
var gone = map[string]bool{"message_not_found": true, "cant_update_message": true, "thread_not_found": true}

// windowClosed is Slack's word for a message that is ours and too old to edit.
const windowClosed = "edit_window_closed"

// content are refusals of what the message says rather than of the call.
var content = map[string]bool{"invalid_blocks": true, "invalid_blocks_format": true, "msg_blocks_too_long": true, "block_mismatch": true,
	"msg_too_long": true, "no_text": true, "invalid_payload": true, "invalid_metadata_format": true, "metadata_too_large": true}

// passing are refusals that go away by themselves.
var passing = map[string]bool{"internal_error": true, "fatal_error": true, "service_unavailable": true, "request_timeout": true,
	"ratelimited": true, "rate_limited": true, "message_limit_exceeded": true, "team_added_to_org": true, "accesslimited": true, "rollup_error": true}

// refusal is an error that Slack itself gave, by its code.
type refusal struct {
	what, code, note string
}

// Error says what was refused, and what to do.
func (r *refusal) Error() string {
	s := r.what + ": slack says " + r.code + r.note
	if a := advice[r.code]; a != "" {
		s += ": " + a
	}
	return s
}

// local marks an error that concerns one incident or one channel: what is left
// of the batch is worth trying.
type local struct{ error }

func (l local) Unwrap() error { return l.error }

func mine(err error) error { return local{err} }

func isLocal(err error) bool {
	_, ok := errors.AsType[local](err)
	return ok
}

// codeOf gives Slack's code of an error, "" for others.
func codeOf(err error) string {
	if r, ok := errors.AsType[*refusal](err); ok {
		return r.code
	}
	return ""
}

func temporary(after time.Duration, format string, args ...any) error {
	return &engine.Error{Kind: engine.Temporary, After: after, Err: fmt.Errorf(format, args...)}
}

func fatal(format string, args ...any) error {
	return &engine.Error{Kind: engine.Fatal, Err: fmt.Errorf(format, args...)}
}

// judge decides what an error of a call asks for. what says which call it was.
func judge(ctx context.Context, what string, err error) error {
	switch {
	case err == nil:
		return nil
	case errors.Is(ctx.Err(), context.DeadlineExceeded):
		return temporary(0, "%s: no answer in the time there was: %w", what, ctx.Err())
	case ctx.Err() != nil:
		return fmt.Errorf("%s: %w", what, ctx.Err())
	}
	if e, ok := errors.AsType[api.SlackErrorResponse](err); ok {
		note := ""
		if e.Needed != "" {
			note = " (needs " + e.Needed + ")"
		}
		for _, m := range e.ResponseMetadata.Messages {
			note += " " + cut(visible(m), 200)
		}
		return judgeCode(&refusal{what, cut(visible(e.Err), 80), note})
	}
	if e, ok := errors.AsType[*api.RateLimitedError](err); ok {
		return mine(temporary(max(e.RetryAfter, time.Second), "%s: slack asks to wait %s", what, e.RetryAfter))
	}
	if e, ok := errors.AsType[api.StatusCodeError](err); ok {
		return judgeStatus(what, e.Code)
	}
	return judgeNetwork(what, err)
}

// judgeCode decides by Slack's own word. A word nobody knows is said loudly and
// tried again slowly: it may be about the account, and dropping loses a page.
func judgeCode(r *refusal) error {
	switch {
	case passing[r.code]:
		return &engine.Error{Kind: engine.Temporary, After: 5 * time.Second, Err: r}
	case content[r.code], gone[r.code], r.code == windowClosed:
		return mine(&engine.Error{Kind: engine.BadInput, Err: r})
	case ofChannel[r.code]:
		return mine(&engine.Error{Kind: engine.Fatal, Err: r})
	}
	return &engine.Error{Kind: engine.Fatal, Err: r}
}

func judgeStatus(what string, status int) error {
	switch {
	case status == http.StatusTooManyRequests:
		return mine(temporary(30*time.Second, "%s: slack asks to wait and does not say how long", what))
	case status >= 500, status == http.StatusRequestTimeout:
		return temporary(0, "%s: slack is in trouble: it answered %d %s", what, status, http.StatusText(status))
	case status >= 300 && status < 400:
		return fatal("%s: the answer is a redirect (%d), which is not followed with a token: check api and proxies", what, status)
	}
	return fatal("%s: the answer is %d %s: check api and proxies", what, status, http.StatusText(status))
}

// judgeNetwork decides about calls without an answer. The text of *url.Error
// holds the address, which of a webhook is the secret itself: it is left out.
func judgeNetwork(what string, err error) error {
	if e, ok := errors.AsType[*url.Error](err); ok {
		err = e.Err
	}
	unknown, badName := &x509.UnknownAuthorityError{}, &x509.HostnameError{}
	if errors.As(err, unknown) || errors.As(err, badName) {
		return fatal("%s: the certificate is not trusted: %w: check api, proxies and the system's certificates", what, err)
	}
	return temporary(0, "%s: no answer: %w", what, err)
}
