package checkpoint

import (
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"slices"
	"strconv"
	"strings"
)

// Backups are numbered folders beside the store; the highest is the newest.
func backupsDir(dir string) string { return filepath.Join(dir, "backup") }

// Backup makes a copy of a consistent state beside the store and removes all
// but the newest. It holds every commit that returned before it was called.
// Tables that an earlier backup has are hard links to it; only new ones are
// copied, and read whole once. They are not links to the store's own files,
// because a rotten block would then be rotten in both. Safe for any goroutine;
// commits go on meanwhile. The error of a full disk is Temporary; after any
// error the earlier backups are still there.
func (s *Store) Backup() error {
	s.backing.Lock()
	defer s.backing.Unlock()
	h, err := s.frozen()
	if err != nil {
		return err
	}
	defer s.release(h)
	root := backupsDir(filepath.Dir(s.dir))
	if err := os.MkdirAll(root, 0o750); err != nil {
		return diskError("make", root, err)
	}
	earlier, err := listBackups(root)
	if err != nil {
		return diskError("list", root, err)
	}
	n, previous := 1, ""
	if len(earlier) > 0 {
		n, previous = earlier[0]+1, backupPath(root, earlier[0])
	}
	tmp := filepath.Join(root, "unfinished")
	if err := os.RemoveAll(tmp); err != nil {
		return diskError("remove", tmp, err)
	}
	if err := h.copyTo(tmp, previous, s.disk); err != nil {
		_ = os.RemoveAll(tmp)
		if isDamage(err) {
			return s.damaged(err)
		}
		return diskError("back up to", tmp, err)
	}
	err = errors.Join(os.Rename(tmp, backupPath(root, n)), syncDir(root))
	for _, old := range earlier[min(s.keep-1, len(earlier)):] {
		err = errors.Join(err, os.RemoveAll(backupPath(root, old)))
	}
	return diskError("finish the backup in", root, err)
}

// Backups counts the backups that are there.
func (s *Store) Backups() int {
	ns, _ := listBackups(backupsDir(filepath.Dir(s.dir)))
	return len(ns)
}

// frozen writes all commits to tables and gives the handle, to be released. It
// writes them twice: most of it while commits go on, and then, while they wait,
// the few that came meanwhile.
func (s *Store) frozen() (*handle, error) {
	if err := s.preflush(); err != nil {
		return nil, err
	}
	s.commit.Lock()
	defer s.commit.Unlock()
	h, err := s.writable()
	if err == nil {
		err = s.disk.room(0)
	}
	if err == nil && s.flushing != nil {
		err = s.await(h)
	}
	if err == nil {
		err = s.flush(h)
	}
	if err == nil {
		err = s.await(h)
	}
	if err != nil {
		return nil, err
	}
	return s.acquire()
}

// preflush writes to tables what was committed so far, or waits for what is
// being written. Commits go on.
func (s *Store) preflush() error {
	s.commit.Lock()
	h, err := s.writable()
	if err == nil {
		err = s.disk.room(0)
	}
	if err == nil && s.settle() {
		err = s.flush(h)
	}
	done := s.flushing
	s.commit.Unlock()
	if err != nil {
		return err
	}
	return s.wait(h, done)
}

// copyTo makes a copy of the tables that shares no file with them.
func (h *handle) copyTo(dir, previous string, d disk) (err error) {
	defer func() {
		if r := recover(); r != nil {
			err = fmt.Errorf("%v", r)
		}
	}()
	if err := h.db.Checkpoint(dir); err != nil {
		return err
	}
	entries, err := os.ReadDir(dir)
	if err != nil {
		return err
	}
	for _, e := range entries {
		if !strings.HasSuffix(e.Name(), ".sst") {
			continue
		}
		info, err := e.Info()
		if err != nil {
			return err
		}
		path := filepath.Join(dir, e.Name())
		if err := own(path, filepath.Join(previous, e.Name()), info.Size(), d); err != nil {
			return err
		}
	}
	return syncDir(dir)
}

// own replaces a link to a table of the store by a link to the earlier backup's
// copy, or by a copy. Tables never change, and their numbers are given once.
func own(path, earlier string, size int64, d disk) error {
	if info, err := os.Stat(earlier); err == nil && info.Size() == size {
		if err := os.Remove(path); err != nil {
			return err
		}
		return os.Link(earlier, path)
	}
	if err := d.room(size); err != nil {
		return err
	}
	tmp := path + ".tmp"
	if err := copyFile(path, tmp); err != nil {
		return err
	}
	if err := checkTable(tmp); err != nil {
		return err
	}
	return os.Rename(tmp, path)
}

func backupPath(root string, n int) string { return filepath.Join(root, fmt.Sprintf("%08d", n)) }

// listBackups gives the numbers of the backups, newest first.
func listBackups(root string) ([]int, error) {
	entries, err := os.ReadDir(root)
	if os.IsNotExist(err) {
		return nil, nil
	}
	var ns []int
	for _, e := range entries {
		if n, err := strconv.Atoi(e.Name()); err == nil && filepath.Base(backupPath(root, n)) == e.Name() {
			ns = append(ns, n)
		}
	}
	slices.SortFunc(ns, func(a, b int) int { return b - a })
	return ns, err
}
