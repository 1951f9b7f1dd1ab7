package file

import (
	"cmp"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"io/fs"
	"log/slog"
	"os"
	"syscall"
	"time"

	"github.com/seed-843b225c/reflex/engine"
)

// SinkConfig says where lines go.
type SinkConfig struct {
	Path   string `yaml:"path"`   // file to append to, "-" is standard output
	Rotate int64  `yaml:"rotate"` // bytes above which the file is renamed to PATH.1 and a new one begun; 0: never
	Keep   int    `yaml:"keep"`   // how many renamed files are kept; default 5
}

const defaultKeep = 5

// Validate gives every mistake in the settings, joined.
func (c *SinkConfig) Validate() error {
	var errs []error
	if c.Path == "" {
		errs = append(errs, errors.New(`file: path is not set: give a file, or "-" for standard output`))
	}
	if c.Rotate < 0 || c.Keep < 0 {
		errs = append(errs, fmt.Errorf("file: rotate %d and keep %d: less than nothing", c.Rotate, c.Keep))
	}
	if c.Path == "-" && (c.Rotate > 0 || c.Keep > 0) {
		errs = append(errs, errors.New("file: standard output cannot be rotated: take rotate and keep away"))
	}
	return errors.Join(errs...)
}

// SinkOptions are what a Sink needs of the rest. The zero value is usable.
type SinkOptions struct {
	Log    *slog.Logger // nil: nothing is logged
	Stdout io.Writer    // what "-" is; nil: os.Stdout
}

// Sink appends transitions to a file, one ECS document a line. A line is
// accepted when it is synced to the disk. What a crash leaves of a line is cut
// off, and a transition that already stands in the newest part of the file is
// not written again, so that a repeat leaves one line. A file that was moved
// away (logrotate) is made anew at its path. One goroutine calls Deliver.
type Sink struct {
	config SinkConfig
	log    *slog.Logger
	stdout io.Writer
	out    *output // nil: not open
	seen   recent  // transitions that stand in the file
}

var _ engine.Sink = (*Sink)(nil)

// NewSink makes a sink of valid settings. The file is opened by the first Deliver.
func NewSink(c SinkConfig, o SinkOptions) (*Sink, error) {
	if err := c.Validate(); err != nil {
		return nil, &engine.Error{Kind: engine.Fatal, Err: err}
	}
	c.Keep = cmp.Or(c.Keep, defaultKeep)
	s := &Sink{config: c, log: o.Log, stdout: o.Stdout}
	if s.log == nil {
		s.log = slog.New(slog.DiscardHandler)
	}
	if s.stdout == nil {
		s.stdout = os.Stdout
	}
	return s, nil
}

// Deliver appends a line for each transition and syncs. Either all lines before
// the one that cannot be encoded are there, or none of this call.
func (s *Sink) Deliver(ctx context.Context, ts []engine.Transition) (int, error) {
	if err := ctx.Err(); err != nil {
		return 0, fmt.Errorf("file: write %s: %w", s.config.Path, err)
	}
	if len(ts) == 0 {
		return 0, nil
	}
	if err := s.ready(); err != nil {
		return 0, s.judge("open", err)
	}
	lines, ids, refused := s.encode(ts)
	accepted := len(ts)
	if refused != nil {
		accepted = len(ids)
	}
	if err := s.out.append(lines); err != nil {
		s.out.close()
		s.out = nil // opened anew next time, which cuts what was half written
		return 0, s.judge("write", err)
	}
	s.seen.add(ids...)
	return accepted, refused
}

// encode makes the lines of transitions that are not in the file yet, up to one
// that cannot be encoded. ids are those of all before it.
func (s *Sink) encode(ts []engine.Transition) (lines []byte, ids []string, err error) {
	for i := range ts {
		id := ts[i].DocumentID()
		if !s.seen.has(id) {
			line, err := json.Marshal(ts[i].ECS())
			if err != nil {
				return lines, ids, &engine.Error{Kind: engine.BadInput, Err: fmt.Errorf("file: encode transition %s: %w", id, err)}
			}
			lines = append(append(lines, line...), '\n')
		}
		ids = append(ids, id)
	}
	return lines, ids, nil
}

// ready opens the file where it is not open, was moved away, or is full.
func (s *Sink) ready() error {
	if s.config.Path == "-" {
		if s.out == nil {
			s.out = &output{w: s.stdout}
		}
		return nil
	}
	if s.out != nil && s.out.moved(s.config.Path) {
		s.log.Info("file: the file was moved or removed, a new one is begun", "path", s.config.Path)
		s.out.close()
		s.out = nil
	}
	if s.out != nil && s.config.Rotate > 0 && s.out.size >= s.config.Rotate {
		s.out.close()
		s.out = nil
		if err := rotate(s.config.Path, s.config.Keep); err != nil {
			return err
		}
	}
	if s.out != nil {
		return nil
	}
	out, cut, err := openOutput(s.config.Path, &s.seen)
	if cut > 0 {
		s.log.Warn("file: the last line was cut by a crash and is taken away; its transition comes again", "path", s.config.Path, "bytes", cut)
	}
	s.out = out
	return err
}

// rotate renames PATH to PATH.1, PATH.1 to PATH.2 and so on; the oldest goes.
func rotate(path string, keep int) error {
	for n := keep; n > 0; n-- {
		from := path
		if n > 1 {
			from = fmt.Sprintf("%s.%d", path, n-1)
		}
		if err := os.Rename(from, fmt.Sprintf("%s.%d", path, n)); err != nil && !errors.Is(err, fs.ErrNotExist) {
			return err
		}
	}
	return nil
}

// Close closes the file.
func (s *Sink) Close() error {
	if s.out == nil {
		return nil
	}
	err := s.out.close()
	s.out = nil
	return err
}

// judge decides what an error of the file system asks for. A full disk and what
// nobody can judge may pass; a path that cannot be written is for a person.
func (s *Sink) judge(what string, err error) error {
	if pe, ok := errors.AsType[*fs.PathError](err); ok {
		err = pe.Err
	}
	name := s.config.Path
	if name == "-" {
		name = "standard output"
	}
	switch {
	case errors.Is(err, syscall.ENOSPC), errors.Is(err, syscall.EDQUOT):
		return &engine.Error{Kind: engine.Temporary, After: 10 * time.Second, Err: fmt.Errorf("file: %s %s: %w: make room on its disk", what, name, err)}
	case errors.Is(err, fs.ErrPermission), errors.Is(err, syscall.EROFS):
		return &engine.Error{Kind: engine.Fatal, Err: fmt.Errorf("file: %s %s: %w: run as a user who may write it, or set another path", what, name, err)}
	case errors.Is(err, fs.ErrNotExist), errors.Is(err, syscall.EISDIR), errors.Is(err, syscall.ENOTDIR), errors.Is(err, errNotAFile):
		return &engine.Error{Kind: engine.Fatal, Err: fmt.Errorf("file: %s %s: %w: make its folder, or set another path", what, name, err)}
	case errors.Is(err, syscall.EPIPE), errors.Is(err, fs.ErrClosed):
		return &engine.Error{Kind: engine.Fatal, Err: fmt.Errorf("file: %s %s: %w: nobody reads it any more", what, name, err)}
	}
	return &engine.Error{Kind: engine.Temporary, Err: fmt.Errorf("file: %s %s: %w", what, name, err)}
}
