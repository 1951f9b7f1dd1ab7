package main

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"log/slog"
	"os"
	"os/signal"
	"slices"
	"strings"
	"sync"
	"syscall"
	"time"

	"github.com/prometheus/client_golang/prometheus"
	"github.com/prometheus/client_golang/prometheus/collectors"
	"github.com/spf13/cobra"

	"github.com/seed-843b225c/reflex/connectors/kafka"
	"github.com/seed-843b225c/reflex/engine"
	"github.com/seed-843b225c/reflex/engine/checkpoint"
	"github.com/seed-843b225c/reflex/engine/pipeline"
	"github.com/seed-843b225c/reflex/engine/rule"
)

func (a *app) service() *cobra.Command {
	var path string
	c := &cobra.Command{
		Use:   "run -c FILE",
		Short: "Run the service: Kafka in, Elasticsearch and Slack out",
		Long: "Reads records from Kafka, detects, correlates, and delivers alerts and incidents to the sinks. Everything\n" +
			"that a restart needs is in the state folder. Rules, lists, GeoIP files, certificates, secrets in files and\n" +
			"the configuration are read again when they change, and on SIGHUP: all valid, or nothing changes. SIGTERM stops in order.\n\n" +
			"See also:  reflex config check FILE,  reflex doctor -c FILE",
		RunE: func(c *cobra.Command, args []string) error {
			if err := none(c, args); err != nil {
				return err
			}
			cfg, err := loadConfig(path)
			if err != nil {
				return err
			}
			return (&daemon{app: a, cfg: cfg, log: cfg.logger(a)}).run(c.Context())
		},
	}
	configFlag(c, &path)
	return c
}

func configFlag(c *cobra.Command, path *string) {
	c.Flags().StringVarP(path, "config", "c", "reflex.yml", "configuration `FILE`")
}

// daemon is the service as a process: it opens what the configuration names,
// runs a Live, and answers changes of files and signals.
type daemon struct {
	app *app
	cfg *config
	log *slog.Logger

	mu       sync.Mutex
	live     *pipeline.Live
	registry *prometheus.Registry
	failed   prometheus.Counter // reloads refused
	refused  string             // why the latest change is not in force; "" when it is
	ahead    []string           // what is wrong where the next alert or refused record goes

	rules *loaded // in force; of the goroutine that watches
	next  *loaded // those to restart with

	hup chan os.Signal
}

// errRestart ends a Live that goes on at once with other connectors.
var errRestart = errors.New("restart with the new configuration")

// run works until ctx ends. A change of connectors is a restart inside the process.
func (d *daemon) run(ctx context.Context) error {
	// From the first moment to the last: unanswered, a SIGHUP kills.
	d.hup = make(chan os.Signal, 1)
	signal.Notify(d.hup, syscall.SIGHUP)
	defer signal.Stop(d.hup)
	rules, err := d.load(d.cfg)
	if err != nil {
		return err
	}
	dir, err := checkpoint.Open(d.cfg.State, checkpoint.Options{})
	if err != nil {
		code := exitUsage
		if engine.KindOf(err) == engine.Temporary { // a full disk is no mistake of the configuration
			code = exitPartial
		}
		return exitError{code, fmt.Errorf("state: %w", err)}
	}
	defer func() {
		if err := dir.Close(); err != nil {
			d.log.Error("the state folder was not closed in order", "error", err)
		}
	}()
	stopWeb, err := d.web(ctx)
	if err != nil {
		return err
	}
	defer stopWeb()
	for {
		err := d.once(ctx, dir, rules)
		if !errors.Is(err, errRestart) {
			if code, ok := errors.AsType[exitError](err); ok {
				return code // a setting that nothing could be opened with
			}
			if err != nil {
				d.log.Error("stopped", "error", err)
				return exitError{exitPartial, nil}
			}
			d.log.Info("stopped in order: everything is stored")
			return nil
		}
		rules, d.log = d.next, d.cfg.logger(d.app)
	}
}

// load loads rules and lists as the configuration names them. The error holds
// every mistake; what is only worth knowing is said in the log.
func (d *daemon) load(c *config) (*loaded, error) {
	var said bytes.Buffer
	quiet := &app{stdin: d.app.stdin, out: d.app.out, err: newPrinter(&said)}
	l, err := quiet.load(c.setup())
	var mistakes []string
	for line := range strings.Lines(said.String()) {
		switch line = strings.TrimRight(line, "\n"); {
		case line == "" || strings.HasPrefix(line, "    "): // the source line and its caret are for a terminal
		case err != nil:
			mistakes = append(mistakes, line)
		default:
			d.log.Warn(line)
		}
	}
	if err != nil {
		return nil, exitError{exitUsage, errors.New(strings.Join(append(mistakes, reason(err)), "\n"))}
	}
	return l, nil
}

// reason is an error's text without its exit code.
func reason(err error) string {
	if e, ok := errors.AsType[exitError](err); ok && e.err != nil {
		return e.err.Error()
	}
	return err.Error()
}

// once runs one Live.
func (d *daemon) once(ctx context.Context, dir *checkpoint.Dir, rules *loaded) error {
	cfg := d.cfg
	registry := prometheus.NewRegistry()
	registry.MustRegister(collectors.NewGoCollector(), collectors.NewProcessCollector(collectors.ProcessCollectorOpts{}))
	live, err := d.open(dir, rules, registry)
	if err != nil {
		return err
	}
	reload := make(chan pipeline.Reload)
	live.Reload = reload
	live.Started = func() {
		d.log.Info("running", "rules", len(rules.set.Rules), "version", rules.set.Version, "topics", len(cfg.Kafka.Topics), "sinks", len(cfg.Sinks))
	}
	d.mu.Lock()
	d.live, d.registry = live, registry
	d.register(registry)
	d.refused, d.ahead = "", nil
	d.mu.Unlock()
	d.rules = rules
	running, stop := context.WithCancelCause(ctx)
	var watching sync.WaitGroup
	now := *cfg                 // a reload writes into cfg
	outputs := now.opened()[1:] // the source says itself what is wrong
	watching.Go(func() { d.lookAhead(running, outputs) })
	watching.Go(func() { d.watch(running, cfg, reload, stop) })
	err = live.Run(running)
	cause := context.Cause(running)
	stop(nil)
	watching.Wait()
	if err == nil && errors.Is(cause, errRestart) {
		return errRestart
	}
	return err
}

func (d *daemon) register(metrics prometheus.Registerer) {
	d.failed = prometheus.NewCounter(prometheus.CounterOpts{Name: "reflex_reload_failures_total", Help: "Changes of rules, lists or configuration that were refused: the old ones stayed in force."})
	ready := prometheus.NewGaugeFunc(prometheus.GaugeOpts{Name: "reflex_ready", Help: "1: /readyz says ready; 0: it says why not."}, func() float64 {
		if live, _ := d.running(); judgeReady(live.Status(), time.Now()).Ready {
			return 1
		}
		return 0
	})
	metrics.MustRegister(d.failed, ready)
}

// open makes a Live of what the configuration names.
func (d *daemon) open(dir *checkpoint.Dir, rules *loaded, metrics prometheus.Registerer) (*pipeline.Live, error) {
	resume, err := pipeline.Positions(dir.Store)
	if err != nil {
		return nil, err
	}
	cfg := d.cfg
	live := &pipeline.Live{Parts: rules.parts(), Dir: dir, Log: d.log, Metrics: metrics, Every: cfg.Checkpoint}
	if os.Getenv("GOGC") == "" { // else who runs it has decided
		live.Room = pipeline.HeapRoom
	}
	opened := []interface{ Close() error }{}
	fail := func(what string, err error) (*pipeline.Live, error) {
		for _, o := range opened {
			_ = o.Close() // what failed to open is said; these did nothing yet
		}
		return nil, exitError{exitUsage, fmt.Errorf("%s: %w", what, err)}
	}
	o := kafka.Options{Log: d.log, Metrics: metrics, Stateful: stateful(rules.set)}
	source, err := newReopening(resume, func(resume []engine.Position) (engine.Source, error) {
		o := o
		o.Resume = resume
		return kafka.NewSource(cfg.Kafka.SourceConfig, o)
	})
	if err != nil {
		return fail("kafka", err)
	}
	live.Source = source
	opened = append(opened, source)
	if topic := cfg.Kafka.DeadLetter; topic != "" {
		dead, err := kafka.NewDeadLetter(kafka.DeadLetterConfig{Config: cfg.Kafka.Config, Topic: topic}, kafka.Options{Log: d.log, Metrics: metrics})
		if err != nil {
			return fail("kafka dead letter", err)
		}
		live.Dead = dead
	}
	for _, s := range cfg.Sinks {
		sink, err := sinkTypes[s.Type].open(s.config, sinkDeps{
			log:     d.log.With("sink", s.Name),
			metrics: prometheus.WrapRegistererWith(prometheus.Labels{"sink": s.Name}, metrics),
			memory:  pipeline.SinkMemory(dir.Store, s.Name),
		})
		if err != nil {
			return fail("sink "+s.Name, err)
		}
		opened = append(opened, sink)
		live.Outputs = append(live.Outputs, pipeline.Output{Name: s.Name, Sink: sink})
	}
	return live, nil
}

// stateful reports whether a rule remembers something: then one instance must
// see all records.
func stateful(set *rule.Set) bool {
	for _, r := range set.Rules {
		if r.Mode != rule.ModeOff && r.Kind != rule.Match {
			return true
		}
	}
	return false
}

// watch answers changes of files and SIGHUP until ctx ends. A change between
// the reading of cfg and the watch's begin counts: a start may take a while.
func (d *daemon) watch(ctx context.Context, cfg *config, reload chan<- pipeline.Reload, stop context.CancelCauseFunc) {
	changed, done := watchFiles(ctx, cfg.watched(), d.log)
	defer done()
	again := time.NewTicker(lookAgain)
	defer again.Stop()
	seen := cfg.seen
	for {
		forced := false
		select {
		case <-ctx.Done():
			return
		case <-d.hup:
			forced = true
		case <-changed:
		case <-again.C:
		}
		now := fingerprint(cfg.watched())
		if !forced && now == seen {
			continue // touched, not changed
		}
		seen = now
		if d.reload(ctx, cfg, reload) {
			stop(errRestart)
			return
		}
	}
}

// reload loads everything again. Other connectors ask for a restart: it returns
// true then. Anything wrong leaves all as it was.
func (d *daemon) reload(ctx context.Context, old *config, reload chan<- pipeline.Reload) (restart bool) {
	cfg, rules, err := d.change(old)
	if err == nil && (!sameConnectors(cfg, old) || stateful(rules.set) != stateful(d.rules.set)) {
		if err = d.app.rehearse(cfg); err == nil {
			d.log.Info("the connectors' settings or certificates changed: restarting inside the process")
			d.cfg, d.next = cfg, rules
			return true
		}
	}
	if err == nil {
		done := make(chan error, 1)
		select {
		case reload <- pipeline.Reload{Parts: rules.parts(), Done: func(err error) { done <- err }}:
			err = <-done
		case <-ctx.Done():
			return false
		}
	}
	why := ""
	if err != nil {
		d.failed.Inc()
		why = strings.ReplaceAll(reason(err), "\n", "; ")
		d.log.Error("a change is refused, everything stays as it was", "error", why)
	} else {
		*old, d.rules = *cfg, rules
	}
	d.mu.Lock()
	d.refused = why
	d.mu.Unlock()
	return false
}

// change reads configuration, rules and lists anew.
func (d *daemon) change(old *config) (*config, *loaded, error) {
	cfg, err := loadConfig(old.file)
	if err != nil {
		return nil, nil, err
	}
	var fixed []string
	for name, changed := range map[string]bool{"state": cfg.State != old.State, "listen": cfg.Listen != old.Listen, "fingerprint_key": cfg.FingerprintKey != old.FingerprintKey} {
		if changed {
			fixed = append(fixed, name)
		}
	}
	if slices.Sort(fixed); fixed != nil {
		return nil, nil, fmt.Errorf("%s: cannot change while the service runs: restart it, or take the change back", strings.Join(fixed, ", "))
	}
	rules, err := d.load(cfg)
	return cfg, rules, err
}

// running gives the Live and its metrics.
func (d *daemon) running() (*pipeline.Live, *prometheus.Registry) {
	d.mu.Lock()
	defer d.mu.Unlock()
	return d.live, d.registry
}

var _ engine.DeadLetter = (*kafka.DeadLetter)(nil)
