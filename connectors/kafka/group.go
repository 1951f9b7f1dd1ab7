package kafka

import (
	"context"
	"errors"
	"fmt"
	"maps"
	"time"

	kafkago "github.com/segmentio/kafka-go"
)

// run is the source's main goroutine: it looks at the topics, joins the group
// and enters one generation after the other until ctx ends.
func (s *Source) run(ctx context.Context) {
	defer close(s.stopped)
	if !s.prepare(ctx) {
		return
	}
	cut := &cutter{dial: s.remote.dialer.DialFunc}
	cg, err := s.join(cut)
	if err != nil {
		s.fail(fatal(fmt.Errorf("kafka group %s: %w", s.c.Group, err)))
		return
	}
	defer s.leave(cg, cut)
	var j judge
	last := ghost{src: s}
	defer last.rest()
	for entered := false; ; {
		gen, err := cg.Next(ctx)
		if err != nil {
			last.died(ctx, err)
		} else {
			last.lives(gen.MemberID)
			err = s.enter(ctx, gen, !entered)
			entered = entered || err == nil
		}
		if ctx.Err() != nil || errors.Is(err, kafkago.ErrGroupClosed) {
			return
		}
		grace := s.timing.grace
		if !entered {
			grace = s.timing.first
		}
		err = s.groupError(err)
		if j.counts(err, time.Now(), grace) {
			s.fail(err)
			return
		}
		if err != nil {
			s.report(err)
		}
	}
}

// groupError explains what joining gave; a rebalance under way is no error.
func (s *Source) groupError(err error) error {
	switch {
	case err == nil, errors.Is(err, kafkago.RebalanceInProgress), errors.Is(err, kafkago.IllegalGeneration), errors.Is(err, kafkago.UnknownMemberId):
		return nil
	}
	return explain("kafka group "+s.c.Group, err)
}

// prepare waits until the topics can be read and, for a stateful reader, until
// the group has no other member. False: the source has ended.
func (s *Source) prepare(ctx context.Context) bool {
	var j judge
	for wait := s.timing.backoff; ; wait = min(2*wait, s.timing.backoffMax) {
		err := s.inspect(ctx)
		if err == nil && s.o.Stateful {
			err = s.waitAlone(ctx)
		}
		switch {
		case ctx.Err() != nil:
			return false
		case err == nil:
			return true
		case j.counts(err, time.Now(), s.timing.first):
			s.fail(err)
			return false
		}
		s.report(err)
		if !sleep(ctx, wait) {
			return false
		}
	}
}

func (s *Source) join(cut *cutter) (*kafkago.ConsumerGroup, error) {
	d := *s.remote.dialer
	d.DialFunc = cut.open
	return kafkago.NewConsumerGroup(kafkago.ConsumerGroupConfig{
		ID: s.c.Group, Brokers: s.c.Brokers, Dialer: &d, Topics: names(s.c.Topics),
		HeartbeatInterval: s.c.SessionTimeout / 3, SessionTimeout: s.c.SessionTimeout, RebalanceTimeout: s.timing.rebalance,
		JoinGroupBackoff: min(time.Second, s.timing.backoffMax), Timeout: patience, StartOffset: kafkago.FirstOffset,
		WatchPartitionChanges: true, PartitionWatchInterval: s.timing.watch,
	})
}

// leave leaves the group politely, and cuts its connections when that takes
// too long: the library cannot be interrupted while it waits to join.
func (s *Source) leave(cg *kafkago.ConsumerGroup, cut *cutter) {
	timer := time.AfterFunc(s.timing.leave, cut.cut)
	defer timer.Stop()
	_ = cg.Close() // always nil
}

// enter takes over the partitions of a generation. On an error the generation
// is given back after a while, so that a broker in trouble is not asked to
// rebalance without end.
func (s *Source) enter(ctx context.Context, gen *kafkago.Generation, first bool) error {
	s.m.rebalances.Inc()
	g := &generation{gen: gen, src: s, dead: make(chan struct{}), drained: make(chan struct{})}
	if err := s.admit(ctx, g, first); err != nil {
		gen.Start(func(over context.Context) { sleep(over, s.timing.backoffMax/2) })
		return err
	}
	s.log.Info("kafka group joined", "group", s.c.Group, "generation", gen.ID, "member", gen.MemberID, "partitions", len(g.parts))
	g.left.Store(int32(len(g.parts)))
	gen.Start(g.keepAlive)
	for _, p := range g.parts {
		gen.Start(p.run)
	}
	return nil
}

// admit looks before any partition is opened: are the topics as they should
// be, is the group ours alone where it must be, and where does each partition go on.
func (s *Source) admit(ctx context.Context, g *generation, first bool) error {
	if err := s.inspect(ctx); err != nil {
		return err
	}
	if s.o.Stateful {
		if err := s.mustBeAlone(ctx, g.gen, first); err != nil {
			return err
		}
	}
	committed, err := s.committed(ctx, g.gen)
	if err != nil {
		return err
	}
	s.mu.Lock()
	defer s.mu.Unlock()
	s.keepOurs(g.gen)
	s.gen = g
	s.parts = map[place]*partition{}
	read := map[string]bool{} // topics that were read before
	for at, commit := range committed {
		p := &partition{src: s, gen: g, at: at, format: s.format[at.topic], commit: commit, stored: -1, onward: -1}
		if stored, ok := s.stored[at]; ok {
			p.stored, p.last = stored.next, stored
		}
		if onward, ok := s.onward[at]; ok {
			p.onward, p.last = onward.next, onward
		}
		read[at.topic] = read[at.topic] || p.begin() >= 0
		s.parts[at] = p
		g.parts = append(g.parts, p)
	}
	for _, p := range g.parts {
		p.added = read[p.at.topic]
	}
	return nil
}

// keepOurs notes how far partitions were handed out until this generation, and
// drops the positions that others may have moved on from: those of partitions
// that were not ours all the time. A stateful reader has no others.
func (s *Source) keepOurs(gen *kafkago.Generation) {
	for at, p := range s.parts {
		if p.began {
			s.onward[at] = spot{p.handed, p.handedTime}
		}
	}
	last := s.gen
	if s.o.Stateful || last == nil {
		return
	}
	theirs := func(at place, _ spot) bool { return s.parts[at] == nil || gen.ID != last.gen.ID+1 }
	maps.DeleteFunc(s.stored, theirs)
	maps.DeleteFunc(s.onward, theirs)
}

// committed asks for the positions of a generation's partitions; -1 is none.
// The library's own look-up takes an error for "none", which would begin anew.
func (s *Source) committed(ctx context.Context, gen *kafkago.Generation) (map[place]int64, error) {
	out := map[place]int64{}
	ask := map[string][]int{}
	for topic, ps := range gen.Assignments {
		for _, p := range ps {
			out[place{topic, int32(p.ID)}] = -1
			ask[topic] = append(ask[topic], p.ID)
		}
	}
	if len(ask) == 0 {
		return out, nil
	}
	what := "kafka group " + s.c.Group + ": its positions"
	c, done := s.remote.client(names(s.c.Topics)...)
	defer done()
	res, err := c.OffsetFetch(ctx, &kafkago.OffsetFetchRequest{GroupID: s.c.Group, Topics: ask})
	if err == nil {
		err = res.Error
	}
	if err != nil {
		return nil, explain(what, err)
	}
	for topic, ps := range res.Topics {
		for _, p := range ps {
			if p.Error != nil {
				return nil, explain(what, p.Error)
			}
			out[place{topic, int32(p.Partition)}] = p.CommittedOffset
		}
	}
	return out, nil
}

// sleep waits; false when ctx ended first.
func sleep(ctx context.Context, d time.Duration) bool {
	timer := time.NewTimer(d)
	defer timer.Stop()
	select {
	case <-timer.C:
		return true
	case <-ctx.Done():
		return false
	}
}
