package main

import (
	"fmt"

	"github.com/spf13/cobra"

	"github.com/seed-843b225c/reflex/connectors/file"
	"github.com/seed-843b225c/reflex/engine"
	"github.com/seed-843b225c/reflex/engine/enrich"
	"github.com/seed-843b225c/reflex/engine/pipeline"
	"github.com/seed-843b225c/reflex/engine/story"
)

func (a *app) demo() *cobra.Command {
	var f replayFlags
	var seed int64
	c := &cobra.Command{
		Use:   "demo",
		Short: "Play two attacks hidden in a day of normal traffic",
		Long: "Plays a day of a made-up organisation's logs through the shipped rules, with embedded defaults:\n" +
			"no Kafka, Elasticsearch, Slack or key is needed. Two attacks are hidden in the day.",
		Args: cobra.NoArgs,
		RunE: func(c *cobra.Command, _ []string) error {
			day := story.New(seed)
			geo, errs := enrich.OpenGeoBytes(day.GeoIP())
			if len(errs) > 0 {
				return fmt.Errorf("the demo's GeoIP files: %w", errs[0])
			}
			f.geo, f.extraLists, f.exceptions = geo, day.Lists(), day.Exceptions()
			var inputs []pipeline.Input
			for _, log := range day.Files() {
				inputs = append(inputs, input{file.Memory(log.Name, log.Data), a})
			}
			return a.play(c, &f, inputs, 0, a.showDemo)
		},
	}
	f.flags(c)
	c.Flags().Int64Var(&seed, "seed", 1, "which day: another seed, another day with the same two attacks")
	return c
}

func (a *app) showDemo(l *loaded, res *pipeline.Result, f *replayFlags) {
	if f.json {
		a.showReplay(l, res, f)
		return
	}
	shown := 0
	for _, in := range res.Incidents {
		if in.Level > engine.Low {
			shown++
			a.showIncident(shown, in)
		}
	}
	a.showQuiet(res)
	a.showTotals(res, shown)
	fmt.Fprintf(a.out, "\nNext: %s\n", a.out.bold("reflex replay FOLDER")+" plays your own logs, "+a.out.bold("reflex rules list")+" shows what is looked for.")
}
