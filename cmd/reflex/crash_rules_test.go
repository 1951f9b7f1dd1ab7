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

// ends judges that every alert has one.
func (r *crashRig) ends() {
	numbers, over := map[string]int{}, map[string]string{}
	opened, reasons := 0, 0
	for _, d := range r.delivered() {
		tr, id := d.Reflex.Transition, d.Event.ID
		if tr.Number != numbers[id]+1 {
			r.t.Errorf("%s %s comes after number %d", d.Event.Action, tr.ID, numbers[id])
		}
		numbers[id] = tr.Number
		if !strings.HasPrefix(d.Event.Action, "alert-") {
			continue
		}
		if was := over[id]; was != "" {
			r.t.Errorf("%s: %s follows %s", tr.ID, d.Event.Action, was)
		}
		switch d.Event.Action {
		case "alert-opened":
			opened++
		case "alert-final", "alert-merged":
			over[id] = d.Event.Action
		}
		if tr.Reason != "" {
			reasons++
		}
	}
	if opened != len(over) {
		r.t.Errorf("%d alerts were opened and %d came to an end", opened, len(over))
	}
	r.t.Logf("%d alerts, %d of them ended because of their rule", opened, reasons)
	if opened < 20 || reasons == 0 {
		r.t.Error("that tests nothing")
	}
}
