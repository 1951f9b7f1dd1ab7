package rule

import (
	"strings"
	"time"

	"github.com/seed-843b225c/reflex/engine"
)

// review finds what one rule alone can get wrong beyond the shape of its YAML.
type review struct {
	w *walker
	d node
	r *Rule
}

// wrong reports a mistake at a text's place.
func (c *review) wrong(pos Position, hint, format string, args ...any) {
	if pos.src == nil {
		pos = c.d.pos()
	}
	c.w.mistakes = append(c.w.mistakes, pos.Mistake(0, hint, format, args...))
}

func (c *review) rule() {
	kinds := []string{}
	for _, k := range []string{"count", "sequence", "first_seen"} {
		if c.d.get(k).present() {
			kinds = append(kinds, k)
		}
	}
	if len(kinds) > 1 {
		c.wrong(c.d.get(kinds[1]).pos(), "write two rules, one may be a step of the other", "a rule has one kind, this one has %s", strings.Join(kinds, " and "))
	}
	switch when := c.d.get("when"); {
	case c.r.Sequence == nil && !when.present():
		c.wrong(c.d.pos(), "the condition an event must meet", "a rule lacks when")
	case c.r.Sequence != nil && when.present():
		c.wrong(when.pos(), "put it into the steps", "a sequence has no when of its own")
	}
	switch {
	case c.r.Count != nil:
		c.count(c.r.Count)
	case c.r.First != nil:
		c.first(c.r.First)
	case c.r.Sequence != nil:
		c.sequence(c.r.Sequence)
	}
	c.alert()
}

// tests warns about a rule that calls itself stable without showing it.
func (c *review) tests() {
	if c.r.Status != "stable" {
		return
	}
	fires, quiet := false, false
	for _, t := range c.r.Tests {
		fires = fires || t.Want.Number > 0
		quiet = quiet || t.Want.Number == 0
	}
	var lack []string
	if !fires {
		lack = append(lack, "no test that fires")
	}
	if !quiet {
		lack = append(lack, "no test that stays quiet")
	}
	if len(lack) > 0 {
		m := c.r.pos.Mistake(0, "", "rule %s calls itself stable and has %s", c.r.ID, strings.Join(lack, " and "))
		m.Warning = true
		c.w.mistakes = append(c.w.mistakes, m)
	}
}

// repeated reports the second of two equal texts.
func (c *review) repeated(what string, lists ...[]Text) {
	seen := map[string]bool{}
	for _, list := range lists {
		for _, t := range list {
			if seen[t.Value] {
				c.wrong(t.Pos, "", "%s names %s twice", what, t.Value)
			}
			seen[t.Value] = true
		}
	}
}

func (c *review) positive(parent node, key string) {
	if v := parent.get(key); v.present() && v.duration(1) == 0 {
		if _, err := parseDuration(v.str()); err == nil {
			c.wrong(v.pos(), "", "%s must be longer than nothing", key)
		}
	}
}

func (c *review) count(t *CountText) {
	v := c.d.get("count")
	c.positive(v, "within")
	c.repeated("by", t.By)
	distinct, sum, over, least := v.get("distinct"), v.get("sum"), v.get("over"), v.get("at_least")
	if distinct.present() && sum.present() {
		c.wrong(sum.pos(), "", "a count has distinct or sum, not both")
		return
	}
	if sum.present() {
		if !over.present() {
			c.wrong(sum.pos(), "over: 50", "a sum needs the bound it must exceed")
		}
		if least.present() {
			c.wrong(least.pos(), "over: 50", "a sum has over, not at_least")
		}
		if f, ok := engine.LookupField(t.Sum.Value); ok && f.Type() != engine.Long && f.Type() != engine.Double {
			c.wrong(t.Sum.Pos, "", "%s is a %s: only numbers add up", f.Name(), f.Type())
		}
		return
	}
	if over.present() {
		c.wrong(over.pos(), "at_least: 5", "over is the bound of a sum")
	}
	if !least.present() {
		c.wrong(t.pos, "at_least: 5", "a count lacks at_least")
	}
	for _, by := range t.By {
		if distinct.present() && by.Value == t.Distinct.Value {
			c.wrong(t.Distinct.Pos, "", "%s is part of the key: it has one value only", by.Value)
		}
	}
}

func (c *review) first(t *FirstText) {
	v := c.d.get("first_seen")
	c.positive(v, "memory")
	c.repeated("first_seen", t.By, t.Value)
	if t.Memory > 0 && t.LearnFor > t.Memory {
		pos := v.get("learn").get("for").pos()
		if pos.src == nil {
			pos = v.get("memory").pos()
		}
		c.wrong(pos, "learn: {for: ...}", "learning (%s) is longer than the memory (%s)", days(t.LearnFor), days(t.Memory))
	}
}

// maxEpisode is how long an episode may last before it is cut.
const maxEpisode = 24 * time.Hour

func (c *review) alert() {
	a := &c.r.Alert
	c.repeated("dedup", a.DedupBy)
	if a.Within > maxEpisode {
		c.wrong(a.withinPos, "24h at most", "an alert is closed after a day, so dedup cannot join points further apart")
	}
	// the rest of dedup
	need := [][]Text{}
	switch {
	case c.r.Count != nil:
		need = append(need, c.r.Count.By)
	case c.r.First != nil:
		need = append(need, c.r.First.By)
	}
	if a.DedupBy == nil {
		return
	}
	for _, list := range need {
		for _, k := range list {
			found := fieldMistake(k.Value) != "" // reported already
			for _, t := range a.DedupBy {
				found = found || t.Value == k.Value
			}
			if !found {
				c.wrong(a.DedupBy[0].Pos, "add "+k.Value, "dedup.by must hold the whole key: %s is missing", k.Value)
			}
		}
	}
}

// days writes a duration with the units of rule files.
func days(d time.Duration) string {
	if d >= 24*time.Hour && d%(24*time.Hour) == 0 {
		return itoa(int64(d/(24*time.Hour))) + "d"
	}
	s := d.String()
	s = strings.TrimSuffix(s, "0s")
	if strings.HasSuffix(s, "h0m") {
		s = strings.TrimSuffix(s, "0m")
	}
	if s == "" {
		return "0s"
	}
	return s
}
