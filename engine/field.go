package engine

// Field is a registered field, an index into the registry. Numbers are not
// stable between versions; whatever is stored holds names.
type Field uint16

// FieldDef declares one field of an event.
type FieldDef struct {
	Name    string // ECS name, or a name under one of Reflex's own roots
	Type    Type
	Text    bool // free text from outside: scanned for secrets before it is kept
	Meaning string
}

var byName = func() map[string]Field {
	m := make(map[string]Field, len(fields))
	for i, d := range fields {
		if _, dup := m[d.Name]; dup {
			panic("field registered twice: " + d.Name)
		}
		m[d.Name] = Field(i)
	}
	return m
}()

// LookupField finds a field by name.
func LookupField(name string) (Field, bool) { f, ok := byName[name]; return f, ok }

// MustField is LookupField for names written in Go; an unknown name is a bug.
func MustField(name string) Field {
	f, ok := byName[name]
	if !ok {
		panic("no field is named " + name)
	}
	return f
}

// Fields lists the registry in order. Read only.
func Fields() []FieldDef { return fields }

// Name gives the field's name.
func (f Field) Name() string { return fields[f].Name }

// Type gives the field's type.
func (f Field) Type() Type { return fields[f].Type }

// Def gives the whole declaration.
func (f Field) Def() FieldDef { return fields[f] }
