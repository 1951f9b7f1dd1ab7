package decode

import (
	"fmt"
	"net/netip"
	"reflect"
	"strconv"
	"testing"
	"unsafe"

	"github.com/seed-843b225c/reflex/engine"
)

// filler gives every field of a value something that is not nothing.
type filler struct{ n int64 }

func (f *filler) fill(v reflect.Value) {
	if !v.CanSet() {
		v = reflect.NewAt(v.Type(), unsafe.Pointer(v.UnsafeAddr())).Elem()
	}
	f.n++
	if v.Type() == reflect.TypeFor[netip.Addr]() {
		v.Set(reflect.ValueOf(netip.AddrFrom4([4]byte{203, 0, 113, byte(f.n)})))
		return
	}
	switch v.Kind() {
	case reflect.Bool:
		v.SetBool(true)
	case reflect.String:
		v.SetString("s" + strconv.FormatInt(f.n, 10))
	case reflect.Int8, reflect.Uint8:
		f.small(v)
	case reflect.Int, reflect.Int32, reflect.Int64:
		v.SetInt(-f.n)
	case reflect.Uint32, reflect.Uint64:
		v.SetUint(uint64(f.n))
	case reflect.Slice:
		v.Set(reflect.MakeSlice(v.Type(), 2, 2))
		fallthrough
	case reflect.Array:
		for i := range v.Len() {
			f.fill(v.Index(i))
		}
	case reflect.Struct:
		for i := range v.NumField() {
			f.fill(v.Field(i))
		}
	case reflect.Pointer:
	default:
		panic("a field of kind " + v.Kind().String() + ": teach this test and the coder what it is")
	}
}

func (f *filler) small(v reflect.Value) {
	if v.CanInt() {
		v.SetInt(-1)
		return
	}
	v.SetUint(uint64(1 + f.n%3))
}

// fullJob has something in every field, and nothing that reading refuses.
func fullJob() *textJob {
	j := &textJob{}
	new(filler).fill(reflect.ValueOf(j).Elem())
	j.last.n, j.step.seen.n = 1000, 1000
	j.hold.cuts, j.part.cuts = []int{0, 1}, []int{1, 2}
	j.newer, j.older, j.changed, j.saved = nil, nil, 0, "" // where it hangs in the memory
	return j
}

func readJob(b []byte) (*textJob, bool) {
	j, c := &textJob{}, &coder{b: b, reading: true}
	j.state(c)
	return j, c.whole()
}

func (j *textJob) bytes() []byte {
	var c coder
	j.state(&c)
	return c.b
}

// A field that state does not name is lost on the way and found here.
func TestStateNamesEveryFieldOfAJob(t *testing.T) {
	j := fullJob()
	back, ok := readJob(j.bytes())
	if !ok {
		t.Fatal("what was written cannot be read")
	}
	sameFields(t, "textJob", reflect.ValueOf(back).Elem(), reflect.ValueOf(j).Elem())
}

func sameFields(t *testing.T, path string, got, want reflect.Value) {
	if want.Kind() == reflect.Struct && want.Type() != reflect.TypeFor[netip.Addr]() {
		for i := range want.NumField() {
			sameFields(t, path+"."+want.Type().Field(i).Name, got.Field(i), want.Field(i))
		}
		return
	}
	if g, w := fmt.Sprint(got), fmt.Sprint(want); g != w {
		t.Errorf("%s is %s, want %s: does text_state.go name it?", path, g, w)
	}
}

func TestStateNamesEveryFieldOfADecoder(t *testing.T) {
	named := map[string]string{
		"plan": "given", "out": "keyLines", "scan": "scratch of a record", "read": "scratch of a record", "streams": "the format to try first",
		"scratch": "scratch of a record", "opened": "each its own", "line": "scratch of a line", "index": "begins anew with a record",
		"open": "false between whole records", "sum": "scratch", "digest": "scratch", "id": "scratch", "child": "scratch",
		"dups": "counts since the start", "kept": "made when needed",
		// of what is opened
		"textDecoder.scan": "scratch", "textDecoder.mem": "the jobs and now", "textDecoder.out": "given", "textDecoder.clean": "scratch", "textDecoder.labels": "of a line",
		"textDecoder.fields": "scratch", "textDecoder.clip": "of a line", "textDecoder.text": "of a line", "textDecoder.place": "of a line", "textDecoder.at": "of a line",
		"textDecoder.now": "of a line", "textDecoder.origin": "of an event", "textDecoder.id": "of a line", "textDecoder.count": "of a line", "textDecoder.told": "scratch",
		"textDecoder.sum": "scratch",
		"textMemory.jobs": "entries", "textMemory.newest": "by order", "textMemory.oldst": "by order", "textMemory.now": "state", "textMemory.high": "by order",
		"textMemory.low": "by order", "textMemory.track": "is on", "textMemory.changed": "nothing", "textMemory.dropped": "nothing",
		"flowLines.d": "only reads lines", "flowLines.rd": "given", "flowLines.names": "state", "flowLines.header": "state", "flowLines.source": "state",
		"flowLines.json": "scratch", "flowLines.lined": "scratch",
		"emitter.plan": "given", "emitter.h": "given", "emitter.ev": "scratch", "emitter.id": "scratch", "emitter.secrets": "scratch", "emitter.keyLines": "state",
	}
	check := func(typ reflect.Type, prefix string) {
		for i := range typ.NumField() {
			if name := prefix + typ.Field(i).Name; named[name] == "" {
				t.Errorf("%s is new: does it outlive a record? then Save must keep it; say so here", name)
			}
		}
	}
	check(reflect.TypeFor[Decoder](), "")
	check(reflect.TypeFor[textDecoder](), "textDecoder.")
	check(reflect.TypeFor[textMemory](), "textMemory.")
	check(reflect.TypeFor[flowLines](), "flowLines.")
	check(reflect.TypeFor[emitter](), "emitter.")
}

// The jobs heard of least recently go first, after a restart too, and no more
// of them are kept than may be.
func TestRestartKeepsNumberAndOrderOfJobs(t *testing.T) {
	p := keptPlan(t, engine.NewLayout())
	d, h, s := p.NewDecoder(), &nobody{}, store{}
	for i := range textJobs + 300 {
		key := fmt.Sprint(100000 + i - i%3*50) // some are heard of again
		text := "2026-03-02T10:00:00.0000000Z Current runner version: '1'"
		if i%11 == 0 {
			text = "2026-03-02T10:00:00.0000000Z Cleaning up orphan processes"
		}
		d.Decode(engine.Record{Key: key, Data: []byte(text), Origin: engine.Origin{Source: "logs", Partition: 3, Offset: int64(i)}}, h)
		if i%1000 == 0 {
			d.Save(s, prefix)
		}
	}
	d.Save(s, prefix)
	back := restored(t, p, s)
	m, want := &back.buildText().mem, &d.buildText().mem
	if len(m.jobs) > textJobs+1 || len(m.jobs) != len(want.jobs) || len(s) != len(m.jobs)+1 {
		t.Fatalf("%d jobs are back of %d, %d entries", len(m.jobs), len(want.jobs), len(s))
	}
	if m.now != want.now {
		t.Errorf("now is %d, want %d", m.now, want.now)
	}
	b := m.oldst
	for a := want.oldst; a != nil; a, b = a.newer, b.newer {
		if a.key != b.key || a.over != b.over || a.order != b.order || a.touched != b.touched || a.newer == nil && m.newest != b {
			t.Fatalf("job %q stands where %q stood", b.key, a.key)
		}
	}
}
