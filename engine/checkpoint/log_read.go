package checkpoint

import (
	"bytes"
	"os"
	"slices"

	"github.com/seed-843b225c/reflex/engine"
)

// Entry is one record of the log. Pos is where it stands, Next where the one
// after it stands; between the Next of one entry and the Pos of the following
// one lie records that were lost to damage or trimmed.
type Entry struct {
	Pos, Next int64
	Data      []byte // the caller's own
}

// Read gives the records from a position on: at least one if there is one, and
// no more when they hold limit bytes. A position before First is read from
// First. No entries and no error: there is nothing at or after the position yet.
// Safe for any goroutine. A Fatal error says which record cannot be read.
func (l *Log) Read(from int64, limit int) ([]Entry, error) {
	var out []Entry
	for left := limit; ; {
		s, pos, stop, ok := l.find(from)
		if !ok {
			return out, nil
		}
		got, next, err := s.read(pos, stop, left)
		if os.IsNotExist(err) && l.First() > pos {
			continue // trimmed while it was read
		}
		if err != nil {
			return out, readError(s, next, err)
		}
		for _, e := range got {
			left -= len(e.Data)
		}
		out = append(out, got...)
		if from = next; left <= 0 && len(out) > 0 {
			return out, nil
		}
	}
}

// find gives the segment that holds the position, and where reading it stops.
func (l *Log) find(from int64) (s segment, pos, stop int64, ok bool) {
	l.mu.Lock()
	defer l.mu.Unlock()
	from = l.past(from)
	if from >= l.end {
		return segment{}, 0, 0, false
	}
	i, found := slices.BinarySearchFunc(l.segs, from, func(s segment, pos int64) int {
		return int(min(max(s.base-pos, -1), 1))
	})
	if !found {
		i--
	}
	stop = l.end
	if i+1 < len(l.segs) {
		stop = l.segs[i+1].base
	}
	return l.segs[i], from, stop, true
}

// read decodes records of one file up to stop. next is the first position that
// was not read, of the damaged record when there is an error.
func (s segment) read(pos, stop int64, limit int) (out []Entry, next int64, err error) {
	f, err := os.Open(s.path)
	if err != nil {
		return nil, pos, err
	}
	defer f.Close()
	w := &window{r: f, size: s.offset(stop)}
	for pos < stop {
		if stop-pos < recordHead && len(out) > 0 {
			break // a hole too short for a head; find steps over it
		}
		r, err := s.record(w, pos)
		if err != nil {
			return out, pos, err
		}
		if !r.hole {
			out = append(out, Entry{Pos: r.pos, Next: r.next, Data: bytes.Clone(r.data)})
			limit -= len(r.data)
		}
		if pos = r.next; limit <= 0 {
			break
		}
	}
	return out, pos, nil
}

func readError(s segment, pos int64, err error) error {
	if engine.KindOf(err) != 0 {
		return err
	}
	return fatal("read %s: no record can be read at position %d: %w: check the disk and start again, which keeps what is damaged aside and goes on after it", s.path, pos, err)
}
