package file

import (
	"bytes"
	"encoding/json"
	"errors"
	"io"
	"os"
	"path/filepath"
	"syscall"
)

// output is where lines are appended: a file, or a stream that cannot be synced
// or cut (standard output, a pipe).
type output struct {
	w    io.Writer
	file *os.File // nil for a stream that is not ours
	size int64    // bytes of lines that are synced; a regular file's only
}

// openOutput opens a file for appending. What follows the last line break is
// half a line, left by a crash or a full disk: it is taken away, and cut says
// how many bytes of it there were. The ids of the newest lines go to seen.
func openOutput(path string, seen *recent) (out *output, cut int64, err error) {
	flags := os.O_RDWR | os.O_CREATE | os.O_APPEND
	if info, err := os.Stat(path); err == nil && !info.Mode().IsRegular() {
		if info.Mode()&os.ModeCharDevice == 0 && !info.IsDir() { // opening a named pipe waits for a reader, for ever
			return nil, 0, errNotAFile
		}
		flags = os.O_WRONLY // a terminal, /dev/stderr
	}
	f, err := os.OpenFile(path, flags, 0o640)
	if err != nil {
		return nil, 0, err
	}
	out = &output{w: f, file: f}
	info, err := f.Stat()
	if err != nil || !info.Mode().IsRegular() {
		return out, 0, err
	}
	if out.size, err = out.read(info.Size(), seen); err == nil && out.size < info.Size() {
		cut = info.Size() - out.size
		err = f.Truncate(out.size)
	}
	if err == nil {
		err = errors.Join(f.Sync(), syncFolder(path)) // a new file's name is on the disk before a line is accepted
	}
	if err != nil {
		f.Close()
		return nil, cut, err
	}
	return out, cut, nil
}

var errNotAFile = errors.New("is neither a file nor a device")

// newest is how much of a file's end is searched for ids that come again after
// a crash: more than what is delivered between two stored positions.
const newest = 8 << 20

// read remembers the ids of the file's newest lines and gives the size of its
// whole lines.
func (o *output) read(size int64, seen *recent) (whole int64, err error) {
	from := max(0, size-newest)
	tail := make([]byte, size-from)
	if _, err := o.file.ReadAt(tail, from); err != nil && err != io.EOF {
		return 0, err
	}
	end := bytes.LastIndexByte(tail, '\n') + 1
	if end == 0 && from > 0 {
		return o.search(from) // half a line longer than what was read
	}
	for line := range bytes.Lines(tail[:end]) {
		if id := lineID(line); id != "" {
			seen.add(id)
		}
	}
	return from + int64(end), nil
}

// search walks back to the last line break before an offset.
func (o *output) search(before int64) (whole int64, err error) {
	buf := make([]byte, 1<<20)
	for before > 0 {
		n := min(before, int64(len(buf)))
		if _, err := o.file.ReadAt(buf[:n], before-n); err != nil && err != io.EOF {
			return 0, err
		}
		if i := bytes.LastIndexByte(buf[:n], '\n'); i >= 0 {
			return before - n + int64(i) + 1, nil
		}
		before -= n
	}
	return 0, nil
}

// lineID gives the id of the transition that a line holds; "" when it is none.
func lineID(line []byte) string {
	var doc struct {
		Reflex struct {
			Transition struct {
				ID string `json:"id"`
			} `json:"transition"`
		} `json:"reflex"`
	}
	if json.Unmarshal(line, &doc) != nil { // the first of the tail may be half a line
		return ""
	}
	return doc.Reflex.Transition.ID
}

// syncFolder makes the entry of a new file durable.
func syncFolder(path string) error {
	d, err := os.Open(filepath.Dir(path))
	if err != nil {
		return err
	}
	defer d.Close()
	if err := d.Sync(); err != nil && !errors.Is(err, syscall.EINVAL) {
		return err
	}
	return nil
}

// append writes whole lines and syncs them. When either does not work, what was
// written is cut off again: after a sync that did not work nobody knows what is
// on the disk, so those lines have to be written anew.
func (o *output) append(lines []byte) error {
	if len(lines) == 0 {
		return nil
	}
	_, err := o.w.Write(lines)
	if err == nil && o.file != nil {
		if err = o.file.Sync(); errors.Is(err, syscall.EINVAL) { // a device
			err = nil
		}
	}
	if err != nil {
		if o.file != nil {
			_ = o.file.Truncate(o.size) // of a device it does not work; else the next opening cuts
		}
		return err
	}
	o.size += int64(len(lines))
	return nil
}

// moved reports whether the path no longer leads to the open file.
func (o *output) moved(path string) bool {
	open, err := o.file.Stat()
	if err != nil {
		return true
	}
	there, err := os.Stat(path)
	return err != nil || !os.SameFile(open, there)
}

func (o *output) close() error {
	if o.file == nil {
		return nil
	}
	return o.file.Close()
}

// recent remembers the newest ids, about maxRecent of them, in two generations.
type recent struct{ young, old map[string]bool }

const maxRecent = 20000

func (r *recent) has(id string) bool { return r.young[id] || r.old[id] }

func (r *recent) add(ids ...string) {
	for _, id := range ids {
		if len(r.young) >= maxRecent || r.young == nil {
			r.old, r.young = r.young, map[string]bool{}
		}
		r.young[id] = true
	}
}
