package pipeline

import (
	"encoding/binary"
	"fmt"
	"math"
	"time"

	"github.com/seed-843b225c/reflex/engine"
	"github.com/seed-843b225c/reflex/engine/job"
)

// How long silence holds a live stream's watermark, by the wall clock.
const (
	quietPartition = 5 * time.Minute // a partition read to its end leaves the minimum while another moves
	quietDataset   = time.Hour       // a dataset silent as a whole then follows the clock, so much behind it
)

// liveMarks follows event time by partition and dataset on a stream that does
// not end. A dataset's watermark is the least over the partitions that bring
// it, less its lateness.
//
// A partition with records still to be read never counts as silent, however
// long that takes: after an outage everything waits, and nothing is late for
// it. While a partition that was just opened has given nothing, though it holds
// something, or one of the source's is not open yet, no watermark moves: it may
// bring anything. None moves either while the source has no partition at all.
type liveMarks struct {
	parts   map[partKey]*livePart
	awaited map[partKey]time.Time // the source's, not open yet: since when
	marks   []int64               // by dataset, as of the last turn
	seen    []bool                // by dataset: some partition brought it
	silent  []bool                // by dataset: it follows the clock
	newest  int64
	began   time.Time // when this process began to read
}

// partKey names a partition of a topic.
type partKey struct {
	source string
	number int32
}

// livePart is what one partition brought.
type livePart struct {
	clocks []clockOf   // by dataset
	moved  []time.Time // by dataset: when it last brought something
	opened time.Time
	any    bool  // it brought something, now or before a restart
	away   bool  // the source does not read it now
	lag    int64 // records still to be read; -1 unknown
	rest   bool  // what lag counts has been fetched: after a while it can only be markers
	dirty  bool
}

// behind reports whether the partition still has something to say.
func (p *livePart) behind(quiet time.Duration) bool {
	return p.lag > 0 && !(p.rest && quiet >= quietPartition)
}

func newLiveMarks(now time.Time) *liveMarks {
	n := len(engine.Datasets()) + 1
	w := &liveMarks{parts: map[partKey]*livePart{}, awaited: map[partKey]time.Time{}, marks: make([]int64, n), seen: make([]bool, n), silent: make([]bool, n), newest: math.MinInt64, began: now}
	for i := range w.marks {
		w.marks[i] = math.MinInt64
	}
	return w
}

// open takes a partition in, or again.
func (w *liveMarks) open(k partKey, now time.Time) *livePart {
	p := w.parts[k]
	if p == nil {
		n := len(w.marks)
		p = &livePart{clocks: make([]clockOf, n), moved: make([]time.Time, n)}
		w.parts[k] = p
	}
	p.opened, p.lag, p.rest, p.away = now, -1, false, false
	for d := range p.moved {
		p.moved[d] = now
	}
	return p
}

// close notes that a partition is not read now.
func (w *liveMarks) close(k partKey) {
	if p := w.parts[k]; p != nil {
		p.away = true
	}
}

// owned takes note of the partitions that are the source's.
func (w *liveMarks) owned(lags []engine.Lag, now time.Time) {
	before := w.awaited
	w.awaited = map[partKey]time.Time{}
	for _, l := range lags {
		k := partKey{l.Source, l.Partition}
		if p := w.parts[k]; p != nil && !p.away && l.End >= 0 {
			continue
		}
		w.awaited[k] = now
		if since, ok := before[k]; ok {
			w.awaited[k] = since
		}
	}
}

// see takes note of one event. False says that it is of a time that has not
// come yet: a clock is wrong there, and it moves no watermark, or all that other
// clocks say would be late. now is zero where the wall clock means nothing.
func (w *liveMarks) see(p *livePart, d engine.Dataset, at int64, now time.Time) bool {
	p.any = true
	if !now.IsZero() && at > now.UnixNano()+maxJump {
		return false
	}
	p.clocks[d].see(at)
	p.moved[d], p.dirty = now, true
	w.seen[d] = true
	w.newest = max(w.newest, p.clocks[d].newest)
	return true
}

// turn works the watermarks out. now is the wall clock.
func (w *liveMarks) turn(now time.Time) {
	for _, since := range w.awaited {
		if now.Sub(since) < quietPartition {
			return
		}
	}
	for _, p := range w.parts {
		if !p.any && !p.away && p.lag != 0 && now.Sub(p.opened) < quietPartition {
			return
		}
	}
	for d := range w.marks {
		if newest := w.dataset(d, now); newest != math.MinInt64 {
			lateness := int64(engine.Dataset(d).Info().Lateness)
			w.marks[d] = max(w.marks[d], less(newest, lateness))
		}
	}
}

// dataset gives the newest event time that counts for a dataset; the least
// possible where the watermark stays.
func (w *liveMarks) dataset(d int, now time.Time) int64 {
	w.silent[d] = false
	if !w.seen[d] { // nothing came from it: it holds back nobody, once there was time for it to come
		if w.marks[d] == math.MinInt64 && now.Sub(w.began) < quietPartition {
			return math.MinInt64
		}
		return w.newest
	}
	least, most, latest := int64(math.MaxInt64), int64(math.MinInt64), time.Time{}
	for _, p := range w.parts {
		c := &p.clocks[d]
		if !c.seen {
			continue
		}
		most = max(most, c.newest)
		if p.moved[d].After(latest) {
			latest = p.moved[d]
		}
		if quiet := now.Sub(p.moved[d]); !p.away && (p.behind(quiet) || quiet < quietPartition) {
			least = min(least, c.newest)
		}
	}
	if least != math.MaxInt64 {
		return least
	}
	if now.Sub(latest) >= quietDataset {
		w.silent[d] = true
		return max(most, now.Add(-quietDataset).UnixNano())
	}
	return math.MinInt64
}

// of gives a dataset's watermark.
func (w *liveMarks) of(d engine.Dataset) int64 { return w.marks[d] }

// jobs gives the watermark of the datasets that announce jobs.
func (w *liveMarks) jobs() int64 {
	mark := int64(math.MaxInt64)
	for _, d := range engine.Datasets() {
		if job.Announces(d) && w.seen[d] {
			mark = min(mark, w.of(d))
		}
	}
	if mark != math.MaxInt64 {
		return mark
	}
	for _, d := range engine.Datasets() {
		if job.Announces(d) { // none announced yet: what the others allow
			mark = min(mark, w.of(d))
		}
	}
	return mark
}

// The stored form: one entry a partition, and one for the marks.
const (
	markPart  = "pm"
	markTotal = "pn"
)

// save stores what changed.
func (w *liveMarks) save(s engine.Saver) {
	for k, p := range w.parts {
		if !p.dirty {
			continue
		}
		p.dirty = false
		var b []byte
		for _, d := range engine.Datasets() {
			if c := &p.clocks[d]; c.seen {
				b = appendText(b, d.String())
				b = binary.BigEndian.AppendUint64(b, uint64(c.newest))
				b = binary.BigEndian.AppendUint64(b, uint64(c.pending))
				b = append(b, flag(c.waits))
			}
		}
		s.Set(k.key(markPart), b)
	}
	var b []byte
	for _, d := range engine.Datasets() {
		if w.marks[d] != math.MinInt64 || w.seen[d] {
			b = appendText(b, d.String())
			b = binary.BigEndian.AppendUint64(b, uint64(w.marks[d]))
			b = append(b, flag(w.seen[d]))
		}
	}
	s.Set([]byte(markTotal), b)
}

// load reads it back. Silence is counted from now on: what came while nobody
// read is still to be read.
func (w *liveMarks) load(l engine.Loader, now time.Time) error {
	err := l.Scan([]byte(markPart), end(markPart), func(key, value []byte) error {
		k, ok := parsePartKey(key[len(markPart):])
		p := w.open(k, now)
		p.any = true
		for len(value) > 0 && ok {
			var name string
			if name, value, ok = cutText(value); !ok || len(value) < 17 {
				ok = false
				break
			}
			if d, known := engine.LookupDataset(name); known {
				p.clocks[d] = clockOf{seen: true, newest: int64(binary.BigEndian.Uint64(value)), pending: int64(binary.BigEndian.Uint64(value[8:])), waits: value[16] == 1}
				w.newest = max(w.newest, p.clocks[d].newest)
			}
			value = value[17:]
		}
		if !ok {
			return fmt.Errorf("the stored watermark of a partition is damaged")
		}
		return nil
	})
	if err != nil {
		return err
	}
	b, _, err := l.Get([]byte(markTotal))
	for len(b) > 0 && err == nil {
		name, rest, ok := cutText(b)
		if !ok || len(rest) < 9 {
			return fmt.Errorf("the stored watermarks are damaged")
		}
		if d, known := engine.LookupDataset(name); known {
			w.marks[d], w.seen[d] = int64(binary.BigEndian.Uint64(rest)), rest[8] == 1
		}
		b = rest[9:]
	}
	return err
}

func (k partKey) key(prefix string) []byte {
	return binary.BigEndian.AppendUint32(appendText([]byte(prefix), k.source), uint32(k.number))
}

func parsePartKey(b []byte) (k partKey, ok bool) {
	source, rest, ok := cutText(b)
	if !ok || len(rest) != 4 {
		return k, false
	}
	return partKey{source, int32(binary.BigEndian.Uint32(rest))}, true
}

// appendText and cutText write and read a text with its length before it.
func appendText(b []byte, s string) []byte {
	return append(binary.AppendUvarint(b, uint64(len(s))), s...)
}

func cutText(b []byte) (s string, rest []byte, ok bool) {
	n, w := binary.Uvarint(b)
	if w <= 0 || n > uint64(len(b)-w) {
		return "", nil, false
	}
	return string(b[w : w+int(n)]), b[w+int(n):], true
}

// end is the first key behind all that begin with prefix.
func end(prefix string) []byte {
	b := []byte(prefix)
	b[len(b)-1]++
	return b
}

func flag(yes bool) byte {
	if yes {
		return 1
	}
	return 0
}
