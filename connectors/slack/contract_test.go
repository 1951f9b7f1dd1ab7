package slack

import (
	"fmt"
	"slices"
	"testing"

	"github.com/seed-843b225c/reflex/connectors/contract"
	"github.com/seed-843b225c/reflex/connectors/slack/slacktest"
	"github.com/seed-843b225c/reflex/engine"
)

func TestSinkKeepsTheContract(t *testing.T) {
	contract.Sink(t, func(t testing.TB) contract.SinkRig {
		r := newRig(t)
		return contract.SinkRig{
			Open: func(t testing.TB) engine.Sink { return r.open() },
			Stored: func(t testing.TB) []string {
				var out []string
				for _, m := range r.server.Messages(channel) {
					out = append(out, fmt.Sprint(m.Metadata.Payload["incident"], "-", number(m)))
				}
				slices.Sort(out) // the most severe of a batch goes first
				return out
			},
			Want:    newest,
			Once:    true,
			Trouble: func(t testing.TB) func() { return trouble(r.server) },
		}
	})
}

// newest gives the last state of each incident: one message shows it.
func newest(ts []engine.Transition) []string {
	last := map[string]string{}
	for i := range ts {
		if ts[i].Incident != nil {
			last[ts[i].ID()] = ts[i].DocumentID()
		}
	}
	var out []string
	for _, id := range last {
		out = append(out, id)
	}
	slices.Sort(out)
	return out
}

// trouble breaks every method until it is healed.
func trouble(s *slacktest.Server) (heal func()) {
	methods := []string{"chat.postMessage", "chat.update", "conversations.history", "conversations.replies"}
	for _, m := range methods {
		s.Fail(m, slices.Repeat([]slacktest.Fault{{Status: 503}}, 1000)...)
	}
	return func() {
		for _, m := range methods {
			s.Heal(m)
		}
	}
}
