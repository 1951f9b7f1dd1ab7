package window

// FirstSpec says when a value is new: no event of its key and value within
// Memory ns before it, and the key is past its learning.
type FirstSpec struct {
	Memory int64
	For    int64 // learning lasts at least so long after the key's first event, ns
	Events int64 // and at least so many events of the key
}

// First remembers the values of every key of one rule. It speaks only about
// settled events, given in order.
type First struct {
	spec   FirstSpec
	keys   *Aging[*learner]
	values *Aging[sighting] // under the hash of key and value
}

type learner struct {
	born, last int64
	events     int64
}

// sighting is the latest time of a value. fresh says whether it was new at
// that time: events of equal time do not make each other known.
type sighting struct {
	last  int64
	fresh bool
}

// NewFirst makes an empty memory.
func NewFirst(s FirstSpec) *First {
	return &First{spec: s, keys: NewAging[*learner](s.Memory, nil), values: NewAging[sighting](s.Memory, nil)}
}

// Settle judges one event; all events before it in order were given before.
// value is the hash of key and value together.
func (f *First) Settle(t int64, key, value Key) (point, learning bool) {
	f.keys.Advance(t)
	f.values.Advance(t)
	l, ok := f.keys.Get(key)
	if !ok {
		l = &learner{born: t, last: t}
		f.keys.Put(key, l)
	}
	if t-l.last > f.spec.Memory {
		*l = learner{born: t}
	}
	learning = t-l.born < f.spec.For || l.events < f.spec.Events
	l.last = t
	l.events++
	v, ok := f.values.Get(value)
	if !ok || v.last != t {
		v = sighting{last: t, fresh: !ok || v.last < t-f.spec.Memory}
		f.values.Put(value, v)
	}
	return v.fresh && !learning, learning
}

// Known reports whether a value was seen lately, by what has settled: a hint
// for what need not be kept.
func (f *First) Known(t int64, value Key) bool {
	v, ok := f.values.Get(value)
	return ok && v.last >= t-f.spec.Memory
}

// Len counts keys and values.
func (f *First) Len() int { return f.keys.Len() + f.values.Len() }
