package slack

import (
	"cmp"
	"fmt"
	"net/netip"
	"slices"
	"strings"
	"time"

	"github.com/seed-843b225c/reflex/engine"
)

// The facts that decide what an incident is about, as fields in two columns.
const (
	maxFacts  = 8   // fields; Slack takes 10
	factSize  = 200 // UTF-16 units of one field; Slack takes 2,000
	maxValues = 3   // values of one kind
	maxValue  = 48  // runes of one value
)

// order is how much a kind of entity tells, most first. Others follow by name.
var order = []string{"key", "run", "ip", "repository", "model", "destination", "domain", "role", "user", "target", "runner", "image"}

// facts gives the fields of an incident: who is asked, when it was, what it is about.
func facts(in *engine.Incident) []string {
	owner := "nobody is known"
	if in.Owner != "" {
		owner = code(in.Owner, maxValue)
	}
	out := []string{fact("Owner", owner), fact("When", span(in.Start, in.End))}
	kinds := map[string][]engine.Value{}
	names := []string{}
	for _, en := range in.Entities {
		if en.Value.IsNil() {
			continue
		}
		if kinds[en.Name] == nil {
			names = append(names, en.Name)
		}
		kinds[en.Name] = append(kinds[en.Name], en.Value)
	}
	slices.SortStableFunc(names, func(a, b string) int { return cmp.Or(cmp.Compare(rank(a), rank(b)), cmp.Compare(a, b)) })
	for i, name := range names {
		if len(out) == maxFacts-1 && i < len(names)-1 {
			return append(out, fact("Also", also(names[i:], kinds)))
		}
		out = append(out, fact(label(name), values(kinds[name])))
	}
	return out
}

// also names one value of each of the kinds that have no field of their own.
func also(names []string, kinds map[string][]engine.Value) string {
	one := func(name string) string { return prose(name, 24) + " " + code(kinds[name][0].Text(), maxValue) }
	for n := len(names); ; n-- {
		if out := strings.Join(each(names, one, n), ", "); size(out) <= factSize-30 || n == 1 {
			return out
		}
	}
}

func rank(name string) int {
	if i := slices.Index(order, name); i >= 0 {
		return i
	}
	return len(order)
}

var labels = map[string]string{"ip": "Addresses", "key": "Key", "run": "Run"}

func label(name string) string {
	if l, ok := labels[name]; ok {
		return l
	}
	r := []rune(prose(name, 24))
	if len(r) == 0 {
		return "Other"
	}
	return strings.ToUpper(string(r[:1])) + string(r[1:])
}

// fact is one field. Values are bounded so that every field keeps its size.
func fact(name, value string) string { return "*" + name + "*\n" + value }

// values lists values of one kind; many addresses become the networks they lie in.
func values(list []engine.Value) string {
	texts := make([]string, len(list))
	for i, v := range list {
		texts[i] = v.Text()
	}
	if len(texts) > maxValues {
		if nets := networks(texts); nets != nil {
			texts = nets
		}
	}
	for n := min(len(texts), maxValues); ; n-- {
		out := strings.Join(each(texts, func(s string) string { return code(s, maxValue) }, n), ", ")
		if size(out) <= factSize-30 || n == 1 {
			return out
		}
	}
}

// each renders at most n of a list and says how many are left.
func each(list []string, f func(string) string, n int) []string {
	out := make([]string, 0, n+1)
	for _, s := range list[:min(n, len(list))] {
		out = append(out, f(s))
	}
	if rest := len(list) - n; rest > 0 {
		out[len(out)-1] += fmt.Sprintf(" +%d more", rest)
	}
	return out
}

// networks groups addresses by /24 and /48, the fullest first; nil when one
// text is no address. A group of one stays an address.
func networks(texts []string) []string {
	count := map[netip.Prefix]int{}
	only := map[netip.Prefix]string{}
	var nets []netip.Prefix
	for _, s := range texts {
		a, err := netip.ParseAddr(s)
		if err != nil {
			return nil
		}
		bits := 24
		if a.Is6() {
			bits = 48
		}
		p, err := a.Prefix(bits)
		if err != nil {
			return nil
		}
		if count[p] == 0 {
			nets = append(nets, p)
		}
		count[p]++
		only[p] = s
	}
	slices.SortStableFunc(nets, func(a, b netip.Prefix) int { return cmp.Compare(count[b], count[a]) })
	out := make([]string, len(nets))
	for i, p := range nets {
		out[i] = only[p]
		if count[p] > 1 {
			out[i] = fmt.Sprintf("%d in %s", count[p], p)
		}
	}
	return out
}

// span says when and how long: "2 Mar 2026, 10:33–11:29 UTC (56 min)".
func span(start, end int64) string {
	a, b := utc(start), utc(end)
	from, to := a.Format("2 Jan 2006, 15:04"), b.Format("15:04")
	if a.Format(time.DateOnly) != b.Format(time.DateOnly) {
		to = " " + b.Format("2 Jan, 15:04")
	}
	if d := b.Sub(a); d >= time.Minute {
		return fmt.Sprintf("%s–%s UTC (%s)", from, to, length(d))
	}
	return from + " UTC"
}

// length says a duration as people do: 56 min, 3 h 20 min, 5 days.
func length(d time.Duration) string {
	switch {
	case d < time.Hour:
		return fmt.Sprintf("%d min", int(d.Minutes()))
	case d < 48*time.Hour:
		if m := int(d.Minutes()) % 60; m > 0 {
			return fmt.Sprintf("%d h %d min", int(d.Hours()), m)
		}
		return fmt.Sprintf("%d h", int(d.Hours()))
	}
	return fmt.Sprintf("%d days", int(d.Hours()/24))
}

func utc(ns int64) time.Time { return time.Unix(0, ns).UTC() }
