package kafka

import (
	"context"
	"errors"
	"io"
	"strings"
	"testing"
	"time"

	"github.com/twmb/franz-go/pkg/kerr"
	"github.com/twmb/franz-go/pkg/kfake"
	"github.com/twmb/franz-go/pkg/kmsg"
)

func ranges(t testing.TB, f *fake, c RangeConfig) []*Partition {
	t.Helper()
	c.Brokers, c.Topics = f.addrs, []Topic{{Name: topic, Format: "cloudtrail"}}
	ins, err := NewRange(t.Context(), c, Options{Dial: f.dial})
	if err != nil {
		t.Fatal(err)
	}
	return ins
}

// drain reads an input to its end and gives the values and the last error.
func drain(t testing.TB, in *Partition) (got []string, last error) {
	t.Helper()
	s, err := in.Open()
	if err != nil {
		t.Fatal(err)
	}
	defer s.Close()
	for {
		rec, err := s.Next(nil)
		if rec.Last {
			if !rec.Chunk || len(rec.Data) > 0 || rec.Origin.Source != topic || rec.Origin.Partition != in.at.id {
				t.Errorf("the last record is %+v", rec)
			}
			if s.Read() != in.Size() && err == nil {
				t.Errorf("read %d of %d", s.Read(), in.Size())
			}
			if _, end := s.Next(nil); !errors.Is(end, io.EOF) {
				t.Errorf("after the last record comes %v", end)
			}
			return got, err
		}
		if err != nil {
			t.Fatal(err)
		}
		if rec.Format != "cloudtrail" || rec.Chunk || rec.Time == 0 {
			t.Errorf("record is %+v", rec)
		}
		got = append(got, string(rec.Data))
	}
}

func TestRangeReadsAStretchAgainAndAgain(t *testing.T) {
	virtual(func(t *testing.T) {
		f := inMemory(t, 2)
		f.write(t, 0, numbered(0, 10)...)
		nextMilli()
		since := time.Now()
		f.write(t, 0, numbered(10, 10)...)
		nextMilli()
		until := time.Now()
		f.write(t, 0, numbered(20, 10)...)
		for _, c := range []struct {
			r    RangeConfig
			want []string
		}{
			{RangeConfig{}, numbered(0, 30)},
			{RangeConfig{Since: since}, numbered(10, 20)},
			{RangeConfig{Until: until}, numbered(0, 20)},
			{RangeConfig{Since: since, Until: until}, numbered(10, 10)},
			{RangeConfig{Since: time.Now().Add(time.Hour)}, nil},
		} {
			ins := ranges(t, f, c.r)
			if len(ins) != 2 || ins[0].Name() != topic+"[0]" || ins[1].Name() != topic+"[1]" || !ins[0].Rewind() {
				t.Fatalf("inputs are %v", ins)
			}
			f.write(t, 1, "later than the range")
			for range 2 {
				got, err := drain(t, ins[0])
				if err != nil {
					t.Error(err)
				}
				expect(t, got, c.want)
			}
			if int(ins[0].Size()) != len(c.want) {
				t.Errorf("size is %d, want %d", ins[0].Size(), len(c.want))
			}
		}
		if got, err := drain(t, ranges(t, f, RangeConfig{Until: until})[1]); len(got) > 0 || err != nil {
			t.Errorf("an empty partition gave %v, %v", got, err)
		}
	})(t)
}

func TestRangeRidesOverTrouble(t *testing.T) {
	virtual(func(t *testing.T) {
		f := inMemory(t, 1)
		f.write(t, 0, numbered(0, 10)...)
		in := ranges(t, f, RangeConfig{})[0]
		h := f.Fault(kfake.Fault{Keys: []kmsg.Key{kmsg.Fetch}, Err: kerr.NotLeaderForPartition, Count: 2})
		got, err := drain(t, in)
		if err != nil || h.Hits() != 2 {
			t.Errorf("%v, fault met %d times", err, h.Hits())
		}
		expect(t, got, numbered(0, 10))
	})(t)
}

func TestRangeSaysWhatRetentionTook(t *testing.T) {
	virtual(func(t *testing.T) {
		f := inMemory(t, 1)
		f.write(t, 0, numbered(0, 10)...)
		in := ranges(t, f, RangeConfig{})[0]
		f.deleteBefore(t, 4)
		got, err := drain(t, in)
		expect(t, got, numbered(4, 6))
		if err == nil || !strings.Contains(err.Error(), "retention removed 4 records of the range") {
			t.Errorf("the end says %v", err)
		}
	})(t)
}

func TestRangeEndsWithItsContext(t *testing.T) {
	virtual(func(t *testing.T) {
		f := inMemory(t, 1)
		f.write(t, 0, numbered(0, 10)...)
		ctx, cancel := context.WithCancel(t.Context())
		ins, err := NewRange(ctx, RangeConfig{Config: Config{Brokers: f.addrs}, Topics: []Topic{{Name: topic}}}, Options{Dial: f.dial})
		if err != nil {
			t.Fatal(err)
		}
		f.ControlKey(int16(kmsg.Fetch), func(kmsg.Request) (kmsg.Response, error, bool) {
			cancel()
			return nil, nil, true // never answered
		})
		s, _ := ins[0].Open()
		defer s.Close()
		began := time.Now()
		if rec, err := s.Next(nil); !rec.Last || err == nil {
			t.Errorf("%+v, %v", rec, err)
		}
		if took := time.Since(began); took > 2*time.Second {
			t.Errorf("it took %s", took)
		}
	})(t)
}
