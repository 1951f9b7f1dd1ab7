package pipeline

import (
	"fmt"
	"maps"
	"math/rand"
	"slices"
	"strings"
	"testing"

	"github.com/seed-843b225c/reflex/engine"
)

// TestMemoryIsAStore compares the store of a Play with a map that is changed
// at commits, in random orders.
func TestMemoryIsAStore(t *testing.T) {
	r := rand.New(rand.NewSource(1))
	var m memory
	want, next := map[string]string{}, map[string]string{}
	key := func() string { return fmt.Sprintf("%02d", r.Intn(40)) }
	for n := range 4000 {
		switch k := key(); r.Intn(7) {
		case 0, 1, 2:
			m.Set([]byte(k), []byte(fmt.Sprint(n)))
			next[k] = fmt.Sprint(n)
		case 3:
			m.Delete([]byte(k))
			delete(next, k)
		case 4:
			to := key()
			m.DeleteRange([]byte(k), []byte(to))
			maps.DeleteFunc(next, func(x, _ string) bool { return x >= k && x < to })
		case 5:
			m.commit()
			want = maps.Clone(next)
		case 6:
			m.crash()
			next = maps.Clone(want)
		}
		from, to := key(), key()
		var expect, scanned, walked []string
		for _, k := range slices.Sorted(maps.Keys(want)) {
			if k >= from && k < to {
				expect = append(expect, k+want[k])
			}
		}
		_ = m.Scan([]byte(from), []byte(to), func(k, v []byte) error { scanned = append(scanned, string(k)+string(v)); return nil })
		c, _ := m.Cursor([]byte(from), []byte(to))
		for c.Next() {
			walked = append(walked, string(c.Key())+string(c.Value()))
		}
		v, ok, _ := m.Get([]byte(from))
		if w, has := want[from]; !slices.Equal(scanned, expect) || !slices.Equal(walked, expect) || ok != has || string(v) != w {
			t.Fatalf("step %d: %s to %s: scanned %v, walked %v, want %v; got %q %v, want %q %v", n, from, to, scanned, walked, expect, v, ok, w, has)
		}
	}
	all := 0
	if _ = m.Scan(nil, nil, func(_, _ []byte) error { all++; return nil }); all != len(want) {
		t.Errorf("%d rows, want %d", all, len(want))
	}
}

func TestSoundSeesWhatIsSaidWrongly(t *testing.T) {
	said := func(id string, number int, c engine.Change) engine.Transition {
		return engine.Transition{Number: number, Change: c, Alert: &engine.Alert{ID: id}}
	}
	open := []*engine.Alert{{ID: "a"}}
	for name, c := range map[string]struct {
		log  []engine.Transition
		open []*engine.Alert
		want string
	}{
		"nothing":             {},
		"opened and closed":   {log: []engine.Transition{said("a", 1, engine.Opened), said("a", 2, engine.Closed)}},
		"opened, still open":  {log: []engine.Transition{said("a", 1, engine.Opened), said("a", 2, engine.Joined)}, open: open},
		"opened twice":        {[]engine.Transition{said("a", 1, engine.Opened), said("a", 1, engine.Opened)}, open, "transition 1 (opened) follows 1"},
		"opened again":        {[]engine.Transition{said("a", 1, engine.Opened), said("a", 2, engine.Opened)}, open, "transition 2 is opened"},
		"never opened":        {[]engine.Transition{said("a", 1, engine.Closed)}, nil, "transition 1 is final"},
		"a number left out":   {[]engine.Transition{said("a", 1, engine.Opened), said("a", 3, engine.Closed)}, nil, "follows 1"},
		"goes on when closed": {[]engine.Transition{said("a", 1, engine.Opened), said("a", 2, engine.Closed), said("a", 3, engine.Joined)}, nil, "joined follows final"},
		"goes on when merged": {[]engine.Transition{said("a", 1, engine.Opened), said("a", 2, engine.Merged), said("a", 3, engine.Closed)}, nil, "final follows merged"},
		"open, unknown":       {nil, open, "the log does not say so"},
		"open, closed":        {[]engine.Transition{said("a", 1, engine.Opened), said("a", 2, engine.Closed)}, open, "the log does not say so"},
		"forgotten":           {[]engine.Transition{said("a", 1, engine.Opened)}, nil, "never came to an end"},
	} {
		err := sound(c.log, c.open)
		if c.want == "" && err != nil || c.want != "" && (err == nil || !strings.Contains(err.Error(), c.want)) {
			t.Errorf("%s: %v, want %q", name, err, c.want)
		}
	}
}
