package main

import (
	"bufio"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"io/fs"
	"maps"
	"os"
	"path/filepath"
	"slices"

	"github.com/spf13/cobra"

	"github.com/seed-843b225c/reflex/engine"
	"github.com/seed-843b225c/reflex/engine/pipeline"
)

// output are the files that scripts ask for; "-" is stdout.
type output struct {
	alerts, incidents, stats, dead string
}

func (o *output) flags(c *cobra.Command) {
	c.Flags().StringVar(&o.alerts, "alerts", "", "write alerts to `FILE` as ECS JSON lines (- is stdout)")
	c.Flags().StringVar(&o.incidents, "incidents", "", "write incidents to `FILE` as JSON lines (- is stdout)")
	c.Flags().StringVar(&o.stats, "stats", "", "write one JSON object of counts to `FILE` (- is stdout)")
	c.Flags().StringVar(&o.dead, "dead-letter", "", "keep what no format takes in `FILE` as JSON lines, secrets overwritten")
}

// writers are the opened files of one run. They are opened before anything is
// read, so that a typo in a path costs no time.
type writers struct {
	app                            *app
	alerts, incidents, stats, dead io.Writer
	buffers                        []*bufio.Writer
	files                          []*os.File
	stdout                         bool // results go to stdout for machines: print nothing for people
}

func (o *output) open(a *app, inputs []pipeline.Input) (*writers, error) {
	w := &writers{app: a}
	named := map[string]string{}
	for _, f := range []struct {
		flag, path string
		to         *io.Writer
	}{{"--alerts", o.alerts, &w.alerts}, {"--incidents", o.incidents, &w.incidents}, {"--stats", o.stats, &w.stats}, {"--dead-letter", o.dead, &w.dead}} {
		switch f.path {
		case "":
		case "-":
			*f.to, w.stdout = w.buffer(a.out), true
		default:
			name := filepath.Clean(f.path)
			if other, ok := named[name]; ok {
				w.close()
				return nil, usage("%s and %s name the same file, %s: each needs its own", other, f.flag, f.path)
			}
			if in := sameFile(f.path, inputs); in != "" {
				w.close()
				return nil, usage("%s %s: would overwrite %s, which is to be played: name another file", f.flag, f.path, in)
			}
			file, err := os.Create(f.path)
			if err != nil {
				w.close()
				return nil, usage("%s %s: cannot be written: %v", f.flag, f.path, cause(err))
			}
			named[name] = f.flag
			w.files = append(w.files, file)
			*f.to = w.buffer(file)
		}
	}
	return w, nil
}

// sameFile gives the input that path is, "" for none.
func sameFile(path string, inputs []pipeline.Input) string {
	info, err := os.Stat(path)
	if err != nil || !info.Mode().IsRegular() {
		return ""
	}
	for _, in := range inputs {
		if other, err := os.Stat(in.Name()); err == nil && os.SameFile(info, other) {
			return in.Name()
		}
	}
	return ""
}

// cause strips operation and path from a file error: they stand beside it.
func cause(err error) error {
	var pe *fs.PathError
	if errors.As(err, &pe) {
		return pe.Err
	}
	return err
}

func (w *writers) buffer(to io.Writer) io.Writer {
	b := bufio.NewWriter(to)
	w.buffers = append(w.buffers, b)
	return b
}

// write writes what a run found.
func (w *writers) write(res *pipeline.Result) error {
	for _, al := range res.Alerts {
		if err := line(w.alerts, al.ECS()); err != nil {
			return err
		}
	}
	for _, in := range res.Incidents {
		if err := line(w.incidents, in.ECS()); err != nil {
			return err
		}
	}
	if err := line(w.stats, res.Stats); err != nil {
		return err
	}
	for _, b := range w.buffers {
		if err := b.Flush(); err != nil {
			return fmt.Errorf("write results: %w", err)
		}
	}
	for _, f := range w.files {
		if err := f.Close(); err != nil {
			return fmt.Errorf("write results: %w", err)
		}
	}
	w.buffers, w.files = nil, nil
	return nil
}

// refuse keeps one refused input aside.
func (w *writers) refuse(r engine.Refusal) {
	o := r.Origin
	line(w.dead, map[string]any{"source": o.Source, "partition": o.Partition, "offset": o.Offset, "line": o.Line, "index": o.Index,
		"reason": r.Reason, "detail": r.Detail, "data": string(r.Data)})
}

func line(w io.Writer, v any) error {
	if w == nil {
		return nil
	}
	b, err := json.Marshal(v)
	if err != nil {
		return err
	}
	_, err = w.Write(append(b, '\n'))
	return err
}

func (w *writers) close() {
	for _, b := range w.buffers {
		b.Flush()
	}
	for _, f := range w.files {
		f.Close()
	}
}

func sortedKeys[V any](m map[string]V) []string { return slices.Sorted(maps.Keys(m)) }
