package decode

import (
	"bytes"
	"encoding/json"
	"slices"
	"strings"

	"github.com/seed-843b225c/reflex/engine"
)

// plain makes documents the obvious way: maps of maps, each value asked for on
// its own and looked at for secrets, written by encoding/json.
type plain struct {
	*Documents
	want *engine.Event
	raw  []byte
	doc  map[string]any
}

func (p *Plan) newPlain() *plain { return &plain{Documents: p.NewDocuments()} }

func (m *plain) document(ev *engine.Event) []byte {
	m.want, m.doc = ev, map[string]any{}
	if ev.All != nil {
		for _, f := range ev.All {
			m.put(f.Field.Name(), f.Value)
		}
	} else if len(ev.Raw) > 0 {
		m.raw = slices.Clone(ev.Raw)
		m.scan.Overwrite(m.raw)
		m.d.reread(m.raw, ev, m)
	}
	for i, s := range m.plan.layout.Slots() {
		if v := ev.Values[i]; s.Raw == "" && !v.IsNil() && !hasPath(m.doc, s.Name) {
			m.put(s.Name, v)
		}
	}
	m.put("@timestamp", engine.Instant(ev.Time))
	m.put("event.id", engine.String(ev.ID))
	m.put("event.dataset", engine.String(ev.Dataset.String()))
	if ev.Derived != "" {
		m.put("event.action", engine.String(ev.Derived))
	}
	if !hasPath(m.doc, "event.kind") {
		m.put("event.kind", engine.String("event"))
	}
	setPath(m.doc, "ecs.version", engine.ECSVersion)
	m.related("related.ip", "source.ip", "destination.ip", "runner.ip")
	if ev.Dataset != engine.CloudTrail {
		m.related("related.user", "user.name", "user.target.name")
	}
	m.related("related.hosts", "host.name", "destination.domain", "runner.name")
	var b bytes.Buffer
	enc := json.NewEncoder(&b)
	enc.SetEscapeHTML(false)
	if err := enc.Encode(m.doc); err != nil {
		panic(err)
	}
	return bytes.TrimSuffix(b.Bytes(), []byte{'\n'})
}

func (m *plain) Event(ev *engine.Event) {
	if ev.Derived != m.want.Derived {
		return
	}
	if ev.Derived == "" && m.d.read.rd.name == "ecs" {
		var flat map[string]any
		dec := json.NewDecoder(bytes.NewReader(m.raw))
		dec.UseNumber()
		if dec.Decode(&flat) == nil {
			nest(m.doc, "", flat)
			for _, path := range dropped {
				dropPath(m.doc, path)
			}
		}
	}
	for i, v := range ev.Values {
		if !v.IsNil() {
			m.put(m.d.plan.layout.Slots()[i].Name, v)
		}
	}
	if m.d.read.rd.name == "cloudtrail" {
		m.trail(m.raw)
	}
}

func (m *plain) put(name string, v engine.Value) {
	x := v.Any()
	if s, ok := x.(string); ok && v.Kind() == engine.Keyword {
		x = m.scan.Redact(strings.Clone(s))
	}
	if list, ok := x.([]string); ok {
		for i, s := range list {
			list[i] = m.scan.Redact(strings.Clone(s))
		}
	}
	setPath(m.doc, name, x)
}

func (m *plain) related(name string, from ...string) {
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

// trail is trailDocument.
func (m *plain) trail(record node) {
	for key, name := range map[string]string{"requestParameters": "request_parameters", "responseElements": "response_elements",
		"additionalEventData": "additional_eventdata", "serviceEventDetails": "service_event_details", "insightDetails": "insight_details"} {
		if v := opened(like(record, key)); v.kind() == '{' && !plainHollow(v) && len(plainJava(nil, v)) < 32766 {
			setPath(m.doc, "aws.cloudtrail.flattened."+name, solid(v))
		}
	}
	var list []any
	var seen []string
	opened(like(record, "resources")).elements(func(v node) bool {
		one, ok := solid(v).(map[string]any)
		if !ok || len(one) == 0 {
			return true
		}
		for from, to := range map[string]string{"ARN": "arn", "accountId": "account_id"} {
			if x, ok := one[from]; ok {
				delete(one, from)
				one[to] = x
			}
		}
		if b, _ := json.Marshal(one); !slices.Contains(seen, string(b)) {
			seen, list = append(seen, string(b)), append(list, one)
		}
		return true
	})
	if list != nil {
		setPath(m.doc, "aws.cloudtrail.resources", list)
	}
	var users []string
	for _, s := range [...]string{like(opened(like(record, "userIdentity")), "userName").str(), like(opened(like(record, "requestParameters")), "userName").str(),
		like(opened(like(record, "requestParameters")), "newUserName").str()} {
		if s != "" && !slices.Contains(users, s) {
			users = append(users, s)
		}
	}
	if users != nil {
		setPath(m.doc, "related.user", users)
	}
}

// like is likes for one key.
func like(n node, key string) node {
	if v := n.get(key); v != nil {
		return v
	}
	var found node
	n.fields(func(k string, v node) bool {
		if strings.EqualFold(k, key) {
			found = v
		}
		return true
	})
	return found
}

func plainHollow(n node) bool {
	empty := true
	check := func(v node) bool { empty = empty && plainHollow(v); return true }
	switch n.kind() {
	case 0, 'n':
		return true
	case '"':
		return len(n) == 2
	case '{':
		n.fields(func(_ string, v node) bool { return check(v) })
		return empty
	case '[':
		n.elements(check)
		return empty
	}
	return false
}

// solid gives a value without what is hollow.
func solid(n node) any {
	switch n.kind() {
	case '{':
		m := map[string]any{}
		n.fields(func(key string, v node) bool {
			if delete(m, key); !plainHollow(v) {
				m[key] = solid(v)
			}
			return true
		})
		return m
	case '[':
		list := []any{}
		n.elements(func(v node) bool {
			if !plainHollow(v) {
				list = append(list, solid(v))
			}
			return true
		})
		return list
	case '0':
		return json.Number(n.str())
	case 't', 'f':
		return n.kind() == 't'
	}
	return n.str()
}

// plainJava is outline.appendJava, one list of buckets an object.
func plainJava(dst []byte, n node) []byte {
	sep := ""
	add := func(s string) { dst, sep = append(append(dst, sep...), s...), ", " }
	switch n.kind() {
	case '{':
		var keys []string
		values := map[string]node{}
		n.fields(func(key string, v node) bool {
			if values[key] == nil {
				keys = append(keys, key)
			}
			values[key] = v
			return true
		})
		buckets := 16
		for len(keys) > buckets*3/4 {
			buckets *= 2
		}
		table := make([][]string, buckets)
		for _, key := range keys {
			b := javaHash(key) & uint32(buckets-1)
			table[b] = append(table[b], key)
		}
		dst = append(dst, '{')
		for _, key := range slices.Concat(table...) {
			if v := values[key]; !plainHollow(v) {
				add(key + "=" + string(plainJava(nil, v)))
			}
		}
		return append(dst, '}')
	case '[':
		dst = append(dst, '[')
		n.elements(func(v node) bool {
			if !plainHollow(v) {
				add(string(plainJava(nil, v)))
			}
			return true
		})
		return append(dst, ']')
	case '0':
		return append(dst, javaNumber(alias(n))...)
	}
	return n.text(dst)
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

// hasPath is tree.has.
func hasPath(doc map[string]any, path string) bool {
	for {
		key, rest, more := strings.Cut(path, ".")
		if !more {
			return doc[key] != nil
		}
		next, ok := doc[key].(map[string]any)
		if !ok {
			_, list := doc[key].([]any)
			return list
		}
		doc, path = next, rest
	}
}
