package decode

import (
	"bytes"
	"crypto/hmac"
	"crypto/sha256"
	"hash"
	"strings"

	"github.com/seed-843b225c/reflex/engine"
)

// Build text: the logs of GitHub Actions, and of GitLab, Jenkins and others as
// far as their lines say the same things. A log has no event per line; it
// yields derived events (text_*.go, one file a kind of fact).
//
// A physical line goes through these hands: splitHead (stamp, container and
// syslog prefixes), piece (what runtimes and shippers cut is joined),
// appendClean (terminal escapes), segments (progress bars cut at their carriage
// returns), hold (backslash continuations, PEM and base64 blocks joined), and
// last read: secrets are found and overwritten first, only then is the line
// looked at, so that no fact can carry a value.

var buildText = &lineFormat{
	name:    "github.actions",
	dataset: engine.GitHubActions,
	sniff:   sniffBuildText,
	claims:  claimsBuildText,
	open:    func(p *Plan) lineDecoder { return newTextDecoder(p) },
}

// textDecoder decodes the build text of one partition or file. It is not safe
// for concurrent use.
type textDecoder struct {
	scan   textScan
	mem    textMemory
	told   hash.Hash // names a fact in a step's seenSet
	sum    [sha256.Size]byte
	out    *emitter
	clean  []byte // a line without escapes
	labels textLabels
	fields []engine.FieldValue
	clip   int    // bytes at the end of the text that come again with the next piece
	text   []byte // the logical line being read, secrets overwritten
	place  *textPlace
	at     context        // of the physical line
	now    textPlace      // where it stands and when it was written
	origin context        // of the event being told: nothing but where its line began
	id     string         // of the logical line, made when first needed
	count  [textKinds]int // events of each kind from this line
}

func newTextDecoder(p *Plan) *textDecoder {
	return &textDecoder{
		scan: textScan{scan: p.opts.Secrets.NewScan()}, mem: newTextMemory(),
		told: hmac.New(sha256.New, p.opts.Secrets.Subkey("facts told in a step")),
	}
}

// textPlace is where and when a logical line began. It outlives the call, so
// nothing in it may point into the line or its wrapping.
type textPlace struct {
	origin  engine.Origin
	time    int64 // ns; 0 unknown
	created bool  // time is the shipper's
	segment int   // which part of a line with carriage returns
}

// sniffBuildText recognises what only build logs have.
func sniffBuildText(line []byte) bool {
	h, text := splitHead(line)
	if h.time != 0 && (len(text) == 0 || text[0] != '{' || h.digits == 7) {
		return true
	}
	if indexByte(text, 0x1b) >= 0 {
		text = appendClean(nil, text)
	}
	for _, s := range [...]string{
		"##[", "Current runner version: '", "Running with gitlab-runner ", "section_start:", "[Pipeline] ",
		"Started by ", "Requested labels: ", "Running as SYSTEM", "::group::",
	} {
		if hasPrefix(text, s) {
			return true
		}
	}
	return false
}

// line takes one line; see lineDecoder.
func (t *textDecoder) line(text []byte, c *context, out *emitter) {
	t.out = out
	j := t.job(c)
	t.mem.change(j)
	at := &t.at
	*at = context{origin: c.origin, shipped: c.shipped, written: c.written}
	for {
		i := indexByte(text, '\n') // a wrapped payload may hold several lines
		if i < 0 {
			t.physical(j, text, at)
			return
		}
		t.physical(j, text[:i], at)
		if text = text[i+1:]; len(text) == 0 {
			return
		}
		at.origin.Index++
	}
}

// end closes every job; see lineDecoder.
func (t *textDecoder) end(c *context, out *emitter) {
	t.out = out
	for j := t.mem.oldest(); j != nil; j = t.mem.oldest() {
		t.close(j)
	}
}

// physical takes a line as it stood in the log.
func (t *textDecoder) physical(j *textJob, text []byte, at *context) {
	h, body := splitHead(text)
	h.size = len(text)
	if h.job != nil && string(h.job) != j.ci.jobName {
		j.ci.jobName = strings.Clone(t.scan.scan.Redact(string(h.job)))
	}
	p := &t.now
	*p = textPlace{origin: at.origin}
	switch {
	case h.time != 0:
		p.time, j.stamped, j.fine = h.time, true, h.digits >= 6
		if h.digits == 7 && h.cri == 0 && j.ci.provider == "" {
			j.ci.provider = "github"
		}
	case j.stamped || j.time != 0 && at.shipped == 0:
		p.time, p.created = j.time, j.shipped // a line of the same moment: torn off, or printed with breaks
	case at.shipped != 0:
		p.time, p.created = at.shipped, true
	default:
		p.time, p.created = at.written, at.written != 0
	}
	if j.repeated(p, text) {
		t.out.skip(at, "repeated line")
		return
	}
	if p.time != 0 {
		j.time, j.shipped = p.time, p.created
		if j.first == 0 {
			j.first = p.time
		}
		t.mem.touch(j, p.time)
		for old := t.mem.expired(); old != nil && old != j; old = t.mem.expired() {
			t.close(old)
		}
	}
	t.piece(j, body, &h, p)
}

// textOverlap is how much of a line too long to keep comes again with its next
// piece, so that a key across the cut is found.
const textOverlap = 1 << 10

// cutSize is where container runtimes cut long lines: a message of exactly this
// size goes on in the next.
const cutSize = 16 << 10

// endsGitLab reports the last line of a GitLab job.
func endsGitLab(body []byte) bool {
	return bytes.Contains(body, []byte("Job succeeded")) || bytes.Contains(body, []byte("ERROR: Job failed"))
}

// piece joins what a runtime or shipper cut, and GitLab's continued lines: of
// these only the next line tells that one was not complete.
func (t *textDecoder) piece(j *textJob, body []byte, h *textHead, p *textPlace) {
	open := len(j.part.text) > 0 || j.part.lines > 0
	if h.section {
		if open && !(h.joins && j.part.stream == h.stream) {
			t.flushPart(j)
			open = false
		}
		j.part.stream = h.stream
	} else if open && j.part.stream != ([3]byte{}) {
		t.flushPart(j)
		open = false
	}
	if h.section && !h.joins && endsGitLab(body) {
		t.logical(j, body, p) // no line follows that would set it free
		return
	}
	partial := h.section || h.cri == 'P' || t.labels.partial || p.origin.Partition >= 0 && h.size == cutSize
	if !open && !partial {
		t.logical(j, body, p)
		return
	}
	j.part.add(body, p)
	if partial && len(j.part.text) < textPartLimit {
		return
	}
	if !partial {
		t.flushPart(j)
		return
	}
	whole, at := j.part.text, j.part.at
	t.clip = textOverlap
	t.logical(j, whole, &at)
	t.clip = 0
	j.part.text = append(whole[:0], whole[len(whole)-textOverlap:]...)
}

func (t *textDecoder) flushPart(j *textJob) {
	whole, at := j.part.text, j.part.at
	j.part = heldText{text: whole[:0]}
	t.logical(j, whole, &at)
	if cap(whole) > 4<<10 {
		j.part.text = nil
	}
}

// logical takes a whole line, without escapes from here on. What a progress bar
// wrote over itself is read part by part.
func (t *textDecoder) logical(j *textJob, text []byte, p *textPlace) {
	if indexByte(text, 0x1b) >= 0 {
		t.clean = appendClean(t.clean[:0], text)
		text = t.clean
	}
	for len(text) > 0 && text[len(text)-1] == '\r' {
		text = text[:len(text)-1]
	}
	for {
		i := indexByte(text, '\r')
		if i < 0 {
			t.hold(j, text, p)
			return
		}
		if i > 0 {
			t.hold(j, text[:i], p)
		}
		text = text[i+1:]
		p.segment++
	}
}

// read is the end of the way: one logical line, complete.
func (t *textDecoder) read(j *textJob, text []byte, p *textPlace) {
	secrets, keyID := t.scan.clean(text)
	if t.clip > 0 && t.clip < len(text) {
		text = text[:len(text)-t.clip]
	}
	t.begins(text, p)
	t.marks(j, text)
	t.secrets(j, secrets, keyID)
	body := trimBuildKit(text)
	t.environ(j, body)
	t.look(j, body)
}

// begins makes text the line that events are told of.
func (t *textDecoder) begins(text []byte, p *textPlace) {
	t.text, t.place, t.id, t.count = text, p, "", [textKinds]int{}
}

// look finds facts by keywords.
func (t *textDecoder) look(j *textJob, body []byte) {
	found := keywords.find(body)
	if m := j.models.mirror; m != "" && indexFold(body, m) >= 0 {
		found |= kwMirrorHost
	}
	if found != 0 || j.notice.open {
		t.facts(j, body, found)
	}
}

// facts looks at a line that holds a keyword.
func (t *textDecoder) facts(j *textJob, body []byte, found keyword) {
	t.notice(j, body, found)
	if found&kwEnviron != 0 {
		j.sawEnviron(body)
		t.python(j, body)
	}
	if found&kwModels != 0 {
		t.models(j, body, found)
	}
	if found&kwCode != 0 {
		t.code(j, body, found)
	}
	if found&kwImages != 0 {
		t.images(j, body, found)
	}
	if found&kwEgress != 0 {
		t.egress(j, body, found)
	}
	if found&kwCommand != 0 {
		t.commands(j, body, found)
	}
	if found&kwAssume != 0 {
		t.assumes(j, body)
	}
}

// trimBuildKit takes "#12 [3/7] RUN " apart from what follows, or "#12 0.345 ",
// so that output inside an image build reads like any other.
func trimBuildKit(b []byte) []byte {
	if len(b) < 4 || b[0] != '#' || b[1] < '0' || b[1] > '9' {
		return b
	}
	i := 1
	for i < len(b) && b[i] >= '0' && b[i] <= '9' {
		i++
	}
	if i >= len(b) || b[i] != ' ' {
		return b
	}
	rest := b[i+1:]
	if len(rest) > 0 && rest[0] == '[' {
		if end := indexByte(rest, ']'); end > 0 && end+1 < len(rest) && rest[end+1] == ' ' {
			return rest[end+2:]
		}
		return rest
	}
	n := 0
	for n < len(rest) && (rest[n] >= '0' && rest[n] <= '9' || rest[n] == '.') {
		n++
	}
	if n > 0 && n < len(rest) && rest[n] == ' ' {
		return rest[n+1:]
	}
	return rest
}
