package main

import (
	"bytes"
	"context"
	"os"
	"path/filepath"
	"regexp"
	"strings"
	"testing"

	"github.com/spf13/cobra"
)

// TestReadmeRuleLoadsAndPasses takes the rule out of the README as a reader
// would, and checks and tests it.
func TestReadmeRuleLoadsAndPasses(t *testing.T) {
	block := regexp.MustCompile("(?s)```yaml\n(.*?)```").FindAllStringSubmatch(readme(t), -1)
	if len(block) == 0 {
		t.Fatal("the README shows no rule")
	}
	for i, b := range block {
		path := filepath.Join(t.TempDir(), "rule.yml")
		if err := os.WriteFile(path, []byte(b[1]), 0o644); err != nil {
			t.Fatal(err)
		}
		for _, args := range [][]string{{"rules", "check", path}, {"rules", "test", path}} {
			if code, out := told(args...); code != exitDone || args[1] == "check" && !strings.Contains(out, "0 warnings") {
				t.Errorf("rule %d of the README: reflex %s: exit %d\n%s", i+1, strings.Join(args, " "), code, out)
			}
		}
	}
}

// TestReadmeNamesRealCommandsAndFlags reads every command and flag of the
// README back from the program's help.
func TestReadmeNamesRealCommandsAndFlags(t *testing.T) {
	text := readme(t)
	_, all := told("demo", "--help")
	for _, command := range []string{"replay", "rules test", "secrets scan", "run", "doctor", "setup kafka"} {
		_, help := told(append(strings.Fields(command), "--help")...)
		all += help
	}
	ours := regexp.MustCompile("(?m)^docker .*$").ReplaceAllString(text, "") // another program's flags
	flags := regexp.MustCompile("[ `](--[a-z][a-z-]+)").FindAllStringSubmatch(ours, -1)
	commands := regexp.MustCompile("(?:[`\n]|&& )(?:\\./)?reflex ((?:[a-z]+ ?){1,2})").FindAllStringSubmatch(text, -1)
	if len(flags) < 5 || len(commands) < 5 {
		t.Fatalf("found only %d flags and %d commands in the README", len(flags), len(commands))
	}
	for _, f := range flags {
		if !strings.Contains(all, f[1]+" ") {
			t.Errorf("the README names %s, which no help does", f[1])
		}
	}
	for _, c := range commands {
		if code, out := told(append(strings.Fields(c[1]), "--help")...); code != exitDone {
			t.Errorf("the README names reflex %s: exit %d\n%s", c[1], code, out)
		}
	}
}

// TestReadmeTablesAreComplete compares the tables of commands and connectors
// with what there is.
func TestReadmeTablesAreComplete(t *testing.T) {
	text := readme(t)
	var walk func(c *cobra.Command, name string)
	walk = func(c *cobra.Command, name string) {
		for _, sub := range c.Commands() {
			if sub.Hidden || sub.Name() == "help" || sub.Name() == "completion" {
				continue
			}
			walk(sub, name+" "+sub.Name())
		}
		if !c.HasSubCommands() && !regexp.MustCompile("(?m)^\\|.*`"+name+"[` ]").MatchString(text) {
			t.Errorf("the table of commands lacks %s", name)
		}
	}
	var out bytes.Buffer
	walk((&app{stdin: strings.NewReader(""), out: newPrinter(&out), err: newPrinter(&out)}).root(), "reflex")
	for kind := range sinkTypes {
		if !strings.Contains(text, "| ["+kind+"](connectors/"+kind+") |") {
			t.Errorf("the table of connectors lacks %s", kind)
		}
	}
	for _, m := range regexp.MustCompile(`\]\(([a-z][^):#]*)(?:#[^)]*)?\)`).FindAllStringSubmatch(text, -1) {
		if _, err := os.Stat(filepath.Join("../..", m[1])); err != nil {
			t.Errorf("a link of the README leads nowhere: %v", err)
		}
	}
}

func readme(t *testing.T) string {
	t.Helper()
	b, err := os.ReadFile("../../README.md")
	if err != nil {
		t.Fatal(err)
	}
	return string(b)
}

// told runs the program and gives its exit code and everything it said.
func told(args ...string) (int, string) {
	var out bytes.Buffer
	code := run(context.Background(), args, strings.NewReader(""), &out, &out)
	return code, out.String()
}
