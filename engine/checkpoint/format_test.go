package checkpoint

import (
	"fmt"
	"os"
	"path/filepath"
	"slices"
	"testing"

	"github.com/seed-843b225c/reflex/engine"
)

// versionOne makes a folder as version 1 left it: the segments of the alert log
// lie beside the store.
func versionOne(t *testing.T) string {
	t.Helper()
	dir := t.TempDir()
	d := open(t, dir, small())
	fillLog(t, d.Log, 100)
	commit(t, d.Store, "a", "1")
	shut(t, d)
	for _, path := range files(t, dir, "log", "*.log") {
		if err := os.Rename(path, filepath.Join(dir, filepath.Base(path))); err != nil {
			t.Fatal(err)
		}
	}
	if err := os.Remove(filepath.Join(dir, "log")); err != nil {
		t.Fatal(err)
	}
	if err := os.WriteFile(formatPath(dir), fmt.Appendf(nil, formatLine, 1), 0o600); err != nil {
		t.Fatal(err)
	}
	return dir
}

func TestUpgradeFromVersionOne(t *testing.T) {
	for name, begun := range map[string]bool{"whole": false, "cut short before": true} {
		t.Run(name, func(t *testing.T) {
			dir := versionOne(t)
			if begun {
				first := files(t, dir, "*.log")[0]
				if err := os.Mkdir(logDir(dir), 0o750); err != nil {
					t.Fatal(err)
				}
				if err := os.Rename(first, filepath.Join(logDir(dir), filepath.Base(first))); err != nil {
					t.Fatal(err)
				}
			}
			d := open(t, dir, small())
			noted(t, d.Notes, "from version 1 of its files to 2")
			noted(t, d.Notes, "from version 2 of its files to 3")
			if got := numbers(t, readAll(t, d.Log, 0)); !slices.Equal(got, upTo(100)) || len(d.Notes) != 2 {
				t.Errorf("read %v, notes %q", got, d.Notes)
			}
			if got := dump(t, d.Store); got != "a=1" {
				t.Errorf("store has %q", got)
			}
			shut(t, d)
			if d := open(t, dir, small()); len(d.Notes) > 0 {
				t.Errorf("upgraded again: %q", d.Notes)
			}
		})
	}
}

func TestFormatRefused(t *testing.T) {
	for text, words := range map[string]string{
		fmt.Sprintf(formatLine, version+1): "newer reflex (version 4 of its files, this one knows up to 3)",
		"something else\n":                 "says no version",
		"":                                 "says no version",
		"remove":                           "no FORMAT file",
	} {
		dir := t.TempDir()
		d := open(t, dir, small())
		fillLog(t, d.Log, 10)
		shut(t, d)
		err := os.WriteFile(formatPath(dir), []byte(text), 0o600)
		if text == "remove" {
			err = os.Remove(formatPath(dir))
		}
		if err != nil {
			t.Fatal(err)
		}
		_, err = Open(dir, small())
		kindIs(t, err, engine.Fatal, dir, words)
	}
}

func TestEveryVersionHasItsStep(t *testing.T) {
	for v := 1; v < version; v++ {
		if steps[v] == nil {
			t.Errorf("no step leads from version %d to %d", v, v+1)
		}
	}
	if len(steps) != version-1 {
		t.Errorf("%d steps for version %d", len(steps), version)
	}
}
