package job

import (
	"fmt"
	"testing"

	"github.com/seed-843b225c/reflex/engine"
)

// BenchmarkObserve is what every event pays: most of them announce nothing.
func BenchmarkObserve(b *testing.B) {
	l := layout(b)
	for name, ev := range map[string]*engine.Event{
		"cloudtrail": trail(l, 150, "ci.repo.name=example-org/r"),
		"egress":     egress(l, 150, "r1", "10.0.0.1"),
		"text":       text(l, 150, "secret.exposed", "ci.job.id=9001", "ci.run.id=7001-1", "ci.repo.name=example-org/r"),
	} {
		b.Run(name, func(b *testing.B) {
			j := New(l, Options{})
			j.Observe(ev)
			b.ReportAllocs()
			for b.Loop() {
				j.Observe(ev)
			}
		})
	}
}

// BenchmarkResolve holds and resolves a hit among a thousand jobs, fifty of its
// repository.
func BenchmarkResolve(b *testing.B) {
	l := layout(b)
	j := New(l, Options{})
	for i := range int64(1000) {
		j.Observe(webhook(l, 100+i, "job.started", fmt.Sprint(9000+i), fmt.Sprintf("%d-1", 7000+i),
			fmt.Sprintf("ci.repo.name=example-org/p%d", i%20), fmt.Sprintf("ci.ref=b%d", i), fmt.Sprintf("runner.name=r%d", i)))
	}
	hit := engine.Hit{Event: trail(l, 1500, "ci.oidc.subject=repo:example-org/p7:ref:refs/heads/b507")}
	j.Advance(2000*second, nil)
	b.ReportAllocs()
	for b.Loop() {
		j.Hold(hit, nil)
		j.Advance(2000*second, func(h engine.Hit) {
			if h.Event.Values[l.SlotOf("ci.job.id")].Str() != "9507" {
				b.Fatal(answer(l, h.Event))
			}
		})
	}
}
