package main

import (
	"bytes"
	"compress/gzip"
	"context"
	"fmt"
	"io"
	"math/rand/v2"
	"os"
	"path/filepath"
	"regexp"
	"strings"
	"testing"

	"github.com/seed-843b225c/reflex/engine"
	"github.com/seed-843b225c/reflex/engine/secret"
	"github.com/seed-843b225c/reflex/engine/story"
)

// TestNoOutputHoldsACanary plants secrets of every format, plain and encoded,
// in any string of any record of the story's day, keys and structure included,
// plays it through every command, and looks for them in all that comes out.
func TestNoOutputHoldsACanary(t *testing.T) {
	if testing.Short() {
		t.Skip("plays a whole day")
	}
	cs := secret.Canaries(21)
	watch := secret.NewWatch(cs)
	dir := t.TempDir()
	logs := filepath.Join(dir, "logs")
	planted := plantDay(t, logs, cs)
	rules := filepath.Join(dir, "rules")
	write(t, filepath.Join(rules, "all.yml"), []byte(curious()))

	clean := secret.New(secret.Options{}).NewScan()
	look := func(what string, out []byte) {
		for i, line := range bytes.Split(out, []byte("\n")) {
			if leak := watch.Leak(line); leak != "" {
				t.Errorf("%s, line %d shows %s: %.900s", what, i+1, leak, line)
				return
			}
			// The story's own secrets, and whatever else.
			if f := clean.Find(line); len(f) > 0 {
				t.Errorf("%s, line %d shows %+v: %.900s", what, i+1, f[0], line)
				return
			}
		}
	}
	play := func(name string, args ...string) {
		var out, said bytes.Buffer
		code := run(context.Background(), args, strings.NewReader(""), &out, &said)
		if code == exitUsage {
			t.Fatalf("%s: %s", name, said.String())
		}
		look(name+", stdout", out.Bytes())
		look(name+", stderr", said.Bytes())
		for _, a := range args {
			if strings.HasPrefix(a, dir) && strings.HasSuffix(a, ".ndjson") {
				b, err := os.ReadFile(a)
				if err != nil {
					t.Errorf("%s: %v", name, err)
				}
				if strings.Contains(a, "dead") && len(b) == 0 || strings.Contains(a, "alerts") && len(b) == 0 {
					t.Errorf("%s: %s is empty: the test shows nothing", name, filepath.Base(a))
				}
				look(name+", "+filepath.Base(a), b)
			}
		}
		t.Logf("%s: exit %d, %d bytes", name, code, out.Len())
	}
	out := func(name string) []string {
		var args []string
		for _, f := range []string{"alerts", "incidents", "stats", "dead-letter"} {
			args = append(args, "--"+f, filepath.Join(dir, name+"-"+f+".ndjson"))
		}
		return args
	}
	play("demo", "demo")
	play("replay", append(out("shipped"), "replay", logs)...)
	play("replay of everything", append(out("curious"), "replay", "--rules", rules, logs)...)
	play("replay to JSON", "replay", "--json", "--rules", rules, logs)
	play("explain", "rules", "explain", "--rules", rules, "curious-words", logs)
	some := planted[:min(len(planted), 12)]
	play("scan", append([]string{"secrets", "scan"}, some...)...)
	play("scan to JSON", append([]string{"secrets", "scan", "--json"}, some...)...)
}

// curious gives rules that take every event and show every field.
func curious() string {
	var show, by []string
	for _, f := range engine.Fields() {
		if f.Type == engine.Keyword || f.Type == engine.List {
			show = append(show, f.Name)
		}
	}
	for _, name := range []string{"user.name", "gen_ai.request.model", "ci.job.name", "runner.name", "source.address"} {
		if _, ok := engine.LookupField(name); ok {
			by = append(by, name)
		}
	}
	title := "'{{ message }} {{ user.name }} {{ error.message }} {{ user_agent.original }} {{ gen_ai.request.model }} {{ ci.job.name }}'"
	return fmt.Sprintf(`id: curious
title: Everything
level: high
when: event.dataset != nil
alert:
  title: %s
  entities: {user: user.name, runner: runner.name, run: ci.run.id, model: gen_ai.request.model}
  dedup: {by: [%s], within: 1h}
  show: [%s]
---
id: curious-words
title: Words
level: low
when: lower(message) contains "zzz" or user.name startsWith "q" or lower(error.message) contains "no" or user_agent.original contains "cli"
---
id: curious-values
title: Values
level: low
when: event.dataset != nil
first_seen: {value: [user.name], by: [event.dataset], memory: 1d, learn: {for: 1h, events: 3}}
`, title, strings.Join(by, ", "), strings.Join(show, ", "))
}

var jsonString = regexp.MustCompile(`"(?:[^"\\]|\\.)*"`)

// plantDay writes the story's logs with a canary in one string of some records
// and behind some lines of text; it gives the files that hold one.
func plantDay(t *testing.T, dir string, cs []secret.Canary) []string {
	t.Helper()
	r := rand.New(rand.NewPCG(20, 21))
	var out []string
	n := 0
	plant := func() string {
		n++
		c := cs[n%len(cs)]
		return c.Plants[n/len(cs)%len(c.Plants)].Text
	}
	for _, f := range story.New(28).Files() {
		data := f.Data
		packed := strings.HasSuffix(f.Name, ".gz")
		if packed {
			gz, err := gzip.NewReader(bytes.NewReader(data))
			if err != nil {
				t.Fatal(err)
			}
			if data, err = io.ReadAll(gz); err != nil {
				t.Fatal(err)
			}
		}
		before := n
		switch text := string(data); {
		case text[0] == '{' || text[0] == '[':
			text = jsonString.ReplaceAllStringFunc(text, func(s string) string {
				if r.IntN(400) > 0 {
					return s
				}
				return jsonText(plant())
			})
			data = []byte(text)
		default:
			lines := strings.SplitAfter(text, "\n")
			for i, l := range lines {
				if r.IntN(20) == 0 && i > 0 {
					stamp, _, _ := strings.Cut(l, " ")
					lines[i] = strings.TrimSuffix(l, "\n") + " value=" + strings.ReplaceAll(plant(), "\n", "\n"+stamp+" ") + "\n"
				}
			}
			data = []byte(strings.Join(lines, ""))
		}
		name := filepath.Join(dir, filepath.FromSlash(strings.TrimSuffix(f.Name, ".gz")))
		write(t, name, data)
		if n > before {
			out = append(out, name)
		}
	}
	if n < 2*len(cs)*len(cs[0].Plants) {
		t.Errorf("only %d canaries planted", n)
	}
	return out
}

// jsonText quotes s; a text of \u escapes stays as it is half of the time.
func jsonText(s string) string {
	if strings.HasPrefix(s, `\u`) && len(s)%4 == 0 {
		return `"` + s + `"`
	}
	return `"` + strings.NewReplacer(`\`, `\\`, `"`, `\"`, "\n", `\n`).Replace(s) + `"`
}

func write(t *testing.T, name string, data []byte) {
	t.Helper()
	if err := os.MkdirAll(filepath.Dir(name), 0o755); err != nil {
		t.Fatal(err)
	}
	if err := os.WriteFile(name, data, 0o644); err != nil {
		t.Fatal(err)
	}
}
