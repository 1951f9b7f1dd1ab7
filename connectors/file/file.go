// Package file reads logs from files, folders and standard input, plain or
// compressed (gzip and zstd, recognised by their first bytes, not by name),
// and writes the NDJSON that --alerts and its kin ask for.
//
// A file is one partition: a stream of bytes handed over in chunks. What the
// bytes mean is the decoder's business.
package file

import (
	"cmp"
	"errors"
	"fmt"
	"io/fs"
	"os"
	"path/filepath"
	"slices"
	"strings"
)

// Input names one stream of bytes that can be opened, again and again unless
// it is standard input.
type Input struct {
	Path string // as shown to people; "-" is standard input
	Size int64  // bytes on disk, 0 when unknown
	data []byte // for Memory
}

// Memory makes an input of bytes that are already there.
func Memory(name string, data []byte) Input {
	return Input{Path: name, Size: int64(len(data)), data: data}
}

// Expand turns paths into inputs: folders are walked (hidden files and folders
// left out), "-" is standard input. Inputs come sorted by path. Each error
// names the path; readable inputs are returned beside them.
func Expand(paths []string) ([]Input, []error) {
	var ins []Input
	var errs []error
	seen := map[string]bool{}
	add := func(path string, size int64) {
		if !seen[path] {
			seen[path] = true
			ins = append(ins, Input{Path: path, Size: size})
		}
	}
	for _, path := range paths {
		if path == "-" {
			add("-", 0)
			continue
		}
		err := filepath.WalkDir(path, func(p string, d fs.DirEntry, err error) error {
			if err != nil {
				errs = append(errs, explain(p, err))
				if d != nil && d.IsDir() {
					return fs.SkipDir
				}
				return nil
			}
			if p != path && strings.HasPrefix(d.Name(), ".") {
				if d.IsDir() {
					return fs.SkipDir
				}
				return nil
			}
			if d.IsDir() {
				return nil
			}
			info, err := os.Stat(p) // follows links
			switch {
			case err != nil:
				errs = append(errs, explain(p, err))
			case info.Mode().IsRegular() || p == path && info.Mode()&os.ModeNamedPipe != 0:
				add(p, info.Size())
			case info.IsDir(): // a link to a folder: not followed, loops would be endless
			default:
				errs = append(errs, fmt.Errorf("%s: is neither a file nor a folder: left out", p))
			}
			return nil
		})
		if err != nil {
			errs = append(errs, explain(path, err))
		}
	}
	slices.SortFunc(ins, func(a, b Input) int { return cmp.Compare(a.Path, b.Path) })
	return ins, errs
}

// explain says what is wrong with a path and what to do.
func explain(path string, err error) error {
	switch {
	case errors.Is(err, fs.ErrPermission):
		return fmt.Errorf("%s: no permission to read it: run as a user who may, or change its mode", path)
	case errors.Is(err, fs.ErrNotExist):
		return fmt.Errorf("%s: there is no such file or folder", path)
	}
	var pe *fs.PathError
	if errors.As(err, &pe) {
		err = pe.Err
	}
	return fmt.Errorf("%s: %w", path, err)
}
