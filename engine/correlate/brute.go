package correlate

import (
	"github.com/seed-843b225c/reflex/engine"
	"github.com/seed-843b225c/reflex/engine/rule"
	"github.com/seed-843b225c/reflex/engine/window"
)

// brute puts the oracle in the place of the incremental engine: it collects
// all hits and judges them at End.
type brute struct {
	oracle *oracle
	seen   map[seenHit]*window.Event
	docs   map[docKey][]byte
}

type seenHit struct {
	probe int32
	hash  uint64
}

type docKey struct {
	rule int
	hash uint64
}

func newBrute(c *Correlator) *brute {
	return &brute{oracle: newOracle(c.build), seen: map[seenHit]*window.Event{}, docs: map[docKey][]byte{}}
}

func (b *brute) hit(c *Correlator, h engine.Hit) {
	pp := &c.plan.probes[h.Probe]
	id := seenHit{h.Probe, h.Event.Hash}
	if old, dup := b.seen[id]; dup {
		if r := pp.rule; r.held && r.Kind == rule.Match && c.build.gains(old, h.Event) {
			e := c.packer.Pack(h.Event, pp.keep)
			b.oracle.resolved[docKey{r.Index, e.Hash}] = e
			b.seen[id] = e
			return
		}
		c.stats.Duplicates++
		return
	}
	if pp.role != rule.RoleLink {
		c.stats.Matches[pp.rule.Index]++
	}
	if k := (docKey{pp.rule.Index, h.Event.Hash}); c.opt.Document != nil && b.docs[k] == nil {
		b.docs[k] = c.document(h.Event)
	}
	e := c.packer.Pack(h.Event, pp.keep)
	b.seen[id] = e
	b.oracle.add(int(h.Probe), e)
}

func (b *brute) end(c *Correlator, w int64) (out []*engine.Alert) {
	for _, s := range b.oracle.run(w) {
		s.document = b.docs[docKey{s.rule.Index, s.earliest.ev.Hash}]
		out = append(out, c.build.build(s))
	}
	c.stats.Learned, c.stats.Refused, c.stats.Undecided = b.oracle.learned, b.oracle.refused, b.oracle.open
	return out
}
