package main

import (
	"log/slog"

	"github.com/prometheus/client_golang/prometheus"

	"github.com/seed-843b225c/reflex/connectors/elastic"
	"github.com/seed-843b225c/reflex/connectors/file"
	"github.com/seed-843b225c/reflex/connectors/kafka"
	"github.com/seed-843b225c/reflex/connectors/slack"
	"github.com/seed-843b225c/reflex/connectors/webhook"
	"github.com/seed-843b225c/reflex/engine"
)

// sinkType is one kind of sink: what its settings are and how it is made.
type sinkType struct {
	config func() any
	fill   func(c *config, own any) // takes over what the rest of the configuration says
	open   func(own any, d sinkDeps) (engine.Sink, error)
}

// sinkDeps is what every sink may use of the service.
type sinkDeps struct {
	log     *slog.Logger
	metrics prometheus.Registerer
	memory  engine.Memory
}

// sinkTypes is the table of sinks: a connector is one line here.
var sinkTypes = map[string]sinkType{
	"elastic": kind(func(c elastic.Config, d sinkDeps) (engine.Sink, error) {
		return elastic.New(c, elastic.Options{Log: d.log, Metrics: d.metrics})
	}),
	"slack": kind(func(c slack.Config, d sinkDeps) (engine.Sink, error) {
		return slack.New(c, slack.Options{Log: d.log, Metrics: d.metrics, Memory: d.memory})
	}),
	"webhook": kind(func(c webhook.Config, d sinkDeps) (engine.Sink, error) {
		return webhook.New(c, webhook.Options{Log: d.log, Metrics: d.metrics})
	}),
	"file": kind(func(c file.SinkConfig, d sinkDeps) (engine.Sink, error) {
		return file.NewSink(c, file.SinkOptions{Log: d.log})
	}),
	"kafka": with(kind(func(c kafka.SinkConfig, d sinkDeps) (engine.Sink, error) {
		return kafka.NewSink(c, kafka.Options{Log: d.log, Metrics: d.metrics})
	}), func(c *config, own *kafka.SinkConfig) {
		if len(own.Brokers) == 0 { // the cluster that records come from
			own.Config = c.Kafka.Config
		}
	}),
}

// kind makes a row of the table.
func kind[C any](open func(C, sinkDeps) (engine.Sink, error)) sinkType {
	return sinkType{
		config: func() any { return new(C) },
		fill:   func(*config, any) {},
		open:   func(own any, d sinkDeps) (engine.Sink, error) { return open(*own.(*C), d) },
	}
}

func with[C any](t sinkType, fill func(*config, *C)) sinkType {
	t.fill = func(c *config, own any) { fill(c, own.(*C)) }
	return t
}
