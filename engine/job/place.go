package job

import (
	"math"
	"net/netip"
	"strings"
	"time"

	"github.com/seed-843b225c/reflex/engine"
)

// grid is how finely sightings of a runner's address are kept. A sighting counts
// from the end of its cell, so rounding never makes it known too early.
const grid = int64(10 * time.Second)

// maxCells bounds the sightings that wait for the watermark.
const maxCells = 1 << 20

// places are sightings of runners at addresses whose jobs may not all be
// announced yet: by cell of time.
type places struct {
	cells  map[int64]map[place]struct{}
	n      int
	oldest int64 // no cell is older
}

type place struct {
	runner string
	addr   netip.Addr
}

// observePlace learns from an agent on a runner which address the runner has.
func (j *Jobs) observePlace(ev *engine.Event) {
	name := j.get(ev, runnerName).Str()
	if name == "" {
		name = j.get(ev, host).Str()
	}
	addr := j.get(ev, runnerIP).Addr()
	if !addr.IsValid() {
		addr = j.get(ev, sourceIP).Addr()
	}
	if name == "" || !addr.IsValid() {
		return
	}
	p := &j.places
	cell := cellOf(ev.Time)
	here := place{name, addr}
	if _, known := p.cells[cell][here]; known {
		return
	}
	if p.n >= maxCells {
		j.stats.Dropped++
		return
	}
	here.runner = strings.Clone(name)
	p.add(cell, here)
	j.touchSeen(cell, here, true)
}

// add keeps a sighting.
func (p *places) add(cell int64, here place) {
	if p.oldest = min(p.oldest, cell); p.n == 0 {
		p.oldest = cell
	}
	if p.cells == nil {
		p.cells = map[int64]map[place]struct{}{}
	}
	if p.cells[cell] == nil {
		p.cells[cell] = map[place]struct{}{}
	}
	p.cells[cell][here] = struct{}{}
	p.n++
}

// cellOf gives the end of the cell a time lies in.
func cellOf(t int64) int64 {
	c := t / grid * grid
	if c < t {
		c += grid
	}
	return c
}

// settle gives the sightings whose jobs are all announced to the jobs that ran
// there then.
func (j *Jobs) settle() {
	p := &j.places
	if p.n == 0 || p.oldest > j.watermark-Widen {
		return
	}
	p.oldest = math.MaxInt64
	for cell, here := range p.cells {
		if cell > j.watermark-Widen {
			p.oldest = min(p.oldest, cell)
			continue
		}
		for at := range here {
			j.touchSeen(cell, at, false)
			for _, r := range j.byName[at.runner] {
				if j.active(r, cell) && r.named(at.runner, cell+Widen) {
					j.locate(r, at.addr, cell)
				}
			}
		}
		p.n -= len(here)
		delete(p.cells, cell)
	}
}

// named reports whether a job's runner went by a name, as known up to a moment.
func (r *record) named(name string, t int64) bool {
	for _, f := range [...]int{runnerName, runnerID, pod} {
		if r.asOf(f, t).Str() == name {
			return true
		}
	}
	return false
}
