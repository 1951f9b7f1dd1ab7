package slack

import (
	"cmp"
	"fmt"
	"slices"
	"strings"
	"time"

	"github.com/seed-843b225c/reflex/engine"
)

// moments of a timeline that say the same thing become one line.
type moments struct {
	engine.Moment     // the first
	more          int // how many follow it
	last          int64
}

// runs folds neighbours of one rule and step: six addresses that use one key
// are one line, not six.
func runs(list []engine.Moment) []moments {
	var out []moments
	for _, m := range list {
		if n := len(out); n > 0 && out[n-1].Rule == m.Rule && out[n-1].Step == m.Step {
			out[n-1].more++
			out[n-1].last = m.Time
			out[n-1].Level = max(out[n-1].Level, m.Level)
			continue
		}
		out = append(out, moments{Moment: m, last: m.Time})
	}
	return out
}

// clock is how times of one timeline are written: with the day when it has several.
func clock(list []engine.Moment) string {
	if len(list) > 1 && utc(list[0].Time).Format(time.DateOnly) != utc(list[len(list)-1].Time).Format(time.DateOnly) {
		return "02 Jan 15:04"
	}
	return "15:04:05"
}

// line is one line of the timeline, at most n UTF-16 units.
func (m *moments) line(layout string, n int) string {
	end := ""
	if m.more > 0 {
		end = fmt.Sprintf(" _(+%d more until %s)_", m.more, utc(m.last).Format(layout))
	}
	head := "`" + utc(m.Time).Format(layout) + "` " + mark(m.Level) + " "
	return head + prose(m.Text, n-size(head)-size(end)) + end
}

var marks = [...]string{"⚪", "⚪", "🔵", "🟡", "🟠", "🔴"}

func mark(l engine.Level) string { return marks[l] }

// lines gives the timeline as mrkdwn lines, each at most n units, within count
// lines and total units.
func lines(list []engine.Moment, n, count, total int) []string {
	layout := clock(list)
	folded := runs(list)
	return fit(len(folded), func(i int) string { return folded[i].line(layout, n) }, count, total)
}

// fit keeps the first and the last of n lines within count and total size and
// says in the middle how many are missing and where they are. Lines that are
// not shown are not made.
func fit(n int, line func(i int) string, count, total int) []string {
	const note = 48 // units kept for the line in the middle
	if n > count {
		count-- // that line
	}
	var head, tail []string // tail grows backwards
	for len(head)+len(tail) < min(n, count) {
		ofTail := len(head) > len(tail) // the beginning first, then by turns
		i := len(head)
		if ofTail {
			i = n - 1 - len(tail)
		}
		next := line(i)
		if total -= size(next) + 1; total < note && (total < 0 || len(head)+len(tail)+1 < n) {
			break
		}
		if ofTail {
			tail = append(tail, next)
		} else {
			head = append(head, next)
		}
	}
	if rest := n - len(head) - len(tail); rest > 0 {
		head = append(head, fmt.Sprintf("_… %d more in Elasticsearch_", rest))
	}
	slices.Reverse(tail)
	return append(head, tail...)
}

// reasons says which rules speak, the most severe first.
func reasons(in *engine.Incident) []string {
	type said struct {
		rule   string
		level  engine.Level
		alerts map[string]bool
	}
	by := map[string]*said{}
	var list []*said
	for _, m := range in.Timeline {
		s := by[m.Rule]
		if s == nil {
			s = &said{rule: m.Rule, alerts: map[string]bool{}}
			by[m.Rule] = s
			list = append(list, s)
		}
		s.level = max(s.level, m.Level)
		s.alerts[m.Alert] = true
	}
	slices.SortStableFunc(list, func(a, b *said) int { return cmp.Compare(b.level, a.level) })
	return fit(len(list), func(i int) string {
		text := code(list[i].rule, maxValue) + " " + list[i].level.String()
		if n := len(list[i].alerts); n > 1 {
			text += fmt.Sprintf(" ×%d", n)
		}
		return text
	}, 12, reasonSize)
}

// techniques gives the ATT&CK and ATLAS ids among tags, as analysts write them.
func techniques(tags []string) []string {
	var out []string // ids as they stand in tags
	for _, tag := range tags {
		for _, prefix := range []string{"attack.t", "atlas.aml.t"} {
			if id, ok := strings.CutPrefix(tag, prefix); ok {
				family, _, _ := strings.Cut(prefix, ".")
				out = append(out, strings.ToUpper(strings.TrimPrefix(prefix, family+".")+id))
			}
		}
	}
	return out
}
