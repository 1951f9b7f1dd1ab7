package checkpoint

import (
	"os"
	"path/filepath"
	"slices"
	"strings"
)

// logOptions says where a log is and how it writes.
type logOptions struct {
	what, dir, aside string
	size             int64
	base             int64 // where a log that has no segment begins
	room             func(int64) error
	open             func(path string) (file, error)
}

// openLog opens the log in a folder, makes it when there is none, and repairs
// what a crash or the disk did to it.
func openLog(o logOptions) (*Log, []string, error) {
	if o.open == nil {
		o.open = openFile
	}
	if err := os.MkdirAll(o.dir, 0o750); err != nil {
		return nil, nil, diskError("make", o.dir, err)
	}
	segs, err := listSegments(o.dir)
	if err != nil {
		return nil, nil, diskError("list", o.dir, err)
	}
	l := &Log{dir: o.dir, room: o.room, size: o.size, open: o.open, grown: make(chan struct{})}
	if len(segs) == 0 {
		return l, nil, l.start(o.base)
	}
	p := &repairer{what: o.what, aside: o.aside}
	for i := range segs {
		end := int64(-1)
		if i+1 < len(segs) {
			end = segs[i+1].base
		}
		if l.end, err = p.segment(&segs[i], end); err != nil {
			return nil, p.notes, diskError("repair", segs[i].path, err)
		}
	}
	l.segs, l.synced, l.holes = segs, l.end, p.holes
	if l.file, err = l.open(segs[len(segs)-1].path); err != nil {
		return nil, p.notes, diskError("open", segs[len(segs)-1].path, err)
	}
	return l, p.notes, nil
}

// skipTo moves the end forward over positions that were given out and are lost,
// so that no position ever names two records. Nobody reads yet.
func (l *Log) skipTo(pos int64) error {
	l.write.Lock()
	defer l.write.Unlock()
	last, end := l.last()
	if pos <= end {
		return nil
	}
	f, err := os.OpenFile(last.path, os.O_RDWR, 0)
	if err != nil {
		return diskError("open", last.path, err)
	}
	defer f.Close()
	if err := last.fill(f, span{end, pos}); err != nil {
		return diskError("write", last.path, err)
	}
	if err := f.Sync(); err != nil {
		return diskError("sync", last.path, err)
	}
	if err := l.start(pos); err != nil {
		return err
	}
	l.mu.Lock()
	l.holes = append(l.holes, span{end, pos})
	l.mu.Unlock()
	return nil
}

// restart drops every record and goes on at a position.
func (l *Log) restart(base int64) error {
	l.write.Lock()
	defer l.write.Unlock()
	l.mu.Lock()
	old := l.segs
	l.segs, l.holes, l.end = nil, nil, base
	l.mu.Unlock()
	for _, s := range old {
		if err := os.Remove(s.path); err != nil && !os.IsNotExist(err) {
			return diskError("remove", s.path, err)
		}
	}
	l.unsynced, l.torn = nil, false
	return l.start(base)
}

// prune keeps the newest n entries of a folder, by their modification time.
func prune(dir string, n int, prefix ...string) error {
	entries, err := os.ReadDir(dir)
	if err != nil {
		return err
	}
	var infos []os.FileInfo
	for _, e := range entries {
		if len(prefix) > 0 && !strings.HasPrefix(e.Name(), prefix[0]) {
			continue
		}
		if info, err := e.Info(); err == nil {
			infos = append(infos, info)
		}
	}
	slices.SortFunc(infos, func(a, b os.FileInfo) int { return b.ModTime().Compare(a.ModTime()) })
	for _, info := range infos[min(n, len(infos)):] {
		if err := os.RemoveAll(filepath.Join(dir, info.Name())); err != nil {
			return err
		}
	}
	return nil
}
