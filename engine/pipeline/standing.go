package pipeline

import (
	"bytes"
	"context"
	"fmt"
	"maps"
	"slices"
	"strings"

	"github.com/seed-843b225c/reflex/engine"
	"github.com/seed-843b225c/reflex/engine/rule"
)

// This file ends alerts whose rule was changed, removed or switched off. The
// correlator forgets such a rule's state whole, and then nobody could say of its
// open alerts what they were: so every alert that is not over stands in the
// store as it was said last, under its rule.

// keyStanding + rule, 0, alert: the last transition of an alert that is not
// over, without its document. Secrets are overwritten in it, as in the log.
const keyStanding = "a"

// retireStep is after how many ended alerts they are handed on.
const retireStep = 500

// standing is what changed of these since the last checkpoint, by key; nil: the
// alert is over.
type standing map[string]*engine.Transition

func standingKey(rule, alert string) string { return keyStanding + rule + "\x00" + alert }

// note takes what was said of an alert.
func (s standing) note(t engine.Transition) {
	key := standingKey(t.Alert.Rule, t.Alert.ID)
	if over(t) {
		s[key] = nil
		return
	}
	al := *t.Alert // the log and the sinks have it too
	al.Document = nil
	t.Alert = &al
	s[key] = &t
}

// write stores them.
func (s standing) write(to engine.Saver) error {
	for key, t := range s {
		if t == nil {
			to.Delete([]byte(key))
			continue
		}
		b, err := t.Append(nil)
		if err != nil {
			return fmt.Errorf("checkpoint: open alert %s: %w", t.ID(), err)
		}
		to.Set([]byte(key), b)
	}
	return nil
}

// retire gives the open alerts of rules whose state is gone their final
// transition. It is called once for a workspace, before anything new comes.
// What it says is in the log before the checkpoint that forgets them; after a
// crash between the two it finds in the log what was said, and says the rest.
func (s *service) retire(ctx context.Context, emptied map[string]string) error {
	r := retirement{s: s, emptied: emptied, held: slices.Sorted(maps.Keys(s.work.standing))}
	for _, id := range slices.Sorted(maps.Keys(emptied)) {
		if err := r.stored(ctx, id); err != nil {
			return err
		}
	}
	for _, key := range r.held { // of the log behind the checkpoint
		if t := s.work.standing[key]; t != nil {
			if err := r.end(ctx, t); err != nil {
				return err
			}
		}
	}
	if r.ended > 0 {
		s.Log.Warn("open alerts are closed: their rules were changed, removed or switched off", "alerts", r.ended)
	}
	return s.append(ctx)
}

type retirement struct {
	s       *service
	emptied map[string]string // why, by rule
	held    []string          // keys that the log says more of than the store
	ended   int
}

// stored ends what the store has of a rule.
func (r *retirement) stored(ctx context.Context, id string) error {
	from := []byte(standingKey(id, ""))
	return r.s.Dir.Store.Scan(from, end(string(from)), func(key, value []byte) error {
		if _, ok := slices.BinarySearch(r.held, string(key)); ok {
			return nil
		}
		t, err := engine.ParseTransition(bytes.Clone(value))
		if err != nil || t.Alert == nil {
			r.s.Log.Error("an open alert of a rule that is gone cannot be read: it stays open where it was told", "key", strings.ToValidUTF8(string(key), "?"), "error", err)
			r.s.work.standing[string(key)] = nil
			return nil
		}
		return r.end(ctx, &t)
	})
}

// end ends one alert, unless a rule goes on with it.
func (r *retirement) end(ctx context.Context, last *engine.Transition) error {
	why, gone := r.why(last.Alert.Rule)
	if !gone || r.s.line.corr.Holds(last.Alert) {
		return nil
	}
	al := *last.Alert
	al.Final = true
	r.ended++
	r.s.work.emit(engine.Transition{Change: engine.Closed, Number: last.Number + 1, Time: al.End, Alert: &al, Reason: "rule " + al.Rule + ": " + why})
	if len(r.s.work.said) < retireStep {
		return nil
	}
	return r.s.append(ctx)
}

// why says why a rule does not go on with what it said before.
func (r *retirement) why(id string) (why string, gone bool) {
	if why, gone = r.emptied[id]; gone {
		return why, true
	}
	for _, known := range r.s.Parts.Set.Rules {
		if known.ID == id {
			return "it is off", known.Mode == rule.ModeOff
		}
	}
	return "it is gone or off", true
}
