package main

import (
	"os/exec"
	"strings"
	"testing"
)

func summarize(t *testing.T, in string) (out string, ok bool) {
	t.Helper()
	cmd := exec.Command("awk", "-f", "summary.awk")
	cmd.Stdin = strings.NewReader(in)
	b, err := cmd.CombinedOutput()
	if _, exited := err.(*exec.ExitError); err != nil && !exited {
		t.Fatal(err)
	}
	return string(b), err == nil
}

func TestSummaryShowsClosingLinesAlone(t *testing.T) {
	out, ok := summarize(t, "=== RUN   TestA\n    a_test.go:3: chatter\n--- PASS: TestA (0.00s)\nPASS\nok  \texample.org/a\t0.1s\n?   \texample.org/b\t[no test files]\n")
	if want := "ok  \texample.org/a\t0.1s\n?   \texample.org/b\t[no test files]\n"; out != want || !ok {
		t.Errorf("got %q, %v; want %q", out, ok, want)
	}
}

func TestSummaryFailsOnSkippedTests(t *testing.T) {
	in := "=== RUN   TestA\n=== RUN   TestA/row\n    a_test.go:3: X is not set\n--- PASS: TestA (0.00s)\n    --- SKIP: TestA/row (0.00s)\nPASS\nok  \texample.org/a\t0.1s\n"
	out, ok := summarize(t, in)
	if want := "ok  \texample.org/a\t0.1s\nSKIP\texample.org/a\tTestA/row: a_test.go:3: X is not set\n"; !strings.HasPrefix(out, want) || ok {
		t.Errorf("got %q, %v; want %q", out, ok, want)
	}
}

func TestSummaryShowsAllThatAFailedPackageSaid(t *testing.T) {
	in := "=== RUN   TestA\n    a_test.go:3: got 1\n--- FAIL: TestA (0.00s)\n=== RUN   TestB\n--- PASS: TestB (0.00s)\nFAIL\nFAIL\texample.org/a\t0.1s\nok  \texample.org/b\t0.1s\nFAIL\n"
	out, _ := summarize(t, in)
	if want := "    a_test.go:3: got 1\n--- FAIL: TestA (0.00s)\nFAIL\nFAIL\texample.org/a\t0.1s\nok  \texample.org/b\t0.1s\n"; out != want {
		t.Errorf("got %q, want %q", out, want)
	}
}
