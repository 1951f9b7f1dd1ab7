package decode

import (
	"fmt"
	"strings"
	"testing"

	"github.com/seed-843b225c/reflex/engine"
)

// recorder keeps what a decoder hands on.
type recorder struct {
	layout  *engine.Layout
	events  []*engine.Event
	refused []engine.Refusal
	skipped []string
	count   int
	quiet   bool
}

func (r *recorder) Event(ev *engine.Event) {
	if r.count++; r.quiet {
		return
	}
	c := ev.Clone()
	c.Raw = append([]byte(nil), ev.Raw...)
	c.Outer = append([]byte(nil), ev.Outer...)
	for _, f := range ev.All {
		c.All = append(c.All, engine.FieldValue{Field: f.Field, Value: f.Value.Clone()})
	}
	r.events = append(r.events, c)
}
func (r *recorder) Refuse(f engine.Refusal)          { r.refused = append(r.refused, f) }
func (r *recorder) Skip(_ engine.Origin, why string) { r.skipped = append(r.skipped, why) }

// get gives a field of an event as text.
func (r *recorder) get(i int, name string) string {
	if i >= len(r.events) {
		return "(no event)"
	}
	return r.events[i].Get(r.layout.SlotOf(name)).Text()
}

// summary is one line for each thing a decoder said.
func (r *recorder) summary() string {
	var b strings.Builder
	for _, e := range r.events {
		fmt.Fprintf(&b, "event %s %s\n", e.Origin, e.ID)
	}
	for _, f := range r.refused {
		fmt.Fprintf(&b, "refused %s %s\n", f.Origin, f.Reason)
	}
	for _, s := range r.skipped {
		fmt.Fprintf(&b, "skip %s\n", s)
	}
	return b.String()
}

// allFields demands every field of the registry.
func allFields(more ...string) *engine.Layout {
	l := engine.NewLayout()
	for i := range engine.Fields() {
		l.DemandField(engine.Field(i))
	}
	for _, m := range more {
		if _, err := l.Demand(m); err != nil {
			panic(err)
		}
	}
	return l
}

func newDecoder(t testing.TB, l *engine.Layout) *Decoder {
	t.Helper()
	p, err := NewPlan(l, Options{})
	if err != nil {
		t.Fatal(err)
	}
	return p.NewDecoder()
}

// file decodes data as a file in pieces of the given size.
func file(t testing.TB, l *engine.Layout, format string, data []byte, size int) *recorder {
	t.Helper()
	d := newDecoder(t, l)
	r := &recorder{layout: l}
	chunks(d, r, format, data, size)
	return r
}

func chunks(d *Decoder, h engine.Handler, format string, data []byte, size int) {
	for off := 0; ; off += size {
		n := min(size, len(data)-off)
		rec := engine.Record{Data: data[off : off+n], Format: format, Chunk: true, Last: off+n == len(data)}
		rec.Origin = engine.Origin{Source: "f", Partition: -1, Offset: int64(off)}
		d.Decode(rec, h)
		if rec.Last {
			return
		}
	}
}

// message decodes data as a Kafka message.
func message(t testing.TB, l *engine.Layout, rec engine.Record) *recorder {
	t.Helper()
	r := &recorder{layout: l}
	rec.Origin = engine.Origin{Source: "topic", Partition: 3, Offset: 42}
	newDecoder(t, l).Decode(rec, r)
	return r
}

// lines numbers copies of the sample record.
func lines(n int) []byte {
	var b strings.Builder
	for i := range n {
		b.WriteString(strings.Replace(trail, "000000000001", fmt.Sprintf("%012d", i), 1))
		b.WriteByte('\n')
	}
	return []byte(b.String())
}

// fourteen is a layout of the size that rules ask for.
func fourteen() *engine.Layout {
	l := engine.NewLayout()
	for _, f := range strings.Fields("@timestamp event.id event.action event.provider event.outcome source.ip source.address user_agent.original user.name cloud.account.id cloud.region aws.cloudtrail.user_identity.arn secret.principal aws.cloudtrail.user_identity.type") {
		if _, err := l.Demand(f); err != nil {
			panic(err)
		}
	}
	return l
}

func TestDecodeAllocatesNothing(t *testing.T) {
	l := fourteen()
	d := newDecoder(t, l)
	data := lines(200)
	r := &recorder{quiet: true}
	chunks(d, r, "", data, len(data))
	for _, format := range []string{"", "cloudtrail"} {
		if n := testing.AllocsPerRun(10, func() { chunks(d, r, format, data, len(data)) }); n > 1 {
			t.Errorf("%q: %v allocations for 200 records", format, n)
		}
	}
	wrapped := []byte(`{"Records":[` + strings.ReplaceAll(strings.TrimSpace(string(data)), "\n", ",") + `]}`)
	chunks(d, r, "", wrapped, len(wrapped))
	if n := testing.AllocsPerRun(10, func() { chunks(d, r, "", wrapped, len(wrapped)) }); n > 1 {
		t.Errorf("envelope: %v allocations for 200 records", n)
	}
}

func BenchmarkDecodeNDJSON(b *testing.B) {
	l := fourteen()
	d := newDecoder(b, l)
	data := lines(2000)
	r := &recorder{quiet: true}
	b.SetBytes(int64(len(data)))
	b.ReportAllocs()
	for b.Loop() {
		chunks(d, r, "", data, 128<<10)
	}
	b.ReportMetric(float64(r.count)/b.Elapsed().Seconds(), "events/s")
	b.ReportMetric(b.Elapsed().Seconds()*1e9/float64(r.count), "ns/event")
}

func BenchmarkDecodeEnvelope(b *testing.B) {
	l := fourteen()
	d := newDecoder(b, l)
	data := []byte(`{"Records":[` + strings.ReplaceAll(strings.TrimSpace(string(lines(2000))), "\n", ",") + `]}`)
	r := &recorder{quiet: true}
	b.SetBytes(int64(len(data)))
	b.ReportAllocs()
	for b.Loop() {
		chunks(d, r, "", data, 128<<10)
	}
	b.ReportMetric(b.Elapsed().Seconds()*1e9/float64(r.count), "ns/event")
}

func TestFileOfLines(t *testing.T) {
	l := allFields("raw.requestParameters.maxKeys", "raw.requestParameters.deep")
	data := lines(3)
	for _, size := range []int{1, 7, 100, 1 << 20} {
		r := file(t, l, "", data, size)
		if len(r.events) != 3 || len(r.refused) > 0 {
			t.Fatalf("chunks of %d: %s", size, r.summary())
		}
		for i, e := range r.events {
			if e.Origin.Line != int64(i+1) || e.Origin.Offset != int64(i*(len(trail)+1)) || string(e.Raw) != strings.Replace(trail, "000000000001", fmt.Sprintf("%012d", i), 1) {
				t.Errorf("chunks of %d: event %d at %+v", size, i, e.Origin)
			}
		}
		for f, want := range map[string]string{"event.action": "ListBuckets", "source.ip": "203.0.113.9", "user.name": "ci-build", "event.outcome": "success",
			"ci.run.id": "7001-1", "@timestamp": "2026-03-02T10:15:00Z", "raw.requestParameters.maxKeys": "1000", "tls.version": "1.3", "secret.principal": "ASIAEXAMPLEBUILDKEY2"} {
			if got := r.get(2, f); got != want {
				t.Errorf("%s is %q, want %q", f, got, want)
			}
		}
	}
}
