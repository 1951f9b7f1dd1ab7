package elastic

import (
	"fmt"
	"strconv"
	"time"

	"github.com/prometheus/client_golang/prometheus"
)

// What becomes of an item, the label "outcome".
const (
	storedItem  = "stored"
	knownItem   = "known"   // was there already
	refusedItem = "refused" // the document itself
	laterItem   = "later"   // comes again
	stoppedItem = "stopped" // until a person acts
)

type metrics struct {
	requests *prometheus.CounterVec
	items    *prometheus.CounterVec
	bytes    prometheus.Counter
	seconds  prometheus.Histogram
}

func newMetrics(reg prometheus.Registerer) (*metrics, error) {
	m := &metrics{
		requests: prometheus.NewCounterVec(prometheus.CounterOpts{Name: "reflex_elastic_requests_total",
			Help: "Bulk requests by HTTP status; none: no answer came."}, []string{"status"}),
		items: prometheus.NewCounterVec(prometheus.CounterOpts{Name: "reflex_elastic_items_total",
			Help: "Items of bulk requests by outcome: stored, known (was there already), refused, later (comes again), stopped (until a person acts)."}, []string{"outcome"}),
		bytes: prometheus.NewCounter(prometheus.CounterOpts{Name: "reflex_elastic_bytes_total",
			Help: "Bytes of bulk requests, before TLS."}),
		seconds: prometheus.NewHistogram(prometheus.HistogramOpts{Name: "reflex_elastic_request_seconds",
			Help: "How long a bulk request took, answered or not.", Buckets: prometheus.ExponentialBuckets(0.002, 2, 15)}),
	}
	if reg == nil {
		return m, nil
	}
	for _, c := range []prometheus.Collector{m.requests, m.items, m.bytes, m.seconds} {
		if err := reg.Register(c); err != nil {
			return nil, fmt.Errorf("metrics of elasticsearch: %w", err)
		}
	}
	return m, nil
}

func (m *metrics) request(status, bytes int, took time.Duration) {
	label := "none"
	if status != 0 {
		label = strconv.Itoa(status)
	}
	m.requests.WithLabelValues(label).Inc()
	m.bytes.Add(float64(bytes))
	m.seconds.Observe(took.Seconds())
}

func (m *metrics) item(outcome string) { m.items.WithLabelValues(outcome).Inc() }
