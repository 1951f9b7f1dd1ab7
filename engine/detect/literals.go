package detect

import (
	"slices"
	"strings"
)

// gram is how many bytes of a literal are looked up at every place of a text.
const gram = 4

// wide is how long a literal must be for a pass of four bytes a step: whatever
// its place, one of its four alignments is then seen whole.
const wide = gram + 3

// literals finds probes by texts that stand somewhere inside a slot's value. A
// pass over the value hashes four bytes at a time, case folded; a bit map of 8 KB
// refuses nearly all of them, the rest are looked up and the literal compared.
type literals struct {
	slot    int
	entries []entry
	long    sieve   // literals of at least wide bytes: every fourth place
	short   sieve   // shorter ones: every place
	folded  []int32 // probes to test on any text that is not ASCII
}

// sieve is the table of one pass.
type sieve struct {
	bits   []uint64
	byGram map[uint32][]entry
}

// entry is one literal and the probes filed under it.
type entry struct {
	text   string // every byte with bit 5 set, as fold does
	at     int    // where its looked-up bytes stand
	probes []int32
}

func newLiterals(slot int) literals { return literals{slot: slot} }

// put files a literal of at least gram bytes.
func (l *literals) put(text string, fold bool, probes []int32) {
	b := []byte(text)
	for i := range b {
		b[i] |= 0x20
	}
	l.entries = append(l.entries, entry{text: string(b), probes: probes})
	if fold {
		l.folded = append(l.folded, probes...)
	}
}

func (l *literals) done() {
	for _, e := range l.entries {
		if len(e.text) < wide {
			e.at = rarest(e.text, gram)
			l.short.put(e)
			continue
		}
		at := rarest(e.text, wide)
		for i := range 4 {
			e.at = at + i
			l.long.put(e)
		}
	}
	slices.Sort(l.folded)
	l.folded = slices.Compact(l.folded)
}

func (t *sieve) put(e entry) {
	if t.bits == nil {
		t.bits, t.byGram = make([]uint64, 1<<16/64), map[uint32][]entry{}
	}
	g := load(e.text, e.at)
	h := hash(g)
	t.bits[h>>6] |= 1 << (h & 63)
	t.byGram[g] = append(t.byGram[g], e)
}

// load gives four bytes, folded so that case does not matter (some signs fall
// together too: what is found is compared again by the condition).
func load(s string, i int) uint32 {
	_ = s[i+3]
	return (uint32(s[i]) | uint32(s[i+1])<<8 | uint32(s[i+2])<<16 | uint32(s[i+3])<<24) | 0x20202020
}

func hash(g uint32) uint32 { return g * 0x9e3779b1 >> 16 }

func (l *literals) find(s string, f *found) {
	if l.long.bits != nil {
		l.long.pass(s, 4, f)
	}
	if l.short.bits != nil {
		l.short.pass(s, 1, f)
	}
	if len(l.folded) > 0 && !ascii(s) {
		f.add(l.folded)
	}
}

func (t *sieve) pass(s string, step int, f *found) {
	bits := (*[1 << 10]uint64)(t.bits)
	for i := 0; i+gram <= len(s); i += step {
		g := load(s, i)
		if h := hash(g); bits[h>>6&1023]&(1<<(h&63)) != 0 {
			t.look(s, i, g, f)
		}
	}
}

// look compares the literals whose looked-up bytes stand at place i.
func (t *sieve) look(s string, i int, g uint32, f *found) {
	for _, e := range t.byGram[g] {
		from := i - e.at
		if from < 0 || from+len(e.text) > len(s) || !sameFolded(s[from:from+len(e.text)], e.text) {
			continue
		}
		f.add(e.probes)
	}
}

func sameFolded(s, folded string) bool {
	for i := 0; i < len(folded); i++ {
		if s[i]|0x20 != folded[i] {
			return false
		}
	}
	return true
}

func ascii(s string) bool {
	i := 0
	for ; i+8 <= len(s); i += 8 {
		_ = s[i+7]
		if (s[i]|s[i+1]|s[i+2]|s[i+3])|(s[i+4]|s[i+5]|s[i+6]|s[i+7]) >= 0x80 {
			return false
		}
	}
	for ; i < len(s); i++ {
		if s[i] >= 0x80 {
			return false
		}
	}
	return true
}

// rarest gives the place of the n bytes that logs should hold least often.
func rarest(s string, n int) int {
	const common = " etaoinsrhldcum./:-_0123456789"
	best, most := 0, -1
	for i := 0; i+n <= len(s); i++ {
		rare := 0
		for _, c := range []byte(s[i : i+n]) {
			if at := strings.IndexByte(common, c); at < 0 {
				rare += len(common)
			} else {
				rare += at
			}
		}
		if rare > most {
			best, most = i, rare
		}
	}
	return best
}

// starts finds probes by how a slot's text begins: long prefixes by their first
// four bytes, short ones one by one.
type starts struct {
	slot    int
	entries []entry
	short   []entry
	byGram  map[uint32][]entry
	first   [4]uint64
}

func (p *starts) put(text string, probes []int32) {
	p.entries = append(p.entries, entry{text: text, probes: probes})
}

func (p *starts) done() {
	p.byGram = map[uint32][]entry{}
	for _, e := range p.entries {
		c := e.text[0]
		p.first[c>>6] |= 1 << (c & 63)
		if len(e.text) < gram {
			p.short = append(p.short, e)
			continue
		}
		g := load(e.text, 0)
		p.byGram[g] = append(p.byGram[g], e)
	}
}

func (p *starts) find(s string, f *found) {
	if s == "" || p.first[s[0]>>6]&(1<<(s[0]&63)) == 0 {
		return
	}
	for _, e := range p.short {
		if strings.HasPrefix(s, e.text) {
			f.add(e.probes)
		}
	}
	if len(s) < gram {
		return
	}
	for _, e := range p.byGram[load(s, 0)] {
		if strings.HasPrefix(s, e.text) {
			f.add(e.probes)
		}
	}
}
