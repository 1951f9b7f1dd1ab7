package main

import (
	"math/rand/v2"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"
	"time"
)

// TestCrashWhileRulesChange removes, changes and brings back rules under the
// real process, and kills it around that. Whatever happens: every alert that was
// opened comes to its end once, and nothing is said of it afterwards.
func TestCrashWhileRulesChange(t *testing.T) {
	if testing.Short() {
		t.Skip("the process is killed in the long tests only")
	}
	seed := *crashSeed
	if seed == 0 {
		seed = uint64(time.Now().UnixNano())
	}
	t.Logf("go test ./cmd/reflex -run TestCrashWhileRulesChange -kills %d -crash-seed %d", *crashKills, seed)
	random := rand.New(rand.NewPCG(seed, 1))
	r := newCrashRig(t)
	stream := crashStream(random, 500*(*crashKills+1))
	r.start()
	for i, ms := range slices.Collect(slices.Chunk(stream, len(stream)/(*crashKills+1)+1)) {
		r.produce(ms)
		if i == *crashKills {
			break
		}
		r.settled(time.Minute)
		if random.IntN(3) == 0 { // at a start instead of a reload
			r.kill()
			r.changeRules(random)
		} else {
			r.changeRules(random)
			r.pause(time.Duration(random.IntN(600)) * time.Millisecond)
			r.kill()
		}
		r.start()
	}
	r.settled(time.Minute)
	r.stop()
	r.ends()
}

// changeRules takes each rule away, changes it, or brings it back as it was.
func (r *crashRig) changeRules(random *rand.Rand) {
	var kept []string
	for _, text := range strings.Split(crashRules, "---") {
		switch x := random.IntN(3); {
		case x == 0:
			kept = append(kept, text)
		case x == 1, strings.Contains(text, "id: burst"): // the chain needs it
			kept = append(kept, text+"description: another text\n")
		}
	}
	path := filepath.Join(r.folder, "rules.yml")
	must(r.t, os.WriteFile(path+".new", []byte(strings.Join(kept, "---")), 0o644))
	must(r.t, os.Rename(path+".new", path))
}

// ends judges that every alert and incident has one.
func (r *crashRig) ends() {
	numbers, last := map[string]int{}, map[string]string{}
	reasons := 0
	for _, d := range r.delivered() {
		tr, id, action := d.Reflex.Transition, d.Event.ID, d.Event.Action
		if tr.Number != numbers[id]+1 {
			r.t.Errorf("%s %s comes after number %d", action, tr.ID, numbers[id])
		}
		if was := last[id]; was == "alert-final" || was == "alert-merged" {
			r.t.Errorf("%s: %s follows %s", tr.ID, action, was)
		}
		numbers[id], last[id] = tr.Number, action
		if tr.Reason != "" {
			reasons++
		}
	}
	for id, action := range last {
		if !strings.HasSuffix(action, "-final") && !strings.HasSuffix(action, "-merged") {
			r.t.Errorf("%s ends with %s", id, action)
		}
	}
	r.t.Logf("%d alerts and incidents, %d alerts ended because of their rule", len(last), reasons)
	if len(last) < 20 || reasons == 0 {
		r.t.Error("that tests nothing")
	}
}
