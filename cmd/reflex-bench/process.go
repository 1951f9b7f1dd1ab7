package main

import (
	"bufio"
	"encoding/json"
	"fmt"
	"io"
	"os"
	"os/exec"
	"runtime"
	"strconv"
	"strings"
	"time"
)

// role is this program in another process: what it plays, pinned to a core.
type role struct {
	cmd   *exec.Cmd
	stdin io.WriteCloser
	out   *bufio.Reader
}

// start starts a role. core -1: any. procs is GOMAXPROCS.
func start(name string, spec any, core, procs int) (*role, error) {
	self, err := os.Executable()
	if err != nil {
		return nil, err
	}
	text, err := json.Marshal(spec)
	if err != nil {
		return nil, err
	}
	args := []string{self, "role", name, string(text)}
	if path, err := exec.LookPath("taskset"); err == nil && core >= 0 {
		args = append([]string{path, "-c", strconv.Itoa(core)}, args...)
	}
	r := &role{cmd: exec.Command(args[0], args[1:]...)}
	r.cmd.Env = append(os.Environ(), "GOMAXPROCS="+strconv.Itoa(procs))
	r.cmd.Stderr = os.Stderr
	if r.stdin, err = r.cmd.StdinPipe(); err != nil {
		return nil, err
	}
	out, err := r.cmd.StdoutPipe()
	if err != nil {
		return nil, err
	}
	r.out = bufio.NewReader(out)
	return r, r.cmd.Start()
}

// line waits for the next line that the role prints.
func (r *role) line() (string, error) {
	s, err := r.out.ReadString('\n')
	if err != nil {
		return "", fmt.Errorf("%s ended: %w", r.cmd.Args[len(r.cmd.Args)-2], err)
	}
	return strings.TrimSpace(s), nil
}

// answer waits for the role's result and its end.
func (r *role) answer(into any) error {
	err := json.NewDecoder(r.out).Decode(into)
	if end := r.cmd.Wait(); end != nil {
		return fmt.Errorf("%s: %w", r.cmd.Args[len(r.cmd.Args)-2], end)
	}
	return err
}

// end tells the role that nothing more comes.
func (r *role) end() { _ = r.stdin.Close() }

// stop ends the role and waits for it; what it still says is of no use.
func (r *role) stop() {
	r.end()
	_, _ = io.Copy(io.Discard, r.out)
	_ = r.cmd.Wait()
}

// cpuTime gives what a running role has used, to the system's clock tick.
func (r *role) cpuTime() time.Duration {
	stat, _ := os.ReadFile(fmt.Sprintf("/proc/%d/stat", r.cmd.Process.Pid))
	_, rest, _ := strings.Cut(string(stat), ") ")
	f := strings.Fields(rest)
	if len(f) < 13 {
		return 0
	}
	user, _ := strconv.Atoi(f[11])
	system, _ := strconv.Atoi(f[12])
	return time.Duration(user+system) * (time.Second / 100)
}

// cores gives the core for what is measured and the one for the rest.
func cores() (measured, rest int) {
	if runtime.NumCPU() < 2 {
		return 0, 0
	}
	return 0, 1
}
