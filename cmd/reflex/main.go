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
)

// The exit codes that scripts rely on.
const (
	exitDone    = 0 // done
	exitPartial = 1 // done, but something could not be read or was refused; or a rule test failed
	exitUsage   = 2 // usage, rules or configuration wrong: nothing was run
	exitAlert   = 3 // --fail-on was given and an alert reached the level
)

func main() {
	ctx, stop := signal.NotifyContext(context.Background(), os.Interrupt, syscall.SIGTERM)
	code := run(ctx, os.Args[1:], os.Stdin, os.Stdout, os.Stderr)
	stop()
	os.Exit(code)
}

// run is the program without its process: tests call it with their own streams.
func run(ctx context.Context, args []string, stdin io.Reader, stdout, stderr io.Writer) int {
	app := &app{stdin: stdin, out: newPrinter(stdout), err: newPrinter(stderr)}
	root := app.root()
	root.SetArgs(args)
	root.SetOut(stdout)
	root.SetErr(stderr)
	err := root.ExecuteContext(ctx)
	var code exitError
	switch {
	case err == nil:
		return exitDone
	case errors.As(err, &code):
		if code.err != nil {
			fmt.Fprintf(stderr, "reflex: %v\n", code.err)
		}
		return code.code
	}
	fmt.Fprintf(stderr, "reflex: %v\n", err)
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
