package decode

import (
	"bytes"
	"encoding/json"
	"slices"
	"strings"

	"github.com/seed-843b225c/reflex/engine"
	"github.com/seed-843b225c/reflex/engine/secret"
)

// Documents makes evidence: the full ECS document of an event, with every
// secret overwritten and without prompts and completions. It is the one place
// where that happens. It belongs to one goroutine.
type Documents struct {
	plan *Plan
	d    *Decoder // with every field of the registry demanded
	scan *secret.Scan

	want *engine.Event
	raw  []byte // the record, secrets overwritten
	doc  map[string]any
}

// NewDocuments makes the scratch of one goroutine.
func (p *Plan) NewDocuments() *Documents {
	return &Documents{plan: p, d: p.full().NewDecoder(), scan: p.opts.Secrets.NewScan()}
}

// full is the plan that extracts every field of the registry, made when first
// asked for.
func (p *Plan) full() *Plan {
	p.fullOnce.Do(func() {
		l := engine.NewLayout()
		for i := range engine.Fields() {
			l.DemandField(engine.Field(i))
		}
		var err error
		if p.fullPlan, err = NewPlan(l, p.opts); err != nil {
			panic(err) // registry fields cannot fail
		}
	})
	return p.fullPlan
}

// Document gives the document of an event while its batch lives, as fresh
// bytes. Fields that enrichment filled are in it as far as they were demanded.
func (m *Documents) Document(ev *engine.Event) []byte {
	if ev.Document != nil {
		return ev.Document
	}
	m.want, m.doc = ev, map[string]any{}
	if ev.All != nil {
		for _, f := range ev.All {
			m.put(f.Field, f.Value)
		}
	} else if len(ev.Raw) > 0 {
		m.raw = append(m.raw[:0], ev.Raw...)
		m.scan.Overwrite(m.raw)
		m.d.reread(m.raw, ev, m)
	}
	for i, s := range m.plan.layout.Slots() {
		if v := ev.Values[i]; s.Raw == "" && !v.IsNil() && !m.has(s.Name) {
			m.put(s.Field, v)
		}
	}
	m.put(fieldTime, engine.Instant(ev.Time))
	m.put(fieldID, engine.String(ev.ID))
	m.put(fieldDataset, engine.String(ev.Dataset.String()))
	if ev.Derived != "" {
		m.put(fieldAction, engine.String(ev.Derived))
	}
	if !m.has("event.kind") {
		m.put(fieldKind, engine.String("event"))
	}
	setPath(m.doc, "ecs.version", engine.ECSVersion)
	m.related("related.ip", "source.ip", "destination.ip", "runner.ip")
	if ev.Dataset != engine.CloudTrail { // trailDocument knows better
		m.related("related.user", "user.name", "user.target.name")
	}
	m.related("related.hosts", "host.name", "destination.domain", "runner.name")
	var b bytes.Buffer
	enc := json.NewEncoder(&b)
	enc.SetEscapeHTML(false)
	if err := enc.Encode(m.doc); err != nil {
		panic(err) // plain values cannot fail
	}
	m.want, m.doc = nil, nil
	return bytes.TrimSuffix(b.Bytes(), []byte{'\n'})
}

// Event takes the event that is read again with every field.
func (m *Documents) Event(ev *engine.Event) {
	if ev.Derived != m.want.Derived {
		return
	}
	if ev.Derived == "" && m.d.read.rd.base != nil {
		m.d.read.rd.base(m.doc, m.raw)
	}
	for i, v := range ev.Values {
		if !v.IsNil() {
			m.put(engine.Field(i), v)
		}
	}
	if extra := m.d.read.rd.document; extra != nil {
		extra(m.doc, m.raw)
	}
}

// Refuse and Skip cannot come: the record gave an event before.
func (m *Documents) Refuse(engine.Refusal)      {}
func (m *Documents) Skip(engine.Origin, string) {}

// put stores a field; free text is looked at once more, because unescaping may
// have brought a secret to light.
func (m *Documents) put(f engine.Field, v engine.Value) {
	x := v.Any()
	if s, ok := x.(string); ok && v.Kind() == engine.Keyword {
		x = m.scan.Redact(strings.Clone(s))
	}
	if list, ok := x.([]string); ok {
		for i, s := range list {
			list[i] = m.scan.Redact(strings.Clone(s))
		}
	}
	setPath(m.doc, f.Name(), x)
}

// has reports whether a path holds something; a list on the way holds it in its
// elements.
func (m *Documents) has(name string) bool {
	doc := m.doc
	for {
		key, rest, more := strings.Cut(name, ".")
		if !more {
			return doc[key] != nil
		}
		next, ok := doc[key].(map[string]any)
		if !ok {
			_, list := doc[key].([]any)
			return list
		}
		doc, name = next, rest
	}
}

// related collects the values of some fields under one name.
func (m *Documents) related(name string, from ...string) {
	var all []string
	for _, f := range from {
		if s, ok := getPath(m.doc, f).(string); ok && s != "" && !slices.Contains(all, s) {
			all = append(all, s)
		}
	}
	if all != nil {
		setPath(m.doc, name, all)
	}
}

// reread decodes a record that gave ev once more, with this decoder's layout.
func (d *Decoder) reread(raw []byte, ev *engine.Event, h engine.Handler) {
	d.out.h = h
	c := context{origin: ev.Origin, outer: ev.Outer}
	d.index = ev.Origin.Index
	d.scan.scan(raw, 0, d.plan.probe.trie)
	d.begin(d.plan.probe, raw, &c)
	fallback := -1
	for i, rd := range d.plan.readers {
		d.read.at = d.plan.signs[i]
		switch {
		case rd.dataset != ev.Dataset && rd.own == nil:
		case rd.sniff(&d.read):
			d.readAs(rd, raw, &c)
			return
		case fallback < 0 && rd.dataset == ev.Dataset:
			fallback = i
		}
	}
	if fallback >= 0 {
		d.readAs(d.plan.readers[fallback], raw, &c)
	}
}

// setPath stores a value under a path with dots between keys; what is in the
// way and no object is replaced.
func setPath(doc map[string]any, path string, v any) {
	for {
		key, rest, more := strings.Cut(path, ".")
		if !more {
			doc[key] = v
			return
		}
		next, ok := doc[key].(map[string]any)
		if !ok {
			next = map[string]any{}
			doc[key] = next
		}
		doc, path = next, rest
	}
}

func getPath(doc map[string]any, path string) any {
	for {
		key, rest, more := strings.Cut(path, ".")
		if !more {
			return doc[key]
		}
		next, ok := doc[key].(map[string]any)
		if !ok {
			return nil
		}
		doc, path = next, rest
	}
}
