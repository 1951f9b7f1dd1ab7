package correlate

import (
	"fmt"
	"math/rand/v2"
	"testing/fstest"

	"github.com/seed-843b225c/reflex/engine"
	"github.com/seed-843b225c/reflex/engine/rule"
)

// written are rules with expressions: bounds of sums, levels by measure and by
// key. Their conditions are never asked: tests make hits by themselves.
const written = `
id: sum
title: spent
level: low
when: secret.principal != nil
count: {by: [secret.principal], within: 10s, sum: gen_ai.usage.cost, over: '1.5'}
level_when:
  - {if: 'measure > 3', then: critical}
alert: {title: 'spent {{ measure }} in {{ count }} points', dedup: {by: [secret.principal], within: 6s}}
---
id: often
title: often
level: low
when: secret.principal != nil
count: {by: [secret.principal], within: 10s, at_least: 2}
level_when:
  - {if: 'measure > 4', then: critical}
  - {if: 'measure == 3', then: high}
  - {if: 'source.as.number == 1', then: medium}
alert: {dedup: {by: [secret.principal], within: 4s}, entities: {run: ci.run.id}}
---
id: chain
title: chain
level: low
sequence:
  within: 20s
  steps:
    - {id: a, rule: often, by: {key: secret.principal, run: ci.run.id}}
    - {id: b, rule: sum, by: {key: secret.principal}}
level_when:
  - {if: 'key.run == "r1"', then: critical}
alert: {title: 'chain of {{ key.run }}, {{ a.source.as.number }}', dedup: {by: [key.key], within: 5s}, entities: {run: key.run}}
`

var writtenSet = func() *sets {
	pack, ms := rule.Load(fstest.MapFS{"r/rules.yaml": {Data: []byte(written)}}, "r")
	if err := ms.Err(); err != nil {
		panic(err)
	}
	set, ms := rule.Compile(pack, rule.Options{})
	if err := ms.Err(); err != nil {
		panic(err)
	}
	l := set.Layout
	return &sets{Set: set, key: l.DemandField(fieldKey), run: l.DemandField(fieldRun), value: l.DemandField(fieldValue), cost: l.DemandField(fieldCost)}
}()

// randomSet makes a small rule set of one sort.
func randomSet(r *rand.Rand) (*sets, string) {
	secs := func(of ...int64) int64 { return of[r.IntN(len(of))] * second }
	s := newSets()
	dedup := func(slots ...int) rule.AlertSpec {
		a := rule.AlertSpec{Within: secs(1, 3, 10)}
		for _, x := range slots {
			a.DedupBy = append(a.DedupBy, slotRef(x))
		}
		a.Entities = []rule.NamedRef{{Name: "run", Ref: slotRef(s.run)}}
		a.Show = []rule.NamedRef{{Name: "value", Ref: slotRef(s.value)}}
		return a
	}
	count := func() {
		c := &rule.CountSpec{By: []int{s.key}, Within: secs(2, 5, 10), Distinct: -1, Sum: -1, AtLeast: 1 + r.Int64N(4)}
		if r.IntN(2) == 0 {
			c.Distinct = s.value
		}
		s.rule(rule.Compiled{Kind: rule.Count, Count: c, Alert: dedup(s.key)})
	}
	first := func() {
		f := &rule.FirstSpec{Value: []int{s.value}, Memory: secs(3, 8, 30), LearnFor: secs(0, 0, 4), LearnEvents: r.Int64N(3)}
		if r.IntN(3) > 0 {
			f.By = []int{s.key}
		}
		s.rule(rule.Compiled{Kind: rule.FirstSeen, First: f, Alert: dedup(append([]int{s.value}, f.By...)...)})
	}
	match := func() {
		s.rule(rule.Compiled{Kind: rule.Match, Alert: dedup([][]int{{}, {s.key}, {s.key, s.run}}[r.IntN(3)]...)})
	}
	switch r.IntN(10) {
	case 0:
		match()
		return s, "match"
	case 1, 2:
		count()
		return s, "count"
	case 3:
		first()
		return s, "first_seen"
	case 4, 5, 6:
		randomSequence(r, s, nil)
		return s, "sequence"
	case 7:
		randomUnordered(r, s)
		return s, "unordered"
	case 8:
		return writtenSet, "written"
	}
	for range 1 + r.IntN(3) {
		[]func(){match, count, first}[r.IntN(3)]()
	}
	n := len(s.Rules)
	for range 1 + r.IntN(2) {
		var rules []int
		for i := range n {
			rules = append(rules, i)
		}
		randomSequence(r, s, rules)
		n = len(s.Rules)
	}
	for i, p := range s.Probes {
		if p.Role == rule.RoleWhen && s.Rules[p.Rule].Kind == rule.Match {
			s.Probes[i].NeedsRun = r.IntN(2) == 0
		}
	}
	return s, "rules as steps"
}

// randomSequence adds an ordered sequence; its steps may take rules.
func randomSequence(r *rand.Rand, s *sets, rules []int) {
	secs := func(of ...int64) int64 { return of[r.IntN(len(of))] * second }
	run, key := rule.KeySlot{Key: 0, Slot: s.run}, rule.KeySlot{Key: 1, Slot: s.key}
	spec := &rule.SequenceSpec{Ordered: true, Within: secs(4, 10, 30, 120), Slack: secs(0, 0, 1, 2), Keys: []string{"run", "key"}}
	mandatory := 1 + r.IntN(3)
	if r.IntN(8) == 0 {
		mandatory = 4
	}
	linked := r.IntN(3) == 0
	var last int
	add := func(st rule.Step) {
		st.ID = fmt.Sprint("s", len(spec.Steps))
		if len(rules) > 0 && r.IntN(3) > 0 {
			for _, b := range rules {
				if r.IntN(2) == 0 {
					st.Rules = append(st.Rules, b)
				}
			}
		}
		spec.Steps = append(spec.Steps, st)
	}
	by := func(m int) []rule.KeySlot {
		switch {
		case linked && m >= max(1, mandatory-1):
			return []rule.KeySlot{key}
		case linked || r.IntN(4) > 0:
			return []rule.KeySlot{run}
		}
		return []rule.KeySlot{run, key}
	}
	between := func(m int) {
		for r.IntN(3) == 0 {
			st := rule.Step{By: by(m), Within: secs(0, 2, 5, 50)}
			if r.IntN(2) == 0 && m < mandatory {
				st.Optional = true
			} else {
				st.Negated = true
				if st.Within == 0 {
					st.Within = 3 * second
				}
			}
			add(st)
		}
	}
	for m := range mandatory {
		between(m)
		st := rule.Step{By: by(m)}
		if m > 0 && r.IntN(3) == 0 {
			st.Within = secs(1, 3, 6, 60)
		}
		if r.IntN(3) == 0 {
			st.Reached = engine.High
		}
		if m > 0 && r.IntN(4) == 0 {
			st.Differs = &rule.Differs{From: last, Slots: []int{s.value, s.cost}[:1+r.IntN(2)]}
		}
		last = len(spec.Steps)
		add(st)
	}
	between(mandatory)
	if linked {
		spec.Links = []rule.Link{{From: run, To: key}}
		if r.IntN(3) == 0 { // by way of a third key
			spec.Keys = append(spec.Keys, "role")
			role := rule.KeySlot{Key: 2, Slot: s.value}
			spec.Links = append(spec.Links, rule.Link{From: run, To: role}, rule.Link{From: role, To: key})
		}
	}
	a := rule.AlertSpec{Within: secs(1, 3, 10), DedupBy: []rule.Ref{keyRef(0)}}
	switch r.IntN(4) {
	case 0:
		a.DedupBy = append(a.DedupBy, keyRef(1))
	case 1:
		a.DedupBy = append(a.DedupBy, rule.Ref{Name: "step", Step: r.IntN(len(spec.Steps)), Slot: s.value, Key: -1})
	}
	a.Entities = []rule.NamedRef{{Name: "run", Ref: keyRef(0)}, {Name: "key", Ref: keyRef(1)}}
	s.rule(rule.Compiled{Kind: rule.Sequence, Sequence: spec, Alert: a, Level: engine.Critical})
}

// randomUnordered adds a sequence whose steps happen in any order.
func randomUnordered(r *rand.Rand, s *sets) {
	secs := func(of ...int64) int64 { return of[r.IntN(len(of))] * second }
	run, key := rule.KeySlot{Key: 0, Slot: s.run}, rule.KeySlot{Key: 1, Slot: s.key}
	bys := [][]rule.KeySlot{{run}, {run, key}, {key, run}}
	one := r.IntN(2)
	spec := &rule.SequenceSpec{Within: secs(4, 10, 30), Keys: []string{"run", "key"}}
	n := 1 + r.IntN(4)
	for i := range n {
		st := rule.Step{ID: fmt.Sprint("s", i), By: bys[one]}
		if one > 0 {
			st.By = bys[1+r.IntN(2)]
		}
		switch {
		case i > 0 && r.IntN(5) == 0:
			st.Optional = true
		case i > 0 && r.IntN(5) == 0:
			st.Negated = true
		case i > 0 && r.IntN(4) == 0:
			st.Differs = &rule.Differs{From: 0, Slots: []int{s.value}}
		}
		spec.Steps = append(spec.Steps, st)
	}
	s.rule(rule.Compiled{Kind: rule.Sequence, Sequence: spec, Level: engine.Critical,
		Alert: rule.AlertSpec{Within: secs(1, 3, 10), DedupBy: []rule.Ref{keyRef(0)}}})
}
