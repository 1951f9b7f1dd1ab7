package checkpoint

import (
	"bytes"

	"github.com/cockroachdb/pebble/v2"

	"github.com/seed-843b225c/reflex/engine"
)

var _ engine.Saver = (*Batch)(nil)

// Keys of the store's own are under ownSpace, those of its users under
// userSpace; nobody sees the byte.
const (
	ownSpace  = 0
	userSpace = 1
)

// Batch is what one commit changes, in the order it was told. It belongs to one
// goroutine until it was committed.
type Batch struct {
	b     *pebble.Batch
	n     int
	spent bool
}

// NewBatch gives an empty batch.
func (s *Store) NewBatch() *Batch { return &Batch{b: new(pebble.Batch)} }

// Set gives a key a value; both are copied.
func (b *Batch) Set(key, value []byte) {
	op := b.b.SetDeferred(1+len(key), len(value))
	op.Key[0] = userSpace
	copy(op.Key[1:], key)
	copy(op.Value, value)
	_ = op.Finish() // fails for indexed batches alone
	b.n++
}

// Delete removes a key, whether it is there or not.
func (b *Batch) Delete(key []byte) {
	op := b.b.DeleteDeferred(1 + len(key))
	op.Key[0] = userSpace
	copy(op.Key[1:], key)
	_ = op.Finish()
	b.n++
}

// DeleteRange removes the keys from `from` up to and without `to`, those that
// this batch set before too; nil bounds are the ends of all keys.
func (b *Batch) DeleteRange(from, to []byte) {
	lower, upper := bounds(from, to)
	if bytes.Compare(lower, upper) >= 0 {
		return
	}
	op := b.b.DeleteRangeDeferred(len(lower), len(upper))
	copy(op.Key, lower)
	copy(op.Value, upper)
	_ = op.Finish()
	b.n++
}

// Len is the number of changes.
func (b *Batch) Len() int { return b.n }

// Size is the bytes that the changes take in memory and in the write-ahead log.
func (b *Batch) Size() int { return len(b.b.Repr()) }

// own sets a key of the store itself and gives the place of its value, which is
// valid until the next change of the batch.
func (b *Batch) own(key byte, size int) []byte {
	op := b.b.SetDeferred(2, size)
	op.Key[0], op.Key[1] = ownSpace, key
	_ = op.Finish()
	return op.Value
}

func bounds(from, to []byte) (lower, upper []byte) {
	upper = []byte{userSpace + 1}
	if to != nil {
		upper = userKey(to)
	}
	return userKey(from), upper
}

func userKey(key []byte) []byte { return append([]byte{userSpace}, key...) }
