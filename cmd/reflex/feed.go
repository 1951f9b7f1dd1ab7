package main

import (
	"bytes"
	"cmp"
	"compress/gzip"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"slices"
	"strings"
	"time"

	"github.com/seed-843b225c/reflex/connectors/kafka"
	"github.com/seed-843b225c/reflex/engine"
	"github.com/seed-843b225c/reflex/engine/decode"
	"github.com/seed-843b225c/reflex/engine/story"
)

// fed is a message on its way to a topic.
type fed struct {
	engine.Record
	at      int64 // event time, ns
	dataset engine.Dataset
}

// feed writes a day's logs to the topics of a configuration, as collectors
// would: a message a record or line, in the order of their times.
func (a *app) feed(ctx context.Context, day *story.Story, cfg *config) error {
	messages, err := messages(day)
	if err != nil {
		return err
	}
	topics := map[engine.Dataset]string{}
	for _, m := range messages {
		if topics[m.dataset] = topicOf(cfg.Kafka.Topics, m.dataset); topics[m.dataset] == "" {
			return usage("%s: no topic is of format %s, and none of format auto", cfg.file, formatOf(m.dataset))
		}
	}
	sent := map[string]int64{}
	for len(messages) > 0 {
		n := within(messages, feedSlice)
		byTopic := map[string][]engine.Record{}
		for _, m := range messages[:n] {
			byTopic[topics[m.dataset]] = append(byTopic[topics[m.dataset]], m.Record)
		}
		for _, topic := range sortedKeys(byTopic) {
			if err := kafka.Feed(ctx, cfg.Kafka.Config, topic, byTopic[topic], kafka.Options{}); err != nil {
				return exitError{exitPartial, err}
			}
			sent[topic] += int64(len(byTopic[topic]))
		}
		messages = messages[n:]
	}
	for _, topic := range sortedKeys(sent) {
		fmt.Fprintf(a.out, "%s messages to %s\n", number(sent[topic]), topic)
	}
	return nil
}

// feedSlice is how much of the day goes to all topics before more of it goes to
// any: a service that reads meanwhile sees no topic run hours ahead of another,
// which it would take for lateness.
const feedSlice = 5 * time.Minute

// within counts the messages that begin a slice of this length.
func within(ms []fed, length time.Duration) int {
	end := ms[0].at + int64(length)
	if n := slices.IndexFunc(ms, func(m fed) bool { return m.at >= end }); n > 0 {
		return n
	}
	return len(ms)
}

// topicOf finds the topic for a dataset: the one of its format, else one of auto.
func topicOf(topics []kafka.Topic, d engine.Dataset) string {
	auto := ""
	for _, t := range topics {
		switch {
		case formatOf(d) == t.Format:
			return t.Name
		case t.Format == "" || t.Format == "auto":
			auto = t.Name
		}
	}
	return auto
}

// formatOf gives the format that a dataset's records come in.
func formatOf(d engine.Dataset) string { return strings.TrimPrefix(d.String(), "aws.") }

// messages cuts a day's files into messages, by event time.
func messages(day *story.Story) ([]fed, error) {
	l := engine.NewLayout()
	plan, err := decode.NewPlan(l, decode.Options{})
	if err != nil {
		return nil, err
	}
	var out []fed
	for _, f := range day.Files() {
		data, err := unpacked(f.Data)
		if err != nil {
			return nil, fmt.Errorf("%s: %w", f.Name, err)
		}
		ms := asMessages(f.Name, data)
		at, dataset, dec := int64(0), engine.NoDataset, plan.NewDecoder()
		for i := range ms { // a line without a time is of the moment before it
			look := looker{at: lineTime(ms[i].Data), dataset: dataset}
			if look.at == 0 || dataset == engine.NoDataset {
				dec.Decode(ms[i].Record, &look)
			}
			at, dataset = cmp.Or(look.at, at), cmp.Or(look.dataset, dataset)
			ms[i].at, ms[i].dataset = at, dataset
		}
		for i := range slices.Backward(ms) { // and what comes before the first
			if ms[i].dataset == engine.NoDataset {
				ms[i].dataset = dataset
			}
			if ms[i].dataset == engine.NoDataset && strings.HasSuffix(f.Name, ".txt") {
				ms[i].dataset = engine.GitHubActions
			}
		}
		out = append(out, slices.DeleteFunc(ms, func(m fed) bool { return m.dataset == engine.NoDataset })...)
	}
	slices.SortStableFunc(out, func(a, b fed) int { return cmp.Compare(a.at, b.at) })
	return out, nil
}

// looker is a handler that only looks at the first event.
type looker struct {
	at      int64
	dataset engine.Dataset
}

func (l *looker) Event(ev *engine.Event) {
	if l.at == 0 {
		l.at = ev.Time
	}
	if l.dataset == engine.NoDataset {
		l.dataset = ev.Dataset
	}
}
func (l *looker) Refuse(engine.Refusal)      {}
func (l *looker) Skip(engine.Origin, string) {}

// lineTime reads the stamp that a line of a build log begins with; 0 for none.
func lineTime(line []byte) int64 {
	stamp, _, _ := strings.Cut(strings.TrimPrefix(string(line[:min(len(line), 40)]), "\ufeff"), " ")
	t, err := time.Parse(time.RFC3339Nano, stamp)
	if err != nil {
		return 0
	}
	return t.UnixNano()
}

func unpacked(b []byte) ([]byte, error) {
	if !bytes.HasPrefix(b, []byte{0x1f, 0x8b}) {
		return b, nil
	}
	r, err := gzip.NewReader(bytes.NewReader(b))
	if err != nil {
		return nil, err
	}
	return io.ReadAll(r)
}

// flowBlock is how many flow records travel in one message below their header.
const flowBlock = 100

// asMessages makes messages of a file as a collector would: each record of a
// CloudTrail delivery, each line; flow records in blocks below their header, and
// lines of build text with the file they stand in, all of one file together.
func asMessages(name string, data []byte) []fed {
	if records, err := envelope(data); err == nil {
		return records
	}
	lines := bytes.Split(bytes.TrimSuffix(data, []byte("\n")), []byte("\n"))
	if bytes.Contains(lines[0], []byte(" srcaddr ")) {
		var out []fed
		for block := range slices.Chunk(lines[1:], flowBlock) {
			out = append(out, whole(bytes.Join(append([][]byte{lines[0]}, block...), []byte("\n"))))
		}
		return out
	}
	out := make([]fed, 0, len(lines))
	for _, line := range lines {
		m := whole(line)
		if len(line) == 0 || line[0] != '{' || strings.HasSuffix(name, ".txt") {
			m.Key, m.Headers = name, []engine.Header{{Key: "log.file.path", Value: name}}
		} else if !strings.Contains(name, "vpcflow") && !strings.Contains(name, "litellm") {
			m.Key = name // shippers keep a stream in order
		}
		out = append(out, m)
	}
	return out
}

func whole(data []byte) fed {
	return fed{Record: engine.Record{Data: data, Origin: engine.Origin{Source: "day", Partition: 0}}}
}

// envelope takes the records out of a CloudTrail delivery.
func envelope(data []byte) ([]fed, error) {
	var e struct{ Records []json.RawMessage }
	if !bytes.HasPrefix(data, []byte(`{"Records"`)) {
		return nil, errors.New("no envelope")
	}
	if err := json.Unmarshal(data, &e); err != nil {
		return nil, err
	}
	out := make([]fed, len(e.Records))
	for i, r := range e.Records {
		out[i] = whole(r)
	}
	return out, nil
}
