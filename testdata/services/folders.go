package main

import (
	"context"
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"syscall"
	"time"
)

// folders says where things lie: what was downloaded, and what runs.
type folders struct {
	root string // one folder for each unpacked server, shared by all runs
	run  string // one folder for each running server, certs, logs, bin
}

func openFolders() (*folders, error) {
	f := &folders{root: os.Getenv("REFLEX_SERVICES"), run: os.Getenv("REFLEX_SERVICES_RUN")}
	if f.root == "" {
		return nil, errors.New("REFLEX_SERVICES is not set: call testdata/services/start or stop, which set it")
	}
	if f.run == "" {
		f.run = filepath.Join(f.root, "run")
	}
	for _, dir := range []*string{&f.root, &f.run} {
		abs, err := filepath.Abs(*dir)
		if err != nil {
			return nil, err
		}
		if err := os.MkdirAll(abs, 0o755); err != nil {
			return nil, err
		}
		// The command lines of servers name the real folder, whatever link led to it.
		if *dir, err = filepath.EvalSymlinks(abs); err != nil {
			return nil, err
		}
		if err := reachable(*dir); err != nil {
			return nil, err
		}
	}
	return f, os.MkdirAll(f.in("logs"), 0o755)
}

func (f *folders) in(name string) string { return filepath.Join(f.run, name) }

// reachable complains when root chose a folder that Elasticsearch, which then
// runs as nobody, could not enter.
func reachable(dir string) error {
	if os.Geteuid() != 0 {
		return nil
	}
	for d := dir; ; d = filepath.Dir(d) {
		info, err := os.Stat(d)
		if err != nil {
			return err
		}
		if info.Mode().Perm()&0o001 == 0 {
			return fmt.Errorf("%s: other users cannot enter %s, and Elasticsearch never runs as root: chmod 755 it, or set REFLEX_SERVICES and REFLEX_SERVICES_RUN to other folders", dir, d)
		}
		if d == filepath.Dir(d) {
			return nil
		}
	}
}

// lockFile keeps other calls off what the file stands for, until it is closed.
// A lock ends with its process, so a killed call blocks nobody.
func lockFile(ctx context.Context, path string) (*os.File, error) {
	file, err := os.OpenFile(path, os.O_CREATE|os.O_RDWR, 0o644)
	if err != nil {
		return nil, err
	}
	for told := false; ; told = true {
		err := syscall.Flock(int(file.Fd()), syscall.LOCK_EX|syscall.LOCK_NB)
		if err == nil {
			return file, nil
		}
		if !errors.Is(err, syscall.EWOULDBLOCK) && !errors.Is(err, syscall.EINTR) {
			file.Close()
			return nil, fmt.Errorf("lock %s: %w", path, err)
		}
		if !told {
			say("waiting for another call that holds %s", path)
		}
		select {
		case <-ctx.Done():
			file.Close()
			return nil, ctx.Err()
		case <-time.After(100 * time.Millisecond):
		}
	}
}
