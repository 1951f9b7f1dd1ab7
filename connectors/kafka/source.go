package kafka

import (
	"context"
	"errors"
	"log/slog"
	"sync"
	"time"

	"github.com/prometheus/client_golang/prometheus"

	"github.com/seed-843b225c/reflex/engine"
)

// Options are what a connector is given beside its configuration. The zero
// value is a quiet, stateless member that starts where the group stopped.
type Options struct {
	Log     *slog.Logger          // nil: none
	Metrics prometheus.Registerer // nil: none
	// Resume are the positions of a store. They win over what the group
	// committed, which in turn wins over SourceConfig.Start.
	Resume []engine.Position
	// Stateful: the reader keeps state on this machine, so that it must own
	// every partition. A second member of the group is then refused: Poll gives
	// a Fatal error that names the other one.
	Stateful bool
	// Dial opens network connections; nil: the system's.
	Dial DialFunc
}

// Source reads topics as a member of a consumer group. See the package comment
// for what it promises and engine.Source for who may call what.
type Source struct {
	c      SourceConfig
	o      Options
	log    *slog.Logger
	start  time.Time // zero: oldest
	format map[string]string
	remote *remote
	m      *metrics
	timing timing
	budget *budget
	pool   sync.Pool // of *[]engine.Record

	begin   sync.Once
	stop    context.CancelFunc // set by begin
	stopped chan struct{}
	closing chan struct{}

	committing sync.Mutex // one commit at a time
	aborts     sync.Once  // an aborted transaction was told of

	mu     sync.Mutex
	queue  []item
	wake   chan struct{}
	fatal  error
	said   troubles
	gen    *generation
	parts  map[place]*partition // owned, or still draining
	stored map[place]spot       // what Resume and Commit say, and where a first reading began
	onward map[place]spot       // behind what earlier generations handed out
}

// place is a partition of a topic.
type place struct {
	topic string
	id    int32
}

// spot is a position: the next offset, and the record time of the record before
// it, ns; 0: unknown.
type spot struct{ next, time int64 }

// item is a batch in the queue; its records are of p and end before upto.
type item struct {
	batch engine.Batch
	p     *partition
	upto  int64 // 0: no records
	turn  int   // p's when they were queued
}

// timing holds the waits that tests shorten.
type timing struct {
	wait       time.Duration // the broker's longest wait for the first byte of a fetch
	backoff    time.Duration // the first wait after an error; it doubles up to backoffMax
	backoffMax time.Duration
	rebalance  time.Duration // how long the group waits for a member to join again
	drain      time.Duration // how long a lost partition waits for its last commit
	watch      time.Duration // how often topics are asked for new partitions
	grace      time.Duration // how long a fatal answer may last before it counts, once reading has begun
	first      time.Duration // the same before
	leave      time.Duration // how long Close waits for a polite leave
}

var usual = timing{
	wait: 500 * time.Millisecond, backoff: 100 * time.Millisecond, backoffMax: 2 * time.Second,
	rebalance: 30 * time.Second, drain: 20 * time.Second, watch: 10 * time.Second,
	grace: 10 * time.Second, first: 2 * time.Second, leave: 3 * time.Second,
}

var (
	_ engine.Source  = (*Source)(nil)
	_ engine.Lagging = (*Source)(nil)
	_ engine.Checker = (*Source)(nil)
)

// NewSource makes a source. It starts nothing: the first Poll joins the group.
func NewSource(c SourceConfig, o Options) (*Source, error) {
	if err := c.Validate(); err != nil {
		return nil, fatal(err)
	}
	c = c.withDefaults()
	s := &Source{
		c: c, o: o, log: logger(o.Log), timing: usual, budget: newBudget(c.Buffer),
		format: map[string]string{}, parts: map[place]*partition{}, stored: map[place]spot{}, onward: map[place]spot{},
		wake: make(chan struct{}, 1), stopped: make(chan struct{}), closing: make(chan struct{}),
	}
	s.start, _ = parseStart(c.Start) // Validate has read it
	for _, t := range c.Topics {
		s.format[t.Name] = t.Format
	}
	for _, p := range o.Resume {
		if _, ours := s.format[p.Source]; ours {
			s.stored[place{p.Source, p.Partition}] = spot{p.Offset, p.Time}
		}
	}
	var err error
	if s.remote, err = newRemote(c.Config, o.Dial); err != nil {
		return nil, err
	}
	if s.m, err = newMetrics(o.Metrics); err != nil {
		return nil, fatal(err)
	}
	return s, nil
}

func logger(l *slog.Logger) *slog.Logger {
	if l == nil {
		return slog.New(slog.DiscardHandler)
	}
	return l
}

// Poll gives the next batch: one fetched from one partition, or news of
// partitions that came and went. A Temporary error says what is in the way; the
// source goes on by itself meanwhile.
func (s *Source) Poll(ctx context.Context) (engine.Batch, error) {
	s.begin.Do(func() {
		run, stop := context.WithCancel(context.WithoutCancel(ctx))
		s.stop = stop
		go s.run(run)
	})
	for {
		if err := ctx.Err(); err != nil {
			return engine.Batch{}, err
		}
		if b, err, ok := s.take(); ok {
			return b, err
		}
		select {
		case <-s.wake:
		case <-ctx.Done():
		}
	}
}

// take gives what Poll has to say now.
func (s *Source) take() (engine.Batch, error, bool) {
	s.mu.Lock()
	defer s.mu.Unlock()
	if s.fatal != nil {
		return engine.Batch{}, s.fatal, true
	}
	if len(s.queue) > 0 {
		it := s.queue[0]
		s.queue[0] = item{}
		if s.queue = s.queue[1:]; len(s.queue) == 0 {
			s.queue = nil
		}
		if it.upto > 0 && it.turn == it.p.turn {
			it.p.handed, it.p.handedTime = it.upto, it.batch.Records[len(it.batch.Records)-1].Time
			it.p.measure()
		}
		return it.batch, nil, true
	}
	if err := s.said.next(); err != nil {
		return engine.Batch{}, err, true
	}
	return engine.Batch{}, nil, false
}

// ring wakes Poll.
func (s *Source) ring() {
	select {
	case s.wake <- struct{}{}:
	default:
	}
}

// fail ends the source: every Poll from now on gives err.
func (s *Source) fail(err error) {
	s.mu.Lock()
	if s.fatal == nil {
		s.fatal = err
	}
	s.mu.Unlock()
	s.ring()
}

// report lets Poll tell of trouble that the source works on by itself.
func (s *Source) report(err error) {
	s.mu.Lock()
	s.said.add(err, time.Now())
	s.mu.Unlock()
	s.ring()
}

// Lags gives the owned partitions, as of the last fetch of each; End is -1 for
// one that is not opened yet.
func (s *Source) Lags() []engine.Lag {
	s.mu.Lock()
	defer s.mu.Unlock()
	lags := make([]engine.Lag, 0, len(s.parts))
	for at, p := range s.parts {
		switch {
		case p.draining:
		case !p.opened:
			lags = append(lags, engine.Lag{Source: at.topic, Partition: at.id, End: -1})
		default:
			next := p.position()
			lags = append(lags, engine.Lag{Source: at.topic, Partition: at.id, Next: next, End: max(p.end, next)})
		}
	}
	return lags
}

var errClosed = errors.New("kafka source: is closed")

// Close leaves the group and waits until every goroutine of the source has
// ended. What was not committed comes again to the next member.
func (s *Source) Close() error {
	s.begin.Do(func() { close(s.stopped) }) // never polled: nothing runs
	s.mu.Lock()
	if s.fatal == nil {
		s.fatal = fatal(errClosed)
	}
	first := s.closing
	select {
	case <-first:
	default:
		close(first)
	}
	s.mu.Unlock()
	if s.stop != nil {
		s.stop()
	}
	<-s.stopped
	return nil
}
