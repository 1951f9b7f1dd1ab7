package correlate

import (
	"math"

	"github.com/seed-843b225c/reflex/engine/window"
)

// changes is what changed in one rule of one shard since the last Save, so that
// Save walks nothing else, and where its episodes began, which says what of the
// journal is still needed. All methods do nothing without a journal.
type changes struct {
	episodes []window.Key // that opened, grew to the left or ended
	livings  []window.Key // whose living changed
	begun    window.Queue[begun]
}

// begun is the start of an episode or of a living one, until that is over.
type begun struct {
	at int64
	sp *window.Span[*episode]
	l  *living
}

func newChanges() *changes {
	c := &changes{}
	c.begun.Before = func(a, b begun) bool { return a.at < b.at }
	return c
}

// grew notes a point that joined an episode; stored says that the store has the
// episode as it is now.
func (c *changes) grew(sp *window.Span[*episode], opened, stored bool) {
	if c == nil || !opened && sp.Start >= sp.Of.noted {
		return
	}
	sp.Of.noted = sp.Start
	if !stored {
		c.episodes = append(c.episodes, sp.Key)
	}
	c.begun.Push(begun{at: sp.Start, sp: sp})
}

// ended notes that an episode is over.
func (c *changes) ended(sp *window.Span[*episode]) {
	if c == nil {
		return
	}
	sp.Of.over = true
	c.episodes = append(c.episodes, sp.Key)
}

// lives notes where a living episode begins.
func (c *changes) lives(l *living) {
	if c != nil && (l.noted == 0 || l.start < l.noted) {
		l.noted = l.start
		c.begun.Push(begun{at: l.start, l: l})
	}
}

// living notes that a living episode of a dedup key changed.
func (c *changes) living(k window.Key, l *living) {
	if c == nil {
		return
	}
	c.lives(l)
	if !l.dirty {
		l.dirty = true
		c.livings = append(c.livings, k)
	}
}

// gone notes that a living episode is no more.
func (c *changes) gone(k window.Key, l *living) {
	l.gone = true
	if c != nil {
		c.livings = append(c.livings, k)
	}
}

// oldest gives the earliest start of what is not over.
func (c *changes) oldest() int64 {
	for {
		b, ok := c.begun.Peek()
		if !ok {
			return math.MaxInt64
		}
		if b.sp != nil && !b.sp.Of.over || b.l != nil && !b.l.gone {
			return b.at
		}
		c.begun.Pop()
	}
}
