package main

import (
	"fmt"
	"io"
	"strings"

	"github.com/spf13/cobra"
)

// app is what all commands share: the streams of the process.
type app struct {
	stdin io.Reader
	out   *printer
	err   *printer
}

func (a *app) root() *cobra.Command {
	root := &cobra.Command{
		Use:   "reflex",
		Short: "Detects attacks on the pipelines that build and run AI systems",
		Long: "Reflex reads CloudTrail, CI logs, AI usage logs and network logs, evaluates rules,\n" +
			"correlates across sources by event time, and shows incidents.\n\n" +
			"Begin with:  reflex demo",
		SilenceUsage: true, SilenceErrors: true,
	}
	root.CompletionOptions.HiddenDefaultCmd = true
	root.AddCommand(a.demo(), a.replay(), a.service(), a.rules(), a.alert(), a.secrets(), a.setupCommand(), a.configCommand(), a.doctor(), a.version())
	root.SetFlagErrorFunc(func(c *cobra.Command, err error) error {
		return usage("%s\nsee: %s --help", flagError(err), c.CommandPath())
	})
	for _, c := range append(root.Commands(), root) {
		if c.HasSubCommands() {
			c.Args, c.RunE, c.SuggestionsMinimumDistance = cobra.ArbitraryArgs, group, 2
		}
	}
	return root
}

// group is a command that only holds others: alone it shows its help, with a
// word it does not know it says so instead of doing nothing in silence.
func group(c *cobra.Command, args []string) error {
	if len(args) == 0 {
		return c.Help()
	}
	hint := ""
	if near := c.SuggestionsFor(args[0]); len(near) > 0 {
		hint = fmt.Sprintf(" (did you mean %q?)", near[0])
	}
	return usage("%s has no command %q%s\nsee: %s --help", c.CommandPath(), args[0], hint, c.CommandPath())
}

// flagError says what is wrong with a flag's value without the words of the parser.
func flagError(err error) string {
	s := err.Error()
	for _, noise := range []string{"strconv.ParseInt: parsing ", "strconv.ParseBool: parsing ", "time: "} {
		if head, tail, ok := strings.Cut(s, ": "+noise); ok {
			_, why, _ := strings.Cut(tail, ": ")
			if noise == "time: " {
				why = tail + "; write it like 90s, 20m or 2h"
			}
			return head + ": " + why
		}
	}
	return s
}

// none takes no arguments.
func none(c *cobra.Command, args []string) error {
	if len(args) > 0 {
		return usage("%s takes no argument, but got %q\nsee: %s --help", c.CommandPath(), args[0], c.CommandPath())
	}
	return nil
}
