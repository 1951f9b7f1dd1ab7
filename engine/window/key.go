package window

import (
	"encoding/binary"
	"math/bits"

	"github.com/seed-843b225c/reflex/engine"
)

// Key is the 128-bit hash of a correlation key: what state is stored under.
type Key struct{ Hi, Lo uint64 }

// Less orders keys, only so that results have an order.
func (k Key) Less(o Key) bool {
	if k.Hi != o.Hi {
		return k.Hi < o.Hi
	}
	return k.Lo < o.Lo
}

// Hasher makes Keys from values. It is scratch of one goroutine; the hash is
// the same on every machine and in every version, because keys stand in
// checkpoints.
type Hasher struct{ buf []byte }

// Key hashes a tuple of values under a salt (a rule, the place of a key).
func (h *Hasher) Key(salt uint64, vs ...engine.Value) Key {
	b := h.buf[:0]
	for _, v := range vs {
		b = v.AppendBinary(b)
	}
	h.buf = b
	return Hash(salt, b)
}

// Event hashes the values of an event's slots; ok is false when one is missing.
func (h *Hasher) Event(salt uint64, ev *engine.Event, slots []int) (k Key, ok bool) {
	b := h.buf[:0]
	for _, s := range slots {
		v := ev.Get(s)
		if v.IsNil() {
			return Key{}, false
		}
		b = v.AppendBinary(b)
	}
	h.buf = b
	return Hash(salt, b), true
}

// Hash is a 128-bit hash of bytes: two lanes of multiply and fold, as in
// wyhash. It is no defence against someone who chooses keys to collide in all
// 128 bits, and needs no more: values are not trusted to be unique anyway.
func Hash(salt uint64, b []byte) Key {
	const (
		p0 = 0xa0761d6478bd642f
		p1 = 0xe7037ed1a0b428db
		p2 = 0x8ebc6af09c88c6e3
		p3 = 0x589965cc75374cc3
	)
	x, y := salt^p0, salt^p1
	n := uint64(len(b))
	for len(b) >= 16 {
		u, v := binary.LittleEndian.Uint64(b), binary.LittleEndian.Uint64(b[8:])
		x = fold(u^p2^x, v^p3)
		y = fold(v^p0^y, u^p1) + x
		b = b[16:]
	}
	var tail [16]byte
	copy(tail[:], b)
	u, v := binary.LittleEndian.Uint64(tail[:]), binary.LittleEndian.Uint64(tail[8:])
	x = fold(u^p2^x, v^p3^n)
	y = fold(v^p0^y, u^p1^n) + x
	return Key{fold(x^p1, y^p2), fold(y^p0^n, x^p3)}
}

func fold(a, b uint64) uint64 {
	hi, lo := bits.Mul64(a, b)
	return hi ^ lo ^ a<<1 ^ b>>1
}
