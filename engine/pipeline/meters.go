package pipeline

import (
	"time"

	"github.com/prometheus/client_golang/prometheus"
)

// meters are a Live's metrics. Counts come from the latest Status when they are
// asked for, so that the hot path counts once.
type meters struct {
	live       *Live
	deliveries *prometheus.CounterVec
	latencies  *prometheus.HistogramVec
	saves      prometheus.Histogram
	pauses     prometheus.Histogram
}

func newMeters(l *Live) *meters {
	m := &meters{live: l,
		deliveries: prometheus.NewCounterVec(prometheus.CounterOpts{Name: "reflex_deliveries_total", Help: "Transitions by sink and outcome: accepted, refused (kept in the dead letter); of calls: paced (a rate limit), retried, failed (until a person acts)."}, []string{"sink", "outcome"}),
		latencies: prometheus.NewHistogramVec(prometheus.HistogramOpts{Name: "reflex_alert_latency_seconds", Help: "From a record's timestamp in Kafka until the alert it opened or raised was accepted by the sink.",
			Buckets: []float64{.01, .025, .05, .1, .25, .5, 1, 2.5, 5, 10, 30, 60, 300, 1800, 21600}}, []string{"sink"}),
		saves: prometheus.NewHistogram(prometheus.HistogramOpts{Name: "reflex_checkpoint_seconds", Help: "From gathering a checkpoint until it was synced and committed.",
			Buckets: []float64{.005, .01, .025, .05, .1, .2, .5, 1, 5, 30}}),
		pauses: prometheus.NewHistogram(prometheus.HistogramOpts{Name: "reflex_checkpoint_pause_seconds", Help: "How long detection stood still for a checkpoint.",
			Buckets: []float64{.001, .0025, .005, .01, .02, .05, .1, .5}}),
	}
	if l.Metrics != nil {
		l.Metrics.MustRegister(m.deliveries, m.latencies, m.saves, m.pauses, &collector{l})
	}
	return m
}

func (m *meters) delivered(sink, outcome string, n int) {
	m.deliveries.WithLabelValues(sink, outcome).Add(float64(n))
}

func (m *meters) latency(sink string, d time.Duration) {
	m.latencies.WithLabelValues(sink).Observe(d.Seconds())
}

func (m *meters) checkpoint(r saveResult) {
	m.saves.Observe(r.took.Seconds())
	m.pauses.Observe(r.pause.Seconds())
}

// collector gives the figures of the latest Status.
type collector struct{ live *Live }

func desc(name, help string, labels ...string) *prometheus.Desc {
	return prometheus.NewDesc("reflex_"+name, help, labels, nil)
}

var (
	descEvents     = desc("events_total", "Events decoded, by dataset.", "dataset")
	descRefused    = desc("refused_total", "Inputs that no format took, by reason; they are in the dead letter.", "reason")
	descSkipped    = desc("skipped_total", "Inputs that are understood and are no events, by reason.", "reason")
	descLate       = desc("late_total", "Matching events behind their rule's watermark: windows did not see them.")
	descDuplicates = desc("duplicates_total", "Matching events that came again and counted once.")
	descAmbiguous  = desc("ambiguous_runs_total", "Hits that several runs fit, by dataset: given none.", "dataset")
	descAhead      = desc("ahead_total", "Events more than 10 minutes in the future: they move no watermark.", "dataset")
	descMatches    = desc("rule_matches_total", "Distinct events on which a rule's condition and exceptions held.", "rule")
	descErrors     = desc("rule_errors_total", "Events on which a rule's condition erred.", "rule")
	descMissing    = desc("rule_missing_key_total", "Matching events without the key that the rule groups by.", "rule")
	descDropped    = desc("rule_dropped_total", "What a rule's quota dropped: its alerts may be incomplete.", "rule")
	descRuleTime   = desc("rule_seconds_total", "Estimated time spent on a rule's conditions, from a sample of events.", "rule")
	descKeys       = desc("state_keys", "Correlation keys with state.")
	descPending    = desc("state_pending", "Events that wait for the watermark.")
	descHeld       = desc("state_held", "Hits that wait for the run they belong to.")
	descMark       = desc("watermark_seconds", "Event time up to which a dataset is complete, as Unix time.", "dataset")
	descSilent     = desc("dataset_silent", "1: nothing came for an hour, the watermark follows the clock.", "dataset")
	descState      = desc("state_bytes", "Size of the store on disk.")
	descLog        = desc("log_bytes", "Size of the alert log on disk.")
	descSaved      = desc("checkpoint_last_seconds", "When the last checkpoint was stored, as Unix time.")
	descBehind     = desc("sink_behind_bytes", "Bytes of the alert log that a sink has not yet accepted.", "sink")
	descSinkUp     = desc("sink_up", "1: the last delivery was accepted.", "sink")
	descPartitions = desc("partitions", "Partitions being read.")
)

func (c *collector) Describe(out chan<- *prometheus.Desc) {
	for _, d := range []*prometheus.Desc{descEvents, descRefused, descSkipped, descLate, descDuplicates, descAmbiguous, descAhead, descMatches, descErrors, descMissing,
		descDropped, descRuleTime, descKeys, descPending, descHeld, descMark, descSilent, descState, descLog, descSaved, descBehind, descSinkUp, descPartitions} {
		out <- d
	}
}

func (c *collector) Collect(out chan<- prometheus.Metric) {
	s := c.live.Status()
	if s == nil {
		return
	}
	count := func(d *prometheus.Desc, v float64, labels ...string) {
		out <- prometheus.MustNewConstMetric(d, prometheus.CounterValue, v, labels...)
	}
	gauge := func(d *prometheus.Desc, v float64, labels ...string) {
		out <- prometheus.MustNewConstMetric(d, prometheus.GaugeValue, v, labels...)
	}
	each := func(d *prometheus.Desc, m map[string]int64) {
		for name, n := range m {
			count(d, float64(n), name)
		}
	}
	each(descEvents, s.Stats.ByDataset())
	each(descRefused, s.Stats.refused)
	each(descSkipped, s.Stats.skipped)
	each(descAmbiguous, s.Stats.ambiguous)
	each(descAhead, s.Stats.ahead)
	count(descLate, float64(s.Stats.late))
	count(descDuplicates, float64(s.Stats.duplicates))
	for _, r := range s.Stats.rules {
		count(descMatches, float64(r.Matches), r.ID)
		count(descErrors, float64(r.Errors), r.ID)
		count(descMissing, float64(r.MissingKey), r.ID)
		count(descDropped, float64(r.Dropped), r.ID)
		count(descRuleTime, r.Seconds, r.ID)
	}
	gauge(descKeys, float64(s.Keys))
	gauge(descPending, float64(s.Pending))
	gauge(descHeld, float64(s.Held))
	gauge(descState, float64(s.StateBytes))
	gauge(descLog, float64(s.LogBytes))
	gauge(descPartitions, float64(s.Partitions))
	if !s.Saved.IsZero() {
		gauge(descSaved, float64(s.Saved.UnixNano())/1e9)
	}
	silent := map[string]float64{}
	for _, d := range s.Silent {
		silent[d] = 1
	}
	for d, at := range s.Watermarks {
		gauge(descMark, float64(at.UnixNano())/1e9, d)
		gauge(descSilent, silent[d], d)
	}
	for _, k := range s.Sinks {
		gauge(descBehind, float64(k.Behind), k.Name)
		up := 1.0
		if k.Err != "" {
			up = 0
		}
		gauge(descSinkUp, up, k.Name)
	}
}
