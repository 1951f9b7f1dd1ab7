package slack

import (
	"encoding/json"
	"fmt"
	"slices"
	"sync"

	"github.com/seed-843b225c/reflex/engine"
)

// told is what people were told of an incident up to a transition.
type told struct {
	Number int          `json:"number"`
	Level  engine.Level `json:"level"`
	Steps  []string     `json:"steps,omitempty"` // kinds of steps: rule, or rule/step of a chain
}

// record is what the sink remembers of an incident, under its id. Sending is
// written before a call and taken back after its answer: where it stands after
// a crash, nobody knows whether Slack took the message, and history is asked.
type record struct {
	Channel string `json:"channel"`
	TS      string `json:"ts,omitempty"` // Slack's name for the message; "" before there is one
	Aim     int    `json:"aim"`          // newest transition that an edit was tried with
	Shown   int    `json:"shown"`        // newest transition that the message shows for certain
	Told    told   `json:"told"`
	Sending *told  `json:"sending,omitempty"`
	Since   int64  `json:"since,omitempty"` // Unix seconds when Sending was first written
	Left    *place `json:"left,omitempty"`  // message in the channel that a raised level took the incident out of
	Over    int64  `json:"over,omitempty"`  // Unix seconds when the incident's end was told; 0: it goes on
}

// place is a message in Slack.
type place struct {
	Channel string `json:"channel"`
	TS      string `json:"ts"`
}

// tells gives what people know once they have seen the incident at a transition.
func tells(t *engine.Transition) told {
	return told{Number: t.Number, Level: t.Incident.Level, Steps: kinds(t.Incident)}
}

// kinds lists what sorts of steps an incident has, sorted. The thirtieth use of
// a key by the same rule is not news, the first one is.
func kinds(in *engine.Incident) []string {
	var out []string
	for _, m := range in.Timeline {
		out = append(out, kind(m))
	}
	slices.Sort(out)
	return slices.Compact(out)
}

func kind(m engine.Moment) string {
	if m.Step != "" {
		return m.Rule + "/" + m.Step
	}
	return m.Rule
}

// load reads an incident's record; nil when there is none.
func (s *Sink) load(id string) (*record, error) {
	b, ok, err := s.memory.Get(id)
	if err != nil {
		return nil, temporary(0, "slack: read what is known of incident %s: %w", id, err)
	}
	if !ok {
		return nil, nil
	}
	var r record
	if err := json.Unmarshal(b, &r); err != nil { // written by a newer version, or damaged: tell it anew rather than never
		s.log.Error("slack: what is remembered of an incident cannot be read: it gets a new message", "incident", id, "err", err)
		return nil, nil
	}
	return &r, nil
}

// keep stores an incident's record; it survives a crash when keep returns.
func (s *Sink) keep(id string, r *record) error {
	b, err := json.Marshal(r)
	if err != nil {
		return fmt.Errorf("slack: encode what is known of incident %s: %w", id, err)
	}
	if err := s.memory.Put(id, b); err != nil {
		return temporary(0, "slack: store what is known of incident %s: %w", id, err)
	}
	return nil
}

// forgetful is the Memory of a sink that was given none.
type forgetful struct {
	mu sync.Mutex
	m  map[string][]byte
}

func (f *forgetful) Get(key string) ([]byte, bool, error) {
	f.mu.Lock()
	defer f.mu.Unlock()
	b, ok := f.m[key]
	return b, ok, nil
}

func (f *forgetful) Put(key string, value []byte) error {
	f.mu.Lock()
	defer f.mu.Unlock()
	f.m[key] = slices.Clone(value)
	return nil
}

func (f *forgetful) Each(do func(key string, value []byte) error) error {
	f.mu.Lock()
	defer f.mu.Unlock()
	for key, value := range f.m {
		if err := do(key, value); err != nil {
			return err
		}
	}
	return nil
}

func (f *forgetful) Delete(key string) error {
	f.mu.Lock()
	defer f.mu.Unlock()
	delete(f.m, key)
	return nil
}
