// Command services runs real servers for tests, on 127.0.0.1 only: one Kafka
// node, one plain Elasticsearch node and one with TLS and users. They come from
// Maven's repository, unpacked once into the folder REFLEX_SERVICES. What one
// start brought up lives in a run folder (REFLEX_SERVICES_RUN, else "run" in
// that folder): configuration, data, certificates, logs. One run folder holds
// one of each server, so who needs servers of their own names another folder.
//
//	services start              brings up what does not answer, prints NAME=value lines
//	services stop               ends all, removes data, keeps run/logs
//	services SERVER VERB        SERVER: kafka, elastic, elastic-tls
//	                            VERB:   stop (TERM, then KILL after 10 s), kill (KILL), start, restart,
//	                                    pause (SIGSTOP), resume (SIGCONT); data and ports stay
//
// The folder REFLEX_TEST_SERVICES holds the last form as executables, so a test
// says `$REFLEX_TEST_SERVICES/kafka restart`; the call returns when it is done.
//
// REFLEX_KAFKA_VERSION and REFLEX_ELASTIC_VERSION name other versions, for the
// day on which one is not served: 3.9.2 and 8.19.4 are known to work.
//
// Kafka's users are alice (may do anything) and bob (may do nothing until a test
// gives him an ACL), with the passwords alice-secret and bob-secret, over
// PLAIN, SCRAM-SHA-256 and SCRAM-SHA-512. The SSL listener wants the client's
// certificate. Elasticsearch's users are admin (superuser) and reflex (the role
// of connectors/OPERATING.md), both with the printed password. The node with
// TLS takes requests of 1 MB at most, so that a test can meet a 413.
package main

import (
	"context"
	"fmt"
	"os"
	"os/signal"
	"path/filepath"
	"strings"
	"syscall"
)

func main() {
	if self, err := os.Executable(); err == nil && strings.HasPrefix(filepath.Base(self), "services.") {
		os.Remove(self) // build.sh made it for this call
	}
	syscall.Umask(0o022) // another user runs Elasticsearch and must be able to read
	ctx, stop := signal.NotifyContext(context.Background(), os.Interrupt, syscall.SIGTERM)
	defer stop()
	if err := run(ctx, os.Args[1:]); err != nil {
		fmt.Fprintln(os.Stderr, "services:", err)
		os.Exit(1)
	}
}

func run(ctx context.Context, args []string) error {
	f, err := openFolders()
	if err != nil {
		return err
	}
	lock, err := lockFile(ctx, f.in("lock"))
	if err != nil {
		return err
	}
	defer lock.Close()
	switch {
	case len(args) == 1 && args[0] == "start":
		return start(ctx, f)
	case len(args) == 1 && args[0] == "stop":
		return stopAll(f)
	case len(args) == 2:
		return control(ctx, f, args[0], args[1])
	}
	return fmt.Errorf("usage: services start | stop | SERVER VERB")
}

// say tells the person who waits; stdout is for addresses alone.
func say(format string, args ...any) { fmt.Fprintf(os.Stderr, "services: "+format+"\n", args...) }
