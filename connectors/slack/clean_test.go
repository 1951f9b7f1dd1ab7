package slack

import (
	"regexp"
	"strings"
	"testing"
	"unicode/utf8"

	"github.com/seed-843b225c/reflex/engine"
)

func TestProseSaysTheSameAndDoesNothing(t *testing.T) {
	for in, want := range map[string]string{
		"plain words, with (marks).":                    "plain words, with (marks).",
		"a & b < c > d":                                 "a &amp; b &lt; c &gt; d",
		"<!channel> and <!here|x>":                      "&lt;!channel&gt; and &lt;!here|x&gt;",
		"<@U012345> <#C012345>":                         "&lt;`@U012345`&gt; &lt;#C012345&gt;",
		"@here @channel @Everyone":                      "`@here` `@channel` `@Everyone`",
		"*bold* _it_ ~gone~ `code`":                     "`*bold*` `_it_` `~gone~` ˋcodeˋ",
		"`*x*":                                          "ˋ∗x∗",
		"snake_case_name":                               "`snake_case_name`",
		"https://evil.example/x?y=1.":                   "hxxps://evil[.]example/x?y=1.",
		"see (HTTP://Evil.Example)":                     "see (hxxp://Evil[.]Example)",
		"ftp://evil.example":                            "ftp[:]//evil[.]example",
		"<https://a.example|click>":                     "&lt;hxxps://a[.]example|click&gt;",
		"collect.example.net (203.0.113.77),":           "`collect.example.net` (`203.0.113.77`),",
		"2001:db8:ab::1, 2001:db8::":                    "`2001:db8:ab::1`, `2001:db8::`",
		"sk-EXA...fx62 v1.2.3":                          "sk-EXA...fx62 v1.2.3",
		"a :white_check_mark: resolved":                 "a `:white_check_mark`: resolved",
		"one\ntwo\r\n\tthree\u2028four":                 "one two three four",
		"\u202egnp.exe\u202c a\u200bb \x1b[31mred \x00": "`�gnp.exe�` a�b �[31mred �",
		"&amp; &lt;!channel&gt;":                        "&amp;amp; &amp;lt;!channel&amp;gt;",
		"a\u0301\u0301\u0301\u0301b \u3164":             "a\u0301\u0301b �",
		"\xff\xfe broken":                               "� broken",
		"key=value, x":                                  "`key=value`, x",
	} {
		if got := prose(in, 400); got != want {
			t.Errorf("prose(%q)\n got %q\nwant %q", in, got, want)
		}
	}
}

func TestCodeKeepsTheValueAndNothingElse(t *testing.T) {
	for in, want := range map[string]string{
		"":                    "–",
		" \u3000 ":            "–",
		"a`b":                 "`aˋb`",
		"*x* <y> & :joy:":     "`*x* &lt;y&gt; &amp; :joy:`",
		"https://a.example/b": "`hxxps://a[.]example/b`",
		"two\nlines":          "`two lines`",
	} {
		if got := code(in, 60); got != want {
			t.Errorf("code(%q) gives %q, want %q", in, got, want)
		}
	}
	if got := code(strings.Repeat("x", 50)+"END", 20); size(got) > 22 || !strings.HasSuffix(got, "END`") {
		t.Errorf("a long value lost its end: %q", got)
	}
}

func TestPlainHasNoMarkupAtAll(t *testing.T) {
	got := plain("<!here> https://evil.example collect.example.net 203.0.113.9 :joy: @channel\nx & y", 150)
	want := "‹!here› hxxps://evil[.]example collect[.]example[.]net 203.0.113.9 ꞉joy꞉ ＠channel x & y"
	if got != want {
		t.Errorf("got  %q\nwant %q", got, want)
	}
	if got := plain("some words that do not fit", 21); got != "some words that do…" {
		t.Errorf("got %q", got)
	}
}

var (
	spans   = regexp.MustCompile("`[^`\n]+`")
	escape  = regexp.MustCompile(`&(amp|lt|gt);`)
	between = regexp.MustCompile(`[\pL\pN]_[\pL\pN]`)
)

// judge finds what Slack would act on in mrkdwn that came from hostile text alone.
func judgeText(t *testing.T, in, out string) {
	t.Helper()
	if !utf8.ValidString(out) {
		t.Errorf("%q gives broken UTF-8 %q", in, out)
	}
	for _, r := range out {
		if r != ' ' && (hides(r) || r == '\n') {
			t.Errorf("%q gives %q with an unseen %U", in, out, r)
		}
	}
	if strings.ContainsAny(escape.ReplaceAllString(out, ""), "<>&") {
		t.Errorf("%q gives %q: not escaped", in, out)
	}
	if regexp.MustCompile(`(?i)https?://`).MatchString(out) {
		t.Errorf("%q gives %q: a link", in, out)
	}
	bare := spans.ReplaceAllString(out, " ")
	if strings.ContainsAny(between.ReplaceAllString(bare, ""), "`*~_") {
		t.Errorf("%q gives %q: markup in %q", in, out, bare)
	}
	if emoji.MatchString(bare) || mention.MatchString(bare) || domain.MatchString(strings.ReplaceAll(bare, "[.]", "")) {
		t.Errorf("%q gives %q: an emoji, a mention or a domain", in, out)
	}
}

var hostile = []string{"<!channel> <@U1> *b* _i_ ~s~ `c` ```x```", "https://a.example/*x*_y_`z` <http://b.example|c>", "a`b *c` d* e_f _g_ :joy::joy: :a:b:",
	"@here\u200b@channel", "\u202e\u2066x\u2069", "&lt;!here&gt; & &amp;", "x.y.example(z.example)[w.example]", "=`= *=* _", "((((`a`))))", "mailto:a@b.example http://",
	strings.Repeat("A", 5000), strings.Repeat("<", 300), strings.Repeat("💥", 400), "\xf0\x9f\x92", "::: :: :a :b:", "@@here @@@channel", "\n> quote\n- list\n1. one", "xn--://a://b.c.example://"}

func FuzzProse(f *testing.F) {
	for _, s := range hostile {
		f.Add(s, 200)
	}
	f.Fuzz(func(t *testing.T, s string, n int) {
		n = 40 + (n&0x7fffffff)%400
		for _, out := range []string{prose(s, n), code(s, n)} {
			judgeText(t, s, out)
			if size(out) > n+2 {
				t.Errorf("%q: %d units, allowed are %d", out, size(out), n)
			}
		}
		out := plain(s, n)
		if strings.ContainsAny(out, "<>\n") || size(out) > n || regexp.MustCompile(`(?i)https?://`).MatchString(out) {
			t.Errorf("plain(%q) gives %q", s, out)
		}
	})
}

func TestRenderKeepsToItsLimits(t *testing.T) {
	for _, text := range append(hostile, strings.Repeat("&", 4000), strings.Repeat("word ", 2000), strings.Repeat("a.example ", 2000), strings.Repeat("日本 ", 900)) {
		for _, n := range []int{0, 1, 5, 60, 400} {
			in := hostileIncident(text, n)
			checkLimits(t, Render(in, []Link{{"Open in Kibana", "https://kibana.example/app/{incident}"}, {text + "x", "https://a.example/"}}))
			known := told{Level: engine.Low}
			m, _ := renderNews(&engine.Transition{Change: engine.Merged, Number: 2, Incident: in}, known)
			checkLimits(t, m)
			checkLimits(t, renderMoved(in, channel))
		}
	}
}

func hostileIncident(text string, n int) *engine.Incident {
	in := &engine.Incident{ID: text, Into: text, Incomplete: text, Final: true, Count: 1e9, Merged: []string{text, text}, Title: text, Level: engine.Critical, Risk: 100, Start: 1, End: 5 * 86400e9, Owner: text, First: text}
	for i := range n {
		tail := text + strings.Repeat("x", i%7)
		in.Alerts = append(in.Alerts, tail)
		in.Tags = append(in.Tags, "attack.t"+tail)
		in.Runbook = append(in.Runbook, tail)
		in.Entities = append(in.Entities, engine.Named{Name: "n" + strings.Repeat("y", i%12) + text, Value: engine.String(tail)},
			engine.Named{Name: "key", Value: engine.String(tail)})
		in.Timeline = append(in.Timeline, engine.Moment{Time: int64(i) * 3600e9, Alert: tail, Rule: tail + string(rune('a'+i%26)), Level: engine.High, Text: tail})
	}
	return in
}

func checkLimits(t *testing.T, m Message) {
	t.Helper()
	total := size(m.Text)
	for _, s := range texts(m) {
		total += size(s.text)
		if size(s.text) > s.limit || s.text == "" {
			t.Errorf("%s has %d units, allowed are 1 to %d: %.200q", s.where, size(s.text), s.limit, s.text)
		}
	}
	if total > maxTotal || len(m.Blocks) > maxBlocks || m.Text == "" {
		t.Errorf("%d units, %d blocks", total, len(m.Blocks))
	}
}

func TestRenderSaysWhatAnIncidentLeavesOut(t *testing.T) {
	in := incident("a", engine.High, "leak")
	in.Count, in.Merged, in.Final, in.Incomplete = 900, []string{"b", "c"}, true, "800 alerts are not named"
	m := Render(in, []Link{{"Open", "https://kibana.example/{incident}?a=1&b=2"}})
	foot := texts(m)[len(texts(m))-1].text
	for _, want := range []string{"900 alerts", "took in 2 incidents", "quiet by now", "800 alerts are not named", "<https://kibana.example/a?a=1&amp;b=2|Open>"} {
		if !strings.Contains(foot, want) {
			t.Errorf("%q does not say %q", foot, want)
		}
	}
}
