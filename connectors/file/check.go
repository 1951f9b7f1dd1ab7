package file

import (
	"context"
	"errors"
	"io/fs"
	"os"
	"path/filepath"

	"github.com/seed-843b225c/reflex/engine"
)

var _ engine.Checker = (*Sink)(nil)

// Check sees whether the file, or one beside it, can be written.
func (s *Sink) Check(context.Context) []engine.Finding {
	f := engine.Finding{What: "file " + s.config.Path}
	if s.config.Path == "-" {
		f.What = "standard output"
		return []engine.Finding{f}
	}
	if err := writable(s.config.Path); err != nil {
		f.Err = s.judge("open", err)
		return []engine.Finding{f}
	}
	f.Note = "can be written"
	return []engine.Finding{f}
}

// writable opens the file as Deliver would, without making it.
func writable(path string) error {
	if info, err := os.Stat(path); err == nil && !info.Mode().IsRegular() && !info.IsDir() {
		if info.Mode()&os.ModeCharDevice == 0 {
			return errNotAFile
		}
		return nil // a terminal
	}
	out, err := os.OpenFile(path, os.O_RDWR|os.O_APPEND, 0)
	if err == nil {
		return out.Close()
	}
	if !errors.Is(err, fs.ErrNotExist) {
		return err
	}
	if out, err = os.CreateTemp(filepath.Dir(path), ".reflex-check-*"); err != nil {
		return err
	}
	return errors.Join(out.Close(), os.Remove(out.Name()))
}
