package kafka

import (
	"context"
	"errors"
	"fmt"
	"strconv"
	"strings"
	"time"

	kafkago "github.com/segmentio/kafka-go"

	"github.com/seed-843b225c/reflex/engine"
)

// TopicSpec is a topic that Setup wants. Zero values are the broker's defaults.
type TopicSpec struct {
	Name            string
	Partitions      int
	Replication     int
	Retention       time.Duration
	MaxMessageBytes int
}

// Setup creates the topics that are missing and gives a finding for each. It
// may be repeated: a topic that is there is never changed, and what differs from
// what is wanted is an error in its finding. The error is for a cluster that
// cannot be asked at all.
func Setup(ctx context.Context, c Config, topics []TopicSpec) ([]engine.Finding, error) {
	if err := c.Validate(); err != nil {
		return nil, fatal(err)
	}
	r, err := newRemote(c, nil)
	if err != nil {
		return nil, err
	}
	conn, err := r.dial(ctx)
	if err != nil {
		return nil, err
	}
	conn.Close()
	var out []engine.Finding
	for _, t := range topics {
		out = append(out, r.setup(ctx, t))
	}
	return out, nil
}

func (r *remote) setup(ctx context.Context, t TopicSpec) engine.Finding {
	c, done := r.client(t.Name)
	defer done()
	f := engine.Finding{What: "kafka topic " + t.Name}
	if err := validName("topic", t.Name); err != nil {
		f.Err, f.Advice = fatal(err), "choose another name"
		return f
	}
	res, err := c.CreateTopics(ctx, &kafkago.CreateTopicsRequest{Topics: []kafkago.TopicConfig{t.config()}})
	if err == nil {
		err = res.Errors[t.Name]
	}
	switch {
	case err == nil:
		f.Note = "created"
		r.appear(ctx, t.Name)
	case errors.Is(err, kafkago.TopicAlreadyExists):
		return r.compare(ctx, c, t)
	case errors.Is(err, kafkago.InvalidReplicationFactor):
		f.Err, f.Advice = explain(f.What, err), fmt.Sprintf("there are fewer brokers than the replication of %d: ask for less", t.Replication)
	default:
		f.Err, f.Advice = explain(f.What, err), "see whether this user may create topics"
	}
	return f
}

// appear waits until the brokers speak of a topic that was just created, so that
// who uses it next does not find it missing.
func (r *remote) appear(ctx context.Context, topic string) {
	ctx, cancel := context.WithTimeout(ctx, 10*time.Second)
	defer cancel()
	tick := time.NewTicker(50 * time.Millisecond)
	defer tick.Stop()
	for {
		c, done := r.client(topic) // a client remembers what it was told
		_, err := partitions(ctx, c, []string{topic})
		done()
		if err == nil {
			return
		}
		select {
		case <-tick.C:
		case <-ctx.Done(): // it is created all the same
			return
		}
	}
}

func (t TopicSpec) config() kafkago.TopicConfig {
	out := kafkago.TopicConfig{Topic: t.Name, NumPartitions: -1, ReplicationFactor: -1}
	if t.Partitions > 0 {
		out.NumPartitions = t.Partitions
	}
	if t.Replication > 0 {
		out.ReplicationFactor = t.Replication
	}
	set := func(name, value string) {
		out.ConfigEntries = append(out.ConfigEntries, kafkago.ConfigEntry{ConfigName: name, ConfigValue: value})
	}
	set("cleanup.policy", "delete")
	if t.Retention > 0 {
		set("retention.ms", strconv.FormatInt(t.Retention.Milliseconds(), 10))
	}
	if t.MaxMessageBytes > 0 {
		set("max.message.bytes", strconv.Itoa(t.MaxMessageBytes))
	}
	return out
}

// compare says how a topic that is there differs from what is wanted.
func (r *remote) compare(ctx context.Context, c *kafkago.Client, t TopicSpec) engine.Finding {
	f := checkTopic(ctx, c, t.Name, true)
	if f.Err != nil {
		return f
	}
	ps, err := partitions(ctx, c, []string{t.Name})
	if err != nil {
		f.Err = err
		return f
	}
	settings, err := describe(ctx, c, []string{t.Name})
	if err != nil {
		f.Err = err
		return f
	}
	var less []string
	if have := len(ps[t.Name]); have < t.Partitions {
		less = append(less, fmt.Sprintf("has %d partitions, wanted are %d", have, t.Partitions))
	}
	set := settings[t.Name]
	if have, ok := number(set["retention.ms"]); ok && have >= 0 && have < t.Retention.Milliseconds() {
		less = append(less, fmt.Sprintf("keeps records for %s, wanted are %s", time.Duration(have)*time.Millisecond, t.Retention))
	}
	if have, ok := number(set["max.message.bytes"]); ok && have < int64(t.MaxMessageBytes) {
		less = append(less, fmt.Sprintf("takes messages of %d bytes, wanted are %d", have, t.MaxMessageBytes))
	}
	f.Note = "exists: " + f.Note
	if len(less) > 0 {
		f.Err = fatal(fmt.Errorf("%s: %s", f.What, strings.Join(less, "; ")))
		f.Advice = "it is left as it is: change it with kafka-configs or kafka-topics if nothing else relies on it"
	}
	return f
}

func number(s string) (int64, bool) {
	n, err := strconv.ParseInt(s, 10, 64)
	return n, err == nil
}
