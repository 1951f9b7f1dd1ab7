package rule

import (
	"strings"
	"testing"

	"github.com/seed-843b225c/reflex/engine"
)

func TestTemplates(t *testing.T) {
	resolve := func(name string) (Ref, string, string) { return Ref{Name: name}, "", "" }
	values := map[string]engine.Value{
		"user.name": engine.String("ann"), "source.port": engine.Int(22),
		"message": engine.String("one\ntwo\x1b[31m\u202e"), "long": engine.String(strings.Repeat("ä", 300)),
		"cost": engine.Float(130.318758), "count": engine.Float(33), "cent": engine.Float(0.00412345),
	}
	for _, c := range []struct{ src, want string }{
		{"plain", "plain"},
		{"{{ user.name }}", "ann"},
		{"{{user.name}}:{{  source.port }}!", "ann:22!"},
		{"by {{ user.id }}", "by unknown"},
		{"{{ message }}", "one two [31m "},
		{"{{ long }}", strings.Repeat("ä", 200) + "..."},
		{"a } b { c", "a } b { c"},
		{"{{ cost }} USD, {{ count }} times {{ cent }}", "130.32 USD, 33 times 0.004123"},
	} {
		tm, ms := parseTemplate(c.src, Position{}, resolve)
		if len(ms) > 0 {
			t.Errorf("%q: %v", c.src, ms)
		}
		if got := tm.Render(func(r Ref) engine.Value { return values[r.Name] }); got != c.want {
			t.Errorf("%q gives %q, want %q", c.src, got, c.want)
		}
	}
	for _, bad := range []string{"{{ user.name", "user.name }}", "{{ }}", "{{ user.name | upper }}", "{{ a b }}"} {
		if _, ms := parseTemplate(bad, Position{}, nil); len(ms) != 1 {
			t.Errorf("%q: %v", bad, ms)
		}
	}
}
