package decode

import (
	"bytes"
	"testing"

	"github.com/seed-843b225c/reflex/engine"
	"github.com/seed-843b225c/reflex/engine/secret"
	"github.com/seed-843b225c/reflex/engine/story"
)

// BenchmarkNewPlan is what loading rules costs here.
func BenchmarkNewPlan(b *testing.B) {
	l, o := fourteen(), Options{Secrets: secret.New(secret.Options{})}
	for b.Loop() {
		if _, err := NewPlan(l, o); err != nil {
			b.Fatal(err)
		}
	}
}

// BenchmarkNewDocuments is what a goroutine that makes evidence costs.
func BenchmarkNewDocuments(b *testing.B) {
	p, _ := NewPlan(fourteen(), Options{})
	for b.Loop() {
		p.NewDocuments()
	}
}

// BenchmarkDocument is one piece of evidence: of a small record, of a short read
// and of a call with a long answer.
func BenchmarkDocument(b *testing.B) {
	var day bytes.Buffer
	if err := story.CloudTrailLines(1, 300, &day); err != nil {
		b.Fatal(err)
	}
	records := bytes.Split(day.Bytes(), []byte("\n"))
	pick := func(name string, larger bool) []byte {
		var found []byte
		for _, r := range records {
			if bytes.Contains(r, []byte(name)) && (found == nil || larger == (len(r) > len(found))) {
				found = r
			}
		}
		return found
	}
	p, _ := NewPlan(fourteen(), Options{})
	for _, of := range []struct {
		name string
		raw  []byte
	}{{"small", []byte(trail)}, {"read", pick(`"DescribeInstances"`, false)}, {"launch", pick(`"RunInstances"`, true)}} {
		b.Run(of.name, func(b *testing.B) {
			docs := p.NewDocuments()
			p.NewDecoder().Decode(engine.Record{Data: of.raw}, handlerFunc(func(ev *engine.Event) {
				b.SetBytes(int64(len(of.raw)))
				b.ReportAllocs()
				for b.Loop() {
					docs.Document(ev)
				}
			}))
		})
	}
}

// BenchmarkDecodeFlow reads flow logs as text.
func BenchmarkDecodeFlow(b *testing.B) {
	d := newDecoder(b, fourteen())
	var data []byte
	for range 1000 {
		data = append(data, "2 111122223333 eni-0a1b2c3d4e5f60718 10.20.1.15 203.0.113.77 41822 443 6 14 9120 1772446500 1772446558 ACCEPT OK\n"...)
	}
	r := &recorder{quiet: true}
	b.SetBytes(int64(len(data)))
	b.ReportAllocs()
	for b.Loop() {
		chunks(d, r, "", data, 128<<10)
	}
}

// BenchmarkDecodeWrapped reads records inside CloudWatch subscription messages.
func BenchmarkDecodeWrapped(b *testing.B) {
	d := newDecoder(b, fourteen())
	data := []byte(`{"messageType":"DATA_MESSAGE","owner":"1","logGroup":"g","logStream":"s","logEvents":[{"id":"1","timestamp":1772446500123,"message":` + inString(trail) + `}]}`)
	r := &recorder{quiet: true}
	b.SetBytes(int64(len(data)))
	b.ReportAllocs()
	for b.Loop() {
		d.Decode(engine.Record{Data: data}, r)
	}
}
