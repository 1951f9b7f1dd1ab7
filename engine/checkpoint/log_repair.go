package checkpoint

import (
	"bytes"
	"errors"
	"fmt"
	"os"
	"path/filepath"
)

// span is a range of positions.
type span struct{ from, to int64 }

// scan is what reading a whole segment found.
type scan struct {
	damaged []span // in order; they touch no good record
	holes   []span // what earlier repairs left, in order
	tail    bool   // the last damaged span reaches the end: nothing good follows
	last    record // the last good record, without data; zero when there is none
}

// scan reads every record up to end.
func (s segment) scan(w *window, end int64) (found scan, err error) {
	for pos := s.base; pos < end; {
		r, err := s.record(w, pos)
		if err == nil {
			if r.hole {
				found.holes = append(found.holes, span{r.pos, r.next})
			} else {
				found.last = record{pos: r.pos, next: r.next, group: r.group, more: r.more}
			}
			pos = r.next
			continue
		}
		if !errors.Is(err, errDamaged) {
			return found, err
		}
		next := s.resync(w, pos+1, end)
		found.damaged = append(found.damaged, span{pos, next})
		found.tail = next == end
		pos = next
	}
	return found, w.err
}

// resync gives the first position from which a record can be read, or end.
func (s segment) resync(w *window, pos, end int64) int64 {
	for pos < end {
		b := w.at(s.offset(pos), windowBytes)
		i := bytes.Index(b, mark)
		if i < 0 {
			// a mark may lie across the edge
			pos += max(int64(len(b)-len(mark)+1), 1)
			continue
		}
		pos += int64(i)
		if r, err := s.record(w, pos); err == nil && r.next <= end {
			return pos
		}
		pos++
	}
	return end
}

// cut says where the newest segment has to end so that no group is there in
// part: at a damaged tail, and before a last group of which a record is missing.
func (f scan) cut(end int64) int64 {
	at := end
	if f.tail {
		at = f.damaged[len(f.damaged)-1].from
	}
	if f.last.next == 0 {
		return at
	}
	torn := f.last.more
	for _, d := range f.damaged {
		torn = torn || d.from >= f.last.group && d.from < f.last.pos
	}
	if torn {
		at = min(at, f.last.group)
	}
	return at
}

// repairer brings the segments of a log into a state in which every record can
// be read or is skipped, and says what it did.
type repairer struct {
	what  string // "alert log"
	aside string // folder for copies of what could not be read
	notes []string
	holes []span
}

func (p *repairer) note(format string, args ...any) {
	p.notes = append(p.notes, p.what+": "+fmt.Sprintf(format, args...))
}

// segment repairs one file. end is where the next segment begins, or -1 for the
// newest one. It returns where the segment ends.
func (p *repairer) segment(s *segment, end int64) (int64, error) {
	f, err := os.OpenFile(s.path, os.O_RDWR, 0)
	if err != nil {
		return 0, err
	}
	defer f.Close()
	info, err := f.Stat()
	if err != nil {
		return 0, err
	}
	newest, has := end < 0, max(s.base+info.Size()-segmentHead, s.base)
	if newest {
		end = has
	}
	w := &window{r: f, size: info.Size()}
	if lost, err := p.head(s, f, w); err != nil || lost {
		return end, errors.Join(err, p.hole(*s, f, span{s.base, end}, has))
	}
	found, err := s.scan(w, min(has, end))
	if err != nil {
		return 0, err
	}
	p.holes = append(p.holes, found.holes...)
	if newest {
		at := found.cut(end)
		if err := p.cut(*s, f, w, span{at, end}); err != nil {
			return 0, err
		}
		end = at
	} else if has > end {
		p.note("%s is %d bytes longer than its records; the rest was cut", s.path, has-end)
	} else if has < end {
		found.damaged = joined(found.damaged, span{has, end})
	}
	for _, d := range found.damaged {
		if d.from < d.to && d.to <= end {
			err = errors.Join(err, p.hole(*s, f, d, has))
		}
	}
	if !newest && err == nil && (has != end) {
		err = errors.Join(f.Truncate(s.offset(end)), f.Sync())
	}
	return end, err
}

// joined adds a span at the end, to the last one when they touch.
func joined(spans []span, d span) []span {
	if n := len(spans); n > 0 && spans[n-1].to == d.from {
		spans[n-1].to = d.to
		return spans
	}
	return append(spans, d)
}

// head reads the segment's head and mends it. lost says that both halves are
// damaged, and with them the salt without which no record can be checked.
func (p *repairer) head(s *segment, f *os.File, w *window) (lost bool, err error) {
	salt, whole, ok := s.parseHead(bytes.Clone(w.at(0, segmentHead)))
	if w.err != nil || whole {
		s.salt = salt
		return false, w.err
	}
	if ok {
		s.salt = salt
	} else {
		s.salt = newSegment("", s.base).salt
		p.note("the head of %s is damaged on both its places, so none of its records can be checked", s.path)
	}
	_, err = f.WriteAt(s.head(), 0)
	return !ok, errors.Join(err, f.Sync())
}

// cut ends the newest segment at d.from.
func (p *repairer) cut(s segment, f *os.File, w *window, d span) error {
	if d.from == d.to {
		return nil
	}
	kept, err := p.keep(s, f, d)
	if err != nil && !isFull(err) {
		return err
	}
	p.note("cut the last %d bytes of %s (positions %d to %d), a write that a crash or damage left unfinished%s", d.to-d.from, s.path, d.from, d.to, kept)
	return errors.Join(f.Truncate(s.offset(d.from)), f.Sync())
}

// hole keeps damaged bytes aside and lets reading step over them. has is where
// the file ended.
func (p *repairer) hole(s segment, f *os.File, d span, has int64) error {
	if d.from >= d.to {
		return nil
	}
	p.holes = append(p.holes, d)
	if d.to-d.from < recordHead {
		return s.fill(f, d) // skipTo left it; no record is that short
	}
	kept, err := p.keep(s, f, span{d.from, min(d.to, has)})
	if err != nil {
		return err
	}
	p.note("%d bytes of %s (positions %d to %d) cannot be read: the alerts in them are lost to sinks that had not passed position %d; reading goes on after them%s",
		d.to-d.from, s.path, d.from, d.to, d.to, kept)
	return errors.Join(s.fill(f, d), f.Sync())
}

// fill writes the heads of holes over a span.
func (s segment) fill(f *os.File, d span) error {
	if size := s.offset(d.to); d.to > d.from {
		if info, err := f.Stat(); err != nil {
			return err
		} else if info.Size() < size {
			if err := f.Truncate(size); err != nil {
				return err
			}
		}
	}
	for d.to-d.from >= recordHead {
		next := d.to
		if next-d.from > maxData {
			next = d.from + maxData/2
		}
		head := s.codec.append(nil, record{pos: d.from, group: d.from, next: next, hole: true})
		if _, err := f.WriteAt(head, s.offset(d.from)); err != nil {
			return err
		}
		d.from = next
	}
	return nil
}

const keepAside = 32 // copies of damaged bytes that are kept

// keep copies damaged bytes aside and says where, for a note.
func (p *repairer) keep(s segment, f *os.File, d span) (string, error) {
	b := make([]byte, max(d.to-d.from, 0))
	n, _ := f.ReadAt(b, s.offset(d.from)) // what cannot be read cannot be kept
	if b = b[:n]; len(bytes.Trim(b, "\x00")) == 0 {
		return "", nil
	}
	if err := os.MkdirAll(p.aside, 0o750); err != nil {
		return "", err
	}
	path := filepath.Join(p.aside, fmt.Sprintf("%s-%020d-%d.bin", filepath.Base(s.path), d.from, d.to))
	if err := writeFile(path, b); err != nil {
		return "", err
	}
	return "; a copy is in " + path, prune(p.aside, keepAside)
}
