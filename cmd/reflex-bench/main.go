// Command reflex-bench measures whole processes: it writes CloudTrail-like
// events of realistic sizes and 10, 100 and 1,000 mixed rules, runs Reflex and
// the yardstick on them with one core each, checks that both counted the same
// matches for every rule, and prints events/s, MB/s, allocations, peak memory,
// the ratio to the yardstick and the time, the first row being 1. It never fails on a time, only on a difference.
//
// The yardstick is the plain Go loop anyone would write first: encoding/json
// into a map, then every condition on expr's VM.
//
//	reflex-bench           files to alerts, against the yardstick
//	reflex-bench kafka     a topic to alerts: Reflex on one core, a broker with canned batches on another
//	reflex-bench latency   from a record's append until its alert is acknowledged, at a steady rate;
//	                       with REFLEX_TEST_KAFKA and REFLEX_TEST_ELASTIC through real ones
//
// Other processes are this program again, in a role of its own (roles.go).
package main

import (
	"encoding/json"
	"flag"
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"runtime"
	"slices"
	"strconv"
	"strings"

	"github.com/seed-843b225c/reflex/engine/story"
)

func main() {
	if len(os.Args) == 4 && os.Args[1] == "yardstick" {
		exit(yardstick(os.Args[2], os.Args[3]))
	}
	if len(os.Args) > 1 {
		switch os.Args[1] {
		case "kafka":
			exit(kafkaMain(os.Args[2:]))
		case "latency":
			exit(latencyMain(os.Args[2:]))
		case "role":
			exit(play(os.Args[2], os.Args[3]))
		}
	}
	events := flag.Int("events", 200_000, "CloudTrail-like events for Reflex")
	slow := flag.Int("yardstick-events", 20_000, "how many of them the yardstick gets: it is slow")
	rounds := flag.Int("rounds", 3, "runs of each; medians are printed")
	ruleCounts := flag.String("rules", "10,100,1000", "how many rules")
	flag.Parse()
	exit(bench(*events, *slow, *rounds, *ruleCounts))
}

func exit(err error) {
	if err != nil {
		fmt.Fprintf(os.Stderr, "reflex-bench: %v\n", err)
		os.Exit(1)
	}
	os.Exit(0)
}

func bench(events, slow, rounds int, counts string) error {
	dir, err := os.MkdirTemp("", "reflex-bench")
	if err != nil {
		return err
	}
	defer os.RemoveAll(dir)
	reflex := filepath.Join(dir, "reflex")
	build := exec.Command("go", "build", "-o", reflex, "github.com/seed-843b225c/reflex/cmd/reflex")
	build.Stderr = os.Stderr
	if err := build.Run(); err != nil {
		return fmt.Errorf("build reflex: %w", err)
	}
	full, part := filepath.Join(dir, "events.ndjson"), filepath.Join(dir, "part.ndjson")
	bytes, err := generate(full, events)
	if err != nil {
		return err
	}
	if _, err := generate(part, slow); err != nil {
		return err
	}
	fmt.Printf("%s, %s, %d events of %d bytes on average, one core each, medians of %d\n\n", cpu(), runtime.Version(), events, bytes/int64(events), rounds)
	fmt.Printf("%6s  %-10s %12s %9s %14s %12s %8s %7s\n", "rules", "", "events/s", "MB/s", "allocs/event", "peak memory", "ratio", "time")
	var sizes []int
	for _, field := range strings.Split(counts, ",") {
		n, err := strconv.Atoi(strings.TrimSpace(field))
		if err != nil {
			return err
		}
		if err := os.Mkdir(ruleDir(dir, n), 0o755); err != nil {
			return err
		}
		if err := os.WriteFile(filepath.Join(ruleDir(dir, n), "rules.yml"), story.BenchRules(n), 0o644); err != nil {
			return err
		}
		if err := same(reflex, ruleDir(dir, n), part); err != nil {
			return err
		}
		sizes = append(sizes, n)
	}
	fast, yard := make([][]run, len(sizes)), make([][]run, len(sizes))
	for range rounds { // everything in turn, so that a slow minute of the machine hits all of it
		for i, n := range sizes {
			f, err := runReflex(reflex, ruleDir(dir, n), full)
			if err != nil {
				return err
			}
			fast[i] = append(fast[i], f)
		}
		for i, n := range sizes {
			y, err := runYardstick(ruleDir(dir, n), part)
			if err != nil {
				return err
			}
			yard[i] = append(yard[i], y)
		}
	}
	perByte, first := float64(bytes)/float64(events), median(fast[0])
	for i, n := range sizes {
		f, y := median(fast[i]), median(yard[i])
		fmt.Printf("%6d  %-10s %12.0f %9.0f %14.2f %9.1f MB %7.1fx %6.2fx\n", n, "reflex", f.Rate, f.Rate*perByte/1e6, f.Allocs, float64(f.Peak)/1e6, f.Rate/y.Rate, f.Seconds/first.Seconds)
		fmt.Printf("%6s  %-10s %12.0f %9.0f %14.2f %9.1f MB\n", "", "yardstick", y.Rate, y.Rate*perByte/1e6, y.Allocs, float64(y.Peak)/1e6)
	}
	return nil
}

func ruleDir(dir string, rules int) string { return filepath.Join(dir, strconv.Itoa(rules)) }

func generate(path string, n int) (int64, error) {
	f, err := os.Create(path)
	if err != nil {
		return 0, err
	}
	if err := story.CloudTrailLines(1, n, f); err != nil {
		return 0, err
	}
	info, err := f.Stat()
	if err != nil {
		return 0, err
	}
	return info.Size(), f.Close()
}

// run is what one process did.
type run struct {
	Events  int64            `json:"events"`
	Seconds float64          `json:"seconds"`
	Rate    float64          `json:"rate"`
	Allocs  float64          `json:"allocs_per_event"`
	Peak    int64            `json:"peak"`
	Matches map[string]int64 `json:"matches"`
}

func median(runs []run) run {
	slices.SortFunc(runs, func(a, b run) int { return int(a.Rate - b.Rate) })
	return runs[len(runs)/2]
}

// same fails unless Reflex and the yardstick count the same matches.
func same(reflex, rules, events string) error {
	f, err := runReflex(reflex, rules, events)
	if err != nil {
		return err
	}
	y, err := runYardstick(rules, events)
	if err != nil {
		return err
	}
	total := int64(0)
	for id, n := range y.Matches {
		total += n
		if f.Matches[id] != n {
			return fmt.Errorf("rule %s: reflex counted %d matches, the yardstick %d", id, f.Matches[id], n)
		}
	}
	if total == 0 || len(f.Matches) != len(y.Matches) {
		return fmt.Errorf("%d matches in %d rules against %d rules: nothing was compared", total, len(f.Matches), len(y.Matches))
	}
	return nil
}

func runReflex(reflex, rules, events string) (run, error) {
	var stats struct {
		Events  map[string]int64 `json:"events"`
		Rules   map[string]struct{ Matches int64 }
		Seconds float64
		Peak    int64 `json:"peak_memory_bytes"`
		Mallocs int64
	}
	if err := child(&stats, reflex, "replay", "--rules", rules, "--stats", "-", events); err != nil {
		return run{}, err
	}
	r := run{Seconds: stats.Seconds, Peak: stats.Peak, Matches: map[string]int64{}}
	for _, n := range stats.Events {
		r.Events += n
	}
	for id, s := range stats.Rules {
		r.Matches[id] = s.Matches
	}
	r.Rate, r.Allocs = float64(r.Events)/r.Seconds, float64(stats.Mallocs)/float64(r.Events)
	return r, nil
}

func runYardstick(rules, events string) (r run, err error) {
	self, err := os.Executable()
	if err != nil {
		return r, err
	}
	return r, child(&r, self, "yardstick", rules, events)
}

// child runs a process on one core and decodes the JSON it prints.
func child(into any, name string, args ...string) error {
	if path, err := exec.LookPath("taskset"); err == nil {
		name, args = path, append([]string{"-c", "0", name}, args...)
	}
	cmd := exec.Command(name, args...)
	cmd.Env = append(os.Environ(), "GOMAXPROCS=1")
	cmd.Stderr = os.Stderr
	out, err := cmd.Output()
	if err != nil {
		return fmt.Errorf("%s: %w", strings.Join(cmd.Args, " "), err)
	}
	return json.Unmarshal(out, into)
}

func cpu() string {
	info, _ := os.ReadFile("/proc/cpuinfo")
	for line := range strings.Lines(string(info)) {
		if k, v, ok := strings.Cut(line, ":"); ok && strings.TrimSpace(k) == "model name" {
			return strings.TrimSpace(v)
		}
	}
	return runtime.GOARCH
}
