package rule

import (
	"cmp"
	"encoding/json"
	"fmt"
	"slices"
	"strconv"
	"strings"
	"time"

	"github.com/seed-843b225c/reflex/engine"
)

// Records unrolls the test's events into records, in order of arrival: copies
// and late records included. Equal arrivals keep the order written. A restart
// goes where its record goes, in other arrival orders too.
func (t *TestCase) Records() []TestRecord {
	var out []TestRecord
	for i := range t.Events {
		e := &t.Events[i]
		for n := 0; n < e.Times; n++ {
			at := TestStart.Add(e.At + time.Duration(n)*e.Every)
			r := TestRecord{Dataset: e.Dataset, Raw: e.Raw != nil, Time: at.UnixNano(), Event: i}
			r.Arrives = r.Time + int64(e.Late)
			if r.Raw {
				r.Data = []byte(fill(string(e.Raw), n, at))
			} else {
				r.Data = e.ecs(at, n, fmt.Sprintf("test-%d-%d", i+1, n+1))
			}
			copies := 1 + e.Copies
			if t.Duplicate {
				copies *= 2
			}
			for c := range copies {
				r.Restart = t.Restart || e.Restart && n == e.Times-1 && c == copies-1
				out = append(out, r)
			}
		}
	}
	slices.SortStableFunc(out, func(a, b TestRecord) int { return cmp.Compare(a.Arrives, b.Arrives) })
	return out
}

// Restarts reports whether the test kills the process somewhere.
func (t *TestCase) Restarts() bool {
	return t.Restart || slices.ContainsFunc(t.Events, func(e TestEvent) bool { return e.Restart })
}

// fill replaces {{ n }} (from 1) and {{ time }} (RFC 3339).
func fill(s string, n int, at time.Time) string {
	if !strings.Contains(s, "{{") {
		return s
	}
	stamp := at.Format(time.RFC3339Nano)
	if at.Nanosecond() == 0 {
		stamp = at.Format(time.RFC3339)
	}
	return strings.NewReplacer("{{ n }}", strconv.Itoa(n+1), "{{n}}", strconv.Itoa(n+1), "{{ time }}", stamp, "{{time}}", stamp).Replace(s)
}

// ecs gives repetition n of the event as a line of ECS JSON: dotted keys for
// fields, raw.<path> as nested objects where the path leads.
func (e *TestEvent) ecs(at time.Time, n int, id string) []byte {
	doc := map[string]any{
		"@timestamp":    at.Format(time.RFC3339Nano),
		"event.dataset": e.Dataset.String(),
		"event.id":      id,
	}
	put := func(name string, v any) {
		path, raw := engine.RawPath(name)
		if !raw {
			doc[name] = v
			return
		}
		in := doc
		keys := strings.Split(path, ".")
		for _, k := range keys[:len(keys)-1] {
			next, ok := in[k].(map[string]any)
			if !ok {
				next = map[string]any{}
				in[k] = next
			}
			in = next
		}
		in[keys[len(keys)-1]] = v
	}
	for _, f := range e.Set {
		v := f.Value.Any()
		if f.Value.Kind() == engine.Keyword {
			v = fill(f.Value.Str(), n, at)
		}
		put(f.Name, v)
	}
	for _, f := range e.Each {
		put(f.Name, f.Values[n%len(f.Values)].Any())
	}
	b, _ := json.Marshal(doc)
	return b
}

// ListDefs gives the lists of the test: each of base emptied, with what the
// test says they hold. The type of a list is the test's, else that of base, else cidr
// when every entry is a network, else exact.
func (t *TestCase) ListDefs(base []engine.ListDef) []engine.ListDef {
	out := make([]engine.ListDef, 0, len(base)+len(t.Lists))
	at := map[string]int{}
	for _, b := range base {
		at[b.Name] = len(out)
		out = append(out, engine.ListDef{Name: b.Name, Type: b.Type, Description: b.Description, File: b.File})
	}
	for _, l := range t.Lists {
		i, ok := at[l.Name]
		if !ok {
			i = len(out)
			out = append(out, engine.ListDef{Name: l.Name, Type: guessType(l.Entries)})
		}
		if l.Type != "" {
			out[i].Type = l.Type
		}
		out[i].File = t.File
		for _, e := range l.Entries {
			out[i].Entries = append(out[i].Entries, engine.ListEntry{Value: e, Line: t.Line})
		}
	}
	return out
}

func guessType(entries []string) string {
	for _, e := range entries {
		if _, err := parseNetwork(e); err != nil {
			return "exact"
		}
	}
	return "cidr"
}

// Only gives a pack of one rule and the rules it takes as steps, without
// exceptions: what a test runs. Rules that are off run as signals there, the
// rule under test as an alert, so that its tests mean the same in every mode.
func (p *Pack) Only(id string) *Pack {
	out := &Pack{}
	seen := map[string]bool{}
	var take func(id string)
	take = func(id string) {
		r := p.Rule(id)
		if r == nil || seen[id] {
			return
		}
		seen[id] = true
		c := *r
		c.Mode = ModeSignal
		out.Rules = append(out.Rules, &c)
		if r.Sequence == nil {
			return
		}
		for _, st := range r.Sequence.Steps {
			for _, t := range st.Rules {
				take(t.Value)
			}
		}
	}
	take(id)
	if len(out.Rules) > 0 {
		out.Rules[0].Mode = ModeAlert
	}
	slices.SortFunc(out.Rules, func(a, b *Rule) int { return strings.Compare(a.ID, b.ID) })
	return out
}
