package enrich

import (
	"bytes"
	"compress/gzip"
	"io"
	"strings"
	"testing"

	"github.com/seed-843b225c/reflex/engine"
	"github.com/seed-843b225c/reflex/engine/decode"
	"github.com/seed-843b225c/reflex/engine/rule"
	"github.com/seed-843b225c/reflex/engine/secret"
	"github.com/seed-843b225c/reflex/engine/story"
)

// dayTaker enriches every event of a day.
type dayTaker struct {
	e    *Enricher
	each func(*engine.Event)
}

func (k *dayTaker) Event(ev *engine.Event) {
	k.e.Enrich(ev)
	k.each(ev)
}
func (k *dayTaker) Refuse(engine.Refusal)      {}
func (k *dayTaker) Skip(engine.Origin, string) {}

// The key that the story's build prints is recognised by its first and last
// characters as the one that strangers use later, in a network nobody knows.
func TestStoryKeyIsOneKeyInEveryLog(t *testing.T) {
	day := story.New(1)
	defs, keys, mistakes := rule.LoadLists(day.Lists(), ".")
	if len(mistakes) > 0 {
		t.Fatal(mistakes.Error())
	}
	geo, warnings := OpenGeoBytes(day.GeoIP())
	d, errs := New(Config{Lists: defs, Keys: keys, GeoIP: geo})
	if len(warnings)+len(errs) > 0 {
		t.Fatal(warnings, errs)
	}
	e, l := enricherFor(t, d, everyField...)
	plan, err := decode.NewPlan(l, decode.Options{Secrets: secret.New(secret.Options{})})
	if err != nil {
		t.Fatal(err)
	}
	foreign := mustBind(t, d, "foreign", engine.Arg{}, engine.Arg{})
	get := func(ev *engine.Event, name string) engine.Value { return ev.Get(l.SlotOf(name)) }
	leaked := day.Expected()[0].Principal
	exposed, abused, owned, abroad, asn := 0, 0, 0, 0, 0
	take := func(ev *engine.Event) {
		principal := get(ev, "secret.principal")
		if principal.Str() == leaked && !get(ev, "secret.owner").IsNil() {
			owned++
		}
		switch {
		case principal.Str() != leaked:
		case ev.Derived == "secret.exposed":
			exposed++
		case foreign(ev.Time, get(ev, "source.ip"), principal, engine.Value{}).Bool():
			abused++
			if !get(ev, "source.geo.country_iso_code").IsNil() {
				abroad++
			}
			if !get(ev, "source.as.number").IsNil() {
				asn++
			}
		}
	}
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
		plan.NewDecoder().Decode(engine.Record{Data: data, Origin: engine.Origin{Source: f.Name, Partition: -1}, Format: f.Format, Chunk: true, Last: true}, &dayTaker{e, take})
	}
	t.Logf("exposed %d, used from elsewhere %d (%d with a country, %d with an AS), owner named %d times", exposed, abused, abroad, asn, owned)
	if exposed == 0 || abused < 10 || owned < exposed+abused || abroad == 0 || asn == 0 {
		t.Error("the key is not followed")
	}
}
