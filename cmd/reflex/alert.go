package main

import (
	"fmt"
	"slices"

	"github.com/spf13/cobra"

	"github.com/seed-843b225c/reflex/connectors/slack"
	"github.com/seed-843b225c/reflex/engine"
	"github.com/seed-843b225c/reflex/engine/pipeline"
	"github.com/seed-843b225c/reflex/engine/rule"
	"github.com/seed-843b225c/reflex/engine/secret"
)

func (a *app) alert() *cobra.Command {
	c := &cobra.Command{Use: "alert", Short: "See what analysts will see"}
	c.AddCommand(a.alertPreview())
	return c
}

func (a *app) alertPreview() *cobra.Command {
	var s setup
	var form string
	c := &cobra.Command{
		Use:   "preview RULE",
		Short: "Write the message that a rule's incident would be in Slack",
		Long: "Runs the rule's own tests and shows the incident of the first that fires: as text, and as Block Kit JSON,\n" +
			"which Slack's Block Kit Builder renders.",
		RunE: func(_ *cobra.Command, args []string) error {
			if len(args) != 1 {
				return usage("name one rule; see: reflex rules list")
			}
			if !slices.Contains([]string{"text", "json", "both"}, form) {
				return usage("--as %s: it is text, json or both", form)
			}
			in, err := a.previewIncident(&s, args[0])
			if err != nil {
				return err
			}
			blocks, text, err := slack.Preview(in)
			if err != nil {
				return err
			}
			if form != "json" {
				fmt.Fprintln(a.out, text)
			}
			if form == "both" {
				fmt.Fprintln(a.out)
			}
			if form != "text" {
				fmt.Fprintln(a.out, string(blocks))
			}
			return nil
		},
	}
	s.flags(c)
	c.Flags().StringVar(&form, "as", "both", "what to write: text, json or both")
	return c
}

// previewIncident plays a rule's tests until one fires.
func (a *app) previewIncident(s *setup, id string) (*engine.Incident, error) {
	pack, _, lists, mistakes, err := a.compiled(s, s.rules)
	if err != nil {
		return nil, err
	}
	if bad := mistakes.Errors(); len(bad) > 0 {
		a.printMistakes(bad)
		return nil, exitError{exitUsage, fmt.Errorf("%s: nothing was run", plural(len(bad), "mistake"))}
	}
	r := pack.Rule(id)
	if r == nil {
		return nil, usage("no rule is named %s; see: reflex rules list", id)
	}
	b := &bench{pack: pack, lists: lists, secrets: secret.New(secret.Options{})}
	for _, t := range r.Tests {
		if in := b.incident(t); in != nil {
			return in, nil
		}
	}
	return nil, usage("rule %s has no test that fires: write one, and it is what the preview shows", id)
}

// incident plays a test and gives the incident that holds its rule's alert; nil for none.
func (b *bench) incident(t rule.TestCase) *engine.Incident {
	parts, _, err := b.parts(t)
	if err != nil {
		return nil // `rules test` tells of it
	}
	res, err := pipeline.Play(parts, arrivals(t, 0), nil)
	if err != nil {
		return nil
	}
	for _, in := range res.Incidents {
		if slices.Contains(in.Rules, t.Rule) {
			return in
		}
	}
	return nil
}
