package checkpoint

import (
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"strings"
)

// version is that of the files on disk. It grows when an older reflex could not
// read what this one writes, the version of pebble's own files included.
const version = 3

// steps bring a folder from the version of the index to the next one. A step
// that a crash cut short runs again from its start, so it must not mind.
var steps = map[int]func(dir string) error{
	1: moveSegments,
	2: keepAll,
}

// keepAll: version 2 stored positions without the time of the record before
// them. Both are read, so nothing has to be written anew.
func keepAll(string) error { return nil }

// moveSegments: version 1 kept the segments of the alert log in the top folder.
func moveSegments(dir string) error {
	segs, err := listSegments(dir)
	if err != nil {
		return err
	}
	if err := os.MkdirAll(logDir(dir), 0o750); err != nil {
		return err
	}
	for _, s := range segs {
		if err := os.Rename(s.path, segmentPath(logDir(dir), s.base)); err != nil {
			return err
		}
	}
	return errors.Join(syncDir(logDir(dir)), syncDir(dir))
}

func formatPath(dir string) string { return filepath.Join(dir, "FORMAT") }

func logDir(dir string) string { return filepath.Join(dir, "log") }

const formatLine = "reflex checkpoint version %d\n"

// upgrade brings the folder to this version and says what it did.
func upgrade(dir string) (notes []string, err error) {
	had, err := readVersion(dir)
	if err != nil {
		return nil, err
	}
	if had > version {
		return nil, fatal("open %s: it was written by a newer reflex (version %d of its files, this one knows up to %d): run that reflex, or give this one an empty folder", dir, had, version)
	}
	for v := had; v < version; v++ {
		if v == 0 {
			v = version - 1 // a new folder has nothing to upgrade
		} else if err := steps[v](dir); err != nil {
			return notes, diskError(fmt.Sprintf("upgrade from version %d to %d", v, v+1), dir, err)
		}
		if err := writeFile(formatPath(dir), fmt.Appendf(nil, formatLine, v+1)); err != nil {
			return notes, diskError("write", formatPath(dir), err)
		}
		if had > 0 {
			notes = append(notes, fmt.Sprintf("%s: upgraded from version %d of its files to %d", dir, v, v+1))
		}
	}
	return notes, nil
}

// readVersion gives 0 for a new folder.
func readVersion(dir string) (int, error) {
	b, err := os.ReadFile(formatPath(dir))
	if os.IsNotExist(err) {
		if exists(logDir(dir)) || exists(filepath.Join(dir, "store")) {
			return 0, fatal("open %s: there is a log or a store, but no FORMAT file that says of which version: put the file back (for this reflex: %q), or give reflex an empty folder", dir, strings.TrimSpace(fmt.Sprintf(formatLine, version)))
		}
		return 0, nil
	}
	if err != nil {
		return 0, diskError("read", formatPath(dir), err)
	}
	var v int
	if _, err := fmt.Sscanf(string(b), formatLine, &v); err != nil || v < 1 {
		return 0, fatal("read %s: %.40q says no version: put %q there if this reflex wrote the folder, or give it an empty one", formatPath(dir), b, strings.TrimSpace(fmt.Sprintf(formatLine, version)))
	}
	return v, nil
}
