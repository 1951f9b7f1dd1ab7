package main

import (
	"fmt"
	"slices"
	"strings"
	"time"

	"github.com/spf13/cobra"

	"github.com/seed-843b225c/reflex/connectors/kafka"
	"github.com/seed-843b225c/reflex/engine/decode"
	"github.com/seed-843b225c/reflex/engine/pipeline"
)

// topicFlags name topics to be played instead of files.
type topicFlags struct {
	topics  []string
	brokers []string
	config  string
}

func (f *topicFlags) flags(c *cobra.Command) {
	c.Flags().StringSliceVar(&f.topics, "kafka", nil, "play `TOPIC`s instead of files; TOPIC:FORMAT says what one holds")
	c.Flags().StringSliceVar(&f.brokers, "brokers", nil, "with --kafka: `HOST:PORT` of brokers")
	c.Flags().StringVarP(&f.config, "config", "c", "", "with --kafka: the service's configuration `FILE`, for brokers, TLS, login and formats")
}

func (f *topicFlags) given() bool { return len(f.topics) > 0 }

// ranges gives the stretch of the topics that is asked for.
func (f *topicFlags) ranges(since, until int64) (kafka.RangeConfig, error) {
	c := kafka.RangeConfig{Since: moment(since), Until: moment(until)}
	formats := map[string]string{}
	switch {
	case f.config != "" && len(f.brokers) > 0:
		return c, usage("--brokers and --config both name brokers: give one")
	case f.config != "":
		cfg, err := loadConfig(f.config)
		if err != nil {
			return c, err
		}
		c.Config = cfg.Kafka.Config
		for _, t := range cfg.Kafka.Topics {
			formats[t.Name] = t.Format
		}
	case len(f.brokers) > 0:
		c.Brokers = f.brokers
	default:
		return c, usage("--kafka needs --brokers HOST:PORT, or --config FILE of the service")
	}
	for _, t := range f.topics {
		name, format, named := strings.Cut(t, ":")
		if !named {
			format = formats[name]
		}
		if format != "" && !slices.Contains(decode.FormatNames(), format) {
			return c, usage("--kafka %s: no format is named %q; formats are %s", t, format, strings.Join(decode.FormatNames(), ", "))
		}
		c.Topics = append(c.Topics, kafka.Topic{Name: name, Format: format})
	}
	return c, nil
}

func moment(ns int64) time.Time {
	if ns == 0 {
		return time.Time{}
	}
	return time.Unix(0, ns)
}

// playTopics plays what topics hold.
func (a *app) playTopics(c *cobra.Command, f *replayFlags, args []string) error {
	if len(args) > 0 {
		return usage("files and --kafka cannot be played together: %s", strings.Join(args, " "))
	}
	since, err := parseTime("--since", f.since)
	if err != nil {
		return err
	}
	until, err := parseTime("--until", f.until)
	if err != nil {
		return err
	}
	rc, err := f.topics.ranges(since, until)
	if err != nil {
		return err
	}
	parts, err := kafka.NewRange(c.Context(), rc, kafka.Options{})
	if err != nil {
		return exitError{exitPartial, err}
	}
	inputs := make([]pipeline.Input, len(parts))
	total := int64(0)
	for i, p := range parts {
		inputs[i], total = stretch{p}, total+p.Size()
	}
	fmt.Fprintf(a.err, "%s of %s to play\n", plural(int(total), "record"), plural(len(rc.Topics), "topic"))
	f.since, f.until = "", "" // they chose the records, by their times in Kafka
	return a.play(c, f, inputs, 0, a.showReplay)
}

// stretch makes a partition's range an input of the pipeline.
type stretch struct{ *kafka.Partition }

func (s stretch) Open() (pipeline.Stream, error) {
	in, err := s.Partition.Open()
	if err != nil {
		return nil, err // not in: a nil *kafka.Stream in an interface is not nil
	}
	return in, nil
}
