package slack

import (
	"errors"
	"time"

	"github.com/prometheus/client_golang/prometheus"

	"github.com/seed-843b225c/reflex/engine"
)

// stats are the sink's metrics; they count whether or not anybody collects them.
type stats struct {
	calls *prometheus.CounterVec
	wait  prometheus.Counter
}

func newStats(r prometheus.Registerer) *stats {
	return &stats{
		calls: register(r, prometheus.NewCounterVec(prometheus.CounterOpts{Name: "reflex_slack_calls_total",
			Help: "Calls to Slack by method and outcome: ok, temporary, bad input, fatal, unknown."}, []string{"method", "outcome"})),
		wait: register(r, prometheus.NewCounter(prometheus.CounterOpts{Name: "reflex_slack_wait_seconds_total",
			Help: "Time spent waiting because Slack limits how often it may be called."})),
	}
}

// register gives the collector, or the one of another Slack sink in the process.
func register[C prometheus.Collector](r prometheus.Registerer, c C) C {
	if r == nil {
		return c
	}
	err := r.Register(c)
	if are, ok := errors.AsType[prometheus.AlreadyRegisteredError](err); ok {
		if same, ok := are.ExistingCollector.(C); ok {
			return same
		}
	}
	return c
}

func (s *stats) called(method string, err error) {
	outcome := "ok"
	if err != nil {
		outcome = engine.KindOf(err).String()
	}
	s.calls.WithLabelValues(method, outcome).Inc()
}

func (s *stats) waited(d time.Duration) { s.wait.Add(d.Seconds()) }
