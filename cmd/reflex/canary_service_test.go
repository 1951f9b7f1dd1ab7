package main

import (
	"bytes"
	"fmt"
	"io/fs"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"

	kafkago "github.com/segmentio/kafka-go"

	"github.com/seed-843b225c/reflex/connectors/kafka"
	"github.com/seed-843b225c/reflex/connectors/slack/slacktest"
	"github.com/seed-843b225c/reflex/engine"
	"github.com/seed-843b225c/reflex/engine/checkpoint"
	"github.com/seed-843b225c/reflex/engine/secret"
)

// TestServiceKeepsNoCanary runs the service over a day of logs with secrets of
// every format planted, and looks for them, and for the secrets of its own
// configuration, in all that it leaves behind: its log, pages, state and alert
// log, dead letter, and what sinks were sent.
func TestServiceKeepsNoCanary(t *testing.T) {
	if testing.Short() {
		t.Skip("plays a whole day")
	}
	cs := secret.Canaries(22)
	watch := secret.NewWatch(cs)
	r := newCrashRig(t)
	logs := filepath.Join(r.folder, "logs")
	plantDay(t, logs, cs)
	rules := filepath.Join(r.folder, "rules.yml")
	must(t, os.WriteFile(rules, []byte(curious()), 0o644))
	dead := r.name + ".dead"
	text, err := os.ReadFile(r.config)
	must(t, err)
	config := strings.NewReplacer("fingerprint_key: example-key", "fingerprint_key: never-shown-key", "format: ecs", "format: auto",
		"min_level: critical", "min_level: high", "  group:", "  dead_letter: "+dead+"\n  group:").Replace(string(text))
	must(t, os.WriteFile(r.config, []byte(config), 0o644))
	res, err := r.kafka.CreateTopics(t.Context(), &kafkago.CreateTopicsRequest{Topics: []kafkago.TopicConfig{{Topic: dead, NumPartitions: 1, ReplicationFactor: 1}}})
	must(t, err)
	must(t, res.Errors[dead])
	r.launch()
	r.feedFolder(logs, r.name+".cloudtrail")
	r.until("everything is read, and told to the file", func() bool { // Slack's limits would take an hour
		p := r.ready()
		return p.Lag == 0 && p.Sinks[0].Behind == 0 && len(r.slack.Messages("C0EXAMPLE1")) > 3
	})

	clean := secret.New(secret.Options{}).NewScan()
	looked := 0
	own := func(what string, out []byte) {
		looked++
		for _, set := range []string{"never-shown-key", slacktest.Token} {
			if bytes.Contains(out, []byte(set)) {
				t.Errorf("%s shows a secret of the configuration: %s", what, set)
			}
		}
	}
	look := func(what string, out []byte) {
		own(what, out)
		if leak := watch.Leak(out); leak != "" {
			t.Errorf("%s shows %s", what, leak)
		}
	}
	lines := func(what string, out []byte) {
		for i, line := range bytes.Split(out, []byte("\n")) {
			look(fmt.Sprintf("%s, line %d", what, i+1), line)
			if f := clean.Find(line); len(f) > 0 {
				t.Errorf("%s, line %d shows %+v: %.600s", what, i+1, f[0], line)
				return
			}
		}
	}
	var page map[string]any
	r.page("/readyz", &page)
	lines("/readyz", fmt.Append(nil, page))
	must(t, r.cmd.Process.Signal(os.Interrupt))
	must(t, r.cmd.Wait())

	for _, name := range []string{"log", "alerts.ndjson"} {
		b, err := os.ReadFile(filepath.Join(r.folder, name))
		must(t, err)
		if len(b) == 0 {
			t.Errorf("%s is empty: the test shows nothing", name)
		}
		lines(name, b)
	}
	for i, m := range r.slack.Messages("C0EXAMPLE1") {
		lines(fmt.Sprintf("Slack, message %d", i), fmt.Appendf(nil, "%+v", m))
	}
	kept := 0
	r.messages(dead, func(m kafkago.Message) {
		kept++
		lines("dead letter", m.Value)
		for _, h := range m.Headers {
			lines("dead letter, header "+h.Key, h.Value)
		}
	})
	if kept == 0 {
		t.Error("nothing is in the dead letter: the test shows nothing")
	}
	lookIntoState(t, filepath.Join(r.folder, "state"), look)
	if looked < 1000 {
		t.Errorf("only %d things were looked at", looked)
	}
}

// lookIntoState shows every file as it is on the disk, and what store and log
// hold behind their compression.
func lookIntoState(t *testing.T, folder string, look func(string, []byte)) {
	must(t, filepath.WalkDir(folder, func(path string, e fs.DirEntry, err error) error {
		if err != nil || e.IsDir() {
			return err
		}
		b, err := os.ReadFile(path)
		look(path, b)
		return err
	}))
	dir, err := checkpoint.Open(folder, checkpoint.Options{})
	must(t, err)
	defer dir.Close()
	n := 0
	must(t, dir.Store.Scan(nil, []byte{0xff}, func(key, value []byte) error {
		n++
		look(fmt.Sprintf("store, key %.40q", key), append(append(bytes.Clone(key), 0), value...))
		return nil
	}))
	for at := dir.Log.First(); ; n++ {
		entries, err := dir.Log.Read(at, 1)
		must(t, err)
		if len(entries) == 0 {
			break
		}
		look(fmt.Sprintf("alert log at %d", at), entries[0].Data)
		at = entries[0].Next
	}
	if n < 1000 {
		t.Errorf("store and log hold only %d entries", n)
	}
}

// feedFolder writes every file of a folder to a topic, a message a record or line.
func (r *crashRig) feedFolder(folder, topic string) {
	r.t.Helper()
	must(r.t, filepath.WalkDir(folder, func(path string, e fs.DirEntry, err error) error {
		if err != nil || e.IsDir() {
			return err
		}
		data, err := os.ReadFile(path)
		if err != nil {
			return err
		}
		var records []engine.Record
		for _, m := range asMessages(filepath.Base(path), data) {
			records = append(records, m.Record)
		}
		return kafka.Feed(r.t.Context(), kafka.Config{Brokers: []string{r.broker}}, topic, records, kafka.Options{})
	}))
}

// messages reads a topic of one partition to its end.
func (r *crashRig) messages(topic string, f func(kafkago.Message)) {
	r.t.Helper()
	conn, err := kafkago.DialLeader(r.t.Context(), "tcp", r.broker, topic, 0)
	must(r.t, err)
	defer conn.Close()
	must(r.t, conn.SetDeadline(time.Now().Add(30*time.Second)))
	first, last, err := conn.ReadOffsets()
	must(r.t, err)
	for at := first; at < last; {
		m, err := conn.ReadMessage(1 << 20)
		must(r.t, err)
		at = m.Offset + 1
		f(m)
	}
}
