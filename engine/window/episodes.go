package window

// Episodes joins points of one key that are at most Within apart into
// episodes at most Most long. Points come settled and in order; one that comes
// late joins an open episode or makes one of its own.
type Episodes[T any] struct {
	Within, Most int64 // ns
	open         map[Key]*Span[T]
	closing      Queue[*Span[T]]
}

// Span is one episode. Of holds what its owner knows of it.
type Span[T any] struct {
	Key        Key
	Start, End int64 // first and last point, ns
	Of         T

	due    int64
	closed bool
}

// NewEpisodes makes an empty set of episodes.
func NewEpisodes[T any](within, most int64) *Episodes[T] {
	e := &Episodes[T]{Within: within, Most: most, open: map[Key]*Span[T]{}}
	e.closing.Before = func(a, b *Span[T]) bool { return a.due < b.due }
	return e
}

// Add takes a point. It gives the point's episode, and the one of the same key
// that ended before it, if it was still open.
func (e *Episodes[T]) Add(k Key, t int64) (sp, ended *Span[T], opened bool) {
	sp = e.open[k]
	if sp != nil && e.Joins(sp, t) {
		sp.Start, sp.End = min(sp.Start, t), max(sp.End, t)
		return sp, nil, false
	}
	late := sp != nil && t < sp.Start
	if sp != nil && !late {
		sp.closed = true
		ended = sp
	}
	sp = &Span[T]{Key: k, Start: t, End: t}
	sp.due = e.last(sp)
	if !late {
		e.open[k] = sp
	}
	e.closing.Push(sp)
	return sp, ended, true
}

// Joins reports whether a point at a time belongs to an open episode.
func (e *Episodes[T]) Joins(sp *Span[T], t int64) bool {
	return t-sp.End <= e.Within && sp.Start-t <= e.Within && max(sp.End, t)-min(sp.Start, t) <= e.Most
}

// last is the latest time at which a point could join.
func (e *Episodes[T]) last(sp *Span[T]) int64 {
	return min(sp.End+e.Within, sp.Start+e.Most)
}

// Close ends the episodes that no point after the watermark can join.
func (e *Episodes[T]) Close(watermark int64, f func(*Span[T])) {
	for {
		sp, ok := e.closing.Peek()
		if !ok || !sp.closed && sp.due > watermark {
			return
		}
		e.closing.Pop()
		if sp.closed {
			continue
		}
		if last := e.last(sp); last > watermark {
			sp.due = last
			e.closing.Push(sp)
			continue
		}
		sp.closed = true
		if e.open[sp.Key] == sp {
			delete(e.open, sp.Key)
		}
		f(sp)
	}
}

// Open gives the open episode of a key.
func (e *Episodes[T]) Open(k Key) (*Span[T], bool) {
	sp, ok := e.open[k]
	return sp, ok
}

// Each calls f with every open episode.
func (e *Episodes[T]) Each(f func(*Span[T])) {
	for _, sp := range e.open {
		f(sp)
	}
}

// Len counts the episodes that Close has not ended.
func (e *Episodes[T]) Len() int { return e.closing.Len() }
