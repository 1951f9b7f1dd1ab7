package slack

import (
	"cmp"
	"context"
	"errors"
	"log/slog"
	"net/http"
	"slices"
	"strings"
	"time"

	"github.com/prometheus/client_golang/prometheus"
	api "github.com/slack-go/slack"

	"github.com/seed-843b225c/reflex/engine"
)

// Options are what a Sink needs of the rest. The zero Options are usable.
type Options struct {
	Log     *slog.Logger          // nil: nothing is logged
	Metrics prometheus.Registerer // nil: none
	// Memory keeps which message is an incident's. Nil: it is kept in the
	// process only, and a restart posts open incidents anew.
	Memory engine.Memory
	Now    func() time.Time                                 // nil: time.Now
	Sleep  func(ctx context.Context, d time.Duration) error // nil: a timer
}

// Sink tells incidents in Slack. One goroutine calls Deliver; Check may be
// called from any.
type Sink struct {
	config   Config
	least    engine.Level
	log      *slog.Logger
	memory   engine.Memory
	now      func() time.Time
	sleep    func(ctx context.Context, d time.Duration) error
	http     *http.Client
	client   *api.Client // nil with a webhook
	stats    *stats
	turns    map[string]*turn
	patience time.Duration // what is left of it in this Deliver
	forgot   time.Time     // when forget last looked
}

var (
	_ engine.Sink    = (*Sink)(nil)
	_ engine.Checker = (*Sink)(nil)
)

// callTimeout bounds one call to Slack.
const callTimeout = 15 * time.Second

// New makes a sink of valid settings. It calls nobody; with a webhook it logs
// what that cannot do.
func New(c Config, o Options) (*Sink, error) {
	if err := c.Validate(); err != nil {
		return nil, &engine.Error{Kind: engine.Fatal, Err: err}
	}
	s := &Sink{config: c, least: level(c.MinLevel, defaultMinLevel), log: o.Log, memory: o.Memory, now: o.Now, sleep: o.Sleep,
		stats: newStats(o.Metrics), turns: map[string]*turn{}}
	if s.log == nil {
		s.log = slog.New(slog.DiscardHandler)
	}
	if s.memory == nil {
		s.memory = &forgetful{m: map[string][]byte{}}
	}
	if s.now == nil {
		s.now = time.Now
	}
	if s.sleep == nil {
		s.sleep = sleep
	}
	// A redirect would carry the token to whoever is named in it.
	s.http = &http.Client{Timeout: callTimeout, CheckRedirect: func(*http.Request, []*http.Request) error { return http.ErrUseLastResponse }}
	if c.Webhook != "" {
		s.log.Warn("slack: an incoming webhook cannot edit, thread or recognise messages: a raised level is a new message, what an incident gains otherwise is not told, and a crash may repeat a message; a bot token can do all of it")
		return s, nil
	}
	base := strings.TrimRight(cmp.Or(c.API, defaultAPI), "/") + "/"
	s.client = api.New(c.Token.Reveal(), api.OptionAPIURL(base), api.OptionHTTPClient(s.http))
	return s, nil
}

// Close lets go of idle connections.
func (s *Sink) Close() error {
	s.http.CloseIdleConnections()
	return nil
}

// story is what a batch says about one incident.
type story struct {
	first   int // index of its first transition in the batch
	newest  *engine.Transition
	changes map[engine.Change]bool
	done    bool
	err     error
}

// Deliver brings every incident of the batch to its newest state there. Alerts
// are accepted without effect: their incident tells them. The most severe
// incidents go first. An error that concerns one incident or one channel does
// not hold up the others; what they did is remembered when they come again.
func (s *Sink) Deliver(ctx context.Context, ts []engine.Transition) (int, error) {
	s.patience = patience
	s.forget()
	stories := gather(ts)
	bySeverity := slices.Clone(stories)
	slices.SortStableFunc(bySeverity, func(a, b *story) int { return cmp.Compare(b.newest.Incident.Level, a.newest.Incident.Level) })
	var stop error
	for _, st := range bySeverity {
		if st.err = s.tell(ctx, st); st.err == nil {
			st.done = true
		} else if !isLocal(st.err) {
			stop = st.err
			break
		}
	}
	for _, st := range stories {
		if !st.done {
			return st.first, cmp.Or(st.err, stop)
		}
	}
	return len(ts), nil
}

// gather finds the newest state of each incident, in the order they appear.
func gather(ts []engine.Transition) []*story {
	var out []*story
	byID := map[string]*story{}
	for i := range ts {
		t := &ts[i]
		if t.Incident == nil {
			continue
		}
		st := byID[t.Incident.ID]
		if st == nil {
			st = &story{first: i, newest: t, changes: map[engine.Change]bool{}}
			byID[t.Incident.ID] = st
			out = append(out, st)
		}
		st.changes[t.Change] = true
		if t.Number >= st.newest.Number {
			st.newest = t
		}
	}
	return out
}

// pages reports whether an incident is for people.
func (s *Sink) pages(in *engine.Incident) bool { return in.Mode != "signal" && in.Level >= s.least }

// tell brings one incident up to date.
func (s *Sink) tell(ctx context.Context, st *story) error {
	t := st.newest
	r, err := s.load(t.Incident.ID)
	if err != nil {
		return err
	}
	if r == nil {
		over := t.Change == engine.Merged || t.Change == engine.Closed && len(st.changes) == 1
		if !s.pages(t.Incident) || over {
			return nil // nobody was told, and there is nothing to tell
		}
	}
	if r == nil {
		r = &record{}
		if s.client != nil {
			r.Channel = s.config.channel(t.Incident)
		}
	}
	if s.client == nil {
		err = s.hook(ctx, t, r)
	} else {
		err = s.message(ctx, t, r)
	}
	if err != nil {
		return err
	}
	return s.ended(t, r)
}

// message posts an incident's message, or brings it up to date.
func (s *Sink) message(ctx context.Context, t *engine.Transition, r *record) error {
	if err := s.settle(ctx, t.Incident.ID, r); err != nil {
		return err
	}
	s.move(t, r)
	var err error
	if r.TS != "" {
		err = s.update(ctx, t, r)
	}
	if r.TS == "" { // not posted yet, moved, or deleted by a person
		err = s.open(ctx, t, r)
	}
	if err != nil {
		return err
	}
	return s.leave(ctx, t, r)
}

// settle finds out what became of a message whose answer never came.
func (s *Sink) settle(ctx context.Context, id string, r *record) error {
	if r.Sending == nil {
		return nil
	}
	event, number := eventIncident, 0
	if r.TS != "" {
		event, number = eventNews, r.Sending.Number
	}
	ts, found, err := s.find(ctx, r.Channel, r.TS, r.Since, event, id, number)
	switch {
	case codeOf(err) == "missing_scope":
		s.log.Error("slack: history cannot be read, so a message may be sent twice", "err", err)
	case gone[codeOf(err)] || ofChannel[codeOf(err)]:
		// nothing to be found; what follows says what is wrong
	case err != nil:
		return err
	}
	if ts != "" {
		r.Told, r.Since = *r.Sending, 0
		if r.TS == "" {
			r.TS, r.Shown, r.Aim = ts, found, max(found, r.Aim)
		}
	}
	r.Sending = nil
	return s.keep(id, r)
}

// move takes an incident to another channel when its raised level is routed there.
func (s *Sink) move(t *engine.Transition, r *record) {
	if to := s.config.channel(t.Incident); r.TS != "" && r.Left == nil && to != r.Channel && t.Incident.Level > r.Told.Level && t.Number > r.Told.Number {
		r.Left = &place{r.Channel, r.TS}
		r.Channel, r.TS = to, ""
	}
}

// open posts an incident's message.
func (s *Sink) open(ctx context.Context, t *engine.Transition, r *record) error {
	err := s.openIn(ctx, t, r)
	if ofChannel[codeOf(err)] && r.Channel != s.config.Channel {
		s.log.Error("slack: a route's channel refuses, the default channel is used", "incident", t.Incident.ID, "err", err)
		r.Channel = s.config.Channel
		err = s.openIn(ctx, t, r)
	}
	return err
}

func (s *Sink) openIn(ctx context.Context, t *engine.Transition, r *record) error {
	id, next := t.Incident.ID, tells(t)
	r.Aim = t.Number
	if err := s.intend(id, r, &next); err != nil {
		return err
	}
	ts, err := s.post(ctx, r.Channel, Render(t.Incident, s.config.Links), stamp(eventIncident, id, t.Number))
	if err != nil {
		return err
	}
	r.TS, r.Shown, r.Told, r.Sending, r.Since = ts, t.Number, next, nil, 0
	return s.keep(id, r)
}

// intend notes that something is about to be sent. Since stays that of the first
// try: what an early try left may show in history late.
func (s *Sink) intend(id string, r *record, next *told) error {
	if r.Sending = next; r.Since == 0 {
		r.Since = s.now().Unix()
	}
	return s.keep(id, r)
}

// update edits an incident's message and tells the news in its thread.
func (s *Sink) update(ctx context.Context, t *engine.Transition, r *record) error {
	err := s.show(ctx, t, r)
	if err == nil {
		err = s.news(ctx, t, r)
	}
	switch code := codeOf(err); {
	case gone[code]:
		s.log.Warn("slack: an incident's message is gone, a new one is posted", "incident", t.Incident.ID, "err", err)
	case ofChannel[code] && r.Channel != s.config.Channel:
		s.log.Error("slack: a route's channel refuses, the incident goes on in the default channel", "incident", t.Incident.ID, "err", err)
		r.Channel = s.config.Channel
	default:
		return err
	}
	r.TS, r.Sending, r.Since = "", nil, 0
	return nil
}

// show edits the message, unless it shows a newer state, or one was tried: that
// one comes again.
func (s *Sink) show(ctx context.Context, t *engine.Transition, r *record) error {
	if t.Number < r.Aim || t.Number == r.Shown {
		return nil
	}
	id := t.Incident.ID
	if t.Number > r.Aim {
		r.Aim = t.Number
		if err := s.keep(id, r); err != nil {
			return err
		}
	}
	err := s.edit(ctx, place{r.Channel, r.TS}, Render(t.Incident, s.config.Links), stamp(eventIncident, id, t.Number))
	if codeOf(err) == windowClosed { // a new message for every number that grows would be a flood
		s.log.Warn("slack: the workspace forbids to edit older messages: the incident's stays as it is, its thread goes on; allow the app to edit its messages at any time", "incident", id, "err", err)
		err = nil
	}
	if err != nil {
		return err
	}
	r.Shown = t.Number
	return s.keep(id, r)
}

// news replies in the thread when there is something that people must hear of.
func (s *Sink) news(ctx context.Context, t *engine.Transition, r *record) error {
	if t.Number <= r.Told.Number {
		return nil
	}
	m, loud := renderNews(t, r.Told)
	if m.Text == "" {
		return nil
	}
	id, next := t.Incident.ID, tells(t)
	if err := s.intend(id, r, &next); err != nil {
		return err
	}
	options := []api.MsgOption{api.MsgOptionTS(r.TS)}
	if loud {
		options = append(options, api.MsgOptionBroadcast())
	}
	if _, err := s.post(ctx, r.Channel, m, stamp(eventNews, id, t.Number), options...); err != nil {
		return err
	}
	r.Told, r.Sending, r.Since = next, nil, 0
	return s.keep(id, r)
}

// leave edits the message in the channel that an incident was taken out of.
func (s *Sink) leave(ctx context.Context, t *engine.Transition, r *record) error {
	if r.Left == nil || r.TS == "" || r.Sending != nil {
		return nil
	}
	err := s.edit(ctx, *r.Left, renderMoved(t.Incident, r.Channel), stamp(eventIncident, t.Incident.ID, t.Number))
	if code := codeOf(err); err != nil && !gone[code] && !ofChannel[code] && code != windowClosed {
		return err
	}
	r.Left = nil
	return s.keep(t.Incident.ID, r)
}

func asError(err error) (*engine.Error, bool) { return errors.AsType[*engine.Error](err) }
