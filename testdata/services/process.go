package main

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io/fs"
	"os"
	"os/exec"
	"path/filepath"
	"slices"
	"strconv"
	"strings"
	"syscall"
	"time"
)

// server is one server of a run folder. Its exported fields are kept beside
// its data, so that a later call finds it again.
type server struct {
	Name    string
	Version string
	Home    string         // the unpacked server
	Java    string         // JAVA_HOME
	Ports   map[string]int // by what listens there

	dir    string // run/NAME: configuration, data, pid
	log    string
	certs  string
	nobody bool // root must not run it
	product
}

// product is what differs between servers.
type product interface {
	// unpack gives the version that is wanted and its folder, fetched if need be.
	unpack(ctx context.Context, f *folders) (version, home string, err error)
	// prepare fills the server's empty folder.
	prepare(ctx context.Context, s *server) error
	// command gives arguments and environment; an argument names the server's
	// folder, by which its processes are known.
	command(s *server) (args, env []string)
	// answers is nil when the server does its work.
	answers(ctx context.Context, s *server) error
	// lines gives NAME=value for the environment of tests.
	lines(s *server) []string
}

func (s *server) save() error {
	b, err := json.MarshalIndent(s, "", "\t")
	if err != nil {
		return err
	}
	path := filepath.Join(s.dir, "server.json")
	if err := os.WriteFile(path+".part", b, 0o644); err != nil {
		return err
	}
	return os.Rename(path+".part", path)
}

// load finds what an earlier call saved; false when there is nothing whole.
func (s *server) load() bool {
	b, err := os.ReadFile(filepath.Join(s.dir, "server.json"))
	return err == nil && json.Unmarshal(b, s) == nil && s.Ports != nil
}

// as gives whom the server runs as: nil is who calls.
func (s *server) as() *syscall.Credential {
	if s.nobody && os.Geteuid() == 0 {
		return &syscall.Credential{Uid: 65534, Gid: 65534}
	}
	return nil
}

// launch starts the server in a session of its own. The process writes its id
// before it becomes the server, so one that outlives a killed call is found.
func (s *server) launch() (ended <-chan error, err error) {
	args, env := s.command(s)
	log, err := os.OpenFile(s.log, os.O_CREATE|os.O_WRONLY|os.O_APPEND, 0o644)
	if err != nil {
		return nil, err
	}
	defer log.Close()
	cmd := exec.Command("/bin/sh", append([]string{"-c", `echo $$ >"$0"; exec "$@"`, s.pidFile()}, args...)...)
	cmd.Dir, cmd.Env, cmd.Stdout, cmd.Stderr = s.dir, append(os.Environ(), env...), log, log
	cmd.SysProcAttr = &syscall.SysProcAttr{Setsid: true, Credential: s.as()}
	if err := cmd.Start(); err != nil {
		return nil, fmt.Errorf("%s: start: %w", s.Name, err)
	}
	end := make(chan error, 1)
	go func() { end <- cmd.Wait() }() // lasts as long as this call at most
	return end, nil
}

// up launches the server and waits until it answers.
func (s *server) up(ctx context.Context) error {
	began := time.Now()
	ended, err := s.launch()
	if err != nil {
		return err
	}
	if err := s.wait(ctx, ended); ctx.Err() != nil {
		return fmt.Errorf("%s: %w", s.Name, ctx.Err())
	} else if err != nil {
		return fmt.Errorf("%s %s: %w\nthe end of %s:\n%s", s.Name, s.Version, err, s.log, s.lastWords())
	}
	say("%s %s answers after %s", s.Name, s.Version, since(began))
	return nil
}

func (s *server) wait(ctx context.Context, ended <-chan error) error {
	limited, cancel := context.WithTimeout(ctx, 3*time.Minute)
	defer cancel()
	for {
		try, done := context.WithTimeout(limited, 10*time.Second)
		err := s.answers(try, s)
		done()
		if err == nil {
			return nil
		}
		select {
		case end := <-ended:
			return fmt.Errorf("ended before it answered: %v", end)
		case <-limited.Done():
			return fmt.Errorf("did not answer in time: %w", err)
		case <-time.After(100 * time.Millisecond):
		}
	}
}

func (s *server) lastWords() string {
	b, err := os.ReadFile(s.log)
	if err != nil {
		return err.Error()
	}
	return tail(string(b), 30)
}

func (s *server) pidFile() string { return filepath.Join(s.dir, "pid") }

// processes gives the live processes of the server: those of the session that
// launch made, as far as they name the server's folder. Neither a pid that
// another program has by now nor a dead one that nobody reaped is among them.
func (s *server) processes() []int {
	b, err := os.ReadFile(s.pidFile())
	if err != nil {
		return nil
	}
	session := strings.TrimSpace(string(b))
	stats, _ := filepath.Glob("/proc/[0-9]*/stat")
	var pids []int
	for _, stat := range stats {
		pid, err := strconv.Atoi(filepath.Base(filepath.Dir(stat)))
		if err == nil && sessionOf(pid) == session && s.owns(pid) {
			pids = append(pids, pid)
		}
	}
	return pids
}

// sessionOf reads /proc/PID/stat, "PID (name) state parent group session ...";
// "" is a process that has ended. One whose first thread has ended still holds
// its ports until the last one has.
func sessionOf(pid int) string {
	b, _ := os.ReadFile(fmt.Sprintf("/proc/%d/stat", pid))
	_, rest, _ := strings.Cut(string(b), ") ")
	words := strings.Fields(rest)
	if len(words) < 4 {
		return ""
	}
	if words[0] == "Z" || words[0] == "X" {
		if threads, _ := os.ReadDir(fmt.Sprintf("/proc/%d/task", pid)); len(threads) < 2 {
			return ""
		}
	}
	return words[3]
}

func (s *server) owns(pid int) bool {
	b, err := os.ReadFile(fmt.Sprintf("/proc/%d/cmdline", pid))
	return err == nil && slices.ContainsFunc(strings.Split(string(b), "\x00"), func(arg string) bool {
		return strings.Contains(arg, s.dir+"/")
	})
}

// signal sends signals to every process of the server and gives which they were.
func (s *server) signal(signals ...syscall.Signal) ([]int, error) {
	pids := s.processes()
	for _, pid := range pids {
		for _, sig := range signals {
			if err := syscall.Kill(pid, sig); err != nil && !errors.Is(err, syscall.ESRCH) {
				return nil, fmt.Errorf("%s: send %v to %d: %w", s.Name, sig, pid, err)
			}
		}
	}
	return pids, nil
}

// down ends the server: gently first unless hard. A paused one is woken to hear it.
func (s *server) down(hard bool) error {
	if !hard {
		pids, err := s.signal(syscall.SIGTERM, syscall.SIGCONT)
		if err != nil {
			return err
		}
		if s.gone(pids) {
			return nil
		}
		say("%s did not end within 10 s of TERM: killing it", s.Name)
	}
	pids, err := s.signal(syscall.SIGKILL)
	if err != nil {
		return err
	}
	if !s.gone(pids) {
		return fmt.Errorf("%s: processes %v do not end", s.Name, s.processes())
	}
	return nil
}

// gone waits up to 10 s until these processes have ended, and what they may
// have started meanwhile.
func (s *server) gone(pids []int) bool {
	for end := time.Now().Add(10 * time.Second); ; time.Sleep(20 * time.Millisecond) {
		pids = slices.DeleteFunc(pids, func(pid int) bool { return sessionOf(pid) == "" })
		if len(pids) == 0 && len(s.processes()) == 0 {
			return true
		}
		if time.Now().After(end) {
			return false
		}
	}
}

// fresh ends what runs in the server's folder and empties it.
func (s *server) fresh() error {
	if err := s.down(false); err != nil {
		return err
	}
	if err := os.RemoveAll(s.dir); err != nil {
		return err
	}
	if err := os.Rename(s.log, s.log+".old"); err != nil && !errors.Is(err, fs.ErrNotExist) {
		return err
	}
	return os.MkdirAll(s.dir, 0o755)
}
