package slack

import (
	"encoding/json"
	"time"

	"github.com/seed-843b225c/reflex/engine"
)

// An incident that is merged changes no more, one that is final only by a chain
// that reaches back 30 days. So long its message is remembered, and a while
// longer, for what comes twice; without an end the memory would grow for ever.
// Whatever comes later all the same gets a new message.
const (
	forgetAfter = 45 * 24 * time.Hour
	forgetEvery = 24 * time.Hour
)

// ended notes when an incident's end was told, and that one goes on after all.
func (s *Sink) ended(t *engine.Transition, r *record) error {
	over := t.Change == engine.Merged || t.Change == engine.Closed || t.Incident.Final
	switch {
	case over == (r.Over != 0) || t.Number < r.Shown: // known, or old news
		return nil
	case over:
		r.Over = s.now().Unix()
	default:
		r.Over = 0
	}
	return s.keep(t.Incident.ID, r)
}

// forget drops what is over for long, once a day. It can wait: trouble is only said.
func (s *Sink) forget() {
	now := s.now()
	if now.Sub(s.forgot) < forgetEvery {
		return
	}
	s.forgot = now
	var old []string
	err := s.memory.Each(func(id string, value []byte) error {
		var r record
		if json.Unmarshal(value, &r) == nil && r.Over != 0 && now.Sub(time.Unix(r.Over, 0)) > forgetAfter {
			old = append(old, id)
		}
		return nil
	})
	for _, id := range old {
		if err == nil {
			err = s.memory.Delete(id)
		}
	}
	if err != nil {
		s.log.Warn("slack: the messages of old incidents are not forgotten: it is tried again tomorrow", "err", err)
	}
}
