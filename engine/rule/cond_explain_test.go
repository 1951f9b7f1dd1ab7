package rule

import (
	"fmt"
	"strings"
	"testing"

	"github.com/seed-843b225c/reflex/engine"
)

func TestExplainShowsEveryPart(t *testing.T) {
	env := testEnv()
	src := `(event.action == "x" or not known(source.ip)) and
  ("iam" in event.category) and hour() < 5 and user.name not in ["a", "b"] and any(event.category, len(#) > 3) and @timestamp > "2026-01-02" and raw["none"] != nil`
	c, mistakes := newCond(src, newPosition(src), env)
	if c == nil {
		t.Fatal(Mistakes(mistakes))
	}
	ev := event(env, sampleValues())
	var b strings.Builder
	for _, x := range c.Explain(ev) {
		val := x.Value.Text()
		if x.Value.IsNil() {
			val = "nil"
		}
		if x.Idle {
			val += " (idle)"
		}
		text := strings.Join(strings.Fields(x.Text), " ")
		if x.Depth == 0 {
			text = "whole"
		}
		fmt.Fprintf(&b, "%s%s = %s\n", strings.Repeat("  ", x.Depth), text, val)
	}
	const want = `whole = false
  event.action == "x" or not known(source.ip) = true
    event.action == "x" = false
      event.action = AssumeRole
    not known(source.ip) = true
      known(source.ip) = false
        source.ip = 203.0.113.9
  "iam" in event.category = true
    event.category = iam, authentication
  hour() < 5 = true
    hour() = 0
  user.name not in ["a", "b"] = true
    user.name = nil
  any(event.category, len(#) > 3) = true
    event.category = iam, authentication
  @timestamp > "2026-01-02" = false
    @timestamp = 2026-01-01T00:00:00Z
  raw["none"] != nil = false (idle)
    raw["none"] = nil (idle)
`
	if got := b.String(); got != want {
		t.Errorf("got\n%s", got)
	}
}

func TestExplainWorksOnTheVM(t *testing.T) {
	env := testEnv()
	c, _ := newCond(`let a = event.action; len(filter(event.category, # == "iam")) == 1 and a == "AssumeRole"`, Position{}, env)
	ev := event(env, sampleValues())
	out := c.Explain(ev)
	if len(out) < 2 || !out[0].Truth || out[0].Err != nil || out[1].Value != engine.String("AssumeRole") {
		t.Errorf("%+v", out)
	}
}
