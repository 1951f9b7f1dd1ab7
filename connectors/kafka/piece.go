package kafka

import (
	"bytes"
	"errors"
	"io"
	"net"

	kafkago "github.com/segmentio/kafka-go"

	"github.com/seed-843b225c/reflex/engine"
)

// pieceSize is about how many bytes of records are handed over at once: large
// enough to cost nothing, small enough that a fetch which grows when it is
// decompressed is never in memory as a whole.
const pieceSize = 256 << 10

// piece gathers records of one partition.
type piece struct {
	src     *Source
	records *[]engine.Record
	size    int
}

func (s *Source) newPiece() *piece {
	rs, ok := s.pool.Get().(*[]engine.Record)
	if !ok {
		rs = new([]engine.Record)
	}
	return &piece{src: s, records: rs}
}

// add takes a message over.
func (pc *piece) add(m *kafkago.Message, format string) {
	rec := record(m, format)
	pc.size += len(rec.Data) + len(rec.Key)
	for _, h := range rec.Headers {
		pc.size += len(h.Key) + len(h.Value)
	}
	*pc.records = append(*pc.records, rec)
}

// record makes a record of a message, whose bytes belong to it from now on.
func record(m *kafkago.Message, format string) engine.Record {
	rec := engine.Record{
		Data: m.Value, Format: format, Key: string(m.Key),
		Origin: engine.Origin{Source: m.Topic, Partition: int32(m.Partition), Offset: m.Offset},
	}
	if !m.Time.IsZero() {
		rec.Time = m.Time.UnixNano()
	}
	if len(m.Headers) > 0 {
		rec.Headers = make([]engine.Header, len(m.Headers))
		for i, h := range m.Headers {
			rec.Headers[i] = engine.Header{Key: h.Key, Value: string(h.Value)}
		}
	}
	return rec
}

// release gives back what hand took.
func (pc *piece) release() {
	pc.src.m.buffered.Sub(float64(pc.size))
	pc.src.budget.give(pc.size)
	pc.free()
}

func (pc *piece) free() {
	clear(*pc.records)
	*pc.records = (*pc.records)[:0]
	pc.src.pool.Put(pc.records)
	pc.records = nil
}

// isMarker knows the control records that end a transaction: a version and a
// type (abort, commit) as key, a version and an epoch as value. No text begins
// with the zero byte of that version.
func isMarker(m *kafkago.Message) bool {
	return len(m.Key) == 4 && len(m.Value) == 6 && bytes.HasPrefix(m.Key, []byte{0, 0, 0}) && m.Key[3] <= 1 && m.Value[0] == 0
}

// isAbort reports whether a marker ends a transaction that was aborted.
func isAbort(m *kafkago.Message) bool { return m.Key[3] == 0 }

func isOutOfRange(err error) bool { return errors.Is(err, kafkago.OffsetOutOfRange) }

// isEnd knows the ways in which a batch says that it has no more.
func isEnd(err error) bool {
	return err == nil || errors.Is(err, io.EOF) || errors.Is(err, kafkago.RequestTimedOut)
}

// isGarbled knows errors that come from what lies in the log: neither the
// broker nor the network gave them.
func isGarbled(err error) bool {
	if _, ok := errors.AsType[kafkago.Error](err); ok {
		return false
	}
	if _, ok := errors.AsType[net.Error](err); ok {
		return false
	}
	return !isEnd(err) && !errors.Is(err, io.ErrUnexpectedEOF) && !errors.Is(err, io.ErrNoProgress) && !errors.Is(err, net.ErrClosed) && !errors.Is(err, io.ErrClosedPipe)
}
