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
	r.outline.read(n)
	if r.outline.hollow(0) {
		return engine.Value{}
	}
	from := len(r.arena)
	r.arena = r.outline.appendJava(r.arena, 0)
	return engine.String(alias(r.arena[from:]))
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

// trailKeys are the objects that trailDocument reads: first the free-form ones,
// then resources and who called.
var (
	trailKeys  = []string{"requestParameters", "responseElements", "additionalEventData", "serviceEventDetails", "insightDetails", "resources", "userIdentity"}
	trailParts = [...]string{"aws.cloudtrail.flattened.request_parameters", "aws.cloudtrail.flattened.response_elements", "aws.cloudtrail.flattened.additional_eventdata",
		"aws.cloudtrail.flattened.service_event_details", "aws.cloudtrail.flattened.insight_details"}
	userKeys = []string{"userName", "newUserName"}
)

// trailDocument adds what no field of the registry holds.
func trailDocument(m *Documents) {
	var found [7]node
	node(m.raw).likes(trailKeys, found[:])
	for i := range found {
		found[i] = opened(found[i])
	}
	o := &m.d.read.outline
	for i, path := range trailParts {
		if found[i].kind() != '{' {
			continue
		}
		if o.read(found[i]); !o.hollow(0) && o.isTerm() {
			from := len(m.text)
			m.text = o.appendJSON(m.text, 0)
			m.doc.leaf(path).json = m.text[from:]
		}
	}
	if found[5].kind() == '[' {
		o.read(found[5])
		from := len(m.text)
		if m.text = o.appendResources(m.text); len(m.text) > from+len("[]") {
			m.doc.leaf("aws.cloudtrail.resources").json = m.text[from:]
		}
	}
	// A role is no user: the name of a session's issuer is user.name alone.
	var names [3]node
	found[6].likes(userKeys[:1], names[:1])
	found[0].likes(userKeys, names[1:])
	m.list = m.list[:0]
	for _, name := range names {
		m.also(name.str())
	}
	m.lists("related.user")
}

// isTerm reports whether the text of what was read is short enough for one term
// in Lucene. It is at most three times as long as its JSON, as 1e6 and 1000000.0
// are.
func (o *outline) isTerm() bool {
	const limit = 32766
	if 3*len(o.items[0].value) < limit {
		return true
	}
	o.text = o.appendJava(o.text[:0], 0)
	return len(o.text) < limit
}

// appendResources writes the resources of a record, each once.
func (o *outline) appendResources(dst []byte) []byte {
	seen := map[string]bool{"{}": true}
	dst = append(dst, '[')
	end := len(dst)
	for kid := int32(1); kid < o.items[0].end; kid = o.items[kid].end {
		if o.items[kid].value.kind() != '{' {
			continue
		}
		if dst = dst[:end]; dst[end-1] != '[' {
			dst = append(dst, ',')
		}
		from := len(dst)
		fields := o.fields(kid)
		fields = o.rename(fields, "ARN", "arn")
		fields = o.rename(fields, "accountId", "account_id")
		dst = o.appendObject(dst, fields)
		if one := string(dst[from:]); !seen[one] {
			seen[one] = true
			end = len(dst)
		}
		o.order = o.order[:0]
	}
	return append(dst[:end], ']')
}

// rename gives a field that holds something another name, in the place of one
// that had it.
func (o *outline) rename(fields []int32, from, to string) []int32 {
	i := slices.IndexFunc(fields, func(f int32) bool { return o.items[f].key == from && !o.items[f].hollow })
	if i < 0 {
		return fields
	}
	renamed := fields[i]
	o.items[renamed].key = to
	fields = slices.DeleteFunc(fields, func(f int32) bool { return o.items[f].key == to && f != renamed })
	slices.SortFunc(fields, func(a, b int32) int { return strings.Compare(o.items[a].key, o.items[b].key) })
	return fields
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
