package main

import (
	"fmt"
	"io/fs"
	"os"
	"path/filepath"
	"strings"

	"github.com/spf13/cobra"

	"github.com/seed-843b225c/reflex/connectors/file"
	"github.com/seed-843b225c/reflex/engine"
	"github.com/seed-843b225c/reflex/engine/enrich"
	"github.com/seed-843b225c/reflex/engine/pipeline"
	"github.com/seed-843b225c/reflex/engine/story"
	"github.com/seed-843b225c/reflex/rules"
)

func (a *app) demo() *cobra.Command {
	var f replayFlags
	var seed int64
	var folder, feedTo string
	c := &cobra.Command{
		Use:   "demo",
		Short: "Play two attacks hidden in a day of normal traffic",
		Long: "Plays a day of a made-up organisation's logs through the shipped rules, with embedded defaults:\n" +
			"no Kafka, Elasticsearch, Slack or key is needed. Two attacks are hidden in the day.\n" +
			"Exit codes are those of replay.",
		Args: none,
		RunE: func(c *cobra.Command, _ []string) error {
			day := story.New(seed)
			if folder != "" {
				return a.writeDay(day, folder)
			}
			if feedTo != "" {
				cfg, err := loadConfig(feedTo)
				if err != nil {
					return err
				}
				return a.feed(c.Context(), day, cfg)
			}
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
	c.Flags().StringVar(&feedTo, "feed", "", "write the day's logs to the Kafka topics that the service's configuration `FILE` names")
	c.Flags().StringVar(&folder, "write", "", "write the day's logs, rules, lists and GeoIP files to `FOLDER` instead of playing them")
	return c
}

// writeDay writes a day as the files it would be, and says how to play them.
func (a *app) writeDay(day *story.Story, folder string) error {
	write := func(name string, data []byte) error {
		path := filepath.Join(folder, filepath.FromSlash(name))
		if err := os.MkdirAll(filepath.Dir(path), 0o755); err != nil {
			return usage("--write: %v", err)
		}
		if err := os.WriteFile(path, data, 0o644); err != nil {
			return usage("--write: %v", err)
		}
		return nil
	}
	for _, f := range day.Files() {
		if err := write("logs/"+f.Name, f.Data); err != nil {
			return err
		}
	}
	for name, data := range day.GeoIP() {
		if err := write("geoip/"+name, data); err != nil {
			return err
		}
	}
	for _, from := range []struct {
		folder string
		files  fs.FS
	}{{"lists/", day.Lists()}, {"rules/", rules.FS}, {"rules/exceptions/", day.Exceptions()}} {
		err := fs.WalkDir(from.files, ".", func(path string, d fs.DirEntry, err error) error {
			if err != nil || d.IsDir() || from.folder == "rules/" && strings.HasPrefix(path, "lists/") {
				return err
			}
			data, err := fs.ReadFile(from.files, path)
			if err != nil {
				return err
			}
			return write(from.folder+path, data)
		})
		if err != nil {
			return err
		}
	}
	fmt.Fprintf(a.out, "wrote a day of logs; play them with\n  reflex replay --rules %[1]s/rules --lists %[1]s/lists --geoip %[1]s/geoip %[1]s/logs\n", folder)
	return nil
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
