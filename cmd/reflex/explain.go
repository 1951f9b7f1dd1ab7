package main

import (
	"github.com/spf13/cobra"

	"github.com/seed-843b225c/reflex/engine"
	"github.com/seed-843b225c/reflex/engine/pipeline"
)

func (a *app) rulesExplain() *cobra.Command { return &cobra.Command{Use: "explain"} }

func nearest(parts pipeline.Parts, records []engine.Record, id string) []string { return nil }
