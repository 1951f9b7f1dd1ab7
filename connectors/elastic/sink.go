package elastic

import (
	"context"
	"log/slog"
	"time"

	"github.com/seed-843b225c/reflex/engine"
)

// Sink stores transitions in Elasticsearch.
type Sink struct {
	config  Config
	client  *client
	writer  writer
	log     *slog.Logger
	metrics *metrics
	now     func() time.Time

	ready   bool // the server is known and its templates are there
	ceiling int  // most bytes a request that the server takes, as far as known
	limit   int  // most bytes of the next request

	bare     int       // documents stored without their evidence that the log was not told of
	bareSaid time.Time // when it was told last
}

var (
	_ engine.Sink    = (*Sink)(nil)
	_ engine.Checker = (*Sink)(nil)
)

// New makes a sink and connects to nothing: a cluster that is down at the
// start is an error of Deliver. Errors are mistakes of the configuration.
func New(c Config, o Options) (*Sink, error) {
	o = o.withDefaults()
	cl, err := newClient(c, c.URLs)
	if err != nil {
		return nil, err
	}
	m, err := newMetrics(o.Metrics)
	if err != nil {
		return nil, err
	}
	c = c.withDefaults()
	return &Sink{
		config: c, client: cl, log: o.Log, metrics: m, now: o.Now, ceiling: c.BatchBytes, limit: c.BatchBytes,
		writer: writer{namespace: c.Namespace, now: o.Now},
	}, nil
}

// Deliver stores transitions in order. The first call, and the first after a
// missing template, looks at the server and its templates before it writes: a
// document written before would make an index with guessed mappings.
func (s *Sink) Deliver(ctx context.Context, ts []engine.Transition) (int, error) {
	if err := s.prepare(ctx); err != nil {
		return 0, err
	}
	done := 0
	for done < len(ts) {
		b, err := s.fill(ts[done:], "")
		if err != nil {
			return done, err
		}
		n, err := s.send(ctx, b)
		done += n
		if err != nil {
			return done, err
		}
	}
	return done, nil
}

// Close ends idle connections. Nothing is kept back that would be lost.
func (s *Sink) Close() error { return s.client.close() }
