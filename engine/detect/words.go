package detect

import (
	"math"

	"github.com/seed-843b225c/reflex/engine"
)

// words finds probes by the whole value of a slot.
type words struct {
	slot int
	size int
	// texts that are no key are mostly refused by their length and first byte.
	texts   map[string][]int32
	lengths uint64
	first   [4]uint64
	numbers map[uint64][]int32 // by the bits of the float
	others  map[engine.Value][]int32
}

func newWords(slot int) words {
	return words{slot: slot, texts: map[string][]int32{}, numbers: map[uint64][]int32{}, others: map[engine.Value][]int32{}}
}

func (w *words) put(v engine.Value, probes []int32) {
	w.size++
	switch v.Kind() {
	case engine.Keyword:
		s := v.Str()
		w.texts[s] = append(w.texts[s], probes...)
		w.lengths |= 1 << (len(s) & 63)
		if s != "" {
			w.first[s[0]>>6] |= 1 << (s[0] & 63)
		}
	case engine.Long, engine.Double:
		n := math.Float64bits(v.Float())
		w.numbers[n] = append(w.numbers[n], probes...)
	default:
		w.others[v] = append(w.others[v], probes...)
	}
}

func (w *words) find(v engine.Value, f *found) {
	switch v.Kind() {
	case 0:
	case engine.Keyword:
		s := v.Str()
		if w.lengths&(1<<(len(s)&63)) == 0 || s != "" && w.first[s[0]>>6]&(1<<(s[0]&63)) == 0 {
			return
		}
		f.add(w.texts[s])
	case engine.Long, engine.Double:
		if len(w.numbers) > 0 {
			f.add(w.numbers[math.Float64bits(v.Float())])
		}
	default:
		if len(w.others) > 0 {
			f.add(w.others[v])
		}
	}
}
