// Command reflex detects attacks on the pipelines that build and run AI
// systems: it reads their logs, evaluates rules and shows incidents.
package main

import (
	"context"
	"errors"
	"fmt"
	"io"
	"os"
	"os/signal"
	"syscall"
	"time"
)

// The exit codes that scripts rely on.
const (
	exitDone    = 0 // done
	exitPartial = 1 // done, but something could not be read or was refused; or a rule test failed
	exitUsage   = 2 // usage, rules or configuration wrong: nothing was run
	exitAlert   = 3 // --fail-on was given and an alert reached the level
)

func main() {
	os.Exit(process())
}

// twice is how soon a second interrupt is the first one again: timeout(1) and
// others tell the process and then its group.
const twice = 500 * time.Millisecond

// process is main without its exit. The first interrupt ends the run in order,
// a second one later kills. Who closes our output early (| head) has seen enough:
// files that were asked for are still written.
func process() int {
	signal.Ignore(syscall.SIGPIPE)
	ctx, stop := signal.NotifyContext(context.Background(), os.Interrupt, syscall.SIGTERM)
	defer stop()
	context.AfterFunc(ctx, func() { time.AfterFunc(twice, stop) })
	return run(ctx, os.Args[1:], os.Stdin, os.Stdout, os.Stderr)
}

// run is the program without its process: tests call it with their own streams.
func run(ctx context.Context, args []string, stdin io.Reader, stdout, stderr io.Writer) int {
	app := &app{stdin: interruptible(ctx, stdin), out: newPrinter(stdout), err: newPrinter(stderr)}
	root := app.root()
	root.SetArgs(args)
	root.SetOut(app.out)
	root.SetErr(app.err)
	code := app.exit(root.ExecuteContext(ctx))
	if err := app.out.failed; err != nil {
		fmt.Fprintf(stderr, "reflex: the results could not be written to standard output: %v\n", err)
		code = max(code, exitPartial)
	}
	return code
}

// exit says what went wrong and gives the exit code.
func (a *app) exit(err error) int {
	var code exitError
	switch {
	case err == nil:
		return exitDone
	case errors.As(err, &code):
		if code.err != nil {
			fmt.Fprintf(a.err, "reflex: %v\n", code.err)
		}
		return code.code
	}
	fmt.Fprintf(a.err, "reflex: %v\n", err)
	return exitUsage
}

// exitError ends a command with a code; err, when not nil, is still to be said.
type exitError struct {
	code int
	err  error
}

func (e exitError) Error() string { return fmt.Sprintf("exit %d: %v", e.code, e.err) }
func (e exitError) Unwrap() error { return e.err }

// usage makes the error for what the user can mend before anything runs.
func usage(format string, args ...any) error {
	return exitError{exitUsage, fmt.Errorf(format, args...)}
}
