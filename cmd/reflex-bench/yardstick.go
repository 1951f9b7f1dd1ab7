package main

import (
	"bufio"
	"encoding/json"
	"fmt"
	"net/netip"
	"os"
	"path/filepath"
	"runtime"
	"strconv"
	"strings"
	"time"

	"github.com/expr-lang/expr"
	"github.com/expr-lang/expr/vm"

	"github.com/seed-843b225c/reflex/engine/rule"
)

// yardstick is the plain Go loop: each line into a map with encoding/json, the
// few ECS names beside it, then every condition on expr's VM. An expression
// that errs (a missing field compared, a missing parent) is no match. It
// prints what it counted: the oracle of Reflex's counts.
func yardstick(rules, events string) error {
	pack, mistakes := rule.Load(os.DirFS(filepath.Dir(rules)), filepath.Base(rules))
	if err := mistakes.Err(); err != nil {
		return err
	}
	loop, err := newPlainLoop(pack)
	if err != nil {
		return err
	}
	f, err := os.Open(events)
	if err != nil {
		return err
	}
	defer f.Close()
	var before, after runtime.MemStats
	runtime.ReadMemStats(&before)
	started, n := time.Now(), int64(0)
	lines := bufio.NewScanner(f)
	lines.Buffer(make([]byte, 1<<20), 1<<20)
	for lines.Scan() {
		if err := loop.take(lines.Bytes()); err != nil {
			return err
		}
		n++
	}
	if err := lines.Err(); err != nil {
		return err
	}
	seconds := time.Since(started).Seconds()
	runtime.ReadMemStats(&after)
	r := run{Events: n, Seconds: seconds, Rate: float64(n) / seconds, Peak: peak(), Matches: loop.matches,
		Allocs: float64(after.Mallocs-before.Mallocs) / float64(n)}
	return json.NewEncoder(os.Stdout).Encode(r)
}

// plainLoop is what the yardstick does with each record.
type plainLoop struct {
	conditions []condition
	machine    vm.VM
	matches    map[string]int64            // by rule
	locate     func(source map[string]any) // adds what is known of source.ip; nil: nothing
}

// condition is one of a rule: its own, or a step's.
type condition struct {
	rule    string
	program *vm.Program
}

func newPlainLoop(pack *rule.Pack) (*plainLoop, error) {
	l := &plainLoop{matches: map[string]int64{}}
	for _, r := range pack.Rules {
		texts := []string{r.When.Value}
		if r.Sequence != nil {
			texts = nil
			for _, s := range r.Sequence.Steps {
				if s.When.Value != "" { // else it takes the points of a rule
					texts = append(texts, s.When.Value)
				}
			}
		}
		l.matches[r.ID] = 0
		for _, text := range texts {
			p, err := expr.Compile(text, expr.AllowUndefinedVariables(), expr.AsBool(), cidr())
			if err != nil {
				return nil, fmt.Errorf("rule %s: %w", r.ID, err)
			}
			l.conditions = append(l.conditions, condition{r.ID, p})
		}
	}
	return l, nil
}

func (l *plainLoop) take(line []byte) error {
	var record map[string]any
	if err := json.Unmarshal(line, &record); err != nil {
		return err
	}
	env := environment(record)
	if l.locate != nil {
		l.locate(env["source"].(map[string]any))
	}
	for _, c := range l.conditions {
		if hit, err := l.machine.Run(c.program, env); err == nil && hit == true {
			l.matches[c.rule]++
		}
	}
	return nil
}

// environment gives a CloudTrail record the ECS names that conditions use.
func environment(r map[string]any) map[string]any {
	identity, _ := r["userIdentity"].(map[string]any)
	session, _ := identity["sessionContext"].(map[string]any)
	issuer, _ := session["sessionIssuer"].(map[string]any)
	user := identity["userName"]
	if user == nil {
		user = issuer["userName"]
	}
	outcome := "success"
	if r["errorCode"] != nil || r["errorMessage"] != nil {
		outcome = "failure"
	}
	source := map[string]any{"address": r["sourceIPAddress"]}
	if s, ok := r["sourceIPAddress"].(string); ok {
		if _, err := netip.ParseAddr(s); err == nil {
			source["ip"] = s
		}
	}
	return map[string]any{
		"event":      map[string]any{"action": r["eventName"], "provider": r["eventSource"], "id": r["eventID"], "outcome": outcome, "dataset": "aws.cloudtrail"},
		"source":     source,
		"user":       map[string]any{"name": user, "id": identity["principalId"]},
		"user_agent": map[string]any{"original": r["userAgent"]},
		"cloud":      map[string]any{"region": r["awsRegion"], "account": map[string]any{"id": identity["accountId"]}},
		"error":      map[string]any{"code": r["errorCode"], "message": r["errorMessage"]},
		"secret":     map[string]any{"principal": identity["accessKeyId"]},
		"aws": map[string]any{"cloudtrail": map[string]any{
			"user_identity":        map[string]any{"type": identity["type"], "arn": identity["arn"], "access_key_id": identity["accessKeyId"], "invoked_by": identity["invokedBy"]},
			"event_type":           r["eventType"],
			"event_category":       r["eventCategory"],
			"read_only":            r["readOnly"],
			"recipient_account_id": r["recipientAccountId"],
		}},
		"raw": r,
	}
}

// cidr is the function of that name, as one would write it.
func cidr() expr.Option {
	return expr.Function("cidr", func(args ...any) (any, error) {
		s, ok := args[0].(string)
		if !ok {
			return false, nil
		}
		a, err := netip.ParseAddr(s)
		if err != nil {
			return false, nil
		}
		for _, arg := range args[1:] {
			p, err := netip.ParsePrefix(arg.(string))
			if err != nil {
				return nil, err
			}
			if p.Contains(a) {
				return true, nil
			}
		}
		return false, nil
	})
}

// peak gives the most memory this process ever had resident, in bytes, on Linux.
func peak() int64 {
	status, _ := os.ReadFile("/proc/self/status")
	for line := range strings.Lines(string(status)) {
		if rest, ok := strings.CutPrefix(line, "VmHWM:"); ok {
			kb, _ := strconv.ParseInt(strings.Fields(rest)[0], 10, 64)
			return kb << 10
		}
	}
	return 0
}
