package main

import (
	"context"
	"errors"
	"flag"
	"fmt"
	"os"
	"path/filepath"
	"runtime"
	"strings"
	"time"

	"github.com/seed-843b225c/reflex/connectors/kafka"
)

// latency measures how long it takes from a record's append until the alert it
// opened is acknowledged, at a steady rate.
type latency struct {
	rate, rules, partitions int
	take                    time.Duration
	profile                 string
}

func latencyMain(args []string) error {
	var l latency
	f := flag.NewFlagSet("latency", flag.ExitOnError)
	f.IntVar(&l.rate, "rate", 20_000, "records a second")
	f.IntVar(&l.rules, "rules", 1000, "how many rules, ten of them stateful")
	f.IntVar(&l.partitions, "partitions", 4, "of the topic")
	f.DurationVar(&l.take, "for", 15*time.Second, "how long records are appended")
	f.StringVar(&l.profile, "cpuprofile", "", "write a CPU profile of Reflex to this file")
	_ = f.Parse(args) // exits
	return l.run()
}

// latencyRules opens an alert for each record of one record in two hundred.
const latencyRules = `id: ` + latencyRule + `
title: a key was made
level: medium
from: [aws.cloudtrail]
when: event.action == "CreateAccessKey"
alert: {entities: {user: user.name}, dedup: {by: [event.id]}}
`

func (l *latency) run() error {
	dir, err := os.MkdirTemp("", "reflex-bench")
	if err != nil {
		return err
	}
	defer os.RemoveAll(dir)
	events := filepath.Join(dir, "events.ndjson")
	total := int(l.take.Seconds() * float64(l.rate))
	if _, err := generate(events, total); err != nil {
		return err
	}
	mine, others := cores()
	spec := liveSpec{Topic: benchTopic + "." + fmt.Sprint(time.Now().UnixNano()), Group: fmt.Sprint("bench-", time.Now().UnixNano()),
		State: filepath.Join(dir, "state"), Rules: l.rules, More: latencyRules, Events: int64(total), Ready: "ready", Profile: l.profile}
	var with []string
	stop, err := l.around(&spec, &with, others)
	defer stop()
	if err != nil {
		return err
	}
	r, err := start("reflex", spec, mine, 1)
	if err != nil {
		return err
	}
	if _, err := r.line(); err != nil {
		return err
	}
	p, err := start("produce", produceSpec{events, spec.Brokers, spec.Topic, l.rate}, others, 1)
	if err != nil {
		r.stop()
		return err
	}
	var sent produced
	if err := p.answer(&sent); err != nil {
		r.stop()
		return err
	}
	var m measured
	if err := r.answer(&m); err != nil {
		return err
	}
	return l.print(m, sent, strings.Join(with, ", "))
}

// around starts what Reflex reads from and writes to, unless the environment
// names real ones.
func (l *latency) around(spec *liveSpec, with *[]string, core int) (stop func(), err error) {
	var roles []*role
	stop = func() {
		for _, r := range roles {
			r.stop()
		}
	}
	begin := func(name string, s any) (string, error) {
		r, err := start(name, s, core, 1)
		if err != nil {
			return "", err
		}
		roles = append(roles, r)
		return r.line()
	}
	address := os.Getenv("REFLEX_TEST_KAFKA")
	*with = append(*with, "kafka at "+address)
	if address == "" {
		(*with)[0] = "a broker in memory"
		if address, err = begin("broker", brokerSpec{Partitions: l.partitions}); err != nil {
			return stop, err
		}
	}
	spec.Brokers = strings.Split(address, ",")
	if spec.Elastic = os.Getenv("REFLEX_TEST_ELASTIC"); spec.Elastic != "" {
		*with = append(*with, "elasticsearch at "+spec.Elastic)
	} else {
		*with = append(*with, "a stand-in for _bulk")
		if spec.Elastic, err = begin("bulk", bulkSpec{}); err != nil {
			return stop, err
		}
	}
	ctx, cancel := context.WithTimeout(context.Background(), 30*time.Second)
	defer cancel()
	found, err := kafka.Setup(ctx, kafka.Config{Brokers: spec.Brokers}, []kafka.TopicSpec{{Name: spec.Topic, Partitions: l.partitions, Replication: 1}})
	for _, f := range found {
		err = errors.Join(err, f.Err)
	}
	return stop, err
}

func (l *latency) print(m measured, sent produced, with string) error {
	n := len(m.Latencies)
	if want := sent.Alerts; n != want {
		return fmt.Errorf("%d records should open an alert, %d did before the end", want, n)
	}
	at := func(p float64) time.Duration { return m.Latencies[min(int(p*float64(n)), n-1)].Round(time.Millisecond) }
	fmt.Printf("%s, %d cores, %s; %s\n%d records/s for %s, %d rules of which 10 stateful, GeoIP, checkpoints every second; reflex with GOMAXPROCS=1 on one core\n"+
		"from append until acknowledged, %d alerts: p50 %s  p95 %s  p99 %s  max %s\nreflex used %.0f %% of its core; the producer was late by %s at most, half its records were acknowledged by the broker after more than %s\n",
		cpu(), runtime.NumCPU(), runtime.Version(), with, l.rate, l.take, l.rules, n, at(.5), at(.95), at(.99), m.Latencies[n-1].Round(time.Millisecond),
		100*(m.User+m.System).Seconds()/m.Wall.Seconds(), sent.Late.Round(time.Millisecond), sent.Acked.Round(time.Millisecond))
	return nil
}
