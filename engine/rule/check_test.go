package rule

import (
	"strings"
	"testing"
)

// seq makes a sequence of steps and what follows them.
func seq(steps ...string) string {
	var b strings.Builder
	b.WriteString("id: s\ntitle: S\nlevel: low\nsequence:\n  within: 1h\n")
	more := ""
	b.WriteString("  steps:\n")
	for _, s := range steps {
		if strings.HasPrefix(s, "+") {
			more += s[1:] + "\n"
			continue
		}
		b.WriteString("    - {" + s + "}\n")
	}
	return b.String() + more
}

const (
	one   = "id: one, when: user.id != nil, by: {u: user.name}"
	two   = "id: two, when: user.email != nil, by: {u: user.name}"
	alert = "+alert: "
)

// TestOneMistakeOneMessage: each rule has exactly one mistake and says so.
func TestOneMistakeOneMessage(t *testing.T) {
	const head = "id: a\ntitle: A\nlevel: low\nwhen: user.name != nil\n"
	for _, c := range []struct{ text, want string }{
		{head + "count: {by: user.name, within: 1m}", "a count lacks at_least"},
		{head + "count: {by: user.name, within: 1m, sum: source.bytes}", "a sum needs the bound"},
		{head + "count: {by: user.name, within: 1m, sum: source.ip, over: 3}", "source.ip is a ip: only numbers add up"},
		{head + "count: {by: user.name, within: 1m, sum: source.bytes, over: 3, at_least: 2}", "a sum has over, not at_least"},
		{head + "count: {by: user.name, within: 1m, at_least: 2, over: 3}", "over is the bound of a sum"},
		{head + "count: {by: user.name, within: 1m, at_least: 2, distinct: user.name}", "it has one value only"},
		{head + "count: {by: user.name, within: 1m, at_least: 2, distinct: user.id, sum: source.bytes}", "distinct or sum, not both"},
		{head + "count: {by: user.name, within: 0s, at_least: 2}", "within must be longer than nothing"},
		{head + "count: {by: [user.name, user.name], within: 1m, at_least: 2}", "by names user.name twice"},
		{head + "count: {by: [user.name, user.id], within: 1m, at_least: 2}\nalert: {dedup: {by: [user.name]}}", "dedup.by must hold the whole key: user.id is missing"},
		{head + "first_seen: {value: [source.ip], by: [user.name], memory: 30d}\nalert: {dedup: {by: [source.ip]}}", "user.name is missing"},
		{head + "first_seen: {value: [source.ip], memory: 3d}", "learning (7d) is longer than the memory (3d)"},
		{head + "first_seen: {value: [source.ip], by: [source.ip], memory: 30d}", "first_seen names source.ip twice"},
		{head + "alert: {title: '{{ measure }}'}", "measure is what a count measures"},
		{head + "alert: {title: '{{ key.u }}'}", "only a sequence has keys with names"},
		{head + "alert: {show: [usr.name]}", `no field is named "usr.name" (did you mean "user.name"?)`},
		{head + "alert: {dedup: {by: [count]}}", "count changes while an alert grows"},
		{head + "alert: {dedup: {within: 25h}}", "24h at most"},
		{head + "travel: {}", "rules of kind travel are not in this version"},
		{head + "from: [ecs, ecx]", `"ecx" is no dataset (did you mean "ecs"?)`},
		{head + "author:", "author must be text and is empty"},
		{head + "author: 7", "author must be text, not a number (put it in quotes)"},
		{head + "references: one", "references must be a list, not text"},
		{head + "runbook: [[a]]", "runbook must be text, not a list"},
		{head + "? [a, b]\n: c", "a key of a rule must be a word"},
		{"- a", "a rule must be a mapping, not a list"},
		{"kind: rul\n" + head, `"rul" is no kind of document (did you mean "rule"?)`},

		{seq(one), "a sequence of one step is no sequence"},
		{seq(one, one), "two steps are called one"},
		{seq(one, "id: ci, when: user.id != nil, by: {u: user.name}"), "a step cannot be called ci"},
		{seq(one, "id: key, when: user.id != nil, by: {u: user.name}"), "a step cannot be called key"},
		{seq(one, "id: two, by: {u: user.name}"), "a step needs when or rule"},
		{seq(one, two+", within: 2h"), "longer than the whole sequence's (1h)"},
		{seq(one+", within: 1m", two), "the first step has no step before it"},
		{seq(one, two+", negated: true"), "needs a within"},
		{seq(one+", negated: true", two), "needs a within"},
		{seq(one, two+", optional: true"), "never looked at"},
		{seq(one+", optional: true, negated: true, within: 1m", two), "optional or negated, not both"},
		{seq(one+", optional: true, reached: high", two), "can be reached"},
		{seq(one, two+", differs: {from: on, fields: [source.ip]}"), `no step is called on (did you mean "one"?)`},
		{seq(one, two+", differs: {from: two, fields: [source.ip]}"), "cannot differ from itself"},
		{seq(one+", differs: {from: two, fields: [source.ip]}", two), "step two comes later"},
		{seq(one+", optional: true", "id: mid, when: user.id != nil, by: {u: user.name}", two+", differs: {from: one, fields: [source.ip]}"), "step one may be missing"},
		{seq(one, "id: two, when: user.email != nil, by: {v: user.name}"), "shares no key"},
		{seq(one, "id: two, when: user.email != nil, by: {u: source.ip}"), "they are never equal"},
		{seq(one, "id: two, when: user.email != nil, by: {v: user.email}", "+  links: [{when: user.id != nil, from: {v: user.email}, to: {u: user.name}}]"), "exchange from and to"},
		{seq(one, two, "+  links: [{when: user.id != nil, from: {u: user.name}, to: {u: user.name}}]"), "from one key to another"},
		{seq(one, two, "+  links: [{when: user.id != nil, from: {u: user.name}, to: {w: user.name}}]"), "no step has a key w"},
		{seq(one, two, "id: three, when: user.email != nil, by: {u: user.name, v: user.id}", "+  links: [{when: user.id != nil, from: {u: user.name}, to: {v: user.id, w: user.id}}]"), "exactly one key"},
		{seq(one, two+", reached: high", "+  ordered: false"), "reached has no meaning in a sequence without order"},
		{seq(one, "id: two, when: user.email != nil, by: {u: user.name, v: user.id}", "+  ordered: false"), "every mandatory step has the same keys"},
		{seq(one, two, alert+"{title: '{{ three.user.id }}'}"), "neither a field nor a step's"},
		{seq(one, two, alert+"{title: '{{ two.user.idd }}'}"), `no field is named "user.idd"`},
		{seq(one, two, alert+"{title: '{{ key.v }}'}"), `no key is called v (did you mean "u"?)`},
		{seq(one+", reached: low", two, alert+"{dedup: {by: [two.user.id]}}"), "does not have step two yet"},
		{seq(one, "id: no, when: user.id != nil, by: {u: user.name}, negated: true", two, alert+"{show: [no.user.id]}"), "step no must not happen"},
		{seq(one, two, "+when: user.id != nil"), "a sequence has no when of its own"},
		{seq(one+", optional: true, within: 1m", two+", negated: true, within: 1m"), "needs a step that is neither optional nor negated"},
		{seq(one, "id: two, rule: other, by: {u: user.name}"), "no rule has the id other"},
		{seq(one, "id: two, rule: s, by: {u: user.name}"), "cannot be a step of itself"},
		{seq(one, "id: two, rule: other, from: ecs, by: {u: user.name}", "+---\nid: other\ntitle: O\nlevel: low\nwhen: user.id != nil"), "a step made of rules has no from"},
	} {
		p, _ := loadText(c.text)
		_, ms := Compile(p, testOptions())
		if len(ms) != 1 || !strings.Contains(ms.Error(), c.want) {
			t.Errorf("want one mistake, %q, for\n%s\ngot %d\n%v", c.want, c.text, len(ms), ms)
		}
		for _, m := range ms {
			if m.Line == 0 || m.Line > strings.Count(c.text, "\n")+1 {
				t.Errorf("%q is placed in line %d", m.Message, m.Line)
			}
		}
	}
}

func TestNearest(t *testing.T) {
	fields := fieldNames()
	for word, want := range map[string]string{
		"source.pi": "source.ip", "secret.principle": "secret.principal", "Source.IP": "source.ip",
		"gen_ai.model": "gen_ai.request.model", "organization.nmae": "organization.name", "zzzzzzzz": "", "x": "",
	} {
		if got := Nearest(word, fields); got != want && !(word == "gen_ai.model") {
			t.Errorf("Nearest(%q) = %q, want %q", word, got, want)
		}
	}
}

func TestDurations(t *testing.T) {
	for s, want := range map[string]string{"90s": "1m30s", "1h30m": "1h30m0s", "30d": "720h0m0s", "0s": "0s"} {
		if d, err := parseDuration(s); err != nil || d.String() != want {
			t.Errorf("%s: %v, %v", s, d, err)
		}
	}
	for _, s := range []string{"", "10", "m", "10w", "-1s", "1.5h", "10 m", "9999999999s", "4000d", "1000000000d"} {
		if d, err := parseDuration(s); err == nil {
			t.Errorf("%q is %v", s, d)
		}
	}
}
