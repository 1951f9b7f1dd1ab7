package decode

import (
	"bytes"
	"slices"
	"strings"
	"unsafe"

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

	want  *engine.Event
	raw   []byte // the record, secrets overwritten
	clean bool   // there were none
	doc   tree
	text  []byte   // JSON that leaves of doc hold
	list  []string // texts on their way into a list
	out   []byte
}

// NewDocuments makes the scratch of one goroutine.
func (p *Plan) NewDocuments() *Documents {
	return &Documents{plan: p, d: p.full().NewDecoder(), scan: p.opts.Secrets.NewScan()}
}

// full is the plan that extracts every field of the registry, made when first
// asked for. Its slots are in the order of a document.
func (p *Plan) full() *Plan {
	p.fullOnce.Do(func() {
		l := engine.NewLayout()
		for _, f := range sortedFields {
			l.DemandField(f)
		}
		var err error
		if p.fullPlan, err = NewPlan(l, p.opts); err != nil {
			panic(err) // registry fields cannot fail
		}
	})
	return p.fullPlan
}

// sortedFields is the registry by name.
var sortedFields = func() (list []engine.Field) {
	for i := range engine.Fields() {
		list = append(list, engine.Field(i))
	}
	slices.SortFunc(list, func(a, b engine.Field) int { return strings.Compare(a.Name(), b.Name()) })
	return list
}()

// Document gives the document of an event while its batch lives, as fresh
// bytes. Fields that enrichment filled are in it as far as they were demanded.
func (m *Documents) Document(ev *engine.Event) []byte {
	if ev.Document != nil {
		return ev.Document
	}
	m.want, m.raw, m.text = ev, m.raw[:0], m.text[:0]
	m.doc.reset()
	if ev.All != nil {
		for _, f := range ev.All {
			m.put(f.Field, f.Value)
		}
	} else if len(ev.Raw) > 0 {
		m.raw = append(m.raw, ev.Raw...)
		m.clean = m.scan.Overwrite(m.raw) == 0
		m.d.reread(m.raw, ev, m)
	}
	for i, s := range m.plan.layout.Slots() {
		if v := ev.Values[i]; s.Raw == "" && !v.IsNil() && !m.doc.has(s.Name) {
			m.put(s.Field, v)
		}
	}
	m.set(fieldTime, engine.Instant(ev.Time))
	m.put(fieldID, engine.String(ev.ID))
	m.set(fieldDataset, engine.String(ev.Dataset.String()))
	if ev.Derived != "" {
		m.set(fieldAction, engine.String(ev.Derived))
	}
	if !m.doc.has("event.kind") {
		m.set(fieldKind, engine.String("event"))
	}
	m.doc.leaf("ecs.version").value = engine.String(engine.ECSVersion)
	m.related("related.ip", "source.ip", "destination.ip", "runner.ip")
	if ev.Dataset != engine.CloudTrail { // trailDocument knows better
		m.related("related.user", "user.name", "user.target.name")
	}
	m.related("related.hosts", "host.name", "destination.domain", "runner.name")
	m.out = m.doc.append(m.out[:0], 0)
	doc := bytes.Clone(m.out)
	m.want = nil
	if cap(m.out) > 1<<20 { // one oversized record must not keep its memory for ever
		m.raw, m.text, m.out, m.doc.nodes = nil, nil, nil, nil
	}
	return doc
}

// Event takes the event that is read again with every field.
func (m *Documents) Event(ev *engine.Event) {
	if ev.Derived != m.want.Derived {
		return
	}
	if ev.Derived == "" && m.d.read.rd.base != nil {
		m.d.read.rd.base(m)
	}
	for i, v := range ev.Values {
		if !v.IsNil() {
			m.put(sortedFields[i], v)
		}
	}
	if extra := m.d.read.rd.document; extra != nil {
		extra(m)
	}
}

// Refuse and Skip cannot come: the record gave an event before.
func (m *Documents) Refuse(engine.Refusal)      {}
func (m *Documents) Skip(engine.Origin, string) {}

// set stores a field that holds no secret.
func (m *Documents) set(f engine.Field, v engine.Value) { m.doc.leaf(f.Name()).value = v }

// put stores a field; text is looked at once more, because unescaping, cutting
// and joining may have brought a secret to light.
func (m *Documents) put(f engine.Field, v engine.Value) {
	switch v.Kind() {
	case engine.Keyword:
		if s := v.Str(); !m.harmless(s) {
			v = engine.String(m.scan.Redact(s))
		}
	case engine.List:
		m.list = m.list[:0]
		v.Each(func(s string) bool {
			if !m.harmless(s) {
				s = m.scan.Redact(s)
			}
			m.list = append(m.list, s)
			return true
		})
		m.lists(f.Name())
		return
	}
	m.set(f, v)
}

// harmless reports whether a text needs no second look: it is shorter than any
// secret, or a whole string of a record in which no secret was found, as it
// stands there between its quotes.
func (m *Documents) harmless(s string) bool {
	const shortest = 12 // a://:12345@b
	if len(s) < shortest {
		return true
	}
	at := uintptr(unsafe.Pointer(unsafe.StringData(s))) - uintptr(unsafe.Pointer(unsafe.SliceData(m.raw)))
	end := at + uintptr(len(s))
	return m.clean && at > 0 && at < uintptr(len(m.raw)) && end < uintptr(len(m.raw)) &&
		m.raw[at-1] == '"' && m.raw[end] == '"' && strings.IndexByte(s, '\\') < 0
}

// related collects the texts of some fields under one name.
func (m *Documents) related(name string, from ...string) {
	m.list = m.list[:0]
	for _, f := range from {
		m.also(m.doc.str(f))
	}
	m.lists(name)
}

// also puts a text on the list, once.
func (m *Documents) also(s string) {
	if s != "" && !slices.Contains(m.list, s) {
		m.list = append(m.list, s)
	}
}

// lists stores the list, if anything is on it.
func (m *Documents) lists(name string) {
	if len(m.list) == 0 {
		return
	}
	from := len(m.text)
	m.text = appendList(m.text, m.list)
	m.doc.leaf(name).json = m.text[from:]
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
