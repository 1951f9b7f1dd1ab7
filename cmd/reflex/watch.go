package main

import (
	"context"
	"crypto/sha256"
	"encoding/hex"
	"fmt"
	"io/fs"
	"log/slog"
	"os"
	"path/filepath"
	"reflect"
	"slices"
	"time"

	"github.com/fsnotify/fsnotify"
)

// settle is how long files must be quiet before they are read: editors and
// deployments write in several steps.
const settle = 300 * time.Millisecond

// lookAgain is how often files are read although nothing told of a change: on a
// network's folder, behind a link further up, or where the system has no watch
// left, nothing does.
const lookAgain = time.Minute

// watchFiles tells when one of the paths, or something in a folder of them, may
// have changed; the first time at once, for what changed before the watch began.
// Folders are watched rather than files: an editor replaces a file, and
// Kubernetes swaps the link that a whole mounted folder hangs on.
func watchFiles(ctx context.Context, paths []string, log *slog.Logger) (changed <-chan struct{}, done func()) {
	out := make(chan struct{}, 1)
	w, err := fsnotify.NewWatcher()
	if err != nil {
		log.Warn("changes of files are seen within a minute only; SIGHUP reads them at once", "error", err)
		return out, func() {}
	}
	folders(paths, func(dir string) {
		if err := w.Add(dir); err != nil {
			log.Warn("changes in this folder are seen within a minute only; SIGHUP reads it at once", "folder", dir, "error", err)
		}
	})
	out <- struct{}{}
	ended := make(chan struct{})
	go func() {
		defer close(ended)
		quiet := time.NewTimer(settle)
		quiet.Stop()
		for {
			select {
			case ev, ok := <-w.Events:
				if !ok {
					return
				}
				if info, err := os.Stat(ev.Name); err == nil && info.IsDir() && ev.Has(fsnotify.Create) {
					_ = w.Add(ev.Name) // a new subfolder of rules; without it lookAgain still finds it
				}
				if !ev.Has(fsnotify.Chmod) || ev.Op != fsnotify.Chmod {
					quiet.Reset(settle)
				}
			case err := <-w.Errors:
				log.Warn("watching files", "error", err)
				quiet.Reset(settle)
			case <-quiet.C:
				select {
				case out <- struct{}{}:
				default:
				}
			case <-ctx.Done():
				return
			}
		}
	}()
	return out, func() { w.Close(); <-ended }
}

// folders calls f with every folder whose entries matter.
func folders(paths []string, f func(string)) {
	seen := map[string]bool{}
	add := func(dir string) {
		if !seen[dir] {
			seen[dir] = true
			f(dir)
		}
	}
	for _, p := range paths {
		add(filepath.Dir(p))
		info, err := os.Stat(p)
		if err != nil || !info.IsDir() {
			continue
		}
		_ = filepath.WalkDir(p, func(path string, e fs.DirEntry, err error) error {
			if err == nil && e.IsDir() {
				add(path)
			}
			return nil // what cannot be read is told by whoever loads it
		})
	}
}

// fingerprint sums up what the paths hold, through links.
func fingerprint(paths []string) string {
	h := sha256.New()
	one := func(path string) {
		if b, err := os.ReadFile(path); err == nil && len(b) < 16<<20 {
			fmt.Fprintf(h, "%s %d\n", path, len(b))
			h.Write(b)
		} else if info, err := os.Stat(path); err == nil {
			fmt.Fprintf(h, "%s %d %d\n", path, info.Size(), info.ModTime().UnixNano())
		}
	}
	for _, p := range paths {
		info, err := os.Stat(p)
		if err != nil || !info.IsDir() {
			one(p)
			continue
		}
		root, err := filepath.EvalSymlinks(p)
		if err != nil {
			root = p
		}
		_ = filepath.WalkDir(root, func(path string, e fs.DirEntry, err error) error {
			if err == nil && !e.IsDir() {
				one(path)
			}
			return nil
		})
	}
	return hex.EncodeToString(h.Sum(nil))
}

// sameConnectors reports whether two configurations open the same connectors
// with the same certificates.
func sameConnectors(a, b *config) bool {
	if a.Checkpoint != b.Checkpoint || a.Log != b.Log || len(a.Sinks) != len(b.Sinks) || !reflect.DeepEqual(a.Kafka, b.Kafka) {
		return false
	}
	for i := range a.Sinks {
		if a.Sinks[i].Name != b.Sinks[i].Name || a.Sinks[i].Type != b.Sinks[i].Type || !reflect.DeepEqual(a.Sinks[i].config, b.Sinks[i].config) {
			return false
		}
	}
	return a.certificates == b.certificates && slices.Equal(a.watched(), b.watched())
}
