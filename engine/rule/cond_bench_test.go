package rule

import (
	"fmt"
	"testing"

	"github.com/seed-843b225c/reflex/engine"
)

// benchConditions are shapes that detection rules have.
var benchConditions = []struct{ name, src string }{
	{"equal", `event.action == "AssumeRole"`},
	{"equal_miss", `event.action == "GetObject" and known(source.ip)`},
	{"equal_not_in", `event.action == "AssumeRole" and source.ip not in ["192.0.2.1", "192.0.2.2", "192.0.2.3", "192.0.2.4", "192.0.2.5", "192.0.2.6"]`},
	{"three_one_in", `event.action == "AssumeRole" and secret.principal != nil and model.ref in ["a", "b", "c", "acme/small"]`},
	{"regex", `message matches "Access (Denied|Granted) for [A-Z]+" and event.action != "x"`},
	{"regex_refused", `message matches "(?i)token=[a-z0-9]{20}"`},
	{"sum_prefix", `gen_ai.usage.input_tokens + 100 > 1000 and model.ref startsWith "acme/"`},
	{"cidr_in", `cidr(source.ip, "203.0.113.0/24") and event.action in ["AssumeRole", "x"]`},
	{"lower_contains", `event.action == "x" or lower(message) contains "access denied" and user.name != "root"`},
	{"any", `any(event.category, # == "authentication")`},
	{"list", `model.ref not in list("approved")`},
}

func BenchmarkCond(b *testing.B) {
	for _, row := range benchConditions {
		env := testEnv()
		c, _ := newCond(row.src, Position{}, env)
		ev := event(env, sampleValues())
		for name, match := range map[string]func(*engine.Event) (bool, error){"closures": c.Match, "vm": c.MatchVM} {
			b.Run(row.name+"/"+name, func(b *testing.B) {
				b.ReportAllocs()
				for b.Loop() {
					match(ev)
				}
			})
		}
	}
}

// BenchmarkCompileConditions compiles a thousand conditions, as one load does.
func BenchmarkCompileConditions(b *testing.B) {
	b.ReportAllocs()
	for b.Loop() {
		env := testEnv()
		for i := range 1000 {
			src := fmt.Sprintf(`event.action == "Action%d" and %s`, i, benchConditions[i%len(benchConditions)].src)
			if c, mistakes := newCond(src, Position{}, env); c == nil {
				b.Fatal(Mistakes(mistakes))
			}
		}
	}
}
