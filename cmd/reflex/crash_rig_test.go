package main

import (
	"bytes"
	"context"
	"encoding/json"
	"fmt"
	"io"
	"math/rand/v2"
	"net"
	"net/http"
	"net/http/httptest"
	"os"
	"os/exec"
	"path/filepath"
	"strconv"
	"strings"
	"sync"
	"testing"
	"time"

	kafkago "github.com/segmentio/kafka-go"
	"github.com/twmb/franz-go/pkg/kfake"

	"github.com/seed-843b225c/reflex/connectors/slack/slacktest"
)

// crashRules are one rule of each kind, over two topics.
const crashRules = `
id: deny
title: denied
level: high
from: [aws.cloudtrail]
when: event.action == "denied" and user.name != nil
alert: {title: '{{ user.name }} was denied', entities: {key: user.name}, dedup: {by: [user.name], within: 10m}}
---
id: burst
title: burst
level: medium
from: [aws.cloudtrail]
when: event.action == "denied" and user.name != nil
count: {by: [user.name], within: 20m, at_least: 3}
alert: {title: 'burst of {{ user.name }}', entities: {key: user.name}, dedup: {by: [user.name], within: 30m}}
---
id: spread
title: spread
level: medium
from: [litellm]
when: user.name != nil
count: {by: [user.name], within: 30m, distinct: event.action, at_least: 3}
alert: {title: 'spread of {{ user.name }}', entities: {key: user.name}, dedup: {by: [user.name], within: 30m}}
---
id: fresh
title: fresh
level: low
from: [litellm]
when: user.name != nil
first_seen: {value: [event.action], by: [user.name], memory: 10d, learn: {for: 1h, events: 3}}
alert: {title: '{{ user.name }} does {{ event.action }} for the first time', entities: {key: user.name}}
---
id: chain
title: chain
level: critical
sequence:
  within: 2h
  steps:
    - {id: first, rule: burst, by: {user: user.name}}
    - {id: then, when: 'event.dataset == "litellm" and event.action == "spend"', from: [litellm], by: {user: user.name}}
alert: {title: 'chain of {{ key.user }}', entities: {key: key.user}}
`

// crashTopics are the input topics and the dataset that each brings.
var crashTopics = map[string]string{"cloudtrail": "aws.cloudtrail", "litellm": "litellm"}

// crashRig is the world around the process that is killed.
type crashRig struct {
	t      *testing.T
	name   string // part of topics and streams: several rigs share servers
	broker string
	kafka  *kafkago.Client
	slack  *slacktest.Server
	folder string
	listen string
	config string

	paused bool // Elasticsearch is

	mu   sync.Mutex
	cmd  *exec.Cmd
	log  bytes.Buffer
	last map[string]int64 // committed offsets, to see that none goes back
}

const crashPartitions = 3

func newCrashRig(t *testing.T) *crashRig {
	r := &crashRig{t: t, name: fmt.Sprintf("crash%d", time.Now().UnixNano()%1e9), folder: t.TempDir(), last: map[string]int64{}}
	if r.broker = os.Getenv("REFLEX_TEST_KAFKA"); r.broker == "" {
		c, err := kfake.NewCluster(kfake.NumBrokers(1), kfake.GroupMinSessionTimeout(100*time.Millisecond))
		if err != nil {
			t.Fatal(err)
		}
		t.Cleanup(c.Close)
		r.broker = c.ListenAddrs()[0]
	}
	tr := &kafkago.Transport{}
	t.Cleanup(tr.CloseIdleConnections)
	r.kafka = &kafkago.Client{Addr: kafkago.TCP(r.broker), Transport: tr, Timeout: 20 * time.Second}
	r.slack = slacktest.New("C0EXAMPLE1")
	web := httptest.NewServer(r.slack)
	t.Cleanup(web.Close)
	r.listen = freeAddress(t)
	rules := filepath.Join(r.folder, "rules.yml")
	r.config = filepath.Join(r.folder, "reflex.yml")
	must(t, os.WriteFile(rules, []byte(crashRules), 0o644))
	text := fmt.Sprintf(`
state: %[1]s/state
rules: [%[2]s]
fingerprint_key: example-key
listen: %[3]s
checkpoint: 200ms
kafka:
  brokers: ["%[4]s"]
  group: %[5]s
  session_timeout: 2s
  topics: [{name: %[5]s.cloudtrail, format: ecs}, {name: %[5]s.litellm, format: ecs}]
sinks:
  - {name: file, type: file, path: %[1]s/alerts.ndjson}
  - {name: slack, type: slack, token: %[6]s, api: "%[7]s/", channel: C0EXAMPLE1, min_level: critical}
`, r.folder, rules, r.listen, r.broker, r.name, slacktest.Token, web.URL)
	if url := os.Getenv("REFLEX_TEST_ELASTIC"); url != "" {
		text += fmt.Sprintf("  - {name: elastic, type: elastic, urls: [%q], namespace: %s}\n", url, r.name)
	}
	must(t, os.WriteFile(r.config, []byte(text), 0o644))
	t.Cleanup(func() {
		if r.cmd != nil && r.cmd.ProcessState == nil { // the test failed on its way
			r.kill()
		}
	})
	r.createTopics()
	if os.Getenv("REFLEX_TEST_ELASTIC") != "" {
		if out, err := r.command("setup", "elastic", "-c", r.config).CombinedOutput(); err != nil {
			t.Fatalf("setup elastic: %v\n%s", err, out)
		}
	}
	return r
}

func must(t *testing.T, err error) {
	t.Helper()
	if err != nil {
		t.Fatal(err)
	}
}

func freeAddress(t *testing.T) string {
	l, err := net.Listen("tcp", "127.0.0.1:0")
	must(t, err)
	defer l.Close()
	return l.Addr().String()
}

func (r *crashRig) createTopics() {
	for name := range crashTopics {
		topic := r.name + "." + name
		res, err := r.kafka.CreateTopics(r.t.Context(), &kafkago.CreateTopicsRequest{Topics: []kafkago.TopicConfig{{Topic: topic, NumPartitions: crashPartitions, ReplicationFactor: 1}}})
		must(r.t, err)
		must(r.t, res.Errors[topic])
	}
}

// command is this test's own binary as reflex.
func (r *crashRig) command(args ...string) *exec.Cmd {
	c := exec.Command(os.Args[0], args...)
	c.Env = append(os.Environ(), "REFLEX_TEST_AS_MAIN=1", "GORACE=halt_on_error=1")
	return c
}

func (r *crashRig) start() {
	r.mu.Lock()
	defer r.mu.Unlock()
	r.cmd = r.command("run", "-c", r.config)
	r.cmd.Stdout, r.cmd.Stderr = &r.log, &r.log
	must(r.t, r.cmd.Start())
}

// kill ends the process as a power cut would.
func (r *crashRig) kill() {
	r.mu.Lock()
	defer r.mu.Unlock()
	must(r.t, r.cmd.Process.Kill())
	_ = r.cmd.Wait() // "signal: killed"
}

// stop ends the process in order.
func (r *crashRig) stop() {
	r.mu.Lock()
	defer r.mu.Unlock()
	must(r.t, r.cmd.Process.Signal(os.Interrupt))
	if err := r.cmd.Wait(); err != nil {
		r.t.Fatalf("did not stop in order: %v\n%s", err, r.tail())
	}
}

func (r *crashRig) tail() string {
	b := r.log.Bytes()
	return string(b[max(0, len(b)-6000):])
}

// message is one record of a random stream.
type message struct {
	topic     string
	partition int
	value     string
}

// crashStream makes records of several users in time order, dealt to topics and
// partitions, some of them twice. However many, about as many matter, so that
// Slack's limits do not make a long test endless.
func crashStream(r *rand.Rand, n int) (out []message) {
	at := time.Date(2026, 3, 2, 8, 0, 0, 0, time.UTC)
	emit := func(topic string, partition int, at time.Time, id, action, user string) {
		m := message{topic, partition, fmt.Sprintf(`{"@timestamp":%q,"event.id":%q,"event.dataset":%q,"event.action":%q,"user.name":%q}`,
			at.Format(time.RFC3339Nano), id, crashTopics[topic], action, user)}
		out = append(out, m)
		if r.IntN(40) == 0 {
			out = append(out, m)
		}
	}
	for i := range n {
		at = at.Add(time.Duration(r.IntN(4000)) * time.Millisecond)
		late := at.Add(-time.Duration(r.IntN(120)) * time.Second)
		user := fmt.Sprintf("user-%02d", r.IntN(60))
		active := (i/2000)%max(1, n/30_000) == 0 // of millions of records as many matter as of thousands
		switch x := r.IntN(100); {
		case x < 6 && !active:
		case x < 4:
			emit("cloudtrail", r.IntN(crashPartitions), late, fmt.Sprint("d", i), "denied", user)
		case x < 6:
			emit("litellm", r.IntN(crashPartitions), late, fmt.Sprint("s", i), []string{"spend", "list", "chat", "embed", "tune"}[r.IntN(5)], user)
		case x < 55:
			emit("cloudtrail", r.IntN(crashPartitions), late, fmt.Sprint("q", i), "allowed", user)
		default:
			out = append(out, message{"litellm", r.IntN(crashPartitions), fmt.Sprintf(`{"@timestamp":%q,"event.id":"n%d","event.dataset":"litellm","event.action":"noise"}`, late.Format(time.RFC3339Nano), i)})
		}
	}
	for topic := range crashTopics { // two records each, days later: everything before becomes final
		for p := range crashPartitions {
			for i := range 2 {
				out = append(out, message{topic, p, fmt.Sprintf(`{"@timestamp":%q,"event.id":"end-%s-%d-%d","event.dataset":%q,"event.action":"end"}`,
					at.Add(72*time.Hour+time.Duration(i)*time.Second).Format(time.RFC3339Nano), topic, p, i, crashTopics[topic])})
			}
		}
	}
	return out
}

// produce appends messages, in order within a partition, trying again while the
// broker is away. A repeat is a duplicate, which changes nothing.
func (r *crashRig) produce(ms []message) {
	type part struct {
		topic string
		id    int
	}
	byPart := map[part][]string{}
	for _, m := range ms {
		k := part{m.topic, m.partition}
		byPart[k] = append(byPart[k], m.value)
	}
	for k, values := range byPart {
		for try := 0; ; try++ {
			records := make([]kafkago.Record, len(values)) // anew each time: what was read of one is gone
			for i, v := range values {
				records[i] = kafkago.Record{Value: kafkago.NewBytes([]byte(v)), Time: time.Now()}
			}
			res, err := r.kafka.Produce(r.t.Context(), &kafkago.ProduceRequest{Topic: r.name + "." + k.topic, Partition: k.id, RequiredAcks: kafkago.RequireAll, Records: kafkago.NewRecordReader(records...)})
			if err == nil {
				err = res.Error
			}
			if err == nil {
				break
			}
			if try > 100 {
				r.t.Fatalf("produce: %v", err)
			}
			r.pause(200 * time.Millisecond)
		}
	}
}

// pause lets time pass for the process: what it does meanwhile is what is tested.
func (r *crashRig) pause(d time.Duration) {
	select {
	case <-time.After(d):
	case <-r.t.Context().Done():
	}
}

// offsets checks that no committed offset went back.
func (r *crashRig) offsets() {
	ctx, cancel := context.WithTimeout(r.t.Context(), 5*time.Second)
	defer cancel()
	topics := map[string][]int{}
	for name := range crashTopics {
		topics[r.name+"."+name] = []int{0, 1, 2}
	}
	res, err := r.kafka.OffsetFetch(ctx, &kafkago.OffsetFetchRequest{GroupID: r.name, Topics: topics})
	if err != nil {
		return // the broker is away
	}
	for topic, ps := range res.Topics {
		for _, p := range ps {
			key := topic + strconv.Itoa(p.Partition)
			if _, known := r.last[key]; !known && p.CommittedOffset < 0 {
				continue // the group has none yet
			}
			if p.CommittedOffset < r.last[key] {
				r.t.Errorf("%s: committed offset went back from %d to %d", key, r.last[key], p.CommittedOffset)
			}
			r.last[key] = max(r.last[key], p.CommittedOffset)
		}
	}
}

// settled waits until everything is read and delivered.
func (r *crashRig) settled(most time.Duration) {
	deadline := time.Now().Add(most)
	for time.Now().Before(deadline) {
		var page struct {
			Ready bool
			Lag   int64 `json:"lag_records"`
			Parts int   `json:"partitions"`
			Sinks []struct {
				Behind int64 `json:"behind_bytes"`
			}
		}
		if r.page("/readyz", &page) && page.Ready && page.Parts == len(crashTopics)*crashPartitions && page.Lag == 0 {
			behind := int64(0)
			for _, s := range page.Sinks {
				behind += s.Behind
			}
			if behind == 0 {
				r.pause(1500 * time.Millisecond) // a turn and a checkpoint more, and look again
				if r.page("/readyz", &page) && page.Lag == 0 {
					again := int64(0)
					for _, s := range page.Sinks {
						again += s.Behind
					}
					if again == 0 {
						return
					}
				}
			}
		}
		r.pause(100 * time.Millisecond)
	}
	r.t.Fatalf("not settled after %s\n%s", most, r.tail())
}

func (r *crashRig) page(path string, into any) bool {
	res, err := http.Get("http://" + r.listen + path)
	if err != nil {
		return false
	}
	defer res.Body.Close()
	b, err := io.ReadAll(res.Body)
	return err == nil && json.Unmarshal(b, into) == nil
}

// delivered reads the file sink: documents by their transition's id.
func (r *crashRig) delivered() []document {
	b, err := os.ReadFile(filepath.Join(r.folder, "alerts.ndjson"))
	must(r.t, err)
	var out []document
	for _, line := range strings.Split(strings.TrimSpace(string(b)), "\n") {
		var d document
		if err := json.Unmarshal([]byte(line), &d); err != nil {
			r.t.Fatalf("a line of the file sink cannot be read: %v\n%s", err, line)
		}
		out = append(out, d)
	}
	return out
}

// document is what of a delivered document is compared.
type document struct {
	Event  struct{ Action, ID, Start, End string }
	Rule   struct{ ID string }
	Reflex struct {
		Severity   string
		Incident   struct{ Severity string }
		Count      int64
		Key        map[string]any
		Transition struct {
			ID     string
			Change string
			Number int
			Into   string
			Reason string
		}
	}
}
