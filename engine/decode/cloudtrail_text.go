package decode

import (
	"encoding/json"
	"math"
	"slices"
	"strconv"
	"strings"
	"unicode/utf16"

	"github.com/seed-843b225c/reflex/engine"
)

// The free-form objects of a CloudTrail record (what was asked, what was
// answered) have as many shapes as AWS has calls. Elastic keeps each twice: as
// one text for searching, {roleArn=arn:..., durationSeconds=3600}, in the order
// in which its Java map happens to walk it, and as an object of the type
// flattened. Nulls, empty texts and what holds nothing else are left out of both.

// trailText gives the object of the row's path as that text.
func trailText(r *reading) engine.Value {
	n := r.node(0)
	if s := r.str(0); len(s) > 1 && s[0] == '{' && json.Valid(bytesOf(s)) { // a copy in a data lake
		n = bytesOf(s)
	}
	if k := n.kind(); k != '{' && k != '[' {
		return text(r.str(0))
	}
	if hollow(n) {
		return engine.Value{}
	}
	from := len(r.arena)
	r.arena = appendJava(r.arena, n)
	return engine.String(alias(r.arena[from:]))
}

// hollow reports whether a value is null, an empty text, or made of such alone.
func hollow(n node) bool {
	empty := true
	check := func(v node) bool {
		empty = hollow(v)
		return empty
	}
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

// javaField is one field of an object and where Java's HashMap keeps it.
type javaField struct {
	key   string
	value node
	hash  uint32
}

// javaFields gives the fields of an object in the order of a Java HashMap that
// they were put into as written.
func javaFields(n node) []javaField {
	var list []javaField
	n.fields(func(key string, v node) bool {
		i := slices.IndexFunc(list, func(f javaField) bool { return f.key == key })
		if i >= 0 {
			list[i].value = v
			return true
		}
		list = append(list, javaField{key, v, javaHash(key)})
		return true
	})
	buckets := 16
	for len(list) > buckets*3/4 {
		buckets *= 2
	}
	mask := uint32(buckets - 1)
	slices.SortStableFunc(list, func(a, b javaField) int { return int(a.hash&mask) - int(b.hash&mask) })
	return list
}

// javaHash is what a HashMap makes of String.hashCode.
func javaHash(s string) uint32 {
	var h uint32
	for _, r := range s {
		if r >= 0x10000 {
			high, low := utf16.EncodeRune(r)
			h, r = 31*h+uint32(high), low
		}
		h = 31*h + uint32(r)
	}
	return h ^ h>>16
}

// appendJava appends a value as Java's toString writes it.
func appendJava(dst []byte, n node) []byte {
	first := true
	separate := func() {
		if !first {
			dst = append(dst, ", "...)
		}
		first = false
	}
	switch n.kind() {
	case '{':
		dst = append(dst, '{')
		for _, f := range javaFields(n) {
			if hollow(f.value) {
				continue
			}
			separate()
			dst = append(append(dst, f.key...), '=')
			dst = appendJava(dst, f.value)
		}
		return append(dst, '}')
	case '[':
		dst = append(dst, '[')
		n.elements(func(v node) bool {
			if !hollow(v) {
				separate()
				dst = appendJava(dst, v)
			}
			return true
		})
		return append(dst, ']')
	case '0':
		return append(dst, javaNumber(alias(n))...)
	}
	return n.text(dst)
}

// javaNumber writes whole numbers as they are and others as Double.toString does.
func javaNumber(s string) string {
	if !strings.ContainsAny(s, ".eE") {
		return s
	}
	f, err := strconv.ParseFloat(s, 64)
	if err != nil {
		return s
	}
	if a := math.Abs(f); a == 0 || a >= 1e-3 && a < 1e7 {
		s = strconv.FormatFloat(f, 'f', -1, 64)
		if !strings.Contains(s, ".") {
			s += ".0"
		}
		return s
	}
	mantissa, exponent, _ := strings.Cut(strconv.FormatFloat(f, 'e', -1, 64), "e")
	if !strings.Contains(mantissa, ".") {
		mantissa += ".0"
	}
	if e, err := strconv.Atoi(exponent); err == nil {
		exponent = strconv.Itoa(e)
	}
	return mantissa + "E" + exponent
}

// solid gives a value for a document without what is hollow.
func solid(n node) any {
	switch n.kind() {
	case '{':
		m := map[string]any{}
		n.fields(func(key string, v node) bool {
			if hollow(v) {
				delete(m, strings.Clone(key))
			} else {
				m[strings.Clone(key)] = solid(v)
			}
			return true
		})
		return m
	case '[':
		list := []any{}
		n.elements(func(v node) bool {
			if !hollow(v) {
				list = append(list, solid(v))
			}
			return true
		})
		return list
	case '0':
		return json.Number(strings.Clone(n.str()))
	case 't', 'f':
		return n.kind() == 't'
	}
	return strings.Clone(n.str())
}

// trailDocument adds what no field of the registry holds.
func trailDocument(doc map[string]any, raw []byte) {
	record := node(raw)
	for _, part := range [...]struct{ key, name string }{
		{"requestParameters", "request_parameters"}, {"responseElements", "response_elements"},
		{"additionalEventData", "additional_eventdata"}, {"serviceEventDetails", "service_event_details"}, {"insightDetails", "insight_details"},
	} {
		const limit = 32766 // of a term in Lucene
		if v := opened(record.like(part.key)); v.kind() == '{' && !hollow(v) && len(appendJava(nil, v)) < limit {
			setPath(doc, "aws.cloudtrail.flattened."+part.name, solid(v))
		}
	}
	if list := trailResources(opened(record.like("resources"))); list != nil {
		setPath(doc, "aws.cloudtrail.resources", list)
	}
	// A role is no user: the name of a session's issuer is user.name alone.
	var users []string
	for _, s := range [...]string{opened(record.like("userIdentity")).like("userName").str(), opened(record.like("requestParameters")).like("userName").str(),
		opened(record.like("requestParameters")).like("newUserName").str()} {
		if s != "" && !slices.Contains(users, s) {
			users = append(users, strings.Clone(s))
		}
	}
	if users != nil {
		setPath(doc, "related.user", users)
	}
}

// trailResources gives the resources of a record, each once.
func trailResources(n node) []any {
	var list []any
	var seen []string
	n.elements(func(v node) bool {
		m, ok := solid(v).(map[string]any)
		if !ok || len(m) == 0 {
			return true
		}
		for from, to := range map[string]string{"ARN": "arn", "accountId": "account_id"} {
			if x, ok := m[from]; ok {
				delete(m, from)
				m[to] = x
			}
		}
		b, _ := json.Marshal(m)
		if !slices.Contains(seen, string(b)) {
			seen, list = append(seen, string(b)), append(list, m)
		}
		return true
	})
	return list
}

// like is get for one key in any case; the key as written is preferred.
func (n node) like(key string) node {
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

// opened gives the JSON in a string that holds an object or list, as copies in
// data lakes have them, and else the value itself.
func opened(n node) node {
	if n.kind() != '"' {
		return n
	}
	s := n.text(nil)
	if i := skipSpace(s, 0); i < len(s) && (s[i] == '{' || s[i] == '[') && json.Valid(s) {
		return node(s[i:])
	}
	return n
}
