package main

import (
	"context"
	"errors"
	"fmt"
	"os"
	"strings"
	"sync"
	"syscall"
)

func (f *folders) server(name string) (*server, error) {
	s := &server{Name: name, dir: f.in(name), log: f.in("logs/" + name + ".log"), certs: f.in("certs")}
	switch name {
	case "kafka":
		s.product = kafkaNode{}
	case "elastic", "elastic-tls":
		s.product, s.nobody = elasticNode{secured: name == "elastic-tls"}, true
	default:
		return nil, fmt.Errorf("no server is named %s: they are kafka, elastic and elastic-tls", name)
	}
	return s, nil
}

// serverNames in the order in which they are installed: the slowest first.
var serverNames = []string{"elastic", "elastic-tls", "kafka"}

// start brings up what does not run and answer yet, all at once, and prints
// where everything listens. When it does not succeed it ends what it started.
func start(ctx context.Context, f *folders) error {
	java, err := javaHome(ctx)
	if err != nil {
		return err
	}
	if _, err := os.Stat(f.in("certs")); err != nil { // servers with older ones would not fit
		if err := stopAll(f); err != nil {
			return err
		}
		if err := makeCerts(f.in("certs")); err != nil {
			return err
		}
	}
	var (
		all     []*server
		started []*server
		wg      sync.WaitGroup
		mu      sync.Mutex
		errs    []error
	)
	ctx, cancel := context.WithCancel(ctx)
	defer cancel()
	keep := func(err error) {
		mu.Lock()
		defer mu.Unlock()
		if err != nil {
			errs = append(errs, err)
			cancel() // the others need not go on
		}
	}
	for _, name := range serverNames {
		s, err := f.server(name)
		if err != nil {
			return err
		}
		version, home, err := s.unpack(ctx, f)
		if err != nil {
			keep(err)
			break
		}
		all = append(all, s)
		if s.load() && s.Version == version && len(s.processes()) > 0 && s.answers(ctx, s) == nil {
			continue
		}
		s.Version, s.Home, s.Java = version, home, java
		started = append(started, s)
		wg.Go(func() { keep(s.begin(ctx)) })
	}
	wg.Wait()
	if len(errs) > 0 {
		for _, s := range started {
			errs = append(errs, s.down(false))
		}
		return errors.Join(errs...)
	}
	if len(started) > 0 { // else another checkout may have brought them up, with its own helpers
		if err := f.helpers(); err != nil {
			return err
		}
	}
	fmt.Print(f.addresses(all))
	return nil
}

// begin makes a server anew, on new ports, without data.
func (s *server) begin(ctx context.Context) error {
	if err := s.fresh(); err != nil {
		return err
	}
	if err := s.prepare(ctx, s); err != nil {
		return fmt.Errorf("%s: prepare: %w", s.Name, err)
	}
	if err := s.save(); err != nil {
		return err
	}
	return s.up(ctx)
}

// addresses gives the lines for the environment of tests.
func (f *folders) addresses(all []*server) string {
	var b strings.Builder
	for _, s := range all {
		for _, line := range s.lines(s) {
			fmt.Fprintln(&b, line)
		}
	}
	fmt.Fprintf(&b, "REFLEX_TEST_CERTS=%s\nREFLEX_TEST_SERVICES=%s\nREFLEX_TEST_LOGS=%s\n", f.in("certs"), f.in("bin"), f.in("logs"))
	return b.String()
}

// helpers writes one executable for each server, for tests that break things,
// and this program beside them: another checkout may have another version.
func (f *folders) helpers() error {
	if err := os.MkdirAll(f.in("bin"), 0o755); err != nil {
		return err
	}
	program, err := os.ReadFile("/proc/self/exe")
	if err != nil {
		return err
	}
	files := map[string][]byte{"services": program}
	for _, name := range serverNames {
		files[name] = fmt.Appendf(nil, "#!/bin/sh\n# stop, kill, start, restart, pause or resume\nREFLEX_SERVICES='%s' REFLEX_SERVICES_RUN='%s' exec '%s' %s \"$@\"\n",
			f.root, f.run, f.in("bin/services"), name)
	}
	for name, data := range files {
		path := f.in("bin/" + name)
		if err := os.WriteFile(path+".part", data, 0o755); err != nil {
			return err
		}
		if err := os.Rename(path+".part", path); err != nil { // whoever runs the old one keeps it
			return err
		}
	}
	return nil
}

// stopAll ends every server of the run folder and removes everything but logs.
func stopAll(f *folders) error {
	var wg sync.WaitGroup
	errs := make([]error, len(serverNames))
	for i, name := range serverNames {
		s, err := f.server(name)
		if err != nil {
			return err
		}
		wg.Go(func() {
			if errs[i] = s.down(false); errs[i] == nil {
				errs[i] = os.RemoveAll(s.dir)
			}
		})
	}
	wg.Wait()
	return errors.Join(append(errs, os.RemoveAll(f.in("certs")), os.RemoveAll(f.in("bin")))...)
}

// control does one thing to one server that start has made.
func control(ctx context.Context, f *folders, name, verb string) error {
	s, err := f.server(name)
	if err != nil {
		return err
	}
	if !s.load() {
		return fmt.Errorf("%s was not started in %s: run testdata/services/start first", name, f.run)
	}
	switch verb {
	case "stop":
		return s.down(false)
	case "kill":
		return s.down(true)
	case "restart":
		if err := s.down(false); err != nil {
			return err
		}
		return s.up(ctx)
	case "start":
		if len(s.processes()) > 0 {
			return s.answers(ctx, s)
		}
		return s.up(ctx)
	case "pause":
		_, err := s.signal(syscall.SIGSTOP)
		return err
	case "resume":
		_, err := s.signal(syscall.SIGCONT)
		return err
	}
	return fmt.Errorf("no verb %s: they are stop, kill, start, restart, pause and resume", verb)
}
