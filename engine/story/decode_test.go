package story_test

import (
	"bytes"
	"compress/gzip"
	"io"
	"slices"
	"testing"

	"github.com/seed-843b225c/reflex/engine"
	"github.com/seed-843b225c/reflex/engine/decode"
	"github.com/seed-843b225c/reflex/engine/story"
)

// reader counts what a day decodes to.
type reader struct {
	t      *testing.T
	layout *engine.Layout
	file   string
	events map[string]int // by dataset
	skips  map[string]int
	keep   []*engine.Event
	want   func(*engine.Event) bool
}

func (r *reader) Event(ev *engine.Event) {
	r.events[ev.Dataset.String()]++
	if r.want != nil && r.want(ev) {
		r.keep = append(r.keep, ev.Clone())
	}
}

func (r *reader) Refuse(f engine.Refusal) {
	r.t.Errorf("%s: refused: %s: %s: %.200s", r.file, f.Reason, f.Detail, f.Data)
}

func (r *reader) Skip(_ engine.Origin, reason string) { r.skips[reason]++ }

func (r *reader) get(ev *engine.Event, name string) string {
	return ev.Get(r.layout.SlotOf(name)).Text()
}

// read decodes all files of a day as replay would.
func read(t *testing.T, s *story.Story, want func(*reader, *engine.Event) bool) *reader {
	t.Helper()
	r := &reader{t: t, layout: engine.NewLayout(), events: map[string]int{}, skips: map[string]int{}}
	if want != nil {
		r.want = func(ev *engine.Event) bool { return want(r, ev) }
	}
	for _, f := range engine.Fields() {
		if _, err := r.layout.Demand(f.Name); err != nil {
			t.Fatal(err)
		}
	}
	plan, err := decode.NewPlan(r.layout, decode.Options{})
	if err != nil {
		t.Fatal(err)
	}
	for _, f := range s.Files() {
		data := f.Data
		if bytes.HasPrefix(data, []byte{0x1f, 0x8b}) {
			z, err := gzip.NewReader(bytes.NewReader(data))
			if err != nil {
				t.Fatal(err)
			}
			if data, err = io.ReadAll(z); err != nil {
				t.Fatal(err)
			}
		}
		r.file = f.Name
		d := plan.NewDecoder()
		for len(data) > 0 {
			n := min(len(data), 128<<10)
			chunk := bytes.Clone(data[:n])
			data = data[n:]
			d.Decode(engine.Record{Data: chunk, Chunk: true, Last: len(data) == 0, Origin: engine.Origin{Source: f.Name, Partition: -1}}, r)
		}
	}
	return r
}

func TestEveryRecordDecodes(t *testing.T) {
	for seed := range int64(2) {
		s := story.New(seed)
		r := read(t, s, func(r *reader, ev *engine.Event) bool {
			return slices.Contains([]string{"secret.exposed", "env.dumped", "model.pulled", "cred.issued"}, ev.Derived) || r.get(ev, "destination.domain") == "collect.example.net"
		})
		total := 0
		for _, d := range engine.Datasets() {
			n := r.events[d.String()]
			total += n
			if n == 0 && d.String() != "ecs" {
				t.Errorf("seed %d: no event of %s", seed, d)
			}
		}
		if total < 20_000 {
			t.Errorf("seed %d: %d events only", seed, total)
		}
		t.Log(r.events, r.skips)
		leak, theft := s.Expected()[0], s.Expected()[1]
		seen := map[string]int{}
		for _, ev := range r.keep {
			run := r.get(ev, "ci.run.id")
			switch ev.Derived {
			case "secret.exposed":
				if run != leak.Run || !ev.When().Equal(leak.Steps[0].At) || r.get(ev, "ci.repo.name") != "example-org/ml-app" {
					t.Errorf("seed %d: secret.exposed in run %s at %v, want %s at %v", seed, run, ev.When(), leak.Run, leak.Steps[0].At)
				}
				seen["leak"]++
			case "env.dumped":
				if run == theft.Run {
					seen["dump"]++
				}
			case "model.pulled":
				if r.get(ev, "model.namespace") == "meta-IIama" {
					if run != theft.Run {
						t.Errorf("seed %d: look-alike pulled in run %s, want %s", seed, run, theft.Run)
					}
					seen["pull"]++
				}
			case "cred.issued":
				if r.get(ev, "secret.principal") == theft.Principal {
					seen["issue"]++
				}
			default:
				if run != theft.Run {
					t.Errorf("seed %d: egress in run %s, want %s", seed, run, theft.Run)
				}
				seen["out"]++
			}
		}
		for _, what := range []string{"leak", "dump", "pull", "issue", "out"} {
			if seen[what] == 0 {
				t.Errorf("seed %d: no %s among the decoded events", seed, what)
			}
		}
	}
}
