package kafka

import (
	"context"
	"errors"
	"sync"

	kafkago "github.com/segmentio/kafka-go"
)

// ghost is a member that we were and that the library has forgotten: after an
// error it joins as a new one, and the group waits for the old one until its
// session ends. Telling the broker that it left saves that time after every
// broker restart.
type ghost struct {
	src    *Source
	member string
	stop   context.CancelFunc
	wg     sync.WaitGroup
}

// lives notes who we are in the present generation.
func (g *ghost) lives(member string) {
	g.rest()
	g.member = member
}

// died begins to tell the broker, until it has heard. err is what ended the
// last try to join; a rebalance under way keeps the member.
func (g *ghost) died(ctx context.Context, err error) {
	if g.member == "" || errors.Is(err, kafkago.RebalanceInProgress) {
		return
	}
	member := g.member
	g.member = ""
	ctx, g.stop = context.WithCancel(ctx)
	g.wg.Go(func() {
		for !g.src.tellLeft(ctx, member) {
			if !sleep(ctx, g.src.timing.backoffMax/4) {
				return
			}
		}
	})
}

// rest ends the telling and waits for it.
func (g *ghost) rest() {
	if g.stop != nil {
		g.stop()
		g.wg.Wait()
		g.stop = nil
	}
}

// tellLeft says whether the group knows now that member is not in it.
func (s *Source) tellLeft(ctx context.Context, member string) bool {
	ctx, cancel := context.WithTimeout(ctx, patience)
	defer cancel()
	c, done := s.remote.client(names(s.c.Topics)...)
	defer done()
	res, err := c.LeaveGroup(ctx, &kafkago.LeaveGroupRequest{GroupID: s.c.Group, Members: []kafkago.LeaveGroupRequestMember{{ID: member}}})
	if err != nil {
		return false
	}
	// The library reads the answer's throttle time and error code in the wrong
	// order: the code is found in the lower half of the time.
	if code := kafkago.Error(int16(res.Throttle.Milliseconds())); code != 0 && code != kafkago.UnknownMemberId {
		return false
	}
	for _, m := range res.Members {
		if m.Error != nil && !errors.Is(m.Error, kafkago.UnknownMemberId) {
			return false
		}
	}
	return true
}
