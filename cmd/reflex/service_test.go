package main

import (
	"bytes"
	"context"
	"errors"
	"io"
	"log/slog"
	"math/rand/v2"
	"net/http"
	"os"
	"os/exec"
	"path/filepath"
	"regexp"
	"strings"
	"syscall"
	"testing"
	"time"

	"github.com/prometheus/client_golang/prometheus"
)

// until polls for something that the process does by itself.
func (r *crashRig) until(what string, ok func() bool) {
	r.t.Helper()
	for deadline := time.Now().Add(2 * time.Minute); !ok(); r.pause(50 * time.Millisecond) {
		if time.Now().After(deadline) {
			r.t.Fatalf("not in time: %s\n%s", what, r.said())
		}
	}
}

// said is the process's log, of which the process still writes.
func (r *crashRig) said() string {
	b, err := os.ReadFile(filepath.Join(r.folder, "log"))
	must(r.t, err)
	return string(b[max(0, len(b)-6000):])
}

// launch starts the process with its log in a file.
func (r *crashRig) launch() {
	f, err := os.OpenFile(filepath.Join(r.folder, "log"), os.O_CREATE|os.O_APPEND|os.O_WRONLY, 0o644)
	must(r.t, err)
	defer f.Close()
	r.cmd = r.command("run", "-c", r.config)
	r.cmd.Stdout, r.cmd.Stderr = f, f
	must(r.t, r.cmd.Start())
	r.t.Cleanup(func() { _ = r.cmd.Process.Kill() }) // usually it has ended
	r.until("reading", func() bool { p := r.ready(); return p.Ready && p.Partitions == len(crashTopics)*crashPartitions })
}

// ready is what of the page /readyz is looked at.
func (r *crashRig) ready() (page readiness) {
	r.page("/readyz", &page)
	return page
}

func (r *crashRig) metric(name string) string {
	res, err := http.Get("http://" + r.listen + "/metrics")
	must(r.t, err)
	defer res.Body.Close()
	b, err := io.ReadAll(res.Body)
	must(r.t, err)
	if m := regexp.MustCompile("(?m)^" + name + " (.*)$").FindSubmatch(b); m != nil {
		return string(m[1])
	}
	return ""
}

// mounted puts rules where Kubernetes would: a link to a link to a folder, which
// is swapped as a whole.
func (r *crashRig) mounted(name, rules string) {
	mount := filepath.Join(r.folder, "mounted")
	must(r.t, os.MkdirAll(filepath.Join(mount, name), 0o755))
	must(r.t, os.WriteFile(filepath.Join(mount, name, "rules.yml"), []byte(rules), 0o644))
	must(r.t, os.Symlink(name, filepath.Join(mount, "..data_tmp")))
	must(r.t, os.Rename(filepath.Join(mount, "..data_tmp"), filepath.Join(mount, "..data")))
	if err := os.Symlink("..data/rules.yml", filepath.Join(mount, "rules.yml")); err != nil && !errors.Is(err, os.ErrExist) {
		r.t.Fatal(err)
	}
}

// TestServiceTakesOverChanges of rules and connectors while it runs: what is
// wrong changes nothing, is counted and stands on /readyz; what is mended is
// taken over, by the watch of files and by SIGHUP.
func TestServiceTakesOverChanges(t *testing.T) {
	if testing.Short() {
		t.Skip("runs the process")
	}
	r := newCrashRig(t)
	r.mounted("..v1", crashRules)
	edit := func(old, by string) {
		text, err := os.ReadFile(r.config)
		must(t, err)
		if !strings.Contains(string(text), old) {
			t.Fatalf("the configuration has no %q", old)
		}
		must(t, os.WriteFile(r.config, []byte(strings.Replace(string(text), old, by, 1)), 0o644))
	}
	edit("rules: ["+r.folder+"/rules.yml]", "rules: ["+r.folder+"/mounted/rules.yml]")
	r.launch()
	first := r.ready().Version
	if n := r.metric("reflex_ready"); n != "1" {
		t.Errorf("the metric of a service that is ready: %q", n)
	}

	r.mounted("..v2", strings.Replace(crashRules, "level: high", "level: hihg", 1))
	r.until("refused", func() bool { return len(r.ready().Also) > 0 })
	if p := r.ready(); !p.Ready || p.Version != first || !strings.Contains(p.Also[0], `rules.yml:4:8: "hihg" is no level`) {
		t.Errorf("with a rule that is wrong: %+v", p)
	}
	if n := r.metric("reflex_reload_failures_total"); n != "1" {
		t.Errorf("reload failures: %q", n)
	}
	must(t, r.cmd.Process.Signal(syscall.SIGHUP))
	r.until("refused again", func() bool { return r.metric("reflex_reload_failures_total") == "2" })

	r.mounted("..v3", strings.Replace(crashRules, "level: high", "level: low", 1))
	r.until("taken over", func() bool { p := r.ready(); return p.Version != first && len(p.Also) == 0 && p.Ready })

	must(t, r.cmd.Process.Signal(syscall.SIGHUP))
	r.until("read again", func() bool { return strings.Count(r.said(), `"rules reloaded"`) == 2 })

	// Other connectors: a certificate that is none leaves the old ones at work.
	ca := filepath.Join(r.folder, "ca.pem")
	must(t, os.WriteFile(ca, []byte("half a certif"), 0o644))
	edit("group:", "tls: {ca: "+ca+"}\n  group:")
	r.until("refused once more", func() bool { return r.metric("reflex_reload_failures_total") == "3" })
	if p := r.ready(); !p.Ready || len(p.Also) != 1 || !strings.Contains(p.Also[0], "holds no certificate") {
		t.Errorf("with half a certificate: %+v", p)
	}
	edit("tls: {ca: "+ca+"}\n  ", "")
	edit("min_level: critical", "min_level: high")
	edit("checkpoint:", "log: {format: text}\ncheckpoint:")
	r.until("restarted inside", func() bool { return r.metric("reflex_reload_failures_total") == "0" && r.ready().Ready })
	r.cmd.Process.Signal(os.Interrupt)
	if err := r.cmd.Wait(); err != nil {
		t.Errorf("did not stop in order: %v\n%s", err, r.said())
	}
	if !strings.Contains(r.said(), `level=INFO msg="stopped in order`) {
		t.Errorf("the log is not text:\n%s", r.said())
	}
}

// TestServiceOutlivesHUP at any moment: while it starts, while connectors are
// opened anew, while it stops.
func TestServiceOutlivesHUP(t *testing.T) {
	if testing.Short() {
		t.Skip("runs the process")
	}
	r := newCrashRig(t)
	r.launch()
	ended := make(chan error, 1)
	go func() { ended <- r.cmd.Wait() }()
	stormed := make(chan struct{})
	go func() {
		defer close(stormed)
		for range time.Tick(time.Millisecond) {
			if r.cmd.Process.Signal(syscall.SIGHUP) != nil { // it has ended
				return
			}
		}
	}()
	text, err := os.ReadFile(r.config)
	must(t, err)
	restarts := func() int {
		b, err := os.ReadFile(filepath.Join(r.folder, "log"))
		must(t, err)
		return bytes.Count(b, []byte("restarting inside"))
	}
	for i, level := range []string{"high", "medium", "low"} {
		must(t, os.WriteFile(r.config, []byte(strings.Replace(string(text), "min_level: critical", "min_level: "+level, 1)), 0o644))
		r.until("restarted inside", func() bool {
			return restarts() > i || len(ended) > 0
		})
	}
	_ = r.cmd.Process.Signal(os.Interrupt) // unless it has ended, which is told below
	if err := <-ended; err != nil {
		t.Errorf("a SIGHUP ended it: %v\n%s", err, r.said())
	}
	<-stormed
}

// TestWatchSeesWhatChangedBeforeIt: while a start restores its state, or
// connectors are opened anew, nobody watches.
func TestWatchSeesWhatChangedBeforeIt(t *testing.T) {
	folder := t.TempDir()
	path, key := filepath.Join(folder, "reflex.yml"), filepath.Join(folder, "key")
	must(t, os.WriteFile(key, []byte("example-key\n"), 0o600))
	must(t, os.WriteFile(path, []byte("fingerprint_key: file:"+key+"\nkafka: {brokers: [192.0.2.1:9092], group: g, topics: [{name: t, format: ecs}]}\n"), 0o644))
	for _, c := range []struct {
		change func()
		want   string
	}{
		{func() { must(t, os.WriteFile(path, []byte("kafka: {}\n"), 0o644)) }, "mistake"},
		{func() { must(t, os.WriteFile(key, []byte("example-key-2\n"), 0o600)) }, "fingerprint_key: cannot change"},
	} {
		before, err := os.ReadFile(path)
		must(t, err)
		cfg, err := loadConfig(path)
		must(t, err)
		c.change()
		d := &daemon{cfg: cfg, log: slog.New(slog.DiscardHandler), failed: prometheus.NewCounter(prometheus.CounterOpts{Name: "failed"})}
		refused := func() string {
			d.mu.Lock()
			defer d.mu.Unlock()
			return d.refused
		}
		ctx, cancel := context.WithTimeout(context.Background(), time.Minute)
		ended := make(chan struct{})
		go func() { defer close(ended); d.watch(ctx, cfg, nil, nil) }()
		for ctx.Err() == nil && refused() == "" {
			time.Sleep(time.Millisecond)
		}
		if !strings.Contains(refused(), c.want) {
			t.Errorf("refused %q, want %q", refused(), c.want)
		}
		cancel()
		<-ended
		must(t, os.WriteFile(path, before, 0o644))
	}
}

// TestServiceHoldsItsFolderAndStopsInTime: a second instance is refused by
// name, and SIGTERM in mid-stream stores everything within ten seconds.
func TestServiceHoldsItsFolderAndStopsInTime(t *testing.T) {
	if testing.Short() {
		t.Skip("runs the process")
	}
	r := newCrashRig(t)
	r.launch()
	out, err := r.command("run", "-c", r.config).CombinedOutput()
	if exit, ok := errors.AsType[*exec.ExitError](err); !ok || exit.ExitCode() != exitUsage || !strings.Contains(string(out), "another reflex works there (process ") {
		t.Errorf("a second instance: %v\n%s", err, out)
	}
	if lines := strings.Count(string(out), "\n"); lines != 1 {
		t.Errorf("a second instance says %d lines:\n%s", lines, out)
	}
	r.produce(crashStream(rand.New(rand.NewPCG(5, 6)), 3000))
	began := time.Now()
	for range 3 { // as timeout(1) does: the process, then its group
		must(t, r.cmd.Process.Signal(syscall.SIGTERM))
		r.pause(5 * time.Millisecond)
	}
	if err := r.cmd.Wait(); err != nil {
		t.Fatalf("did not stop in order: %v\n%s", err, r.said())
	}
	if took := time.Since(began); took > 10*time.Second {
		t.Errorf("stopping took %s", took)
	}
	if said := r.said(); !strings.Contains(said, "stopped in order: everything is stored") {
		t.Errorf("it says\n%s", said)
	}
	r.launch() // what it had stored, the group knows too
	r.settled(time.Minute)
	if said := r.said(); strings.Contains(said, "read again from before") {
		t.Errorf("records come again:\n%s", said)
	}
	must(t, r.cmd.Process.Kill())
	_ = r.cmd.Wait() // "signal: killed"
}
