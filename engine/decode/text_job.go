package decode

import (
	"encoding/binary"
	"hash/crc32"

	"github.com/seed-843b225c/reflex/engine"
)

// Memory of build text: one textJob for each job, bounded in size and number.

const (
	textJobs = 10_000
	textIdle = 6 * 3600 * 1e9 // ns of event time without a line
	textOver = 60 * 1e9       // the same once the job has finished
)

// textJob is what is remembered of one job between its lines. Strings in it
// are its own copies. A field added here, or in what hangs on it, goes into
// text_state.go too, so that it outlives a restart; a test says when one is
// missing there.
type textJob struct {
	key          string
	newer, older *textJob // in order of the last line
	order        int64    // the same order in numbers
	touched      int64    // time of the last line, ns
	changed      int      // 1 + place among the memory's changed jobs; 0: as it was saved
	saved        string   // name it is saved under, "" when it was not

	ci      ciContext
	time    int64 // of the last line with a time
	first   int64 // of the first line
	shipped bool  // that time was the shipper's
	stamped bool  // the log has stamps of its own
	fine    bool  // they tell microseconds at least

	part heldText // cut lines
	hold heldText // lines waiting for more
	last ring     // places of recent lines, to know a repeat

	start   pendingStart
	step    textStep
	steps   int
	failed  bool // a step failed
	over    bool // job.finished was told; only a few lines can follow
	env     envRun
	notice  codeNotice
	models  modelState
	reads   int    // logical lines so far
	keyID   string // AWS access key id shown last
	keyRead int
	digest  string   // of the image pulled last
	names   []nameOf // addresses that the log resolved
}

// pendingStart is a job.started that waits for the lines naming the runner.
type pendingStart struct {
	at    textPlace
	id    string
	text  string
	lines int
	open  bool
	done  bool // the set-up is over: lines about the runner no longer count
	uses  bool // the job comes from a reusable workflow
}

// textStep is the open step.
type textStep struct {
	name  string
	id    string // id of the line that opened it
	start int64
	at    textPlace
	open  bool
	group bool // inside the folded header that echoes the script
	seen  seenSet
	proc  string // how the environment is being read: see ci.env.source
}

// seenSet remembers what one step already told, so that a fact printed five
// times is one event. The oldest is forgotten when it is full.
type seenSet struct {
	hashes [96]uint64
	n      int
}

// news reports whether the fact is new in this step. Facts are told apart by a
// keyed hash: who writes the log must not find two that look the same, and the
// process that goes on after a restart must see what this one saw.
func (t *textDecoder) news(j *textJob, kind string, parts ...string) bool {
	t.told.Reset()
	t.told.Write(bytesOf(kind))
	for _, p := range parts {
		t.told.Write(between)
		t.told.Write(bytesOf(p))
	}
	return j.step.seen.add(binary.BigEndian.Uint64(t.told.Sum(t.sum[:0])))
}

var between = []byte{0}

// add reports whether the hash is new.
func (s *seenSet) add(sum uint64) bool {
	for _, x := range s.hashes[:min(s.n, len(s.hashes))] {
		if x == sum {
			return false
		}
	}
	s.hashes[s.n%len(s.hashes)] = sum
	s.n++
	return true
}

var lineSum = crc32.MakeTable(crc32.Castagnoli)

// ring holds the places of the last lines of a job that came through Kafka.
type ring struct {
	place [256]int64
	sum   [256]uint32
	n     int
	part  int32
	top   int64
}

// repeated reports whether this very line (same place, same text) was read
// before: a redelivery after a rebalance or crash. Lines of a file come once.
func (j *textJob) repeated(p *textPlace, text []byte) bool {
	o := &p.origin
	if o.Partition < 0 {
		return false
	}
	r := &j.last
	place := o.Offset<<12 | int64(o.Index)&0xfff
	sum := crc32.Checksum(text, lineSum)
	if r.n > 0 && r.part == o.Partition && place <= r.top {
		oldest := r.place[0]
		if r.n > len(r.place) {
			oldest = r.place[r.n%len(r.place)]
		}
		if place < oldest {
			return r.n > len(r.place) // too far back to compare
		}
		for i := range min(r.n, len(r.place)) {
			if r.place[i] == place && r.sum[i] == sum {
				return true
			}
		}
		r.n = 0 // another text at an old place: the topic was made anew
	}
	r.place[r.n%len(r.place)], r.sum[r.n%len(r.place)] = place, sum
	r.n++
	r.part, r.top = o.Partition, place
	return false
}

// textMemory holds the jobs, least recently heard of first to go.
type textMemory struct {
	jobs   map[string]*textJob
	newest *textJob
	oldst  *textJob
	now    int64 // newest event time

	high, low int64 // the greatest and the least order of a job so far

	track   bool       // somebody saves: changes are noted
	changed []*textJob // since the last save
	dropped []string   // names of saved jobs that were forgotten since then
}

func newTextMemory() textMemory { return textMemory{jobs: map[string]*textJob{}} }

func (m *textMemory) oldest() *textJob { return m.oldst }

// open gives the job of a key, making it when it is not known.
func (m *textMemory) open(key string) (j *textJob, fresh bool) {
	if j = m.jobs[key]; j != nil {
		return j, false
	}
	j = &textJob{key: string(append([]byte(nil), key...))}
	m.jobs[j.key] = j
	m.push(j)
	return j, true
}

func (m *textMemory) push(j *textJob) {
	m.high++
	j.order = m.high
	j.older, j.newer = m.newest, nil
	if m.newest != nil {
		m.newest.newer = j
	} else {
		m.oldst = j
	}
	m.newest = j
}

func (m *textMemory) unlink(j *textJob) {
	if j.newer != nil {
		j.newer.older = j.older
	} else {
		m.newest = j.older
	}
	if j.older != nil {
		j.older.newer = j.newer
	} else {
		m.oldst = j.newer
	}
}

// touch says that a line of this time came.
func (m *textMemory) touch(j *textJob, time int64) {
	j.touched = max(j.touched, time)
	m.now = max(m.now, time)
	if m.newest != j {
		m.unlink(j)
		m.push(j)
	}
}

// expired gives a job that is too old or one too many, nil when there is none.
func (m *textMemory) expired() *textJob {
	j := m.oldst
	if j == nil || len(m.jobs) <= textJobs && m.now-j.touched <= textIdle && !(j.over && m.now-j.touched > textOver) {
		return nil
	}
	return j
}

// over says that a job finished: it is the first to go, soon.
func (m *textMemory) over(j *textJob) {
	if j.over = true; m.oldst != j {
		m.unlink(j)
		m.low--
		j.order = m.low
		j.newer, j.older = m.oldst, nil
		m.oldst.older = j
		m.oldst = j
	}
}

// drop forgets a job.
func (m *textMemory) drop(j *textJob) {
	m.unlink(j)
	delete(m.jobs, j.key)
	m.forget(j)
}

// close finishes what is open in a job and forgets it.
func (t *textDecoder) close(j *textJob) {
	t.flush(j)
	t.mem.drop(j)
}

// flush reads what is held and ends the open runs of lines.
func (t *textDecoder) flush(j *textJob) {
	if len(j.part.text) > 0 || j.part.lines > 0 {
		t.flushPart(j)
	}
	if j.hold.kind != holdNone {
		t.release(j)
	}
	t.endEnviron(j)
	t.endNotice(j)
	t.started(j)
}

// Kinds of derived events, and the fixed values each carries.
type textKind uint8

const (
	secretExposed textKind = iota
	envDumped
	modelPulled
	modelCode
	imagePulled
	actionUsed
	jobStarted
	jobFinished
	stepFinished
	netEgress
	roleAssumed
	textKinds
)

var textKindInfo = [textKinds]struct {
	name           string
	category, kind engine.Value
}{
	secretExposed: {"secret.exposed", engine.Strings("threat"), engine.Strings("indicator")},
	envDumped:     {"env.dumped", engine.Strings("process"), engine.Strings("info")},
	modelPulled:   {"model.pulled", engine.Strings("package"), engine.Strings("installation")},
	modelCode:     {"model.code_executed", engine.Strings("process"), engine.Strings("start")},
	imagePulled:   {"image.pulled", engine.Strings("package"), engine.Strings("installation")},
	actionUsed:    {"action.used", engine.Strings("package"), engine.Strings("installation")},
	jobStarted:    {"job.started", engine.Strings("process"), engine.Strings("start")},
	jobFinished:   {"job.finished", engine.Strings("process"), engine.Strings("end")},
	stepFinished:  {"step.finished", engine.Strings("process"), engine.Strings("end")},
	netEgress:     {"net.egress", engine.Strings("network"), engine.Strings("connection")},
	roleAssumed:   {"role.assumed", engine.Strings("authentication"), engine.Strings("start")},
}
