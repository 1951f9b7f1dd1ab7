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
	Once bool   // standard input or a named pipe: what was read is gone
	data []byte // for Memory
}

// Memory makes an input of bytes that are already there.
func Memory(name string, data []byte) Input {
	return Input{Path: name, Size: int64(len(data)), data: data}
}

// Expand turns paths into inputs: folders are walked (hidden files and folders
// left out), "-" is standard input. Inputs come sorted by path, a path that is
// named twice comes once. Each error names the path; readable inputs are
// returned beside them.
func Expand(paths []string) ([]Input, []error) { return expand(paths, false) }

// ExpandHidden is Expand with hidden files too: secrets lie in .env. The
// folders of version control (.git, .hg, .svn) stay out.
func ExpandHidden(paths []string) ([]Input, []error) { return expand(paths, true) }

func expand(paths []string, hidden bool) ([]Input, []error) {
	w := walk{hidden: hidden, seen: map[string]bool{}, folders: map[string]bool{}}
	for _, path := range paths {
		switch info, err := os.Stat(path); {
		case path == "-":
			w.add(Input{Path: "-", Once: true})
		case path == "":
			w.errs = append(w.errs, errors.New(`"": an empty path names no file (is a variable of the shell unset?)`))
		case err != nil:
			w.errs = append(w.errs, explain(path, err))
		case info.IsDir():
			w.folder(path)
		case info.Mode()&(os.ModeNamedPipe|os.ModeCharDevice) != 0:
			w.add(Input{Path: path, Once: true}) // <(zcat ...), /dev/stdin, /dev/null
		default:
			w.file(path, info)
		}
	}
	for len(w.links) > 0 { // after all real folders, so that what they point to is known by its own name
		link := w.links[0]
		w.links = w.links[1:]
		w.folder(link)
	}
	slices.SortFunc(w.ins, func(a, b Input) int { return cmp.Compare(a.Path, b.Path) })
	return w.ins, w.errs
}

// walk gathers inputs.
type walk struct {
	hidden  bool
	ins     []Input
	errs    []error
	seen    map[string]bool
	folders map[string]bool // entered already, by their real path: links may form loops
	links   []string        // links to folders, not followed yet
}

func (w *walk) add(in Input) {
	if name := filepath.Clean(in.Path); !w.seen[name] {
		w.seen[name] = true
		w.ins = append(w.ins, in)
	}
}

func (w *walk) file(path string, info fs.FileInfo) {
	if !info.Mode().IsRegular() {
		w.errs = append(w.errs, fmt.Errorf("%s: is neither a file nor a folder: left out", path))
		return
	}
	w.add(Input{Path: path, Size: info.Size()})
}

// folder walks a folder, which may be a link.
func (w *walk) folder(root string) {
	if !strings.HasSuffix(root, string(filepath.Separator)) {
		root += string(filepath.Separator) // so that a link is entered
	}
	filepath.WalkDir(root, func(p string, d fs.DirEntry, err error) error {
		if err != nil {
			w.errs = append(w.errs, explain(filepath.Clean(p), err))
			if d != nil && d.IsDir() {
				return fs.SkipDir
			}
			return nil
		}
		if p != root && strings.HasPrefix(d.Name(), ".") && (!w.hidden || versionControl[d.Name()]) {
			if d.IsDir() {
				return fs.SkipDir
			}
			return nil
		}
		if d.IsDir() {
			if real, err := filepath.EvalSymlinks(p); err == nil {
				if w.folders[real] {
					return fs.SkipDir
				}
				w.folders[real] = true
			}
			return nil
		}
		switch info, err := os.Stat(p); { // follows links
		case err != nil:
			w.errs = append(w.errs, explain(p, err))
		case info.IsDir():
			w.links = append(w.links, p)
		default:
			w.file(p, info)
		}
		return nil
	})
}

var versionControl = map[string]bool{".git": true, ".hg": true, ".svn": true}

// explain says what is wrong with a path and what to do.
func explain(path string, err error) error {
	switch {
	case errors.Is(err, fs.ErrPermission):
		return fmt.Errorf("%s: no permission to read it: run as a user who may, or change its mode", path)
	case errors.Is(err, fs.ErrNotExist):
		if link, bad := os.Readlink(path); bad == nil {
			return fmt.Errorf("%s: is a link to %s, which does not exist", path, link)
		}
		return fmt.Errorf("%s: there is no such file or folder", path)
	}
	var pe *fs.PathError
	if errors.As(err, &pe) {
		err = pe.Err
	}
	return fmt.Errorf("%s: %w", path, err)
}
