package window

// Aging is a map whose entries leave by themselves when nobody asked for them
// during a whole span of event time: a timing wheel with two slots. An entry
// lives between one span and two after it was last touched, costs no memory
// for its expiry, and a turn of the wheel drops a whole generation at once.
type Aging[V any] struct {
	span    int64
	turned  int64
	young   map[Key]V
	old     map[Key]V
	started bool
	alive   func(v V, since int64) bool
}

// NewAging makes an empty map whose entries stay for at least span ns after
// the watermark at which they were last touched. alive, when not nil, keeps an
// entry beyond that: it says whether v holds something later than since.
func NewAging[V any](span int64, alive func(v V, since int64) bool) *Aging[V] {
	return &Aging[V]{span: max(span, 1), young: map[Key]V{}, alive: alive}
}

// Get finds and touches an entry.
func (a *Aging[V]) Get(k Key) (V, bool) {
	if v, ok := a.young[k]; ok {
		return v, true
	}
	v, ok := a.old[k]
	if ok {
		delete(a.old, k)
		a.young[k] = v
	}
	return v, ok
}

// Put sets and touches an entry.
func (a *Aging[V]) Put(k Key, v V) {
	if len(a.old) > 0 {
		delete(a.old, k)
	}
	a.young[k] = v
}

// Delete removes an entry.
func (a *Aging[V]) Delete(k Key) {
	delete(a.young, k)
	delete(a.old, k)
}

// Len counts the entries.
func (a *Aging[V]) Len() int { return len(a.young) + len(a.old) }

// Advance turns the wheel when the watermark has moved a span.
func (a *Aging[V]) Advance(now int64) {
	if !a.started {
		a.started, a.turned = true, now
		return
	}
	if now-a.turned < a.span {
		return
	}
	next := make(map[Key]V, len(a.young)/4)
	a.rescue(next, a.old, now)
	if now-a.turned >= 2*a.span { // nobody touched the young for a span either
		a.rescue(next, a.young, now)
		a.young = nil
	}
	a.old, a.young = a.young, next
	a.turned = now
}

// rescue takes over what is still alive.
func (a *Aging[V]) rescue(next, from map[Key]V, now int64) {
	if a.alive == nil {
		return
	}
	for k, v := range from {
		if a.alive(v, now-a.span) {
			next[k] = v
		}
	}
}

// Each calls f with every entry, in no order.
func (a *Aging[V]) Each(f func(Key, V)) {
	for k, v := range a.young {
		f(k, v)
	}
	for k, v := range a.old {
		f(k, v)
	}
}
