package main

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"net"
	"net/http"
	"os"
	"time"

	"github.com/prometheus/client_golang/prometheus"
	"github.com/prometheus/client_golang/prometheus/promhttp"

	"github.com/seed-843b225c/reflex/engine/pipeline"
)

// stuck is how old the service's own state may be before it counts as hanging.
const stuck = time.Minute

// web serves the health pages and metrics; the function it returns stops it.
func (d *daemon) web(ctx context.Context) (stop func(), err error) {
	if d.cfg.Listen == "" {
		return func() {}, nil
	}
	l, err := (&net.ListenConfig{}).Listen(ctx, "tcp", d.cfg.Listen)
	if err != nil {
		return nil, usage("listen on %s: %v: stop what holds it, or name another address in listen", d.cfg.Listen, systemError(err))
	}
	mux := http.NewServeMux()
	mux.HandleFunc("GET /healthz", d.health)
	mux.HandleFunc("GET /readyz", d.ready)
	mux.HandleFunc("GET /metrics", d.metrics)
	mux.HandleFunc("GET /{$}", func(w http.ResponseWriter, _ *http.Request) {
		fmt.Fprintln(w, "reflex\n\n/healthz  is the process alive\n/readyz   does it read, store and deliver; why not\n/metrics  Prometheus")
	})
	srv := &http.Server{Handler: mux, ReadHeaderTimeout: 5 * time.Second, WriteTimeout: 30 * time.Second}
	ended, log := make(chan struct{}), d.log
	go func() {
		defer close(ended)
		if err := srv.Serve(l); !errors.Is(err, http.ErrServerClosed) {
			log.Error("the health pages ended", "error", err)
		}
	}()
	d.log.Info("health pages and metrics", "address", l.Addr().String())
	return func() {
		ctx, cancel := context.WithTimeout(context.WithoutCancel(ctx), time.Second)
		defer cancel()
		_ = srv.Shutdown(ctx) // whoever still reads a page is cut off
		<-ended
	}, nil
}

// systemError gives what the system said, without the names of calls.
func systemError(err error) error {
	if e, ok := errors.AsType[*os.SyscallError](err); ok {
		return e.Err
	}
	return err
}

// health says whether the process is worth keeping: its main loop turns.
func (d *daemon) health(w http.ResponseWriter, _ *http.Request) {
	live, _ := d.running()
	if live != nil { // one that waits for its disk is well: a new process would wait too
		if s := live.Status(); s != nil && s.StoreErr == "" && time.Since(s.At) > stuck {
			w.WriteHeader(http.StatusServiceUnavailable)
			fmt.Fprintf(w, "the main loop has not turned for %s\n", time.Since(s.At).Round(time.Second))
			return
		}
	}
	fmt.Fprintln(w, "alive")
}

// readiness is the page of /readyz.
type readiness struct {
	Ready      bool                  `json:"ready"`
	Why        []string              `json:"why,omitempty"`  // what keeps it from being ready
	Also       []string              `json:"also,omitempty"` // what is wrong but loses nothing
	Version    string                `json:"rules_version,omitempty"`
	Partitions int                   `json:"partitions"`
	Lag        int64                 `json:"lag_records"`
	Watermarks map[string]time.Time  `json:"watermarks,omitempty"`
	Silent     []string              `json:"silent_datasets,omitempty"`
	Saved      time.Time             `json:"last_checkpoint"`
	Sinks      []pipeline.SinkStatus `json:"sinks,omitempty"`
}

// judge says whether a service is ready: it reads, it stores, and no sink waits
// for a person. A sink that is down for a while loses nothing, so it is only told.
func judgeReady(s *pipeline.Status, now time.Time) readiness {
	if s == nil {
		return readiness{Why: []string{"the state is being restored"}}
	}
	r := readiness{Version: s.Version, Partitions: s.Partitions, Watermarks: s.Watermarks, Silent: s.Silent, Saved: s.Saved, Sinks: s.Sinks}
	for _, l := range s.Lags {
		r.Lag += max(0, l.End-l.Next)
	}
	why := func(format string, args ...any) { r.Why = append(r.Why, fmt.Sprintf(format, args...)) }
	if s.SourceErr != "" {
		why("source: %s", s.SourceErr)
	}
	if s.StoreErr != "" {
		why("store: %s", s.StoreErr)
	}
	if !s.Saved.IsZero() && now.Sub(s.Saved) > stuck {
		why("the last checkpoint is %s old", now.Sub(s.Saved).Round(time.Second))
	}
	for _, k := range s.Sinks {
		switch {
		case k.Fatal:
			why("sink %s: %s", k.Name, k.Err)
		case k.Err != "":
			r.Also = append(r.Also, fmt.Sprintf("sink %s since %s: %s; it catches up from the alert log", k.Name, k.Since.UTC().Format(time.RFC3339), k.Err))
		}
	}
	for _, name := range s.Silent {
		r.Also = append(r.Also, "dataset "+name+" is silent for over an hour: rules that need it see nothing")
	}
	r.Ready = len(r.Why) == 0
	return r
}

func (d *daemon) ready(w http.ResponseWriter, _ *http.Request) {
	live, _ := d.running()
	var s *pipeline.Status
	if live != nil {
		s = live.Status()
	}
	r := judgeReady(s, time.Now())
	d.mu.Lock()
	for _, text := range d.ahead {
		r.Also = append(r.Also, "not as it should be: "+text)
	}
	if d.refused != "" {
		r.Also = append(r.Also, "a change of configuration, rules or lists is refused, the old ones are in force: "+d.refused)
	}
	d.mu.Unlock()
	w.Header().Set("Content-Type", "application/json")
	if !r.Ready {
		w.WriteHeader(http.StatusServiceUnavailable)
	}
	enc := json.NewEncoder(w)
	enc.SetIndent("", "  ")
	enc.SetEscapeHTML(false) // people read it
	_ = enc.Encode(r)        // whoever asked has gone
}

func (d *daemon) metrics(w http.ResponseWriter, r *http.Request) {
	_, registry := d.running()
	if registry == nil {
		registry = prometheus.NewRegistry()
	}
	promhttp.HandlerFor(registry, promhttp.HandlerOpts{}).ServeHTTP(w, r)
}
