package engine

import "fmt"

// Layout gives each demanded field a slot: a place in Event.Values. It is
// built once when rules load, then immutable and shared. Only what a rule
// (condition, key, dedup, template) or a station asks for has a slot; the
// decoder extracts nothing else.
type Layout struct {
	slots   []Slot
	byField []int16
	byRaw   map[string]int
}

// Slot is one demanded field: a registry field, or a path into the original record.
type Slot struct {
	Name  string // "source.ip" or "raw.requestParameters.roleArn"
	Field Field  // meaningful when Raw is empty
	Raw   string // path without "raw.", dots between keys
	Type  Type   // a raw path has the type its value has in the record; here Keyword stands for "any scalar or list"
}

// NewLayout makes an empty layout.
func NewLayout() *Layout {
	l := &Layout{byField: make([]int16, len(fields)), byRaw: map[string]int{}}
	for i := range l.byField {
		l.byField[i] = -1
	}
	return l
}

// Demand gives the slot of a name, adding one if needed. An error means that
// the name is neither a registry field nor raw.<path>.
func (l *Layout) Demand(name string) (int, error) {
	if path, ok := RawPath(name); ok {
		if s, ok := l.byRaw[path]; ok {
			return s, nil
		}
		l.byRaw[path] = len(l.slots)
		l.slots = append(l.slots, Slot{Name: name, Raw: path, Type: Keyword})
		return len(l.slots) - 1, nil
	}
	f, ok := LookupField(name)
	if !ok {
		return -1, fmt.Errorf("no field is named %s", name)
	}
	return l.DemandField(f), nil
}

// DemandField gives the slot of a field, adding one if needed.
func (l *Layout) DemandField(f Field) int {
	if s := l.byField[f]; s >= 0 {
		return int(s)
	}
	l.byField[f] = int16(len(l.slots))
	l.slots = append(l.slots, Slot{Name: f.Name(), Field: f, Type: f.Type()})
	return len(l.slots) - 1
}

// Extra adds a slot that no decoder fills: a value that only rule conditions on
// scratch events read (key.run in level_when of a sequence). It stands under
// the field "measure", which no format has, and Demand does not find its name.
func (l *Layout) Extra(name string, t Type) int {
	l.slots = append(l.slots, Slot{Name: name, Field: MustField("measure"), Type: t})
	return len(l.slots) - 1
}

// Slot gives the slot of a field, -1 when nobody demanded it.
func (l *Layout) Slot(f Field) int { return int(l.byField[f]) }

// SlotOf gives the slot of a name, -1 when nobody demanded it.
func (l *Layout) SlotOf(name string) int {
	if path, ok := RawPath(name); ok {
		if s, ok := l.byRaw[path]; ok {
			return s
		}
		return -1
	}
	if f, ok := LookupField(name); ok {
		return l.Slot(f)
	}
	return -1
}

// Len gives the number of slots, the length of Event.Values.
func (l *Layout) Len() int { return len(l.slots) }

// Slots lists the slots in order. Read only.
func (l *Layout) Slots() []Slot { return l.slots }

// RawPath gives the path of a raw.<path> name.
func RawPath(name string) (string, bool) {
	if len(name) > 4 && name[:4] == "raw." {
		return name[4:], true
	}
	return "", false
}
