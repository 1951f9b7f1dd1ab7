package contract

import (
	"context"
	"fmt"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/seed-843b225c/reflex/engine"
)

// fill writes n values from number first on to every partition and gives them.
func (r SourceRig) fill(t testing.TB, first, n int) [][]string {
	all := make([][]string, r.Partitions)
	for p := range all {
		for i := first; i < first+n; i++ {
			all[p] = append(all[p], fmt.Sprintf(`{"partition":%d,"number":%d}`, p, i))
		}
		r.Write(t, int32(p), all[p]...)
	}
	return all
}

// expect compares what came with what was written, by partition.
func (p *reading) expect(t testing.TB, want [][]string) {
	t.Helper()
	for i := range want {
		if !slices.Equal(want[i], p.got[i]) {
			t.Errorf("partition %d gave %d records %s, want %d records %s", i, len(p.got[i]), brief(p.got[i]), len(want[i]), brief(want[i]))
		}
	}
}

func brief(values []string) string {
	if len(values) > 4 {
		return fmt.Sprintf("%s ... %s", values[0], values[len(values)-1])
	}
	return strings.Join(values, " ")
}

func join(a, b [][]string) [][]string {
	out := make([][]string, len(a))
	for i := range a {
		out[i] = slices.Concat(a[i], b[i])
	}
	return out
}

func sourceOrder(t testing.TB, r SourceRig) {
	want := r.fill(t, 0, 250)
	p := r.read(t, nil)
	p.until(t, 250*int(r.Partitions))
	p.expect(t, want)
}

func sourceLive(t testing.TB, r SourceRig) {
	first := r.fill(t, 0, 3)
	p := r.read(t, nil)
	p.until(t, 3*int(r.Partitions))
	second := r.fill(t, 3, 3)
	p.until(t, 6*int(r.Partitions))
	p.expect(t, join(first, second))
}

func sourceCommit(t testing.TB, r SourceRig) {
	if !r.Durable {
		notAsked(t, "commits do not outlive this source")
		return
	}
	first := r.fill(t, 0, 20)
	p := r.read(t, nil)
	p.until(t, 20*int(r.Partitions))
	p.expect(t, first)
	p.commit(t)
	p.end(t)

	second := r.fill(t, 20, 5)
	q := r.read(t, nil)
	q.until(t, 5*int(r.Partitions))
	q.expect(t, second)
}

func sourceUncommitted(t testing.TB, r SourceRig) {
	if !r.Durable {
		notAsked(t, "commits do not outlive this source")
		return
	}
	want := r.fill(t, 0, 20)
	p := r.read(t, nil)
	p.until(t, 20*int(r.Partitions))
	for i := range p.next {
		p.next[i] -= 7
	}
	p.commit(t)
	p.end(t)

	q := r.read(t, nil)
	q.until(t, 7*int(r.Partitions))
	for i := range want {
		want[i] = want[i][13:]
	}
	q.expect(t, want)
}

func sourceStale(t testing.TB, r SourceRig) {
	if !r.Durable {
		notAsked(t, "commits do not outlive this source")
		return
	}
	r.fill(t, 0, 10)
	p := r.read(t, nil)
	p.until(t, 10*int(r.Partitions))
	old := slices.Clone(p.next)
	for i := range old {
		old[i] -= 5
	}
	p.commit(t)
	p.commitAt(t, old)
	ctx, cancel := context.WithTimeout(context.Background(), r.Wait)
	defer cancel()
	others := []engine.Position{{Source: r.Name, Partition: r.Partitions + 7, Offset: 3}, {Source: "someone-elses", Partition: 0, Offset: 3}}
	if err := p.src.Commit(ctx, others); err != nil {
		t.Errorf("Commit of partitions that are not this source's: %v: want them ignored", err)
	}
	p.end(t)

	fresh := r.fill(t, 10, 2)
	q := r.read(t, nil)
	q.until(t, 2*int(r.Partitions))
	q.expect(t, fresh)
}

func sourceResume(t testing.TB, r SourceRig) {
	if !r.Resumes {
		notAsked(t, "this source resumes nowhere")
		return
	}
	want := r.fill(t, 0, 10)
	p := r.read(t, nil)
	p.until(t, 10*int(r.Partitions))
	p.commit(t)
	stored := slices.Clone(p.next)
	for i := range stored {
		stored[i] -= 4
		want[i] = want[i][6:]
	}
	p.end(t)

	q := r.read(t, r.positions(stored))
	q.until(t, 4*int(r.Partitions))
	q.expect(t, want)
}

func sourceCancel(t testing.TB, r SourceRig) {
	first := r.fill(t, 0, 2)
	p := r.read(t, nil)
	p.until(t, 2*int(r.Partitions))

	ctx, cancel := context.WithCancel(context.Background())
	ended := make(chan error, 1)
	go func() {
		_, err := p.src.Poll(ctx)
		ended <- err
	}()
	cancel()
	select {
	case err := <-ended:
		if !isContext(err) {
			t.Errorf("Poll whose context ended gave %v, want the context's error", err)
		}
	case <-time.After(r.Wait / 3):
		t.Fatalf("Poll has not returned %s after its context ended", r.Wait/3)
	}

	second := r.fill(t, 2, 2)
	p.until(t, 4*int(r.Partitions))
	p.expect(t, join(first, second))
}

// Nothing is released, so the source must stop; then everything is, and the
// rest must come.
func sourceBuffer(t testing.TB, r SourceRig) {
	if r.Buffer == 0 {
		notAsked(t, "this source promises no bound")
		return
	}
	const size = 4 << 10
	n := 2*r.Buffer/size + 1
	value := strings.Repeat("0123456789abcdef", size/16)
	for part := range r.Partitions {
		for range n {
			r.Write(t, part, value)
		}
	}
	p := r.read(t, nil)
	ctx, cancel := context.WithTimeout(context.Background(), r.Wait)
	defer cancel()
	var held []engine.Batch
	stall, out, stalled := r.Wait/20, 0, false
	for !stalled {
		brief, stop := context.WithTimeout(ctx, stall)
		b, ok := p.poll(brief, t)
		stop()
		switch {
		case ctx.Err() != nil:
			t.Fatalf("%d records have come within %s", p.total, r.Wait)
		case !ok && p.total > 0:
			stalled = true
			continue
		case !ok:
			continue // it has not begun yet
		}
		held = append(held, b)
		for _, rec := range b.Records {
			out += len(rec.Data)
		}
		if out > r.Buffer {
			t.Fatalf("%d bytes are out and the buffer is %d", out, r.Buffer)
		}
	}
	for _, b := range held {
		if b.Release != nil {
			b.Release()
		}
	}
	p.until(t, n*int(r.Partitions))
}

func sourceClose(t testing.TB, r SourceRig) {
	r.fill(t, 0, 10)
	p := r.read(t, nil)
	ctx, cancel := context.WithTimeout(context.Background(), r.Wait)
	defer cancel()
	for p.total == 0 {
		if _, ok := p.poll(ctx, t); !ok {
			t.Fatalf("no record has come within %s", r.Wait)
		}
	}
	p.end(t) // not one batch was released, and nothing committed
}

func sourceLags(t testing.TB, r SourceRig) {
	r.fill(t, 0, 5)
	p := r.read(t, nil)
	l, ok := p.src.(engine.Lagging)
	if !ok {
		notAsked(t, "this source knows no lag")
		return
	}
	p.until(t, 5*int(r.Partitions))
	p.commit(t)
	lags := l.Lags()
	if len(lags) != int(r.Partitions) {
		t.Fatalf("Lags gave %d partitions, want %d: %v", len(lags), r.Partitions, lags)
	}
	for _, lag := range lags {
		if want := p.next[p.place(t, lag.Source, lag.Partition)]; lag.Next != want || lag.End != want {
			t.Errorf("lag is %+v, want next and end %d", lag, want)
		}
	}
}

func sourceCheck(t testing.TB, r SourceRig) {
	p := r.read(t, nil)
	c, ok := p.src.(engine.Checker)
	if !ok {
		notAsked(t, "this source checks nothing")
		return
	}
	check(t, r.Wait, c)
	want := r.fill(t, 0, 3)
	p.until(t, 3*int(r.Partitions))
	p.expect(t, want)
}

// notAsked says why a case does not apply: its system never promised that. It is
// no skipped test: nothing that is missing here would make it run.
func notAsked(t testing.TB, why string) {
	t.Helper()
	t.Log("not asked: " + why)
}
