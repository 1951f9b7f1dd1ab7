package slack

import (
	"net/netip"
	"regexp"
	"strings"
	"unicode"
	"unicode/utf16"
	"unicode/utf8"
)

// Text from logs goes through one of three functions and no other way: prose
// for running text in mrkdwn, code for values people copy, plain for headers.
// A token that Slack could read as markup, as an emoji or as a link becomes a
// code span, where nothing is read and copying gives the exact value; addresses
// with a scheme are defanged everywhere.

const (
	longToken = 96   // runes; a longer token without a space is cut in its middle
	longText  = 8192 // bytes; nothing that is shown reads further
)

// size is a text's length as Slack counts it: UTF-16 units, escapes included.
func size(s string) int {
	n := 0
	for _, r := range s {
		n += max(1, utf16.RuneLen(r))
	}
	return n
}

// visible folds a text into one line of characters that show: every space
// becomes one, what is invisible or turns the direction becomes U+FFFD.
func visible(s string) string {
	if len(s) > longText {
		s = strings.ToValidUTF8(s[:longText], "") + "…"
	}
	var b strings.Builder
	last := ' '
	marks := 0
	for _, r := range s {
		switch {
		case unicode.IsSpace(r):
			r = ' '
		case hides(r):
			r = utf8.RuneError
		case unicode.In(r, unicode.Mn, unicode.Me):
			if marks++; marks > 2 {
				continue
			}
		default:
			marks = 0
		}
		if (r == ' ' || r == utf8.RuneError) && r == last {
			continue
		}
		b.WriteRune(r)
		last = r
	}
	return strings.TrimRight(b.String(), " ")
}

// hides reports characters that are not seen or change how others are seen.
func hides(r rune) bool {
	switch r {
	case '\u034f', '\u115f', '\u1160', '\u17b4', '\u17b5', '\u2800', '\u3164', '\uffa0': // fillers that look like nothing
		return true
	}
	return !unicode.IsPrint(r) && !unicode.Is(unicode.Mn, r) || unicode.In(r, unicode.Cf, unicode.Co, unicode.Variation_Selector)
}

// cut shortens a text to n runes, with an ellipsis for what is missing.
func cut(s string, n int) string {
	if utf8.RuneCountInString(s) <= n {
		return s
	}
	return strings.TrimRight(string([]rune(s)[:max(n-1, 0)]), " ") + "…"
}

// middle shortens a token and keeps both ends, by which people know it.
func middle(s string, n int) string {
	r := []rune(s)
	if len(r) <= n {
		return s
	}
	tail := n / 3
	return string(r[:n-1-tail]) + "…" + string(r[len(r)-tail:])
}

var (
	escaper = strings.NewReplacer("&", "&amp;", "<", "&lt;", ">", "&gt;")
	inert   = strings.NewReplacer("*", "∗", "`", "ˋ", "~", "∼") // look-alikes that style nothing
	scheme  = regexp.MustCompile(`([\p{L}\p{N}+.-]*)://([^\s/?#:]*)`)
	domain  = regexp.MustCompile(`(?:[\p{L}\p{N}_-]+\.)+\p{L}{2,}`)
	emoji   = regexp.MustCompile(`:([\p{L}\p{N}_+'-]+):`)
	mention = regexp.MustCompile(`(?i)@(here|channel|everyone|group)`)
)

// defang makes addresses with a scheme unusable: https://a.example/x becomes
// hxxps://a[.]example/x.
func defang(s string) string {
	if !strings.Contains(s, "://") {
		return s
	}
	s = scheme.ReplaceAllStringFunc(s, func(m string) string {
		p := scheme.FindStringSubmatch(m)
		if low := strings.ToLower(p[1]); strings.HasPrefix(low, "http") {
			return strings.ReplaceAll(low, "http", "hxxp") + "://" + dots(p[2])
		}
		return p[1] + "[:]//" + dots(p[2])
	})
	return domain.ReplaceAllStringFunc(s, dots) // behind user:password@, and whatever else looks like a host
}

func dots(host string) string { return strings.ReplaceAll(host, ".", "[.]") }

// code gives a value as a code span, at most n UTF-16 units inside.
func code(s string, n int) string {
	s = strings.ReplaceAll(defang(visible(s)), "`", "ˋ")
	out := ""
	for limit := n; limit > 0; limit = limit * 3 / 4 {
		if out = escaper.Replace(strings.TrimSpace(middle(s, limit))); size(out) <= n {
			break
		}
	}
	if out == "" {
		return "–"
	}
	return "`" + out + "`"
}

// prose gives running text as mrkdwn that says the same and does nothing,
// at most n UTF-16 units long.
func prose(s string, n int) string {
	s = visible(s)
	for limit := n; ; limit = limit * 3 / 4 {
		words := strings.Split(cut(s, limit), " ")
		for i, w := range words {
			words[i] = word(w)
		}
		if out := strings.Join(words, " "); size(out) <= n || limit == 0 {
			return out
		}
	}
}

// word renders one token of running text.
func word(w string) string {
	w = middle(w, longToken)
	lead, core, tail := trim(w)
	switch {
	case strings.Contains(core, "://"):
		return harmless(lead + defang(core) + tail)
	case core != "" && !strings.Contains(core, "`") && special(core):
		return harmless(lead) + code(core, longToken) + harmless(tail)
	}
	return harmless(w)
}

// harmless gives text outside code spans. Hosts come last: a host beside a
// backtick fits no code span, and the look-alike of a backtick is a letter.
func harmless(s string) string {
	return escaper.Replace(domain.ReplaceAllStringFunc(quiet(s), dots))
}

// trim parts punctuation around a token from the token.
func trim(w string) (lead, core, tail string) {
	const around = `()[]{}<>"',;!?` + "|"
	core = strings.TrimLeft(w, around)
	lead = w[:len(w)-len(core)]
	kept := strings.TrimRight(core, around+".:")
	if strings.HasSuffix(core, "::") { // an IPv6 network ends so
		kept = core
	}
	return lead, kept, core[len(kept):]
}

// special reports tokens that Slack might not leave alone, or that people copy.
func special(s string) bool {
	if _, err := netip.ParseAddr(s); err == nil {
		return true
	}
	return strings.ContainsAny(s, "*_~=@") || emoji.MatchString(s) || domain.MatchString(s)
}

// quiet replaces what could style, mention or turn into an emoji by look-alikes.
func quiet(s string) string {
	s = inert.Replace(s)
	s = strings.ReplaceAll(s, "_", "ˍ")
	s = mention.ReplaceAllString(s, "＠$1")
	return emoji.ReplaceAllString(s, "꞉$1꞉")
}

// plain gives text for a header, which has no markup and no code spans, at most
// n UTF-16 units long. Names of hosts are defanged too: clients may link them.
func plain(s string, n int) string {
	s = defang(visible(s))
	s = domain.ReplaceAllStringFunc(s, dots)
	s = emoji.ReplaceAllString(mention.ReplaceAllString(s, "＠$1"), "꞉$1꞉")
	s = strings.NewReplacer("<", "‹", ">", "›").Replace(s)
	out := cut(s, n)
	for limit := n; size(out) > n; limit-- {
		out = cut(s, limit)
	}
	if i := strings.LastIndexByte(out, ' '); out != s && i > n/2 { // cut between words
		out = out[:i] + "…"
	}
	return out
}
