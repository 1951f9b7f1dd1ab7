package job

import (
	"bytes"
	"compress/gzip"
	"io"
	"math"
	"strings"
	"testing"
	"time"

	"github.com/seed-843b225c/reflex/engine"
	"github.com/seed-843b225c/reflex/engine/decode"
	"github.com/seed-843b225c/reflex/engine/secret"
	"github.com/seed-843b225c/reflex/engine/story"
)

// taker shows a Jobs every event of a day and holds the issued keys.
type taker struct {
	jobs *Jobs
}

func (k *taker) Event(ev *engine.Event) {
	k.jobs.Observe(ev)
	if ev.Derived == "cred.issued" && k.jobs.get(ev, runID).IsNil() {
		k.jobs.Hold(engine.Hit{Event: ev}, nil)
	}
}
func (k *taker) Refuse(engine.Refusal)      {}
func (k *taker) Skip(engine.Origin, string) {}

// The keys that builds of the story's day are issued get the run that asked for
// them, the attacked one's above all.
func TestStoryKeysGetTheirRun(t *testing.T) {
	for seed := range int64(2) {
		l := layout(t)
		key, err := l.Demand("secret.principal")
		if err != nil {
			t.Fatal(err)
		}
		plan, err := decode.NewPlan(l, decode.Options{Secrets: secret.New(secret.Options{})})
		if err != nil {
			t.Fatal(err)
		}
		day := story.New(seed)
		k := &taker{jobs: New(l, Options{Keep: 48 * time.Hour})}
		for _, f := range day.Files() {
			data := f.Data
			if strings.HasSuffix(f.Name, ".gz") {
				r, err := gzip.NewReader(bytes.NewReader(data))
				if err != nil {
					t.Fatal(err)
				}
				if data, err = io.ReadAll(r); err != nil {
					t.Fatal(err)
				}
			}
			plan.NewDecoder().Decode(engine.Record{Data: data, Origin: engine.Origin{Source: f.Name, Partition: -1}, Format: f.Format, Chunk: true, Last: true}, k)
		}
		runs, builds, nameless := map[string]string{}, 0, 0
		k.jobs.Advance(math.MaxInt64, func(h engine.Hit) {
			if strings.HasPrefix(h.Event.Values[k.jobs.slot[subject]].Str(), "repo:") {
				builds++
				if h.Event.Values[k.jobs.slot[runID]].IsNil() {
					nameless++
				}
			}
			if run := h.Event.Values[k.jobs.slot[runID]].Str(); run != "" {
				runs[h.Event.Values[key].Str()] = run
			}
		})
		s := k.jobs.Stats()
		t.Logf("seed %d: %d keys of builds: %v given their job, %v their run, %v ambiguous, %d nothing", seed, builds,
			s.Job[engine.CloudTrail], s.Run[engine.CloudTrail], s.Ambiguous[engine.CloudTrail], nameless)
		if builds == 0 || nameless*10 > builds {
			t.Errorf("seed %d: of %d keys of builds %d have no run", seed, builds, nameless)
		}
		for _, want := range day.Expected() {
			if want.Name == "foothold" && runs[want.Principal] != want.Run {
				t.Errorf("seed %d: key %s: run %q, want %s", seed, want.Principal, runs[want.Principal], want.Run)
			}
		}
	}
}
