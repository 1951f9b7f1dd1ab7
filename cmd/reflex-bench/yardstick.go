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
	names := make([]string, len(pack.Rules))
	programs := make([]*vm.Program, len(pack.Rules))
	for i, r := range pack.Rules {
		p, err := expr.Compile(r.When.Value, expr.AllowUndefinedVariables(), expr.AsBool(), cidr())
		if err != nil {
			return fmt.Errorf("rule %s: %w", r.ID, err)
		}
		names[i], programs[i] = r.ID, p
	}
	f, err := os.Open(events)
	if err != nil {
		return err
	}
	defer f.Close()
	matches := make([]int64, len(programs))
	var machine vm.VM
	var before, after runtime.MemStats
	runtime.ReadMemStats(&before)
	started, n := time.Now(), int64(0)
	lines := bufio.NewScanner(f)
	lines.Buffer(make([]byte, 1<<20), 1<<20)
	for lines.Scan() {
		var record map[string]any
		if err := json.Unmarshal(lines.Bytes(), &record); err != nil {
			return err
		}
		env := environment(record)
		for i, p := range programs {
			if hit, err := machine.Run(p, env); err == nil && hit == true {
				matches[i]++
			}
		}
		n++
	}
	if err := lines.Err(); err != nil {
		return err
	}
	seconds := time.Since(started).Seconds()
	runtime.ReadMemStats(&after)
	r := run{Events: n, Seconds: seconds, Rate: float64(n) / seconds, Peak: peak(), Matches: map[string]int64{},
		Allocs: float64(after.Mallocs-before.Mallocs) / float64(n)}
	for i, name := range names {
		r.Matches[name] = matches[i]
	}
	return json.NewEncoder(os.Stdout).Encode(r)
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
