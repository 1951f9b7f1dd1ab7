package decode

import (
	"fmt"
	"maps"
	"slices"
	"strings"
	"sync"
	"testing"

	"github.com/seed-843b225c/reflex/engine"
	"github.com/seed-843b225c/reflex/engine/secret"
)

// store is a Saver and Loader in memory.
type store map[string]string

func (s store) Set(key, value []byte) { s[string(key)] = string(value) }
func (s store) Delete(key []byte)     { delete(s, string(key)) }
func (s store) DeleteRange(from, to []byte) {
	maps.DeleteFunc(s, func(k, _ string) bool { return k >= string(from) && k < string(to) })
}

func (s store) Get(key []byte) ([]byte, bool, error) {
	v, ok := s[string(key)]
	return []byte(v), ok, nil
}

func (s store) Scan(from, to []byte, f func(key, value []byte) error) error {
	for _, k := range slices.Sorted(maps.Keys(s)) {
		if k < string(from) || k >= string(to) {
			continue
		}
		key, value := []byte(k), []byte(s[k])
		if err := f(key, value); err != nil {
			return err
		}
		clear(key) // valid until the next step only
		clear(value)
	}
	return nil
}

func (s store) Cursor(from, to []byte) (engine.Cursor, error) { panic("not used here") }

// transcript is everything that a decoder says, whole.
type transcript struct{ lines []string }

func (t *transcript) Event(ev *engine.Event) {
	s := fmt.Sprintf("event %s %d %s %s %x %v %q %q %v\n", ev.Dataset, ev.Time, ev.ID, ev.Origin, ev.Hash, ev.Place, ev.Raw, ev.Outer, ev.Values)
	for _, f := range ev.All {
		s += "  " + f.Field.Name() + ": " + f.Value.Text() + "\n"
	}
	t.lines = append(t.lines, s)
}

func (t *transcript) Refuse(r engine.Refusal) {
	t.lines = append(t.lines, fmt.Sprintf("refused %s %q\n", r.Error(), r.Data))
}

func (t *transcript) Skip(o engine.Origin, reason string) {
	t.lines = append(t.lines, "skip "+o.String()+" "+reason+"\n")
}

// differ shows where two transcripts part.
func differ(t *testing.T, what string, got, want []string) {
	t.Helper()
	for i := range max(len(got), len(want)) {
		g, w := "(nothing)\n", "(nothing)\n"
		if i < len(got) {
			g = got[i]
		}
		if i < len(want) {
			w = want[i]
		}
		if g != w {
			t.Fatalf("%s: entry %d of %d is\n%swant\n%s", what, i, len(want), g, w)
		}
	}
}

const installationKey = "an installation key for tests"

var installation = secret.New(secret.Options{Key: []byte(installationKey)})

func keptPlan(t testing.TB, l *engine.Layout) *Plan {
	t.Helper()
	p, err := NewPlan(l, Options{Secrets: installation})
	if err != nil {
		t.Fatal(err)
	}
	return p
}

// halfOfFields is another layout than allFields.
func halfOfFields() *engine.Layout {
	l := engine.NewLayout()
	for i := len(engine.Fields()) - 1; i >= 0; i -= 2 {
		l.DemandField(engine.Field(i))
	}
	return l
}

var prefix = []byte("decoder/logs/3/")

func restored(t testing.TB, p *Plan, s store) *Decoder {
	t.Helper()
	d := p.NewDecoder()
	if err := d.Restore(s, prefix); err != nil {
		t.Fatal(err)
	}
	return d
}

// decodeAll gives records to a decoder, each in memory that is overwritten
// afterwards like a source's.
func decodeAll(d *Decoder, recs []engine.Record, h engine.Handler) {
	for _, r := range recs {
		r.Data = []byte(string(r.Data))
		d.Decode(r, h)
		for i := range r.Data {
			r.Data[i] = '~'
		}
	}
}

// restartPlans are plans of different processes that loaded the same rules.
var restartPlans = sync.OnceValue(func() (p [3]*Plan) {
	for i := range p {
		var err error
		if p[i], err = NewPlan(allFields(), Options{Secrets: secret.New(secret.Options{Key: []byte(installationKey)})}); err != nil {
			panic(err)
		}
	}
	return p
})

// checkRestarts reads records with a restart wherever stop says so, saving every
// few records in between, and compares what comes with one uninterrupted run.
func checkRestarts(t *testing.T, what string, recs []engine.Record, every int, stop func(i int) bool) {
	t.Helper()
	p := restartPlans()
	want, got := &transcript{}, &transcript{}
	decodeAll(p[0].NewDecoder(), recs, want)
	s := store{"decoder/logs/2/jx": "another partition's", "decoder/logs/4/d": "and another's"}
	d := p[0].NewDecoder()
	for i := range recs {
		decodeAll(d, recs[i:i+1], got)
		switch {
		case stop(i):
			d.Save(s, prefix)
			d = restored(t, p[1+i%2], s)
		case i%every == 0:
			d.Save(s, prefix)
		}
	}
	differ(t, what, got.lines, want.lines)
}

// kafka numbers messages as a partition's records.
func kafka(key string, lines ...string) (recs []engine.Record) {
	for i, l := range lines {
		recs = append(recs, engine.Record{Data: []byte(l), Key: key, Time: 1772446500e9 + int64(i)*1e9, Origin: engine.Origin{Source: "logs", Partition: 3, Offset: int64(i)}})
	}
	return recs
}

// interleave deals out the records of several jobs in turn and numbers them.
func interleave(jobs ...[]engine.Record) (recs []engine.Record) {
	for i := 0; ; i++ {
		before := len(recs)
		for _, j := range jobs {
			if i < len(j) {
				recs = append(recs, j[i])
			}
		}
		if len(recs) == before {
			break
		}
	}
	for i := range recs {
		recs[i].Origin.Offset = int64(i)
	}
	return recs
}

func TestRestartChangesNothingInSamples(t *testing.T) {
	var jobs [][]engine.Record
	for _, sample := range textSamples {
		text, _ := sampleText(t, sample.file)
		jobs = append(jobs, kafka(sample.source, strings.Split(text, "\n")...))
	}
	recs := interleave(jobs...)
	checkRestarts(t, "a restart after each record", recs, 1, func(int) bool { return true })
	for cut := range recs {
		if cut%17 == 0 || !testing.Short() && cut%3 == 0 {
			checkRestarts(t, fmt.Sprintf("a restart after record %d", cut), recs, 5, func(i int) bool { return i == cut })
		}
	}
}

func TestRestartWithOtherRules(t *testing.T) {
	text, _ := sampleText(t, "actions.log")
	recs := interleave(kafka("9001", strings.Split(text, "\n")...), kafka("9002", strings.Split(text, "\n")...))
	before, after := keptPlan(t, allFields()), keptPlan(t, halfOfFields())
	for cut := 0; cut < len(recs); cut += 7 {
		old, want, got := before.NewDecoder(), &transcript{}, &transcript{}
		decodeAll(old, recs[:cut], &transcript{})
		s := store{}
		old.Save(s, prefix)
		decodeAll(restored(t, after, s), recs[cut:], got)

		whole := after.NewDecoder()
		decodeAll(whole, recs[:cut], &transcript{})
		decodeAll(whole, recs[cut:], want)
		differ(t, fmt.Sprintf("other rules after record %d", cut), got.lines, want.lines)
	}
}

// Some memory belongs to no job.
func TestRestartKeepsWhatBelongsToNoJob(t *testing.T) {
	key := strings.Split(strings.TrimSpace(secret.Fake("private_key", 3)), "\n")
	refused := append([]string{"nobody takes this: " + key[0]}, key[1:]...)
	flows := []string{
		"interface-id srcaddr dstaddr srcport dstport protocol packets bytes start end action log-status account-id version",
		"eni-1 192.0.2.1 203.0.113.7 4444 443 6 4 900 1772446500 1772446560 ACCEPT OK 111122223333 2",
	}
	checkRestarts(t, "the lines of a refused private key", kafka("", refused...), 1, func(int) bool { return true })
	recs := kafka("", flows...)
	for i := range recs {
		recs[i].Format = "vpcflow"
	}
	checkRestarts(t, "the header of flow logs", recs, 1, func(int) bool { return true })
	want := &transcript{}
	decodeAll(keptPlan(t, allFields()).NewDecoder(), append(kafka("", refused...), recs...), want)
	if s := strings.Join(want.lines, ""); !strings.Contains(s, "203.0.113.7") || strings.Contains(s, key[2]) {
		t.Errorf("the test shows nothing:\n%s", s)
	}
}

func TestSaveGivesOnlyWhatChanged(t *testing.T) {
	d := keptPlan(t, allFields()).NewDecoder()
	line := func(key, text string, offset int64) {
		decodeAll(d, []engine.Record{{Key: key, Data: []byte(text), Origin: engine.Origin{Source: "logs", Partition: 3, Offset: offset}}}, &transcript{})
	}
	save := func() (names []string, all store) {
		s := store{}
		d.Save(s, prefix)
		for k := range s {
			name, _, _ := strings.Cut(strings.TrimPrefix(k, string(prefix)), "#")
			names = append(names, strings.ReplaceAll(name, "\x00", " "))
		}
		slices.Sort(names)
		return names, s
	}
	want := func(when string, got []string, want ...string) {
		t.Helper()
		if !slices.Equal(got, want) {
			t.Errorf("%s: saved %q, want %q", when, got, want)
		}
	}
	for i := range int64(3) {
		line(fmt.Sprint(9001+i), "2026-03-02T10:00:00.0000000Z Current runner version: '1'", i)
	}
	names, all := save()
	want("at first", names, "d", "jm logs 9001", "jm logs 9002", "jm logs 9003")
	names, _ = save()
	want("at once again", names)
	line("9002", "2026-03-02T10:00:00.0000000Z x", 3)
	names, _ = save()
	want("after a line", names, "jm logs 9002")
	line("9002", "2026-03-02T10:00:01.0000000Z x", 4)
	names, _ = save()
	want("after a line of another time", names, "d", "jm logs 9002")
	line("9004", "2026-03-02T17:00:00.0000000Z x", 5)
	d.Save(all, prefix)
	if len(all) != 2 {
		t.Errorf("after the others were forgotten there are %d entries", len(all))
	}
	for range 3 { // made, saved, forgotten and made again between two saves
		line("9005", "2026-03-03T17:00:00.0000000Z x", 6)
		line("9006", "2026-03-04T17:00:00.0000000Z x", 7)
		line("9005", "2026-03-05T17:00:00.0000000Z x", 8)
	}
	d.Save(all, prefix)
	back := restored(t, keptPlan(t, allFields()), all).buildText()
	if len(back.mem.jobs) != len(d.buildText().mem.jobs) || len(all) != 1+len(back.mem.jobs) {
		t.Errorf("%d jobs saved, %d there, %d entries", len(back.mem.jobs), len(d.buildText().mem.jobs), len(all))
	}
}
