package incident

import (
	"encoding/binary"
	"maps"
	"slices"

	"github.com/seed-843b225c/reflex/engine"
)

// The stored form of what Live knows: numbers as varints, texts with their
// length, lists with their number. A change of it is a new format number.

type packer []byte

func (p *packer) uint(n uint64) { *p = binary.AppendUvarint(*p, n) }
func (p *packer) int(n int64)   { *p = binary.AppendVarint(*p, n) }

func (p *packer) text(s string) {
	p.uint(uint64(len(s)))
	*p = append(*p, s...)
}

func (p *packer) flags(list ...bool) {
	b := byte(0)
	for i, yes := range list {
		if yes {
			b |= 1 << i
		}
	}
	*p = append(*p, b)
}

func (p *packer) texts(list []string) {
	p.uint(uint64(len(list)))
	for _, s := range list {
		p.text(s)
	}
}

func (p *packer) named(list []engine.Named) {
	p.uint(uint64(len(list)))
	for _, n := range list {
		p.text(n.Name)
		p.text(n.Field)
		*p = n.Value.AppendBinary(*p)
	}
}

// unpacker reads what a packer wrote. After the first thing that is not of
// that form it is broken and gives zeros.
type unpacker struct {
	b      []byte
	broken bool
	intern map[string]string // equal texts of one state share their bytes
}

func (u *unpacker) fail() { u.b, u.broken = nil, true }

func (u *unpacker) uint() uint64 {
	n, w := binary.Uvarint(u.b)
	if w <= 0 {
		u.fail()
		return 0
	}
	u.b = u.b[w:]
	return n
}

func (u *unpacker) int() int64 {
	n, w := binary.Varint(u.b)
	if w <= 0 {
		u.fail()
		return 0
	}
	u.b = u.b[w:]
	return n
}

func (u *unpacker) text() string {
	n := u.uint()
	if n > uint64(len(u.b)) {
		u.fail()
		return ""
	}
	b := u.b[:n]
	u.b = u.b[n:]
	if s, ok := u.intern[string(b)]; ok {
		return s
	}
	s := string(b)
	u.intern[s] = s
	return s
}

func (u *unpacker) flags() (out [8]bool) {
	if len(u.b) == 0 {
		u.fail()
		return out
	}
	for i := range out {
		out[i] = u.b[0]&(1<<i) != 0
	}
	u.b = u.b[1:]
	return out
}

// times calls f for every element of a list, which takes at least a byte each.
func (u *unpacker) times(f func()) {
	n := u.uint()
	if n > uint64(len(u.b)) {
		u.fail()
	}
	for i := uint64(0); i < n && !u.broken; i++ {
		f()
	}
}

func (u *unpacker) texts() (out []string) {
	u.times(func() { out = append(out, u.text()) })
	return out
}

func (u *unpacker) named() (out []engine.Named) {
	u.times(func() {
		n := engine.Named{Name: u.text(), Field: u.text()}
		v, rest, ok := engine.ReadValue(u.b)
		if !ok {
			u.fail()
			return
		}
		n.Value, u.b = v, rest
		out = append(out, n)
	})
	return out
}

func (m *member) pack(p *packer) {
	p.uint(m.strand.number)
	p.flags(m.listed, m.chain, m.pages)
	p.text(m.rule)
	p.uint(uint64(m.level))
	p.int(m.start)
	p.int(m.end - m.start)
	for _, list := range [][]string{m.keys, m.links, m.also, m.tags, m.runbook} {
		p.texts(list)
	}
	p.text(m.title)
	p.named(m.entities)
	p.uint(uint64(len(m.moments)))
	for _, x := range m.moments {
		p.int(x.Time)
		p.uint(uint64(x.Level))
		for _, s := range []string{x.Rule, x.Step, x.Text, x.Event, x.Origin, x.of} {
			p.text(s)
		}
	}
}

// unpack reads a member, and the number of its strand.
func (m *member) unpack(u *unpacker) (strand uint64) {
	strand = u.uint()
	f := u.flags()
	m.listed, m.chain, m.pages = f[0], f[1], f[2]
	m.rule, m.level = u.text(), u.level()
	m.start = u.int()
	m.end = m.start + u.int()
	for _, list := range []*[]string{&m.keys, &m.links, &m.also, &m.tags, &m.runbook} {
		*list = u.texts()
	}
	m.title, m.entities = u.text(), u.named()
	u.times(func() {
		x := moment{Moment: engine.Moment{Time: u.int(), Level: u.level(), Alert: m.id}}
		for _, s := range []*string{&x.Rule, &x.Step, &x.Text, &x.Event, &x.Origin, &x.of} {
			*s = u.text()
		}
		m.moments = append(m.moments, x)
	})
	return strand
}

func (u *unpacker) level() engine.Level {
	n := u.uint()
	if n > uint64(engine.Critical) {
		u.fail()
		return 0
	}
	return engine.Level(n)
}

func (in *incident) pack(p *packer) {
	for _, n := range []uint64{in.order, uint64(in.number), uint64(in.level), uint64(in.count), uint64(in.lines), uint64(in.values)} {
		p.uint(n)
	}
	p.flags(in.final, in.rest.risk != nil, in.rest.pages, in.rest.entities.cut)
	for _, n := range []int64{in.end, in.newest, in.due, in.rest.start, in.rest.end} {
		p.int(n)
	}
	numbers := make([]uint64, len(in.strands))
	for i, s := range in.strands {
		numbers[i] = s.number
	}
	slices.Sort(numbers)
	p.uint(uint64(len(numbers)))
	for _, n := range numbers {
		p.uint(n)
	}
	p.texts(in.merged)
	p.uint(uint64(len(in.rest.risk)))
	for _, rule := range slices.Sorted(maps.Keys(in.rest.risk)) {
		p.text(rule)
		p.uint(uint64(in.rest.risk[rule]))
	}
	p.texts(slices.Sorted(maps.Keys(in.rest.tags)))
	p.named(in.rest.entities.list)
}

func (in *incident) unpack(u *unpacker) {
	in.order, in.number, in.level = u.uint(), int(u.uint()), u.level()
	in.count, in.lines, in.values = int(u.uint()), int(u.uint()), int(u.uint())
	f := u.flags()
	in.final = f[0]
	for _, n := range []*int64{&in.end, &in.newest, &in.due, &in.rest.start, &in.rest.end} {
		*n = u.int()
	}
	u.times(func() { in.strands = append(in.strands, &strand{number: u.uint(), in: in}) })
	in.merged = u.texts()
	if f[1] {
		in.rest.risk, in.rest.tags = map[string]int{}, map[string]bool{}
	}
	u.times(func() {
		rule := u.text()
		if in.rest.risk == nil {
			u.fail()
			return
		}
		in.rest.risk[rule] = int(u.uint())
	})
	for _, tag := range u.texts() {
		if in.rest.tags == nil {
			u.fail()
			return
		}
		in.rest.tags[tag] = true
	}
	in.rest.entities.limit = mostValues
	for _, en := range u.named() {
		in.rest.entities.add(en)
	}
	in.rest.pages, in.rest.entities.cut = f[2], f[3]
}
