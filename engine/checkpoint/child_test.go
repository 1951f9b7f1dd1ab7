package checkpoint

import (
	"bufio"
	"fmt"
	"math/rand/v2"
	"os"
	"os/exec"
	"path/filepath"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/seed-843b225c/reflex/engine"
)

// child opens a folder and appends and commits until it is killed. It says
// what was acknowledged: "a N" for the group of records that starts with N,
// "c N" for a commit, "l N" for a lazy one.
func child(dir string) {
	d, err := Open(dir, small())
	if err != nil {
		fmt.Println("open:", err)
		return
	}
	fmt.Println("notes", strings.Join(d.Notes, "; "))
	v, _, err := d.Store.Get([]byte("last"))
	next := 0
	if len(v) > 0 {
		_, err = fmt.Sscan(string(v), &next)
	}
	for n := next + 1; err == nil; n++ {
		if err = childTurn(d, n); err == nil && n%40 == 0 {
			err = d.Store.Backup()
		}
	}
	fmt.Println("error:", err)
}

// childTurn appends a group of three records and commits the number of it, once
// among many keys and once at the end, so that a commit seen in part shows.
func childTurn(d *Dir, n int) error {
	var group [][]byte
	for i := range 3 {
		group = append(group, fmt.Appendf(nil, "record %d %d %s", n, i, strings.Repeat("y", n%300)))
	}
	if _, err := d.Log.Append(group...); err != nil {
		return err
	}
	fmt.Println("a", n)
	b := d.Store.NewBatch()
	b.DeleteRange([]byte("k"), []byte("l"))
	for i := range 20 {
		b.Set(fmt.Appendf(nil, "k%02d", i), fmt.Appendf(nil, "%d", n))
	}
	b.Set([]byte("last"), fmt.Appendf(nil, "%d", n))
	if n%5 == 0 {
		if err := d.Store.CommitLazy(b); err != nil {
			return err
		}
		fmt.Println("l", n)
		return d.Log.Trim(d.Log.End() - 9000)
	}
	if err := d.Store.Commit(b); err != nil {
		return err
	}
	fmt.Println("c", n)
	return nil
}

// startChild gives a running child and what it prints.
func startChild(t *testing.T, dir string) (*exec.Cmd, *bufio.Scanner) {
	t.Helper()
	cmd := exec.CommandContext(t.Context(), os.Args[0])
	cmd.Env = append(os.Environ(), "CHECKPOINT_CHILD="+dir)
	out, err := cmd.StdoutPipe()
	if err == nil {
		err = cmd.Start()
	}
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { _ = cmd.Process.Kill(); _ = cmd.Wait() })
	return cmd, bufio.NewScanner(out)
}

// A process killed at any moment loses nothing it was told was written, and
// leaves nothing that is there in part.
func TestKilledProcessLosesNothing(t *testing.T) {
	dir, rounds := t.TempDir(), 40
	if testing.Short() {
		rounds = 8
	}
	appended, committed := 0, 0
	for round := range rounds {
		cmd, out := startChild(t, dir)
		wait := time.Duration(rand.IntN(60)) * time.Millisecond
		timer := time.AfterFunc(time.Hour, func() { _ = cmd.Process.Kill() })
		for out.Scan() {
			what, n := "", 0
			if _, err := fmt.Sscan(out.Text(), &what, &n); err != nil {
				if strings.TrimSpace(out.Text()) != "notes" {
					t.Fatalf("round %d: child says %q", round, out.Text())
				}
				timer.Reset(wait) // it has opened
				continue
			}
			if what == "a" {
				appended = n
			} else {
				committed = n
			}
		}
		_ = cmd.Wait()
		timer.Stop()
		checkAfterKill(t, dir, appended, committed)
	}
	if committed < rounds {
		t.Errorf("only %d commits in %d rounds", committed, rounds)
	}
}

func checkAfterKill(t *testing.T, dir string, appended, committed int) {
	t.Helper()
	d := open(t, dir, small())
	defer shut(t, d)
	state := dump(t, d.Store)
	last := 0
	if v, ok, _ := d.Store.Get([]byte("last")); ok {
		_, _ = fmt.Sscan(string(v), &last)
		var want strings.Builder
		for i := range 20 {
			fmt.Fprintf(&want, "k%02d=%d ", i, last)
		}
		if fmt.Fprintf(&want, "last=%d", last); state != want.String() {
			t.Errorf("a commit is there in part: %s", state)
		}
	}
	if last < committed {
		t.Errorf("commit %d was acknowledged, the store has %d", committed, last)
	}
	var got []string
	for _, e := range readAll(t, d.Log, 0) {
		f := strings.Fields(string(e.Data))
		got = append(got, f[1]+"."+f[2])
	}
	if len(got) == 0 {
		if appended > 0 {
			t.Errorf("record %d was acknowledged, the log is empty", appended)
		}
		return
	}
	first, end := 0, 0
	_, _ = fmt.Sscanf(got[0], "%d.", &first)
	_, _ = fmt.Sscanf(got[len(got)-1], "%d.2", &end)
	if end < appended || end < last || len(got)%3 != 0 {
		t.Errorf("the log ends with %q of %d records; %d was acknowledged, %d committed", got[len(got)-1], len(got), appended, last)
	}
	// an append that was not followed by its commit happens again
	if !slices.IsSortedFunc(got, func(a, b string) int {
		var x, y, i, j int
		_, _ = fmt.Sscanf(a, "%d.%d", &x, &i)
		_, _ = fmt.Sscanf(b, "%d.%d", &y, &j)
		if x == y {
			return 0
		}
		return x - y
	}) {
		t.Errorf("the log is not in order from %d on: %v", first, got)
	}
}

func TestLockNamesItsHolderAndFallsWithIt(t *testing.T) {
	dir := t.TempDir()
	cmd, out := startChild(t, dir)
	if !out.Scan() || !strings.HasPrefix(out.Text(), "notes") {
		t.Fatalf("child says %q", out.Text())
	}
	o := small()
	o.lockWait = 50 * time.Millisecond
	_, err := Open(dir, o)
	kindIs(t, err, engine.Fatal, dir, fmt.Sprintf("process %d", cmd.Process.Pid), "stop that one first")
	// the kill comes while the next start finds the lock held
	o = small()
	o.lockWait = time.Minute
	o.held = func() { _ = cmd.Process.Kill() }
	d := open(t, dir, o)
	noted(t, d.Notes, fmt.Sprintf("held by another process (process %d) that was ending", cmd.Process.Pid))
	_ = cmd.Wait()
	_, err = Open(dir, small())
	kindIs(t, err, engine.Fatal, fmt.Sprintf("process %d", os.Getpid()))
	shut(t, d)
	open(t, dir, small())
}

// TestLockThatCannotBeMade blames the disk, not another process.
func TestLockThatCannotBeMade(t *testing.T) {
	dir := t.TempDir()
	if err := os.Mkdir(filepath.Join(dir, "LOCK"), 0o755); err != nil {
		t.Fatal(err)
	}
	_, err := Open(dir, Options{})
	if err == nil || strings.Contains(err.Error(), "another") || !strings.Contains(err.Error(), "is a directory") {
		t.Errorf("got %v", err)
	}
}
