package main

import (
	"fmt"
	"os"
	"strings"
	"testing/fstest"

	"github.com/spf13/cobra"

	"github.com/seed-843b225c/reflex/engine"
	"github.com/seed-843b225c/reflex/engine/rule"
	"github.com/seed-843b225c/reflex/engine/secret"
	"github.com/seed-843b225c/reflex/rules"
)

func (a *app) rules() *cobra.Command {
	c := &cobra.Command{Use: "rules", Short: "Check, test, explain, list and begin rules"}
	c.AddCommand(a.rulesCheck(), a.rulesTest(), a.rulesExplain(), a.rulesList(), a.rulesNew())
	return c
}

// compiled reads and compiles rules for commands that look at them; paths
// replace the shipped rules. All mistakes and warnings come back.
func (a *app) compiled(s *setup, paths []string) (*rule.Pack, *rule.Set, []engine.ListDef, rule.Mistakes, error) {
	s.rules = append(s.rules, paths...)
	src, err := from(s.rules, ".")
	if err != nil {
		return nil, nil, nil, nil, err
	}
	pack, _ := rule.Load(src.files, src.paths...) // Compile tells of its mistakes too
	var mistakes rule.Mistakes
	data, err := a.loadData(s, &mistakes)
	if err != nil {
		return nil, nil, nil, nil, err
	}
	set, more := rule.Compile(pack, rule.Options{Functions: data.Functions(), Lists: data.Lists(), Demand: demand()})
	mistakes = append(mistakes, more...)
	defs, _, _ := rule.LoadLists(rules.FS, "lists")
	if len(s.lists) > 0 {
		src, err := from(s.lists, "")
		if err != nil {
			return nil, nil, nil, nil, err
		}
		mine, _, _ := rule.LoadLists(src.files, src.paths...)
		defs = override(defs, mine)
	}
	return pack, set, defs, mistakes, nil
}

func (a *app) rulesCheck() *cobra.Command {
	var s setup
	c := &cobra.Command{
		Use:   "check [PATH ...]",
		Short: "Name every mistake of every rule, list and exception",
		RunE: func(_ *cobra.Command, args []string) error {
			pack, set, _, mistakes, err := a.compiled(&s, args)
			if err != nil {
				return err
			}
			a.printMistakes(mistakes)
			bad, warnings := len(mistakes.Errors()), len(mistakes.Warnings())
			if bad > 0 {
				return exitError{exitUsage, fmt.Errorf("%s, %s", plural(bad, "mistake"), plural(warnings, "warning"))}
			}
			if len(pack.Rules) == 0 {
				return usage("no rules found")
			}
			fmt.Fprintf(a.out, "%s, %s: %s, %s\n", plural(len(set.Rules), "rule"), plural(len(set.Probes), "condition"), a.out.good("all well"), plural(warnings, "warning"))
			return nil
		},
	}
	s.flags(c)
	return c
}

func (a *app) rulesTest() *cobra.Command {
	var s setup
	var verbose bool
	var only string
	c := &cobra.Command{
		Use:   "test [PATH ...]",
		Short: "Run the tests inside the rules, on a virtual clock through the real line",
		Long: "Each test runs with the lists, networks and keys it names and nothing else, so that it gives the same\n" +
			"result everywhere. Exit codes: 0 all passed; 1 a test failed, or there was none; 2 rules wrong.",
		RunE: func(_ *cobra.Command, args []string) error {
			pack, _, defs, mistakes, err := a.compiled(&s, args)
			if err != nil {
				return err
			}
			if bad := mistakes.Errors(); len(bad) > 0 {
				a.printMistakes(bad)
				return exitError{exitUsage, fmt.Errorf("%s: nothing was run", plural(len(bad), "mistake"))}
			}
			return a.runTests(&bench{pack: pack, lists: defs, secrets: secret.New(secret.Options{})}, only, verbose)
		},
	}
	s.flags(c)
	c.Flags().BoolVarP(&verbose, "verbose", "v", false, "name the tests that passed too")
	c.Flags().StringVar(&only, "rule", "", "only the tests of this rule")
	return c
}

func (a *app) runTests(b *bench, only string, verbose bool) error {
	passed, failed, bare := 0, 0, 0
	for _, r := range b.pack.Rules {
		if only != "" && r.ID != only {
			continue
		}
		if len(r.Tests) == 0 {
			bare++
			fmt.Fprintf(a.err, "warning: %s:%d: rule %s has no tests\n", r.File, r.Line, r.ID)
		}
		for _, t := range r.Tests {
			out := b.run(t)
			if out.failure == "" {
				passed++
				if verbose {
					fmt.Fprintf(a.out, "%s  %s: %s\n", a.out.good("pass"), r.ID, t.Name)
				}
				continue
			}
			failed++
			fmt.Fprintf(a.out, "%s  %s: %s\n      %s:%d: %s\n", a.out.bad("FAIL"), r.ID, t.Name, t.File, t.Line, out.failure)
			for _, row := range out.near {
				fmt.Fprintf(a.out, "      %s\n", row)
			}
		}
	}
	fmt.Fprintf(a.out, "%d passed, %d failed\n", passed, failed)
	switch {
	case failed > 0:
		return exitError{exitPartial, nil}
	case passed == 0 && only != "":
		return usage("no rule is named %s, or it has no tests", only)
	case passed == 0:
		return exitError{exitPartial, fmt.Errorf("nothing ran: there are no tests (%d rules without any)", bare)}
	}
	return nil
}

func (a *app) rulesList() *cobra.Command {
	var s setup
	var asJSON bool
	c := &cobra.Command{
		Use:   "list [PATH ...]",
		Short: "List what is looked for",
		RunE: func(_ *cobra.Command, args []string) error {
			pack, set, _, mistakes, err := a.compiled(&s, args)
			if err != nil {
				return err
			}
			if bad := mistakes.Errors(); len(bad) > 0 {
				a.printMistakes(bad)
				return exitError{exitUsage, fmt.Errorf("%s", plural(len(bad), "mistake"))}
			}
			rows := [][]string{{"id", "level", "mode", "kind", "reads", "title"}}
			narrow := a.out.terminal && a.out.width() < 140 // titles matter more than where they look
			if narrow {
				rows[0] = []string{"id", "level", "kind", "title"}
			}
			for _, r := range set.Rules {
				src := pack.Rule(r.ID)
				if asJSON {
					line(a.out, map[string]any{"id": r.ID, "title": r.Title, "level": r.Level.String(), "mode": r.Mode.String(), "kind": r.Kind.String(),
						"from": datasetNames(r.From), "tags": src.Tags, "tests": len(src.Tests), "file": src.File, "version": r.Version, "status": src.Status})
					continue
				}
				if narrow {
					rows = append(rows, []string{r.ID, a.out.level(r.Level), r.Kind.String(), r.Title})
					continue
				}
				rows = append(rows, []string{r.ID, a.out.level(r.Level), r.Mode.String(), r.Kind.String(), strings.Join(datasetNames(r.From), ", "), cut(r.Title, 60)})
			}
			if narrow {
				a.out.fit(rows)
			}
			if !asJSON {
				a.out.table("", rows)
			}
			return nil
		},
	}
	s.flags(c)
	c.Flags().BoolVar(&asJSON, "json", false, "one JSON object a rule")
	return c
}

func datasetNames(set engine.DatasetSet) []string {
	if set == 0 {
		return []string{"all"}
	}
	var out []string
	for _, d := range engine.Datasets() {
		if set.Has(d) {
			out = append(out, d.String())
		}
	}
	return out
}

func (a *app) rulesNew() *cobra.Command {
	var path string
	c := &cobra.Command{
		Use:   "new ID",
		Short: "Write a skeleton rule with two tests",
		Long:  "Writes a rule that loads and whose two tests pass, to stdout or to --out FILE: the place to begin.",
		Args: func(_ *cobra.Command, args []string) error {
			if len(args) != 1 {
				return usage("give the new rule's id, a slug like ai-key-at-night")
			}
			return nil
		},
		RunE: func(_ *cobra.Command, args []string) error {
			text, err := skeleton(args[0])
			if err != nil {
				return usage("%v", err)
			}
			if path == "" {
				fmt.Fprint(a.out, text)
				return nil
			}
			f, err := os.OpenFile(path, os.O_WRONLY|os.O_CREATE|os.O_EXCL, 0o644)
			if err != nil {
				return usage("%v", err)
			}
			if _, err := f.WriteString(text); err != nil {
				return err
			}
			fmt.Fprintf(a.err, "wrote %s; now: reflex rules test %s\n", path, path)
			return f.Close()
		},
	}
	c.Flags().StringVarP(&path, "out", "o", "", "file to write; it must not exist")
	return c
}

// skeleton is the text of a new rule; the id is checked by loading it.
func skeleton(id string) (string, error) {
	text := rule.New(id)
	_, mistakes := rule.Load(fstest.MapFS{"rule.yml": {Data: []byte(text)}}, "rule.yml")
	if bad := mistakes.Errors(); len(bad) > 0 {
		return "", fmt.Errorf("%s: %s", id, bad[0].Message)
	}
	return text, nil
}
