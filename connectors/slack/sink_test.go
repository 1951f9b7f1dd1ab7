package slack

import (
	"context"
	"errors"
	"net/http"
	"strings"
	"testing"
	"time"

	"github.com/prometheus/client_golang/prometheus"

	"github.com/seed-843b225c/reflex/connectors/slack/slacktest"
	"github.com/seed-843b225c/reflex/engine"
)

func TestSinkEditsOneMessageAndTellsNewsInItsThread(t *testing.T) {
	r := newRig(t)
	s := r.open()
	r.deliver(s, change(1, engine.Opened, incident("a", engine.Medium, "leak")))
	r.deliver(s, change(2, engine.Joined, incident("a", engine.Medium, "leak", "leak")))
	m := r.one(channel)
	if m.Edits != 1 || number(m) != 2 {
		t.Errorf("after a repeated step: %d edits, number %d", m.Edits, number(m))
	}
	if got := r.server.Thread(channel, m.TS); len(got) != 0 {
		t.Errorf("a step of a known kind is no news, but the thread has %+v", got)
	}
	r.deliver(s, change(3, engine.Joined, incident("a", engine.Medium, "leak", "use")))
	r.deliver(s, change(4, engine.Raised, incident("a", engine.High, "leak", "use")))
	r.deliver(s, change(5, engine.Closed, incident("a", engine.High, "leak", "use")))
	m = r.one(channel)
	if m.Edits != 4 || number(m) != 5 || !strings.Contains(m.Text, "HIGH") {
		t.Errorf("%d edits, number %d, text %q", m.Edits, number(m), m.Text)
	}
	thread := r.server.Thread(channel, m.TS)
	if len(thread) != 2 {
		t.Fatalf("thread has %d replies, want a new step and a raised level: %+v", len(thread), thread)
	}
	if !strings.Contains(thread[0].Text, "use happened") || strings.Contains(thread[0].Text, "leak happened") || thread[0].Broadcast {
		t.Errorf("first reply: %+v", thread[0])
	}
	if !strings.Contains(thread[1].Text, "Raised to HIGH") || !thread[1].Broadcast {
		t.Errorf("second reply: %+v", thread[1])
	}
}

func TestSinkCoalescesABatch(t *testing.T) {
	r := newRig(t)
	r.deliver(r.open(), change(1, engine.Opened, incident("a", engine.Medium, "leak")),
		change(1, engine.Opened, incident("b", engine.Medium, "leak")),
		change(2, engine.Joined, incident("a", engine.Medium, "leak", "use")),
		change(3, engine.Raised, incident("a", engine.Critical, "leak", "use", "bill")))
	list := r.server.Messages(channel)
	if len(list) != 2 || len(r.server.Calls("chat.update")) != 0 {
		t.Fatalf("%d messages, %d edits; want two posts of the newest states", len(list), len(r.server.Calls("chat.update")))
	}
	if number(list[0]) != 3 || list[0].Metadata.Payload["incident"] != "a" {
		t.Errorf("the most severe incident is not first: %+v", list[0].Metadata)
	}
	for _, c := range r.server.Calls("chat.postMessage") {
		if c.Form["unfurl_links"] != "false" || c.Form["unfurl_media"] != "false" || c.Form["parse"] != "none" || c.Form["link_names"] != "false" {
			t.Errorf("a post that unfurls or parses: %v", c.Form)
		}
	}
}

func TestSinkTellsOnlyWhatIsForPeople(t *testing.T) {
	r := newRig(t)
	r.config.MinLevel = "medium"
	s := r.open()
	signal := incident("s", engine.Critical, "quiet")
	signal.Mode = "signal"
	merged := incident("m", engine.High, "leak")
	merged.Into = "a"
	r.deliver(s, engine.Transition{Change: engine.Opened, Number: 1, Alert: &engine.Alert{ID: "x", Level: engine.Critical}},
		change(1, engine.Opened, signal), change(1, engine.Opened, incident("low", engine.Low, "leak")),
		change(2, engine.Merged, merged), change(9, engine.Closed, incident("old", engine.High, "leak")))
	if calls := r.server.Calls(""); len(calls) != 0 {
		t.Fatalf("called Slack: %+v", calls)
	}
	r.deliver(s, change(2, engine.Raised, incident("low", engine.Medium, "leak")))
	r.one(channel)
}

func TestSinkSaysWhereAMergedIncidentWent(t *testing.T) {
	r := newRig(t)
	s := r.open()
	r.deliver(s, change(1, engine.Opened, incident("m", engine.High, "leak")))
	in := incident("m", engine.High, "leak")
	in.State, in.Into = "merged", "a"
	r.deliver(s, change(2, engine.Merged, in))
	m := r.one(channel)
	thread := r.server.Thread(channel, m.TS)
	if !strings.Contains(string(m.Blocks), "MERGED") || len(thread) != 1 || !strings.Contains(thread[0].Text, "into incident `a`") {
		t.Errorf("message %s\nthread %+v", m.Blocks, thread)
	}
}

func TestSinkNeverOverwritesANewerState(t *testing.T) {
	r := newRig(t)
	s := r.open()
	ts := []engine.Transition{change(1, engine.Opened, incident("a", engine.Low, "leak")), change(2, engine.Joined, incident("a", engine.Low, "leak", "use")),
		change(3, engine.Raised, incident("a", engine.High, "leak", "use"))}
	merged := incident("a", engine.High, "leak", "use")
	merged.Into = "older"
	ts = append(ts, change(4, engine.Merged, merged))
	for i := range ts {
		r.deliver(s, ts[i])
	}
	before := len(r.server.Calls(""))
	s = r.open() // the position was not stored: all come again, one by one
	for i := range ts {
		r.deliver(s, ts[i])
	}
	if after := len(r.server.Calls("")); after != before {
		t.Errorf("a repeat made %d calls: %+v", after-before, r.server.Calls("")[before:])
	}
	if m := r.one(channel); number(m) != 4 {
		t.Errorf("message shows %d", number(m))
	}
}

func TestSinkGoesOnWithOtherChannels(t *testing.T) {
	for _, fault := range []slacktest.Fault{{Status: 429, RetryAfter: 9}, {Code: "channel_not_found"}} {
		r := newRig(t, "C0CRITICAL")
		r.config.Routes = []Route{{MinLevel: "low", Tags: []string{"other"}, Channel: "C0CRITICAL"}}
		other := incident("b", engine.Low, "leak")
		other.Tags = []string{"other"}
		r.server.Fail("chat.postMessage", fault)
		n, err := r.open().Deliver(context.Background(), []engine.Transition{change(1, engine.Opened, incident("a", engine.High, "leak")), change(1, engine.Opened, other)})
		if n != 0 || err == nil {
			t.Errorf("%+v: accepted %d: %v", fault, n, err)
		}
		r.one("C0CRITICAL")
	}
}

func TestSinkFindsAPostWhoseAnswerWasLost(t *testing.T) {
	for name, fault := range map[string]slacktest.Fault{
		"stored, then cut": {Lose: true}, "cut": {Cut: true}, "500": {Status: 500}, "429 that lies": {Status: 429, RetryAfter: 3},
	} {
		t.Run(name, func(t *testing.T) {
			r := newRig(t)
			s := r.open()
			open := change(1, engine.Opened, incident("a", engine.Low, "leak"))
			r.server.Fail("chat.postMessage", fault)
			r.refuse(s, engine.Temporary, open)
			r.pass(time.Minute)
			r.deliver(r.open(), open)
			m := r.one(channel)
			r.server.Fail("chat.postMessage", fault)
			raised := change(2, engine.Raised, incident("a", engine.High, "leak"))
			r.refuse(r.open(), engine.Temporary, raised)
			r.pass(time.Minute)
			r.deliver(r.open(), raised)
			if thread := r.server.Thread(channel, m.TS); len(thread) != 1 {
				t.Errorf("%d replies: %+v", len(thread), thread)
			}
		})
	}
}

func TestSinkFindsAPostItCouldNotNote(t *testing.T) {
	r := newRig(t)
	puts := 0
	r.memory.broken = func(string, []byte) (bool, error) {
		if puts++; puts == 2 { // the note after the post
			return false, errors.New("disk full")
		}
		return true, nil
	}
	open := change(1, engine.Opened, incident("a", engine.Low, "leak"))
	r.refuse(r.open(), engine.Temporary, open)
	for range 450 { // busy channel: it is no longer on the first page
		r.chatter()
	}
	r.deliver(r.open(), open)
	if got := len(r.server.Messages(channel)); got != 451 {
		t.Errorf("%d messages, want the chatter and one", got)
	}
}

// chatter lets another app write to the channel.
func (r *rig) chatter() {
	resp, err := http.PostForm(r.url+"/api/chat.postMessage", map[string][]string{"token": {slacktest.Token}, "channel": {channel}, "text": {"hello"}})
	if err != nil {
		r.t.Fatal(err)
	}
	resp.Body.Close()
}

func TestSinkPostsAllTheSameWhenHistoryIsForbidden(t *testing.T) {
	r := newRig(t)
	open := change(1, engine.Opened, incident("a", engine.Low, "leak"))
	r.server.Fail("chat.postMessage", slacktest.Fault{Cut: true})
	r.server.Fail("conversations.history", slacktest.Fault{Code: "missing_scope"})
	r.refuse(r.open(), engine.Temporary, open)
	r.deliver(r.open(), open)
	r.one(channel)
	if !r.log.has("may be sent twice") {
		t.Error("nobody was told that history cannot be read")
	}
}

func TestSinkPostsAnewWhenAPersonDeletedTheMessage(t *testing.T) {
	r := newRig(t)
	s := r.open()
	r.deliver(s, change(1, engine.Opened, incident("a", engine.Low, "leak")))
	r.server.Delete(channel, r.one(channel).TS)
	r.deliver(s, change(2, engine.Joined, incident("a", engine.Low, "leak", "use")))
	if m := r.one(channel); number(m) != 2 {
		t.Errorf("message shows %d", number(m))
	}
}

func TestSinkWaitsAsLongAsSlackSays(t *testing.T) {
	r := newRig(t)
	s := r.open()
	open := change(1, engine.Opened, incident("a", engine.Low, "leak"))
	r.server.Fail("chat.postMessage", slacktest.Fault{Status: 429, RetryAfter: 30})
	if e := r.refuse(s, engine.Temporary, open); e.After != 30*time.Second {
		t.Errorf("After is %s", e.After)
	}
	r.pass(10 * time.Second)
	if e := r.refuse(s, engine.Temporary, open); e.After != 20*time.Second {
		t.Errorf("After is %s", e.After)
	}
	if got := len(r.server.Calls("chat.postMessage")); got != 1 {
		t.Errorf("%d posts while Slack had asked to wait", got)
	}
	r.pass(21 * time.Second)
	r.deliver(s, open)
}

func TestSinkSpreadsAStormAndNeverWaitsLong(t *testing.T) {
	r := newRig(t)
	s := r.open()
	var ts []engine.Transition
	for i := range 40 {
		ts = append(ts, change(1, engine.Opened, incident(id(i), engine.Level(2+i%4), "leak")))
	}
	began := r.clock()
	for rounds := 0; ; rounds++ {
		start := r.clock()
		n, err := s.Deliver(context.Background(), ts)
		if waited := r.clock().Sub(start); waited > patience {
			t.Fatalf("one Deliver waited %s", waited)
		}
		if err == nil {
			break
		}
		e, ok := errors.AsType[*engine.Error](err)
		if !ok || e.Kind != engine.Temporary || e.After <= 0 || rounds > 40 {
			t.Fatalf("round %d: accepted %d: %v", rounds, n, err)
		}
		ts = ts[n:]
		r.pass(e.After)
	}
	list := r.server.Messages(channel)
	if len(list) != 40 {
		t.Errorf("%d messages", len(list))
	}
	if took := r.clock().Sub(began); took < 36*time.Second || took > 60*time.Second {
		t.Errorf("40 posts took %s, want about one a second after a burst of 4", took)
	}
	for i := range 10 {
		if !strings.Contains(list[i].Text, "CRITICAL") {
			t.Errorf("post %d is not critical: %s", i, list[i].Text)
		}
	}
}

func TestSinkExplainsWhatOnlyAPersonCanMend(t *testing.T) {
	for code, want := range map[string]string{"invalid_auth": "copy the bot token", "channel_not_found": "check the id", "not_in_channel": "/invite",
		"missing_scope": "install the app again", "is_archived": "unarchive", "a_new_word": "slack says a_new_word"} {
		r := newRig(t)
		r.server.Fail("chat.postMessage", slacktest.Fault{Code: code})
		e := r.refuse(r.open(), engine.Fatal, change(1, engine.Opened, incident("a", engine.Low, "leak")))
		if !strings.Contains(e.Error(), want) || strings.Contains(e.Error(), slacktest.Token) {
			t.Errorf("%s: %v", code, e)
		}
	}
}

func TestSinkJudgesStatusAndSilence(t *testing.T) {
	for _, c := range []struct {
		fault slacktest.Fault
		kind  engine.ErrorKind
	}{{slacktest.Fault{Status: 503}, engine.Temporary}, {slacktest.Fault{Status: 408}, engine.Temporary}, {slacktest.Fault{Status: 429}, engine.Temporary},
		{slacktest.Fault{Status: 302}, engine.Fatal}, {slacktest.Fault{Status: 404}, engine.Fatal}, {slacktest.Fault{Code: "internal_error"}, engine.Temporary}} {
		r := newRig(t)
		r.server.Fail("chat.postMessage", c.fault)
		r.refuse(r.open(), c.kind, change(1, engine.Opened, incident("a", engine.Low, "leak")))
	}
}

func TestSinkSendsPlainTextWhenBlocksAreRefused(t *testing.T) {
	r := newRig(t)
	s := r.open()
	r.server.Fail("chat.postMessage", slacktest.Fault{Code: "invalid_blocks"})
	r.deliver(s, change(1, engine.Opened, incident("a", engine.Low, "leak")))
	m := r.one(channel)
	if m.Blocks != nil || !strings.Contains(m.Text, "leak happened") {
		t.Errorf("got %+v", m)
	}
	r.server.Fail("chat.update", slacktest.Fault{Code: "msg_blocks_too_long"}, slacktest.Fault{Code: "msg_too_long"})
	long := demo(t)[1]
	long.ID, long.Level = "a", engine.Low
	r.deliver(s, change(2, engine.Joined, long))
	if m := r.one(channel); m.Blocks != nil || size(m.Text) > 600 || !strings.Contains(m.Text, "LOW") {
		t.Errorf("got %+v", m)
	}
}

func TestSinkPutsAsideWhatSlackRefusesInEveryForm(t *testing.T) {
	r := newRig(t)
	r.server.Fail("chat.postMessage", slacktest.Fault{Code: "invalid_blocks"}, slacktest.Fault{Code: "no_text"}, slacktest.Fault{Code: "no_text"})
	ts := []engine.Transition{change(1, engine.Opened, incident("b", engine.Low, "leak")), change(1, engine.Opened, incident("a", engine.High, "leak"))}
	n, err := r.open().Deliver(context.Background(), ts) // a is more severe and goes first
	if n != 1 || engine.KindOf(err) != engine.BadInput {
		t.Fatalf("accepted %d, kind %q: %v", n, engine.KindOf(err), err)
	}
	r.one(channel)
}

func TestSinkRoutesByLevelTagAndOwner(t *testing.T) {
	r := newRig(t, "C0CRITICAL", "C0MODELS", "C0TEAM")
	r.config.Routes = []Route{{MinLevel: "critical", Channel: "C0CRITICAL"}, {Tags: []string{"reflex.model"}, MinLevel: "medium", Channel: "C0MODELS"},
		{Owners: []string{"ml-team@example.org"}, Channel: "C0TEAM"}}
	model, other := incident("m", engine.Medium, "leak"), incident("o", engine.Low, "leak")
	model.Tags, other.Owner = []string{"x", "reflex.model"}, ""
	r.deliver(r.open(), change(1, engine.Opened, incident("c", engine.Critical, "leak")), change(1, engine.Opened, model),
		change(1, engine.Opened, incident("t", engine.Low, "leak")), change(1, engine.Opened, other))
	for _, c := range []string{"C0CRITICAL", "C0MODELS", "C0TEAM", channel} {
		r.one(c)
	}
}

func TestSinkTakesARaisedIncidentToItsChannel(t *testing.T) {
	r := newRig(t, "C0CRITICAL")
	r.config.Routes = []Route{{MinLevel: "critical", Channel: "C0CRITICAL"}}
	r.deliver(r.open(), change(1, engine.Opened, incident("a", engine.Medium, "leak")))
	raised := change(2, engine.Raised, incident("a", engine.Critical, "leak", "use"))
	r.server.Fail("chat.postMessage", slacktest.Fault{Lose: true})
	r.refuse(r.open(), engine.Temporary, raised)
	r.server.Fail("chat.update", slacktest.Fault{Cut: true})
	r.refuse(r.open(), engine.Temporary, raised)
	r.deliver(r.open(), raised)
	if m := r.one("C0CRITICAL"); number(m) != 2 {
		t.Errorf("new message shows %d", number(m))
	}
	if m := r.one(channel); !strings.Contains(m.Text, "<#C0CRITICAL>") {
		t.Errorf("old message does not say where it went: %q", m.Text)
	}
}

func TestSinkFallsBackToTheDefaultChannel(t *testing.T) {
	r := newRig(t)
	r.config.Routes = []Route{{MinLevel: "high", Channel: "C0MISSING"}}
	r.deliver(r.open(), change(1, engine.Opened, incident("a", engine.High, "leak")))
	r.one(channel)
	if !r.log.has("C0MISSING") {
		t.Error("the refusal was not logged")
	}
}

// A sink that waited for a route's channel to come back would hold up everything
// behind this one incident.
func TestSinkLeavesAChannelThatRefusesEdits(t *testing.T) {
	for code := range ofChannel {
		r := newRig(t, "C0ROUTED")
		r.config.Routes = []Route{{Tags: []string{"t"}, Channel: "C0ROUTED"}}
		in := func(steps ...string) *engine.Incident {
			in := incident("a", engine.High, steps...)
			in.Tags = []string{"t"}
			return in
		}
		s := r.open()
		r.deliver(s, change(1, engine.Opened, in("leak")))
		r.one("C0ROUTED")
		r.server.Fail("chat.update", slacktest.Fault{Code: code})
		r.deliver(s, change(2, engine.Joined, in("leak", "use")))
		if m := r.one(channel); number(m) != 2 {
			t.Errorf("%s: the default channel shows %d", code, number(m))
		}
		r.deliver(r.open(), change(3, engine.Joined, in("leak", "use", "bill")))
		if m := r.one(channel); number(m) != 3 {
			t.Errorf("%s: then the default channel shows %d", code, number(m))
		}
	}
}

func TestSinkLeavesAnArchivedChannelBehind(t *testing.T) {
	r := newRig(t, "C0CRITICAL")
	r.config.Routes = []Route{{MinLevel: "critical", Channel: "C0CRITICAL"}}
	s := r.open()
	r.deliver(s, change(1, engine.Opened, incident("a", engine.Medium, "leak")))
	r.server.Fail("chat.update", slacktest.Fault{Code: "is_archived"})
	r.deliver(s, change(2, engine.Raised, incident("a", engine.Critical, "leak", "use")))
	r.one("C0CRITICAL")
}

func TestSinkGoesOnInTheThreadWhenEditsAreForbidden(t *testing.T) {
	r := newRig(t)
	s := r.open()
	r.deliver(s, change(1, engine.Opened, incident("a", engine.Medium, "leak")))
	for i, steps := range [][]string{{"leak", "leak"}, {"leak", "use"}, {"leak", "use", "use"}} {
		r.server.Fail("chat.update", slacktest.Fault{Code: "edit_window_closed"})
		r.deliver(s, change(i+2, engine.Joined, incident("a", engine.Medium, steps...)))
	}
	if thread := r.server.Thread(channel, r.one(channel).TS); len(thread) != 1 || !strings.Contains(thread[0].Text, "use happened") {
		t.Errorf("the thread has %+v", thread)
	}
	if got := len(r.server.Calls("chat.update")); got != 3 {
		t.Errorf("%d edits were tried, want one for each state", got)
	}
}

func TestSinkEndsWithItsContext(t *testing.T) {
	r := newRig(t)
	ctx, cancel := context.WithCancel(context.Background())
	cancel()
	n, err := r.open().Deliver(ctx, []engine.Transition{change(1, engine.Opened, incident("a", engine.High, "leak"))})
	if n != 0 || !errors.Is(err, context.Canceled) || engine.KindOf(err) != 0 {
		t.Errorf("accepted %d, kind %q: %v", n, engine.KindOf(err), err)
	}
}

func TestSinksShareARegistry(t *testing.T) {
	reg := prometheus.NewRegistry()
	for range 2 {
		r := newRig(t)
		s, err := New(r.config, Options{Metrics: reg})
		if err != nil {
			t.Fatal(err)
		}
		r.deliver(s, change(1, engine.Opened, incident("a", engine.High, "leak")))
	}
	got, err := reg.Gather()
	if err != nil || len(got) != 2 {
		t.Fatalf("gathered %d: %v", len(got), err)
	}
	if v := got[0].GetMetric()[0].GetCounter().GetValue(); v != 2 {
		t.Errorf("%s counts %v calls of two sinks", got[0].GetName(), v)
	}
}
