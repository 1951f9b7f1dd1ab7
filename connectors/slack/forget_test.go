package slack

import (
	"encoding/json"
	"errors"
	"testing"
	"time"

	"github.com/seed-843b225c/reflex/engine"
)

func (r *rig) remembered() (n int) {
	r.t.Helper()
	if err := r.memory.Each(func(string, []byte) error { n++; return nil }); err != nil {
		r.t.Fatal(err)
	}
	return n
}

func TestSinkForgetsWhatCanChangeNoMore(t *testing.T) {
	for _, hook := range []bool{false, true} {
		r := newRig(t)
		if hook {
			r.config = Config{Webhook: engine.Hidden(r.url + "/services/T/B/x")}
		}
		s := r.open()
		open := func(id string) { r.deliver(s, change(1, engine.Opened, incident(id, engine.High, "leak"))) }
		final, back := incident("back", engine.High, "leak"), incident("back", engine.High, "leak", "use")
		final.Final = true
		for _, id := range []string{"goes on", "merged", "closed", "back"} {
			open(id)
		}
		r.deliver(s, change(2, engine.Merged, incident("merged", engine.High, "leak")))
		r.deliver(s, change(2, engine.Closed, incident("closed", engine.High, "leak")))
		r.deliver(s, change(2, engine.Closed, final))
		r.pass(forgetAfter - time.Hour)
		r.deliver(s, change(3, engine.Joined, back)) // a chain reached back
		if n := r.remembered(); n != 4 {
			t.Errorf("webhook %v: %d are remembered before their time, want 4", hook, n)
		}
		r.deliver(s, change(2, engine.Merged, incident("merged", engine.High, "leak"))) // comes twice
		r.pass(25 * time.Hour)
		r.deliver(s) // any Deliver
		if n := r.remembered(); n != 2 {
			t.Errorf("webhook %v: %d are remembered, want the two that go on", hook, n)
		}
		for _, id := range []string{"goes on", "back"} {
			if _, ok, err := r.memory.Get(id); !ok || err != nil {
				t.Errorf("webhook %v: %s is forgotten: %v", hook, id, err)
			}
		}
	}
}

func TestSinkDeliversWhenItCannotForget(t *testing.T) {
	r := newRig(t)
	s := r.open()
	s.memory = stuck{s.memory}
	r.deliver(s, change(1, engine.Opened, incident("a", engine.High, "leak")))
	r.one(channel)
	if !r.log.has("not forgotten") {
		t.Error("nobody was told")
	}
}

type stuck struct{ engine.Memory }

func (stuck) Each(func(string, []byte) error) error { return errors.New("disk is broken") }

func TestRecordOfAnEndIsRead(t *testing.T) {
	r := newRig(t)
	s := r.open()
	r.deliver(s, change(1, engine.Opened, incident("a", engine.High, "leak")), change(2, engine.Merged, incident("a", engine.High, "leak")))
	if n := r.remembered(); n != 0 {
		t.Errorf("what was never told is remembered %d times", n)
	}
	r.deliver(s, change(1, engine.Opened, incident("b", engine.High, "leak")))
	r.deliver(s, change(2, engine.Merged, incident("b", engine.High, "leak")))
	b, _, err := r.memory.Get("b")
	var got record
	if err != nil || json.Unmarshal(b, &got) != nil || got.Over != r.clock().Unix() {
		t.Errorf("record %s %v", b, err)
	}
}
