package main

import (
	"io"

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
	root.AddCommand(a.demo(), a.replay(), a.rules(), a.secrets(), a.version())
	for _, c := range root.Commands() {
		c.SetFlagErrorFunc(func(c *cobra.Command, err error) error {
			return usage("%v\nsee: %s --help", err, c.CommandPath())
		})
	}
	return root
}
