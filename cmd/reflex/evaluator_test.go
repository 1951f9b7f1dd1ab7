package main

import (
	"bytes"
	"fmt"
	"strings"
	"testing"
)

// TestDemoSameWithEveryEvaluator: the alerts do not depend on how they are
// computed: the incremental engine and brute force, one shard and several.
func TestDemoSameWithEveryEvaluator(t *testing.T) {
	alerts := func(args ...string) string {
		var out, errs bytes.Buffer
		if code := run(t.Context(), append([]string{"demo", "--alerts", "-"}, args...), nil, &out, &errs); code != exitDone {
			t.Fatalf("exit %d: %s", code, errs.String())
		}
		return out.String()
	}
	want := alerts("--oracle")
	for _, args := range [][]string{{}, {"--shards", "3"}} {
		if got := alerts(args...); got != want {
			t.Errorf("demo %v gives other alerts than brute force:\n%s", args, firstDifference(got, want))
		}
	}
}

func firstDifference(a, b string) string {
	as, bs := strings.Split(a, "\n"), strings.Split(b, "\n")
	for i := range min(len(as), len(bs)) {
		if as[i] != bs[i] {
			return "got  " + as[i] + "\nwant " + bs[i]
		}
	}
	return fmt.Sprintf("%d and %d lines", len(as), len(bs))
}
