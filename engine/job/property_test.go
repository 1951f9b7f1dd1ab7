package job

import (
	"flag"
	"fmt"
	"math"
	"math/rand/v2"
	"slices"
	"strings"
	"testing"

	"github.com/seed-843b225c/reflex/engine"
)

var cases = flag.Int("cases", 1500, "random worlds of the property tests")

// world is a random set of jobs as they truly ran, and calls they truly made.
type world struct {
	rng  *rand.Rand
	jobs []trueJob
}

type trueJob struct {
	id, run, repo, ref, name, runner, ip string
	start, end                           int64
}

func newWorld(seed uint64) *world {
	w := &world{rng: rand.New(rand.NewPCG(seed, 99))}
	free := map[string]int64{} // a runner takes one job at a time
	for i := range 3 + w.rng.IntN(12) {
		runner := fmt.Sprintf("r%d", w.rng.IntN(4))
		start := max(free[runner]+6+int64(w.rng.IntN(60)), int64(100+w.rng.IntN(600)))
		end := start + 10 + int64(w.rng.IntN(300))
		free[runner] = end
		run := 7000 + w.rng.IntN(5)
		repo := fmt.Sprintf("example-org/p%d", run%3)
		w.jobs = append(w.jobs, trueJob{
			id: fmt.Sprint(9000 + i), run: fmt.Sprintf("%d-1", run), repo: repo, ref: []string{"main", "dev"}[run%2],
			name: fmt.Sprintf("job %d", i), runner: runner, ip: "10.0.0." + runner[1:], start: start, end: end,
		})
	}
	return w
}

// announcements gives everything that is told about the jobs, by time; now and
// then an end is lost, and some is told twice.
func (w *world) announcements(l *engine.Layout) []*engine.Event {
	rng := rand.New(rand.NewPCG(uint64(len(w.jobs)), 5))
	var out []*engine.Event
	for _, j := range w.jobs {
		more := []string{"ci.repo.name=" + j.repo, "ci.ref=" + j.ref, "ci.job.name=" + j.name, "runner.name=" + j.runner}
		out = append(out, webhook(l, j.start, "job.started", j.id, j.run, more...))
		if rng.IntN(4) > 0 {
			out = append(out, webhook(l, j.end, "job.finished", j.id, j.run))
		}
		if rng.IntN(2) > 0 {
			out = append(out, text(l, j.start+1, "job.started", "ci.job.id="+j.id, "ci.run.id="+j.run))
			mid := (j.start + j.end) / 2
			out = append(out, text(l, mid, "role.assumed", "ci.job.id="+j.id, "ci.step.number=2"), text(l, mid+4, "step.finished", "ci.job.id="+j.id, "ci.step.number=2"))
			out = append(out, text(l, j.end-1, "job.finished", "ci.job.id="+j.id))
		}
		for at := j.start + 2; at < j.end; at += 25 {
			out = append(out, egress(l, at, j.runner, j.ip))
		}
	}
	slices.SortStableFunc(out, func(a, b *engine.Event) int { return before(a, b) })
	return out
}

// hits gives calls of the jobs, each with some of what might tell its job. The
// truth stands in the id, which ends in "run job".
func (w *world) hits(l *engine.Layout) []engine.Hit {
	rng := rand.New(rand.NewPCG(uint64(len(w.jobs)), 6))
	var out []engine.Hit
	for range 30 {
		j := w.jobs[rng.IntN(len(w.jobs))]
		at := j.start + 3 + rng.Int64N(max(j.end-j.start-6, 1))
		var f []string
		maybe := func(s string) {
			if rng.IntN(3) == 0 {
				f = append(f, s)
			}
		}
		maybe("ci.repo.name=" + j.repo)
		maybe("runner.name=" + j.runner)
		maybe("source.ip=" + j.ip)
		if rng.IntN(3) == 0 { // a job asks for its keys while the step is open that says so
			at = (j.start+j.end)/2 + rng.Int64N(5)
			f = append(f, "event.action=cred.issued")
		}
		maybe("aws.cloudtrail.session_name=gha-" + strings.TrimSuffix(j.run, "-1"))
		maybe("ci.oidc.subject=repo:" + j.repo + ":ref:refs/heads/" + j.ref)
		ev := event(l, engine.CloudTrail, at, f...)
		ev.ID = fmt.Sprintf("%d|%d|%s %s", at, rng.Int(), j.run, j.id)
		out = append(out, engine.Hit{Probe: int32(rng.IntN(3)), Event: ev})
	}
	return out
}

// outcome runs a world in one arrival and gives each hit's answer by its id.
func outcome(t *testing.T, l *engine.Layout, w *world, arrival *rand.Rand) map[string]string {
	t.Helper()
	type item struct {
		ev  *engine.Event
		hit *engine.Hit
	}
	var items []item
	for _, ev := range w.announcements(l) {
		items = append(items, item{ev: ev})
	}
	for _, h := range w.hits(l) {
		items = append(items, item{hit: &h})
	}
	if arrival != nil {
		arrival.Shuffle(len(items), func(a, b int) { items[a], items[b] = items[b], items[a] })
		for range 5 { // copies
			if x := items[arrival.IntN(len(items))]; x.ev != nil {
				items = append(items, x)
			}
		}
	}
	// least[i] is the earliest announcement still to come: the watermark may be just before it.
	least := make([]int64, len(items)+1)
	least[len(items)] = 3600 * second // past every event, and no job is forgotten yet
	for i := len(items) - 1; i >= 0; i-- {
		least[i] = least[i+1]
		if items[i].ev != nil {
			least[i] = min(least[i], items[i].ev.Time)
		}
	}
	j := New(l, Options{})
	out := map[string]string{}
	take := func(h engine.Hit) {
		if _, twice := out[h.Event.ID]; twice {
			t.Fatalf("%s came back twice", h.Event.ID)
		}
		out[h.Event.ID] = answer(l, h.Event) + " " + fmt.Sprint(h.Event.Values)
	}
	for i, x := range items {
		if x.ev != nil {
			j.Observe(x.ev)
		} else {
			j.Hold(*x.hit, nil)
		}
		if arrival == nil || arrival.IntN(3) == 0 {
			j.Advance(least[i+1]-1, take)
		}
	}
	j.Advance(math.MaxInt64, take)
	if s := j.Stats(); s.Late != 0 || s.Held != 0 || s.Dropped != 0 {
		t.Fatalf("%+v", s)
	}
	return out
}

// The law: any arrival in which nothing is late gives the same answers.
func TestArrivalDoesNotMatter(t *testing.T) {
	l := layout(t)
	for seed := range uint64(*cases) {
		want := outcome(t, l, newWorld(seed), nil)
		got := outcome(t, l, newWorld(seed), rand.New(rand.NewPCG(seed, 1)))
		if len(want) != 30 || len(got) != 30 {
			t.Fatalf("seed %d: %d and %d hits came back", seed, len(want), len(got))
		}
		for id, a := range want {
			if got[id] != a {
				t.Fatalf("seed %d: %s: in order %q, shuffled %q", seed, id, a, got[id])
			}
		}
	}
}

// The law again, by its letter: what a hit is given is what it would be given if
// nothing had happened after it.
func TestLaterAnnouncementsDoNotMatter(t *testing.T) {
	l := layout(t)
	for seed := range uint64(*cases) / 30 {
		w := newWorld(seed)
		want := outcome(t, l, w, nil)
		known := w.announcements(l)
		for _, h := range w.hits(l) {
			j := New(l, Options{})
			for _, ev := range known {
				if ev.Time <= h.Event.Time+Widen {
					j.Observe(ev)
				}
			}
			j.Hold(h, nil)
			j.Advance(h.Event.Time+Widen, func(h engine.Hit) {
				if got := answer(l, h.Event); !strings.HasPrefix(want[h.Event.ID], got+" ") {
					t.Fatalf("seed %d: %s: alone %q, with all that followed %q", seed, h.Event.ID, got, want[h.Event.ID])
				}
			})
		}
	}
}

// Never a guess: where all is announced, what is given is the truth; and it is
// given often enough to be of use.
func TestAnswersAreTrue(t *testing.T) {
	l := layout(t)
	runs, jobs, none := 0, 0, 0
	for seed := range uint64(*cases) {
		for id, a := range outcome(t, l, newWorld(seed), nil) {
			_, truth, _ := strings.Cut(id[strings.Index(id, "|")+1:], "|")
			run, job, _ := strings.Cut(truth, " ")
			gotRun, rest, _ := strings.Cut(a, " ")
			gotJob, _, _ := strings.Cut(rest, " ")
			if gotRun != "-" && gotRun != run || gotJob != "-" && gotJob != job {
				t.Fatalf("seed %d: %s: given %s %s", seed, id, gotRun, gotJob)
			}
			switch {
			case gotRun == "-":
				none++
			case gotJob == "-":
				runs++
			default:
				jobs++
			}
		}
	}
	if total := runs + jobs + none; jobs*2 < total {
		t.Errorf("of %d hits only %d got their job, %d their run", total, jobs, runs)
	} else {
		t.Logf("of %d hits %d got their job, %d their run alone, %d neither", total, jobs, runs, none)
	}
}
