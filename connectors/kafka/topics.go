package kafka

import (
	"context"
	"errors"
	"fmt"
	"slices"
	"strings"

	kafkago "github.com/segmentio/kafka-go"
)

var errCompacted = errors.New("is compacted (cleanup.policy=compact): the log cleaner removes records that were never seen, and what it leaves can stop the reader: use a topic with cleanup.policy=delete")

func names(topics []Topic) []string {
	out := make([]string, 0, len(topics))
	for _, t := range topics {
		out = append(out, t.Name)
	}
	return out
}

// inspect looks whether all input topics are there and can be read for good.
func (s *Source) inspect(ctx context.Context) error {
	conn, err := s.remote.dial(ctx) // its errors are clearer than the client's
	if err != nil {
		return err
	}
	conn.Close()
	topics := names(s.c.Topics)
	c, done := s.remote.client(topics...)
	defer done()
	if _, err := partitions(ctx, c, topics); err != nil {
		return err
	}
	settings, err := describe(ctx, c, topics)
	if err != nil {
		return err
	}
	var errs []error
	for _, name := range topics {
		if set := settings[name]; set == nil {
			s.log.Warn("kafka topic: no permission to read its settings: cannot see whether it is compacted", "topic", name, "advice", "grant DescribeConfigs on it")
		} else if strings.Contains(set["cleanup.policy"], "compact") {
			errs = append(errs, fmt.Errorf("kafka topic %s: %w", name, errCompacted))
		}
	}
	if len(errs) > 0 {
		return fatal(errors.Join(errs...))
	}
	return nil
}

// partitions gives each topic's partitions, in order. The client must be fresh:
// it answers from what it knows. It never creates a topic by asking.
func partitions(ctx context.Context, c *kafkago.Client, topics []string) (map[string][]kafkago.Partition, error) {
	res, err := c.Metadata(ctx, &kafkago.MetadataRequest{Topics: topics})
	if err != nil {
		return nil, explain("kafka: topics "+strings.Join(topics, ", "), err)
	}
	out := map[string][]kafkago.Partition{}
	for _, t := range res.Topics {
		if t.Error != nil {
			return nil, explain("kafka topic "+t.Name, t.Error)
		}
		slices.SortFunc(t.Partitions, func(a, b kafkago.Partition) int { return a.ID - b.ID })
		out[t.Name] = t.Partitions
	}
	for _, name := range topics {
		if len(out[name]) == 0 {
			return nil, explain("kafka topic "+name, kafkago.UnknownTopicOrPartition)
		}
	}
	return out, nil
}

// describe gives each topic's settings; nil for those that may not be read.
func describe(ctx context.Context, c *kafkago.Client, topics []string) (map[string]map[string]string, error) {
	req := &kafkago.DescribeConfigsRequest{}
	for _, name := range topics {
		req.Resources = append(req.Resources, kafkago.DescribeConfigRequestResource{ResourceType: kafkago.ResourceTypeTopic, ResourceName: name})
	}
	res, err := c.DescribeConfigs(ctx, req)
	if err != nil {
		return nil, explain("kafka: settings of topics "+strings.Join(topics, ", "), err)
	}
	out := map[string]map[string]string{}
	for _, r := range res.Resources {
		switch {
		case errors.Is(r.Error, kafkago.TopicAuthorizationFailed), errors.Is(r.Error, kafkago.ClusterAuthorizationFailed):
			continue
		case r.Error != nil:
			return nil, explain("kafka topic "+r.ResourceName+": its settings", r.Error)
		}
		set := map[string]string{}
		for _, e := range r.ConfigEntries {
			set[e.ConfigName] = e.ConfigValue
		}
		out[r.ResourceName] = set
	}
	return out, nil
}
