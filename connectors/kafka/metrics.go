package kafka

import (
	"errors"
	"strconv"

	"github.com/prometheus/client_golang/prometheus"
)

// metrics are a source's; all sources on one registry share them.
type metrics struct {
	records, bytes, markers, aborted, lost, skipped, panics *prometheus.CounterVec // by topic
	lag, stuck                                              *prometheus.GaugeVec   // by topic and partition
	rebalances                                              prometheus.Counter
	buffered                                                prometheus.Gauge
}

func newMetrics(reg prometheus.Registerer) (*metrics, error) {
	count := func(name, help string) *prometheus.CounterVec {
		return prometheus.NewCounterVec(prometheus.CounterOpts{Name: "reflex_kafka_" + name, Help: help}, []string{"topic"})
	}
	gauge := func(name, help string) *prometheus.GaugeVec {
		return prometheus.NewGaugeVec(prometheus.GaugeOpts{Name: "reflex_kafka_" + name, Help: help}, []string{"topic", "partition"})
	}
	m := &metrics{
		records:    count("records_total", "Records fetched."),
		bytes:      count("bytes_total", "Bytes of records fetched, decompressed."),
		markers:    count("markers_total", "Transaction markers left out."),
		aborted:    count("aborted_total", "Transactions that were aborted: their records were read all the same."),
		lost:       count("lost_total", "Records that retention removed before they were read."),
		skipped:    count("skipped_total", "Offsets stepped over because they cannot be read."),
		panics:     count("panics_total", "Panics of the client library that were recovered."),
		lag:        gauge("lag", "Records between what was handed out and the end of the partition."),
		stuck:      gauge("stuck", "1 while a partition stands still below its end."),
		rebalances: prometheus.NewCounter(prometheus.CounterOpts{Name: "reflex_kafka_rebalances_total", Help: "Generations of the consumer group that this member took part in."}),
		buffered:   prometheus.NewGauge(prometheus.GaugeOpts{Name: "reflex_kafka_buffered_bytes", Help: "Bytes queued or handed out and not released."}),
	}
	if reg == nil {
		return m, nil
	}
	return m, errors.Join(
		share(reg, &m.records), share(reg, &m.bytes), share(reg, &m.markers), share(reg, &m.aborted), share(reg, &m.lost), share(reg, &m.skipped),
		share(reg, &m.panics), share(reg, &m.lag), share(reg, &m.stuck), share(reg, &m.rebalances), share(reg, &m.buffered))
}

// share registers a metric, or takes the one that is registered already.
func share[M prometheus.Collector](reg prometheus.Registerer, m *M) error {
	err := reg.Register(*m)
	if there, ok := errors.AsType[prometheus.AlreadyRegisteredError](err); ok {
		if same, ok := there.ExistingCollector.(M); ok {
			*m = same
			return nil
		}
	}
	return err
}

// forget drops the gauges of a partition that another member reads now.
func (m *metrics) forget(topic string, partition int32) {
	labels := []string{topic, strconv.Itoa(int(partition))}
	m.lag.DeleteLabelValues(labels...)
	m.stuck.DeleteLabelValues(labels...)
}
