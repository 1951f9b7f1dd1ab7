package pipeline

import (
	"encoding/binary"
	"testing"

	"github.com/seed-843b225c/reflex/engine"
	"github.com/seed-843b225c/reflex/engine/checkpoint"
)

// A store of version 2 knows offsets without the time of the record before.
func TestPositionsOfOlderVersionsAreRead(t *testing.T) {
	dir, err := checkpoint.Open(t.TempDir(), checkpoint.Options{})
	if err != nil {
		t.Fatal(err)
	}
	defer dir.Close()
	store := func(number int32, parts ...uint64) {
		var value []byte
		for _, p := range parts {
			value = binary.BigEndian.AppendUint64(value, p)
		}
		b := dir.Store.NewBatch()
		b.Set(partKey{"logs", number}.key(keyPosition), value)
		if err := dir.Store.Commit(b); err != nil {
			t.Fatal(err)
		}
	}
	store(0, 7)
	store(1, 8, 1_000)
	ps, err := Positions(dir.Store)
	if err != nil || len(ps) != 2 || ps[0] != (engine.Position{Source: "logs", Offset: 7}) || ps[1] != (engine.Position{Source: "logs", Partition: 1, Offset: 8, Time: 1_000}) {
		t.Errorf("positions are %+v, %v", ps, err)
	}
	store(2, 1, 2, 3)
	if _, err := Positions(dir.Store); err == nil {
		t.Error("a damaged position was read")
	}
}
