package main

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"time"

	"github.com/prometheus/client_golang/prometheus"
	"github.com/spf13/cobra"

	"github.com/seed-843b225c/reflex/connectors/elastic"
	"github.com/seed-843b225c/reflex/connectors/kafka"
	"github.com/seed-843b225c/reflex/engine"
	"github.com/seed-843b225c/reflex/engine/checkpoint"
)

// checkTime bounds what doctor waits for one connector.
const checkTime = 15 * time.Second

func (a *app) doctor() *cobra.Command {
	var path string
	var asJSON bool
	c := &cobra.Command{
		Use:   "doctor -c FILE",
		Short: "Check configuration, brokers, Elasticsearch, Slack, files and clocks, and say what to do",
		Long: "Looks at everything that the service needs, changes nothing, and says for each thing that is wrong what to do.\n\n" +
			"Exit codes: 0 all is well; 1 something is wrong; 2 the configuration cannot be used.",
		RunE: func(c *cobra.Command, args []string) error {
			if err := none(c, args); err != nil {
				return err
			}
			cfg, err := loadConfig(path)
			if err != nil {
				return err
			}
			return a.tell(a.examine(c.Context(), cfg), asJSON)
		},
	}
	configFlag(c, &path)
	c.Flags().BoolVar(&asJSON, "json", false, "write one JSON object a line")
	return c
}

// examine checks everything a configuration names.
func (a *app) examine(ctx context.Context, cfg *config) []engine.Finding {
	out := []engine.Finding{{What: "configuration " + cfg.file}}
	out = append(out, a.examineRules(cfg), examineState(cfg.State))
	out = append(out, examineGeo(cfg.GeoIP)...)
	for _, p := range cfg.opened() {
		out = append(out, p.examine(ctx)...)
	}
	return distinct(out)
}

// part is one connector of a configuration.
type part struct {
	what string
	open func() (any, error)
}

// opened lists what the service opens, each by itself: with no log, metrics of
// its own and no memory.
func (c *config) opened() []part {
	out := []part{{"kafka", func() (any, error) { return kafka.NewSource(c.Kafka.SourceConfig, kafka.Options{}) }}}
	if topic := c.Kafka.DeadLetter; topic != "" {
		out = append(out, part{"kafka dead letter", func() (any, error) {
			return kafka.NewDeadLetter(kafka.DeadLetterConfig{Config: c.Kafka.Config, Topic: topic}, kafka.Options{})
		}})
	}
	for _, s := range c.Sinks {
		out = append(out, part{"sink " + s.Name, func() (any, error) {
			return sinkTypes[s.Type].open(s.config, sinkDeps{log: nil, metrics: prometheus.NewRegistry(), memory: noMemory{}})
		}})
	}
	return out
}

// rehearse opens and closes every connector: whoever restarts with other
// settings must know before that they can be opened.
func (a *app) rehearse(c *config) error {
	var errs []error
	for _, p := range c.opened() {
		o, err := p.open()
		if closer, ok := o.(interface{ Close() error }); ok && err == nil {
			_ = closer.Close() // it did nothing yet
		}
		if err != nil {
			errs = append(errs, fmt.Errorf("%s: %w", p.what, err))
		}
	}
	return errors.Join(errs...)
}

func (p part) examine(ctx context.Context) []engine.Finding {
	c, err := p.open()
	if err != nil {
		return []engine.Finding{{What: p.what, Err: err, Advice: "mend the setting that the message names"}}
	}
	if closer, ok := c.(interface{ Close() error }); ok {
		defer closer.Close()
	}
	checker, ok := c.(engine.Checker)
	if !ok {
		return []engine.Finding{{What: p.what, Note: "nothing to check"}}
	}
	ctx, cancel := context.WithTimeout(ctx, checkTime)
	defer cancel()
	return checker.Check(ctx)
}

// distinct leaves out what was found twice, as a broker that several connectors use.
func distinct(fs []engine.Finding) []engine.Finding {
	var out []engine.Finding
	for _, f := range fs {
		same := func(o engine.Finding) bool {
			return o.What == f.What && o.Note == f.Note && fmt.Sprint(o.Err) == fmt.Sprint(f.Err)
		}
		if !slices.ContainsFunc(out, same) {
			out = append(out, f)
		}
	}
	return out
}

// noMemory is the Memory of a sink that only checks.
type noMemory struct{}

func (noMemory) Get(string) ([]byte, bool, error)      { return nil, false, nil }
func (noMemory) Put(string, []byte) error              { return nil }
func (noMemory) Delete(string) error                   { return nil }
func (noMemory) Each(func(string, []byte) error) error { return nil }

func (a *app) examineRules(cfg *config) engine.Finding {
	var said strings.Builder
	quiet := &app{stdin: a.stdin, out: a.out, err: newPrinter(&said)}
	l, err := quiet.load(cfg.setup())
	if err != nil {
		return engine.Finding{What: "rules and lists", Err: errors.New(said.String() + reason(err)), Advice: "run: reflex rules check " + strings.Join(cfg.Rules, " ")}
	}
	note := fmt.Sprintf("%s, version %s", plural(len(l.set.Rules), "rule"), l.set.Version)
	if !l.ours {
		note += "; no network is known to be yours, so every public address counts as foreign: set known, or a list known_networks"
	}
	return engine.Finding{What: "rules and lists", Note: note}
}

// examineState checks that the state folder, or the one it will be made in, can
// be written.
func examineState(dir string) engine.Finding {
	f := engine.Finding{What: "state folder " + dir}
	at := dir
	for {
		info, err := os.Stat(at)
		if err == nil && !info.IsDir() {
			f.Err, f.Advice = fmt.Errorf("%s is a file", at), "name a folder in state"
			return f
		}
		if err == nil {
			break
		}
		if at == filepath.Dir(at) {
			f.Err, f.Advice = err, "name another folder in state"
			return f
		}
		at = filepath.Dir(at)
	}
	probe, err := os.CreateTemp(at, ".reflex-doctor-*")
	if err != nil {
		f.Err, f.Advice = fmt.Errorf("cannot be written: %w", cause(err)), "give the service's user the right to write there"
		return f
	}
	probe.Close()
	os.Remove(probe.Name())
	if err := checkpoint.Room(at); err != nil {
		f.Err, f.Advice = err, "free space on this disk: 10 GB are plenty for most"
		return f
	}
	f.Note = "can be written"
	return f
}

func examineGeo(dir string) []engine.Finding {
	if dir == "" {
		return []engine.Finding{{What: "geoip", Note: "not set: country and network of an address are known only where the log names them"}}
	}
	files, _ := filepath.Glob(filepath.Join(dir, "*.mmdb")) // the pattern is sound
	f := engine.Finding{What: "geoip " + dir, Note: plural(len(files), "database")}
	if len(files) == 0 {
		f.Err, f.Advice = fmt.Errorf("holds no *.mmdb"), "put City, ASN or Anonymous-IP databases of MaxMind there, or leave geoip out"
	}
	return []engine.Finding{f}
}

// tell prints findings; something wrong is exit code 1.
func (a *app) tell(fs []engine.Finding, asJSON bool) error {
	bad := 0
	for _, f := range fs {
		if f.Err != nil {
			bad++
		}
		if asJSON {
			o := map[string]any{"what": f.What, "ok": f.Err == nil}
			if f.Err != nil {
				o["error"] = strings.TrimPrefix(f.Err.Error(), f.What+": ")
			}
			if f.Advice != "" {
				o["advice"] = f.Advice
			}
			if f.Note != "" {
				o["note"] = f.Note
			}
			if err := json.NewEncoder(a.out).Encode(o); err != nil {
				return err
			}
			continue
		}
		a.tellOne(f)
	}
	if bad == 0 {
		return nil
	}
	if asJSON {
		return exitError{exitPartial, nil}
	}
	return exitError{exitPartial, fmt.Errorf("%s to mend", plural(bad, "thing"))}
}

func (a *app) tellOne(f engine.Finding) {
	if f.Err == nil {
		fmt.Fprintf(a.out, "%s  %s", a.out.good("ok"), plain(f.What))
		if f.Note != "" {
			fmt.Fprintf(a.out, ": %s", plain(f.Note))
		}
		fmt.Fprintln(a.out)
		return
	}
	text := strings.TrimPrefix(f.Err.Error(), f.What+": ")
	fmt.Fprintf(a.out, "%s %s: %s\n", a.out.bad("BAD"), plain(f.What), plain(text))
	if f.Advice != "" && !strings.Contains(text, f.Advice) {
		fmt.Fprintf(a.out, "    do: %s\n", f.Advice)
	}
}

func (a *app) setupCommand() *cobra.Command {
	c := &cobra.Command{Use: "setup kafka|elastic -c FILE", Short: "Create topics and index templates; again and again without harm"}
	var path string
	add := func(use, short string, do func(context.Context, *config) ([]engine.Finding, error)) {
		sub := &cobra.Command{Use: use + " -c FILE", Short: short, RunE: func(c *cobra.Command, args []string) error {
			if err := none(c, args); err != nil {
				return err
			}
			cfg, err := loadConfig(path)
			if err != nil {
				return err
			}
			ctx, cancel := context.WithTimeout(c.Context(), 2*time.Minute)
			defer cancel()
			fs, err := do(ctx, cfg)
			if told := a.tell(fs, false); err == nil {
				err = told
			}
			if _, coded := errors.AsType[exitError](err); err != nil && !coded {
				return exitError{exitPartial, err}
			}
			return err
		}}
		configFlag(sub, &path)
		c.AddCommand(sub)
	}
	add("kafka", "Create the topics that the configuration names", setupKafka)
	add("elastic", "Create templates and lifecycle for every Elasticsearch sink", setupElastic)
	return c
}

func setupKafka(ctx context.Context, cfg *config) ([]engine.Finding, error) {
	var topics []kafka.TopicSpec
	for _, t := range cfg.Kafka.Topics {
		topics = append(topics, kafka.TopicSpec{Name: t.Name})
	}
	if cfg.Kafka.DeadLetter != "" {
		topics = append(topics, kafka.TopicSpec{Name: cfg.Kafka.DeadLetter})
	}
	out, err := kafka.Setup(ctx, cfg.Kafka.Config, topics)
	for _, s := range cfg.Sinks {
		if own, ok := s.config.(*kafka.SinkConfig); ok && err == nil {
			var more []engine.Finding
			more, err = kafka.Setup(ctx, own.Config, []kafka.TopicSpec{{Name: own.Topic}})
			out = append(out, more...)
		}
	}
	return out, err
}

func setupElastic(ctx context.Context, cfg *config) ([]engine.Finding, error) {
	var out []engine.Finding
	for _, s := range cfg.Sinks {
		if own, ok := s.config.(*elastic.Config); ok {
			more, err := elastic.Setup(ctx, *own)
			out = append(out, more...)
			if err != nil {
				return out, fmt.Errorf("sink %s: %w", s.Name, err)
			}
		}
	}
	if out == nil {
		return nil, usage("%s names no sink of type elastic: nothing to set up", cfg.file)
	}
	return out, nil
}

func (a *app) configCommand() *cobra.Command {
	c := &cobra.Command{Use: "config", Short: "Check the service's configuration"}
	c.AddCommand(&cobra.Command{
		Use: "check FILE", Short: "Name every mistake of a configuration, with its place",
		RunE: func(c *cobra.Command, args []string) error {
			if len(args) != 1 {
				return usage("name one configuration\nsee: %s --help", c.CommandPath())
			}
			cfg, err := loadConfig(args[0])
			if err != nil {
				return err
			}
			sinks := make([]string, len(cfg.Sinks))
			for i, s := range cfg.Sinks {
				sinks[i] = s.Name
			}
			fmt.Fprintf(a.out, "%s is sound: %s from %s, to %s\n", cfg.file, plural(len(cfg.Kafka.Topics), "topic"), strings.Join(cfg.Kafka.Brokers, ", "), strings.Join(sinks, ", "))
			return nil
		},
	})
	return c
}
