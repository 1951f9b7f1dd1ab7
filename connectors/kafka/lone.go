package kafka

import (
	"context"
	"errors"
	"fmt"
	"strings"
	"time"

	kafkago "github.com/segmentio/kafka-go"
	"github.com/segmentio/kafka-go/protocol/describegroups"
)

var errNotAlone = errors.New("a reader that keeps state on its machine must be the only member of its group: stop the other one, or give this one a group and a store of its own")

// member is one of a group, as the coordinator knows it.
type member struct{ id, client, host string }

func (m member) String() string {
	return fmt.Sprintf("client %s on %s", m.client, strings.TrimPrefix(m.host, "/"))
}

// members asks who is in the group. The request is sent in its plain form,
// because the library cannot read what newer clients say of themselves.
func (s *Source) members(ctx context.Context) ([]member, error) {
	what := "kafka group " + s.c.Group + ": its members"
	c, done := s.remote.client(names(s.c.Topics)...)
	defer done()
	ctx, cancel := context.WithTimeout(ctx, patience)
	defer cancel()
	r, err := c.Transport.RoundTrip(ctx, c.Addr, &describegroups.Request{Groups: []string{s.c.Group}})
	if err != nil {
		return nil, explain(what, err)
	}
	var out []member
	for _, g := range r.(*describegroups.Response).Groups {
		if code := kafkago.Error(g.ErrorCode); code != 0 && code != kafkago.GroupIdNotFound {
			return nil, explain(what, code)
		}
		for _, m := range g.Members {
			out = append(out, member{m.MemberID, m.ClientID, m.ClientHost})
		}
	}
	return out, nil
}

func (s *Source) notAlone(others []member) error {
	who := make([]string, 0, len(others))
	for _, m := range others {
		who = append(who, m.String())
	}
	return fatal(fmt.Errorf("kafka group %s: has another member, %s: %w", s.c.Group, strings.Join(who, " and "), errNotAlone))
}

// waitAlone returns when the group has no member. One that was killed a moment
// ago is still listed until its session ends; one that stays is alive.
func (s *Source) waitAlone(ctx context.Context) error {
	until := time.Now().Add(s.c.SessionTimeout + s.c.SessionTimeout/2)
	for {
		ms, err := s.members(ctx)
		if err != nil || len(ms) == 0 {
			return err
		}
		if time.Now().After(until) {
			return s.notAlone(ms)
		}
		if !sleep(ctx, s.c.SessionTimeout/6) {
			return ctx.Err()
		}
	}
}

// mustBeAlone looks at the group after joining it. Of two that start at the
// same moment the one with the smaller member id stays; a member that is in its
// place already waits a while for the other to go.
func (s *Source) mustBeAlone(ctx context.Context, gen *kafkago.Generation, first bool) error {
	until := time.Now().Add(3 * s.c.SessionTimeout)
	for {
		ms, err := s.members(ctx)
		if err != nil {
			return err
		}
		var others []member
		smaller := false
		for _, m := range ms {
			if m.id != gen.MemberID {
				others = append(others, m)
				smaller = smaller || m.id < gen.MemberID
			}
		}
		switch {
		case len(others) == 0:
			return nil
		case first && smaller, time.Now().After(until):
			return s.notAlone(others)
		}
		if !sleep(ctx, s.c.SessionTimeout/6) {
			return ctx.Err()
		}
	}
}
