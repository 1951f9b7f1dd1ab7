package slack

import (
	"context"
	"net/http"
	"strings"
	"testing"

	"github.com/seed-843b225c/reflex/connectors/slack/slacktest"
	"github.com/seed-843b225c/reflex/engine"
)

func hookRig(t *testing.T) (*rig, *Sink) {
	r := newRig(t)
	r.config = Config{Webhook: engine.Hidden(r.url + "/services/T0EXAMPLE/B0EXAMPLE/example")}
	return r, r.open()
}

func TestWebhookTellsWhatIsNewAndWhatWasRaised(t *testing.T) {
	r, s := hookRig(t)
	if !r.log.has("cannot edit") {
		t.Error("nobody was told what a webhook cannot do")
	}
	r.deliver(s, change(1, engine.Opened, incident("a", engine.Medium, "leak")))
	r.deliver(s, change(2, engine.Joined, incident("a", engine.Medium, "leak", "use")))
	r.deliver(s, change(3, engine.Raised, incident("a", engine.High, "leak", "use")), change(4, engine.Closed, incident("a", engine.High, "leak", "use")))
	r.deliver(r.open(), change(1, engine.Opened, incident("a", engine.Medium, "leak")))
	got := r.server.Messages("webhook")
	if len(got) != 2 || !strings.Contains(got[0].Text, "MEDIUM") || !strings.Contains(got[1].Text, "HIGH") || got[1].Blocks == nil {
		t.Errorf("%d messages: %+v", len(got), got)
	}
}

func TestWebhookErrorsSayWhatToDoAndHoldNoSecret(t *testing.T) {
	for _, c := range []struct {
		fault slacktest.Fault
		kind  engine.ErrorKind
		text  string
	}{
		{slacktest.Fault{Status: 404, Code: "no_service"}, engine.Fatal, "make a new one"},
		{slacktest.Fault{Status: 403, Code: "invalid_token"}, engine.Fatal, "make a new one"},
		{slacktest.Fault{Status: 410, Code: "channel_is_archived"}, engine.Fatal, "unarchive"},
		{slacktest.Fault{Status: 418, Code: "<html>a proxy"}, engine.Fatal, "check api and proxies"},
		{slacktest.Fault{Status: 429, RetryAfter: 9}, engine.Temporary, "wait 9s"},
		{slacktest.Fault{Status: 502}, engine.Temporary, "502"},
		{slacktest.Fault{Cut: true}, engine.Temporary, "no answer"},
	} {
		r, s := hookRig(t)
		r.server.Fail("webhook", c.fault)
		e := r.refuse(s, c.kind, change(1, engine.Opened, incident("a", engine.Medium, "leak")))
		if !strings.Contains(e.Error(), c.text) || strings.Contains(e.Error(), "/services/") || strings.Contains(e.Error(), "B0EXAMPLE") {
			t.Errorf("%+v: %v", c.fault, e)
		}
	}
}

func TestWebhookSendsPlainTextWhenBlocksAreRefused(t *testing.T) {
	r, s := hookRig(t)
	r.server.Fail("webhook", slacktest.Fault{Status: http.StatusBadRequest, Code: "invalid_blocks"})
	r.deliver(s, change(1, engine.Opened, incident("a", engine.Medium, "leak")))
	if m := r.one("webhook"); m.Blocks != nil || m.Text == "" {
		t.Errorf("got %+v", m)
	}
}

func TestCheck(t *testing.T) {
	for name, c := range map[string]struct {
		change func(*rig)
		errs   []string // of each finding, "" when well
	}{
		"all is well":     {func(*rig) {}, []string{"", "", "", ""}},
		"wrong token":     {func(r *rig) { r.config.Token = "xoxb-other-example" }, []string{"invalid_auth"}},
		"no history":      {func(r *rig) { r.server.Scopes = "chat:write" }, []string{"", "channels:history", "", ""}},
		"no scopes":       {func(r *rig) { r.server.Scopes = "users:read" }, []string{"", "chat:write", "", ""}},
		"no such channel": {func(r *rig) { r.config.Routes[0].Channel = "C0MISSING" }, []string{"", "", "", "channel_not_found"}},
		"not a member":    {func(r *rig) { r.server.Fail("conversations.history", slacktest.Fault{Code: "not_in_channel"}) }, []string{"", "", "not_in_channel", ""}},
		"out of reach":    {func(r *rig) { r.server.Fail("auth.test", slacktest.Fault{Cut: true}) }, []string{"no answer"}},
	} {
		t.Run(name, func(t *testing.T) {
			r := newRig(t, "C0OTHER")
			r.config.Routes = []Route{{Channel: "C0OTHER"}}
			c.change(r)
			found := r.open().Check(context.Background())
			if len(found) != len(c.errs) {
				t.Fatalf("%d findings: %+v", len(found), found)
			}
			for i, f := range found {
				switch want := c.errs[i]; {
				case want == "" && (f.Err != nil || f.Note == ""):
					t.Errorf("%+v is not well", f)
				case want != "" && (f.Err == nil || !strings.Contains(f.Err.Error(), want)):
					t.Errorf("%+v: want %q", f, want)
				case want != "" && want != "no answer" && f.Advice == "":
					t.Errorf("%+v gives no advice", f)
				}
			}
			if posts := r.server.Calls("chat.postMessage"); len(posts) != 0 {
				t.Error("a check posted")
			}
		})
	}
}

func TestConfigJoinsEveryMistake(t *testing.T) {
	for name, c := range map[string]struct {
		config Config
		want   []string
	}{
		"good bot":     {Config{Token: "t", Channel: channel, MinLevel: "high", Routes: []Route{{Channel: "G0PRIVATE"}}, Links: []Link{{"Kibana", "https://kibana.example/{incident}"}}}, nil},
		"good webhook": {Config{Webhook: "https://hooks.example/services/x"}, nil},
		"nothing":      {Config{}, []string{"neither token nor webhook"}},
		"both":         {Config{Token: "t", Webhook: "https://hooks.example/"}, []string{"both set"}},
		"many": {Config{Token: "t", Channel: "#alerts", MinLevel: "loud", API: "slack.com", Routes: []Route{{MinLevel: "x"}}, Links: []Link{{"x", "javascript:alert(1)"}}},
			[]string{`channel "#alerts"`, `min_level "loud"`, `api "slack.com"`, "routes[0].channel", "routes[0].min_level", "links[0]"}},
		"webhook with channel": {Config{Webhook: "secret-example", Channel: channel}, []string{"not an http", "channel of its own"}},
	} {
		err := c.config.Validate()
		if (err == nil) != (c.want == nil) {
			t.Errorf("%s: %v", name, err)
		}
		for _, want := range c.want {
			if !strings.Contains(err.Error(), want) {
				t.Errorf("%s: %q does not say %q", name, err, want)
			}
		}
		if err != nil && strings.Contains(err.Error(), "secret-example") {
			t.Errorf("%s: holds the secret: %v", name, err)
		}
	}
}
