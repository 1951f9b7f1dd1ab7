// Package elastic delivers transitions to Elasticsearch 8 or 9: a Sink, the
// templates it needs and a check of the cluster.
//
// Every transition of an alert becomes a document of its own in a data stream,
// under the transition's id and with op create, so that a repeat is answered
// with 409 and changes nothing:
//
//	logs-reflex.alerts-NS    alerts of mode alert
//	logs-reflex.signals-NS   of mode signal
//	logs-reflex.shadow-NS    of mode shadow: rules on trial
//	logs-reflex.audit-NS     every transition of an incident
//	reflex-incidents-NS      an index: one document an incident, its newest state
//
// The last is written with the transition's number as external version, so an
// older state never overwrites a newer one, whatever comes twice or late.
//
// A Sink belongs to one goroutine; Check and Setup may be called from any.
// Retries are the pipeline's: each call to Elasticsearch is made once, and the
// error says whether it is worth making again.
package elastic

import (
	"log/slog"
	"time"

	"github.com/prometheus/client_golang/prometheus"
)

// Options are what a Sink takes from the program around it. The zero Options
// log nothing, measure nothing and use the wall clock.
type Options struct {
	Log     *slog.Logger
	Metrics prometheus.Registerer
	Now     func() time.Time // for event.ingested and the comparison of clocks
}

func (o Options) withDefaults() Options {
	if o.Log == nil {
		o.Log = slog.New(slog.DiscardHandler)
	}
	if o.Now == nil {
		o.Now = time.Now
	}
	return o
}
