package checkpoint

import (
	"context"
	"errors"
	"io"
	"os"
	"path/filepath"
	"slices"
	"sync"

	"github.com/seed-843b225c/reflex/engine"
)

// Log is an append-only list of records in segment files. A position is a byte
// offset over all segments that ever were: it only grows, and trimming does not
// change it. One goroutine at a time appends or trims (others wait); any number
// may read and wait meanwhile.
type Log struct {
	dir  string
	room func(n int64) error
	size int64 // a segment that has this many bytes is followed by a new one
	open func(path string) (file, error)

	write    sync.Mutex // held by append, Trim and close; guards up to the blank line
	file     file       // the last segment
	synced   int64      // everything before is on disk
	unsynced []byte     // what was written since, to be written again after an error
	torn     bool       // the file has to be cut to synced before the next write
	buf      []byte
	closed   bool

	mu     sync.Mutex // guards what readers share with the writer
	segs   []segment
	holes  []span // in order: positions that name no record
	end    int64
	grown  chan struct{} // closed, and replaced, when end moves or the log closes
	isShut bool
}

// file is what the log needs of a file it writes.
type file interface {
	io.WriterAt
	io.Closer
	Sync() error
	Truncate(size int64) error
}

func openFile(path string) (file, error) { return os.OpenFile(path, os.O_RDWR, 0) }

const (
	maxGroup    = 1 << 30 // bytes of one Append
	maxUnsynced = 1 << 20
	keepBuffer  = 4 << 20
)

// Append writes the records and returns the position behind them once they are
// synced. After a crash all of them are there or none. After an error none are,
// and the same call may be made again; the errors are *engine.Error: Temporary
// for a full disk, Fatal for another error of the disk, BadInput for a record
// over 512 MiB or more than 1 GiB at once.
func (l *Log) Append(records ...[]byte) (end int64, err error) {
	return l.append(true, records)
}

// RecordBytes is what a record of n bytes takes of the log: positions grow by it.
func RecordBytes(n int) int64 { return recordHead + int64(n) }

// append without sync promises nothing about a power failure until the next
// append with sync; a kill of the process loses neither.
func (l *Log) append(sync bool, records [][]byte) (int64, error) {
	l.write.Lock()
	defer l.write.Unlock()
	if err := l.check(records); err != nil {
		return 0, err
	}
	if err := l.rotate(); err != nil {
		return 0, err
	}
	last, end := l.last()
	l.buf = last.encode(l.buf[:0], end, records)
	if err := l.put(last, end, sync || len(l.unsynced)+len(l.buf) > maxUnsynced); err != nil {
		return 0, err
	}
	end += int64(len(l.buf))
	if cap(l.buf) > keepBuffer {
		l.buf = nil
	}
	l.publish(end)
	return end, nil
}

// check refuses what cannot be written before anything is.
func (l *Log) check(records [][]byte) error {
	if l.closed {
		return fatal("append to %s: the log is closed", l.dir)
	}
	var n int64
	for _, r := range records {
		if len(r) >= maxData {
			n = maxGroup
		}
		n += recordHead + int64(len(r))
	}
	if n >= maxGroup {
		return &engine.Error{Kind: engine.BadInput, Err: errors.New("append to " + l.dir + ": more than 512 MiB in a record or 1 GiB at once: write less at a time")}
	}
	return l.room(n)
}

// put brings the file to hold everything up to end and l.buf. When that fails
// the file is cut back to what was synced: after a failed sync nobody knows
// which pages reached the disk, so they are written again from memory.
func (l *Log) put(last segment, end int64, sync bool) error {
	data, at := l.buf, end
	if l.torn {
		if err := l.file.Truncate(last.offset(l.synced)); err != nil {
			return diskError("cut back", last.path, err)
		}
		data, at = slices.Concat(l.unsynced, l.buf), l.synced
	}
	_, err := l.file.WriteAt(data, last.offset(at))
	if err == nil && sync {
		err = l.file.Sync()
	}
	if err != nil {
		l.torn = true
		_ = l.file.Truncate(last.offset(l.synced)) // gives the space back; tried again before the next write
		return diskError("append to", last.path, err)
	}
	l.torn = false
	if sync {
		l.synced, l.unsynced = end+int64(len(l.buf)), l.unsynced[:0]
	} else {
		l.unsynced = append(l.unsynced, l.buf...)
	}
	return nil
}

// rotate starts a new segment when the last one is full.
func (l *Log) rotate() error {
	last, end := l.last()
	if end-last.base < l.size {
		return nil
	}
	l.buf = l.buf[:0]
	if l.synced < end || l.torn {
		if err := l.put(last, end, true); err != nil {
			return err
		}
	}
	return l.start(end)
}

// start makes the segment that begins at a position, and writes there from now on.
func (l *Log) start(base int64) error {
	s := newSegment(l.dir, base)
	if err := writeFile(s.path, s.head()); err != nil {
		_ = os.Remove(s.path)
		return diskError("start", s.path, err)
	}
	f, err := l.open(s.path)
	if err != nil {
		_ = os.Remove(s.path)
		return diskError("open", s.path, err)
	}
	if l.file != nil {
		_ = l.file.Close() // it is synced
	}
	l.file, l.synced, l.torn = f, base, false
	l.mu.Lock()
	l.segs = append(l.segs, s)
	l.mu.Unlock()
	l.publish(base)
	return nil
}

func (l *Log) last() (segment, int64) {
	l.mu.Lock()
	defer l.mu.Unlock()
	return l.segs[len(l.segs)-1], l.end
}

func (l *Log) publish(end int64) {
	l.mu.Lock()
	defer l.mu.Unlock()
	if end > l.end {
		l.end = end
		close(l.grown)
		l.grown = make(chan struct{})
	}
}

// First is the position of the oldest record that is kept. Safe for any goroutine.
func (l *Log) First() int64 {
	l.mu.Lock()
	defer l.mu.Unlock()
	return l.segs[0].base
}

// End is the position that the next record gets. Safe for any goroutine.
func (l *Log) End() int64 {
	l.mu.Lock()
	defer l.mu.Unlock()
	return l.end
}

// past moves a position to where reading from it begins. The caller holds mu.
func (l *Log) past(from int64) int64 {
	from = max(from, l.segs[0].base)
	for _, h := range l.holes {
		if h.from <= from && from < h.to {
			from = h.to
		}
	}
	return from
}

// Wait returns nil when there is a record at or after the position, the context's error when
// that ends first, and a Fatal error when the log is closed. Safe for any
// goroutine.
func (l *Log) Wait(ctx context.Context, from int64) error {
	for {
		l.mu.Lock()
		end, grown, shut := l.end, l.grown, l.isShut
		from = l.past(from)
		l.mu.Unlock()
		if end > from {
			return nil
		}
		if shut {
			return fatal("wait for %s: the log is closed", l.dir)
		}
		select {
		case <-grown:
		case <-ctx.Done():
			return ctx.Err()
		}
	}
}

// Trim removes the segments whose records all stand before the position. The
// last segment stays.
func (l *Log) Trim(before int64) error {
	l.write.Lock()
	defer l.write.Unlock()
	l.mu.Lock()
	n := 0
	for n < len(l.segs)-1 && l.segs[n+1].base <= before {
		n++
	}
	old := slices.Clone(l.segs[:n])
	l.segs = slices.Delete(l.segs, 0, n)
	l.mu.Unlock()
	for i, s := range old {
		// oldest first, so that a crash leaves no hole in the middle
		if err := os.Remove(s.path); err != nil && !os.IsNotExist(err) {
			l.mu.Lock()
			l.segs = slices.Insert(l.segs, 0, old[i:]...)
			l.mu.Unlock()
			return diskError("remove", s.path, err)
		}
	}
	if n == 0 {
		return nil
	}
	return diskError("sync", l.dir, syncDir(l.dir))
}

// disk bytes of all segments.
func (l *Log) bytes() int64 {
	l.mu.Lock()
	defer l.mu.Unlock()
	return l.end - l.segs[0].base + int64(len(l.segs))*segmentHead
}

// close syncs and ends the log; whoever waits is told.
func (l *Log) close() error {
	l.write.Lock()
	defer l.write.Unlock()
	if l.closed {
		return nil
	}
	l.closed = true
	last, end := l.last()
	l.buf = nil
	var err error
	if l.synced < end {
		err = l.put(last, end, true)
	}
	err = errors.Join(err, l.file.Close())
	l.mu.Lock()
	l.isShut = true
	close(l.grown)
	l.grown = make(chan struct{})
	l.mu.Unlock()
	return diskError("close", filepath.Join(l.dir), err)
}
