package rule

import (
	"slices"
	"time"
)

// readRule takes up a rule and checks what one rule alone can get wrong.
func readRule(d document) *Rule {
	r := &Rule{
		ID:             d.get("id").str(),
		File:           d.w.src.name,
		Line:           d.pos().Line,
		Title:          d.get("title").str(),
		Status:         d.get("status").str(),
		Description:    d.get("description").str(),
		Author:         d.get("author").str(),
		Date:           d.get("date").str(),
		Modified:       d.get("modified").str(),
		References:     d.get("references").strs(),
		FalsePositives: d.get("falsepositives").strs(),
		Tags:           d.get("tags").strs(),
		Runbook:        d.get("runbook").strs(),
		Level:          d.get("level").level(),
		From:           d.get("from").datasets(),
		When:           d.get("when").text(),
		hash:           digest(d.n, "tests"),
		pos:            d.get("id").pos(),
	}
	if r.Status == "" {
		r.Status = "experimental"
	}
	if i := slices.Index(modeNames[:], d.get("mode").str()); i >= 0 {
		r.Mode = Mode(i)
	}
	for _, v := range d.get("level_when").list() {
		r.LevelWhen = append(r.LevelWhen, LevelWhenText{v.get("if").text(), v.get("then").level()})
	}
	if v := d.get("count"); v.present() {
		r.Kind, r.Count = Count, readCount(v)
	}
	if v := d.get("first_seen"); v.present() {
		r.Kind, r.First = FirstSeen, readFirst(v)
	}
	if v := d.get("sequence"); v.present() {
		r.Kind, r.Sequence = Sequence, readSequence(v, r)
	}
	r.Alert = readAlert(d.get("alert"))
	before := len(d.w.mistakes)
	c := &review{w: d.w, d: d.node, r: r}
	c.rule()
	for i, v := range d.get("tests").list() {
		r.Tests = append(r.Tests, readTest(v, r, i))
	}
	c.tests()
	r.broken = d.broken || len(Mistakes(d.w.mistakes[before:]).Errors()) > 0
	return r
}

func readCount(v node) *CountText {
	return &CountText{
		By:       v.get("by").texts(),
		Within:   v.get("within").duration(0),
		AtLeast:  v.get("at_least").integer(),
		Distinct: v.get("distinct").text(),
		Sum:      v.get("sum").text(),
		Over:     v.get("over").text(),
		pos:      v.pos(),
	}
}

func readFirst(v node) *FirstText {
	f := &FirstText{
		Value:    v.get("value").texts(),
		By:       v.get("by").texts(),
		Memory:   v.get("memory").duration(0),
		LearnFor: 7 * 24 * time.Hour, LearnEvents: 20,
		pos: v.pos(),
	}
	if l := v.get("learn"); l.present() {
		f.LearnFor, f.LearnEvents = l.get("for").duration(0), l.get("events").integer()
	}
	return f
}

func readSequence(v node, r *Rule) *SequenceText {
	s := &SequenceText{
		Within:  v.get("within").duration(0),
		Ordered: v.get("ordered").boolean(true),
		Slack:   v.get("slack").duration(2 * time.Second),
		pos:     v.pos(),
	}
	for _, e := range v.get("steps").list() {
		st := StepText{
			ID:          e.get("id").text(),
			When:        e.get("when").text(),
			Rules:       e.get("rule").texts(),
			From:        r.From,
			By:          e.get("by").bound(),
			Within:      e.get("within").duration(0),
			Optional:    e.get("optional").boolean(false),
			Negated:     e.get("negated").boolean(false),
			Reached:     e.get("reached").level(),
			DiffersFrom: e.get("differs").get("from").text(),
			Differs:     e.get("differs").get("fields").texts(),
			withinPos:   e.get("within").pos(),
			reachedPos:  e.get("reached").pos(),
		}
		if f := e.get("from"); f.present() {
			st.From = f.datasets()
		}
		if st.ID.Pos.src == nil {
			st.ID.Pos = e.pos()
		}
		s.Steps = append(s.Steps, st)
	}
	for _, e := range v.get("links").list() {
		l := LinkText{When: e.get("when").text(), Datasets: e.get("datasets").datasets()}
		if b := e.get("from").bound(); len(b) > 0 {
			l.From = b[0]
		}
		if b := e.get("to").bound(); len(b) > 0 {
			l.To = b[0]
		}
		s.Links = append(s.Links, l)
	}
	return s
}

func readAlert(v node) AlertText {
	return AlertText{
		Title:     v.get("title").text(),
		Entities:  v.get("entities").bound(),
		DedupBy:   v.get("dedup").get("by").texts(),
		Within:    v.get("dedup").get("within").duration(time.Hour),
		Show:      v.get("show").texts(),
		withinPos: v.get("dedup").get("within").pos(),
	}
}

// maxException is how long an exception may hold.
const maxException = 180 * 24 * time.Hour

func readException(d document) *Except {
	e := &Except{
		ID:      d.get("id").str(),
		File:    d.w.src.name,
		Line:    d.pos().Line,
		Rules:   d.get("rules").texts(),
		Tags:    d.get("tags").texts(),
		Step:    d.get("step").text(),
		When:    d.get("when").text(),
		Reason:  d.get("reason").str(),
		Owner:   d.get("owner").str(),
		Created: d.get("created").date(),
		Expires: d.get("expires").date(),
		hash:    digest(d.n),
		broken:  d.broken,
		pos:     d.get("id").pos(),
	}
	bad := func(v node, hint, format string, args ...any) {
		d.w.wrong(v.n, hint, format, args...)
		e.broken = true
	}
	if !d.get("rules").present() && !d.get("tags").present() {
		bad(d.node, "", "an exception must name rules or tags")
	}
	if e.Step.Value != "" && (len(e.Rules) != 1 || len(e.Tags) > 0) {
		bad(d.get("step"), "", "an exception for a step must name exactly one rule and no tags")
	}
	if x := d.get("expires"); e.Created != 0 && e.Expires != 0 {
		switch {
		case e.Expires <= e.Created:
			bad(x, "", "the exception expires before it was created")
		case e.Expires-e.Created > int64(maxException):
			bad(x, time.Unix(0, e.Created+int64(maxException)).UTC().Format(time.DateOnly)+" at the latest", "an exception holds at most 180 days")
		}
	}
	return e
}
