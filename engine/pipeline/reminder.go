package pipeline

import "time"

// remindEvery is how often a trouble that lasts is said again.
const remindEvery = time.Minute

// reminder decides when a trouble is worth a line in the log: when it begins,
// when it changes, and once a minute while it lasts.
type reminder struct {
	now   func() time.Time
	since time.Time // zero: there is none
	said  time.Time
	text  string
}

// due reports whether the trouble that is there now is to be said.
func (r *reminder) due() bool {
	now := r.now()
	if r.since.IsZero() {
		r.since = now
	} else if now.Sub(r.said) < remindEvery {
		return false
	}
	r.said = now
	return true
}

// news is due for a trouble with a text of its own: another text is said at once.
func (r *reminder) news(err error) bool {
	if text := err.Error(); text != r.text {
		r.text, r.said = text, time.Time{}
	}
	return r.due()
}

func (r *reminder) trouble() bool         { return !r.since.IsZero() }
func (r *reminder) lasted() time.Duration { return r.now().Sub(r.since).Round(time.Second) }
func (r *reminder) reset()                { *r = reminder{now: r.now} }
