package correlate

import (
	"strings"

	"github.com/seed-843b225c/reflex/engine"
	"github.com/seed-843b225c/reflex/engine/window"
)

// stub is the first point of a living episode as far as the store has it beside
// the journal: its event. Nearly all are replaced by the points themselves when
// their hits are fed, so stubs and their texts come from chunks that go together.
type stub struct {
	point
	event window.Event
	own   [1]made
}

const (
	stubChunk = 256
	textChunk = 32 << 10
)

// stubs gives memory for stubs.
type stubs struct {
	next []stub
	text strings.Builder
}

func (s *stubs) stub() *stub {
	if len(s.next) == 0 {
		s.next = make([]stub, stubChunk)
	}
	p := &s.next[0]
	s.next = s.next[1:]
	return p
}

// copy gives bytes as a text.
func (s *stubs) copy(b []byte) string {
	if s.text.Cap()-s.text.Len() < len(b) {
		s.text = strings.Builder{}
		s.text.Grow(max(textChunk, len(b)))
	}
	from := s.text.Len()
	s.text.Write(b)
	return s.text.String()[from:]
}

// readFirst gives a living episode the stub of its first point, unless its
// dataset is unknown now.
func (c *Correlator) readFirst(rp *replay, st *ruleState, l *living, t int64, hash uint64, v []byte) error {
	p := rp.stubs.stub()
	rp.kept, rp.text = &p.event, rp.stubs.copy
	ev, _, err := c.unpack(rp, t, hash, v)
	if err != nil {
		return err
	}
	e := rp.kept
	if e == nil { // numbers meant something else
		st.changes.living(l.dedup, l) // it goes over to this epoch
		if ev.Dataset == engine.NoDataset {
			return nil
		}
		e = c.packAll(rp, ev)
	}
	p.own[0] = made{ev: e, rule: -1}
	p.point = point{ev: e, dedup: l.dedup, level: l.level, made: p.own[:]}
	if n := len(st.rule.need); n > 0 {
		p.end = st.rule.need[n-1]
		p.own[0].step = p.end
	}
	l.first, l.stub = &p.point, true
	return nil
}

// packAll keeps all that is known of a stored event.
func (c *Correlator) packAll(rp *replay, ev *engine.Event) *window.Event {
	if rp.all == nil {
		for i := range ev.Values {
			rp.all = append(rp.all, i)
		}
	}
	m := c.memory
	m.replay = rp // so that nothing is edited again
	defer func() { m.replay = nil }()
	return c.packer.Pack(ev, rp.all)
}
