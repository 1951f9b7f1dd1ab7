package kafka

import (
	"strings"
	"sync/atomic"
	"testing"

	"github.com/prometheus/client_golang/prometheus"
	"github.com/twmb/franz-go/pkg/kmsg"

	"github.com/seed-843b225c/reflex/engine"
)

// emptied gives a record batch as the log cleaner leaves it: the offsets are
// taken, the records are gone.
func emptied(first int64, n int32) []byte {
	b := kmsg.RecordBatch{FirstOffset: first, Length: 49, Magic: 2, LastOffsetDelta: n - 1, ProducerID: -1, ProducerEpoch: -1, FirstSequence: -1}
	return b.AppendTo(nil)
}

// garbled gives a batch that says it is compressed and is not.
func garbled(first int64) []byte {
	b := kmsg.RecordBatch{FirstOffset: first, Magic: 2, Attributes: 2, NumRecords: 1, Records: []byte("not snappy, not at all")}
	b.Length = int32(49 + len(b.Records))
	return b.AppendTo(nil)
}

// clean answers fetches from [from, to) with batches that hold nothing, until
// the returned switch is thrown.
func (f *fake) clean(from, to int64, batches ...[]byte) (mend *atomic.Bool) {
	mend = new(atomic.Bool)
	f.ControlKey(int16(kmsg.Fetch), func(r kmsg.Request) (kmsg.Response, error, bool) {
		req := r.(*kmsg.FetchRequest)
		f.KeepControl()
		at := req.Topics[0].Partitions[0].FetchOffset
		if mend.Load() || at < from || at >= to {
			return nil, nil, false
		}
		res := req.ResponseKind().(*kmsg.FetchResponse)
		p := kmsg.NewFetchResponseTopicPartition()
		p.HighWatermark, p.LastStableOffset, p.RecordBatches = 20, 20, []byte{}
		for _, b := range batches {
			p.RecordBatches = append(p.RecordBatches, b...)
		}
		rt := kmsg.NewFetchResponseTopic()
		rt.Topic, rt.Partitions = topic, append(rt.Partitions, p)
		res.Topics = append(res.Topics, rt)
		return res, nil, true
	})
	return mend
}

var layouts = map[string][][]byte{
	"an emptied batch":   {emptied(5, 3)},
	"some that panic":    {emptied(5, 1), emptied(6, 1), emptied(7, 1), emptied(8, 1)},
	"nothing at all":     {{}},
	"a broken codec":     {garbled(5)},
	"a torn batch":       {emptied(5, 3)[:40]},
	"an unknown version": {append(emptied(5, 3)[:16], append([]byte{9}, emptied(5, 3)[17:]...)...)},
}

func TestStuckPartitionWaitsAndSaysSo(t *testing.T) {
	for name, batches := range layouts {
		t.Run(name, virtual(func(t *testing.T) {
			f := inMemory(t, 2)
			f.write(t, 0, numbered(0, 20)...)
			mend := f.clean(5, 8, batches...)
			reg := prometheus.NewRegistry()
			c := f.config()
			s, got := f.open(t, c, Options{Metrics: reg, Resume: []engine.Position{{Source: topic, Offset: 5}}}), &seen{}
			got.until(t, s, "an error", func() bool { return len(got.errs) > 0 })
			if err := got.errs[0]; engine.KindOf(err) != engine.Temporary || !strings.Contains(err.Error(), "[0]") {
				t.Errorf("kind %q: %v", engine.KindOf(err), err)
			}
			f.write(t, 1, "the others go on")
			got.records(t, s, 1)
			expect(t, got.values[1], []string{"the others go on"})
			mend.Store(true)
			got.records(t, s, 16)
			expect(t, got.values[0], numbered(5, 15))
			got.until(t, s, "the metric", func() bool { return value(t, reg, "reflex_kafka_stuck") == 0 })
			if n := value(t, reg, "reflex_kafka_skipped_total"); n != 0 {
				t.Errorf("%v offsets were stepped over", n)
			}
		}))
	}
}

func TestStuckPartitionIsSteppedOverOnlyByPolicy(t *testing.T) {
	for _, name := range []string{"an emptied batch", "some that panic", "a broken codec"} {
		t.Run(name, virtual(func(t *testing.T) {
			f := inMemory(t, 1)
			f.write(t, 0, numbered(0, 8)...) // these come from the cluster below
			f.write(t, 0, numbered(8, 12)...)
			f.clean(5, 8, layouts[name]...)
			reg := prometheus.NewRegistry()
			c := f.config()
			c.SkipStuck = true
			s, got := f.open(t, c, Options{Metrics: reg, Resume: []engine.Position{{Source: topic, Offset: 5}}}), &seen{}
			got.records(t, s, 12)
			expect(t, got.values[0], numbered(8, 12))
			if n := value(t, reg, "reflex_kafka_skipped_total"); n != 3 {
				t.Errorf("%v offsets were stepped over, want 3", n)
			}
			if n := value(t, reg, "reflex_kafka_panics_total"); (n > 0) != (name == "some that panic") {
				t.Errorf("%v panics", n)
			}
			got.until(t, s, "the metric", func() bool { return value(t, reg, "reflex_kafka_stuck") == 0 })
		}))
	}
}

// An answer with records whose high watermark was taken before they came.
func TestRecordsBehindTheHighWatermarkCostNoTrouble(t *testing.T) {
	virtual(func(t *testing.T) {
		f := inMemory(t, 1)
		f.write(t, 0, numbered(0, 10)...)
		var races atomic.Int32
		f.ControlKey(int16(kmsg.Fetch), func(r kmsg.Request) (kmsg.Response, error, bool) {
			f.KeepControl()
			req := r.(*kmsg.FetchRequest)
			if req.Topics[0].Partitions[0].FetchOffset != 10 || races.Add(1) > 2 {
				return nil, nil, false
			}
			res := req.ResponseKind().(*kmsg.FetchResponse)
			p := kmsg.NewFetchResponseTopicPartition()
			p.HighWatermark, p.LastStableOffset, p.RecordBatches = 10, 10, emptied(10, 1)
			rt := kmsg.NewFetchResponseTopic()
			rt.Topic, rt.Partitions = topic, append(rt.Partitions, p)
			res.Topics = append(res.Topics, rt)
			return res, nil, true
		})
		s, got := f.open(t, f.config(), Options{}), &seen{}
		got.records(t, s, 10)
		got.until(t, s, "both races", func() bool { return races.Load() > 2 })
		f.write(t, 0, "after")
		got.records(t, s, 11)
		expect(t, got.values[0], append(numbered(0, 10), "after"))
		if len(got.errs) > 0 {
			t.Errorf("reported: %v", got.errs)
		}
	})(t)
}

// A broker that takes a request and never answers is left after a while.
func TestSilentBrokerIsDialledAgain(t *testing.T) {
	virtual(func(t *testing.T) {
		f := inMemory(t, 1)
		f.write(t, 0, "x")
		var silent atomic.Bool
		silent.Store(true)
		f.ControlKey(int16(kmsg.Fetch), func(kmsg.Request) (kmsg.Response, error, bool) {
			f.KeepControl()
			return nil, nil, silent.Load()
		})
		s, got := f.open(t, f.config(), Options{}), &seen{}
		got.until(t, s, "an error", func() bool { return len(got.errs) > 0 })
		if !strings.Contains(got.errs[0].Error(), "no answer in time") {
			t.Errorf("%v", got.errs[0])
		}
		silent.Store(false)
		got.records(t, s, 1)
	})(t)
}

func TestRangeStepsOverWhatCannotBeReadAndSaysSo(t *testing.T) {
	virtual(func(t *testing.T) {
		f := inMemory(t, 1)
		f.write(t, 0, numbered(0, 8)...)
		f.write(t, 0, numbered(8, 12)...)
		f.clean(0, 8, emptied(0, 8))
		in := ranges(t, f, RangeConfig{})[0]
		got, err := drain(t, in)
		expect(t, got, numbered(8, 12))
		if err == nil || !strings.Contains(err.Error(), "8 offsets cannot be read") {
			t.Errorf("the end says %v", err)
		}
	})(t)
}
