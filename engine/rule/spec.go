package rule

// form is what a YAML value may look like.
type form uint8

const (
	formText     form = iota // text, not empty
	formScalar               // any scalar, read as text
	formSlug                 // lower-case words joined by hyphens
	formName                 // a lower-case word: key names, step ids
	formWord                 // one of spec.words
	formDuration             // 90s, 10m, 1h30m, 30d
	formInteger
	formNumber
	formBool
	formDate     // 2026-03-02 or RFC 3339
	formExpr     // an expression
	formField    // a registry field or raw.<path>
	formRef      // a field, <step>.<field>, key.<name>, count or measure
	formTemplate // text with {{ reference }}
	formTag
	formNetwork // CIDR or address
	formAny     // anything: a record as it is
	formList    // of spec.elem
	formMap     // names to spec.elem
	formSet     // field names to scalars, typed by the registry
	formObject  // spec.keys
	formEither  // spec.alts by the YAML kind of the value
)

// spec says what a value must be. The walker checks by it, the schema is
// printed from it: there is no other description of the language.
type spec struct {
	form   form
	words  []string // of formWord
	what   string   // of formWord: "level", "mode", ...
	elem   *spec    // of lists and maps; of formEither see alts
	keys   []key    // of objects
	alts   []*spec  // of formEither: at most one scalar, one list, one mapping
	single bool     // a list's only element may stand without brackets
	min    int      // fewest elements of a list or map; least integer
	max    int      // most elements of a map; 0: any number
	name   string   // for the schema's $defs; "" for what is printed in place
}

// key is one key of an object.
type key struct {
	name string
	spec *spec
	must bool
	help string
	def  string // default as people read it; "" when there is none
}

func word(what string, words ...string) *spec { return &spec{form: formWord, what: what, words: words} }

func listOf(elem *spec, min int) *spec { return &spec{form: formList, elem: elem, min: min} }

// oneOrMore is a list whose only element may stand alone.
func oneOrMore(elem *spec) *spec { return &spec{form: formList, elem: elem, min: 1, single: true} }

func mapOf(elem *spec, min, max int) *spec {
	return &spec{form: formMap, elem: elem, min: min, max: max}
}

func object(name string, keys ...key) *spec { return &spec{form: formObject, name: name, keys: keys} }

func eitherOf(alts ...*spec) *spec { return &spec{form: formEither, alts: alts} }

func (s *spec) key(name string) *key {
	for i := range s.keys {
		if s.keys[i].name == name {
			return &s.keys[i]
		}
	}
	return nil
}

func (s *spec) keyNames() []string {
	names := make([]string, len(s.keys))
	for i, k := range s.keys {
		names[i] = k.name
	}
	return names
}
