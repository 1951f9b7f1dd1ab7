package job

import (
	"cmp"
	"container/heap"
	"slices"
	"time"

	"github.com/seed-843b225c/reflex/engine"
)

// held is one hit that waits.
type held struct {
	event *engine.Event
	probe int32
}

// waiting orders what waits by time, a heap.
type waiting []held

func (w waiting) Len() int           { return len(w) }
func (w waiting) Less(a, b int) bool { return before(w[a].event, w[b].event) < 0 }
func (w waiting) Swap(a, b int)      { w[a], w[b] = w[b], w[a] }
func (w *waiting) Push(x any)        { *w = append(*w, x.(held)) }
func (w *waiting) Pop() any {
	old := *w
	h := old[len(old)-1]
	old[len(old)-1] = held{}
	*w = old[:len(old)-1]
	return h
}

// before orders events by time, dataset and id: an order without arrival.
func before(a, b *engine.Event) int {
	return cmp.Or(cmp.Compare(a.Time, b.Time), cmp.Compare(a.Dataset, b.Dataset), cmp.Compare(a.ID, b.ID))
}

// Hold keeps a hit that needs its run and lacks it, until Advance gives it back. The
// event is copied without its raw bytes; doc is its redacted document, which the
// copy carries as Event.Document. Hits of several conditions on one event may
// share the document.
func (j *Jobs) Hold(h engine.Hit, doc []byte) {
	ev := h.Event.Clone()
	ev.Document = doc
	x := held{ev, h.Probe}
	heap.Push(&j.waiting, x)
	j.touchHeld(x, &x)
	j.stats.Held = len(j.waiting)
}

// Advance tells that the watermark of the datasets that announce jobs has moved:
// every announcement at or before it has been observed. It gives back, ordered by
// time, dataset and id, the hits whose time plus Widen it has passed: with run and
// job where one fits, else unchanged. The hits belong to the receiver. At the end
// of input call it with math.MaxInt64.
func (j *Jobs) Advance(watermark int64, out func(engine.Hit)) {
	if j.started && watermark <= j.watermark && !j.due() {
		return
	}
	if !j.started || watermark > j.watermark {
		j.watermark, j.started = watermark, true
	}
	j.settle()
	j.release(out)
	if step := int64(time.Minute); j.watermark-j.swept >= step || j.swept > j.watermark {
		j.swept = j.watermark
		j.sweep()
	}
}

// due reports whether something that waits may go.
func (j *Jobs) due() bool {
	return len(j.waiting) > j.o.MaxHeld || len(j.waiting) > 0 && j.waiting[0].event.Time <= j.watermark-Widen
}

// release gives back what the watermark has passed, and what is too much.
func (j *Jobs) release(out func(engine.Hit)) {
	var batch []held
	for j.due() {
		h := heap.Pop(&j.waiting).(held)
		j.touchHeld(h, nil)
		if h.event.Time <= j.watermark-Widen {
			j.name(h.event)
		} else {
			j.stats.Dropped++
		}
		batch = append(batch, h)
	}
	j.stats.Held = len(j.waiting)
	slices.SortStableFunc(batch, func(a, b held) int {
		return cmp.Or(before(a.event, b.event), cmp.Compare(a.probe, b.probe))
	})
	for _, h := range batch {
		out(engine.Hit{Probe: h.probe, Event: h.event})
	}
}

// sweep forgets jobs that ended so long ago that no hit can be about them.
func (j *Jobs) sweep() {
	gone := j.watermark - int64(j.o.Keep)
	for _, r := range j.jobs {
		if r.bound() < gone {
			j.forget(r)
		}
	}
}

// makeRoom forgets the tenth of the jobs that ended first when there are too many.
func (j *Jobs) makeRoom() {
	if len(j.jobs) < j.o.MaxJobs {
		return
	}
	all := make([]*record, 0, len(j.jobs))
	for _, r := range j.jobs {
		all = append(all, r)
	}
	slices.SortFunc(all, func(a, b *record) int {
		return cmp.Or(cmp.Compare(a.bound(), b.bound()), cmp.Compare(a.key, b.key))
	})
	for _, r := range all[:len(all)/10+1] {
		j.forget(r)
		j.stats.Dropped++
	}
}

// forget drops a job from everywhere.
func (j *Jobs) forget(r *record) {
	j.touch(r.key)
	delete(j.jobs, r.key)
	for _, list := range [...][]fact{r.facts, r.past} {
		for _, f := range list {
			j.unindex(r, f)
		}
	}
	for _, s := range r.addrs {
		remove(j.byAddr, s.addr, r)
	}
}
