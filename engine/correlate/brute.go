package correlate

import (
	"github.com/seed-843b225c/reflex/engine"
	"github.com/seed-843b225c/reflex/engine/rule"
)

// brute puts the oracle in the place of the incremental engine: it collects
// all hits and judges them at End.
type brute struct {
	oracle *oracle
	seen   map[seenHit]struct{}
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
	return &brute{oracle: newOracle(c.build), seen: map[seenHit]struct{}{}, docs: map[docKey][]byte{}}
}

func (b *brute) hit(c *Correlator, h engine.Hit) {
	pp := &c.plan.probes[h.Probe]
	id := seenHit{h.Probe, h.Event.Hash}
	if _, dup := b.seen[id]; dup {
		c.stats.Duplicates++
		return
	}
	b.seen[id] = struct{}{}
	if pp.role != rule.RoleLink {
		c.stats.Matches[pp.rule.Index]++
	}
	if k := (docKey{pp.rule.Index, h.Event.Hash}); c.opt.Document != nil && b.docs[k] == nil {
		b.docs[k] = c.document(h.Event)
	}
	b.oracle.add(int(h.Probe), c.packer.Pack(h.Event, pp.keep))
}

func (b *brute) end(c *Correlator, w int64) (out []*engine.Alert) {
	for _, s := range b.oracle.run(w) {
		s.document = b.docs[docKey{s.rule.Index, s.earliest.ev.Hash}]
		out = append(out, c.build.build(s))
	}
	c.stats.Learned, c.stats.Refused, c.stats.Undecided = b.oracle.learned, b.oracle.refused, b.oracle.open
	return out
}
