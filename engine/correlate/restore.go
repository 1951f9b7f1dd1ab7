package correlate

import (
	"bytes"
	"encoding/binary"
	"fmt"
	"slices"

	"github.com/seed-843b225c/reflex/engine"
	"github.com/seed-843b225c/reflex/engine/window"
)

// RestoreReport is what Restore found.
type RestoreReport struct {
	Rules  int      // rules that go on where they were
	Hits   int64    // hits that were fed again
	Alerts int      // alerts that were open
	Claims int      // of those, alerts that only the alert log knows: their points come again
	Reset  []string // rules that start empty, each with the reason: "rule X: its text changed"
	// Emptied says by id of the rules that had state, and whose state is gone,
	// why: their open alerts are nobody's now, unless Holds.
	Emptied map[string]string
	Ignored int   // logged alerts that no rule here can go on with
	Unknown int64 // stored hits of datasets that are unknown now
}

// replay is what Restore knows while it feeds.
type replay struct {
	l       engine.Loader
	marks   []mark // by rule: as they were saved
	readers map[uint32]*window.Reader
	slots   map[uint16]int      // rule by slot
	rule    int                 // whose hit is fed
	event   engine.Event        // scratch
	kept    *window.Event       // the same as it stands in the store; nil when numbers mean something else there
	text    func([]byte) string // gives the memory for that
	stubs   stubs
	all     []int     // every slot
	livings []*living // of the rule whose tables are read, in the order of their keys
	report  RestoreReport
	probes  map[probeID]*probePlan
	numbers map[*probePlan]int32
}

// probeID names a probe from one process to the next.
type probeID struct {
	rule int
	role byte
	part uint16
}

// openEpisode is an episode that was open.
type openEpisode struct {
	start int64
	id    string
}

// Restore brings back what Save and Options.Journal stored. It is called right
// after New, before the first Hit, with every transition that the alert log
// holds since the last Save; more of them do no harm. Options.Emit may be
// called during it. An error says that what is stored cannot be read, and then
// the Correlator must not be used. What Restore itself changes in the store goes to
// Options.Journal, and becomes durable with the next Save.
func (c *Correlator) Restore(l engine.Loader, logged []engine.Transition) (RestoreReport, error) {
	m := c.memory
	if m == nil {
		return RestoreReport{}, nil
	}
	rp := &replay{l: l, readers: map[uint32]*window.Reader{}, slots: map[uint16]int{}}
	for range c.plan.rules {
		rp.marks = append(rp.marks, mark{before, before})
	}
	found, err := m.readHead(l)
	if err != nil {
		return rp.report, err
	}
	if !found {
		m.begin()
	} else {
		for _, step := range []func(*Correlator, *replay) error{
			(*Correlator).restoreRules, (*Correlator).restoreEpochs, (*Correlator).restoreMarks, (*Correlator).restoreTables,
		} {
			if err := step(c, rp); err != nil {
				return rp.report, err
			}
		}
		m.begun = true
	}
	c.claims(rp, logged)
	if found {
		m.replay = rp
		err := c.feed(rp)
		m.replay = nil
		if err != nil {
			return rp.report, err
		}
	}
	c.resume(rp)
	return rp.report, nil
}

// readHead reads the format version.
func (m *memory) readHead(l engine.Loader) (found bool, err error) {
	v, ok, err := l.Get(m.about('f'))
	switch {
	case err != nil || !ok:
		return false, err
	case len(v) != 1:
		return false, damaged("format version", m.about('f'), "it is not one byte")
	case v[0] > format:
		return false, &engine.Error{Kind: engine.Fatal, Err: fmt.Errorf(
			"stored state of correlation has format %d, and this program knows formats up to %d: start the newer program again, or start this one with an empty store", v[0], format)}
	}
	return true, nil
}

// storedRule is a rule as it was.
type storedRule struct {
	id, own, stamp string
	bases          []string // ids and stamps in turn
}

// restoreRules finds the slot of every rule, and empties those that changed.
func (c *Correlator) restoreRules(rp *replay) error {
	m := c.memory
	was := map[string]uint16{}
	stored := map[uint16]storedRule{}
	lo := bytes.Clone(m.about('r'))
	err := rp.l.Scan(lo, endOf(lo), func(k, v []byte) error {
		r := reader{b: v}
		s := storedRule{id: r.string(), own: r.string(), stamp: r.string()}
		for !r.bad && len(r.b) > 0 {
			s.bases = append(s.bases, r.string())
		}
		if r.bad || len(k) != len(lo)+2 {
			return damaged("rule", k, "it is too short")
		}
		slot := binary.BigEndian.Uint16(k[len(lo):])
		stored[slot], was[s.id] = s, slot
		return nil
	})
	if err != nil {
		return err
	}
	for i, r := range c.plan.rules {
		kr := m.rules[i]
		slot, known := was[r.ID]
		kr.slot = slot
		why := "it is new"
		if known {
			why = c.changed(r, stored[slot])
		}
		if why == "" && !r.off {
			rp.slots[slot] = i
			rp.report.Rules++
			continue
		}
		kr.fresh = true
		news := why != ""
		if known && r.off {
			why = "it is off"
		}
		if known {
			rp.emptied(r.ID, why)
		}
		if news && (known || !r.off) {
			rp.report.Reset = append(rp.report.Reset, "rule "+r.ID+": "+why)
		}
	}
	m.newSlots(stored, rp)
	slices.Sort(rp.report.Reset)
	return nil
}

// newSlots empties the slots whose rules do not go on, and gives rules without
// a slot a free one.
func (m *memory) newSlots(stored map[uint16]storedRule, rp *replay) {
	here := map[string]bool{}
	for _, r := range m.plan.rules {
		here[r.ID] = true
	}
	for slot, s := range stored {
		if _, goesOn := rp.slots[slot]; goesOn {
			continue
		}
		lo := binary.BigEndian.AppendUint16(append(bytes.Clone(m.prefix), 1), slot)
		m.out.DeleteRange(lo, endOf(lo))
		if !here[s.id] {
			m.out.Delete(binary.BigEndian.AppendUint16(m.about('r'), slot))
			rp.report.Reset = append(rp.report.Reset, "rule "+s.id+": it is gone or off")
			rp.emptied(s.id, "it is gone or off")
		}
	}
	next := uint16(1)
	for i, kr := range m.rules {
		for kr.slot == 0 {
			if _, taken := stored[next]; !taken {
				kr.slot = next
			}
			next++
		}
		if kr.fresh {
			m.storeRule(i)
		}
	}
}

func (rp *replay) emptied(rule, why string) {
	if rp.report.Emptied == nil {
		rp.report.Emptied = map[string]string{}
	}
	rp.report.Emptied[rule] = why
}

// changed says why a rule cannot go on with its state, "" when it can.
func (c *Correlator) changed(r *rulePlan, s storedRule) string {
	if r.own != s.own {
		return "its text or its mode changed"
	}
	if r.stamp == s.stamp {
		return ""
	}
	for _, b := range r.bases {
		base := c.plan.rules[b]
		if i := slices.Index(s.bases, base.ID); i < 0 || i+1 >= len(s.bases) || s.bases[i+1] != base.stamp {
			return "rule " + base.ID + ", whose points it takes, changed"
		}
	}
	return "it takes points from other rules than before"
}

// restoreEpochs reads what numbers mean in stored events. When they mean the
// same here, they go on; else a new epoch begins.
func (c *Correlator) restoreEpochs(rp *replay) error {
	m := c.memory
	var last uint32
	var same bool
	layout := m.layout()
	lo := bytes.Clone(m.about('e'))
	err := rp.l.Scan(lo, endOf(lo), func(k, v []byte) error {
		if len(k) != len(lo)+4 {
			return damaged("table of fields", k, "its key is too short")
		}
		last, same = binary.BigEndian.Uint32(k[len(lo):]), bytes.Equal(v, layout)
		rd, ok := c.numbers(v)
		if !ok {
			return damaged("table of fields", k, "it is too short")
		}
		rp.readers[last] = rd
		return nil
	})
	if err != nil {
		return err
	}
	lo = bytes.Clone(m.about('s'))
	err = rp.l.Scan(lo, endOf(lo), func(k, v []byte) error {
		if len(k) != len(lo)+8 {
			return damaged("name of a source", k, "its key is too short")
		}
		rd := rp.readers[binary.BigEndian.Uint32(k[len(lo):])]
		if rd == nil || int(binary.BigEndian.Uint32(k[len(lo)+4:])) != len(rd.Sources) {
			return damaged("name of a source", k, "the one before it is missing")
		}
		rd.Sources = append(rd.Sources, string(v))
		return nil
	})
	if err != nil {
		return err
	}
	m.old = map[uint32]map[int]int64{}
	for e := range rp.readers {
		if e != last || !same {
			m.old[e] = map[int]int64{}
		}
	}
	if m.epoch = last; same {
		for _, name := range rp.readers[last].Sources {
			m.sources.Add(name)
		}
		m.named = m.sources.Len()
		return nil
	}
	m.epoch++
	m.storeEpoch()
	return nil
}

// numbers reads a table of slots and datasets.
func (c *Correlator) numbers(v []byte) (*window.Reader, bool) {
	r := reader{b: v}
	rd := &window.Reader{}
	for n := r.uvarint(); n > 0 && !r.bad; n-- {
		rd.Slots = append(rd.Slots, c.plan.set.Layout.SlotOf(r.string()))
	}
	rd.Datasets = []engine.Dataset{engine.NoDataset}
	for n := r.uvarint(); n > 0 && !r.bad; n-- {
		d, _ := engine.LookupDataset(r.string())
		rd.Datasets = append(rd.Datasets, d)
	}
	return rd, !r.bad
}

// restoreMarks reads how far each rule was.
func (c *Correlator) restoreMarks(rp *replay) error {
	m := c.memory
	v, _, err := rp.l.Get(m.about('m'))
	if err != nil {
		return err
	}
	for r := (reader{b: v}); len(r.b) > 0; {
		b := r.bytes(2 + 8 + 8 + 1)
		if r.bad {
			return damaged("watermarks", m.about('m'), "they are too short")
		}
		i, ok := rp.slots[binary.BigEndian.Uint16(b)]
		if !ok {
			continue
		}
		rp.marks[i] = mark{readTime(b[2:]), readTime(b[10:])}
		for _, s := range c.shards {
			s.rules[i].dropped = b[18] != 0
		}
	}
	return nil
}
