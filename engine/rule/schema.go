package rule

import (
	"bytes"
	"encoding/json"
	"slices"
)

//go:generate go test -run TestSchemaIsCurrent -update .

// SchemaJSON gives the JSON Schema (draft 2020-12) of rule, exception, list and
// inventory documents, for editors. It is printed from the tables that the
// walker checks by and stands in rules/schema.json.
func SchemaJSON() []byte {
	p := &printer{defs: members{}}
	// the last kind stands for whatever is none of the others, as in kindOf
	pick := p.ref(ruleSpec)
	for _, k := range []struct{ kind, key string }{{docKeys, "ai_keys"}, {docList, "entries"}, {docException, ""}} {
		is := []any{members{{"properties", members{{"kind", members{{"const", k.kind}}}}}, {"required", []string{"kind"}}}}
		if k.key != "" {
			is = append(is, members{{"not", members{{"required", []string{"kind"}}}}, {"required", []string{k.key}}})
		}
		pick = members{{"if", members{{"anyOf", is}}}, {"then", p.ref(docSpecs[k.kind])}, {"else", pick}}
	}
	root := append(members{
		{"$schema", "https://json-schema.org/draft/2020-12/schema"},
		{"$id", "https://github.com/seed-843b225c/reflex/rules/schema.json"},
		{"title", "Reflex rules, exceptions, lists and inventories"},
		{"type", "object"},
	}, pick...)
	root = append(root, member{"$defs", p.defs.sorted()})
	var out bytes.Buffer
	b, err := json.Marshal(root)
	if err != nil {
		panic(err) // the tables hold nothing that JSON cannot say
	}
	json.Indent(&out, b, "", "  ")
	out.WriteByte('\n')
	return out.Bytes()
}

// members is a JSON object that keeps its order.
type members []member

type member struct {
	name  string
	value any
}

func (m members) MarshalJSON() ([]byte, error) {
	var b bytes.Buffer
	b.WriteByte('{')
	for i, e := range m {
		if i > 0 {
			b.WriteByte(',')
		}
		name, _ := json.Marshal(e.name)
		value, err := json.Marshal(e.value)
		if err != nil {
			return nil, err
		}
		b.Write(name)
		b.WriteByte(':')
		b.Write(value)
	}
	b.WriteByte('}')
	return b.Bytes(), nil
}

func (m members) sorted() members {
	slices.SortFunc(m, func(a, b member) int { return bytes.Compare([]byte(a.name), []byte(b.name)) })
	return m
}

// printer prints specs; those with a name go to $defs, once.
type printer struct{ defs members }

func (p *printer) ref(s *spec) members {
	at := slices.IndexFunc(p.defs, func(m member) bool { return m.name == s.name })
	if at < 0 {
		at = len(p.defs)
		p.defs = append(p.defs, member{s.name, nil})
		p.defs[at].value = p.plain(s)
	}
	return members{{"$ref", "#/$defs/" + s.name}}
}

func (p *printer) spec(s *spec) members {
	if s.name != "" {
		return p.ref(s)
	}
	return p.plain(s)
}

func (p *printer) plain(s *spec) members {
	switch s.form {
	case formText, formTemplate, formRef:
		return members{{"type", "string"}, {"pattern", `\S`}}
	case formExpr:
		return members{{"type", []string{"string", "number", "boolean"}}}
	case formScalar:
		return members{{"type", []string{"string", "number", "boolean"}}}
	case formSlug:
		return members{{"type", "string"}, {"pattern", slugForm.String()}, {"maxLength", 80}}
	case formName:
		return members{{"type", "string"}, {"pattern", nameForm.String()}, {"maxLength", 80}}
	case formWord:
		return members{{"enum", s.words}}
	case formDuration:
		return members{{"type", "string"}, {"pattern", `^([0-9]{1,9}[smhd])+$`}}
	case formInteger:
		return members{{"type", "integer"}, {"minimum", s.min}}
	case formNumber:
		return members{{"type", "number"}, {"minimum", 0}}
	case formBool:
		return members{{"type", "boolean"}}
	case formDate:
		return members{{"type", "string"}, {"pattern", `^[0-9]{4}-[0-9]{2}-[0-9]{2}(T.*)?$`}}
	case formField:
		return members{{"anyOf", []any{members{{"enum", fieldNames()}}, members{{"type", "string"}, {"pattern", `^raw\.`}}}}}
	case formTag:
		return members{{"type", "string"}, {"pattern", `^(attack|atlas|reflex|car|cve|d3fend|detection|stp|tlp)\.[a-z0-9._-]+$`}}
	case formNetwork:
		return members{{"type", "string"}, {"pattern", `^[0-9a-fA-F.:]+(/[0-9]{1,3})?$`}}
	case formAny:
		return members{{"type", "object"}}
	case formSet:
		value := members{{"type", []string{"string", "number", "boolean", "array"}}}
		if s.elem != nil {
			value = p.spec(s.elem)
		}
		return members{{"type", "object"}, {"propertyNames", p.ref(fieldSpec)}, {"additionalProperties", value}}
	}
	return p.compound(s)
}

func (p *printer) compound(s *spec) members {
	switch s.form {
	case formList:
		list := members{{"type", "array"}, {"items", p.spec(s.elem)}}
		if s.min > 0 {
			list = append(list, member{"minItems", s.min})
		}
		if s.single {
			return members{{"anyOf", []any{p.spec(s.elem), list}}}
		}
		return list
	case formMap:
		m := members{{"type", "object"}, {"additionalProperties", p.spec(s.elem)}}
		if s.min > 0 {
			m = append(m, member{"minProperties", s.min})
		}
		if s.max > 0 {
			m = append(m, member{"maxProperties", s.max})
		}
		return m
	case formEither:
		var alts []any
		for _, a := range s.alts {
			alts = append(alts, p.spec(a))
		}
		return members{{"anyOf", alts}}
	}
	return p.object(s)
}

func (p *printer) object(s *spec) members {
	props, must := members{}, []string{}
	for _, k := range s.keys {
		v := p.spec(k.spec)
		help := k.help
		if k.def != "" {
			help += " (default: " + k.def + ")"
		}
		props = append(props, member{k.name, append(slices.Clone(v), member{"description", help})})
		if k.must {
			must = append(must, k.name)
		}
	}
	m := members{{"type", "object"}, {"properties", props}, {"additionalProperties", false}}
	if len(must) > 0 {
		m = append(m, member{"required", must})
	}
	if s == ruleSpec {
		has := func(k string) members { return members{{"required", []string{k}}} }
		m = append(m,
			member{"if", has("sequence")},
			member{"then", members{{"not", members{{"anyOf", []any{has("when"), has("count"), has("first_seen")}}}}}},
			member{"else", members{{"required", []string{"when"}}, {"not", members{{"required", []string{"count", "first_seen"}}}}}},
		)
	}
	return m
}
