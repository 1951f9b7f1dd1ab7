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
	news   *firstNews       // with Track
}

// firstNews is what changed since the last Changed.
type firstNews struct {
	keys   map[Key]struct{}
	values map[Key]uint64 // with Hi of the key they belong to
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
	if f.news != nil {
		f.news.keys[key] = struct{}{}
		f.news.values[value] = key.Hi
	}
	return v.fresh && !learning, learning
}

// Track remembers from now on what changes, for Changed.
func (f *First) Track() { f.news = &firstNews{map[Key]struct{}{}, map[Key]uint64{}} }

// Learner is what is known of a key: its first event since it was last silent
// for longer than memory, its latest, ns, and how many it had since.
type Learner struct{ Born, Last, Events int64 }

// Sighting is what is known of a value: the Hi of the key it belongs to, its
// latest event, ns, and whether it was new then.
type Sighting struct {
	Owner uint64
	Last  int64
	Fresh bool
}

// News counts what Changed would give.
func (f *First) News() int {
	if f.news == nil {
		return 0
	}
	return len(f.news.keys) + len(f.news.values)
}

// Changed gives what changed since it was last called, in no order. The owner
// stores it; Recall and RecallValue bring it back.
func (f *First) Changed(key func(Key, Learner), value func(Key, Sighting)) {
	if f.news == nil {
		return
	}
	for k := range f.news.keys {
		if l, ok := f.keys.Get(k); ok {
			key(k, Learner{l.born, l.last, l.events})
		}
	}
	for k, owner := range f.news.values {
		if v, ok := f.values.Get(k); ok {
			value(k, Sighting{owner, v.last, v.fresh})
		}
	}
	if len(f.news.keys)+len(f.news.values) > 4096 { // give a flood's memory back
		f.Track()
		return
	}
	clear(f.news.keys)
	clear(f.news.values)
}

// Recall brings a key back, before the first Settle.
func (f *First) Recall(k Key, l Learner) { f.keys.Put(k, &learner{l.Born, l.Last, l.Events}) }

// RecallValue brings a value back, before the first Settle.
func (f *First) RecallValue(k Key, s Sighting) { f.values.Put(k, sighting{s.Last, s.Fresh}) }

// Known reports whether a value was seen lately, by what has settled: a hint
// for what need not be kept.
func (f *First) Known(t int64, value Key) bool {
	v, ok := f.values.Get(value)
	return ok && v.last >= t-f.spec.Memory
}

// Learns reports whether a key still learns at t whatever comes, when all events
// up to settled are settled: a hint for what need not be kept. A key's first
// event is the one known, or comes later.
func (f *First) Learns(t, settled int64, key Key) bool {
	if l, ok := f.keys.Get(key); ok {
		return t-l.born < f.spec.For
	}
	return t-f.spec.For <= settled
}

// Len counts keys and values.
func (f *First) Len() int { return f.keys.Len() + f.values.Len() }
