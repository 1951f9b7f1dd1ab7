package correlate

import (
	"strings"
	"testing"
	"unicode/utf8"

	"github.com/seed-843b225c/reflex/engine"
	"github.com/seed-843b225c/reflex/engine/rule"
)

func TestShortenCutsBetweenCharactersAndTellsValuesApart(t *testing.T) {
	long := strings.Repeat("é", 4000)
	a, b := shorten(engine.String(long+"a"), 1000), shorten(engine.String(long+"b"), 1000)
	if a == b {
		t.Error("two long values with one beginning became one")
	}
	for _, v := range []engine.Value{a, b} {
		s := v.Str()
		if len(s) > 1000 || len(s) < 900 || !utf8.ValidString(s) || !strings.Contains(s, "… (8001 bytes, sha256 ") {
			t.Errorf("%d bytes: %s", len(s), s[len(s)-80:])
		}
	}
	for _, v := range []engine.Value{{}, engine.Int(7), engine.String(strings.Repeat("x", 1000)), engine.Strings("a", strings.Repeat("b", 999))} {
		if shorten(v, 1000) != v {
			t.Errorf("%.20s was changed", v.Text())
		}
	}
}

func TestShortenKeepsTheBeginningOfAList(t *testing.T) {
	for _, list := range [][]string{{strings.Repeat("x", 5000), "b"}, strings.Split(strings.Repeat("ab,", 2000), ",")} {
		got := shorten(engine.Strings(list...), 1000).Elements()
		size := 0
		for _, s := range got {
			size += len(s)
		}
		if size > 1000 || len(got) < 2 || !strings.HasPrefix(got[0], list[0][:2]) || !strings.HasPrefix(got[len(got)-1], "… and ") {
			t.Errorf("%d bytes in %d elements: %.100q", size, len(got), got)
		}
	}
}

// Records may be a megabyte; what leaves must stay small, and two incidents
// about two long values must stay two.
func TestAlertCarriesLongValuesCut(t *testing.T) {
	s := newSets()
	ref := slotRef(s.key)
	s.rule(rule.Compiled{Kind: rule.Match, Alert: rule.AlertSpec{DedupBy: []rule.Ref{ref},
		Entities: []rule.NamedRef{{Name: "run", Ref: ref}}, Show: []rule.NamedRef{{Name: "run", Ref: ref}}}})
	c := New(s.Set, Options{})
	long := strings.Repeat("k", 1<<19)
	for i := range 60 {
		id := strings.Repeat(ids[i], 1<<16)
		c.Hit(engine.Hit{Event: s.event(int64(i)*second, id, engine.String(long+ids[i%2]))})
	}
	c.End(base + 60*second)
	as := c.Alerts()
	if len(as) != 2 || as[0].Entities[0].Value == as[1].Entities[0].Value || as[0].Key[0].Value == as[1].Key[0].Value {
		t.Fatalf("%d alerts, or alike", len(as))
	}
	for _, al := range as {
		b, err := (&engine.Transition{Change: engine.Opened, Number: 1, Alert: al}).Append(nil)
		if err != nil || len(b) > 300<<10 {
			t.Errorf("the alert has %d bytes: %v", len(b), err)
		}
	}
}
